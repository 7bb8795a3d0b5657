"""The 25 verifiable instructions of IFEval (Zhou et al. 2023, arXiv 2311.07911): does a text follow one? No loading.

Decided as the authors' code decides, also where that is odd, so that figures can be compared. Three counts are made by
other means than theirs: sentences (rules here, punkt there), words in capitals (NLTK's tokenizer there) and languages
(py3langid here, langdetect there). A sign whose frequency is asked for, "#" or "!", is counted; theirs counts a letter
drawn at random in its place.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.core.errors import InputError, MissingDependency

Given = Mapping[str, Any]
ONE_OF = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
SHORTENED = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "inc", "ltd", "jr", "sr", "no")
)
WORD_ENDS = frozenset(".,?!'\"")


class Instruction(NamedTuple):
    """One instruction of a prompt: which kind, with what."""

    kind: str
    given: Given


@dataclass(frozen=True)
class Kind:
    """follows: whether a text does; needs: what must be given with it."""

    follows: Callable[[str, Given], bool]
    needs: tuple[str, ...] = ()


def checked(kind: str, given: Given, where: str) -> Instruction:
    """An instruction that can be decided; InputError for a kind that is none, or without what it needs."""
    if kind not in KINDS:
        raise InputError("no such instruction", where, repr(kind), "one of " + ", ".join(KINDS))
    told = {name: value for name, value in given.items() if value is not None}
    lacking = [name for name in KINDS[kind].needs if name not in told]
    if lacking:
        raise InputError("an instruction without what it needs", where, kind, ", ".join(lacking))
    try:
        KINDS[kind].follows("so", told)
    except (re.error, TypeError, ValueError) as error:
        raise InputError("an instruction that cannot be decided", where, f"{kind}: {error}", "as published") from error
    return Instruction(kind, told)


def strict(text: str, one: Instruction) -> bool:
    """Whether the text as it is follows; no text follows nothing."""
    return bool(text.strip()) and KINDS[one.kind].follows(text, one.given)


def loose(text: str, one: Instruction) -> bool:
    """Whether it follows with or without its first line, its last line and its asterisks."""
    lines = text.split("\n")
    cut = [text, *("\n".join(some).strip() for some in (lines[1:], lines[:-1], lines[1:-1]))]
    return any(strict(version, one) for some in cut for version in (some, some.replace("*", "")))


def language_of(text: str) -> str:
    """Its language, ISO 639-1 (py3langid, after Lui and Baldwin 2012); "" for a text without letters."""
    try:
        import py3langid  # type: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingDependency("py3langid", "IFEval", "pip install 'microturn[eval]'") from error
    untyped: Any = py3langid
    return str(untyped.classify(text.lower())[0]) if any(letter.isalpha() for letter in text) else ""


def sentences(text: str) -> int:
    """How many: one ends with a full stop, question or exclamation mark, but for those of words that are cut short."""
    ends = re.finditer(r"(\S*?)[.!?]+[\"')\]]*(?=\s|$)", text)
    last, count = 0, 0
    for end in ends:
        before = end[1].lower().lstrip("\"'([")
        if end[0].rstrip("\"')]").endswith(".") and (
            before in SHORTENED or re.fullmatch(r"(?:[a-z]\.)+[a-z]|[b-hj-z]", before)
        ):
            continue
        last, count = end.end(), count + 1
    return count + bool(re.search(r"\w", text[last:]))


def words(text: str) -> int:
    """How many: letters, digits and underscores without a break."""
    return len(re.findall(r"\w+", text))


def _holds(count: int, relation: str, than: Any) -> bool:
    if relation not in ("less than", "at least"):
        raise ValueError(f"{relation!r} is neither less than nor at least")
    return count < int(than) if relation == "less than" else count >= int(than)


def _counted(count: Callable[[str, Given], int], relation: str, than: str, *needs: str) -> Kind:
    """A number that is at least another, or less than it."""
    return Kind(lambda text, given: _holds(count(text, given), given[relation], given[than]), (relation, than, *needs))


def _found(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text, re.IGNORECASE))


def _capitals(text: str, given: Given) -> int:
    return sum(word.isupper() for word in re.findall(r"\w[\w'.-]*", text))


def _english(text: str) -> bool:
    return language_of(text) in ("en", "")


def _in_language(text: str, given: Given) -> bool:
    return language_of(text) in (given["language"], "")


def _bullets(text: str, given: Given) -> bool:
    found = re.findall(r"^\s*(?:\*[^*]|-).*$", text, re.MULTILINE)
    return len(found) == int(given["num_bullets"])


def _highlights(text: str, given: Given) -> bool:
    """Those between two asterisks and those between two pairs of them; the latter count as the former too."""
    single = [one for one in re.findall(r"\*[^\n*]*\*", text) if one.strip("*").strip()]
    double = [one for one in re.findall(r"\*\*([^\n*]*)\*\*", text) if one.strip()]
    return len(single) + len(double) >= int(given["num_highlights"])


def _sections(text: str, given: Given) -> bool:
    return len(re.findall(rf"{given['section_spliter']}\s?\d+", text)) >= int(given["num_sections"])


def _paragraphs(text: str, given: Given) -> bool:
    """Between lines of three asterisks; an empty one may come first and last, and nowhere else."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", text)]
    inner = parts[1 if not parts[0] else 0 : -1 if len(parts) > 1 and not parts[-1] else None]
    return all(inner) and len(inner) == int(given["num_paragraphs"])


def _first_word(text: str, given: Given) -> bool:
    """That of the nth paragraph, where empty lines stand between paragraphs."""
    parts = [part.strip() for part in text.split("\n\n")]
    nth = int(given["nth_paragraph"])
    full = sum(bool(part) for part in parts)
    if full != int(given["num_paragraphs"]) or nth > full or not parts[nth - 1]:
        return False
    first = parts[nth - 1].split()[0].lstrip("'").lstrip('"').lower()
    stop = next((at for at, letter in enumerate(first) if letter in WORD_ENDS), len(first))
    return first[:stop] == str(given["first_word"]).lower()


def _postscript(text: str, given: Given) -> bool:
    marker = str(given["postscript_marker"])
    known = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
    return re.search(known.get(marker, marker.lower()), text.lower()) is not None


def _json(text: str, given: Given) -> bool:
    bare = re.sub(r"^```(?:json|Json|JSON)?", "", text.strip()).removesuffix("```").strip()
    try:
        json.loads(bare)
    except ValueError:
        return False
    return True


def _two(text: str, given: Given) -> bool:
    parts = [part.strip() for part in text.split("******")]
    full = [part for part in parts if part]
    return all(parts[1:-1]) and len(full) == 2 and full[0] != full[1]


def _titled(text: str, given: Given) -> bool:
    return any(one.strip("<>").strip() for one in re.findall(r"<<[^\n]+>>", text))


def _quoted(text: str, given: Given) -> bool:
    bare = text.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


def _repeated(text: str, given: Given) -> bool:
    return text.strip().lower().startswith(str(given["prompt_to_repeat"]).strip().lower())


def _ended(text: str, given: Given) -> bool:
    return text.strip().strip('"').lower().endswith(str(given["end_phrase"]).strip().lower())


KINDS: dict[str, Kind] = {
    "keywords:existence": Kind(lambda text, given: all(_found(k, text) for k in given["keywords"]), ("keywords",)),
    "keywords:frequency": _counted(
        lambda text, given: _found(given["keyword"], text), "relation", "frequency", "keyword"
    ),
    "keywords:forbidden_words": Kind(
        lambda text, given: not any(_found(rf"\b{word}\b", text) for word in given["forbidden_words"]),
        ("forbidden_words",),
    ),
    "keywords:letter_frequency": _counted(
        lambda text, given: text.lower().count(str(given["letter"])), "let_relation", "let_frequency", "letter"
    ),
    "language:response_language": Kind(_in_language, ("language",)),
    "length_constraints:number_sentences": _counted(lambda text, _: sentences(text), "relation", "num_sentences"),
    "length_constraints:number_paragraphs": Kind(_paragraphs, ("num_paragraphs",)),
    "length_constraints:number_words": _counted(lambda text, _: words(text), "relation", "num_words"),
    "length_constraints:nth_paragraph_first_word": Kind(_first_word, ("num_paragraphs", "nth_paragraph", "first_word")),
    "detectable_content:number_placeholders": Kind(
        lambda text, given: len(re.findall(r"\[.*?\]", text)) >= int(given["num_placeholders"]), ("num_placeholders",)
    ),
    "detectable_content:postscript": Kind(_postscript, ("postscript_marker",)),
    "detectable_format:number_bullet_lists": Kind(_bullets, ("num_bullets",)),
    "detectable_format:constrained_response": Kind(lambda text, _: any(one in text for one in ONE_OF)),
    "detectable_format:number_highlighted_sections": Kind(_highlights, ("num_highlights",)),
    "detectable_format:multiple_sections": Kind(_sections, ("section_spliter", "num_sections")),
    "detectable_format:json_format": Kind(_json),
    "detectable_format:title": Kind(_titled),
    "combination:two_responses": Kind(_two),
    "combination:repeat_prompt": Kind(_repeated, ("prompt_to_repeat",)),
    "startend:end_checker": Kind(_ended, ("end_phrase",)),
    "startend:quotation": Kind(_quoted),
    "change_case:capital_word_frequency": _counted(_capitals, "capital_relation", "capital_frequency"),
    "change_case:english_capital": Kind(lambda text, _: text.isupper() and _english(text)),
    "change_case:english_lowercase": Kind(lambda text, _: text.islower() and _english(text)),
    "punctuation:no_comma": Kind(lambda text, _: "," not in text),
}
