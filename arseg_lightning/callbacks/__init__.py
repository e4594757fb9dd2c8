"""What happens around a run: records, pictures, files."""

from arseg_lightning.callbacks.progress import EpochLines
from arseg_lightning.callbacks.run_record import RunRecord
from arseg_lightning.callbacks.test_record import TestRecord

__all__ = ["EpochLines", "RunRecord", "TestRecord"]
