"""The one clock: integer ticks of 200 ms. Wall time exists only in WallClock."""

TICK_MS = 200
SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = SAMPLE_RATE_HZ * TICK_MS // 1000


def tick_of(ms: int) -> int:
    """Index of the micro-turn that contains the moment `ms` (milliseconds since the session began)."""
    return ms // TICK_MS
