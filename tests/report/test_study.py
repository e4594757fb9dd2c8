"""Studies: changes are taken between runs of one seed, and losses won back are shares."""

import math

import pytest

from arseg_lightning.report.collect import collect
from arseg_lightning.report.result_tables import study_table
from arseg_lightning.report.rows import measurements
from arseg_lightning.report.study import comparable, study_rows
from tests.report.made import config, method, result, study


@pytest.fixture
def folder(tmp_path):
    return study(tmp_path)


def rows_of(folder, *arguments, **options):
    """The rows of a study by name."""
    rows = study_rows(measurements(collect([folder]).runs), *arguments, **options)
    return rows.set_index("row", drop=False)


def test_changes_are_taken_between_runs_of_one_seed(folder):
    rows = rows_of(folder, "ar")
    assert rows.change["conv"] == pytest.approx((0.53 - 0.56 + 0.53 - 0.58) / 2)
    assert rows.change_std["conv"] == pytest.approx(0.02 / math.sqrt(2))
    assert rows.change["window_3"] == pytest.approx(0.55 - 0.56)
    assert math.isnan(rows.change_std["window_3"])


def test_the_recovered_share_is_of_what_the_baseline_loses(folder):
    assert rows_of(folder, "ar").recovered.isna().all()
    found = rows_of(folder, "ar", "half").recovered
    assert found["window_3"] == pytest.approx(0.5)
    assert found["ar"] == pytest.approx((0.6 + 0.8) / 2)
    assert found[["half", "high"]].isna().all()


def test_another_ratio_has_another_baseline(folder):
    own = [method("1x", 0.6, 10.0), method("AR 0.3x", 0.5, 1.5)]
    result(own, config(ratio=0.3)).write(folder / "ratio.json")
    assert math.isnan(rows_of(folder, "ar", "half").recovered["ratio"])
    own.insert(1, method("0.3x", 0.4, 1.0))
    result(own, config(ratio=0.3)).write(folder / "ratio.json")
    assert rows_of(folder, "ar").recovered["ratio"] == pytest.approx(0.5)


def test_the_table_is_what_a_reader_needs(folder):
    table = study_table(rows_of(folder, "ar", "half", first=["high", "half", "ar"]))
    assert " ".join(table.columns) == ("row mIoU % pooled change recovered worst GMACs cost seeds")
    assert [" ".join(row) for row in table.to_numpy()] == [
        "high 60.0 60.0 +4.0 - 59.0 10.00 100% 1",
        "half 50.0 50.0 -6.0 - 49.0 2.50 25% 1",
        "ar 57.0 ± 1.4 57.0 reference 70% ± 14% 56.0 3.00 30% 2",
        "conv 53.0 ± 0.0 53.0 -4.0 ± 1.4 30% ± 0% 52.0 4.00 40% 2",
        "window_3 55.0 55.0 -1.0 50% 54.0 2.90 29% 1",
    ]


def test_names_that_are_no_rows_are_refused(folder):
    message = r"no row of the name 'arr'; the rows are: ar, conv, half, high, window_3"
    for options in ({"reference": "arr"}, {"baseline": "arr"}, {"first": ["arr"]}):
        with pytest.raises(ValueError, match=message):
            rows_of(folder, **options)


def test_a_name_of_two_rows_is_refused(folder):
    other = result([method("AR 0.5x", 0.5, 3.0)], config(ratio=0.5, epochs=3))
    other.write(folder / "other" / "ar.json")
    with pytest.raises(ValueError, match="2 rows with different settings of the name 'ar'"):
        rows_of(folder, reference="ar")


def test_another_network_and_other_data_are_not_compared(folder):
    names = set(rows_of(folder).row)
    other = config(network="PSPNet18")
    result([method("AR 0.5x", 0.7, 9.0)], other).write(folder / "psp.json")
    result([method("AR 0.5x", 0.7, 9.0)], config(), size=(96, 128)).write(folder / "large.json")
    both = rows_of(folder, "ar")
    assert set(comparable(both).row) == names
    assert math.isnan(both.change["large"])
