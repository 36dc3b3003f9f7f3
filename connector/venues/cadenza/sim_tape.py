"""Cadenza's recordings as the simulator reads them: publications of channels, and answers of REST
with books and instruments.

Written from the venue's reference alone (sections 10.1, 11.2 and 11.3). A frame may hold several
messages; of a publication its ``data`` is sent anew, whatever its form, under the server's own
numbers. Pure: recorded bytes in, what they say out."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from connector.venues.cadenza.sim_envelope import CURRENT, SEED
from connector.venues.sim_contract import (
    Contract,
    RecordedDepth,
    RecordedMessage,
    RecordedSnapshot,
    Tape,
    TradeRow,
)

BOOKS = {"orderBook": SEED, "orderbook": CURRENT}
"""The two spellings of a book's channel, each of one state of the venue."""
SUMMED = frozenset({"L3", "L3_COUNTED", "L2_EXCHANGE"})
"""Forms of books with several rows a price."""


class _Pub(Struct):
    data: msgspec.Raw = msgspec.Raw(b"")


class _Push(Struct):
    channel: str = ""
    pub: _Pub | None = None


class _Reply(Struct):
    push: _Push | None = None


_reply = msgspec.json.Decoder(_Reply)


def lines(frame: bytes) -> Sequence[bytes]:
    return frame.split(b"\n")


def message(line: bytes) -> RecordedMessage | None:
    """A publication; None for answers, pings and everything else."""
    try:
        push = _reply.decode(line).push
    except ValueError:
        return None
    if push is None or push.pub is None or not bytes(push.pub.data):
        return None
    return RecordedMessage(push.channel, bytes(push.pub.data), False)


def stream(name: str) -> tuple[str, str]:
    """Of a channel; the instrument's name begins at the second colon."""
    namespace, _, rest = name.partition(":")
    kind, _, symbol = rest.partition(":")
    if namespace != "market":
        return "", ""
    if kind == "kline":
        return symbol.rpartition(":")[0], ""
    known = {"trade": "trade"} | dict.fromkeys(BOOKS, "depth")
    return symbol, known.get(kind, "")


def profile(name: str) -> str:
    return BOOKS.get(name.partition(":")[2].partition(":")[0], "")


def answer(url: str, body: bytes) -> tuple[str, str]:
    """What a recorded answer is: by its URL or, without one, by what it holds."""
    path = urlsplit(url).path
    if path.endswith("/instrument/list") or (not url and b'"pipSize"' in body):
        return "instruments", ""
    if path.endswith("/orderBook/get") or (not url and b'"errno"' in body and b'"bids"' in body):
        return "snapshot", str(_answered(body).get("instrumentId", ""))
    return "", ""


def _answered(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"no book: {error!r}") from None
    if not isinstance(found, dict):
        raise ValueError("no book")
    return found


# Books


def depth(payload: bytes) -> RecordedDepth:
    """A publication of a book. Raises ValueError, and ArithmeticError for one that says that the
    book is lost."""
    found = orjson.loads(payload)
    if isinstance(found, dict) and isinstance(found.get("data"), dict):
        found = found["data"]
    if not isinstance(found, dict) or not {"bids", "asks"} & set(found):
        raise ValueError("no message of a book")
    kind = found.get("updateType") or {"update": "DIFF"}.get(found.get("type", ""), "SNAPSHOT")
    if kind not in ("SNAPSHOT", "DIFF"):
        raise ArithmeticError(kind)
    book = _book(found)
    return RecordedDepth(
        book.last_id, 0, book.bids, book.asks, book.time_ms, kind == "SNAPSHOT", True
    )  # fmt: skip


def snapshot(body: bytes) -> RecordedSnapshot:
    """A recorded book of REST."""
    return _book(_answered(body))


def _book(found: dict[str, Any]) -> RecordedSnapshot:
    """A book without numbers of its own: its time stands for one."""
    try:
        time_ms = _time_ms(found["timestamp"])
        sides = [_side(found.get(side) or [], found) for side in ("bids", "asks")]
    except (KeyError, TypeError, IndexError, InvalidOperation) as error:
        raise ValueError(f"no book: {error!r}") from None
    return RecordedSnapshot(time_ms, sides[0], sides[1], time_ms)


def _side(rows: list[Any], book: dict[str, Any]) -> list[tuple[str, str]]:
    columns = book.get("columns") or ["price", "quantity"]
    price, quantity = columns.index("price"), columns.index("quantity")
    levels = [
        (str(row["price"]), str(row["quantity"]))
        if isinstance(row, dict)
        else (str(row[price]), str(row[quantity]))
        for row in rows
    ]
    if book.get("orderBookType") not in SUMMED:
        return levels
    return [
        (key, f"{sum(Decimal(qty) for _, qty in same):f}")
        for key, same in itertools.groupby(levels, lambda level: level[0])
    ]


def _time_ms(value: Any) -> int:
    if isinstance(value, int):
        return value
    return int(datetime.fromisoformat(str(value)).timestamp() * 1000)


def older(body: bytes, last_id: int) -> bytes:
    found = orjson.loads(body)
    found["data"]["timestamp"] = last_id
    return orjson.dumps(found)


# Trades


def trades(payload: bytes) -> list[TradeRow]:
    """The trades of a publication; none of one that cannot be read."""
    found = orjson.loads(payload)
    for name in ("data", "trades"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    rows = found if isinstance(found, list) else [found]
    told = [_trade(row, number) for number, row in enumerate(rows) if isinstance(row, dict)]
    return [row for row in told if row is not None]


def _trade(row: dict[str, Any], number: int) -> TradeRow | None:
    price, qty, at, name, side = (
        next((row[key] for key in keys if row.get(key) is not None), None)
        for keys in (
            ("price", "executedPrice"),
            ("quantity", "executedQuantity", "size", "amount"),
            ("timestamp", "executedAt", "time"),
            ("tradeId", "externalTradeId", "executionId", "id"),
            ("side", "orderSide"),
        )
    )
    try:
        quote, time_ms = Decimal(str(price)) * Decimal(str(qty)), _time_ms(at)
    except (InvalidOperation, ValueError):
        return None
    known = str(name).isdecimal()
    return TradeRow(
        int(str(name)) if known else time_ms << 10 | number, str(price), str(qty), f"{quote:f}",
        time_ms, str(side).upper() == "SELL",
    )  # fmt: skip


def listed(found: Contract) -> Contract:
    """Of an instrument the name says what is traded for what."""
    base, _, quote = found.symbol.partition(":")[2].partition("/")
    quote = quote or "USDT"
    return replace(found, base=base, quote=quote, settle=quote)


TAPE = Tape(
    message=message,
    stream=stream,
    answer=answer,
    depth=depth,
    snapshot=snapshot,
    older=older,
    trades=trades,
    listed=listed,
    lines=lines,
    profile=profile,
    waits=False,
)
