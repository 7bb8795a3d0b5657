"""The tokenizer of our world: trained on what is said in it, the same wherever it is trained."""

from collections.abc import Iterator

import numpy as np

from microturn.data.scenarios import all_lines, corpus
from microturn.media.text import VOCAB_SIZE, TextTokenizer

DIALOGS = 4_000


def world_tokenizer(vocab_size: int = VOCAB_SIZE) -> TextTokenizer:
    """Learnt from the training split's lines and answers alone; a few seconds."""
    return TextTokenizer.train(_texts(), vocab_size)


def _texts() -> Iterator[str]:
    yield from all_lines("train")
    for dialog in corpus("train", DIALOGS, np.random.default_rng(0)):
        yield from dialog.answers
