"""The page over HTTP: it is served to this machine, and no file of it is."""

import json
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from arseg_lightning.cli import main
from arseg_lightning.demo import server
from tests.demo.made import runs_folder, served
from tests.processes import free_port


def test_without_gradio_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "")  # put back afterwards
    monkeypatch.setattr(server, "import_module", missing)
    with pytest.raises(ValueError, match=r"needs the package gradio: .*arseg_lightning\[demo\]"):
        main(["demo"])


def test_a_taken_port_is_named_before_anything_is_loaded(tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        port = bound.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} .* is taken.*give another --port"):
            server.check_port(port)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("gradio", reason="the extra demo is not installed")
    _, run = runs_folder(tmp_path_factory.mktemp("page"))
    with served(run, free_port()) as address:
        yield address


def get(url):
    with urlopen(url) as answer:
        return answer.status, answer.read().decode(errors="replace")


def test_nothing_is_fetched_from_or_reported_to_elsewhere(address):
    status, text = get(f"{address}config")
    config = json.loads(text)
    assert (status, config["analytics_enabled"]) == (200, False)
    assert "googleapis" not in text + get(address)[1]


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../../../etc/hostname", str(Path(__file__)), "pyproject.toml"]
)
def test_no_file_is_served(address, path):
    with pytest.raises(HTTPError) as refused:
        get(f"{address}gradio_api/file={path}")
    refused.value.close()
    assert refused.value.code in (403, 404)


def test_a_path_that_was_not_uploaded_is_not_read(address, tmp_path):
    """Gradio itself refuses it; the check of uploads would, too."""
    secret = tmp_path / "secret.mp4"
    secret.write_text("secret")
    given = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [given]}).encode()
    head = {"Content-Type": "application/json"}
    with urlopen(Request(f"{address}gradio_api/call/check", body, head)) as answer:
        event = json.load(answer)["event_id"]
    assert "event: error" in get(f"{address}gradio_api/call/check/{event}")[1]
