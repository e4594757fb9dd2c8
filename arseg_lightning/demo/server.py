"""Serves the page to this machine: nothing is sent elsewhere, and no file but uploads is read."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from arseg_lightning.demo.actions import Actions
from arseg_lightning.demo.networks import NetworkChoice
from arseg_lightning.demo.sample import write_sample
from arseg_lightning.demo.uploads import UploadLimits

__all__ = ["check_port", "load_gradio", "served"]

_HOST = "127.0.0.1"
_CSS = Path(__file__).with_name("page.css")


def load_gradio() -> Any:
    """Load Gradio, and tell it to report nothing.

    Raises:
        ValueError: If it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        return import_module("gradio")
    except ModuleNotFoundError as error:
        raise ValueError(
            "a page in the browser needs the package gradio: pip install 'arseg_lightning[demo]'"
        ) from error


def check_port(port: int) -> None:
    """Refuse a port that another program listens on.

    Raises:
        OSError: If it is taken.
    """
    try:
        socket.create_server((_HOST, port)).close()
    except OSError as error:
        raise OSError(
            f"port {port} of {_HOST} is taken ({error.strerror}); give another --port"
        ) from error


@contextmanager
def served(
    choices: list[NetworkChoice],
    port: int,
    limits: UploadLimits = UploadLimits(),  # noqa: B008
    device: torch.device = torch.device("cpu"),  # noqa: B008
) -> Iterator[Any]:
    """Serve the page inside a ``with`` block; uploads and the sample are gone after it.

    Args:
        choices: The networks that it offers.
        port: Port on 127.0.0.1.
        limits: Of uploads.
        device: Where methods run.

    Yields:
        The page, a ``gradio.Blocks``, with its address as ``local_url``.

    Raises:
        OSError: If the port is taken.
        ValueError: If gradio is not installed.
    """
    check_port(port)
    gr = load_gradio()
    from arseg_lightning.demo.page import build_page

    with tempfile.TemporaryDirectory(prefix="arseg_demo_") as folder:
        uploads = Path(folder, "uploads")
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # read whenever a file is uploaded
        sample = write_sample(Path(folder) / "driving.mp4")
        page = build_page(gr, Actions(choices, sample, uploads, limits, device))
        page.launch(
            server_name=_HOST,
            server_port=port,
            prevent_thread_lock=True,
            share=False,
            ssr_mode=False,
            quiet=True,
            allowed_paths=[],
            max_file_size=int(limits.max_megabytes * 1e6),
            footer_links=[],
            theme=gr.themes.Default(),  # its fonts come with it
            css_paths=[_CSS],
        )
        try:
            yield page
        finally:
            page.close(verbose=False)
