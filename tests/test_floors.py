"""The house has floors: a part imports only what lies below it, and each floor has its own third-party packages.

Every import counts: lazy ones inside functions, those under TYPE_CHECKING, and importlib.import_module with a literal.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "microturn"

FLOORS = {
    "core": 0,
    "media": 1,
    "model": 2,
    "data": 2,
    "train": 3,
    "engine": 3,
    "agent": 3,
    "gateway": 4,
    "eval": 5,
    "recipes": 6,
    "commands": 7,
    "cli": 8,
}
PACKAGES = {
    "core": {"numpy"},
    "media": {"numpy", "av", "soxr", "tokenizers"},
    "model": {"torch", "numpy", "safetensors"},
    "data": {"numpy", "soxr"},
    "train": {"torch", "numpy", "rich", "safetensors"},
    "engine": {"torch", "numpy", "safetensors"},
    "agent": {"pint", "pydantic_ai", "openai", "fastmcp"},
    "gateway": {"numpy", "fastapi", "pydantic", "pydantic_core", "starlette", "structlog", "uvicorn"}
    | {"aiortc", "prometheus_client", "websockets"},
    "eval": {"numpy", "torch", "rich", "inspect_ai", "pocketsphinx", "pipecat", "loguru", "openai", "google"}
    | {"pyarrow", "py3langid"},
    "recipes": {"numpy"},
    "commands": {"rich", "numpy", "torch", "safetensors", "sounddevice", "livekit", "structlog", "rerun"},
    "cli": {"typer"},
}
FREE = {"__init__", "__main__"}  # the package's own door: a version, and a call of the command line


def imports_of(source: str) -> Iterator[str]:
    """Dotted names of all modules a source imports; `from a import b` gives a.b, since b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.args[0].value


def part_of(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def violations(package: Path) -> list[str]:
    """Every import that goes up, sideways, or to a package that the floor may not use."""
    found: list[str] = []
    for path in sorted(package.rglob("*.py")):
        part = part_of(path, package)
        if part in FREE:
            continue
        where = path.relative_to(package.parent)
        if part not in FLOORS:
            found.append(f"{where}: part {part!r} has no floor")
            continue
        for name in imports_of(path.read_text(encoding="utf-8")):
            reason = why_not(part, name)
            if reason:
                found.append(f"{where}: imports {name}: {reason}")
    return found


def why_not(part: str, name: str) -> str:
    """What is wrong with this import in this part; empty when nothing is."""
    top, *rest = name.split(".")
    if not top:
        return "imports are absolute"
    if top != "microturn":
        allowed = top in sys.stdlib_module_names or top in PACKAGES[part]
        return "" if allowed else f"{part} may use only {', '.join(sorted(PACKAGES[part]))}"
    target = rest[0] if rest else ""
    if target == part or target == "__version__":
        return ""
    if target not in FLOORS:
        return "no such part"
    return "" if FLOORS[target] < FLOORS[part] else f"floor {FLOORS[target]} is not below floor {FLOORS[part]}"


def part_graph(package: Path) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        part = part_of(path, package)
        names = [name.split(".") for name in imports_of(path.read_text(encoding="utf-8"))]
        targets = {name[1] for name in names if name[0] == "microturn" and len(name) > 1}
        graph.setdefault(part, set()).update((targets & set(FLOORS)) - {part})
    return graph


def file_graph(package: Path) -> dict[str, set[str]]:
    """Which of our modules each of our modules imports."""
    modules = {module_of(path, package): path for path in package.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = [(name, name.rpartition(".")[0]) for name in imports_of(path.read_text(encoding="utf-8"))]
        targets = {name if name in modules else base for name, base in names}
        graph[module] = (targets & modules.keys()) - {module, "microturn"}
    return graph


def module_of(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def test_every_part_imports_only_what_lies_below_it() -> None:
    assert violations(PACKAGE) == []


def test_parts_do_not_import_each_other_in_a_circle() -> None:
    TopologicalSorter(part_graph(PACKAGE)).prepare()


def test_files_do_not_import_each_other_in_a_circle() -> None:
    TopologicalSorter(file_graph(PACKAGE)).prepare()


def test_the_test_has_looked_at_the_house() -> None:
    paths = list(PACKAGE.rglob("*.py"))
    names = [name for path in paths for name in imports_of(path.read_text(encoding="utf-8"))]
    assert len(paths) > 20 and len(names) > 100
    assert {"core", "media"} <= part_graph(PACKAGE).keys()
    assert "core" in part_graph(PACKAGE)["media"]
    assert "microturn.core.clock" in file_graph(PACKAGE)["microturn.core.participant"]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("core", "import microturn.media.pcm"),
        ("core", "from microturn.engine import session"),
        ("core", "from microturn import media"),
        ("core", "def late():\n    from microturn.cli import app"),
        ("core", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import microturn.model.backbone"),
        ("core", "import importlib\nimportlib.import_module('microturn.media.mel')"),
        ("core", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("core", "from .. import media"),
        ("model", "from microturn.data.script import Script"),
        ("data", "import microturn.model"),
        ("data", "from scipy import signal"),
        ("media", "import torch.nn as nn"),
        ("train", "from microturn.engine.api import Engine"),
        ("attic", "x = 1"),
    ],
)
def test_a_planted_import_is_caught(tmp_path: Path, part: str, source: str) -> None:
    package = tmp_path / "microturn"
    (package / part).mkdir(parents=True)
    (package / part / "planted.py").write_text(source)
    assert len(violations(package)) == 1


def test_a_good_import_is_not_caught(tmp_path: Path) -> None:
    (tmp_path / "microturn/engine").mkdir(parents=True)
    source = "import json\nimport torch\nfrom microturn.model.state import State\nfrom microturn.engine import api\n"
    (tmp_path / "microturn/engine/good.py").write_text(source)
    assert violations(tmp_path / "microturn") == []


def test_a_planted_circle_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "microturn"
    for part, other in (("train", "engine"), ("engine", "train")):
        (package / part).mkdir(parents=True)
        (package / part / "a.py").write_text(f"def late():\n    import microturn.{other}.a")
    for graph in (part_graph(package), file_graph(package)):
        with pytest.raises(CycleError):
            TopologicalSorter(graph).prepare()
