import os

from arseg_lightning.sweep.metric import logged_metric


def write(path, text, seconds):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


def test_the_last_value_of_the_newest_log_counts(tmp_path):
    write(tmp_path / "logs/version_10/metrics.csv", "step,val/miou\n1,0.1\n2,\n3,0.4\n4,\n", 20)
    write(tmp_path / "logs/version_9/metrics.csv", "step,val/miou\n1,0.9\n", 10)
    assert logged_metric(tmp_path, "val/miou") == 0.4


def test_a_metric_that_nobody_logged_is_not_known(tmp_path):
    assert logged_metric(tmp_path, "val/miou") is None
    write(tmp_path / "logs/metrics.csv", "step,train/loss\n1,0.1\n", 10)
    assert logged_metric(tmp_path, "val/miou") is None
