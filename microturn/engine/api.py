"""What an engine promises: sessions that take one micro-turn at a time. How it computes them lives elsewhere.

Contract of every engine: a turn commits or changes nothing; `seq` is the tick and counts from 0 without gaps; the last
`seq` once more gives the stored result again; a reference of an earlier epoch is refused; an open session is never
refused for lack of room. Raw levels and token ids cross this border, embeddings do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from microturn.core.errors import ConfigError, MicroturnError
from microturn.engine.session import SessionState
from microturn.model.sampling import SamplingConfig


@dataclass(frozen=True)
class SessionSpec:
    """How a session is opened. seed: keys its random numbers; id: where empty the engine chooses a unique one."""

    seed: int = 0
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    id: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ConfigError("seed", "SessionSpec", self.seed, "0 to 2**63 - 1")


@dataclass(frozen=True)
class SessionRef:
    """A session as its holder knows it; `epoch` rises with every resume, so an old holder cannot write."""

    id: str
    epoch: int


@dataclass(frozen=True, eq=False)
class InputChunk:
    """What a session hears in tick `seq`.

    dmel: uint8 levels [frames_per_tick, n_mels], None is silence (level 0 everywhere); text: token ids, one run for
    each text, opened by its marker (`<user>` for typed words, `<result>` for what comes back of work handed over). What
    does not fit in the tick goes on in the next.
    frame: uint8 [H, W, 3] in the model's grid, None where no picture came; a model without sight takes none.
    hush: whoever runs the session wants silence: `<listen>` is this tick's decision, whatever the model would say.
    """

    seq: int
    dmel: npt.NDArray[np.uint8] | None = None
    text: tuple[tuple[int, ...], ...] = ()
    frame: npt.NDArray[np.uint8] | None = None
    hush: bool = False


@dataclass(frozen=True, eq=False)
class TurnResult:
    """What a session gives in tick `seq`.

    said: sampled token ids without the one that ends them (`<listen>`, also `<speak>` where there is a voice);
    heard: new token ids of the transcript; committed: positions in the sequence; forwards: passes through the backbone
    this session took part in; logits: float32 [decisions, vocabulary] before bias and temperature, if the engine keeps
    them; held: it was hushed, and something else than `<listen>` was likeliest.

    Of a model with a voice: pcm: float32 [3200], what it sounds, None where it is silent; own: uint8 levels
    [frames_per_tick, n_mels] of that, as it hears itself in the next tick; begun: how many tokens of the utterance have
    begun to sound; unsaid: tokens that were said and never sounded, now that it is silent (they are erased from its
    memory).
    """

    seq: int
    said: tuple[int, ...]
    heard: tuple[int, ...]
    committed: int
    forwards: int
    logits: npt.NDArray[np.float32] | None = None
    pcm: npt.NDArray[np.float32] | None = None
    own: npt.NDArray[np.uint8] | None = None
    begun: int = 0
    unsaid: tuple[int, ...] = ()
    held: bool = False


@dataclass(frozen=True)
class Capacity:
    """Sessions an engine can hold, and how many more it would open now."""

    slots: int
    free: int


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session at rest: everything but the weights, named by their hash. `snapshot.py` turns it into bytes and back.

    kv: keys and values [positions, heads, width] still within reach and the convolutions' last inputs, by layer;
    voice: where its utterance stands, nothing while it is silent; seen: the last frame, if any came.
    """

    spec: SessionSpec
    epoch: int
    state: SessionState
    last: TurnResult | None
    committed: int
    weights: str
    kv: dict[str, Tensor]
    voice: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    seen: npt.NDArray[np.uint8] | None = None


class Engine(Protocol):
    """Sessions of one model. Plain calls: whoever must not wait calls them from a thread of its own."""

    def open(self, spec: SessionSpec) -> SessionRef:
        """Begin a session at tick 0; AdmissionRefused where there is no room."""
        ...

    def turn(self, ref: SessionRef, chunk: InputChunk) -> TurnResult:
        """One micro-turn of one session."""
        ...

    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        """One micro-turn of several sessions at once, all or none; the results are those of each alone."""
        ...

    def suspend(self, ref: SessionRef) -> Snapshot:
        """Take a session out of the engine; its place is free."""
        ...

    def resume(self, snapshot: Snapshot) -> SessionRef:
        """Put a session back, here or elsewhere, one epoch later; AdmissionRefused where there is no room."""
        ...

    def close(self, ref: SessionRef) -> None:
        """End a session; a second close does nothing."""
        ...

    def capacity(self) -> Capacity:
        """Room there is now."""
        ...


class EngineError(MicroturnError):
    """A request that an engine cannot take; the session it names is as it was before."""


class AdmissionRefused(EngineError):
    """No room for another session. `retry_after_s`: when asking again makes sense."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        self.reason, self.retry_after_s = reason, retry_after_s
        super().__init__(f"no room for another session: {reason}; ask again in {retry_after_s:g} s or close one")


class UnknownSession(EngineError):
    """Never opened here, or closed or suspended since."""

    def __init__(self, ref: SessionRef) -> None:
        super().__init__(f"session {ref.id!r} is not open here; open or resume it first")


class StaleEpoch(EngineError):
    """The session was resumed since this reference was given."""

    def __init__(self, ref: SessionRef, epoch: int) -> None:
        super().__init__(f"session {ref.id!r}: the reference has epoch {ref.epoch}, the session has {epoch}")


class WrongSeq(EngineError):
    """A tick left out, or one that is long past."""

    def __init__(self, ref: SessionRef, came: int, right: int) -> None:
        self.came, self.right = came, right
        again = "" if right == 0 else f", or {right - 1} again"
        super().__init__(f"session {ref.id!r}: got seq {came}; right is {right}, the next tick{again}")
