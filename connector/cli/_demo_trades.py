"""What the demo's strategy traded, by its journal alone: counts, positions, latencies."""

from collections import Counter, deque
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from connector.trading import journal_files
from connector.trading.journal_view import View

KEPT = 100_000
"""Latencies that are kept: the newest."""
_MAKING = ("PLACE", "AMEND")
"""Commands that put an order on the wire in answer to a tick."""


class Trades(Struct):
    """The sums of a journal."""

    orders: int = 0
    """That the venue took."""
    fills: int = 0
    cancels: int = 0
    """Orders that ended by a cancel."""
    rejects: int = 0
    """Orders that were refused, and amends or cancels refused though their order had not filled."""
    unknown_resolved: int = 0
    """Requests whose answer never came, and whose outcome was found out."""
    unknown: int = 0
    """Whose outcome is not known yet."""
    positions: dict[str, Decimal] = {}
    """Sum of the fills by symbol; flat ones are left out."""
    fills_of: Counter[int] = field(default_factory=Counter)
    """Of ``fills``, by the account's place among the configuration's."""
    resolved_of: Counter[int] = field(default_factory=Counter)
    """Of ``unknown_resolved``, likewise."""
    tick_to_trade_ns: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    """From the frame the strategy had read last to just before send(2) of an order. Of requests
    that were answered, as the next."""
    command_to_wire_ns: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    """From the written command to just before send(2) of its request."""


class Tally:
    """Adds up a journal's entries, given in order as `View` tells them."""

    def __init__(self) -> None:
        self._sums = Trades()
        self._rejected = 0
        self._commands: dict[int, Mapping[str, Any]] = {}
        self._waiting: set[int] = set()
        self._statuses: dict[int, str] = {}
        self._refused: list[int] = []
        """Orders of which an amend or a cancel was refused."""
        self._held: dict[str, Decimal] = {}

    def sums(self) -> Trades:
        """Up to now; the object changes with the next entry."""
        found = self._sums
        too_early = sum(self._statuses.get(key) != "FILLED" for key in self._refused)
        found.rejects = self._rejected + too_early
        found.unknown = len(self._waiting)
        found.positions = {symbol: qty for symbol, qty in self._held.items() if qty}
        return found

    def take(self, entry: Mapping[str, Any]) -> None:
        """One entry."""
        match entry["type"]:
            case "command":
                self._commands[entry["command"]] = entry
            case "command_answer":
                self._answered(entry)
            case "order_report" if entry["update"] != "STATE":
                self._reported(entry)

    def _answered(self, answer: Mapping[str, Any]) -> None:
        number = answer["command"]
        if answer["left_ns"] and number in self._commands:
            self._latencies(self._commands[number], answer["left_ns"])
        self._commands.pop(number, None)
        if answer["result"] == "UNKNOWN":
            self._waiting.add(number)
            return
        found_out = (
            answer["sent_ns"] and not answer["http_status"] and answer["code"] in (0, 999999)
        )
        if number in self._waiting or found_out:
            self._waiting.discard(number)
            self._sums.unknown_resolved += 1
            self._sums.resolved_of[answer["account"]] += 1
        if answer["result"] == "REFUSED":
            if answer["action"] == "PLACE":
                self._rejected += 1
            else:
                self._refused.append(answer.get("order_key", 0))

    def _latencies(self, command: Mapping[str, Any], left_ns: int) -> None:
        self._sums.command_to_wire_ns.append(left_ns - command["created_ns"])
        if command["action"] in _MAKING and command["cause_recv_ns"]:
            self._sums.tick_to_trade_ns.append(left_ns - command["cause_recv_ns"])

    def _reported(self, report: Mapping[str, Any]) -> None:
        self._statuses[report["order_key"]] = report["status"]
        match report["update"]:
            case "SUBMITTED":
                self._sums.orders += 1
            case "CANCELLED":
                self._sums.cancels += 1
            case "EXECUTED" if qty := Decimal(report["last_qty"]):  # else only its status is news
                self._sums.fills += 1
                self._sums.fills_of[report["account"]] += 1
                symbol, sign = report["instrument"], 1 if report["side"] == "BUY" else -1
                self._held[symbol] = self._held.get(symbol, Decimal(0)) + sign * qty


class TradesReader:
    """Follows a strategy's journal."""

    def __init__(self, runtime: Path, state: Path, strategy: str) -> None:
        self._places = runtime, state, strategy
        self._view, self._tally = View(strategy), Tally()
        self._position = -1

    def read(self) -> Trades:
        """The sums up to now."""
        for entry in journal_files.entries(*self._places, position=self._position):
            self._position = entry.end
            self._tally.take(self._view.told(entry))
        return self._tally.sums()
