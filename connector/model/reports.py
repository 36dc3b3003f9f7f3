"""What a strategy hears of its orders: neutral values of answers and reports, and the own codes."""

from enum import IntFlag

from connector.model.enums import Number, Word


class Result(Number):
    """What became of a command."""

    ACCEPTED = 1
    REFUSED = 2
    UNKNOWN = 3
    """Being found out; a second answer follows."""


class Update(Number):
    """Why an order is reported (``update_type`` of the JSON form)."""

    SUBMITTED = 1
    EXECUTED = 2
    CANCELLED = 3
    REJECTED = 4
    AMENDED = 5
    TRIGGERED = 6
    LIQUIDATED = 7
    STATE = 8
    """No event: the state of an open order in a snapshot."""


class OrderStatus(Number):
    """Where an order stands; ``model/order.py`` has the table of moves."""

    PENDING = 0
    """Registered; the venue has not answered."""
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    REJECTED = 6
    TRIGGERED = 7
    """A conditional order that became a normal one and has not filled yet."""
    UNKNOWN = 8
    """The outcome of placing it is being found out; it may be live."""

    @property
    def terminal(self) -> bool:
        return self in _ENDED


_ENDED = frozenset(one for one in OrderStatus if OrderStatus.FILLED <= one <= OrderStatus.REJECTED)


class Text(Number):
    """What a text of the journal is."""

    REQUEST = 1
    """What was sent, without what must not be written down."""
    ANSWER = 2
    """The venue's answer, as it came."""
    COMMAND = 3
    """A command as a strategy wrote it, where it wrote JSON."""
    EVENT = 4
    """A message of the private stream that could not be read."""


class ReportFlag(IntFlag):
    LATE = 1
    """A fill of an order that had ended."""
    FOREIGN = 2
    """Not placed through this connector."""
    RECOVERED = 4
    """Found by asking the venue, not told by its stream."""
    MAKER = 8
    TAKER = 16
    SNAPSHOT = 32
    """Part of the state handed over after an attach."""
    CONDITIONAL = 64
    """The order is (or was born from) a conditional one."""


class EndReason(Number):
    """Why an order ended, as far as the venue says."""

    NONE = 0
    COMMAND = 1
    """A cancel: ours, or of somebody with the same account."""
    SELF_TRADE = 2
    REMAINDER = 3
    """What an IOC or market order could not fill."""
    NOT_FILLABLE = 4
    """A FOK that could not fill whole."""
    POST_ONLY = 5
    """A post-only order that would have taken."""
    GOOD_TILL = 6
    REDUCE_ONLY = 7
    """Displaced, or it would have turned the position."""
    LIQUIDATION = 8
    DELISTING = 9
    TRIGGER_REJECTED = 10
    NOT_PLACED = 11
    """Proved absent after an unknown outcome."""
    VENUE = 12
    """The venue ended it and gave no reason that is known."""


class BalanceReason(Number):
    OTHER = 0
    ORDER = 1
    FUNDING = 2
    TRANSFER = 3
    """Deposits, withdrawals, transfers between wallets."""
    ADJUSTMENT = 4
    INSURANCE = 5
    CONVERSION = 6


class Field(Number):
    """The field of a command that was refused."""

    NONE = 0
    ACTION = 1
    INSTRUMENT = 2
    ACCOUNT = 3
    CLIENT_ORDER_ID = 4
    ORDER_ID = 5
    PRICE = 6
    QUANTITY = 7
    DIRECTION = 8
    ORDER_TYPE = 9
    TIME_IN_FORCE = 10
    REDUCE_ONLY = 11
    POSITION_SIDE = 12
    STOP_PRICE = 13
    CALLBACK_RATE = 14
    WORKING_TYPE = 15
    CLOSE_POSITION = 16
    SELF_TRADE = 17
    PRICE_MATCH = 18
    GOOD_TILL = 19
    ACTIVATION_PRICE = 20
    PRICE_PROTECT = 21
    VALID_UNTIL = 22
    REF_ID = 23
    LABEL = 24
    TARGET = 25
    BATCH = 26
    NOTIONAL = 27
    EXPOSURE = 28
    OPEN_ORDERS = 29
    ORDER_RATE = 30
    RATE_BUDGET = 31
    LOSS = 32
    STRATEGY = 33


class Code(Word):
    """Own codes of an answer, for what never reached the venue or is not known yet."""

    ACCEPTED = 0, "accepted"
    VENUE = 999999, "refused by the venue"
    MALFORMED = 900001, "malformed command"
    UNKNOWN_INSTRUMENT = 900002, "unknown instrument"
    UNKNOWN_ACCOUNT = 900003, "unknown account"
    NOT_PERMITTED = 900004, "the strategy may not use this account"
    RISK_LIMIT = 900005, "over a risk limit"
    FILTER = 900006, "violates the venue's filter"
    RATE_BUDGET = 900007, "no rate budget left"
    STALE_BOOK = 900008, "the book or best bid/ask is not live"
    STALE_COMMAND = 900009, "taken after valid_until"
    HALTED = 900010, "halted"
    DRAINING = 900011, "the daemon is draining"
    DISCONNECTED = 900012, "the venue is disconnected"
    JOURNAL_BEHIND = 900013, "the journal is behind"
    DUPLICATE_REF = 900014, "ref_id was used with other content"
    DUPLICATE_CLIENT_ID = 900015, "client_order_id was used before"
    NOT_SUPPORTED = 900016, "not supported by the venue"
    NOT_SENT = 900017, "not sent before the daemon or strategy restarted"
    UNGUARDED = 900018, "the venue's countdown cannot be armed"
    INTERNAL = 900019, "a fault of the daemon, nothing was sent"
    NOT_YET = 900020, "not possible yet, ask again"
    OUTCOME_UNKNOWN = 900100, "outcome unknown, being resolved"

    def __new__(cls, number: int, sentence: str) -> "Code":
        member = object.__new__(cls)
        member._value_ = number
        member.sentence = sentence
        return member

    sentence: str
