"""What the options, callbacks and loggers of Lightning do here: the words that are run.

An option counts as judged if a line has it. Lines of options that do not disturb each other are
one command. What needs other hardware is judged by what a CPU says of it.
"""

from dataclasses import dataclass

from arseg_lightning.types import ClipBatch


@dataclass(frozen=True)
class Line:
    """Words of a command line, and what it says if it is refused."""

    words: str
    refusal: str = ""
    slow: bool = False


WORKS = [
    Line("--trainer.enable_checkpointing false --trainer.max_time '{\"minutes\": 1}'"),
    Line(
        "--trainer.accelerator cpu --trainer.devices 1 --trainer.num_nodes 1 "
        "--trainer.precision 32-true --trainer.strategy auto --trainer.max_epochs 2 "
        "--trainer.min_epochs 1 --trainer.min_steps 1 --trainer.num_sanity_val_steps -1 "
        "--trainer.log_every_n_steps 1 --trainer.gradient_clip_val 1 "
        "--trainer.gradient_clip_algorithm value --trainer.deterministic warn "
        "--trainer.benchmark false --trainer.inference_mode false --trainer.detect_anomaly true "
        "--trainer.reload_dataloaders_every_n_epochs 1 --trainer.enable_autolog_hparams false "
        "--trainer.model_registry me/mine --trainer.use_distributed_sampler true "
        "--trainer.enable_model_summary true --trainer.check_val_every_n_epoch 2 "
        "--trainer.logger true --trainer.profiler simple --trainer.accumulate_grad_batches 2 "
        "--trainer.limit_test_batches 1 --trainer.limit_predict_batches 1 "
        "--trainer.enable_progress_bar false --trainer.sync_batchnorm true "
        "--trainer.max_time 00:01:00:00 --trainer.limit_train_batches 0.5"
    ),
    Line("--trainer.overfit_batches 1 --trainer.max_epochs 2 --trainer.enable_progress_bar true"),
    Line("--trainer.overfit_batches 0.5 --trainer.plugins TorchCheckpointIO", slow=True),
    Line("--trainer.max_epochs null --trainer.max_time 00:00:00:01 --model.schedule constant"),
    Line(
        "--trainer.max_epochs -1 --trainer.max_steps 2 --trainer.val_check_interval 1.0", slow=True
    ),
    Line(
        "--trainer.max_epochs null --trainer.max_steps 1 --trainer.val_check_interval 1", slow=True
    ),
    Line("--trainer.max_steps 0 --trainer.plugins AsyncCheckpointIO"),
    Line("--trainer.enable_checkpointing false --trainer.profiler advanced", slow=True),
    Line("--trainer.barebones true"),
    Line("--trainer.fast_dev_run true --trainer.logger CSVLogger --trainer.logger.save_dir DIR"),
    Line("--trainer.fast_dev_run 1 --trainer.deterministic true", slow=True),
    Line("--trainer.limit_val_batches 0 --after_fit test", slow=True),
    Line("--trainer.val_check_interval 2 --trainer.check_val_every_n_epoch null", slow=True),
    Line("--trainer.val_check_interval 00:00:01:00 --trainer.limit_train_batches 0", slow=True),
    Line("--trainer.precision 64-true", slow=True),
    Line("--trainer.precision bf16-true", slow=True),
    Line("--trainer.profiler pytorch", slow=True),
]
"""Fits; ``test_training_options`` has mixed precision, and what accumulation and clipping do."""

REFUSED = [
    Line("--trainer.accelerator gpu", "No supported gpu backend found"),
    Line("--trainer.accelerator tpu", "pip install -U 'torch_xla", slow=True),
    Line(
        "--trainer.accelerator foo",
        "invalid accelerator name.*Available names are: auto",
        slow=True,
    ),
    Line("--trainer.devices 0", r"devices='0'\)` value is not a valid input"),
    Line("--trainer.devices -1", "should be an int > 0", slow=True),
    Line("--trainer.num_nodes 0", "must be a positive integer, but got 0", slow=True),
    # Adam's 1e-8 is 0 in float16
    Line("--trainer.precision 16-true", "is not finite after step 1.* Try ", slow=True),
    Line("--trainer.precision transformer-engine", "pip install -U 'transformer_engine", slow=True),
    Line("--trainer.strategy deepspeed", "pip install -U deepspeed"),
    Line("--trainer.strategy deepspeed_stage_2", "pip install -U deepspeed", slow=True),
    Line("--trainer.strategy fsdp", "requires a GPU accelerator"),
    Line("--trainer.strategy fsdp_cpu_offload", "requires a GPU accelerator", slow=True),
    Line("--trainer.strategy xla", "pip install -U 'torch_xla", slow=True),
    Line("--trainer.strategy foo", "invalid strategy name", slow=True),
    Line("--trainer.max_epochs -2", "non-negative integer or -1", slow=True),
    Line("--trainer.max_epochs -1", "give trainer.max_epochs or trainer.max_steps"),
    Line("--trainer.max_epochs null --trainer.max_time 00:01:00:00", "give trainer.max_epochs"),
    Line("--trainer.max_time 1:00", "DD:HH:MM:SS"),
    Line("--trainer.limit_val_batches 0.01", "Try at least `limit_val_batches=", slow=True),
    Line(
        "--trainer.val_check_interval 9",
        "less than or equal to the number of the training",
        slow=True,
    ),
    Line(
        "--trainer.gradient_clip_algorithm foo",
        r"Allowed algorithms: \['value', 'norm'\]",
        slow=True,
    ),
    Line("--trainer.profiler foo", "can only be one of", slow=True),
    Line("--trainer.default_root_dir DIR", "run_dir --> trainer.default_root_dir"),
    Line(
        "--trainer.barebones true --trainer.profiler simple",
        "disabled in barebones mode",
        slow=True,
    ),
]

CALLBACKS = {
    "BackboneFinetuning": Line("", "no attribute 'backbone'"),  # ours are `model.rates`
    "BaseFinetuning": Line("", "NotImplementedError"),  # a base class
    "BasePredictionWriter": Line(""),
    "BatchSizeFinder": Line("max_trials=2 steps_per_trial=1"),
    "Callback": Line(""),
    "Checkpoint": Line(""),
    "DeviceStatsMonitor": Line("", "psutil.*\n*.*pip install"),
    "EarlyStopping": Line("monitor=train/loss"),
    "GradientAccumulationScheduler": Line("scheduling={0: 2}"),
    "LambdaCallback": Line("on_fit_start=tests.lightning.table.nothing"),
    "LearningRateFinder": Line("num_training_steps=2"),
    "LearningRateMonitor": Line("logging_interval=step"),
    "ModelCheckpoint": Line(""),
    "ModelPruning": Line("pruning_fn=l1_unstructured"),
    "ModelSummary": Line("max_depth=2"),
    "OnExceptionCheckpoint": Line("dirpath=DIR"),
    "ProgressBar": Line(""),
    "RichModelSummary": Line("", "pip install -U rich"),
    "RichProgressBar": Line("", "pip install -U rich"),
    "StochasticWeightAveraging": Line("swa_lrs=0.1 swa_epoch_start=1"),
    "SpikeDetection": Line(""),
    "ThroughputMonitor": Line("batch_size_fn=tests.lightning.table.batch_size"),
    "Timer": Line("duration=00:00:10:00"),
    "TQDMProgressBar": Line("refresh_rate=5"),
    "EMAWeightAveraging": Line("decay=0.5"),
    "WeightAveraging": Line("use_buffers=true"),
}
"""By name; a refusal of a package holds where it is not installed."""

LOGGERS = {
    "LitLogger": Line("", "LitLogger"),  # of Lightning Fabric, and none that Trainer takes
    "CometLogger": Line("", "pip install -U 'comet-ml"),
    "CSVLogger": Line("save_dir=DIR"),
    "Logger": Line("", "Logger is abstract"),  # a base class
    "MLFlowLogger": Line("", "pip install -U 'mlflow"),
    "TensorBoardLogger": Line("save_dir=DIR", "tensorboard.*pip install"),
    "WandbLogger": Line("save_dir=DIR offline=true", slow=True),
}

PACKAGES = {
    "DeviceStatsMonitor": "psutil",
    "RichModelSummary": "rich",
    "RichProgressBar": "rich",
    "CometLogger": "comet_ml",
    "MLFlowLogger": "mlflow",
    "TensorBoardLogger": "tensorboard",
}
"""What these need; where it is installed, they work."""


def nothing(*arguments):
    """A hook."""


def batch_size(batch):
    """Samples of a batch."""
    return len(batch.images) if isinstance(batch, ClipBatch) else 1
