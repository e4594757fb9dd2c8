import pytest

from arseg_lightning.sweep import Slot, make_slots

VISIBLE = {"CUDA_VISIBLE_DEVICES": "2, MIG-4f-0"}


def made(devices=None, parallel=None, environment=None, gpus=4, cores=16):
    return make_slots(devices, parallel, environment or {}, gpus, cores)


def test_without_options_there_is_one_slot_which_changes_nothing():
    assert made() == made(parallel=1) == (Slot(),)


def test_each_device_is_a_slot_that_sees_no_other():
    assert made("0, 3") == (
        Slot("0", {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "8"}),
        Slot("3", {"CUDA_VISIBLE_DEVICES": "3", "OMP_NUM_THREADS": "8"}),
    )
    assert made("2") == (Slot("2", {"CUDA_VISIBLE_DEVICES": "2"}),)


@pytest.mark.parametrize("name", ["GPU-8932f937-d72c", "MIG-4f-0", "MIG-GPU-8932f937/1/0"])
def test_a_device_may_be_named_in_any_way_that_cuda_knows(name):
    assert [slot.device for slot in made(f"{name},1")] == [name, "1"]


def test_a_device_given_twice_takes_two_points():
    assert [slot.device for slot in made("0,0,1")] == ["0", "0", "1"]


def test_slots_without_devices_leave_them_as_they_are():
    assert made(parallel=3) == (Slot(None, {"OMP_NUM_THREADS": "5"}),) * 3


def test_a_number_of_threads_of_the_environment_is_kept():
    assert made(parallel=2, environment={"OMP_NUM_THREADS": "4"}) == (Slot(),) * 2


def test_there_are_never_fewer_threads_than_one():
    assert made(parallel=3, cores=2)[0].environment == {"OMP_NUM_THREADS": "1"}


def test_what_a_scheduler_made_visible_is_what_there_is():
    assert [slot.device for slot in made("MIG-4f-0,2", environment=VISIBLE)] == ["MIG-4f-0", "2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"devices": "0,4"},
            r"--devices has '4', but the GPUs here are 0, 1, 2, 3; give those, or",
        ),
        ({"devices": "0", "gpus": 0}, r"'0', but the GPUs here are none; .* --parallel N to share"),
        (
            {"devices": "0", "environment": VISIBLE},
            r"GPUs here in CUDA_VISIBLE_DEVICES are 2, MIG-",
        ),
        (
            {"devices": "2", "environment": {"CUDA_VISIBLE_DEVICES": ""}},
            r"VISIBLE_DEVICES are none",
        ),
        ({"devices": "0,"}, r"--devices has ''"),
        ({"devices": ""}, r"--devices has ''"),
        ({"devices": "cuda:0"}, r"--devices has 'cuda:0'"),
        ({"parallel": 0}, r"--parallel is 0; give at least 1"),
        (
            {"devices": "0,1", "parallel": 2},
            r"--devices 0,1 already says how many .*; take --paral",
        ),
    ],
)
def test_what_is_no_slot_is_refused_with_the_remedy(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)
