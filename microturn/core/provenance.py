"""What made a figure: the machine, the commit and the command. Nothing is measured here."""

import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CPU_INFO = Path("/proc/cpuinfo")


def provenance(program: str) -> dict[str, Any]:
    """`machine`, `commit` and `command`, as every report of a benchmark carries them; `program`: how it was called."""
    return {"machine": machine(), "commit": commit(), "command": shlex.join([*program.split(), *sys.argv[1:]])}


def machine() -> dict[str, Any]:
    """Where this runs, and how busy it is with other things."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def commit(folder: Path = ROOT) -> str:
    """Short commit of the code in `folder`, with a plus where files differ from it; "unknown" outside of git."""
    try:
        described = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
