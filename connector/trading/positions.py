"""What each strategy holds by its own fills, beside what the venue says of the whole account."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from connector.model.intents import PositionSide
from connector.model.records import Side
from connector.trading.effects import Report
from connector.venues.trading_contract import BalanceEvent, PositionEvent

Place = tuple[int, str, PositionSide]
"""Account, symbol, position side."""


Listing = TypeVar("Listing", BalanceEvent, PositionEvent)


def asked_at(event: Listing, venue_ns: int) -> Listing:
    """What was asked for tells of no later moment, whatever stamp it carries: the venue's clock may
    have been ahead when it was written. Without a stamp it tells of that moment."""
    if 0 < event.venue_ns <= venue_ns:
        return event
    return msgspec.structs.replace(event, venue_ns=venue_ns)


class Positions:
    """Sums of fills by strategy; the venue's word by account. Quantities in the instrument's
    scale, short negative."""

    def __init__(self) -> None:
        self.by_fills: dict[tuple[str, Place], int] = {}
        """What each strategy's fills add up to."""
        self._said: dict[Place, PositionEvent] = {}
        self._balances: dict[tuple[int, str], BalanceEvent] = {}

    def filled(self, report: Report) -> None:
        """Count a fill that is reported for the first time."""
        order = report.order
        place = (order.account, order.instrument.symbol, order.position_side)
        signed = report.last_qty_e if order.side is Side.BUY else -report.last_qty_e
        key = (order.strategy, place)
        self.by_fills[key] = self.by_fills.get(key, 0) + signed

    def said(self, account: int, event: PositionEvent) -> bool:
        """Take over the venue's word; False when the same or something newer was said before."""
        place = (account, event.symbol, event.position_side)
        known = self._said.get(place)
        if known is not None and (event.venue_ns < known.venue_ns or event == known):
            return False  # two private streams tell everything twice
        self._said[place] = event
        return True

    def balance(self, account: int, event: BalanceEvent) -> bool:
        """Take over a balance; False when it is older than the last word, or says nothing new."""
        known = self._balances.get((account, event.asset))
        if known is not None:
            available_e = event.available_e
            same = known.wallet_e == event.wallet_e and available_e in (None, known.available_e)
            if (
                event.venue_ns < known.venue_ns
                or (same and not event.change_e)
                or event == known  # two private streams tell everything twice
            ):
                return False
        self._balances[account, event.asset] = event
        return True

    def listed(
        self, account: int, events: Iterable[PositionEvent], venue_ns: int
    ) -> list[PositionEvent]:
        """What is to be told when these were all positions at ``venue_ns``: they, and the end of
        those that are not among them."""
        found = [asked_at(event, venue_ns) for event in events]
        there = {(event.symbol, event.position_side) for event in found}
        return found + [
            PositionEvent(
                symbol=known.symbol,
                position_side=known.position_side,
                qty_e=0,
                isolated=known.isolated,
                leverage=known.leverage,
                venue_ns=venue_ns,
            )
            for known in self.account(account)
            if known.qty_e and (known.symbol, known.position_side) not in there
        ]

    def rewind(self, account: int) -> None:
        """Whatever the venue says next of an account is newer than what it said."""
        for place, said in self._said.items():
            if place[0] == account:
                self._said[place] = msgspec.structs.replace(said, venue_ns=0)
        for asset, balance in self._balances.items():
            if asset[0] == account:
                self._balances[asset] = msgspec.structs.replace(balance, venue_ns=0)

    def balances(self, account: int) -> list[BalanceEvent]:
        """The last word on each asset of an account."""
        return [event for place, event in self._balances.items() if place[0] == account]

    def restore(self, strategy: str, place: Place, qty_e: int) -> None:
        """What a strategy's fills add up to from earlier runs, once for each scale they had."""
        self.by_fills[strategy, place] = self.own(strategy, place) + qty_e

    def owned(self, strategy: str) -> list[tuple[Place, int]]:
        """Every own position of a strategy."""
        return [(place, qty) for (owner, place), qty in self.by_fills.items() if owner == strategy]

    def own(self, strategy: str, place: Place) -> int:
        return self.by_fills.get((strategy, place), 0)

    def held(self, strategy: str, account: int) -> list[PositionEvent]:
        """The same, and where the venue says nothing but the strategy's own fills do not add up to
        nothing: others hold the opposite, so that the account holds none."""
        there = [place for place in self._said if place[0] == account]
        own = [
            PositionEvent(symbol=place[1], position_side=place[2], qty_e=0)
            for place, qty_e in self.owned(strategy)
            if qty_e and place[0] == account and place not in self._said
        ]
        return [self._said[place] for place in there] + own

    def account(self, account: int) -> list[PositionEvent]:
        """What the venue says of an account, one entry a place."""
        return [event for place, event in self._said.items() if place[0] == account]
