"""Words to token ids and back: one BPE vocabulary over our world, control tokens first. Their meaning lives in model.

Every frequent word is one token of its own, the same at any place in a line; other words are cut into BPE pieces
(Sennrich et al. 2016, arXiv 1508.07909), of which all but the first begin with "##".
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import pairwise

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

from microturn.core.errors import InputError
from microturn.core.events import parse_object

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
DIGITS = "0123456789"
PREFIX = "##"
Runs = tuple[tuple[int, ...], ...]
"""Texts of a tick as ids, each opened by its marker (`<user>`, `<result>`)."""
N_CONTROL = 16
N_PIECES = 400
VOCAB_SIZE = 1_536


class Control(IntEnum):
    """Ids of the tokens that are no words; text never becomes one of them. Ids up to 15 are kept for more."""

    PAD = 0
    LISTEN = 1
    SPEAK = 2
    YIELD = 3
    DELEGATE = 4
    TEXT = 5
    RESULT = 6
    SYSTEM = 7
    USER = 8
    UNK = 9


CONTROL_TOKENS = (
    *(f"<{control.name.lower()}>" for control in Control),
    *(f"<reserved{index}>" for index in range(len(Control), N_CONTROL)),
)


def take_typed(runs: Runs, budget: int) -> tuple[tuple[int, ...], Runs]:
    """The first `budget` tokens of the runs with their markers, and the rest; a run cut in two is marked again."""
    shown: list[int] = []
    for index, (marker, *tokens) in enumerate(runs):
        if budget <= 0:
            return tuple(shown), runs[index:]
        shown += [marker, *tokens[:budget]]
        if tokens[budget:]:
            return tuple(shown), ((marker, *tokens[budget:]), *runs[index + 1 :])
        budget -= max(1, len(tokens))
    return tuple(shown), ()


class TextTokenizer:
    """A trained vocabulary. Ids are stable: the same training lines give the same vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokens = _tokens_by_id(tokenizer)

    @classmethod
    def train(cls, lines: Iterable[str], vocab_size: int = VOCAB_SIZE, n_pieces: int = N_PIECES) -> "TextTokenizer":
        """Learn from lines of text: control tokens, letters, up to n_pieces BPE pieces, then the most frequent words.

        The vocabulary is smaller than vocab_size when there are fewer words.
        """
        counts = Counter(word for line in lines for word in words(line))
        vocab, merges = _train_pieces(counts, n_pieces)
        for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            if len(vocab) < vocab_size:
                vocab.setdefault(word, len(vocab))
        return cls(_build(vocab, merges))

    @classmethod
    def load(cls, text: str, where: str = "tokenizer") -> "TextTokenizer":
        """The tokenizer that `dumps` gave; InputError for any other text."""
        right = "what TextTokenizer.dumps gave"
        parse_object(text, where)
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise InputError("not a tokenizer", where, str(error), right) from error
        found = tuple(str(tokenizer.id_to_token(index)) for index in range(N_CONTROL))
        if found != CONTROL_TOKENS:
            raise InputError("not a tokenizer of ours", where, "first tokens " + " ".join(found), right)
        return cls(tokenizer)

    def dumps(self) -> str:
        """The whole tokenizer as JSON."""
        return self._tokenizer.to_str()

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return len(self._tokens)

    def encode(self, text: str) -> list[int]:
        """Ids of a text; punctuation is dropped, and characters outside the vocabulary become <unk>."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """The words of some ids, joined by single spaces; control tokens are left out."""
        text = ""
        for index in ids:
            token = self._tokens[index]
            if index >= N_CONTROL:
                text += token.removeprefix(PREFIX) if token.startswith(PREFIX) else f" {token}"
        return text.strip()

    def token(self, index: int) -> str:
        """One token as it is written in the vocabulary, "##" before a piece that goes on with a word."""
        return self._tokens[index]

    def starts_word(self, index: int) -> bool:
        """Whether this token begins a new word; control tokens do not."""
        return index >= N_CONTROL and not self._tokens[index].startswith(PREFIX)


def words(text: str) -> list[str]:
    """The words a vocabulary is learnt from: lower case, digits one by one, all other characters left out."""
    return re.findall(r"[a-z']+|[0-9]", _plain(text))


def _plain(text: str) -> str:
    return _PUNCTUATION.sub(" ", text.lower().replace("\u2019", "'"))


_PUNCTUATION = re.compile(r"""[,.?!;:"()\[\]{}<>#-]""")


def _build(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    model = BPE(vocab, merges, continuing_subword_prefix=PREFIX, unk_token="<unk>", fuse_unk=True, ignore_merges=True)
    tokenizer = Tokenizer(model)
    steps = [normalizers.Lowercase(), normalizers.Replace("\u2019", "'")]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(_PUNCTUATION.pattern), " ")])
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), digits])
    return tokenizer


def _train_pieces(counts: Counter[str], n_pieces: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary of control tokens, letters and at most n_pieces merged pieces, and the merges that make them."""
    vocab = {token: index for index, token in enumerate(CONTROL_TOKENS)}
    for token in (*LETTERS, *(PREFIX + letter for letter in LETTERS), *DIGITS):
        vocab.setdefault(token, len(vocab))
    merges = _learn_merges(counts, n_pieces)
    for left, right in merges:
        vocab.setdefault(_joined(left, right), len(vocab))
    return vocab, merges


def _learn_merges(counts: Counter[str], n_merges: int) -> list[tuple[str, str]]:
    """The n most frequent pairs, one after the other; ties go to the first in the alphabet.

    Ours and not the library's, because the library's ties fall differently in every run.
    """
    cut = [([word[0], *(PREFIX + letter for letter in word[1:])], counts[word]) for word in sorted(counts)]
    merges: list[tuple[str, str]] = []
    while len(merges) < n_merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for pieces, count in cut:
            for pair in pairwise(pieces):
                pairs[pair] += count
        if not pairs:
            break
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        for pieces, _ in cut:
            _merge(pieces, *merges[-1])
    return merges


def _merge(pieces: list[str], left: str, right: str) -> None:
    """Join every `left` that is followed by `right`, in place."""
    at = 0
    while at + 1 < len(pieces):
        if pieces[at] == left and pieces[at + 1] == right:
            pieces[at : at + 2] = [_joined(left, right)]
        at += 1


def _joined(left: str, right: str) -> str:
    return left + right.removeprefix(PREFIX)


def _tokens_by_id(tokenizer: Tokenizer) -> list[str]:
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=lambda token: vocab[token])
