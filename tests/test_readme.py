"""What the README and the other pages say is so: the file map, the commands, the Python blocks, the links."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(program: str) -> list[tuple[str, ...]]:
    """Every line of all pages' shell blocks that starts with `program`, once, split into words, comments left out."""
    lines = [line for page in PAGES for block in blocks("sh", page.read_text()) for line in block.splitlines()]
    split = [tuple(shlex.split(line, comments=True)) for line in lines]
    return list(dict.fromkeys(words for words in split if words and Path(words[0]).name == program))


def file_map() -> list[str]:
    section = README.split("## File map", 1)[1]
    return [line.split()[0] for line in blocks("text", section)[0].splitlines() if line.strip()]


def cli_command(words: tuple[str, ...]) -> Any:
    """The command that `words` name, after `microturn`; raises KeyError for a name the CLI has not."""
    cli = pytest.importorskip("microturn.cli", reason="the command line is not written yet")
    command: Any = typer.main.get_command(cli.app)
    for word in words:
        if word.startswith("-") or not hasattr(command, "commands"):
            break
        command = command.commands[word]
    return command


@pytest.mark.parametrize("path", file_map())
def test_every_line_of_the_file_map_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_part_of_the_package_is_in_the_file_map() -> None:
    parts = {f"microturn/{path.parent.name}/" for path in ROOT.glob("microturn/*/*.py") if path.name != "__init__.py"}
    assert parts <= set(file_map())


@pytest.mark.parametrize("words", commands("make"), ids=" ".join)
def test_every_make_command_is_a_target(words: tuple[str, ...]) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(words[1:]) <= set(targets)


@pytest.mark.parametrize("words", commands("microturn"), ids=" ".join)
def test_every_cli_command_and_option_exists(words: tuple[str, ...]) -> None:
    command = cli_command(words[1:])
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("block", blocks("python"))
def test_every_python_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_in_backticks_exists(page: Path) -> None:
    paths = re.findall(r"`((?:microturn|tests|docs|examples|benchmarks|scripts)/[\w./-]*)`", page.read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []
