"""The order side of `connector top`: accounts and budgets, open orders, positions, balances.

Pure, as ``_frame``; what it shows is the daemon's answer to the request ``trading``."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.ipc.counters import Budget

ORDERS, POSITIONS, MONEY = 8, 8, 2
"""Rows of open orders and of positions; assets of an account."""
NEARLY = 0.8
"""A budget used so far is in colour."""
Told = Mapping[str, Any]


def orders_frame(trading: Told | None, budgets: Sequence[Budget]) -> RenderableType:
    """Nothing, where nobody trades."""
    if trading is None:
        return Group()
    parts: list[RenderableType] = [_accounts(trading), _budgets(trading, budgets)]
    orders = [(one, order) for one in trading["accounts"] for order in one["orders"]]
    if orders:
        parts.append(_orders(orders, sum(sum(o["open"].values()) for o in trading["accounts"])))
    positions = [(one, row) for one in trading["accounts"] for row in one["positions"]]
    if positions:
        parts.append(_positions(positions))
    return Group(*parts)


def rows(trading: Told | None, budgets: int) -> int:
    """Lines it takes of a terminal, about."""
    if trading is None:
        return 0
    accounts = trading["accounts"]
    orders = min(sum(len(one["orders"]) for one in accounts), ORDERS + 1)
    positions = min(sum(len(one["positions"]) for one in accounts), POSITIONS + 1)
    lines = len(accounts) + 4 + budgets + 4 + 4  # and the latencies of the order path
    return lines + sum(count + 4 for count in (orders, positions) if count)


def state_of(account: Told) -> tuple[str, str]:
    """An account's state and its colour."""
    if account.get("ready"):
        return "ready", "green"
    if account.get("stream") is False:
        return "no stream", "red"
    if account.get("reconciled") is False:
        return "reconciling", "yellow"
    return "not ready", "red"


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return table


def _accounts(trading: Told) -> Table:
    table = _table("account", "exchange", "state", "open orders", "balance")
    for one in trading["accounts"]:
        state, colour = state_of(one)
        name = f"{one['name']} PAPER" if one.get("type") == "paper" else one["name"]
        open_of = [f"{of or 'foreign'} {count}" for of, count in sorted(one["open"].items())]
        money = [f"{row['wallet']} {row['asset']}" for row in one["balances"] if _some(row)]
        more = f" and {len(money) - MONEY} more" if len(money) > MONEY else ""
        table.add_row(name, one["exchange"], Text(state, colour),
                      ", ".join(open_of) or "none", ", ".join(money[:MONEY]) + more)  # fmt: skip
    return table


def _budgets(trading: Told, budgets: Sequence[Budget]) -> Table:
    names = {one["index"]: one["name"] for one in trading["accounts"]}
    table = _table("rate budget", "of", "used", "limit", "window", right=("used", "limit"))
    for one in budgets:
        full = one.limit and one.used / one.limit >= NEARLY
        whose = "address" if one.account is None else names.get(one.account, "")
        table.add_row(one.pool, whose, Text(f"{one.used:,}", "red" if full else ""),
                      f"{one.limit:,}", _window(one.window_ns))  # fmt: skip
    return table


def _some(balance: Told) -> bool:
    return any(digit in "123456789" for digit in str(balance["wallet"]))


def _window(window_ns: int) -> str:
    seconds = window_ns / 1e9
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _orders(orders: Sequence[tuple[Told, Told]], count: int) -> Table:
    table = _table("order", "strategy", "account", "instrument", "side", "qty", "filled", "price",
                   "status", right=("qty", "filled", "price"))  # fmt: skip
    for account, one in list(reversed(orders))[:ORDERS]:
        table.add_row(
            one["client_order_id"] or str(one["order_key"]),
            one["strategy"] or Text("foreign", "dim"),
            account["name"],
            one["symbol"],
            Text(one["side"], "green" if one["side"] == "BUY" else "red"),
            one["qty"],
            one["filled_qty"],
            _price(one),
            one["status"],
        )
    if count > ORDERS:
        table.add_row(Text(f"and {count - ORDERS} more", "dim"))
    return table


def _price(order: Told) -> str:
    """What it waits for comes first, while it waits."""
    limit = order["price"] or "market"
    waits = order["stop_price"] and order["status"] in ("PENDING", "UNKNOWN", "NEW")
    return f"{order['stop_price']} > {limit}" if waits else limit


def _positions(positions: Sequence[tuple[Told, Told]]) -> Table:
    table = _table("position", "account", "side", "qty", "entry", "unrealised", "by own fills",
                   right=("qty", "entry", "unrealised"))  # fmt: skip
    for account, row in positions[:POSITIONS]:
        own = ", ".join(f"{name} {qty}" for name, qty in sorted(row["own"].items()))
        short = row["qty"].startswith("-")
        colour = "red" if short else "green"
        table.add_row(row["symbol"], account["name"], row["position_side"],
                      Text(row["qty"], colour), row["entry"] or "", row["unrealised"] or "",
                      own)  # fmt: skip
    if len(positions) > POSITIONS:
        table.add_row(Text(f"and {len(positions) - POSITIONS} more", "dim"))
    return table
