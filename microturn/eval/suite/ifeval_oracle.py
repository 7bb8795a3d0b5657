"""What the oracle of IFEval writes: a text that says nothing and follows the instructions. No judging: ifeval_rules.py.

It takes every instruction by itself, so where two are in each other's way (a language other than English, a letter that
may hardly be used beside words that need it) it may fail: its share of right prompts is the ceiling that it shows.
"""

import json
from collections.abc import Sequence
from typing import Any

from microturn.eval.suite.ifeval_rules import ONE_OF, Instruction, strict

SAYINGS = ("this is the answer to the question that was asked", "an answer is here", "why", "hold on", "me too", "big")
FILL = "and so on"


def written(instructions: Sequence[Instruction]) -> str:
    """The text, of several, that follows the most of them; the first of equal ones."""
    texts = [_text(instructions, saying) for saying in SAYINGS]
    return max(texts, key=lambda text: sum(strict(text, one) for one in instructions))


class _Wanted:
    """What the instructions give, by kind."""

    def __init__(self, instructions: Sequence[Instruction]) -> None:
        self._all = instructions

    def has(self, kind: str) -> bool:
        return any(one.kind == kind for one in self._all)

    def given(self, kind: str, name: str, default: Any) -> Any:
        return next((one.given.get(name, default) for one in self._all if one.kind == kind), default)

    def least(self, kind: str, relation: str, than: str) -> int:
        """The number that is asked for at least, 0 where none is."""
        found = [one.given for one in self._all if one.kind == kind]
        return max((int(one[than]) for one in found if one[relation] == "at least"), default=0)

    def at_least(self, kind: str, relation: str, what: str, than: str) -> list[str]:
        """What is asked for so often at least, so often."""
        found = [one.given for one in self._all if one.kind == kind and one.given[relation] == "at least"]
        return [str(one[what]) for one in found for _ in range(int(one[than]))]


def _text(instructions: Sequence[Instruction], saying: str) -> str:
    wanted = _Wanted(instructions)
    body = "\n".join((_first(wanted, saying), *_lines(wanted)))
    if (first := wanted.given("length_constraints:nth_paragraph_first_word", "first_word", "")) != "":
        body = _paragraphs(wanted, body, str(first))
    if (number := int(wanted.given("length_constraints:number_paragraphs", "num_paragraphs", 0))) > 1:
        body = "\n***\n".join([body, *[f"{saying}."] * (number - 1)])
    if wanted.has("combination:two_responses"):
        body = f"{body}\n******\n{saying} {saying}."
    if wanted.has("detectable_content:postscript"):
        body += f"\n{wanted.given('detectable_content:postscript', 'postscript_marker', '')} {saying}."
    body += f"\n{wanted.given('startend:end_checker', 'end_phrase', '')}"
    repeated = wanted.given("combination:repeat_prompt", "prompt_to_repeat", "")
    return _cased(wanted, f"{repeated}\n{body.strip()}".strip())


def _first(wanted: _Wanted, saying: str) -> str:
    """One line with everything that can stand in a sentence, as long as it must be, then further sentences."""
    parts = [saying, *(f"[{saying}]" for _ in range(int(wanted.given(*PLACEHOLDERS, 0))))]
    parts += [str(word) for word in wanted.given("keywords:existence", "keywords", ())]
    parts += wanted.at_least("keywords:frequency", "relation", "keyword", "frequency")
    parts += ["".join(wanted.at_least("keywords:letter_frequency", "let_relation", "letter", "let_frequency"))]
    parts += ["SO"] * wanted.least("change_case:capital_word_frequency", "capital_relation", "capital_frequency")
    parts += [f"*{saying}*"] * int(wanted.given("detectable_format:number_highlighted_sections", "num_highlights", 0))
    parts += [FILL] * (wanted.least("length_constraints:number_words", "relation", "num_words") // 3 + 1)
    if wanted.has("detectable_format:constrained_response"):
        return ONE_OF[0]
    further = wanted.least("length_constraints:number_sentences", "relation", "num_sentences") - 1
    few = wanted.given("length_constraints:number_words", "relation", "") != "at least"
    line = " ".join(filter(None, parts[:-1] if few and parts[-1] == FILL else parts))
    return " ".join([f"{line}.", *[f"{saying}."] * further])


PLACEHOLDERS = ("detectable_content:number_placeholders", "num_placeholders")


def _lines(wanted: _Wanted) -> list[str]:
    title = ["<<so it is>>"] if wanted.has("detectable_format:title") else []
    bullets = ["* so it is"] * int(wanted.given("detectable_format:number_bullet_lists", "num_bullets", 0))
    number = int(wanted.given("detectable_format:multiple_sections", "num_sections", 0))
    mark = wanted.given("detectable_format:multiple_sections", "section_spliter", "")
    return [*title, *bullets, *(f"{mark} {n + 1}" for n in range(number))]


def _paragraphs(wanted: _Wanted, body: str, first: str) -> str:
    kind = "length_constraints:nth_paragraph_first_word"
    number, nth = (int(wanted.given(kind, name, 1)) for name in ("num_paragraphs", "nth_paragraph"))
    parts = [body, *["so it is."] * (number - 1)]
    parts[nth - 1] = f"{first} {parts[nth - 1]}"
    return "\n\n".join(parts)


def _cased(wanted: _Wanted, text: str) -> str:
    if wanted.has("punctuation:no_comma"):
        text = text.replace(",", "")
    if wanted.has("change_case:english_lowercase"):
        text = text.lower()
    if wanted.has("change_case:english_capital"):
        text = text.upper()
    if wanted.has("detectable_format:json_format"):
        text = json.dumps({"answer": text})
    return f'"{text}"' if wanted.has("startend:quotation") else text
