"""A server on the loopback that answers as the Hugging Face hub does, as far as runs need it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_for_tests"
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"


class Repo:
    """Files by name, of every commit; branches and tags."""

    def __init__(self, private=False):
        self.private = private
        self.commits, self.messages = {}, []
        self.refs = {"main": self.commit({}, "initial commit")}

    def commit(self, files, message):
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits[sha] = files
        self.messages.append(message)
        return sha

    def push(self, files, message="by hand", gone=()):
        kept = {k: v for k, v in self.files().items() if k not in gone}
        self.refs["main"] = self.commit(kept | files, message)

    def sha(self, revision="main"):
        return revision if revision in self.commits else self.refs.get(revision)

    def files(self, revision="main"):
        return self.commits[self.sha(revision)]


class FakeHub(ThreadingHTTPServer):
    """Holds ``repos`` by name; one that is private, and every change, takes the token."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = {}
        self.requests = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def fake_hub():
    with FakeHub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Refused(Exception):
    def __init__(self, status, code=None):
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer()

    def do_HEAD(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].replace("%2F", "/")
        self.server.requests.append(f"{self.command} {path}")
        try:
            for pattern, answer in _ROUTES.items():
                found = re.fullmatch(pattern, path)
                if found is not None:
                    content, headers = answer(self, body, **found.groupdict())
                    return self._send(200, content, headers)
            raise _Refused(404)
        except _Refused as error:
            headers = {"X-Error-Code": error.code} if error.code else {}
            return self._send(error.status, b"{}", headers)

    def _send(self, status, content, headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def is_known(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repo(self, name, revision="main"):
        repo = self.server.repos.get(name)
        if repo is None or (repo.private and not self.is_known()):
            raise _Refused(404 if self.is_known() else 401, "RepoNotFound")
        if repo.sha(revision) is None:
            raise _Refused(404, "RevisionNotFound")
        return repo

    def writable(self, name):
        if not self.is_known():
            raise _Refused(401)
        return self.repo(name)


def _json(value):
    return json.dumps(value).encode(), {"Content-Type": "application/json"}


def _info(handler, _, repo, revision="main"):
    found = handler.repo(repo, revision)
    siblings = [{"rfilename": name} for name in found.files(revision)]
    facts = {"id": repo, "sha": found.sha(revision), "private": found.private}
    return _json(facts | {"siblings": siblings})


def _tree(handler, _, repo, revision):
    files = handler.repo(repo, revision).files(revision)
    oids = {name: hashlib.sha1(content).hexdigest() for name, content in files.items()}
    return _json(
        [{"type": "file", "path": k, "size": len(v), "oid": oids[k]} for k, v in files.items()]
    )


def _file(handler, _, repo, revision, name):
    found = handler.repo(repo, revision)
    sha = found.sha(revision)
    content = found.files(revision).get(name)
    if content is None:
        raise _Refused(404, "EntryNotFound")
    etag = hashlib.sha1(content).hexdigest()
    return content, {"X-Repo-Commit": sha, "ETag": f'"{etag}"'}


def _create(handler, body):
    if not handler.is_known():
        raise _Refused(401)
    wanted = json.loads(body)
    name = f"{wanted['organization']}/{wanted['name']}"
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    handler.server.repos[name] = Repo(private)
    return _json({"url": f"{handler.server.address}/{name}", "id": name})


def _preupload(handler, body, repo, revision):
    handler.writable(repo)
    files = [
        {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
        for each in json.loads(body)["files"]
    ]
    return _json({"files": files})


def _commit(handler, body, repo, revision):
    found = handler.writable(repo)
    lines = [json.loads(line) for line in body.splitlines()]
    (message,) = [each["value"]["summary"] for each in lines if each["key"] == "header"]
    added = [each["value"] for each in lines if each["key"] == "file"]
    gone = [each["value"]["path"] for each in lines if each["key"] == "deletedFile"]
    found.push({each["path"]: base64.b64decode(each["content"]) for each in added}, message, gone)
    url = f"{handler.server.address}/{repo}/commit/{found.sha()}"
    return _json({"commitUrl": url, "commitOid": found.sha()})


_ROUTES = {
    rf"/api/models/{_REPO}": _info,
    rf"/api/models/{_REPO}/revision/(?P<revision>.+)": _info,
    rf"/api/models/{_REPO}/tree/(?P<revision>.+)": _tree,
    rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)": _file,
    r"/api/repos/create": _create,
    r"/api/validate-yaml": lambda handler, _: _json({}),
    rf"/api/models/{_REPO}/preupload/(?P<revision>.+)": _preupload,
    rf"/api/models/{_REPO}/commit/(?P<revision>.+)": _commit,
}
