"""Where a command writes: checked before anything is computed. What it writes lives with the command."""

import tempfile
from pathlib import Path

from microturn.core.errors import InputError


def writable_folder(folder: Path) -> Path:
    """The folder, made if it is not there. InputError where that cannot be."""
    right = "a folder that can be made and written in"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except FileExistsError as error:
        raise InputError("not a folder", folder, "a file", right) from error
    except OSError as error:
        raise InputError("cannot be written in", folder, error.strerror or "an error", right) from error


def writable_file(path: Path) -> Path:
    """A path for a file, its folder made. InputError where that cannot be."""
    if path.is_dir():
        raise InputError("not a file", path, "a folder", "the name of a file to write")
    writable_folder(path.parent)
    return path
