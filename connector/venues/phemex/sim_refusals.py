"""What Phemex answers to an order that its engine does not take.

Written from the venue's reference alone: codes and names of its list of business errors. The HTTP
status of a refusal is 200; ``msg`` carries the name.
"""

import orjson

from connector.model.intents import Action
from connector.sim.matching.types import Reason, Refused

BUSINESS = {
    10001: "OM_DUPLICATE_ORDERID",
    10002: "OM_ORDER_NOT_FOUND",
    10003: "OM_ORDER_PENDING_CANCEL",
    11001: "TE_NO_ENOUGH_AVAILABLE_BALANCE",
    11002: "TE_INVALID_RISK_LIMIT",
    11004: "TE_INVALID_LEVERAGE",
    11005: "TE_NO_ENOUGH_BALANCE_FOR_NEW_LEVERAGE",
    11006: "TE_CANNOT_CHANGE_POSITION_MARGIN_WITHOUT_POSITION",
    11007: "TE_CANNOT_CHANGE_POSITION_MARGIN_FOR_CROSS_MARGIN",
    11008: "TE_CANNOT_REMOVE_POSITION_MARGIN_MORE_THAN_ADDED",
    11010: "TE_CANNOT_ADD_POSITION_MARGIN_DUE_TO_NO_ENOUGH_AVAILABLE_BALANCE",
    11011: "TE_REDUCE_ONLY_ABORT",
    11012: "TE_REPLACE_TO_INVALID_QTY",
    11013: "TE_CONDITIONAL_NO_POSITION",
    11014: "TE_CONDITIONAL_CLOSE_POSITION_WRONG_SIDE",
    11023: "TE_REJECT_DUE_TO_IN_PROCESS_OF_LIQ",
    11027: "TE_SYMBOL_INVALID",
    11029: "TE_ACTION_INVALID",
    11031: "TE_SO_NUM_EXCEEDS",
    11032: "TE_AO_NUM_EXCEEDS",
    11034: "TE_SIDE_INVALID",
    11035: "TE_ORD_TYPE_INVALID",
    11036: "TE_TIME_IN_FORCE_INVALID",
    11038: "TE_TRIGGER_INVALID",
    11043: "TE_RISING_TRIGGER_DIRECTLY",
    11044: "TE_FALLING_TRIGGER_DIRECTLY",
    11045: "TE_TRIGGER_PRICE_TOO_LARGE",
    11046: "TE_TRIGGER_PRICE_TOO_SMALL",
    11053: "TE_PRICE_TOO_LARGE",
    11055: "TE_PRICE_TOO_SMALL",
    11056: "TE_QTY_TOO_LARGE",
    11057: "TE_QTY_NOT_MATCH_REDUCE_ONLY",
    11058: "TE_QTY_TOO_SMALL",
    11063: "TE_ORD_STATUS_CANNOT_CANCEL",
    11065: "TE_ORD_REPLACE_NOT_MODIFIED",
    11066: "TE_ORD_STATUS_CANNOT_REPLACE",
    11081: "TE_RISK_LIMIT_EXCEEDS",
    11085: "TE_CL_ORD_ID_DUPLICATE",
    11086: "TE_PEG_PRICE_TYPE_INVALID",
    11091: "TE_BUY_REVERT_VALUE_SHOULD_LT_ZERO",
    11092: "TE_SELL_REVERT_VALUE_SHOULD_GT_ZERO",
    11093: "TE_BUY_TTP_SHOULD_ACTIVATE_ABOVE_BASE",
    11094: "TE_SELL_TTP_SHOULD_ACTIVATE_BELOW_BASE",
    11095: "TE_TRAILING_ORDER_DUPLICATED",
    11041: "TE_NO_INDEX_PRICE",
    11098: "TE_WALLET_INVALID_ACTION",
    11100: "TE_WALLET_INSUFFICIENT_BALANCE",
    34003: "Access forbidden",
    35104: "phemex.spot.wallet.balance.notenough",
    11097: "TE_CANNOT_FIND_WALLET_OF_THIS_CURRENCY",
    11108: "TE_CANNOT_REPLACE_OR_CANCEL_MARKET_ORDER",
    11111: "TE_MISSING_ORDER_ID",
    11115: "TE_ORDER_VALUE_TOO_SMALL",
    20004: "TE_ERR_INCONSISTENT_POS_MODE",
    30000: "Please double check input arguments",
    30018: "phemex.data.size.uplimt",
    39997: "Symbol not listed",
}

ENGINE = {
    100: "CE_NO_ENOUGH_QTY",
    101: "CE_WILLCROSS",
}
"""Reasons that come with an order event, not with an answer."""

CODES = {
    Reason.UNKNOWN_SYMBOL: 11027,
    Reason.NOT_TRADING: 39997,
    Reason.BAD_REQUEST: 30000,
    Reason.DUPLICATE_CLIENT_ID: 11085,
    Reason.ORDER_NOT_FOUND: 10002,
    Reason.PRICE_OFF_TICK: 30000,
    Reason.PRICE_BELOW_MIN: 11055,
    Reason.PRICE_ABOVE_MAX: 11053,
    Reason.PRICE_ABOVE_COLLAR: 11053,
    Reason.PRICE_BELOW_COLLAR: 11055,
    Reason.STOP_PRICE_BELOW_MIN: 11046,
    Reason.STOP_PRICE_ABOVE_MAX: 11045,
    Reason.QTY_OFF_STEP: 30000,
    Reason.QTY_BELOW_MIN: 11058,
    Reason.QTY_ABOVE_MAX: 11056,
    Reason.NOTIONAL_BELOW_MIN: 11115,
    Reason.TOO_MANY_OPEN_ORDERS: 11032,
    Reason.TOO_MANY_CONDITIONALS: 11031,
    Reason.INSUFFICIENT_MARGIN: 11001,
    Reason.EXCEEDS_LEVERAGE_LIMIT: 11081,
    Reason.IN_LIQUIDATION: 11023,
    Reason.REDUCE_ONLY_REJECTED: 11057,
    Reason.SYMBOL_REDUCE_ONLY: 11057,
    Reason.LIMIT_ONLY: 11108,
    Reason.SAME_ORDER: 11065,
    Reason.WOULD_TRIGGER: 11043,
    Reason.BAD_ACTIVATION_PRICE: 11038,
    Reason.BAD_CALLBACK_RATE: 11086,
    Reason.BAD_LEVERAGE: 11004,
    Reason.NOT_ISOLATED: 11007,
    Reason.NO_POSITION: 11006,
    Reason.POSITION_SIDE_MISMATCH: 20004,
    Reason.CLOSE_POSITION_SIDE: 11014,
    Reason.CROSS_BALANCE_INSUFFICIENT: 11010,
    Reason.ISOLATED_BALANCE_INSUFFICIENT: 11008,
}


def code_of(reason: Reason) -> int:
    """The business error of a refusal; what the venue has no word for is a bad request."""
    return CODES.get(reason, 30000)


def failure(code: int, text: str = "") -> bytes:
    return orjson.dumps({"code": code, "msg": text or BUSINESS[code], "data": None})


def answer(action: Action, refused: Refused) -> tuple[int, bytes]:
    """HTTP status and body."""
    return 200, failure(code_of(refused.reason))
