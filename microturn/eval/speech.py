"""Can the generated speech be understood? Word error by a recogniser that shares nothing with the model.

The recogniser is pocketsphinx with its own English sounds (en-us) and a bigram model of what the world says, made from
scripts of training. With the open language model that it brings, even the original voice has one word in six wrong,
mostly words that stand alone, which says more about the recogniser than about the voice.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pocketsphinx ships no types.

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError, MissingDependency
from microturn.core.wav import to_int16
from microturn.data.scenarios import corpus
from microturn.data.splits import Split
from microturn.eval.scorers import plain, word_edits
from microturn.media.pcm import Pcm

DIALOGS = 3_000
SEED = 20
MARGIN_S = 0.3
LEVEL_DBFS = -20.0
DISCOUNT = 0.5
MOST_WORDS = 12


class Recogniser(Protocol):
    """What is used of pocketsphinx."""

    def understand(self, pcm16: bytes) -> list[str]:
        """The words in 16 kHz little-endian samples."""
        ...


@dataclass(frozen=True)
class SpokenError:
    """`word_error`: edits a word, all texts together; `worst`: texts and what was understood, the most edits first."""

    word_error: float
    words: int
    edits: int
    worst: tuple[tuple[str, str], ...]


def spoken_word_error(
    spoken: Sequence[Pcm], texts: Sequence[str], recogniser: Recogniser | None = None, keep: int = 10
) -> SpokenError:
    """Word error of sounds, each float32 [N] at 16 kHz, that should say `texts`; `keep`: how many of the worst.

    Without a recogniser one is made, which takes seconds: MissingDependency where pocketsphinx is not there.
    """
    if len(spoken) != len(texts):
        raise InputError("sounds and texts", "spoken_word_error", f"{len(spoken)} and {len(texts)}", "a sound a text")
    listener = recogniser or WorldRecogniser()
    found = [listener.understand(levelled(pcm)) for pcm in spoken]
    rows = [(word_edits(_words(text), words), text, " ".join(words)) for text, words in zip(texts, found, strict=True)]
    rows.sort(key=lambda row: -row[0])
    edits, count = sum(row[0] for row in rows), sum(len(_words(text)) for text in texts)
    return SpokenError(edits / max(1, count), count, edits, tuple(row[1:] for row in rows[:keep] if row[0]))


def levelled(pcm: Pcm) -> bytes:
    """float32 [N] brought to one level with silence around it, as 16-bit samples."""
    rms = float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))) if len(pcm) else 0.0
    louder = np.float32(10.0 ** (LEVEL_DBFS / 20.0) / max(rms, 1e-6))
    rest = np.zeros(int(MARGIN_S * SAMPLE_RATE_HZ), np.float32)
    return to_int16(np.concatenate([rest, np.clip(pcm * louder, -1.0, 1.0), rest])).astype("<i2").tobytes()


def held_out_texts(count: int, split: Split = "test", seed: int = 0) -> list[str]:
    """Different texts of at most 12 words that the agent says in scripts of `split`, long and short ones in turn."""
    rng = np.random.default_rng([seed, SEED])
    texts = {plain(answer) for dialog in corpus(split, DIALOGS, rng) for answer in dialog.answers}
    by_length: dict[int, list[str]] = {}
    for text in sorted(texts):
        if len(text.split()) <= MOST_WORDS:
            by_length.setdefault(len(text.split()), []).append(text)
    for group in by_length.values():
        rng.shuffle(group)
    chosen: list[str] = []
    while len(chosen) < count and any(by_length.values()):
        chosen += [group.pop() for group in by_length.values() if group]
    return chosen[:count]


def language_model(texts: Iterable[str], words: Iterable[str]) -> str:
    """A bigram model as ARPA text: absolute discounting, backing off to how often a word occurs (Ney et al. 1994)."""
    sentences = [["<s>", *_words(text), "</s>"] for text in texts]
    ones: Counter[str] = Counter(dict.fromkeys(words, 1))
    ones.update(word for sentence in sentences for word in sentence if word != "<s>")
    total = sum(ones.values())
    followers: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for left, right in pairwise(sentence):
            followers.setdefault(left, Counter())[right] += 1
    lines = ["\\data\\", f"ngram 1={len(ones) + 1}", f"ngram 2={sum(map(len, followers.values()))}", "", "\\1-grams:"]
    lines += [_one("<s>", -99.0, followers, ones, total)]
    lines += [_one(word, math.log10(ones[word] / total), followers, ones, total) for word in sorted(ones)]
    lines += ["", "\\2-grams:"]
    for left in sorted(followers):
        seen = followers[left].total()
        for right, times in sorted(followers[left].items()):
            lines.append(f"{math.log10((times - DISCOUNT) / seen):.4f} {left} {right}")
    return "\n".join([*lines, "", "\\end\\", ""])


def _one(word: str, log10: float, followers: Mapping[str, Counter[str]], ones: Mapping[str, int], total: int) -> str:
    """A line of the unigrams, with the weight that is left for words never seen after this one."""
    after = followers.get(word)
    if after is None:
        return f"{log10:.4f} {word} 0.0"
    left = DISCOUNT * len(after) / after.total()
    unseen = 1.0 - sum(ones[other] for other in after) / total
    return f"{log10:.4f} {word} {math.log10(left / max(unseen, 1e-9)):.4f}"


class WorldRecogniser:
    """pocketsphinx that knows the world's words; making one takes seconds. MissingDependency where it is not there."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise MissingDependency("pocketsphinx", "word error of speech", "pip install pocketsphinx") from error
        dictionary = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", lm=None)
        texts = _texts("train")
        words = {word for text in (*texts, *_texts("test")) for word in text.split()}
        known = {word for word in words if dictionary.lookup_word(word) is not None}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "world.lm"
            arpa = language_model([text for text in texts if known.issuperset(text.split())], known)
            path.write_text(arpa, encoding="ascii")
            self._decoder: Any = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", lm=str(path))

    def understand(self, pcm16: bytes) -> list[str]:
        """The words in 16 kHz little-endian samples."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm16, no_search=False, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return [] if found is None else found.hypstr.split()


def _texts(split: Split) -> list[str]:
    """What is said in scripts of a split, by both sides."""
    dialogs = corpus(split, DIALOGS, np.random.default_rng(SEED))
    return [plain(text) for dialog in dialogs for text in (*dialog.answers, *dialog.lines)]


def _words(text: str) -> list[str]:
    return plain(text).split()
