"""How many processes train together, and which one this is. Gradients are averaged in optim.py."""

import os
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


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


class Work(Protocol):
    """What each process does."""

    def __call__(self, processes: Processes, /) -> None: ...


def launch(work: Work, processes: int) -> None:
    """Run `work` in this process (1), in `processes` new single-thread ones, or as one of torchrun's."""
    if "WORLD_SIZE" in os.environ:
        _join(int(os.environ["RANK"]), work, int(os.environ["WORLD_SIZE"]), None)
    elif processes == 1:
        work(Processes(device="cuda" if torch.cuda.is_available() else "cpu"))
    else:
        port = _free_port()
        mp.start_processes(_join, (work, processes, port), nprocs=processes, start_method="spawn")


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _join(rank: int, work: Any, world: int, port: int | None) -> None:
    cuda = torch.cuda.is_available()
    if port is not None:
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(port)
        if not cuda:
            torch.set_num_threads(1)
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)))
    dist.init_process_group("nccl" if cuda else "gloo", rank=rank, world_size=world)
    work(Processes(rank, world, "cuda" if cuda else "cpu"))
    dist.destroy_process_group()
