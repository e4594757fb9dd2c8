"""Runs notebooks and keeps their outputs: python notebooks/execute.py [FILE ...].

Jupyter is not needed: what a cell prints, the value of its last line and its figures are kept, as
Jupyter would. What goes to the error stream is shown, and not kept.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

__all__ = ["code_cells", "keep_outputs", "run"]

Cell = dict[str, Any]
_DOTS_PER_INCH = 72  # of a kept figure, as in Jupyter: files stay small


def code_cells(notebook: Mapping[str, Any]) -> list[Cell]:
    """The cells that are run, in their order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(
    notebook: Mapping[str, Any], name: str, given: Mapping[str, object] | None = None
) -> Iterator[tuple[Cell, list[Cell], dict[str, Any]]]:
    """Run the code cells in one name space: each cell, its outputs, and all names so far.

    Args:
        notebook: The content of the file.
        name: What it is called in a traceback.
        given: Values that replace those of the cell with the tag ``parameters``, by name.

    Raises:
        KeyError: If that cell has no such name.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook), 1):
        outputs = _outputs("".join(cell["source"]), f"{name}, cell {number}", names, number)
        if given and "parameters" in cell["metadata"].get("tags", ()):
            if unknown := given.keys() - names.keys():
                raise KeyError(f"{name} has no parameters {sorted(unknown)}")
            names |= given
        yield cell, outputs, names


def _outputs(source: str, where: str, names: dict[str, Any], number: int) -> list[Cell]:
    """Run a cell; its outputs in Jupyter's format."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), where, "exec"), names)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
    outputs = list[Cell]()
    if text := printed.getvalue():
        lines = text.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None and not source.rstrip().endswith(";"):
        shown = {"data": _data(value), "execution_count": number, "metadata": {}}
        outputs.append(shown | {"output_type": "execute_result"})
    for figure in map(plt.figure, plt.get_fignums()):
        image = io.BytesIO()
        figure.savefig(image, dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
        data = {
            "image/png": base64.b64encode(image.getvalue()).decode(),
            "text/plain": [repr(figure)],
        }
        outputs.append({"data": data, "metadata": {}, "output_type": "display_data"})
    plt.close("all")
    return outputs


def _data(value: Any) -> dict[str, list[str]]:
    """What a value looks like, by kind."""
    data = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    return data


def keep_outputs(path: Path) -> None:
    """Run a notebook, and write its outputs into the file once all cells have run."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, (cell, outputs, _) in enumerate(run(notebook, path.name), 1):
        cell |= {"execution_count": number, "outputs": outputs}
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    plt.switch_backend("agg")
    for file in map(Path, sys.argv[1:]) if sys.argv[1:] else Path(__file__).parent.glob("*.ipynb"):
        keep_outputs(file)
