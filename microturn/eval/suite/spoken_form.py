"""Written English as the synthesisers take it: lower case, words and commas, numbers as words. No understanding."""

import re

from microturn.agent.numbers import number_words

LARGEST = 999_999


def spoken_form(text: str) -> str:
    """What is said of a text: "Open 2 doors!" gives "open two doors". Signs between words become commas."""
    lowered = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower().replace("\u2019", "'"))
    counted = re.sub(r"\d+", lambda found: f" {_number(found[0])} ", lowered)
    parts = re.split(r"[,.;:!?()\n]+", counted.replace("%", " percent ").replace("&", " and "))
    worded = [" ".join(re.findall(r"[a-z]+(?:'[a-z]+)*", part.replace("-", " "))) for part in parts]
    return ", ".join(part for part in worded if part)


def _number(digits: str) -> str:
    """As words; digit by digit where it is too long for that."""
    value = int(digits)
    return number_words(value) if value <= LARGEST else " ".join(number_words(int(digit)) for digit in digits)
