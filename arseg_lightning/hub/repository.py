"""Repositories of the Hugging Face hub: the only place that speaks with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from arseg_lightning import __version__
from arseg_lightning.hub.layout import (
    CONFIG_NAME,
    FILES,
    OPTIONAL,
    WEIGHTS_NAME,
    is_shared_run,
    read_shared_configuration,
    refuse_other_files,
)

__all__ = ["HUB_PREFIX", "Repository", "client", "download", "is_on_hub", "upload"]

HUB_PREFIX = "hf:"
_US = {"library_name": "arseg_lightning", "library_version": __version__}
_LOG_IN = "log in (hf auth login) or set HF_TOKEN"


class Repository(NamedTuple):
    """A repository, and a branch, tag or commit of it; None is its main branch."""

    repo_id: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Read ``hf:USER/REPO`` or ``hf:USER/REPO@REV``.

        Raises:
            ValueError: If it is something else.
        """
        found = re.fullmatch(rf"{HUB_PREFIX}(\w[\w.-]*/\w[\w.-]*)(?:@(.+))?", text, re.ASCII)
        if found is None:
            raise ValueError(
                f"a run on the hub is hf:USER/REPO, or hf:USER/REPO@REV for a branch, tag or "
                f"commit; got {text!r}"
            )
        return cls(found[1], found[2])

    def __str__(self) -> str:
        return f"{HUB_PREFIX}{self.repo_id}" + (f"@{self.revision}" if self.revision else "")


def is_on_hub(source: str | Path) -> bool:
    """Whether a run is named as a repository, and not as a path."""
    return str(source).startswith(HUB_PREFIX)


def client() -> Any:
    """Load the package huggingface_hub, when it is first used.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        for module in ("constants", "errors"):  # which the package does not import itself
            import_module(f"huggingface_hub.{module}")
        return import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise ValueError(
            "runs on the hub, and model cards, need the package huggingface_hub: "
            "pip install 'arseg_lightning[hub]'"
        ) from error


def download(repository: Repository) -> Path:
    """Fetch a shared run, or what changed of it, into the hub's own cache.

    No other file of a repository is fetched.

    Returns:
        Its folder in the cache.

    Raises:
        ConnectionError: If it is not in the cache, and the hub cannot be reached.
        FileNotFoundError: If there is no such repository or revision for this user.
        ValueError: If `push` did not write it, or the package huggingface_hub is missing.
    """
    hub = client()
    what: dict[str, Any] = {**repository._asdict(), **_US}
    small = [name for name in FILES if name != WEIGHTS_NAME]
    with _in_plain_words(repository):  # before weights, which may be gigabytes of another kind
        folder = Path(hub.snapshot_download(allow_patterns=small, **what))
    if not (folder / CONFIG_NAME).is_file():
        raise _not_ours(repository)
    read_shared_configuration(folder / CONFIG_NAME, str(repository))
    with _in_plain_words(repository):
        folder = Path(hub.snapshot_download(allow_patterns=list(FILES), **what))
    if not is_shared_run(folder):
        raise _not_ours(repository)
    return folder


def upload(folder: Path, repository: Repository, private: bool, message: str | None) -> str:
    """Send a shared run to a repository as one commit; a repository that is missing is created.

    Returns:
        The address of its page.

    Raises:
        ConnectionError: If the hub cannot be reached.
        FileExistsError: If the repository has something else in it.
        PermissionError: If this user may not write there.
        ValueError: If it should be private and is public, or the package is missing.
    """
    hub = client()
    api = hub.HfApi(**_US)
    repo_id = repository.repo_id
    with _in_plain_words(repository, writing=True):
        present = api.repo_info(repo_id) if api.repo_exists(repo_id) else None
    if present is not None:
        refuse_other_files((file.rfilename for file in present.siblings or ()), str(repository))
        if private and not present.private:
            raise ValueError(
                f"{repository} is public, so that the run would be, in spite of --private; give "
                f"another --to, or make it private in its settings"
            )
    with _in_plain_words(repository, writing=True):
        if present is None:
            api.create_repo(repo_id, private=private or None)  # None: as the account has it
        api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=message or f"A run of arseg_lightning {__version__}",
            delete_patterns=list(OPTIONAL),  # of an earlier push, where this one has none
        )
    return f"{hub.constants.ENDPOINT}/{repo_id}"


@contextmanager
def _in_plain_words(repository: Repository, writing: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the client, its HTTP library or the system: a dozen kinds
        raise _explained(error, repository, writing) from error


def _not_ours(repository: Repository) -> ValueError:
    return ValueError(
        f"{repository} is no run that `push` wrote: it has no {' and '.join(FILES[:2])}; for a "
        f"network of somebody else's: --network {HUB_PREFIX}{repository.repo_id}"
    )


def _explained(error: Exception, repository: Repository, writing: bool = False) -> Exception:
    """What an error of the client means, and what to do, in one line."""
    hub = client()
    kinds, endpoint = hub.errors, hub.constants.ENDPOINT
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = next(iter(str(error).strip().splitlines()), "")
    told = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    if isinstance(error, kinds.HFValidationError):
        return ValueError(f"{repository} is no name of a repository ({reason})")
    if hub.constants.HF_HUB_OFFLINE:
        where = "" if writing else " and is not in the cache"
        return ConnectionError(
            f"{repository} cannot be reached{where}: HF_HUB_OFFLINE is set; unset it, or give a "
            f"folder"
        )
    if writing and (status in (401, 403) or isinstance(error, kinds.LocalTokenNotFoundError)):
        return PermissionError(
            f"no right to write to {repository}: {_LOG_IN} to a token that may write there"
        )
    if isinstance(error, kinds.GatedRepoError):
        return FileNotFoundError(
            f"{repository} is for those who accept its conditions: do so on its page "
            f"({endpoint}/{repository.repo_id}), and {_LOG_IN}"
        )
    if isinstance(error, kinds.RevisionNotFoundError):
        return FileNotFoundError(
            f"{repository} has no revision {repository.revision}; give a branch, a tag or a commit"
        )
    if isinstance(error, kinds.RepositoryNotFoundError) or status in (401, 403):
        return FileNotFoundError(
            f"no repository {repository.repo_id} at {endpoint}, or it is private: check the name; "
            f"if it is private, {_LOG_IN}"
        )
    return ConnectionError(
        f"{repository} cannot be {'written' if writing else 'read'} ({told}); check the "
        f"connection to {endpoint}, or give a folder"
    )
