"""How rooms and loudspeakers reshape sound in the mel domain: curves over channels, smears over frames. Draws only.

Shapes: F mel frames (20 ms), C channels, K taps, one a frame.
"""

import numpy as np

TAPS = 12


def smooth_curve(rng: np.random.Generator, channels: int, size: float) -> np.ndarray:
    """A random smooth curve over the channels, about `size` high: float32 [C]."""
    x = np.linspace(0.0, np.pi, channels)
    waves = [rng.normal() / (k + 1) ** 0.5 * np.cos(k * x + rng.uniform(0, 2 * np.pi)) for k in range(1, 5)]
    return (size * 0.7 * (np.sum(waves, axis=0) + rng.normal() * 0.6 * np.cos(x))).astype(np.float32)


def room_taps(rng: np.random.Generator, loss_db: tuple[float, float]) -> np.ndarray:
    """What comes back from the walls in each of the next frames, relative to the direct power: float32 [K]."""
    decay_frames = rng.uniform(1.5, 9.0)
    first = 10.0 ** (-rng.uniform(*loss_db) / 10.0)
    return (first * np.exp(-np.arange(1, TAPS + 1) / decay_frames) * rng.uniform(0.4, 1.6, TAPS)).astype(np.float32)


def loudspeaker_curve(rng: np.random.Generator, channels: int) -> np.ndarray:
    """A small loudspeaker has no lows and few highs: dB, [C]."""
    channel = np.arange(channels)
    low, high = rng.uniform(4, 14), rng.uniform(55, 78)
    return -2.0 * np.maximum(0, low - channel) - 1.2 * np.maximum(0, channel - high)


def to_power(db: np.ndarray) -> np.ndarray:
    """float32, same shape."""
    return np.exp(db.astype(np.float32) * np.float32(np.log(10.0) / 10.0))


def smeared(power: np.ndarray, room_K: np.ndarray) -> np.ndarray:
    """The power with its echoes: float32 [F + K, C], as it is where there are no taps."""
    if not len(room_K):
        return power
    wet = np.zeros((len(power) + len(room_K), power.shape[1]), np.float32)
    wet[: len(power)] = power
    for delay, tap in enumerate(room_K, start=1):
        wet[delay : delay + len(power)] += tap * power
    return wet


def add_at(power: np.ndarray, sound: np.ndarray, at: int) -> None:
    """Add the frames of `sound` to `power` from frame `at` on, as far as they fit."""
    fits = max(0, min(len(sound), len(power) - at))
    power[at : at + fits] += sound[:fits]
