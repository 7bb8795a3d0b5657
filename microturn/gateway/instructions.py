"""What an application tells a model beforehand, in words the model can read. No wire, no session."""

import re
from collections.abc import Callable

Reads = Callable[[str], bool]  # whether a model was taught every word of a text

SENTENCES = 16  # of one text of instructions
SENTENCE_CHARACTERS = 1_000  # no rule is longer; a session takes no text of more than 4,000


def reads_nothing(text: str) -> bool:
    """A partner that takes no instructions."""
    return False


def readable(instructions: str, reads: Reads) -> list[str]:
    """The sentences of a text that a model can read, at most SENTENCES; the others are nothing to it.

    Prompts are written for models that know a whole language. To one that knows a thousand words such a prompt is
    noise, and it answers noise with noise; a sentence of its own words is a rule that it may have learnt to follow.
    """
    sentences = [sentence.strip() for sentence in re.split(r"[.!?\n]+", instructions)]
    return [one for one in sentences if 0 < len(one) <= SENTENCE_CHARACTERS and reads(one)][:SENTENCES]
