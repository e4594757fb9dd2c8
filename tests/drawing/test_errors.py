"""Error maps count as the confusion matrix does."""

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.drawing import (
    ErrorKind,
    draw_errors,
    error_kinds,
    error_picture,
    most_confused,
)
from arseg_lightning.metrics import confusion_matrix

GENERATOR = np.random.default_rng(0)
LABEL = GENERATOR.integers(0, 12, (24, 32), dtype=np.uint8)
LABEL[LABEL == 11] = 255
PREDICTION = GENERATOR.integers(0, 11, LABEL.shape, dtype=np.uint8)


def test_counts_are_those_of_the_confusion_matrix():
    kinds = error_kinds(LABEL, PREDICTION)
    counts = {kind: int(np.count_nonzero(kinds == kind)) for kind in ErrorKind}
    matrix = confusion_matrix(torch.from_numpy(PREDICTION), torch.from_numpy(LABEL), 11)
    assert counts[ErrorKind.RIGHT] == matrix.diagonal().sum()
    assert counts[ErrorKind.WRONG] == matrix.sum() - matrix.diagonal().sum()
    assert counts[ErrorKind.IGNORED] == np.count_nonzero(LABEL == 255)


def test_the_commonest_mistakes_are_the_matrix_largest():
    matrix = confusion_matrix(torch.from_numpy(PREDICTION), torch.from_numpy(LABEL), 11).numpy()
    shares = matrix / matrix.sum()
    np.fill_diagonal(shares, 0)
    (true, predicted, share), *others = most_confused(LABEL, PREDICTION, CAMVID11)
    place = CAMVID11.names.index(true), CAMVID11.names.index(predicted)
    assert len(others) == 2
    assert share == pytest.approx(shares[place]) == pytest.approx(shares.max())
    assert most_confused(LABEL, LABEL, CAMVID11) == []


def test_wrong_is_orange_right_is_grey_and_the_rest_black():
    image = GENERATOR.integers(0, 256, (*LABEL.shape, 3), dtype=np.uint8)
    kinds = error_kinds(LABEL, PREDICTION)
    drawn = draw_errors(image, kinds).astype(int)
    assert (drawn[kinds == ErrorKind.IGNORED] == 0).all()
    assert np.ptp(drawn[kinds == ErrorKind.RIGHT], axis=-1).max() == 0
    assert (drawn[kinds == ErrorKind.WRONG] @ [1, 0, -1] > 100).all()


def test_the_four_pictures_stand_side_by_side():
    image = np.zeros((*LABEL.shape, 3), np.uint8)
    picture = error_picture(image, LABEL, PREDICTION, CAMVID11, ["title", "mistakes"])
    assert picture.shape[1] == 4 * 480 + 3 * 4


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="label and prediction have one size"):
        error_kinds(LABEL, PREDICTION[:3])
