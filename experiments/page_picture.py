"""The picture of docs/demo.md: the page of ``demo`` in Debian's Chromium, after a run.

    python -m experiments.page_picture runs/quickstart

Needs the extra ``demo``, ``pip install playwright`` and ``apt install chromium`` (CONTRIBUTING.md).
"""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

import PIL.Image

from arseg_lightning.demo.networks import find_choices
from arseg_lightning.demo.server import served

_PORT, _FRAME, _SIZE = 7861, 31, {"width": 1280, "height": 790}
_PATH = Path(__file__).resolve().parents[1] / "docs" / "figures" / "demo.png"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def draw_page(run: Path, path: Path = _PATH) -> None:
    """Run the page's sample in a network's methods, and write what the browser shows."""
    from playwright.sync_api import sync_playwright

    with served(find_choices([run], []), _PORT) as page, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*_FLAGS, "--disable-component-update"]
        )
        view = browser.new_page(viewport=_SIZE)
        view.goto(page.local_url)
        view.get_by_role("button", name="Run", exact=True).click(timeout=60_000)
        view.locator(".figures table").wait_for(timeout=300_000)
        place = view.locator("#position input[type=number]")
        place.fill(str(_FRAME))
        place.press("Enter")
        view.get_by_text(f"frame {_FRAME} of").wait_for()
        written = view.screenshot()
        browser.close()
    # All its colours: those of the wheel are the point
    PIL.Image.open(BytesIO(written)).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    draw_page(Path(sys.argv[1]))
