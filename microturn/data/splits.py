"""Who may see which phrase: train, val and test are disjoint by template and by slot combination.

A phrase is a *template* (a core such as "what day comes after {day}" in a carrier such as "please ... now") filled with
*slots*. Two kinds of slots:

* **Free slots** (animal x place, price x item, interval x word, name x question): the combination is held out. About
  8 % of the pairs belong to val, 12 % to test, the rest to train.
* **Knowledge** (sums, days, opposites, colors of things): a small model cannot invent what 7 + 8 is, so the table is
  covered in training, and what is held out is the pair (fact, carrier). For sums a + b the ordered pair is held out
  too, but only where b + a stays in train. Canonical phrases of the skills stay in train.

Every template belongs to one split as well: val and test use carriers (prefix and suffix combinations) and a few cores
that training never sees, all made of words it knows. So a test phrase is new in carrier and in slot combination.
Fillers ("uh"), single items ("bread") and chat made of unknown words carry no label of their own; they are split too,
except those in SHARED.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from zlib import crc32

from microturn.data.script import Meaning

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
VAL_PERCENT, TEST_PERCENT = 8, 12


@dataclass(frozen=True)
class Phrase:
    """A text with its meaning, its template and its slot combination, both unique to one split."""

    text: str
    template: str
    slots: str
    meaning: Meaning | None = None


class Carrier(NamedTuple):
    """What stands around a core."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class Core:
    """`text` has {slots}. A train core stands in all splits, each with its own carriers and slots; others in one.

    So does one that is there to `practise`: one more way to say it, in which nobody is examined.
    """

    text: str
    split: Split = "train"
    practise: bool = False


@dataclass(frozen=True)
class Slot:
    """What fills a core. `split` None: knowledge, allowed in every split (with carriers of its own in each)."""

    key: str
    fill: dict[str, str] = field(default_factory=dict)
    meaning: Meaning | None = None
    split: Split | None = None


Carriers = dict[Split, tuple[Carrier, ...]]


def _carriers(train: str, val: str, test: str) -> Carriers:
    """Carriers are written "prefix|suffix", separated by commas."""

    def read(written: str) -> tuple[Carrier, ...]:
        return tuple(Carrier(*carrier.split("|")) for carrier in written.split(","))

    return {"train": read(train), "val": read(val), "test": read(test)}


BARE: Carriers = {split: (Carrier("", ""),) for split in SPLITS}
QUESTION = _carriers(
    train="|,tell me|,can you tell me|,okay|,so|,hey|,|please,|now,please tell me|,tell me|please,now|",
    val="okay|please,so|now,hey tell me|,now tell me|",
    test="so|please,hey|please,okay|now,okay tell me|,so can you tell me|,now|please",
)
COMMAND = _carriers(
    train="|,please|,okay|,so|,hey|,can you|,|please,now|,could you|,okay now|",
    val="hey please|,okay|please,so please|,now could you|",
    test="okay please|,so|please,hey can you|,can you please|,hey|please",
)
STORY = _carriers(
    train="|,then|,and|,yesterday|,so|,one day|,|again",
    val="and yesterday|,well|,and|again",
    test="and then|,so one day|,then|again",
)
STATEMENT = _carriers(
    train="|,okay|,so|,hey|,well|,hello|",
    val="okay so|,well so|",
    test="hey so|,well okay|,so hello|",
)


def hashed(*key: object) -> int:
    """A number in 0..9999 that depends on the key alone, on every machine and in every process."""
    mixed = crc32("|".join(map(str, key)).encode()) * 2654435761 % 2**32  # crc32 alone is linear in its input
    return (mixed >> 7) % 10_000


def split_of(*key: object) -> Split:
    """The split of a free slot combination."""
    percent = hashed("split", *key) // 100
    return "test" if percent < TEST_PERCENT else "val" if percent < TEST_PERCENT + VAL_PERCENT else "train"


def phrases(
    split: Split,
    family: str,
    cores: Sequence[Core],
    carriers: Carriers,
    slots: Iterable[Slot],
    per_slot: int = 1000,
    canonical: Callable[[Slot], bool] = lambda slot: False,
    first_percent: int = 0,
) -> tuple[Phrase, ...]:
    """All phrases of a split: every slot that belongs there in at most `per_slot` of the split's templates, picked by
    hash. In train, slots that are `canonical` always come in the first core with the first carrier, and with a share of
    about a quarter: repeated in the result, for it is drawn from evenly. So do `first_percent` of the other slots."""
    allowed = [(index, carrier) for index, core in enumerate(cores) for carrier in _allowed(split, core, carriers)]
    found: list[Phrase] = []
    for slot in slots:
        if slot.split not in (None, split):
            continue
        is_first = canonical(slot) or hashed("first", family, slot.key) < 100 * first_percent
        first = allowed[:1] if split == "train" and is_first else []
        rest = sorted(allowed[len(first) :], key=lambda t: hashed(family, slot.key, *t))
        for index, carrier in first * (min(len(rest), per_slot) // 4) + (first + rest)[:per_slot]:
            template = f"{family}:{index}|{carrier.prefix}|{carrier.suffix}"
            key = slot.key if slot.split is not None else f"{slot.key}@{template}"
            text = " ".join(filter(None, (carrier.prefix, cores[index].text.format(**slot.fill), carrier.suffix)))
            found.append(Phrase(text, template, f"{family}:{key}", slot.meaning))
    return tuple(found)


def _allowed(split: Split, core: Core, carriers: Carriers) -> Sequence[Carrier]:
    if core.practise and split != core.split:
        return ()
    if core.split == "train":
        return carriers[split] if carriers is not BARE or split == "train" else ()
    if core.split == split:
        return tuple(dict.fromkeys([*carriers["train"], *carriers[split]]))
    return ()


def thinned(slots: Iterable[Slot], percent: int, *salt: object) -> list[Slot]:
    """About `percent` of the train slots (four times that of the others), always the same ones."""
    return [s for s in slots if hashed("thin", *salt, s.key) < 100 * percent * (1 if s.split in (None, "train") else 4)]


def prefixes(train: Sequence[str], val: Sequence[str], test: Sequence[str]) -> Carriers:
    """Carriers that only stand before the core."""
    return {
        "train": tuple(Carrier(prefix, "") for prefix in train),
        "val": tuple(Carrier(prefix, "") for prefix in val),
        "test": tuple(Carrier(prefix, "") for prefix in test),
    }
