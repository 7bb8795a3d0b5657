"""Money from one currency into another, by a table of one day that is told with every answer. No network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from microturn.agent.numbers import LARGEST, number_words
from microturn.agent.tools.times import MONTHS

# A sample: so much of each for one euro, as the European Central Bank's reference rates stood about that day. They were
# written down by hand and not checked against the bank's file; whoever needs them right gives `Rates` others.
RATES_DAY = date(2025, 2, 28)
RATES: Mapping[str, str] = MappingProxyType(
    {
        **{"EUR": "1", "USD": "1.0411", "JPY": "156.96", "CZK": "25.029", "DKK": "7.4583", "GBP": "0.82608"},
        **{"HUF": "399.50", "PLN": "4.1503", "RON": "4.9768", "SEK": "11.1880", "CHF": "0.9394", "ISK": "145.70"},
        **{"NOK": "11.7245", "TRY": "38.0186", "AUD": "1.6741", "BRL": "6.0712", "CAD": "1.5019", "CNY": "7.5782"},
        **{"HKD": "8.0980", "IDR": "17228.17", "ILS": "3.7457", "INR": "90.9710", "KRW": "1519.92"},
        **{"MXN": "21.2191", "MYR": "4.6459", "NZD": "1.8579", "PHP": "60.355", "SGD": "1.4037", "THB": "35.567"},
        **{"ZAR": "19.1917"},
    }
)
# As they are said, one and many; the first name of a code is the one that answers use.
NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "EUR": ("euro", "euros"),
        "USD": ("dollar", "dollars"),
        "GBP": ("pound", "pounds"),
        "JPY": ("yen", "yen"),
        "CHF": ("swiss franc", "swiss francs"),
        "CAD": ("canadian dollar", "canadian dollars"),
        "AUD": ("australian dollar", "australian dollars"),
        "NZD": ("new zealand dollar", "new zealand dollars"),
        "HKD": ("hong kong dollar", "hong kong dollars"),
        "SGD": ("singapore dollar", "singapore dollars"),
        "CNY": ("yuan", "yuan"),
        "INR": ("rupee", "rupees"),
        "KRW": ("won", "won"),
        "SEK": ("swedish krona", "swedish kronor"),
        "NOK": ("norwegian krone", "norwegian kroner"),
        "DKK": ("danish krone", "danish kroner"),
        "ISK": ("icelandic krona", "icelandic kronur"),
        "CZK": ("czech koruna", "czech korunas"),
        "PLN": ("zloty", "zlotys"),
        "HUF": ("forint", "forints"),
        "RON": ("leu", "lei"),
        "TRY": ("lira", "liras"),
        "ILS": ("shekel", "shekels"),
        "BRL": ("real", "reais"),
        "MXN": ("mexican peso", "mexican pesos"),
        "PHP": ("philippine peso", "philippine pesos"),
        "THB": ("baht", "baht"),
        "IDR": ("rupiah", "rupiah"),
        "MYR": ("ringgit", "ringgit"),
        "ZAR": ("rand", "rand"),
    }
)
_OTHER_NAMES = {
    **{"us dollar": "USD", "us dollars": "USD", "american dollars": "USD", "bucks": "USD", "british pounds": "GBP"},
    **{"pounds sterling": "GBP", "swiss franks": "CHF", "francs": "CHF", "pesos": "MXN", "euro s": "EUR"},
}
_CODES = {name: code for code, names in NAMES.items() for name in names} | _OTHER_NAMES


class NoCurrency(ValueError):
    """Money that the table does not have; the message is plain words."""


@dataclass(frozen=True)
class Rates:
    """So much of each currency for one euro, on one day."""

    day: date = RATES_DAY
    per_euro: Mapping[str, str] = field(default_factory=lambda: RATES)

    def exchange(self, amount: Fraction, source: str, target: str) -> Fraction:
        """So much money in another currency, before rounding; names as they are said, or codes. NoCurrency."""
        return amount / self._rate(source) * self._rate(target)

    def spoken(self, value: Fraction, target: str) -> str:
        """As it is said, with the day of the rates."""
        if abs(value) >= LARGEST:
            raise NoCurrency("that number is too big for me")
        one, many = NAMES[code_of(target)]
        rounded = Fraction(round(value * 100), 100)
        day = f"{MONTHS[self.day.month - 1]} {number_words(self.day.day)} {number_words(self.day.year)}"
        return f"about {number_words(rounded, 2)} {one if rounded == 1 else many}, by the rates of {day}"

    def _rate(self, name: str) -> Fraction:
        code = code_of(name)
        if code not in self.per_euro:
            raise NoCurrency("i have no rate for that money")
        return Fraction(self.per_euro[code])


def code_of(name: str) -> str:
    """The code of a currency by the name it is called; NoCurrency for another."""
    plain = " ".join(re.findall(r"[a-z]+", name.lower()))
    code = _CODES.get(plain) or (plain.upper() if plain.upper() in NAMES else "")
    if not code:
        raise NoCurrency("i do not know that money")
    return code


def is_currency(name: str) -> bool:
    """Whether this names a currency of the table."""
    try:
        return bool(code_of(name))
    except NoCurrency:
        return False
