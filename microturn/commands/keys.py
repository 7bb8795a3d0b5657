"""`microturn keys`: API keys of a server in a file of hashes. A key itself is printed once and kept nowhere."""

from pathlib import Path

from rich.console import Console

from microturn.commands.places import writable_file
from microturn.gateway.keys import add_key, read_keys, remove_key


def add(name: str, file: Path) -> None:
    """Make a key and print it."""
    key = add_key(writable_file(file), name)
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"The key of {name}; it is shown this once, {file} keeps its hash:", markup=False
    )
    Console(highlight=False, soft_wrap=True).print(key, markup=False)


def show(file: Path) -> None:
    """Print the names of the keys and the beginning of their hashes, which is how logs name an owner."""
    console = Console(highlight=False, soft_wrap=True)
    for key in read_keys(file):
        console.print(f"{key.name}  {key.owner}", markup=False)


def remove(name: str, file: Path) -> None:
    """Take a key out."""
    remove_key(file, name)
