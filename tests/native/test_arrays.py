"""A kernel gets the array that it takes, or none."""

import numpy as np
import pytest
import torch

from arseg_lightning.native import pointer, tensor_pointer


def test_the_address_is_that_of_the_first_element():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert pointer(values, np.float32, (3, 4)).value == values.ctypes.data
    assert pointer(values[1:], np.float32).value == values.ctypes.data + 16


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.zeros(3), ValueError, "of float32 and .*got float64"),
        (np.zeros((2, 3), np.float32), ValueError, r"shape \(3,\) .*, got float32 \(2, 3\)"),
        (np.zeros(6, np.float32)[::2], ValueError, r"without gaps.*strides \(8,\)"),
    ],
)
def test_another_array_is_refused_with_the_remedy(array, error, message):
    with pytest.raises(error, match=message):
        pointer(array, np.float32, (3,))


def test_a_read_only_array_is_not_written():
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    assert pointer(array, np.float32).value
    with pytest.raises(ValueError, match="writable"):
        pointer(array, np.float32, written=True)


def test_the_address_of_a_tensor_is_that_of_its_first_element():
    values = torch.zeros(3, 4, dtype=torch.bfloat16)
    assert tensor_pointer(values[1:]).value == values.data_ptr() + 8


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(2, 3).t(), r"strides \(1, 3\) for shape \(3, 2\)"),
        (torch.zeros(2, device="meta"), "of the CPU .*, got meta"),
    ],
)
def test_another_tensor_is_refused_with_the_remedy(tensor, message):
    with pytest.raises(ValueError, match=message):
        tensor_pointer(tensor)
