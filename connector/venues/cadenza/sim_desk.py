"""What the users of the simulated Cadenza own: accounts at the venues behind it, the keys to them,
what they hold there, and the streams that were asked for.

Written from the venue's reference alone (section 9). Amounts are in units of 1e-8.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.cadenza.sim_envelope import CURRENT, NOT_FOUND, SEED, Fault, made
from connector.venues.cadenza.sim_positions import Position
from connector.venues.sim_contract import decimal
from connector.venues.sim_setup import SimAccount

CREATED, ACTIVE, INACTIVE, REVOKED = "CREATED", "ACTIVE", "INACTIVE", "REVOKED"
DISCONNECTED = "DISCONNECTED"
VENUE_DENIES = 18005
FIRST = ("BINANCE", "OKX")
"""Venues at which everybody has an account with money from the start."""
PLACES = ("main", "sub1")
"""Accounts a key opens at its venue."""
USER_DATA = "TRADING_ACCOUNT.SUBSCRIPTION.USER_DATA"
ORDER_BOOK = "MARKET.SUBSCRIPTION.ORDERBOOK"


class Credential(Struct):
    """A key at a venue behind."""

    credential_id: str
    user_id: str
    venue: str
    kind: str
    nickname: str
    status: str
    created_ms: int
    updated_ms: int
    key: str = ""
    secret: str = ""
    passphrase: str = ""
    revoked_ms: int = 0

    @property
    def good(self) -> bool:
        """Whether the venue behind would take it: keys that sign need their secret half."""
        return bool(self.key) and (self.kind in ("API_KEY", "TOKEN", "OAUTH") or bool(self.secret))

    def row(self) -> dict[str, Any]:
        """What is secret of it is never given."""
        found: dict[str, Any] = {
            "credentialId": self.credential_id, "venue": self.venue, "credentialType": self.kind,
            "nickname": self.nickname, "status": self.status, "createdAt": self.created_ms,
            "updatedAt": self.updated_ms,
        }  # fmt: skip
        return found | ({"revokedAt": self.revoked_ms} if self.revoked_ms else {})


class Purse(Struct):
    """What an account has of one asset."""

    free: int = 0
    locked: int = 0


class Account(Struct):
    """A trading account."""

    account_id: str
    user_id: str
    venue: str
    external_id: str
    nickname: str
    credentials: list[Credential]
    status: str
    created_ms: int
    updated_ms: int
    purses: dict[str, Purse] = {}
    positions: dict[str, Position] = {}
    """By instrument; one that is closed stays until another is opened."""

    def purse(self, asset: str) -> Purse:
        found = self.purses.get(asset)
        if found is None:
            found = self.purses[asset] = Purse()
        return found

    def entered(self) -> None:
        """The venue behind lets somebody in with its keys, where it wants any. Raises `Fault`."""
        if self.credentials and all(key.status == REVOKED for key in self.credentials):
            raise Fault(VENUE_DENIES, "Venue authentication failed: credential is revoked")

    def moved(
        self, instrument_id: str, asset: str, qty: int, cost: int, now_ms: int
    ) -> Position:  # fmt: skip
        """So much of an asset was bought for so much (negative: sold); the position it changed."""
        found = self.positions.get(instrument_id)
        if found is None or found.closed:
            found = self.positions[instrument_id] = Position(
                position_id=made("position", self.account_id, instrument_id, now_ms, cost),
                instrument_id=instrument_id, asset=asset, created_ms=now_ms, updated_ms=now_ms,
            )  # fmt: skip
        found.add(qty, cost, now_ms)
        return found

    def row(self, profile: str) -> dict[str, Any]:
        modes = {"positionMode": "NETTING", "collateralMode": "CROSS"}
        modes["marginMode"] = "STANDARD" if profile == SEED else "CROSS"
        return {
            "tradingAccountId": self.account_id, "externalTradingAccountId": self.external_id,
            "venue": self.venue, "nickname": self.nickname, "accountType": "SPOT",
            "externalAccountType": "SPOT", **modes,
            "credentials": [one.row() for one in self.credentials], "status": self.status,
            "createdAt": self.created_ms, "updatedAt": self.updated_ms,
        }  # fmt: skip


class Streamed(Struct):
    """A subscription."""

    subscription_id: str
    venue: str
    kind: str
    account_id: str
    instrument_id: str
    status: str
    created_ms: int
    updated_ms: int
    user_id: str

    def row(self) -> dict[str, Any]:
        about = {"tradingAccountId": self.account_id, "instrumentId": self.instrument_id}
        return {
            "subscriptionId": self.subscription_id, "venue": self.venue,
            **{name: value for name, value in about.items() if value},
            "subscriptionType": self.kind, "status": self.status, "createdAt": self.created_ms,
            "updatedAt": self.updated_ms, "lastEventTimestamp": self.updated_ms,
        }  # fmt: skip


class Desk:
    """Everybody's."""

    def __init__(self, accounts: Iterable[SimAccount], profile: str, now_ms: int) -> None:
        self.profile = profile
        self.credentials: dict[str, Credential] = {}
        self.accounts: dict[str, Account] = {}
        self.operations: list[dict[str, Any]] = []
        self.streams: dict[str, Streamed] = {}
        self.on_account: Callable[[Account], None] = lambda account: None
        """Its name or standing has changed."""
        self.on_key: Callable[[Account, Credential], None] = lambda account, key: None
        """A key to it has changed."""
        self.on_stream: Callable[[Streamed], None] = lambda one: None
        """A subscription has begun or ended."""
        self._number = now_ms
        self._money: dict[str, Mapping[str, int]] = {}
        self._places: dict[tuple[str, str], dict[str, Purse]] = {}
        for one in accounts:
            self._money[made("user", one.name)] = one.balances
            self._open(one.name, made("user", one.name), now_ms)

    def purses(self, user_id: str, external_id: str) -> dict[str, Purse]:
        """What a user has at a place of a venue behind: connected or not, it is there; in the main
        one as much as he started with."""
        found = self._places.get((user_id, external_id))
        if found is None:
            money = {} if external_id.endswith(PLACES[1]) else self._money.get(user_id, {})
            found = {asset: Purse(amount) for asset, amount in money.items()}
            self._places[user_id, external_id] = found
        return found

    def _open(self, name: str, user_id: str, now_ms: int) -> None:
        for venue in FIRST:
            key = Credential(
                made("credential", name, venue), user_id, venue, "HMAC", f"{name} {venue}", CREATED,
                now_ms, now_ms, "key", "secret",
            )  # fmt: skip
            key.status = self.checked(key)
            self.credentials[key.credential_id] = key
            account = Account(
                made("account", name, venue), user_id, venue, f"{venue.lower()}-main",
                f"{name} {venue}", [key], ACTIVE, now_ms, now_ms,
                self.purses(user_id, f"{venue.lower()}-main"),
            )  # fmt: skip
            self.accounts[account.account_id] = account

    def checked(self, key: Credential) -> str:
        """The status of a key that was found to be good."""
        return ACTIVE if self.profile == CURRENT else key.status

    def number(self) -> int:
        """Never the same twice."""
        self._number += 1
        return self._number

    def credential(self, user_id: str, credential_id: str) -> Credential:
        """One of a user's. Raises `Fault`."""
        found = self.credentials.get(credential_id)
        if found is None or found.user_id != user_id:
            raise Fault(NOT_FOUND, f"Credential not found: {credential_id}")
        return found

    def account(self, user_id: str, account_id: str) -> Account:
        """One of a user's. Raises `Fault`."""
        found = self.accounts.get(account_id)
        if found is None or found.user_id != user_id:
            raise Fault(NOT_FOUND, f"Trading account not found: {account_id}")
        return found

    def note(self, account: Account, what: str, now_ms: int) -> None:
        """An operation for the audit trail."""
        account.updated_ms = now_ms
        self.operations.append(
            {
                "operationId": made("operation", self.number()),
                "tradingAccountId": account.account_id,
                "operationType": what,
                "status": "SUCCESS",
                "createdAt": now_ms,
            }
        )
        self.on_account(account)

    def streamed(
        self, kind: str, venue: str, now_ms: int, *, user_id: str, account_id: str = "",
        instrument_id: str = "",
    ) -> Streamed:  # fmt: skip
        """Let something be streamed; what is already is answered as it stands."""
        name = made("stream", kind, account_id, instrument_id)
        found = self.streams.get(name)
        if found is None:
            found = self.streams[name] = Streamed(
                name, venue, kind, account_id, instrument_id, ACTIVE, now_ms, now_ms, user_id
            )
        elif found.status != ACTIVE:
            found.status, found.updated_ms = ACTIVE, now_ms
        else:
            return found
        self.on_stream(found)
        return found

    def portfolio(
        self, account: Account, worth: Mapping[str, int], *, closed: bool = False
    ) -> dict[str, Any]:
        """Balances and positions of an account; ``worth`` of each asset in the summary's currency;
        ``closed``: positions that were closed and were not told of yet are in it, too."""
        balances = []
        equity = 0
        for asset, purse in sorted(account.purses.items()):
            total = purse.free + purse.locked
            equity += total * worth.get(asset, 0) // 10**8
            balances.append(
                {
                    "securitySymbol": asset,
                    "securityType": "CRYPTO",
                    "tradingAccountId": account.account_id,
                    "status": "ACTIVE",
                    "free": decimal(purse.free, 8),
                    "locked": decimal(purse.locked, 8),
                    "borrowed": "0",
                    "total": decimal(total, 8),
                    "net": decimal(total, 8),
                    "updatedAt": account.updated_ms,
                }
            )
        none = ("margin", "marginLoan", "marginUsage", "marginRequirement", "marginLevel",
                "credit", "riskExposure")  # fmt: skip
        return {
            "tradingAccountId": account.account_id, "venue": account.venue,
            "positions": self._positions(account, worth, closed=closed),
            "balances": balances,
            "summary": {
                "tradingAccountId": account.account_id, "currency": "USDT", "leverage": None,
                "equity": decimal(equity, 8), **dict.fromkeys(none, "0"),
            },
            "updatedAt": account.updated_ms,
        }  # fmt: skip

    def _positions(
        self, account: Account, worth: Mapping[str, int], *, closed: bool
    ) -> list[dict[str, Any]]:
        rows = []
        for one in account.positions.values():
            if one.closed and (not closed or one.told):
                continue
            one.told = one.told or (one.closed and closed)
            sides = self.profile == CURRENT
            rows.append(one.row(account.account_id, worth.get(one.asset, 0), sides=sides))
        return rows
