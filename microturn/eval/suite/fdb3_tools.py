"""The twelve functions of Full-Duplex-Bench v3 with the parameters that the set expects, and what each gives.

Results have the fields that the set's references name ("$RESULT_0.flights[0].flight_id"); their values are ours, the
same for the same arguments, since the set's own stand in code that may not be copied here. Nothing takes time.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from microturn.eval.suite.fdb3 import READ_ONLY
from microturn.eval.suite.offered import Call, Declared, Offered, parameters

STANDING = (
    "You speak with a customer and can call functions. Call the one that does what was asked for at once, and those "
    "that follow from it, one after the other; ask nothing back. Where the customer takes something back or corrects "
    "it, only the last word counts. Then say in a sentence or two what came of it."
)
Given = Mapping[str, Any]


def _code(letters: str, given: Given) -> str:
    """A number of something that belongs to these arguments."""
    told = json.dumps({name: str(value) for name, value in given.items()}, sort_keys=True)
    return f"{letters}{int(hashlib.sha256(told.encode()).hexdigest()[:8], 16) % 900 + 100}"


def _price(low: int, high: int, given: Given) -> float:
    return float(low + int(_code("", given)) % (high - low))


def _flights(given: Given) -> dict[str, Any]:
    flight = {"flight_id": _code("FL", given), "destination": given["destination"], "date": given["date"]}
    return {"flights": [flight | {"price": _price(120, 780, given)}]}


def _rate(given: Given) -> dict[str, Any]:
    rate = _price(50, 150, {key: given[key] for key in ("from_currency", "to_currency")}) / 100
    return {"converted_amount": round(float(given["amount"]) * rate, 2), "rate": rate}


def _apartments(given: Given) -> dict[str, Any]:
    found = {"id": _code("APT", given), "price": round(0.9 * float(given["max_price"]), 2), "beds": given["bedrooms"]}
    return {"city": given["city"], "results": [found]}


def _products(given: Given) -> dict[str, Any]:
    price = round(0.9 * float(given["max_price"]), 2) if given.get("max_price") else _price(15, 90, given)
    return {"products": [{"product_id": _code("PROD", given), "name": given["query"], "price": price}]}


GIVES: dict[str, Callable[[Given], dict[str, Any]]] = {
    "search_flights": _flights,
    "book_flight": lambda given: {"booking_ref": _code("BK", given), "passenger": given["passenger_name"]},
    "update_identity_doc": lambda given: {
        "updated_doc": given["doc_type"],
        "masked_number": str(given["doc_number"])[-4:],
    },
    "get_card_benefits": lambda given: {"card_type": given["card_type"], "benefits": ["lounges", "travel insurance"]},
    "get_exchange_rate": _rate,
    "modify_autopay": lambda given: {
        "autopay_enabled": True,
        "bill": given["bill_type"],
        "source": given["source_account"],
    },
    "search_apartments": _apartments,
    "calculate_commute": lambda given: {
        "duration_mins": int(_price(10, 60, given)),
        "mode": given.get("mode") or "driving",
    },
    "update_search_filter": lambda given: {"filter_updated": given["filter_name"], "new_value": given["value"]},
    "track_order": lambda given: {"order_id": given["order_id"], "shipping_status": "in transit"},
    "search_products": _products,
    "add_to_cart": lambda given: {
        "product_id": given["product_id"],
        "quantity": given.get("quantity") or 1,
        "cart_total": _price(20, 200, given),
    },
}
TEXT, NUMBER, WHOLE = "string", "number", "integer"
TOLD: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "search_flights": ("Flights to a place on a day.", {"destination": TEXT, "date": TEXT}, {}),
    "book_flight": ("Book a flight for somebody.", {"passenger_name": TEXT}, {"flight_id": TEXT}),
    "update_identity_doc": (
        "Write the number of a passport, a driver license or another document into the customer's file.",
        {"doc_type": TEXT, "doc_number": TEXT},
        {},
    ),
    "get_card_benefits": ("What a kind of credit card comes with.", {"card_type": TEXT}, {}),
    "get_exchange_rate": (
        "What an amount is in another currency, codes such as USD.",
        {"amount": NUMBER, "from_currency": TEXT, "to_currency": TEXT},
        {},
    ),
    "modify_autopay": (
        "Pay a bill from an account automatically, from now on.",
        {"bill_type": TEXT, "source_account": TEXT},
        {},
    ),
    "search_apartments": (
        "Apartments for rent in a city.",
        {"city": TEXT, "bedrooms": WHOLE, "max_price": NUMBER},
        {},
    ),
    "calculate_commute": (
        "How long the way from one address to another takes.",
        {"origin_address": TEXT, "destination_address": TEXT},
        {"mode": TEXT},
    ),
    "update_search_filter": ("Set a filter of the search for a home.", {"filter_name": TEXT, "value": TEXT}, {}),
    "track_order": ("Where an order is.", {"order_id": TEXT}, {}),
    "search_products": ("Products of the shop.", {"query": TEXT}, {"max_price": NUMBER}),
    "add_to_cart": ("Put a product into the cart.", {"product_id": TEXT}, {"quantity": WHOLE}),
}


def answer(call: Call) -> str:
    """What a call gives, as JSON; an unknown function or a missing argument gives an error."""
    if call.name not in TOLD:
        return _failed(f"there is no function {call.name}")
    lacking = [name for name in TOLD[call.name][1] if call.args.get(name) in (None, "")]
    if lacking:
        return _failed(f"missing: {', '.join(lacking)}")
    try:
        return json.dumps({"status": "success", **GIVES[call.name](call.args)}, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        return _failed(str(error))


def _failed(why: str) -> str:
    return json.dumps({"status": "error", "message": why})


OFFERED = Offered(
    STANDING,
    tuple(
        Declared(name, told, parameters(needed, more), name not in READ_ONLY)
        for name, (told, needed, more) in TOLD.items()
    ),
    answer,
)
