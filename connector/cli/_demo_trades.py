"""What the demo's strategy traded, by its journal alone: counts, positions, latencies."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from connector.trading import journal_files
from connector.trading.journal_view import View

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
    positions: dict[str, Decimal] = field(default_factory=dict)
    """Sum of the fills by symbol; flat ones are left out."""
    tick_to_trade_ns: list[int] = field(default_factory=list)
    """From the frame the strategy had read last to just before send(2) of an order. Of requests
    that were answered, as the next."""
    command_to_wire_ns: list[int] = field(default_factory=list)
    """From the written command to just before send(2) of its request."""


def trades(runtime: Path, state: Path, strategy: str) -> Trades:
    """The sums of a strategy's journal up to now."""
    view = View(strategy)
    return summed(view.told(entry) for entry in journal_files.entries(runtime, state, strategy))


def summed(entries: Iterable[Mapping[str, Any]]) -> Trades:
    """The sums of a journal's entries, as `View` tells them."""
    found = Trades()
    commands: dict[int, Mapping[str, Any]] = {}
    waiting: set[int] = set()
    statuses: dict[int, str] = {}
    refused: list[int] = []
    for entry in entries:
        match entry["type"]:
            case "command":
                commands[entry["command"]] = entry
            case "command_answer":
                if entry["left_ns"] and entry["command"] in commands:
                    _latencies(found, commands.pop(entry["command"]), entry["left_ns"])
                _answered(found, entry, waiting, refused)
            case "order_report" if entry["update"] != "STATE":
                statuses[entry["order_key"]] = entry["status"]
                _reported(found, entry)
    found.rejects += sum(statuses.get(key) != "FILLED" for key in refused)
    found.unknown = len(waiting)
    found.positions = {symbol: qty for symbol, qty in found.positions.items() if qty}
    return found


def _latencies(found: Trades, command: Mapping[str, Any], left_ns: int) -> None:
    found.command_to_wire_ns.append(left_ns - command["created_ns"])
    if command["action"] in _MAKING and command["cause_recv_ns"]:
        found.tick_to_trade_ns.append(left_ns - command["cause_recv_ns"])


def _answered(
    found: Trades, answer: Mapping[str, Any], waiting: set[int], refused: list[int]
) -> None:
    if answer["result"] == "UNKNOWN":
        waiting.add(answer["command"])
        return
    found_out = answer["sent_ns"] and not answer["http_status"] and answer["code"] in (0, 999999)
    if answer["command"] in waiting or found_out:
        waiting.discard(answer["command"])
        found.unknown_resolved += 1
    if answer["result"] == "REFUSED":
        if answer["action"] == "PLACE":
            found.rejects += 1
        else:
            refused.append(answer.get("order_key", 0))


def _reported(found: Trades, report: Mapping[str, Any]) -> None:
    match report["update"]:
        case "SUBMITTED":
            found.orders += 1
        case "CANCELLED":
            found.cancels += 1
        case "EXECUTED" if qty := Decimal(report["last_qty"]):  # else only its status is news
            found.fills += 1
            symbol, sign = report["instrument"], 1 if report["side"] == "BUY" else -1
            found.positions[symbol] = found.positions.get(symbol, Decimal(0)) + sign * qty
