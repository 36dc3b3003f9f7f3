"""The venue's answers about orders in, neutral outcomes and order events out.

Sections 4.2, 5.1 and 14.3 of the reference. A new order is answered with a list of one, a cancel
with one order, and both only say how it stood at that moment: the account's channel tells the rest.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw, Struct

from connector.model.intents import Action
from connector.venues.cadenza import order_rows
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.error_codes import AUTHENTICATION
from connector.venues.cadenza.errors import Verdict, judge_order
from connector.venues.contract import Request, Scales
from connector.venues.trading_contract import (
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)

MOST_WORDS = 4096
"""Of the venue's own words, as much as an answer carries on."""
NO_ORDER, NO_TOKEN = 18018, 19002
MOST = 10_000
"""Rows of a list that are asked for at all."""


class Page(Struct, rename="camel"):
    has_next: bool | None = None
    cursor: str | None = None
    offset: int | None = None


class Paged(Struct):
    data: list[Raw] | None = None
    pagination: Page | None = None


_PAGED = msgspec.json.Decoder(Paged)


def judge(
    action: Action, status: int, headers: Mapping[str, str], body: bytes, scales: Scales
) -> OrderAnswer:
    """What the answer to one order request proves, and what it says of the order. Total."""
    words = body[:MOST_WORDS].decode("utf-8", "replace")
    verdict = judge_order(action, status, headers, body)
    if verdict is not None:
        return _answer(verdict, status, words)
    try:
        found = order_rows.rows(body)
        if action is Action.QUERY and not found:
            return OrderAnswer(OrderOutcome.GONE, status, NO_ORDER, words)
        if len(found) != 1:
            raise ValueError(f"{len(found)} orders")
        source = Source.QUERY if action is Action.QUERY else Source.ANSWER
        event = order_rows.order_event(found[0], scales, source)
    except (ValueError, RecursionError):
        # A cancel is done as far as the venue says; an order without an id may be any.
        done = action is Action.CANCEL
        outcome = OrderOutcome.ACCEPTED if done else OrderOutcome.UNKNOWN
        return OrderAnswer(outcome, status, body=words)
    return OrderAnswer(OrderOutcome.ACCEPTED, status, body=words, order=event)


def order_event(body: bytes, scales: Scales) -> OrderEvent:
    """The order in an answer; raises ValueError when it names none."""
    found = order_rows.rows(body)
    if not found:
        raise ValueError("an answer that names no order")
    return order_rows.order_event(found[0], scales, Source.QUERY)


def fill_events(body: bytes, scales: Scales) -> Sequence[OrderEvent]:
    """The executions of a list of orders, oldest first. Raises ValueError."""
    found: list[OrderEvent] = []
    for raw in order_rows.rows(body):
        events = order_rows.order_events(raw, scales, Source.QUERY)
        found += [event for event in events if event.execution is Execution.TRADE]
    found.sort(key=lambda event: event.venue_ns)
    return found


def next_page(request: Request, body: bytes) -> Request | None:
    """What is asked after this page of a list; None: it was the last. By the cursor where the list
    has them and the answer gave one: rows that leave a list meanwhile move what follows them.
    Raises ValueError, also when a list of what there was since a time is longer than is asked for:
    what is not in the rest of it would be taken for not there."""
    found = _PAGED.decode(body)
    rows_here, page = len(found.data or ()), found.pagination
    if page is None or not page.has_next or not rows_here:
        return None
    endpoint = ENDPOINTS[request.name]
    asked = {name: values[0] for name, values in parse_qs(request.query).items()}
    offset = max(int(asked.pop("offset", "0")), page.offset or 0) + rows_here
    if offset >= MOST:
        if "startTime" in asked:
            raise ValueError(f"{request.name}: more than {MOST} rows since {asked['startTime']}")
        return None
    if page.cursor and "cursor" in endpoint.params.__struct_fields__:
        if page.cursor == asked.get("cursor"):
            raise ValueError("a list that goes on where it began")
        return endpoint.called(asked | {"cursor": page.cursor}, text=True)
    asked.pop("cursor", None)
    return endpoint.called(asked | {"offset": str(offset)}, text=True)


def _answer(verdict: Verdict, status: int, words: str) -> OrderAnswer:
    outcome, code = verdict.outcome, verdict.code
    about_token = code in (0, NO_TOKEN) or code // 1000 == AUTHENTICATION
    if status == 401 and outcome is OrderOutcome.AUTH and about_token:
        outcome = OrderOutcome.NOT_EXECUTED  # the next token may be taken
    return OrderAnswer(
        outcome,
        status,
        verdict.code,
        words,
        retry_after_ns=verdict.retry_after_ns,
        reconcile=verdict.reconcile,
        alone=verdict.alone,
    )
