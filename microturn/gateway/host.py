"""Who answers in live sessions, and one engine for all of them: what waits at the same time is one batch. No clock."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar

from microturn.core.errors import InputError, WaitTooLong
from microturn.core.fakes import Echo
from microturn.core.participant import Participant
from microturn.engine.api import (
    AdmissionRefused,
    Capacity,
    Engine,
    EngineError,
    InputChunk,
    SessionRef,
    SessionSpec,
    Snapshot,
    TurnResult,
)
from microturn.engine.log import TurnRecord
from microturn.engine.participant import EngineParticipant
from microturn.gateway.kept import KeptSession
from microturn.media.mel import MelConfig
from microturn.media.text import TextTokenizer
from microturn.model.config import InteractionConfig
from microturn.model.sampling import SamplingConfig

WAIT_S = 30.0  # no answer of an engine takes so long; whoever waits longer is told so
RETRY_AFTER_S = 5.0
Given = TypeVar("Given")


class Host(Protocol):
    """Gives each session its partner. `join` and `leave` may wait for a tick: call them from a thread.

    weights: hash of the weights that answer, "" where there are none. sees: whether pictures change what is said; where
    they do not, a camera that could be asked to send nothing is.
    """

    name: str
    weights: str
    sees: bool

    def join(self, session_id: str, seed: int) -> Participant:
        """A fresh partner; AdmissionRefused where there is no room."""
        ...

    def rejoin(self, kept: KeptSession, session_id: str, seed: int | None = None) -> Participant:
        """The partner of a recorded session as it was after its whole ticks. InputError where another model held it.

        seed: for a copy of it, whose tick 0 comes then; left out, the session itself goes on.
        """
        ...

    def fork(self, partner: Participant, session_id: str, seed: int) -> Participant:
        """A copy that remembers the same, for another session, which begins at tick 0."""
        ...

    def leave(self, partner: Participant) -> None:
        """The session of this partner has ended."""
        ...

    def spec(self, session_id: str, seed: int) -> SessionSpec | None:
        """How `join` opens the engine's session, enough to open it again; None where there is no engine."""
        ...

    def reads(self, text: str) -> bool:
        """Whether the model was taught every word of a text."""
        ...

    def capacity(self) -> Capacity:
        """Sessions it can hold, and how many more it would take now."""
        ...

    def well(self) -> bool:
        """Whether it can still answer; once it cannot, only a new process can."""
        ...

    def close(self) -> None:
        """Nothing is asked of it any more."""
        ...


class ReplayingEngine(Engine, Protocol):
    """An engine that can bring a session to where its log ends."""

    @property
    def config(self) -> InteractionConfig:
        """Its model's."""
        ...

    def replay(self, spec: SessionSpec, records: Sequence[TurnRecord]) -> SessionRef:
        """Open a session and bring it to where its log ends; nothing is sampled."""
        ...


class EchoHost:
    """Everyone talks to an echo: the wire without a model."""

    name, weights = "echo", ""
    sees = True

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._partners: list[Participant] = []
        self._lock = threading.Lock()

    def join(self, session_id: str, seed: int) -> Participant:
        """An echo that answers in the tick in which it hears."""
        with self._lock:
            if len(self._partners) >= self._slots:
                raise AdmissionRefused(f"all {self._slots} slots are taken", RETRY_AFTER_S)
            self._partners.append(Echo())
            return self._partners[-1]

    def rejoin(self, kept: KeptSession, session_id: str, seed: int | None = None) -> Participant:
        """An echo remembers nothing."""
        return self.join(session_id, 0)

    def fork(self, partner: Participant, session_id: str, seed: int) -> Participant:
        """An echo remembers nothing."""
        return self.join(session_id, seed)

    def spec(self, session_id: str, seed: int) -> SessionSpec | None:
        """There is no engine."""
        return None

    def leave(self, partner: Participant) -> None:
        """Its place is free."""
        with self._lock:
            self._partners.remove(partner)

    def reads(self, text: str) -> bool:
        """It follows no instructions."""
        return False

    def capacity(self) -> Capacity:
        """Room there is now."""
        return Capacity(self._slots, self._slots - len(self._partners))

    def well(self) -> bool:
        """Nothing in it can fail."""
        return True

    def close(self) -> None:
        """Nothing to end."""


class ModelHost:
    """Everyone talks to one model, on an engine in a thread of its own."""

    def __init__(
        self,
        name: str,
        engine: ReplayingEngine,
        tokenizer: TextTokenizer,
        mel: MelConfig,
        sampling: SamplingConfig,
        weights: str = "",
        watch: Callable[[int, float], None] | None = None,
    ) -> None:
        """watch: see `SharedEngine`."""
        self.name, self.weights, self.sees = name, weights, engine.config.sight is not None
        self._engine = SharedEngine(engine, watch=watch)
        self._tokenizer, self._mel, self._sampling = tokenizer, mel, sampling

    def join(self, session_id: str, seed: int) -> Participant:
        """The model in a session of its own."""
        ref = self._engine.open(self.spec(session_id, seed))
        return self._partner(ref)

    def rejoin(self, kept: KeptSession, session_id: str, seed: int | None = None) -> Participant:
        """The model once more, brought to where it was by the session's log."""
        about = kept.about
        if about.spec is None or about.weights != self.weights:
            came = about.weights or "no weights"
            raise InputError("a session that another model held", kept.folder, came, f"weights {self.weights}")
        ticks = kept.whole_ticks
        records = kept.log(self._engine.config)[:ticks]
        spec = replace(about.spec, id=session_id) if seed is None else self.spec(session_id, seed)
        partner = self._partner(self._engine.replay(spec, records))
        partner.remember(kept.last_heard(ticks))
        return partner if seed is None else partner.went_on(partner.ref, ticks)

    def fork(self, partner: Participant, session_id: str, seed: int) -> Participant:
        """The model with all that it remembers now, in a session of its own."""
        assert isinstance(partner, EngineParticipant)
        copied = self._engine.fork(partner.ref, self.spec(session_id, seed))
        return partner.went_on(copied.ref, copied.ticks)

    def spec(self, session_id: str, seed: int) -> SessionSpec:
        """The sampling of this host, the session's own seed and id."""
        return SessionSpec(seed, self._sampling, session_id)

    def leave(self, partner: Participant) -> None:
        """Its slot is free."""
        assert isinstance(partner, EngineParticipant)
        self._engine.close(partner.ref)

    def _partner(self, ref: SessionRef) -> EngineParticipant:
        return EngineParticipant(self._engine, ref, self._tokenizer, self._mel, self._engine.config.sight)

    def reads(self, text: str) -> bool:
        """Whether every word of a text is one token of its vocabulary, in which all frequent words of its world are."""
        return all(map(self._tokenizer.starts_word, self._tokenizer.encode(text)))

    def capacity(self) -> Capacity:
        """Room there is now."""
        return self._engine.capacity()

    def well(self) -> bool:
        """Whether the engine's thread lives and is not lost in one computation."""
        return self._engine.well

    def close(self) -> None:
        """End the engine's thread."""
        self._engine.stop()


@dataclass(frozen=True)
class _Turn:
    ref: SessionRef
    chunk: InputChunk
    result: "Future[TurnResult]"
    asked_s: float


@dataclass(frozen=True)
class _Call:
    compute: Callable[[], Any]
    result: "Future[Any]"


class Copied(NamedTuple):
    """A copy of a session, and the tick that is its next."""

    ref: SessionRef
    ticks: int


class SharedEngine:
    """An `Engine` for many threads. Turns that wait while another is computed become one batch; none waits for company.

    A request that an engine refuses fails alone: the others of its batch are computed without it. watch: gets the size
    of each batch and how many seconds its oldest turn had waited.
    """

    def __init__(
        self, engine: ReplayingEngine, wait_s: float = WAIT_S, watch: Callable[[int, float], None] | None = None
    ) -> None:
        self._engine, self._wait_s, self._watch = engine, wait_s, watch
        self._busy_since_s: float | None = None
        self._asked: queue.SimpleQueue[_Turn | _Call | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    @property
    def config(self) -> InteractionConfig:
        """Its model's."""
        return self._engine.config

    def open(self, spec: SessionSpec) -> SessionRef:
        """Begin a session at tick 0; AdmissionRefused where there is no room."""
        return self._call(lambda: self._engine.open(spec))

    def turn(self, ref: SessionRef, chunk: InputChunk) -> TurnResult:
        """One micro-turn of one session, in a batch with those that wait too."""
        return self._given(self.put_turn(ref, chunk))

    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        """One micro-turn of several sessions, all or none."""
        return self._call(lambda: self._engine.turns(requests))

    def suspend(self, ref: SessionRef) -> Snapshot:
        """Take a session out of the engine."""
        return self._call(lambda: self._engine.suspend(ref))

    def resume(self, snapshot: Snapshot) -> SessionRef:
        """Put a session back, one epoch later."""
        return self._call(lambda: self._engine.resume(snapshot))

    def replay(self, spec: SessionSpec, records: Sequence[TurnRecord]) -> SessionRef:
        """Open a session and bring it to where its log ends."""
        return self._call(lambda: self._engine.replay(spec, records))

    def fork(self, ref: SessionRef, spec: SessionSpec) -> Copied:
        """Open a copy of a session as it is now, which notices nothing; AdmissionRefused where there is no room."""

        def copied() -> Copied:
            snapshot = self._engine.suspend(ref)
            self._engine.resume(replace(snapshot, epoch=snapshot.epoch - 1))
            return Copied(self._engine.resume(replace(snapshot, spec=spec, epoch=0)), snapshot.state.tick)

        return self._call(copied)

    def close(self, ref: SessionRef) -> None:
        """End a session; a second close does nothing."""
        self._call(lambda: self._engine.close(ref))

    def capacity(self) -> Capacity:
        """Room there is now; it does not wait for the tick that is computed."""
        return self._engine.capacity()

    def stop(self) -> None:
        """End the thread after what is asked already; whoever asks later gets an EngineError."""
        self._stopped.set()
        self._asked.put(None)
        self._thread.join(self._wait_s)

    @property
    def waiting(self) -> int:
        """Requests that wait while another is computed."""
        return self._asked.qsize()

    @property
    def well(self) -> bool:
        """Whether it still answers: its thread lives and is at no computation longer than anyone waits."""
        since_s = self._busy_since_s
        stuck = since_s is not None and time.monotonic() - since_s > self._wait_s
        return self._thread.is_alive() and not stuck

    def put_turn(self, ref: SessionRef, chunk: InputChunk) -> "Future[TurnResult]":
        """Ask for a turn without waiting for it."""
        turn = _Turn(ref, chunk, Future(), time.monotonic())
        self._asked.put(turn)
        return turn.result

    def _call(self, compute: Callable[[], Given]) -> Given:
        call = _Call(compute, Future())
        self._asked.put(call)
        return self._given(call.result)

    def _given(self, result: "Future[Given]") -> Given:
        if self._stopped.is_set() and not self._thread.is_alive() and not result.done():
            raise EngineError("the engine has been stopped; nothing is computed any more")
        try:
            return result.result(self._wait_s)
        except TimeoutError as error:
            raise WaitTooLong(f"the engine gave no answer within {self._wait_s:g} s") from error

    def _serve(self) -> None:
        """The engine's thread: calls in the order they came, turns together."""
        while True:
            asked = [self._asked.get()]
            while not self._asked.empty():
                asked.append(self._asked.get())
            self._busy_since_s = time.monotonic()
            turns = [one for one in asked if isinstance(one, _Turn)]
            for one in asked:
                if isinstance(one, _Call):
                    _settle(one.result, one.compute)
            if turns:
                if self._watch is not None:
                    self._watch(len(turns), time.monotonic() - turns[0].asked_s)
                self._take(turns)
            self._busy_since_s = None
            if None in asked:
                return

    def _take(self, turns: Sequence[_Turn]) -> None:
        try:
            results = self._engine.turns([(turn.ref, turn.chunk) for turn in turns])
        except Exception as error:  # this thread must outlive any session: each one gets its own error
            if len(turns) == 1:
                turns[0].result.set_exception(error)
                return
            for turn in turns:
                self._take([turn])
            return
        for turn, result in zip(turns, results, strict=True):
            turn.result.set_result(result)


def _settle(result: "Future[Any]", compute: Callable[[], Any]) -> None:
    try:
        result.set_result(compute())
    except Exception as error:  # it belongs to whoever asked
        result.set_exception(error)
