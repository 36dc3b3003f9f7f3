"""What an order test has to know of a venue, and the accounts of it in other hands than the
daemon's.

Tests speak of quantities in thousandths of a thousand (0.02 is 20 of the smallest that matters) and
of prices as distances from the middle; a `Ground` says how the venue writes them, where its
requests go and what it answers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

from connector.model.reports import EndReason
from tests.reference.sim_process import Simulator


class Fill(NamedTuple):
    """One trade of an order, as the venue has written it down."""

    quantity: float
    price: float
    fee: float


class Proof(NamedTuple):
    """How a daemon shows that an account is its own: in the account's section of its
    configuration, in the venue's, and in its environment."""

    account: dict[str, str]
    venue: dict[str, str]
    environ: dict[str, str]


class Client(ABC):
    """One account's requests, by the venue's own page. Quantities are the venue's."""

    ahead_ms = 0
    """The venue's clock ahead of this machine's, when a test set it so."""

    @abstractmethod
    def begin(self) -> None:
        """Bind as little margin as can be: these accounts make the market."""

    def proof(self, name: str, key: str, secret: str) -> Proof:
        """Of a daemon whose account has that name."""
        words = f"TEST_{name.upper()}"
        return Proof(
            {"key": f"env:{words}_KEY", "secret": f"env:{words}_SECRET"},
            {},
            {f"{words}_KEY": key, f"{words}_SECRET": secret},
        )

    @abstractmethod
    def hedge(self) -> None:
        """Hold a long and a short position from now on."""

    @abstractmethod
    def best_bid(self) -> float: ...

    @abstractmethod
    def far(self) -> str:
        """A price below the market that a buy rests at."""

    @abstractmethod
    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> "Placed":
        """Place a limit order."""

    @abstractmethod
    def take(self, side: str, quantity: float, position_side: str = "BOTH") -> None:
        """Place a market order."""

    @abstractmethod
    def cancel(self, client_order_id: str) -> None: ...

    @abstractmethod
    def cancel_all(self) -> None: ...

    @abstractmethod
    def opened(self) -> set[str]:
        """Client order ids of what rests or waits for its trigger."""

    @abstractmethod
    def resting(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Price and what is left of plain orders that rest, by client order id."""

    @abstractmethod
    def balances(self) -> dict[str, Decimal]:
        """By asset, exact."""

    @abstractmethod
    def held(self) -> dict[str, float]:
        """Positions by side, short ones negative; without those that are nothing."""

    @abstractmethod
    def fills(self, report: Any) -> dict[Any, Fill]:
        """Of the order that a report is about, by the venue's name of the trade."""

    @abstractmethod
    def ledger(self) -> Callable[[Any], dict[Any, Fill]]:
        """``fills`` as of now, for many orders."""

    @abstractmethod
    def bought(self) -> list[Decimal]:
        """What every fill brought, the oldest first; sold: negative."""

    @abstractmethod
    def known(self, client_order_id: str) -> list[float]:
        """The price of every order, open or not, that the venue has by that name."""

    @abstractmethod
    def history(self) -> list[tuple[str, str]]:
        """Client order id and side (BUY, SELL) of every plain order there ever was, the oldest
        first."""

    @abstractmethod
    def now_s(self) -> int:
        """The venue's clock."""

    @abstractmethod
    def crowd(self) -> None:
        """Use up what orders may have of the venue's limits but for a few, where the simulator's
        options (`Ground.few_orders`) do not bring that about."""

    @abstractmethod
    def use_up(self) -> None:
        """Ask until the venue's limit refuses a cancel of the same user or address."""

    @abstractmethod
    def close(self) -> None: ...


class Placed(NamedTuple):
    """A limit order of ours."""

    client_order_id: str
    filled: float


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A venue, an instrument and a way to send orders."""

    name: str
    venue: str
    exchange: str
    """The venue's name in strategies' JSON."""
    family: str = ""
    """Of contracts, where a venue has some that its orders differ for."""
    symbol: str
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    """Three that are listed, this one first where it is one of them."""
    contract_type: str = "perp"
    """Of it, in strategies' JSON."""
    transport: str
    client: Callable[[Simulator, str, str, "Ground"], Client]
    user: Callable[[str], str] = str
    """How a key is written there."""
    one_user: bool = False
    """A daemon knows one user of it, who has one account at a venue behind it."""
    amends: bool = True
    """Else an amend is refused here, with the reason."""
    reduces: bool = True
    """It has positions that orders may be bound to; else what is bought is there, and those orders
    are refused here, with the reason."""
    names_fills: bool = True
    """Its stream names each trade; else it tells sums, which are compared as sums, and the names
    that fees come with are asked for."""
    channels: tuple[str, ...] = ("bbo", "mark_price")
    price_digits: int
    gap: float = 0.004
    """Of the price: what is cleared to each side of the middle."""
    most: float = 500
    """Taken away by one order."""
    whole: int = 0
    """Quantities are whole numbers, so many times what tests say; 0: decimals as they are."""
    sim: tuple[str, ...] = ()
    settings: Callable[[dict[str, Any]], dict[str, Any]]
    """The venue's section of the configuration, from where the simulator is."""
    rich: Mapping[str, str]
    """Balances of who makes the market."""
    funds: Mapping[str, str] | None = None
    """Of the daemon's accounts; None: what the simulator gives."""
    stock: Mapping[str, str] = field(default_factory=dict)
    """What has to be there to be sold."""
    orders: Mapping[str, Mapping[str, str]]
    """Where requests to place, cancel and amend are met by faults."""
    batched: Mapping[str, int]
    """Requests for five orders that are placed together and cancelled together, by path."""
    steps: tuple[Mapping[str, int], ...]
    """Requests for seven orders placed together, four of them amended, all cancelled."""
    batch: Mapping[str, Any]
    """Where requests that place orders together are met by faults; a request an order, ``count`` is
    of three of them."""
    open_orders: str
    """Where open orders are listed."""
    streams: Mapping[str, str]
    """Of the private ones, the ``order`` one, the ``position`` one, and one of ``fast`` fills."""
    private_route: str
    connection_of: str = ""
    """The ground whose private connection is this one's: what only concerns the connection is
    tested there."""
    connections: int = 3
    """A daemon with one account holds so many."""
    prices: str
    """The stream of the best prices."""
    few_orders: tuple[str, ...] = ()
    """Lets the venue take a few orders only."""
    few_settings: Mapping[str, Any] = field(default_factory=dict)
    """What the daemon is told of that, where the venue itself does not say it."""
    scarce: str = "400"
    """What the venue grants a minute where one who asks only may use it up."""
    order_pool: str
    """The budget that orders count in."""
    own_windows: bool = False
    """A window of its limits begins with the first request in it, not with the minute."""
    order_windows: int = 0
    """It is the account's own and has so many windows; 0: the address has it."""
    short_keys: tuple[str, ...] = ()
    """Lets keys of private streams expire after seconds, where there are such keys."""
    proofs: int = 100
    """Orders that may be unknown at a time: it answers no more questions in a minute."""
    hurried: Mapping[str, Any] = field(default_factory=dict)
    """Settings for tests that wait until the venue's silence proves something."""
    late_ms: int = 6000
    """Longer than the venue may still execute a request; 0: its requests bear no time."""
    skew_ms: int
    """The venue's clock so far off that it refuses what is signed by ours, if it looks at that."""
    unproven: Mapping[str, tuple[int, str]]
    """Answers, as status and body, after which the order may be there or not."""
    certain: Mapping[str, tuple[int, str]]
    """Answers that prove that nothing was done."""
    conditional: Mapping[str, Any] = field(default_factory=dict)
    """What makes a conditional order wait for the last price."""
    good_till: bool = True
    two_sided: bool = True
    """An account may hold a long and a short position of it."""
    own_trade: EndReason = EndReason.SELF_TRADE
    """Why it says that an order ended that would have traded with the account's own."""
    has: frozenset[str] = frozenset()
    """What the others have not, in the words of the tests that would have it refused."""
    impossible: frozenset[int] = frozenset()
    """Codes that say the request itself was wrong."""
    beyond: tuple[str, Mapping[str, Any]] = ("nothing to reduce", {"reduce_only": True})
    """What is wrong with an order that only the venue can refuse, and what makes it so."""
    refusals: Mapping[str, int]
    """Its codes, by what is wrong."""
    late_cancel_doubted: bool = False
    """That there is no order to cancel says so little that everything is asked for."""

    def few(self) -> "Ground":
        """With those settings."""
        return replace(self, hurried={**self.hurried, **self.few_settings})

    def quantity(self, given: float | str | None) -> str | None:
        if given is None or not self.whole:
            return given if given is None or isinstance(given, str) else f"{given:.3f}"
        return str(round(float(given) * self.whole))

    def amount(self, given: float) -> float:
        return round(given * self.whole) if self.whole else given

    def price(self, value: float) -> str:
        return f"{value:.{self.price_digits}f}"
