"""The page: choices on the left, two overlays under one slider on the right.

A frame is two exact pictures in the page's own text: two videos side by side would drift apart, and
where a slider jumps, they land near a frame and not on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from arseg_lightning.demo.actions import Actions
from arseg_lightning.demo.comparison import Comparison
from arseg_lightning.demo.view import figures_table, frame_view, legend, timeline

__all__ = ["build_page"]

_SAMPLE, _UPLOAD = "made scene", "my own"

_TITLE = "Video segmentation: two methods side by side"
_NO_NETWORK = (
    "**There is no network yet.** Train a small one in minutes, `python -m arseg_lightning fit "
    "--config experiments/quickstart.yaml`, and start the demo again in the same folder; or start "
    "it with one of Hugging Face: `--network hf:REPOSITORY` (`pip install 'arseg_lightning[hf]'`)."
)
_SECONDS_A_FRAME = 0.15  # of Play: each picture comes from the server


@dataclass(slots=True)
class _Choices:
    """The components on the left."""

    network: Any
    source: Any
    upload: Any
    left: Any
    right: Any
    interval: Any
    run: Any
    stop: Any


@dataclass(slots=True)
class _Results:
    """The components on the right."""

    made: Any  # the comparison, which stays on the server
    frame: Any
    slider: Any
    play: Any
    timer: Any
    timeline: Any
    figures: Any
    legend: Any


def build_page(gr: Any, actions: Actions) -> Any:
    """Put the page together.

    Args:
        gr: The package gradio.
        actions: What its components do.

    Returns:
        The page, a ``gradio.Blocks``.
    """
    with gr.Blocks(title=_TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(f"<h1>{_TITLE}</h1>")
        if not actions.choices:
            gr.Markdown(_NO_NETWORK)
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                choices = _choices(gr, actions)
            with gr.Column(scale=4, min_width=320):
                results = _results(gr)
        if actions.choices:
            _connect_network(gr, actions, page, choices)
        _connect_upload(gr, actions, choices)
        _connect_run(gr, actions, choices, results)
        _connect_frames(gr, results)
    return page


def _choices(gr: Any, actions: Actions) -> _Choices:
    names, limits = [each.source for each in actions.choices], actions.limits
    network = gr.Dropdown(names, value=names[0] if names else None, label="Network")
    source = gr.Radio([_SAMPLE, _UPLOAD], value=_SAMPLE, label="Video")
    upload = gr.File(
        label=f"Up to {limits.max_seconds:g} s (--max_seconds), "
        f"{limits.max_megabytes:g} MB (--max_megabytes)",
        height=120,
        visible=False,
    )
    left, right = gr.Dropdown([], label="Left"), gr.Dropdown([], label="Right")
    interval = gr.Slider(1, 30, 12, step=1, label="Keyframe interval")
    with gr.Row():
        run = gr.Button("Run", variant="primary", interactive=False, scale=2, min_width=100)
        stop = gr.Button("Stop", min_width=60)
    return _Choices(network, source, upload, left, right, interval, run, stop)


def _results(gr: Any) -> _Results:
    made = gr.State(None, time_to_live=3600)
    frame = gr.HTML("Choose two methods and press <b>Run</b>.", min_height=120)
    with gr.Row(equal_height=True):
        slider = gr.Slider(
            *(0, 1, 0), step=1, label="Frame", visible=False, scale=9, elem_id="position"
        )
        play = gr.Button("Play", visible=False, min_width=80)
    timer = gr.Timer(_SECONDS_A_FRAME, active=False)
    return _Results(made, frame, slider, play, timer, gr.HTML(), gr.HTML(), gr.HTML())


def _told(gr: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Show what goes wrong as a message on the page, which stays as it is."""

    @wraps(function)  # Gradio reads the signature: requests and progress are given by type
    def told(*values: Any) -> Any:
        try:
            return function(*values)
        except (OSError, ValueError) as error:
            raise gr.Error(str(error), duration=60, print_exception=False) from error

    return told


def _connect_network(gr: Any, actions: Actions, page: Any, choices: _Choices) -> None:
    """Offer the methods of a network, at the start too; there is nothing to run before."""

    def offer(name: str) -> tuple[Any, ...]:
        offered = actions.network(name)
        names = list(offered.compared.methods)
        sides = (gr.Dropdown(names, value=value) for value in (names[0], offered.usual))
        return *sides, gr.Button(interactive=True)

    for event in (page.load, choices.network.input):
        event(_told(gr, offer), choices.network, [choices.left, choices.right, choices.run])


def _connect_upload(gr: Any, actions: Actions, choices: _Choices) -> None:
    """Show the place for an upload, and refuse at once what cannot be used."""
    choices.source.change(
        lambda source: gr.File(visible=source == _UPLOAD), choices.source, choices.upload
    )

    def check(path: str | None) -> None:
        actions.video(path)

    choices.upload.upload(_told(gr, check), choices.upload, api_name="check")


def _connect_run(gr: Any, actions: Actions, choices: _Choices, results: _Results) -> None:
    """Run, stop, and show what came out."""
    shown = [results.made, results.slider, results.play, results.frame, results.timeline]
    shown += [results.figures, results.legend]

    def run(
        network: str, source: str, upload: str | None, left: str, right: str, interval: float,
        request: Any, progress: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        if source == _UPLOAD and upload is None:
            raise ValueError(f"no video was uploaded yet; choose a file, or the {_SAMPLE} above")
        made = actions.run(
            *(str(request.session_hash), network, upload if source == _UPLOAD else None),
            *((left, right), int(interval)),
            lambda done, total: progress((done, total), desc="segmenting", unit="frames"),
        )
        slider = gr.Slider(0, max(len(made.motion) - 1, 1), 0, visible=True)
        pictures = frame_view(made, 0), timeline(made, 0)
        return made, slider, gr.Button(visible=True), *pictures, figures_table(made), legend(made)

    run.__annotations__ |= {"request": gr.Request, "progress": gr.Progress}
    run.__defaults__ = (None, gr.Progress())
    given = [choices.network, choices.source, choices.upload]
    given += [choices.left, choices.right, choices.interval]
    # While it runs, Gradio takes no second click. One event, as none follows one that failed
    choices.run.click(
        _told(gr, run), given, shown, concurrency_limit=1, show_progress_on=results.frame
    )

    def stop(request: Any) -> None:
        actions.stop(str(request.session_hash))

    stop.__annotations__["request"] = gr.Request
    choices.stop.click(stop, None, None)


def _connect_frames(gr: Any, results: _Results) -> None:
    """Show the frame of the slider; Play goes on from it, and begins again at the end."""

    def show(made: Comparison | None, index: float) -> tuple[Any, Any]:
        if made is None:
            return gr.skip(), gr.skip()
        return frame_view(made, int(index)), timeline(made, int(index))

    def advance(made: Comparison | None, index: float) -> tuple[Any, ...]:
        following = 0 if made is None else (int(index) + 1) % len(made.motion)
        return following, *show(made, following)

    quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
    given, pictures = [results.made, results.slider], [results.frame, results.timeline]
    results.slider.input(show, given, pictures, **quiet)
    results.timer.tick(advance, given, [results.slider, *pictures], **quiet)

    def toggle(label: str) -> tuple[Any, Any]:
        playing = label == "Play"
        return gr.Timer(active=playing), "Pause" if playing else "Play"

    results.play.click(toggle, results.play, [results.timer, results.play], **quiet)
