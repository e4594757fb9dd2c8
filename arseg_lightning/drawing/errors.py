"""Where a labelling is wrong, as a map and as a picture beside frame, label and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.drawing.canvas import resized, shown_size, side_by_side, text_bar
from arseg_lightning.drawing.labels import class_legend, overlay
from arseg_lightning.types import ClassSet

__all__ = ["ErrorKind", "draw_errors", "error_kinds", "error_picture", "most_confused"]

_WRONG, _IGNORED = (213, 94, 0), (0, 0, 0)
_PANEL = 480
_TITLES = ("frame", "label", "prediction", "wrong: orange; not counted: black")


class ErrorKind(IntEnum):
    """What a pixel counts as."""

    IGNORED = 0
    RIGHT = 1
    WRONG = 2


def error_kinds(
    label: NDArray[np.uint8], prediction: NDArray[np.uint8], ignore_index: int = 255
) -> NDArray[np.uint8]:
    """Say of each pixel whether it counts as right or wrong, as :class:`ErrorKind`.

    Shapes:
        label, prediction: (H, W), class indices   returns: (H, W)

    Raises:
        ValueError: If the two differ in size.
    """
    if label.shape != prediction.shape:
        raise ValueError(
            f"label and prediction have one size, got {label.shape} and {prediction.shape}"
        )
    kinds = np.where(label == prediction, ErrorKind.RIGHT, ErrorKind.WRONG).astype(np.uint8)
    kinds[label == ignore_index] = ErrorKind.IGNORED
    return kinds


def draw_errors(image: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour what is wrong on the frame in grey; what does not count is black.

    Shapes:
        image: (H, W, 3)   kinds: (H, W), of :func:`error_kinds`   returns: (H, W, 3)
    """
    grey = image.mean(-1, keepdims=True).astype(np.uint8).repeat(3, -1)
    drawn: NDArray[np.uint8] = grey // 2 + np.uint8(64)
    wrong = kinds == ErrorKind.WRONG
    drawn[wrong] = (0.25 * grey[wrong] + 0.75 * np.array(_WRONG)).astype(np.uint8)
    drawn[kinds == ErrorKind.IGNORED] = _IGNORED
    return drawn


def most_confused(
    label: NDArray[np.uint8], prediction: NDArray[np.uint8], classes: ClassSet, most: int = 3
) -> list[tuple[str, str, float]]:
    """The commonest mistakes: true class, predicted class, share of the pixels that count."""
    kinds = error_kinds(label, prediction, classes.ignore_index)
    wrong = kinds == ErrorKind.WRONG
    pairs = label[wrong].astype(np.intp) * 256 + prediction[wrong]
    counts = np.bincount(pairs, minlength=1)
    counted = max(int(np.count_nonzero(kinds)), 1)
    chosen = [pair for pair in counts.argsort()[::-1][:most] if counts[pair]]
    names = classes.names
    return [(names[p // 256], names[p % 256], float(counts[p]) / counted) for p in chosen]


def error_picture(
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    classes: ClassSet,
    lines: Sequence[str],
) -> NDArray[np.uint8]:
    """Draw frame, label, prediction and errors side by side, with lines of text below.

    Args:
        image: The frame, (H, W, 3).
        label: True classes, (H, W).
        prediction: Predicted classes, (H, W).
        classes: The classes, whose colours are taken.
        lines: Text to stand below; the colours of the classes that occur follow.

    Shapes:
        returns: (H', W', 3), each of the four 480 pixels wide
    """
    size = shown_size((image.shape[0], image.shape[1]), _PANEL, _PANEL)
    shown = resized(image, size)
    kinds = error_kinds(label, prediction, classes.ignore_index)
    label, prediction, kinds = (
        resized(each, size, smooth=False) for each in (label, prediction, kinds)
    )
    of_label = overlay(shown, label, classes, 0.75)
    of_label[label == classes.ignore_index] = _IGNORED
    panels = [shown, of_label, overlay(shown, prediction, classes, 0.75), draw_errors(shown, kinds)]
    titled = [
        np.concatenate([text_bar(_PANEL, [title], 14), panel])
        for title, panel in zip(_TITLES, panels, strict=True)
    ]
    above = side_by_side(titled)
    width = above.shape[1]
    legend = class_legend(classes, np.union1d(label, prediction).tolist(), width)
    return np.concatenate([above, text_bar(width, lines, 15), legend])
