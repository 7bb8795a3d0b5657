"""`microturn serve`: the model on the wire, and how it starts. Settings, doors and sessions live in the gateway."""

import gc
import logging
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import structlog
import torch
from rich.console import Console

from microturn.agent.desk import Desk
from microturn.agent.options import agent_of
from microturn.agent.store import Store as JobStore
from microturn.commands.places import writable_folder
from microturn.commands.weights import open_weights, weights_file
from microturn.core.errors import InputError
from microturn.engine.embedded import EmbeddedEngine
from microturn.gateway.app import create_app
from microturn.gateway.doors import DoorRules, Doors
from microturn.gateway.host import EchoHost, Host, ModelHost
from microturn.gateway.metrics import Metrics
from microturn.gateway.server import Tls, server_of
from microturn.gateway.sessions import Sessions
from microturn.gateway.settings import (
    CONFIG,
    ServerSettings,
    agent_options,
    effective,
    ice_of,
    keys_of,
    printed,
    rules_of,
)
from microturn.gateway.store import Store
from microturn.gateway.warm import warm
from microturn.model.checkpoint import weights_hash
from microturn.model.sampling import noted_sampling

LIVE = "/v1/live/sessions"
SWITCH_S = 0.001


def serve(file: Path | None, line: Mapping[str, Any], only_print: bool = False) -> None:
    """Listen until a signal; what runs may finish first. line: the settings that were typed, by name.

    file: TOML, the one that the environment names if left out. only_print: tell the settings and do nothing else.
    """
    named = os.environ.get(CONFIG)
    in_force = effective(file or (Path(named) if named else None), os.environ, line)
    settings = in_force.settings
    keys = keys_of(settings)
    rules = rules_of(settings, keys)
    options, ice = agent_options(settings), ice_of(settings, os.environ)
    if only_print:
        Console(highlight=False, soft_wrap=True).print("\n".join(printed(in_force)), markup=False)
        return
    keep_logs(settings.log)
    tls = _tls(settings)
    metrics = Metrics()
    store = None if settings.recordings is None else Store(writable_folder(Path(settings.recordings)), settings.store)
    agent, jobs = agent_of(options), Path(settings.agent_jobs) if settings.agent_jobs else None
    sessions = Sessions(
        host_of(settings, metrics),
        settings.limits,
        metrics=metrics,
        store=store,
        desk=lambda: Desk(agent, JobStore(jobs)),
    )
    console = Console(highlight=False, soft_wrap=True, stderr=True)
    for text in (*greeting(settings, rules), *printed(in_force)):
        console.print(text, markup=False)
    app = create_app(sessions, Doors(keys, rules, settings.doors), ice)
    server = server_of(app, sessions, settings.host, settings.port, tls)
    _never_stop()
    server.run()
    if not server.started:
        right = "an address and port that is free"
        raise InputError("cannot listen", f"{settings.host}:{settings.port}", "an error", right)


def _never_stop() -> None:
    """Keep Python's own pauses out of the ticks."""
    # A full collection of all that was imported takes 0.1 s, in which no thread goes on; none of it becomes garbage.
    gc.collect()
    gc.freeze()
    # A thread that wants to go on with a tick waits so long for one that reads messages; 5 ms, the default, add up.
    sys.setswitchinterval(SWITCH_S)


def greeting(settings: ServerSettings, rules: DoorRules) -> Iterator[str]:
    """The address, and who may come in."""
    s = "s" if settings.tls_cert else ""
    address = f"{settings.host}:{settings.port}"
    yield f"microturn at http{s}://{address}/ (the page), ws{s}://{address}{LIVE}, http{s}://{address}/readyz"
    if rules.local:
        yield "without keys: open to everyone on this machine, to nobody else"
    elif settings.without_keys and not (settings.keys or settings.keys_file):
        yield "without keys: open to everyone who can reach this address, as --without-keys asks"
    if settings.model == "own":
        yield f"weights {weights_file(_weights(settings))}"


def host_of(settings: ServerSettings, metrics: Metrics) -> Host:
    """Who answers. On one thread: a tick is so small that threads wait longer for each other than they compute."""
    slots = settings.limits.sessions
    if settings.model == "echo":
        return EchoHost(slots)
    checkpoint = open_weights(_weights(settings))
    torch.set_num_threads(1)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    engine = EmbeddedEngine(model, tokenizer.vocab_size, slots)
    warm(engine, slots)
    sampling = noted_sampling(checkpoint.notes)
    name = f"microturn-{weights_file(_weights(settings)).stem}"
    return ModelHost(name, engine, tokenizer, model.config.mel, sampling, weights_hash(model), metrics.batch)


def keep_logs(form: Literal["json", "plain"]) -> None:
    """Log lines on stderr, our own and those of libraries: one JSON object each, or for people."""
    last = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=last))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _weights(settings: ServerSettings) -> Path | None:
    return None if settings.weights is None else Path(settings.weights)


def _tls(settings: ServerSettings) -> Tls | None:
    """The files of TLS, tried before anything listens."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except ssl.SSLError as error:
        right = "a PEM certificate with its chain, and its key without a password"
        raise InputError("not a certificate and its key", settings.tls_cert, error.reason, right) from None
    return Tls(settings.tls_cert, settings.tls_key)
