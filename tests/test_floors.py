"""The floors of the house, over every import of every file, also late ones and those for types only."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
    "cli": 7,
}
THIRD_PARTY = {
    "core": {"numpy"},
    "media": {"numpy", "av", "soxr", "tokenizers"},
    "model": {"numpy", "safetensors", "torch"},
    "data": {"numpy", "soxr"},
    "train": {"numpy", "rich", "safetensors", "torch"},
    "engine": {"numpy", "torch"},
    "agent": set[str](),
    "gateway": {"numpy"},
    "eval": {"numpy", "rich", "torch"},
    "recipes": set[str](),
    "cli": {"numpy", "rich", "torch", "typer"},
}
FILES = sorted((ROOT / "microturn").glob("**/*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part a module of ours belongs to; "" for the package itself, which holds the version only."""
    return (*module.split("."), "")[1]


@cache
def known_modules() -> frozenset[str]:
    return frozenset(map(module_of, FILES))


def imports(path: Path) -> Iterator[str]:
    """Every imported module, wherever the import stands; `from package import module` gives the module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for name in node.names:
                full = f"{base}.{name.name}"
                yield full if full in known_modules() else base


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] == "microturn"}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_part_imports_only_itself_and_lower_floors(path: Path) -> None:
    part = part_of(module_of(path))
    others = {part_of(name) for name in ours(path)} - {part, ""}
    assert [other for other in others if not part or FLOORS[other] >= FLOORS[part]] == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_part_uses_only_its_third_parties(path: Path) -> None:
    foreign = {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names - {"microturn"}
    assert foreign - THIRD_PARTY.get(part_of(module_of(path)), set()) == set()


def test_every_part_has_a_floor() -> None:
    assert {part_of(name) for name in known_modules()} - {""} <= FLOORS.keys()


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module_of(path): ours(path) - {module_of(path)} for path in FILES}
    assert list(TopologicalSorter(graph).static_order())


def test_imports_are_absolute() -> None:
    trees = {path: ast.parse(path.read_text()) for path in FILES}
    relative = [p for p, tree in trees.items() for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert relative == []
