"""A study: changes are taken between runs of one seed, and losses won back are shares."""

import math

import pytest

from arseg_lightning.report.collect import collect
from arseg_lightning.report.groups import group_runs
from arseg_lightning.report.result_tables import study_table
from arseg_lightning.report.study import Study
from tests.report.made import config, method, result, study


@pytest.fixture
def groups(tmp_path):
    return group_runs(collect([study(tmp_path)]).runs)


def row(groups, name):
    return next(group for group in groups if group.name == name)


def test_the_baseline_is_found_by_the_reference(groups):
    assert Study.of(groups, "ar").baseline.name == "half"
    assert Study.of(groups).baseline is None


def test_changes_are_taken_between_runs_of_one_seed(groups):
    change = Study.of(groups, "ar").change(row(groups, "conv"))
    assert change.mean() == pytest.approx((0.53 - 0.56 + 0.53 - 0.58) / 2)
    assert change.std() == pytest.approx(0.02 / math.sqrt(2))
    single = Study.of(groups, "ar").change(row(groups, "window_3"))
    assert (single.mean(), single.count()) == (pytest.approx(0.55 - 0.56), 1)


def test_the_recovered_share_is_of_what_the_baseline_loses(groups):
    found = Study.of(groups, "ar")
    assert found.recovered(row(groups, "window_3")).mean() == pytest.approx(0.5)
    assert found.recovered(row(groups, "ar")).mean() == pytest.approx((0.6 + 0.8) / 2)
    assert found.recovered(row(groups, "half")).count() == 0
    assert found.recovered(row(groups, "high")).count() == 0


def test_another_ratio_has_another_baseline(groups, tmp_path):
    own = [method("1x", 0.6, 10.0), method("AR 0.3x", 0.5, 1.5)]
    result(own, config(ratio=0.3)).write(tmp_path / "ratio.json")
    with_ratio = group_runs(collect([tmp_path]).runs)
    assert Study.of(with_ratio, "ar").recovered(row(with_ratio, "ratio")).count() == 0
    own.insert(1, method("0.3x", 0.4, 1.0))
    result(own, config(ratio=0.3)).write(tmp_path / "ratio.json")
    with_ratio = group_runs(collect([tmp_path]).runs)
    share = Study.of(with_ratio, "ar").recovered(row(with_ratio, "ratio"))
    assert share.mean() == pytest.approx(0.5)


def test_the_table_is_what_a_reader_needs(groups):
    table = study_table(Study.of(groups, "ar", first=["high", "half", "ar"]))
    assert " ".join(table.columns) == ("row mIoU % pooled change recovered worst GMACs cost seeds")
    assert [" ".join(row) for row in table.to_numpy()] == [
        "high 60.0 60.0 +4.0 - 59.0 10.00 100% 1",
        "half 50.0 50.0 -6.0 - 49.0 2.50 25% 1",
        "ar 57.0 ± 1.4 57.0 reference 70% ± 14% 56.0 3.00 30% 2",
        "conv 53.0 ± 0.0 53.0 -4.0 ± 1.4 30% ± 0% 52.0 4.00 40% 2",
        "window_3 55.0 55.0 -1.0 50% 54.0 2.90 29% 1",
    ]


def test_names_that_are_no_rows_are_refused(groups):
    message = r"no row of the name 'arr'; the rows are: ar, conv, half, high, window_3"
    for options in ({"reference": "arr"}, {"baseline": "arr"}, {"first": ["arr"]}):
        with pytest.raises(ValueError, match=message):
            Study.of(groups, **options)


def test_a_name_of_two_rows_is_refused(groups, tmp_path):
    result([method("AR 0.5x", 0.5, 3.0)], config(ratio=0.5, epochs=3)).write(
        tmp_path / "other" / "ar.json"
    )
    both = group_runs(collect([tmp_path]).runs)
    with pytest.raises(ValueError, match="2 rows with different settings of the name 'ar'"):
        Study.of(both, reference="ar")


def test_another_network_and_other_data_are_not_compared(groups, tmp_path):
    other = config(network="PSPNet18")
    result([method("AR 0.5x", 0.7, 9.0)], other).write(tmp_path / "psp.json")
    result([method("AR 0.5x", 0.7, 9.0)], config(), size=(96, 128)).write(tmp_path / "large.json")
    both = Study.of(group_runs(collect([tmp_path]).runs), "ar")
    assert {group.name for group in both.of_reference().rows} == {group.name for group in groups}
    assert both.change(row(both.rows, "large")).count() == 0
