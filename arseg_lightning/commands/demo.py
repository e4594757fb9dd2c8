"""The command ``demo``: two methods side by side in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Event

from arseg_lightning.accelerator import choose_device
from arseg_lightning.ranges import check_range

__all__ = ["demo"]


def demo(
    runs: list[Path] | None = None,
    *,
    networks: list[str] = [],  # noqa: B006
    port: int = 7860,
    max_seconds: float = 20.0,
    max_megabytes: float = 200.0,
    device: str = "auto",
) -> None:
    """Look at two methods side by side in the browser, on a made street or your own video.

    The page is at http://127.0.0.1:PORT, for this machine alone, until Ctrl-C; nothing is sent
    elsewhere, and uploads are deleted at the end. It shows both overlays under one slider, when
    keyframes come, motion as the colour wheel, cost, milliseconds and how far labels agree with
    every frame by itself.

    Args:
        runs: Folders of runs, or hf:USER/REPO, that the page offers; by default those in runs/.
        networks: Pretrained networks that it offers: hf:REPOSITORY of the Hugging Face hub, or
            hf:FOLDER.
        port: Port of the page.
        max_seconds: Longest video that may be uploaded.
        max_megabytes: Largest file that may be uploaded.
        device: auto, cpu, cuda, cuda:N or mps.
    """
    from arseg_lightning.demo.networks import find_choices, load_choice
    from arseg_lightning.demo.server import check_port, load_gradio, served
    from arseg_lightning.demo.uploads import UploadLimits

    check_range(1, 65535, port=port)
    on, limits = choose_device(device), UploadLimits(max_seconds, max_megabytes)
    choices = find_choices(runs or [], networks)
    load_gradio()
    check_port(port)
    if runs or networks:
        load_choice(choices[0])  # a mistake is named before the page is there
    with served(choices, port, limits, on) as page, suppress(KeyboardInterrupt):
        print(f"open {page.local_url} in a browser; Ctrl-C ends it", flush=True)
        Event().wait()
