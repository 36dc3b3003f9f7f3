"""A strategy that writes down everything it is told, order by order."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from connector.model.reports import OrderStatus, Result, Update
from connector.venues.trading_contract import Transport
from tests.reference.ground import Fill
from tests.reference.stack import BUSY

Story = list[tuple[Update, OrderStatus]]
Fills = Callable[[Any], dict[Any, Fill]]


class Notebook:
    """What one trading session said; reads it when asked to wait for something."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.answers: dict[int, list[Any]] = {}
        """By the number of the command."""
        self.reports: dict[str, list[Any]] = {}
        """Of orders, by client order id; not what a snapshot says."""
        self.details: list[Any] = []
        self.sequences: list[int] = []

    def read(self, wait_s: float = 0.0) -> bool:
        """Take what is there; whether there was anything."""
        event = self.session.wait(wait_s) if wait_s else self.session.poll()
        found = event is not None
        while event is not None:
            kind = type(event).__name__
            if kind == "CommandAnswer":
                self.answers.setdefault(event.command, []).append(event)
                self.sequences.append(event.sequence)
            elif kind == "OrderReport":
                self.sequences.append(event.sequence)
                if not event.snapshot:
                    self.reports.setdefault(event.client_order_id, []).append(event)
            elif kind == "FillDetail":
                self.sequences.append(event.sequence)
                self.details.append(event)
            event = self.session.poll()
        return found

    def until(self, done: Callable[[], Any], what: Callable[[], Any], seconds: float = 5) -> Any:
        """The first true answer of ``done()``; ``what()`` is shown when none comes in time."""
        end = time.monotonic() + BUSY * seconds
        while not (found := done()):
            assert time.monotonic() < end, f"not within {seconds:g} s: {what()}"
            self.read(0.05)
        return found

    def answer(self, ticket: Any) -> Any:
        """The final answer to a command."""

        def final() -> Any:
            found = self.answers.get(ticket.number, ())
            return found and found[-1].result is not Result.UNKNOWN and found[-1]

        return self.until(final, lambda: (ticket, self.answers.get(ticket.number)), 20)

    def results(self, ticket: Any) -> list[Result]:
        return [one.result for one in self.answers.get(ticket.number, ())]

    def story(self, name: str) -> Story:
        """Update and status of each report of an order."""
        return [(one.update, one.status) for one in self.reports.get(name, ())]

    def tells(self, name: str, wanted: Story) -> None:
        """Wait until an order's story begins like this."""
        self.until(
            lambda: len(self.story(name)) >= len(wanted),
            lambda: (name, self.story(name), wanted, [*self.answers.values()][-3:]),
        )
        assert self.story(name)[: len(wanted)] == wanted, (name, self.story(name), wanted)

    def fills(self, name: str) -> dict[Any, tuple[float, float]]:
        """Quantity and price of each fill, by the venue's name of the trade; each was told once."""
        rows = [one for one in self.reports.get(name, ()) if one.last_qty_e]
        found = {one.trade_id: (float(one.last_qty), float(one.last_price)) for one in rows}
        assert len(found) == len(rows), f"{name}: a fill was told twice: {rows}"
        return found

    def filled(self, name: str) -> float:
        """What all fills of an order come to."""
        return sum(float(one.last_qty) for one in self.reports.get(name, ()) if one.last_qty_e)

    def fees(self, names: Iterable[Any]) -> dict[Any, float]:
        """The fee of each of these trades, wherever it was said; said once."""
        found: dict[Any, float] = {}
        said = [one for rows in self.reports.values() for one in rows] + self.details
        wanted = set(names)
        for one in said:
            if one.trade_id in wanted and one.fee is not None:
                assert one.trade_id not in found, f"the fee of {one.trade_id} came twice"
                found[one.trade_id] = float(one.fee)
        return found

    def equals_venue(
        self, name: str, fills: Fills, every_fee: bool = True, named: bool = True
    ) -> None:
        """Quantity, trades and fees of an order are those the venue has written down; fees are told
        by its events alone, so that a gap in them may keep some back. ``named``: each fill as the
        venue names it; else all of them, and what they cost together."""
        last = self.reports[name][-1]
        rows = fills(last)
        theirs = {name: (row.quantity, row.price) for name, row in rows.items()}
        if named:
            assert self.fills(name) == theirs, name
        else:
            told = [one for one in self.reports[name] if one.last_qty_e]
            ours = [(float(one.last_qty), float(one.last_price)) for one in told]
            assert sums(ours) == pytest.approx(sums(theirs.values()), abs=1e-6), name
        assert float(last.filled_qty) == round(sum(qty for qty, _ in theirs.values()), 8), name
        fees = {name: row.fee for name, row in rows.items()}
        if every_fee:
            self.until(
                lambda: self.fees(fees).keys() == fees.keys(),
                lambda: (name, fees, self.fees(fees)), 20,
            )  # fmt: skip
        said = self.fees(fees)
        assert said == {trade: fees[trade] for trade in said}, name


def sums(fills: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Of quantities, and of what they cost."""
    rows = list(fills)
    return sum(qty for qty, _ in rows), sum(qty * price for qty, price in rows)


TRANSPORTS = [transport.value for transport in Transport]
