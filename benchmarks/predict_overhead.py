"""What does `predict` take beside its networks, and where does it go?

    python benchmarks/predict_overhead.py RUN --video drive.mp4 \
        --output benchmarks/results/predict_overhead.csv

In turns, a run segments frames that are decoded already (what `bench` times) and the file itself,
as `predict` does, with its outputs; milliseconds a frame by the clock, the least of the rounds.
Then the parts by themselves, in milliseconds of the processor a frame: they run beside the
networks, in threads of their own, and compete with them for the same cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from arseg_lightning.drawing import overlay
from arseg_lightning.report.table_files import markdown
from arseg_lightning.streaming import Segmenter, load_run
from arseg_lightning.streaming.folder import segment_to_folder
from arseg_lightning.streaming.outputs import write_label
from arseg_lightning.video.live.frame import SourceFrame
from arseg_lightning.video.timed_video import video_file

OUTPUTS = {
    "predict, no pictures": ("frames",),
    "predict, labels": ("labels",),
    "predict, overlay and labels": ("overlay", "labels"),
}


def main() -> None:
    """Measure, print a table, write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    segmenter = load_run(arguments.run, device="cpu")
    with segmenter.open(arguments.video) as live:
        frames = list(live)
    forms: dict[str, Callable[[], object]] = {"networks": lambda: list(segmenter.results(frames))}
    with tempfile.TemporaryDirectory() as folder:
        for name, outputs in OUTPUTS.items():
            forms[name] = lambda outputs=outputs: segment_to_folder(
                segmenter, arguments.video, Path(folder), outputs=outputs, overwrite=True
            )
        least = dict.fromkeys(forms, float("inf"))
        for _ in range(arguments.rounds):
            for name, form in forms.items():
                start = time.perf_counter()
                form()
                taken = 1e3 * (time.perf_counter() - start) / len(frames)
                least[name] = min(least[name], taken)
        rows = [
            {
                "what": name,
                "ms a frame": f"{ms:.1f}",
                "of the networks": f"{ms / least['networks']:.0%}",
            }
            for name, ms in least.items()
        ]
        for name, ms in parts(segmenter, arguments.video, frames, Path(folder)):
            rows.append({"what": name, "ms a frame": f"{ms:.1f}", "of the networks": "-"})
    table = pd.DataFrame(rows)
    print(markdown(table))
    table.to_csv(arguments.output, index=False)


def parts(
    segmenter: Segmenter, video: Path, frames: list[SourceFrame], folder: Path
) -> Iterator[tuple[str, float]]:
    """Milliseconds of the processor a frame of what runs beside the networks."""
    classes, results = segmenter.classes, list(segmenter.results(frames))
    pairs = [(result.frame.image, result.labels) for result in results]

    def each(call: Callable[[], object]) -> float:
        start = time.process_time()
        call()
        return 1e3 * (time.process_time() - start) / len(frames)

    def decode() -> None:
        with segmenter.open(video) as live:
            list(live)

    yield "of it: decoding, and the codec's vectors", each(decode)
    yield "of it: blending", each(lambda: [overlay(*pair, classes) for pair in pairs])
    images = [overlay(*pair, classes) for pair in pairs]

    def encode() -> None:
        with video_file(folder / "overlay.mp4") as writer:
            for index, image in enumerate(images):
                writer.write(image, index / 25)

    yield "of it: encoding", each(encode)
    path = folder / "label.png"
    yield "of it: label images", each(lambda: [write_label(p[1], classes, path) for p in pairs])


if __name__ == "__main__":
    main()
