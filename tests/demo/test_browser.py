"""The page in a real browser: Playwright drives Debian's Chromium (CONTRIBUTING.md)."""

import shutil

import pytest

from tests.demo.made import FRAMES, runs_folder, served
from tests.processes import free_port
from tests.video.small_videos import write_video

CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

SLOWEST_MS = 120_000  # a page may wait for whatever else the machine does


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("gradio", reason="the extra demo is not installed")
    _, run = runs_folder(tmp_path_factory.mktemp("page"))
    with served(run, free_port(), "--max_seconds", "1", "--max_megabytes", "1") as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium (Debian: apt install chromium)")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(address, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(SLOWEST_MS)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    yield page
    page.close()


def run(page):
    """Press Run, which can be pressed when the network is loaded, and wait for the figures."""
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".figures table").wait_for()


def test_the_sample_is_segmented_by_two_methods_and_the_slider_moves(page, address):
    run(page)
    rows = page.locator(".figures tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["1x", "AR 0.5x"]
    pictures = page.locator(".frames img")
    assert pictures.count() == 3
    before = pictures.nth(2).get_attribute("src")
    page.locator("#position input[type=range]").press("ArrowRight")
    page.get_by_text(f"frame 1 of {FRAMES}").wait_for()
    assert pictures.nth(2).get_attribute("src") != before
    page.get_by_role("button", name="Play").click()
    page.get_by_text(f"frame 1 of {FRAMES}").wait_for(state="hidden")
    page.get_by_role("button", name="Pause").click()
    elsewhere = [url for url in page.asked if not url.startswith((address, "data:"))]
    assert elsewhere == []


def test_bad_uploads_get_a_message_and_the_page_stays_usable(page, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("no video\n" * 100)
    long = write_video(tmp_path / "long.mp4", 50)
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(2_000_000))
    page.get_by_label("my own").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("no video was uploaded yet").first.wait_for()
    place = page.locator("input[type=file]")
    for file, words in (
        (text, "notes.mp4 is not a video that can be read"),
        (long, "long.mp4 lasts 2.0 s, and a video here at most 1"),
        (large, "exceed the maximum allowed size of"),  # Gradio, before it is sent
    ):
        place.set_input_files(file)
        page.get_by_text(words).first.wait_for()
        page.get_by_role("button", name="Clear").or_(page.get_by_label("Clear")).first.click()
    place.set_input_files(write_video(tmp_path / "short.mp4", 5))
    page.get_by_text("short").first.wait_for()
    run(page)
    page.get_by_text("frame 0 of 5").wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    run(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    table = page.locator(".figures")
    assert table.evaluate("each => each.scrollWidth <= each.clientWidth")
