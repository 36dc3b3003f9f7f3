"""What the venue answers when its matching engine refuses: code and text of every reason."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connector.model.intents import Action
from connector.sim.matching.types import Reason, Refused
from connector.venues.binance_usdm.sim_params import Fault

REASONS: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.NOT_TRADING: (-4141, "Symbol is closed."),
    Reason.BAD_REQUEST: (-1014, "Unsupported order combination."),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.ORDER_NOT_FOUND: (-2013, "Order does not exist."),
    Reason.POSITION_SIDE_MISMATCH: (
        -4061,
        "Order's position side does not match user's setting.",
    ),
    Reason.PRICE_OFF_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_BELOW_MIN: (-4013, "Price less than min price."),
    Reason.PRICE_ABOVE_MAX: (-4002, "Price greater than max price."),
    Reason.PRICE_ABOVE_COLLAR: (-4016, "Limit price can't be higher than {}."),
    Reason.PRICE_BELOW_COLLAR: (-4024, "Limit price can't be lower than {}."),
    Reason.STOP_PRICE_BELOW_MIN: (-4006, "Stop price less than zero."),
    Reason.STOP_PRICE_ABOVE_MAX: (-4007, "Stop price greater than max price."),
    Reason.QTY_OFF_STEP: (-4023, "Qty not increased by step size."),
    Reason.QTY_BELOW_MIN: (-4004, "Quantity less than min quantity."),
    Reason.QTY_ABOVE_MAX: (-4005, "Quantity greater than max quantity."),
    Reason.NOTIONAL_BELOW_MIN: (
        -4164,
        "Order's notional must be no smaller than {} (unless you choose reduce only).",
    ),
    Reason.MARKET_OUT_OF_BOUND: (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    Reason.TOO_MANY_OPEN_ORDERS: (-2025, "Reach max open order limit."),
    Reason.TOO_MANY_CONDITIONALS: (-4045, "Reach max stop order limit."),
    Reason.INSUFFICIENT_MARGIN: (-2019, "Margin is insufficient."),
    Reason.EXCEEDS_LEVERAGE_LIMIT: (
        -2027,
        "Exceeded the maximum allowable position at current leverage.",
    ),
    Reason.IN_LIQUIDATION: (-2023, "User in liquidation mode now."),
    Reason.REDUCE_ONLY_REJECTED: (-2022, "ReduceOnly Order is rejected."),
    Reason.REDUCE_ONLY_IN_HEDGE: (-1106, "Parameter 'reduceonly' sent when not required."),
    Reason.SYMBOL_REDUCE_ONLY: (
        -4105,
        "This symbol is in reduce only mode due to regulation requirements.",
    ),
    Reason.CLOSE_POSITION_SIDE: (-2022, "ReduceOnly Order is rejected."),
    Reason.FOK_UNFILLABLE: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history.",
    ),
    Reason.POST_ONLY_WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history.",
    ),
    Reason.PRICE_MATCH_NO_DEPTH: (-5041, "No depth matches this BBO order."),
    Reason.PRICE_MATCH_NOT_ALLOWED: (-5038, "Price match only supports order type: LIMIT, STOP."),
    Reason.GOOD_TILL_TOO_SOON: (-5040, "The goodTillDate timestamp is not valid."),
    Reason.LIMIT_ONLY: (-5025, "Only limit order is supported."),
    Reason.SIDE_MISMATCH: (-1117, "Invalid side."),
    Reason.SAME_ORDER: (-5027, "No need to modify the order."),
    Reason.TOO_MANY_AMENDS: (-5026, "Exceed maximum modify order limit."),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.BAD_ACTIVATION_PRICE: (-4135, "Invalid activation price."),
    Reason.BAD_CALLBACK_RATE: (-1130, "Data sent for parameter 'callbackRate' is not valid."),
    Reason.NO_CHANGE: (-4046, "No need to change margin type."),
    Reason.OPEN_ORDERS_EXIST: (
        -4047,
        "Margin type cannot be changed if there exists open orders.",
    ),
    Reason.POSITION_EXISTS: (-4048, "Margin type cannot be changed if there exists position."),
    Reason.BAD_LEVERAGE: (-4028, "Leverage {} is not valid."),
    Reason.ISOLATED_LEVERAGE_DECREASE: (
        -4161,
        "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    ),
    Reason.NOT_ISOLATED: (-4049, "Add margin only support for isolated position."),
    Reason.NO_POSITION: (-4054, "Cannot add position margin: position is 0."),
    Reason.BAD_AMOUNT: (-4055, "Amount must be positive."),
    Reason.CROSS_BALANCE_INSUFFICIENT: (-4050, "Cross balance insufficient."),
    Reason.ISOLATED_BALANCE_INSUFFICIENT: (-4051, "Isolated balance insufficient."),
}
"""What most endpoints answer; some have codes of their own below."""

Codes = Mapping[Reason, tuple[int, str]]

CANCEL: Codes = {Reason.ORDER_NOT_FOUND: (-2011, "Unknown order sent.")}
AMEND: Codes = {
    Reason.NOT_TRADING: (
        -5024,
        "Symbol is not in trading status. Order amendment is not permitted.",
    ),
    Reason.NOTIONAL_BELOW_MIN: (-5029, "Order's notional must be no smaller than {}."),
}
POSITION_MODE: Codes = {
    Reason.NO_CHANGE: (-4059, "No need to change position side."),
    Reason.OPEN_ORDERS_EXIST: (
        -4067,
        "Position side cannot be changed if there exists open orders.",
    ),
    Reason.POSITION_EXISTS: (-4068, "Position side cannot be changed if there exists position."),
}

OF_ACTION: Mapping[Action, Codes] = {Action.CANCEL: CANCEL, Action.AMEND: AMEND}


def answer(action: Action, refused: Refused) -> tuple[int, bytes]:
    """HTTP status and body of the answer to an order request that is refused."""
    reason = refused.reason
    code, text = OF_ACTION.get(action, {}).get(reason) or REASONS[reason]
    fault = Fault(code, text.format(refused.detail))
    return fault.status, fault.body


@contextmanager
def refusals(codes: Codes | None = None, **texts: str) -> Iterator[None]:
    """Turn the engine's refusals into the venue's errors; ``texts`` fill in the text's blank by
    the reason's name."""
    try:
        yield
    except Refused as refused:
        reason = refused.reason
        code, text = (codes or {}).get(reason) or REASONS[reason]
        raise Fault(code, text.format(texts.get(reason.name, refused.detail))) from None
