"""What a server counts and how it is read: Prometheus text. Each record costs microseconds; nothing is computed here.

A server has one `Metrics` with a registry of its own, so two servers in one process do not add up.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from microturn.core.chunk import MicroTurn
from microturn.core.clock import TICK_MS

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
TICK_BUCKETS_S = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
QUEUE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)


class Metrics:
    """Every method may be called on any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self._tick = Histogram(
            "microturn_tick_seconds",
            "From the end of a micro-turn to its answer.",
            registry=own,
            buckets=TICK_BUCKETS_S,
        )
        self._misses = Counter("microturn_tick_misses", f"Answers later than {TICK_MS} ms.", registry=own)
        self._decisions = Counter("microturn_ticks", "Micro-turns by what the model did.", ["decision"], registry=own)
        self._overlap = Counter(
            "microturn_overlap_seconds", "Time in which the model sounded and heard words.", registry=own
        )
        self._batch = Histogram(
            "microturn_batch_sessions", "Sessions in one forward.", registry=own, buckets=BATCH_BUCKETS
        )
        self._queue = Histogram(
            "microturn_queue_seconds", "From asking the engine to its start.", registry=own, buckets=QUEUE_BUCKETS_S
        )
        self._opened = Counter("microturn_sessions_opened", "Sessions that were opened.", ["protocol"], registry=own)
        self._ended = Counter("microturn_sessions_ended", "Sessions that have ended.", ["reason"], registry=own)
        self._refused = Counter(
            "microturn_sessions_refused", "Sessions that were not opened.", ["reason"], registry=own
        )
        self._turned = Counter("microturn_turned_away", "Requests refused at the door.", ["code"], registry=own)
        self._over = Counter("microturn_messages_refused", "Messages faster than the limits allow.", registry=own)
        self._bytes = Counter("microturn_bytes", "Bytes of messages and bodies.", ["direction"], registry=own)
        self._speak, self._listen = self._decisions.labels("speak"), self._decisions.labels("listen")
        self._in, self._out = self._bytes.labels("in"), self._bytes.labels("out")

    def watch(self, sessions: Callable[[], float], free: Callable[[], float], connections: Callable[[], float]) -> None:
        """Read these when somebody asks: sessions that live, places that are free, WebSockets that are open."""
        for name, what, read in (
            ("microturn_sessions", "Sessions that live now.", sessions),
            ("microturn_places_free", "Sessions that would still be opened now.", free),
            ("microturn_connections", "WebSockets that are open now.", connections),
        ):
            Gauge(name, what, registry=self._registry).set_function(read)

    def tick(self, turn: MicroTurn, late_s: float) -> None:
        """One micro-turn, answered `late_s` after its end."""
        self._tick.observe(late_s)
        if late_s > TICK_MS / 1000:
            self._misses.inc()
        speaks = turn.model.pcm is not None or bool(turn.model.text)
        (self._speak if speaks else self._listen).inc()
        if speaks and any(event.kind == "heard" for event in turn.model.events):
            self._overlap.inc(TICK_MS / 1000)

    def batch(self, sessions: int, waited_s: float) -> None:
        """One forward of the engine for so many sessions, the first of which waited so long."""
        self._batch.observe(sessions)
        self._queue.observe(waited_s)

    def opened(self, protocol: str) -> None:
        """A session was opened."""
        self._opened.labels(protocol).inc()

    def ended(self, reason: str) -> None:
        """A session has ended."""
        self._ended.labels(reason).inc()

    def refused(self, reason: str) -> None:
        """A session was not opened: "draining", "sessions", "sessions_per_key" or "engine"."""
        self._refused.labels(reason).inc()

    def turned_away(self, code: str) -> None:
        """A request was refused at the door."""
        self._turned.labels(code).inc()

    def over(self) -> None:
        """A message came faster than it may."""
        self._over.inc()

    def received(self, count: int) -> None:
        """Bytes from clients."""
        self._in.inc(count)

    def sent(self, count: int) -> None:
        """Bytes to clients."""
        self._out.inc(count)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
