"""What shares of tokens computed anew are worth: the figure of docs/eomt.md, from its result file.

python -m experiments.token_shares
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from arseg_lightning.report.comparison_table import read_comparison

__all__ = ["draw"]

_ROOT = Path(__file__).resolve().parents[1]
_RESULT = _ROOT / "experiments" / "study" / "results" / "eomt" / "tiny.json"
_LINES = {
    "tokens, by share": ("tokens 0", "tokens 0.1", "tokens 0.25", "tokens 0.5", "tokens 1"),
    "motion only, L from 12 to 2": (
        "TapLab BL1",
        *(f"motion only, L = {interval}" for interval in (6, 4, 3, 2)),
    ),
}
_POINTS = ("1x, trained on", "VidEoMT", "tokens 0.25, trained", "motion only, trained on")


def draw(path: Path) -> None:
    """Draw accuracy and flicker over cost."""
    records = {each["method"]: each for each in read_comparison(_RESULT)}
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, (key, name) in zip(
        figure.subplots(1, 2),
        (("miou", "mIoU (%)"), ("flicker", "flicker (% of pixels)")),
        strict=True,
    ):
        for label, methods in _LINES.items():
            shown = [records[method] for method in methods]
            costs = [each["gmacs"] for each in shown]
            axes.plot(costs, [100 * each[key] for each in shown], "o-", label=label)
        for method in _POINTS:
            each = records[method]
            axes.plot(each["gmacs"], 100 * each[key], "s", label=method)
        axes.set_xlabel("cost (GMACs per frame)")
        axes.set_ylabel(name)
        axes.grid(alpha=0.4)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(_ROOT / "docs" / "figures" / "eomt_shares.png")
