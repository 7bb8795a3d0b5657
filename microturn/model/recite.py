"""A voice says a text all by itself: words are written by the rule, and silence ends it. No backbone, no clock.

The rule: a word is written in the tick in which the one before begins to sound. A backbone has learnt when that is;
here a tick in which the last word begins is made once more, with the next word written too.
"""

from collections.abc import Sequence
from itertools import accumulate

from torch import Tensor

from microturn.model.voice import Voice, VoiceBlock

REST_TICKS = 8
QUIET_LEVEL = 2
QUIET_FRAMES = 5


def recite(voice: Voice, words: Sequence[Sequence[int]], per_tick: int, seed: int = 0) -> list[VoiceBlock]:
    """The ticks of an utterance; `words`: the token ids of each word, at most `per_tick` of them written in a tick.

    It ends when the last word has begun and the last 100 ms are silent, or no word has begun for eight ticks.
    """
    tokens = [token for word in words for token in word]
    ends = list(accumulate(map(len, words)))
    state, blocks = voice.begin(), list[VoiceBlock]()
    written, due, rested = 0, 1, 0
    while tokens and rested < REST_TICKS:
        while True:
            news = tokens[written : min(ends[due - 1], written + per_tick)]
            block = voice.step(state, news, None, seed)
            wanted = min(len(words), 1 + sum(begin < block.begun for begin in (0, *ends[:-1])))
            if wanted <= due:
                break
            due = wanted
        blocks.append(block)
        rested = 0 if block.begun > state.begun else rested + 1
        state, written = block.state, written + len(news)
        if block.begun == len(tokens) and is_quiet(block.levels):
            break
    return blocks


def is_quiet(levels_FC: Tensor) -> bool:
    """Whether a block ends in 100 ms of silence."""
    return int(levels_FC[-QUIET_FRAMES:].max()) <= QUIET_LEVEL
