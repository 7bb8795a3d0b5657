"""`python -m microturn` is `microturn`."""

from microturn.cli import app

app(prog_name="microturn")
