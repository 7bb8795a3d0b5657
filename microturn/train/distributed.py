"""Training in several processes: launching them, what they agree on, and tensors spread over them. No loop, no maths.

Two ways to share work. Copies: every process has the whole model, gradients are averaged (optim.py). Shards: FSDP2
(`torch.distributed.fsdp.fully_shard`) spreads every parameter; then parameters, gradients and optimizer state are
DTensors, and everything else stays the same. A saved state is whole in both, so that a run may change between them.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from microturn.model.interaction import InteractionModel


@dataclass(frozen=True)
class Processes:
    """This process's place: rank of world, on one device."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process; all must ask."""
        if self.world == 1:
            return flag
        votes = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(votes)
        return bool(votes.item())

    def shares_parameters(self, asked: Literal["auto", "always", "never"]) -> bool:
        """Whether parameters are spread: if asked, else between GPUs."""
        return asked == "always" or (asked == "auto" and self.world > 1 and self.device != "cpu")


class Work(Protocol):
    """What each process does."""

    def __call__(self, processes: Processes, /) -> None: ...


def launch(work: Work, processes: int) -> None:
    """Run `work` in this process (1), in `processes` new single-thread ones, or as one of torchrun's.

    On a machine with GPUs there are no more processes than those.
    `work` is pickled for new processes. SIGTERM and SIGINT are passed on to them, and they are waited for.
    """
    if "WORLD_SIZE" in os.environ:
        _join(int(os.environ["RANK"]), work, int(os.environ["WORLD_SIZE"]), None)
        return
    if torch.cuda.is_available():
        processes = min(processes, torch.cuda.device_count())
    if processes == 1:
        work(Processes(device="cuda" if torch.cuda.is_available() else "cpu"))
    else:
        started = mp.start_processes(
            _join, (work, processes, _free_port()), processes, join=False, start_method="spawn"
        )
        assert started is not None

        def pass_on() -> None:
            for process in filter(None, started.processes):
                process.terminate()

        with on_stop_signals(pass_on):
            while not started.join():
                pass


@contextmanager
def on_stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop` instead of ending the process, as long as this lasts."""
    kept = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _join(rank: int, work: Work, world: int, port: int | None) -> None:
    cuda = torch.cuda.is_available()
    if port is not None:
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(port)
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)))
    else:
        torch.set_num_threads(1)
    dist.init_process_group("nccl" if cuda else "gloo", rank=rank, world_size=world)
    try:
        work(Processes(rank, world, "cuda" if cuda else "cpu"))
    finally:
        dist.destroy_process_group()


def shard(model: InteractionModel, processes: Processes, bf16: bool) -> None:
    """Spread the parameters over all processes, gathered layer by layer when needed; on a GPU in bf16 if asked.

    What lies outside the layers stays gathered between forward and backward, for the heads are read in between.
    Inputs are never cast: the seconds of the clock do not survive bf16. A voice is not trained here and stays whole.
    """
    low = torch.bfloat16 if bf16 and processes.device != "cpu" else None
    policy = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=torch.float32, cast_forward_inputs=False)
    mesh = init_device_mesh(processes.device, (processes.world,))
    for layer in model.backbone.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    voice = set() if model.voice is None else set(model.voice.parameters())
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=False, ignored_params=voice)


def whole(tensor: Tensor) -> Tensor:
    """The tensor with all its shards; itself where it has none. All processes must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own_part(tensor: Tensor, like: Tensor) -> Tensor:
    """What this process keeps of a whole tensor that lies spread as `like`; all of it where `like` is not spread."""
    if isinstance(like, DTensor) and tensor.shape == like.shape:
        there = tensor.to(like.device)
        return distribute_tensor(there, like.device_mesh, like.placements, src_data_rank=None)
    return tensor


def whole_state(state: Any) -> Any:
    """A nested state with every spread tensor whole, on the CPU. All processes must ask."""
    if isinstance(state, DTensor):
        return state.full_tensor().cpu()
    if isinstance(state, Mapping):
        return {key: whole_state(value) for key, value in state.items()}
    return state
