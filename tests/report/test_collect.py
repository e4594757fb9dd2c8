"""Collecting results: everything is found, and what is not is named."""

import pytest

from arseg_lightning.report.collect import collect, without_seed
from tests.report.made import config, method, result, study


def one(seed=0):
    return result([method("AR 0.5x", 0.5 + seed / 100, 3.0)], config(seed=seed))


def names(found):
    return [run.name for run in found.runs]


def test_results_are_found_at_any_depth_and_named_after_their_folders(tmp_path):
    one(0).write(tmp_path / "deep" / "ar_seed0" / "result.json")
    one(1).write(tmp_path / "deep" / "ar_seed1" / "result_best.json")
    one(2).write(tmp_path / "other" / "seed2" / "result.json")
    found = collect([tmp_path])
    assert names(found) == ["ar", "ar", "other"]
    assert [run.result.provenance.seed for run in found.runs] == [0, 1, 2]
    assert found.problems == ()


def test_files_are_named_after_themselves(tmp_path):
    study(tmp_path)
    assert set(names(collect([tmp_path]))) == {"high", "half", "ar", "conv", "window_3"}
    assert names(collect([tmp_path / "conv-seed1.json"])) == ["conv"]


def test_a_file_given_twice_or_copied_counts_once(tmp_path):
    one().write(tmp_path / "a.json")
    one().write(tmp_path / "b.json")
    found = collect([tmp_path, tmp_path / "a.json"])
    assert names(found) == ["a"]
    assert [problem.replace(f"{tmp_path}/", "") for problem in found.problems] == [
        "b.json is a copy of a.json, left out"
    ]


@pytest.mark.parametrize(
    ("name", "seedless"),
    [
        ("ar-seed0", "ar"),
        ("ar_seed12", "ar"),
        ("ar_s3", "ar"),
        ("runs/ar-seed0/last.ckpt", "runs/ar/last.ckpt"),
        ("ar_s3.json", "ar.json"),
        ("ratio_0.3", "ratio_0.3"),
        ("window_3", "window_3"),
        ("camvid_bise18", "camvid_bise18"),
        ("seeds5_x", "seeds5_x"),
    ],
)
def test_seeds_are_left_out_of_names(name, seedless):
    assert without_seed(name) == seedless


def test_what_cannot_be_read_is_named_and_does_not_stop_the_rest(tmp_path):
    one().write(tmp_path / "good" / "result.json")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "result.json").write_text('{"methods": [')
    (tmp_path / "cut.json").write_text('{"methods"')
    (tmp_path / "motion.json").write_text("[1, 2]")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe")
    found = collect([tmp_path])
    assert names(found) == ["good"]
    assert len(found.problems) == 3
    assert all(problem.startswith("not readable, left out: ") for problem in found.problems)
    assert any("bad/result.json is no result file of a test run" in p for p in found.problems)


def test_a_run_without_results_is_named_with_the_remedy(tmp_path):
    one().write(tmp_path / "good" / "result.json")
    (tmp_path / "untested").mkdir()
    (tmp_path / "untested" / "fit.yaml").write_text("")
    (untested,) = collect([tmp_path]).problems
    assert untested.endswith(
        f"--config {tmp_path}/untested/fit.yaml --ckpt_path {tmp_path}/untested/last.ckpt"
    )


def test_nothing_at_all_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; give run folders"):
        collect([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match=rf"no result \(result\*\.json\) in {tmp_path}; "):
        collect([tmp_path])


def test_a_sweeps_runs_are_named_after_what_it_set(tmp_path):
    for seed, name in enumerate(("interval=6,ratio=0.3", "config=none", "config=a+b")):
        point = f"point-{name},seed_everything={seed}"
        one(seed=seed).write(tmp_path / point / "result.json")
    assert names(collect([tmp_path])) == ["config=a+b", "config=none", "interval=6,ratio=0.3"]
