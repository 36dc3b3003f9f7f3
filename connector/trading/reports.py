"""Effects of the tracker as bodies of journal records."""

from typing import Any

from connector._speedups.report_bodies import answer_body, order_report_body
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Result
from connector.trading.commands import Refusal
from connector.trading.effects import Answered, Detail, Report
from connector.venues.trading_contract import (
    AccountConfigEvent,
    BalanceEvent,
    MarginCallEvent,
    PositionEvent,
)

_ANSWER = layout("CommandAnswerBody")
_DETAIL = layout("FillDetailBody")
_BALANCE = layout("BalanceUpdateBody")
_POSITION = layout("PositionUpdateBody")
_CONFIG = layout("AccountConfigBody")
_MARGIN = layout("MarginCallBody")
_TEXT_BYTES = 4096
"""Most of a venue's words that an answer carries."""
_OFF_ON = {None: 0, False: 1, True: 2}


def report(one: Report, wall_ns: int) -> tuple[RecordType, bytes]:
    """An OrderReport."""
    return RecordType.ORDER_REPORT, order_report_body(one, wall_ns)


def answer(one: Answered, wall_ns: int, left_ns: int = 0) -> tuple[RecordType, bytes]:
    """A CommandAnswer, the venue's words behind it; ``left_ns``: when its request left."""
    text = one.text.encode()[:_TEXT_BYTES]
    return RecordType.COMMAND_ANSWER, answer_body(one, wall_ns, left_ns, text)


def refused(raw: Any, refusal: Refusal, wall_ns: int) -> tuple[RecordType, bytes]:
    """The CommandAnswer to a slot that could not even be read; ``raw``: its fields."""
    text = str(refusal).encode()[:_TEXT_BYTES]
    return RecordType.COMMAND_ANSWER, text_behind(
        _ANSWER.pack(
            command=raw.stamp,
            order_id=None,
            wall_ns=wall_ns,
            code=refusal.code.value,
            text_bytes=len(text),
            result=Result.REFUSED,
            action=raw.action,
            field=refusal.field,
            batch=raw.batch,
            ref_id=_echo(raw.ref_id),
            client_order_id=_echo(raw.client_order_id),
        ),
        text,
    )


def _echo(text: str) -> str:
    """A text of a strategy, back to it; what was no UTF-8 cannot be echoed."""
    return "" if "\ufffd" in text else text


def detail(one: Detail, wall_ns: int) -> tuple[RecordType, bytes]:
    """A FillDetail."""
    return RecordType.FILL_DETAIL, _DETAIL.pack(
        order_key=one.order.key,
        trade_id=one.trade_id,
        wall_ns=wall_ns,
        fee_e=one.fee_e,
        realised_e=one.realised_e,
        flags=one.flags,
        position_side=one.order.position_side,
        fee_asset=one.fee_asset,
        venue_trade_id=one.venue_trade_id,
        last_qty_e=one.last_qty_e,
        last_price_e=one.last_price_e,
    )


def balance(event: BalanceEvent, wall_ns: int, flags: int = 0) -> tuple[RecordType, bytes]:
    """A BalanceUpdate."""
    return RecordType.BALANCE_UPDATE, _BALANCE.pack(
        wall_ns=wall_ns,
        wallet_e=event.wallet_e,
        available_e=event.available_e,
        change_e=event.change_e,
        reason=event.reason,
        asset=event.asset,
        flags=flags,
    )


def position(
    event: PositionEvent, own_qty_e: int, wall_ns: int, flags: int = 0
) -> tuple[RecordType, bytes]:
    """A PositionUpdate; ``own_qty_e``: the sum of the fills of the strategy it goes to."""
    entry_e, exponent = scaled(event.entry)
    return RecordType.POSITION_UPDATE, _POSITION.pack(
        wall_ns=wall_ns,
        qty_e=event.qty_e,
        entry_e=entry_e,
        entry_exponent=exponent,
        unrealised_e=event.unrealised_e,
        realised_e=event.realised_e,
        own_qty_e=own_qty_e,
        leverage=event.leverage,
        position_side=event.position_side,
        isolated=event.isolated,
        flags=flags,
    )


def account_config(event: AccountConfigEvent, wall_ns: int) -> tuple[RecordType, bytes]:
    """An AccountConfig: what changed."""
    return RecordType.ACCOUNT_CONFIG, _CONFIG.pack(
        wall_ns=wall_ns,
        leverage=event.leverage,
        multi_assets=_OFF_ON[event.multi_assets],
        hedge=_OFF_ON[event.hedge],
    )


def margin_call(event: MarginCallEvent, wall_ns: int) -> tuple[RecordType, bytes]:
    """A MarginCall: one position of the warning."""
    return RecordType.MARGIN_CALL, _MARGIN.pack(
        wall_ns=wall_ns,
        wallet_e=event.wallet_e,
        qty_e=event.qty_e,
        mark_e=event.mark_e,
        unrealised_e=event.unrealised_e,
        maintenance_e=event.maintenance_e,
        position_side=event.position_side,
        isolated=event.isolated,
    )


def text_behind(body: bytes, text: bytes) -> bytes:
    """A body whose ``text_bytes`` says how much follows it."""
    return body + text


def scaled(text: str) -> tuple[int | None, int]:
    """A venue's decimal as integer and exponent, as exact as 63 bits allow."""
    if not text:
        return None, 0
    whole, _, digits = text.partition(".")
    digits = digits.rstrip("0")
    while digits and abs(int(whole + digits)) >= 1 << 63:
        digits = digits[:-1]
    return int(whole + digits), len(digits)
