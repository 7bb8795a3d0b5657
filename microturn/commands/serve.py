"""`microturn serve`: the model on the wire. Which weights and settings; routes and sessions live in the gateway."""

import logging
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog
import torch
from rich.console import Console

from microturn.commands.weights import listen_bias, open_weights, weights_file
from microturn.core.config import from_dict, to_dict
from microturn.core.errors import ConfigError, InputError
from microturn.engine.embedded import EmbeddedEngine
from microturn.gateway.app import create_app
from microturn.gateway.host import EchoHost, Host, ModelHost
from microturn.gateway.server import server_of
from microturn.gateway.sessions import Limits, Sessions
from microturn.model.checkpoint import weights_hash
from microturn.model.sampling import SamplingConfig

LIVE = "/v1/live/sessions"


@dataclass(frozen=True)
class ServeRequest:
    """What was asked on the command line or in the environment. model: "echo" serves no weights at all."""

    weights: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8808
    slots: int = 8
    model: Literal["own", "echo"] = "own"
    log: Literal["json", "plain"] = "json"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65_536:
            raise ConfigError("port", "serve", self.port, "0 to 65535")


def serve_request(
    weights: Path | None, host: str, port: int, slots: int, model: str, log: str, idle_s: float, drain_s: float
) -> ServeRequest:
    """Options as they were typed; ConfigError names the one that is wrong."""
    limits = Limits(sessions=slots, idle_s=idle_s, drain_s=drain_s)
    asked = {"host": host, "port": port, "slots": slots, "model": model, "log": log}
    return replace(from_dict(ServeRequest, asked, "serve"), weights=weights, limits=limits)


def serve(request: ServeRequest) -> None:
    """Listen until a signal; what runs may finish first."""
    keep_logs(request.log)
    sessions = Sessions(host_of(request), request.limits)
    console = Console(highlight=False, soft_wrap=True, stderr=True)
    for line in settings(request):
        console.print(line, markup=False)
    server = server_of(create_app(sessions), sessions, request.host, request.port)
    server.run()
    if not server.started:
        raise InputError(
            "cannot listen", f"{request.host}:{request.port}", "an error", "an address and port that is free"
        )


def settings(request: ServeRequest) -> list[str]:
    """The settings that are in force, a line each, the address first."""
    weights = "none, an echo" if request.model == "echo" else str(weights_file(request.weights))
    shown = {"weights": weights, "slots": request.slots, "log": request.log, **to_dict(request.limits)}
    address = f"microturn at ws://{request.host}:{request.port}{LIVE}, http://{request.host}:{request.port}/readyz"
    return [address, *(f"  {name:<14} {value}" for name, value in shown.items())]


def host_of(request: ServeRequest) -> Host:
    """Who answers. On one thread: a tick is so small that threads wait longer for each other than they compute."""
    if request.model == "echo":
        return EchoHost(request.slots)
    checkpoint = open_weights(request.weights)
    torch.set_num_threads(1)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    engine = EmbeddedEngine(model, tokenizer.vocab_size, request.slots)
    sampling = SamplingConfig(listen_bias=listen_bias(checkpoint.notes))
    name = f"microturn-{weights_file(request.weights).stem}"
    return ModelHost(name, engine, tokenizer, model.config.mel, sampling, weights_hash(model))


def keep_logs(form: Literal["json", "plain"]) -> None:
    """Log lines on stderr: one JSON object each, or for people."""
    last = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
