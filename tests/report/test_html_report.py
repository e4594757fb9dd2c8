"""The page of a report: whole, alone, escaped, with the figures of the results."""

import base64
import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from arseg_lightning.report.collect import collect
from arseg_lightning.report.html_report import write_page
from arseg_lightning.report.training_curves import find_log, plot_training
from tests.report.made import config, method, result

HOSTILE = "<script>alert('x')</script>&\""
LOG = "epoch,lr-Adam,step,train/loss,val/miou\n0,0.1,0,2.5,\n0,,1,,0.3\n1,0.05,2,1.5,\n"
EMPTY = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Collects tags, addresses and text; tags have to close in their order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self._open = [], [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run's folder with all that a page may show, and a name that is none of its business."""
    folder = tmp_path_factory.mktemp("runs") / "evil run"
    (folder / "logs").mkdir(parents=True)
    (folder / "predict").mkdir()
    (folder / "logs" / "metrics.csv").write_text(LOG)
    Image.new("RGB", (4, 3)).save(folder / "predict" / "frames.png")
    (folder / "broken.png").write_bytes(b"<svg onload='x'>")
    methods = [method("1x", 0.6, 10.0), method(f"AR {HOSTILE}", 0.5678, 3.21)]
    result(methods, config(note=HOSTILE)).write(folder / "result.json")
    return folder


@pytest.fixture(scope="module")
def page(home, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    (run,) = collect([home]).runs
    write_page(path, f"Results {HOSTILE}", [], [run], [f"not readable: {HOSTILE}"])
    return path.read_text(encoding="utf-8")


def test_it_is_whole_and_refers_to_nothing_else(page):
    found = Page(page)
    assert found.tags[0] == "html"
    assert not {"script", "link", "iframe", "object"} & {*found.tags}
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in found.addresses)
    assert "url(" not in page
    assert "@import" not in page


def test_names_are_text_wherever_they_come_from(page):
    assert "<script" not in page
    words = Page(page).words
    assert sum(HOSTILE in word for word in words) >= 4  # title, heading, tables, configuration


def test_it_holds_the_figures_of_the_result(page, home):
    words = Page(page).words
    (run,) = collect([home]).runs
    for value in run.own.at_distance:
        assert f"{100 * value:.1f}" in words
    for figure in ("56.8", "3.21", "32%", "class 1", "abc", "camvid11 48x64, 6 labelled frames"):
        assert figure in words


def test_pictures_are_in_it_and_what_is_none_is_said(page):
    found = Page(page)
    assert found.tags.count("img") == 2  # losses, frames
    for address in found.addresses:
        content = base64.b64decode(address.partition(",")[2])
        Image.open(io.BytesIO(content)).verify()
    assert any("broken.png is no PNG of at most 4 MB" in word for word in found.words)


def test_the_newest_log_is_drawn(home, tmp_path):
    assert find_log(tmp_path) is None
    for version in (2, 10):
        (tmp_path / f"version_{version}").mkdir()
        (tmp_path / f"version_{version}" / "metrics.csv").write_text(LOG)
    log = find_log(tmp_path)
    assert log.parent.name == "version_10"
    with Image.open(plot_training(log, tmp_path / "curves.png")) as image:
        assert image.size[0] > 3 * 500  # losses, accuracy, rate
    log.write_text("epoch,step\n0,1\n")
    assert plot_training(log, tmp_path / "none.png") is None
    log.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"metrics\.csv is no log of a CSVLogger"):
        plot_training(log, tmp_path / "none.png")
