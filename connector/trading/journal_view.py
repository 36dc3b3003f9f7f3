"""A journal's entries for people and for programs: names for numbers, exact decimals."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

from connector._speedups import decimal
from connector.model import intents, reports
from connector.model.instrument import ABSENT
from connector.model.packing import layout
from connector.model.records import NO_INSTRUMENT as NO_PLACE
from connector.model.records import RecordType, Side
from connector.trading.journal_files import Entry

BODIES = {
    RecordType.INSTRUMENT_CHANGE: "InstrumentEntry",
    RecordType.COMMAND: "CommandBody",
    RecordType.SENT: "SentBody",
    RecordType.TEXT: "TextBody",
    RecordType.COMMAND_ANSWER: "CommandAnswerBody",
    RecordType.ORDER_REPORT: "OrderReportBody",
    RecordType.FILL_DETAIL: "FillDetailBody",
    RecordType.BALANCE_UPDATE: "BalanceUpdateBody",
    RecordType.POSITION_UPDATE: "PositionUpdateBody",
    RecordType.ACCOUNT_CONFIG: "AccountConfigBody",
    RecordType.MARGIN_CALL: "MarginCallBody",
    RecordType.SNAPSHOT_BEGIN: "SnapshotBody",
    RecordType.SNAPSHOT_END: "SnapshotBody",
}
_ENUMS: dict[str, type[IntEnum]] = {
    "action": intents.Action,
    "order_type": intents.OrderType,
    "time_in_force": intents.TimeInForce,
    "position_side": intents.PositionSide,
    "working_type": intents.WorkingType,
    "self_trade": intents.SelfTrade,
    "price_match": intents.PriceMatch,
    "side": Side,
    "result": reports.Result,
    "update": reports.Update,
    "status": reports.OrderStatus,
    "field": reports.Field,
    "what": reports.Text,
}
_REASONS: dict[str, type[IntEnum]] = {
    "OrderReportBody": reports.EndReason,
    "BalanceUpdateBody": reports.BalanceReason,
}
_SNAPSHOT = frozenset({RecordType.SNAPSHOT_BEGIN, RecordType.SNAPSHOT_END})
NO_INSTRUMENT = _SNAPSHOT | {RecordType.BALANCE_UPDATE}
"""Their place for an instrument means nothing."""
_OFF_ON = {"multi_assets", "hedge"}
"""0 unknown, 1 off, 2 on."""
_KINDS = {kind.value: kind for kind in RecordType}
_PRICES = {"price_e", "stop_price_e", "activation_price_e", "last_price_e"}
_QUANTITIES = {"qty_e", "filled_qty_e", "last_qty_e", "own_qty_e"}
_OWN_EXPONENT = {"average_e": "average_exponent", "entry_e": "entry_exponent"}
_RAW = {"value_e", "limit_e"}
"""In the units of the field that was refused."""


class _Checkpoint(msgspec.Struct):
    """As much of a checkpoint as a view needs."""

    accounts: list[str]


_CHECKPOINT = msgspec.msgpack.Decoder(_Checkpoint)


class View:
    """Turns the entries of one strategy's journal, given in order, into named values."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self._instruments: dict[int, Any] = {}
        self._accounts: list[str] = []

    def told(self, entry: Entry) -> dict[str, Any]:
        """One entry: what every entry has, then what is said in its body; absent numbers and empty
        texts are left out. Prices and quantities are exact decimals where the journal knows the
        instrument's scale, else integers whose names end in ``_e``."""
        kind = _KINDS.get(entry.kind)
        name = BODIES.get(kind) if kind is not None else None
        told: dict[str, Any] = {
            "strategy": self.strategy,
            "type": kind.name.lower() if kind is not None else entry.kind,
            "position": entry.position,
        }
        if entry.kind >= RecordType.COMMAND_ANSWER:
            told["sequence"] = entry.sequence
        if kind is RecordType.CHECKPOINT:  # places in lists are those of a run
            self._instruments, self._accounts = {}, account_names(entry.body)
        if name is None:
            told["bytes"] = len(entry.body)
            return told
        body = layout(name).unpack(entry.body)
        if name == "InstrumentEntry":
            self._instruments[entry.instrument] = body
            told |= {"index": entry.instrument, "exchange": body.exchange, "symbol": body.symbol}
            return told
        known = self._instruments.get(entry.instrument)
        fields: dict[str, Any] = body._asdict()
        if name == "CommandBody":  # what was read, then what was made of it
            slot = layout("Command").unpack(fields.pop("command"))._asdict()
            key = fields["order_key"] or slot["order_key"]
            fields = slot | fields | {"order_key": key}
            fields["command"] = fields.pop("stamp")
            known = self._instruments.get(fields["instrument"])
        size = layout(name).size
        text = entry.body[size : size + fields.pop("text_bytes", 0)]
        told["wall_ns"] = fields.pop("wall_ns")
        number = fields.pop("account", entry.account)
        if kind not in _SNAPSHOT:
            told["account"] = number
            if number < len(self._accounts) and self._accounts[number]:
                told["account_id"] = self._accounts[number]
        fields.pop("instrument", None)
        whole = kind is RecordType.ACCOUNT_CONFIG and not fields["leverage"]  # of the account
        if not whole and kind not in NO_INSTRUMENT and entry.instrument != NO_PLACE:
            told["instrument"] = known.symbol if known is not None else entry.instrument
        if kind is RecordType.TEXT:  # of HTTP, unlike an order's
            fields["http_status"] = fields.pop("status") or ABSENT
        for key in ("venue_ns", "recv_ns", "publish_ns", "order_key"):
            if value := getattr(entry, key):
                told[key] = value
        if not fields.get("order_key"):
            fields.pop("order_key", None)
        for key, value in fields.items():
            if value == ABSENT or value == "" or (value == 0 and key in _OFF_ON):
                continue
            told.update([_named(name, key, value, fields, known)])
        for exponent in ("average_exponent", "entry_exponent"):
            told.pop(exponent, None)
        if text:
            told["text"] = text.decode(errors="replace")
        return told


def _named(
    body: str, key: str, value: Any, fields: Mapping[str, Any], instrument: Any
) -> tuple[str, Any]:
    if key == "reason":
        return key, _name(_REASONS[body], value)
    if key in _OFF_ON:
        return key, bool(value == 2)
    if key in _ENUMS:
        return key, _name(_ENUMS[key], value)
    if not key.endswith("_e") or key in _RAW:
        return key, value
    if key in _OWN_EXPONENT:
        exponent = fields[_OWN_EXPONENT[key]]
    elif key in _PRICES or key in _QUANTITIES or key == "mark_e":
        if instrument is None:
            return key, value
        exponent = (
            instrument.price_exponent
            if key in _PRICES
            else instrument.qty_exponent
            if key in _QUANTITIES
            else instrument.mark_exponent
        )
    else:
        exponent = 8
    return key.removesuffix("_e"), decimal.format(value, exponent, 0)


def _name(kind: type[IntEnum], value: int) -> str | int:
    return kind(value).name if value in kind._value2member_map_ else value


def account_names(checkpoint: bytes) -> list[str]:
    """The names of the accounts by number, from the body of a CHECKPOINT; none, if it has none."""
    size = int.from_bytes(checkpoint[:8], "little")
    try:
        return _CHECKPOINT.decode(checkpoint[8 : 8 + size]).accounts if size else []
    except msgspec.MsgspecError:
        return []  # some other writer's
