"""Rows of a report: what runs are about, and baselines once."""

from arseg_lightning.report.collect import collect
from arseg_lightning.report.result_tables import results_table
from arseg_lightning.report.rows import measurements, rows_with_baselines
from tests.report.made import config, method, pooled_method, result, study


def rows(folder):
    return rows_with_baselines(measurements(collect([folder]).runs))


def test_a_baseline_of_many_runs_is_listed_once(tmp_path):
    found = rows(study(tmp_path))
    assert list(zip(found.row, found.method, strict=True)) == [
        ("ar", "AR 0.5x"),
        ("conv", "AR 0.5x"),
        ("half", "0.5x"),
        ("high", "1x"),
        ("window_3", "AR 0.5x"),
    ]


def test_baselines_of_different_weights_are_averaged(tmp_path):
    for seed, miou in ((0, 0.6), (1, 0.7)):
        made = result([method("1x", miou, 10.0), method("AR 0.5x", 0.5, 3.0)], config(seed=seed))
        made.write(tmp_path / f"ar-seed{seed}.json")
    (_, high), (_, own) = rows(tmp_path).iterrows()
    assert (high.method, high.is_own, high.seeds, round(high.miou, 3)) == (
        "1x", False, 2, 0.65,
    )  # fmt: skip
    assert (own.label, own.seeds) == ("ar", 2)
    assert high.label == "1x"


def test_the_table_shows_means_spreads_and_costs(tmp_path):
    first = results_table(rows(study(tmp_path))).to_dict("records")[0]
    assert first == {
        "run": "ar",
        "method": "AR 0.5x",
        "mIoU %": "57.0 ± 1.4",
        "worst": "56.0",
        "pooled": "57.0",
        "GMACs": "3.00",
        "cost": "30%",
        "seeds": "2",
    }


def test_different_data_are_named(tmp_path):
    one = [method("1x", 0.6, 10.0)]
    result(one, config("PerFrameTask", ratio=1.0)).write(tmp_path / "a.json")
    result(one, config("PerFrameTask", ratio=1.0), size=(96, 128)).write(tmp_path / "b.json")
    assert list(results_table(rows(tmp_path)).data) == ["camvid11 48x64", "camvid11 96x128"]


def test_distances_are_columns_and_shorter_intervals_end_earlier(tmp_path):
    result([method("AR 0.5x", 0.5, 3.0, 2)], config(), interval=2).write(tmp_path / "a.json")
    result([method("AR 0.5x", 0.5, 3.0, 3)], config(), interval=3).write(tmp_path / "b.json")
    table = results_table(rows(tmp_path), with_distances=True)
    cells = table[["at 0", "at 1", "at 2"]].to_numpy().tolist()
    assert cells == [["51.0", "49.0", "-"], ["51.0", "50.0", "49.0"]]


def test_a_custom_method_has_its_row_whatever_its_roles(tmp_path):
    own = [method("deeplab", 0.6, 10.0), pooled_method("Clockwork", 0.55, 4.0)]
    settings = {"model": {"class_path": "VideoTask", "init_args": {"method": {}}}}
    result(own, settings).write(tmp_path / "clockwork" / "result.json")
    table = results_table(rows(tmp_path)).to_numpy()[:, :7]
    assert table.tolist() == [
        ["", "deeplab", "60.0", "59.0", "60.0", "10.00", "-"],
        ["clockwork", "Clockwork", "55.0", "-", "55.0", "4.00", "-"],
    ]
