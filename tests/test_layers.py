"""The architecture, held by the syntax tree: who may import whom, and how long code may get."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "arseg_lightning"

LAYERS = (
    "types",
    "geometry",
    "files",
    "accelerator",
    "distributed",
    "messages",
    "ranges",
    "native",
    "provenance",
    "video",
    "drawing",
    "parallel_jobs",
    "datasets",
    "models",
    "propagation",
    "graphical",
    "inference",
    "losses",
    "metrics",
    "methods",
    "cost",
    "export",
    "report",
    "sweep",
    "tasks",
    "callbacks",
    "hub",
    "streaming",
    "bench",
    "demo",
    "commands",
    "experiment_cli",
    "cli",
)
"""In the order of the data flow: a layer may use those before it and itself."""

OWNERS = {
    "adjustText": ("report",),
    "av": ("video",),
    "albumentations": ("datasets.augment",),
    "cv2": (),
    "filelock": ("files",),
    "gradio": ("demo.server",),
    "jinja2": ("report",),
    "onnx": ("export",),
    "onnxruntime": ("export",),
    "openvino": ("export",),
    "lightning": (
        *("datasets.datamodule", "datasets.trainer_state"),
        *("tasks", "callbacks", "experiment_cli", "cli"),
    ),
    "pytorch_lightning": (),
    "huggingface_hub": ("hub.repository",),
    "safetensors": ("models.safetensors_file",),
    "joblib": ("parallel_jobs",),
    "matplotlib": ("report",),
    "maxflow": ("graphical.packages",),
    "ray": ("parallel_jobs",),
    "optuna": ("sweep",),
    "pandas": ("report", "bench.measure", "commands.cost", "commands.compare", "commands.motion"),
    "scipy": ("datasets.clicks", "datasets.rendered"),
    "skimage": ("graphical.packages",),
    "wandb": ("callbacks",),
}
"""Third-party packages that only these modules may import."""

FORBIDDEN = {
    "types": ("torch",),
    "native": ("torch", "lightning"),
    "video": ("torch", "lightning", "torchmetrics"),
    "drawing": ("torch", "lightning", "matplotlib"),
}
"""Third-party packages that these layers may not import, except for type annotations."""

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60

SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    .removesuffix("__init__")
    .rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Files by module name without the package's: ``video.chain``, ``video``, and "" for the root."""


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, at_runtime: bool = False) -> tuple[tuple[int, str], ...]:
    """Line and full name of everything that a file imports, at any depth."""
    return tuple(_imports(path, at_runtime))


def _imports(path: Path, at_runtime: bool) -> Iterator[tuple[int, str]]:
    tree = syntax_tree(path)
    typing_only = set(_under_type_checking(tree)) if at_runtime else set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively; give the full name"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _under_type_checking(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                yield from ast.walk(statement)


def is_inside(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def may_import(layer: str, name: str) -> bool:
    """Whether a layer may import something of the package; whatever is not of it, it may."""
    package, _, inner = name.partition(".")
    target = inner.split(".")[0]
    if package != "arseg_lightning" or target in ("", "__version__", layer):
        return True
    before = (
        LAYERS if layer == "__main__" else LAYERS[: LAYERS.index(layer)] if layer in LAYERS else ()
    )
    return target in before


def test_every_layer_has_its_position_in_the_order():
    layers = {module.split(".")[0] for module in SOURCES} - {"", "__main__"}
    assert layers - set(LAYERS) == set()


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in SOURCES.values()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_imports_point_up_the_order_only():
    violations = [
        f"{path}:{line} imports {name}"
        for module, path in SOURCES.items()
        for line, name in imports(path)
        if not may_import(module.split(".")[0], name)
    ]
    assert violations == []


@pytest.mark.parametrize("owned", OWNERS)
def test_a_third_party_package_is_imported_only_by_its_owners(owned):
    violations = [
        f"{path}:{line} imports {name}"
        for module, path in SOURCES.items()
        if not is_inside(module, OWNERS[owned])
        for line, name in imports(path)
        if name.split(".")[0] == owned
    ]
    assert violations == []


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_light_layer_imports_nothing_heavy(layer):
    violations = [
        f"{path}:{line} imports {name}"
        for module, path in SOURCES.items()
        if is_inside(module, (layer,))
        for line, name in imports(path, at_runtime=True)
        if name.split(".")[0] in FORBIDDEN[layer]
    ]
    assert violations == []


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        pytest.param([""], ["numpy", "torch", "lightning", "av", "wandb"], id="package"),
        pytest.param(
            [name for name in SOURCES if is_inside(name, ("types", "video"))],
            ["torch", "lightning", "albumentations", "wandb"],
            id="video",
        ),
    ],
)
def test_importing_loads_nothing_heavy(modules, absent):
    names = [f"arseg_lightning.{module}".rstrip(".") for module in modules]
    code = f"import sys, {', '.join(names)}; print(sorted(set({absent}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_files_are_short():
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES.values()
    }
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_functions_are_short():
    lengths = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES.values()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


METHOD_FILES = (
    "methods.method",
    "methods.plan",
    "methods.clock",
    "methods.runner",
    "methods.stream_frame",
)
"""Of the folder of methods: what is no method."""

NAMED_TASKS = ("tasks.phases",)
"""AR-Seg's phases as LightningModules of their own: the only others that name a method."""


def method_classes():
    """Names of all method classes of the package, with those that extend another."""
    classes = [
        node
        for module, path in SOURCES.items()
        if is_inside(module, ("methods",)) and module not in METHOD_FILES
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    names, before = {"VideoMethod"}, 0
    while len(names) > before:
        before = len(names)
        names |= {c.name for c in classes if names & {ast.unparse(base) for base in c.bases}}
    return names - {"VideoMethod"}


def test_there_are_methods():
    assert method_classes() >= {
        "ARSeg",
        "Clockwork",
        "FeaturePropagation",
        "JointARSeg",
        "PerFrame",
    }


def test_nobody_else_names_a_method():
    """What is not a method asks for roles and needs: it works for methods it has never met."""
    names = method_classes()
    violations = [
        f"{path}:{node.lineno} names {name}"
        for module, path in SOURCES.items()
        if not is_inside(module, ("methods", *NAMED_TASKS))
        for node in ast.walk(syntax_tree(path))
        for name in _names(node)
        if name in names
    ]
    assert violations == []


def _names(node: ast.AST) -> Iterator[str]:
    """Identifiers of a node, and its text where it is a constant that is no docstring."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield node.name.rpartition(".")[2]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.rpartition(".")[2]
