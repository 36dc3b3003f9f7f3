"""Reports and commands in the JSON shapes of the strategy protocol.

The one encoder: events, the journal's reader, ``connector tap --json`` and the JSON-lines door all
render with it, from the records' own bytes. Numbers are exact Decimals until they are written;
keys stand in the order of the protocol's samples, what we add stands behind them."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector.model import intents
from connector.model.instrument import ContractType
from connector.model.packing import given, layout
from connector.model.records import RecordType, Side
from connector.model.reports import (
    BalanceReason,
    Code,
    EndReason,
    Field,
    OrderStatus,
    ReportFlag,
    Result,
    Update,
)

MONEY_EXPONENT = 8
SECOND_NS = 1_000_000_000

_COMMAND = layout("Command")
_ANSWER = layout("CommandAnswerBody")
_BODIES = {
    RecordType.ORDER_REPORT: layout("OrderReportBody"),
    RecordType.FILL_DETAIL: layout("FillDetailBody"),
    RecordType.BALANCE_UPDATE: layout("BalanceUpdateBody"),
    RecordType.POSITION_UPDATE: layout("PositionUpdateBody"),
    RecordType.ACCOUNT_CONFIG: layout("AccountConfigBody"),
    RecordType.MARGIN_CALL: layout("MarginCallBody"),
    RecordType.SNAPSHOT_BEGIN: layout("SnapshotBody"),
    RecordType.SNAPSHOT_END: layout("SnapshotBody"),
}
CONTRACTS = {
    ContractType.PERPETUAL: "perp",
    ContractType.DELIVERY: "delivery",
    ContractType.SPOT: "spot",
    ContractType.UNKNOWN: "unknown",
}
DIRECTIONS = {Side.BUY: "Buy", Side.SELL: "Sell"}
ACTIONS = {
    intents.Action.PLACE: "place_order",
    intents.Action.AMEND: "amend_order",
    intents.Action.CANCEL: "cancel_order",
    intents.Action.CANCEL_ALL: "cancel_all",
    intents.Action.QUERY: "query_order",
}
_SENTENCES = {code.value: code.sentence for code in Code}
_OF_PRICE = frozenset({Field.PRICE, Field.STOP_PRICE, Field.ACTIVATION_PRICE})
_OF_MONEY = frozenset({Field.NOTIONAL, Field.EXPOSURE, Field.LOSS})
_KEYS = {
    Field.INSTRUMENT: "symbol",
    Field.ACCOUNT: "account_id",
    Field.GOOD_TILL: "good_till_ms",
    Field.VALID_UNTIL: "valid_for_ms",
    Field.BATCH: "orders",
}
"""Fields that a command in JSON has by another name."""
_AMEND_KEYS = _KEYS | {Field.PRICE: "new_price", Field.QUANTITY: "new_quantity"}


class Instrument(Protocol):
    """What rendering asks of an instrument."""

    @property
    def exchange(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def contract(self) -> ContractType: ...
    @property
    def price_exponent(self) -> int: ...
    @property
    def qty_exponent(self) -> int: ...


class Record(Protocol):
    """What rendering asks of a report."""

    @property
    def record_type(self) -> int: ...
    @property
    def account(self) -> int | None: ...
    @property
    def venue_ns(self) -> int: ...
    @property
    def instrument(self) -> Any: ...
    @property
    def body_bytes(self) -> bytes: ...


def zone_of(name: str) -> tzinfo:
    """A time zone by its name, ``UTC`` also where no zones are installed; ValueError: none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"{name!r} is no time zone of this machine") from None


class Renderer:
    """Renders the reports of one strategy.

    ``accounts``: (index, name, exchange) of those it may use. ``zone``: of the rendered local
    times."""

    def __init__(
        self,
        strategy: str,
        accounts: Mapping[int, tuple[str, str]],
        zone: tzinfo = UTC,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.strategy = strategy
        self._accounts, self._zone = dict(accounts), zone
        self.wall_ns = wall

    def use_accounts(self, accounts: Mapping[int, tuple[str, str]]) -> None:
        """From here on numbers of accounts mean these."""
        self._accounts = dict(accounts)

    def account(self, index: int | None) -> str:
        """The name of an account; "": it is none of the strategy's."""
        return self._accounts.get(-1 if index is None else index, ("", ""))[0]

    def local(self, wall_ns: int) -> str:
        """``YYYYMMDDHHMMSSmmm``."""
        seconds, rest = divmod(wall_ns, SECOND_NS)
        at = datetime.fromtimestamp(seconds, self._zone)
        return f"{at:%Y%m%d%H%M%S}{rest // 1_000_000:03d}"

    def render(self, record: Record) -> dict[str, Any]:
        """A report; the answer to a command this process did not write has no ``request``."""
        body = record.body_bytes
        if record.record_type == RecordType.COMMAND_ANSWER:
            slot: bytes | None = getattr(record, "slot", None)
            request = self.request(slot, record.instrument) if slot is not None else None
            return self.answer(body, record.account, record.instrument, request)
        kind = RecordType(record.record_type)
        raw = _BODIES[kind].unpack(body)
        if kind is RecordType.ORDER_REPORT:
            return self._order(raw, record)
        return self._other(kind, raw, record)

    # -- commands

    def request(self, slot: bytes, instrument: Instrument | None) -> dict[str, Any]:
        """A command as the protocol writes it, without its action and strategy."""
        raw = _COMMAND.unpack(slot)
        amend, place = raw.action == intents.Action.AMEND, raw.action == intents.Action.PLACE
        prices = instrument.price_exponent if instrument is not None else 0
        quantities = instrument.qty_exponent if instrument is not None else 0
        flags = raw.flags
        order_type = str(_name(intents.OrderType, raw.order_type)).lower() if place else None
        validity_ms = Decimal(raw.valid_until_ns - raw.created_ns).scaleb(-6)
        post_only = raw.time_in_force == intents.TimeInForce.GTX
        found: dict[str, Any] = {
            "ref_id": raw.ref_id or None,
            **self._about(instrument),
            "account_id": self.account(raw.account),
            "client_order_id": raw.client_order_id or None,
            "order_id": _either(raw.order_id, raw.venue_order_id),
            "price": None if amend else _exact(raw.price_e, prices),
            "quantity": None if amend else _exact(raw.qty_e, quantities),
            "new_price": _exact(raw.price_e, prices) if amend else None,
            "new_quantity": _exact(raw.qty_e, quantities) if amend else None,
            "direction": DIRECTIONS.get(raw.side) if place else None,
            "order_type": order_type,
            "time_in_force": _name(intents.TimeInForce, raw.time_in_force, not post_only),
            "reduce_only": True if flags & intents.CommandFlag.REDUCE_ONLY else None,
            "post_only": True if post_only else None,
            "position_side": _name(intents.PositionSide, raw.position_side),
            "stop_price": _exact(raw.stop_price_e, prices),
            "callback_rate": _exact(raw.callback_rate_e, MONEY_EXPONENT),
            "working_type": _name(intents.WorkingType, raw.working_type),
            "close_position": True if flags & intents.CommandFlag.CLOSE_POSITION else None,
            "label": raw.label or None,
            "target": raw.target or None,
            "self_trade": _name(intents.SelfTrade, raw.self_trade),
            "price_match": _name(intents.PriceMatch, raw.price_match),
            "good_till_ms": _milliseconds(raw.good_till_ns),
            "activation_price": _exact(raw.activation_price_e, prices),
            "price_protect": True if flags & intents.CommandFlag.PRICE_PROTECT else None,
            "valid_for_ms": validity_ms if validity_ms != 100 else None,
        }
        return {key: value for key, value in found.items() if value is not None}

    def answer(
        self,
        body: bytes,
        account: int | None,
        instrument: Instrument | None,
        request: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """What became of a command: ``body`` with the venue's words behind it."""
        raw = _ANSWER.unpack(body)
        words = body[_ANSWER.size : _ANSWER.size + raw.text_bytes].decode(errors="replace")
        action = ACTIONS.get(raw.action, "unknown")
        inner: dict[str, Any] = {
            "account_id": self.account(account),
            "result": {Result.ACCEPTED: True, Result.REFUSED: False}.get(raw.result),
        }
        order_id = _either(raw.order_id, raw.venue_order_id)
        if raw.action == intents.Action.PLACE:
            inner["order_id"] = order_id or 0
        elif raw.action in (intents.Action.AMEND, intents.Action.QUERY) and order_id:
            inner["order_id"] = order_id
        if raw.result != Result.ACCEPTED:
            inner["error_code"] = raw.code
            inner["error_code_msg"] = _message(raw.code, raw.http_status, words)
            inner.update(_limit(raw, instrument))
        if raw.batch:
            inner["index"] = raw.batch - 1  # place in its list `orders`, from 0
        found: dict[str, Any] = {
            "ref_id": raw.ref_id,
            "action": action,
            "strategy": self.strategy,
            "metadata": {
                **self._about(instrument),
                "event": action,
                "metadata": inner,
                "timestamp": self.local(raw.wall_ns),
            },
        }
        if request is not None:
            found["request"] = request
        return found

    # -- updates

    def _order(self, raw: Any, record: Record) -> dict[str, Any]:
        instrument = record.instrument
        prices = instrument.price_exponent if instrument is not None else None
        quantities = instrument.qty_exponent if instrument is not None else None
        update, flags = Update(raw.update), ReportFlag(raw.flags)
        metadata: dict[str, Any] = {
            "result": update is not Update.REJECTED,
            "account_id": self.account(record.account),
            "order_id": _either(raw.order_id, raw.venue_order_id) or 0,
            "client_order_id": raw.client_order_id,
            "direction": DIRECTIONS.get(raw.side, ""),
            "timestamp": record.venue_ns // 1_000_000,
        }
        fee = _exact(raw.fee_e, MONEY_EXPONENT)
        if fee is not None:
            metadata["fee"] = fee
        metadata["update_type"] = update.name.lower()
        if fee is not None and raw.fee_asset:
            metadata["fee_asset"] = raw.fee_asset
        if raw.last_qty_e:
            if trade_id := _either(raw.trade_id, raw.venue_trade_id):
                metadata["trade_id"] = trade_id
            if flags & (ReportFlag.MAKER | ReportFlag.TAKER):
                metadata["maker"] = bool(flags & ReportFlag.MAKER)
        metadata |= _marks(flags)
        if raw.reason not in (EndReason.NONE, EndReason.COMMAND):
            metadata["reason"] = EndReason(raw.reason).name.lower()
        info = {
            "original_amount": _exact(raw.qty_e, quantities) or 0,
            "filled": _exact(raw.filled_qty_e, quantities) or 0,
            "new_filled": _exact(raw.last_qty_e, quantities) or 0,
            "avg_executed_price": _exact(raw.average_e, raw.average_exponent) or 0,
            "submit_price": _exact(raw.price_e, prices) or 0,
            "status": OrderStatus(raw.status).name.lower(),
        }
        if instrument is None:  # an old report: in what scale its numbers are is not known
            info = {key: info[key] for key in ("avg_executed_price", "status")}
        return {
            **self._about(instrument),
            "metadata": metadata,
            "timestamp": self.local(raw.wall_ns),
            "order_info": info,
        }

    def _other(self, kind: RecordType, raw: Any, record: Record) -> dict[str, Any]:
        """What the samples do not have: their frame, with an ``..._info`` of its own."""
        name = "account_config_update" if kind is RecordType.ACCOUNT_CONFIG else kind.name.lower()
        instrument = record.instrument
        metadata: dict[str, Any] = {"result": True}
        if kind not in (RecordType.SNAPSHOT_BEGIN, RecordType.SNAPSHOT_END):
            metadata["account_id"] = self.account(record.account)
        if record.venue_ns:
            metadata["timestamp"] = record.venue_ns // 1_000_000
        metadata["update_type"] = name
        account = -1 if record.account is None else record.account
        exchange = self._accounts.get(account, ("", ""))[1]
        if instrument is not None:
            about = self._about(instrument)
        else:
            about = {"exchange": exchange} if exchange else {}
        local = self.local(raw.wall_ns)
        info = _INFO[kind](raw, instrument)
        given_info = {key: value for key, value in info.items() if value is not None}
        return {**about, "metadata": metadata, "timestamp": local, _INFO_NAMES[kind]: given_info}

    def _about(self, instrument: Instrument | None) -> dict[str, Any]:
        if instrument is None:
            return {}
        return {
            "exchange": instrument.exchange,
            "symbol": instrument.symbol,
            "contract_type": CONTRACTS[instrument.contract],
        }


def _fill_detail(raw: Any, _: Instrument | None) -> dict[str, Any]:
    flags = ReportFlag(raw.flags)
    side = flags & (ReportFlag.MAKER | ReportFlag.TAKER)
    return {
        "trade_id": _either(raw.trade_id, raw.venue_trade_id),
        "fee": _exact(raw.fee_e, MONEY_EXPONENT),
        "fee_asset": raw.fee_asset or None,
        "realised": _exact(raw.realised_e, MONEY_EXPONENT),
        "maker": bool(flags & ReportFlag.MAKER) if side else None,
        **_marks(flags),
    }


def _balance(raw: Any, _: Instrument | None) -> dict[str, Any]:
    return {
        "asset": raw.asset,
        "wallet": _exact(raw.wallet_e, MONEY_EXPONENT),
        "available": _exact(raw.available_e, MONEY_EXPONENT),
        "change": _exact(raw.change_e, MONEY_EXPONENT),
        "reason": _name(BalanceReason, raw.reason),
        **_marks(ReportFlag(raw.flags)),
    }


def _position(raw: Any, instrument: Instrument | None) -> dict[str, Any]:
    quantities = instrument.qty_exponent if instrument is not None else None
    return {
        "position_side": intents.PositionSide(raw.position_side).name,
        "quantity": _exact(raw.qty_e, quantities),
        "entry_price": _exact(raw.entry_e, raw.entry_exponent),
        "unrealised": _exact(raw.unrealised_e, MONEY_EXPONENT),
        "realised": _exact(raw.realised_e, MONEY_EXPONENT),
        "own_quantity": _exact(raw.own_qty_e, quantities),
        "leverage": raw.leverage or None,
        "isolated": bool(raw.isolated),
        **_marks(ReportFlag(raw.flags)),
    }


def _config(raw: Any, _: Instrument | None) -> dict[str, Any]:
    off_on = {1: False, 2: True}
    return {
        "leverage": raw.leverage or None,
        "multi_assets": off_on.get(raw.multi_assets),
        "hedge": off_on.get(raw.hedge),
    }


def _margin_call(raw: Any, instrument: Any) -> dict[str, Any]:
    quantities = instrument.qty_exponent if instrument is not None else None
    return {
        "position_side": intents.PositionSide(raw.position_side).name,
        "quantity": _exact(raw.qty_e, quantities),
        "mark_price": _exact(raw.mark_e, MONEY_EXPONENT),
        "unrealised": _exact(raw.unrealised_e, MONEY_EXPONENT),
        "maintenance_margin": _exact(raw.maintenance_e, MONEY_EXPONENT),
        "wallet": _exact(raw.wallet_e, MONEY_EXPONENT),
        "isolated": bool(raw.isolated),
    }


def _snapshot(raw: Any, _: Instrument | None) -> dict[str, Any]:
    return {
        "sequence": raw.journal_sequence,
        "orders": raw.orders,
        "positions": raw.positions,
    }


_INFO: dict[RecordType, Callable[[Any, Any], dict[str, Any]]] = {
    RecordType.FILL_DETAIL: _fill_detail,
    RecordType.BALANCE_UPDATE: _balance,
    RecordType.POSITION_UPDATE: _position,
    RecordType.ACCOUNT_CONFIG: _config,
    RecordType.MARGIN_CALL: _margin_call,
    RecordType.SNAPSHOT_BEGIN: _snapshot,
    RecordType.SNAPSHOT_END: _snapshot,
}
_INFO_NAMES = {
    RecordType.FILL_DETAIL: "fill_info",
    RecordType.BALANCE_UPDATE: "balance_info",
    RecordType.POSITION_UPDATE: "position_info",
    RecordType.ACCOUNT_CONFIG: "config_info",
    RecordType.MARGIN_CALL: "margin_info",
    RecordType.SNAPSHOT_BEGIN: "snapshot_info",
    RecordType.SNAPSHOT_END: "snapshot_info",
}


def _exact(value_e: int, exponent: int | None) -> Decimal | None:
    value = given(value_e)
    return None if value is None or exponent is None else Decimal(value).scaleb(-exponent)


def _either(number: int, text: str) -> int | str | None:
    """An id of a venue: the number, or the text where it has texts; None: it gave none."""
    return given(number) or text or None


def _name(kind: Any, number: int, shown: bool = True) -> str | int | None:
    """The word of a value other than the default; a number that has none stays one."""
    if not number or not shown:
        return None
    try:
        return str(kind(number).name)
    except ValueError:
        return number


def _milliseconds(value_ns: int) -> int | None:
    value = given(value_ns)
    return None if value is None else value // 1_000_000


def _message(code: int, http_status: int, words: str) -> str:
    """``error_code_msg``: the venue's body escaped once more, or our own sentence."""
    if code == Code.VENUE.value:
        return f"StatusCodeError: {http_status} - {json.dumps(words, ensure_ascii=False)}"
    sentence = _SENTENCES.get(code, "unknown code")
    return f"{sentence}: {words}" if words and words != sentence else sentence


def _limit(raw: Any, instrument: Instrument | None) -> dict[str, Any]:
    """The field that was refused and the limit it broke, where there is one."""
    if not raw.field:
        return {}
    field = Field(raw.field)
    keys = _AMEND_KEYS if raw.action == intents.Action.AMEND else _KEYS
    found: dict[str, Any] = {"field": keys.get(field) or field.name.lower()}
    if raw.value_e or raw.limit_e:
        exponent = 0
        if field in _OF_PRICE and instrument is not None:
            exponent = instrument.price_exponent
        elif field is Field.QUANTITY and instrument is not None:
            exponent = instrument.qty_exponent
        elif field in _OF_MONEY:
            exponent = MONEY_EXPONENT
        found["value"] = Decimal(raw.value_e).scaleb(-exponent)
        found["limit"] = Decimal(raw.limit_e).scaleb(-exponent)
    return found


def _marks(flags: ReportFlag) -> dict[str, bool]:
    """Flags that carry information, each by its own key."""
    marks = (ReportFlag.RECOVERED, ReportFlag.LATE, ReportFlag.FOREIGN)
    return {str(mark.name).lower(): True for mark in marks if flags & mark}
