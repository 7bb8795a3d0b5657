"""How a scene looks: who, where, seen from where, in which light. Drawn from a seed; the splits never share a value.

Every range of numbers is cut into bins, and every list of kinds into three: a bin or a kind belongs to one split. So
whatever the test split shows was never shown in training, and yet lies among what was: it asks whether the model has
learnt to see, not whether it can guess what lies beyond.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from microturn.data.splits import SPLITS, Split

BINS = 20
# Colors are numbers too: hue in turns, saturation and value in 0..1.
RANGES: dict[str, tuple[float, float]] = {
    "yaw_deg": (-34.0, 34.0),  # about the direction from which a motion is seen best
    "pitch_deg": (-2.0, 20.0),  # looking down
    "roll_deg": (-6.0, 6.0),
    "zoom": (0.8, 1.25),
    "shift_x": (-0.07, 0.07),  # of the picture's width
    "shift_y": (-0.06, 0.06),
    "brightness": (0.78, 1.25),
    "warmth": (-0.12, 0.12),
    "shadow": (0.0, 0.45),  # how much darker the far side of the picture is
    "shadow_turn": (0.0, 1.0),
    "noise": (0.0, 11.0),  # deviation, of 255
    "shutter_ms": (4.0, 80.0),
    "shake": (0.0, 0.9),  # pixels
    "flicker": (0.0, 0.05),
    "height": (0.88, 1.1),
    "girth": (0.82, 1.4),
    "shoulders": (0.88, 1.15),
    "head": (0.92, 1.12),
    "skin": (0.0, 1.0),  # from light to dark
    "skin_warmth": (-0.5, 0.5),
    "hair_value": (0.05, 0.8),
    "hair_hue": (0.02, 0.13),
    "top_hue": (0.0, 1.0),
    "top_saturation": (0.05, 0.95),
    "top_value": (0.15, 0.98),
    "bottom_hue": (0.0, 1.0),
    "bottom_saturation": (0.05, 0.85),
    "bottom_value": (0.1, 0.85),
    "wall_hue": (0.0, 1.0),
    "wall_saturation": (0.02, 0.5),
    "wall_value": (0.36, 0.92),
    "floor_hue": (0.0, 1.0),
    "floor_saturation": (0.05, 0.5),
    "floor_value": (0.2, 0.8),
    "contrast": (0.05, 0.3),  # of the backdrop's pattern
    "scale": (0.6, 1.6),  # of the backdrop's pattern
    "thing_size": (0.24, 0.34),  # of the picture's height
    "thing_turn_deg": (-24.0, 24.0),
    "thing_tone": (-1.0, 1.0),
    "hand_roll_deg": (-48.0, 48.0),
    "hand_spread": (0.75, 1.25),
    "finger_girth": (0.85, 1.2),
    "style": (0.0, 1.0),  # how the arms are held, which fingers are meant, how a posture is bad
}
KINDS: dict[str, dict[Split, tuple[str, ...]]] = {
    "backdrop": {
        "train": ("plain", "stripes", "bricks", "panels", "shelves", "window", "blotches", "dots", "planks"),
        "val": ("steps", "frames"),
        "test": ("checks", "curtain", "leaves"),
    },
    "clutter": {
        "train": ("none", "lamp", "cabinet", "picture", "boxes", "plant"),
        "val": ("clock", "door"),
        "test": ("pennants", "coats", "bottles"),
    },
    "furniture": {
        "train": ("none", "none", "bench", "ledge"),
        "val": ("none", "rail"),
        "test": ("none", "post", "stool"),
    },
    "hair": {
        "train": ("short", "long", "none", "cap", "curls"),
        "val": ("mohawk", "headband"),
        "test": ("bun", "tail", "hat"),
    },
    "top": {
        "train": ("long sleeves", "short sleeves", "sleeveless", "striped"),
        "val": ("vest",),
        "test": ("hoodie", "halved"),
    },
    "bottom": {"train": ("long", "shorts", "leggings"), "val": ("skirt",), "test": ("knee", "baggy")},
}
SHARED = frozenset({"none"})  # nothing there: no look of its own


@dataclass(frozen=True)
class Look:
    """`numbers` of RANGES and `kinds` of KINDS, all drawn; `seed` decides what is drawn later (noise, clutter).

    `mirrored`: the picture is flipped from left to right, but for things, whose side has a meaning.
    """

    split: Split
    seed: int
    numbers: dict[str, float]
    kinds: dict[str, str]
    mirrored: bool

    def __getitem__(self, name: str) -> float:
        return self.numbers[name]

    def rng(self, *salt: int) -> np.random.Generator:
        """A generator for what is drawn once a scene."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), *salt])


def look(split: Split, seed: int) -> Look:
    """The look of a scene, decided by both."""
    rng = np.random.default_rng([seed, SPLITS.index(split), 5])
    numbers = {name: drawn(rng, split, *limits) for name, limits in RANGES.items()}
    kinds = {name: lists[split][int(rng.integers(len(lists[split])))] for name, lists in KINDS.items()}
    return Look(split, seed, numbers, kinds, mirrored=bool(rng.random() < 0.5))


def split_of_bin(index: int) -> Split:
    """Whose a bin of a range is: 60 % train, 15 % val, 25 % test, the ends of a range always train."""
    if index % 4 == 2:
        return "test"
    return "val" if index in (4, 9, 15) else "train"


def bin_of(name: str, value: float) -> int:
    """The bin of `RANGES[name]` in which a value lies."""
    low, high = RANGES[name]
    return min(int((value - low) / (high - low) * BINS), BINS - 1)


def rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """A color as float32 [3] in 0..255."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32) * 255.0


def color_of(look: Look, what: str) -> np.ndarray:
    """The color of "top", "bottom", "wall" or "floor"."""
    return rgb(look[f"{what}_hue"], look[f"{what}_saturation"], look[f"{what}_value"])


def skin_of(look: Look) -> np.ndarray:
    """From light to dark through tan and brown, a little redder or yellower."""
    tones = np.array([[246, 214, 190], [226, 180, 146], [190, 134, 96], [134, 88, 60], [78, 50, 36]], np.float32)
    at = look["skin"] * (len(tones) - 1)
    low = min(int(at), len(tones) - 2)
    tone = tones[low] * (1.0 - (at - low)) + tones[low + 1] * (at - low)
    return tone * (1.0 + 0.06 * look["skin_warmth"] * np.array([1.0, 0.2, -1.2], np.float32))


def hair_of(look: Look) -> np.ndarray:
    """From black through brown and red to fair."""
    return rgb(look["hair_hue"], 0.75 - 0.4 * look["hair_value"], look["hair_value"])


def drawn(rng: np.random.Generator, split: Split, low: float, high: float) -> float:
    """A number of a range that belongs to the split."""
    own = [index for index in range(BINS) if split_of_bin(index) == split]
    index = own[int(rng.integers(len(own)))]
    return low + (high - low) * (index + float(rng.uniform(0.02, 0.98))) / BINS
