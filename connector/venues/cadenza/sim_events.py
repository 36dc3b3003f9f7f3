"""What the simulated Cadenza tells of accounts, as it happens: which channel, which form.

Written from the venue's reference alone (sections 11.1, 11.2 and 11.4). Only accounts somebody
asked for over REST speak. The channels' names and the form of the messages can be changed while it
runs, for nobody knows which are live."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from connector.venues.cadenza import sim_dialects as dialects
from connector.venues.cadenza.sim_desk import (
    ACTIVE,
    USER_DATA,
    Account,
    Credential,
    Desk,
    Purse,
    Streamed,
)
from connector.venues.cadenza.sim_envelope import made
from connector.venues.cadenza.sim_tickets import Ticket

ACCOUNT, USER, ORDERS, MONEY = (
    "tradingAccount:", "trading:userData:", "trading:executionReport:", "trading:portfolio:",
)  # fmt: skip
LAYOUTS = {
    "tradingAccount": {ACCOUNT: "omc"},
    "trading": {USER: "omc", ORDERS: "o", MONEY: "m"},
    "split": {ORDERS: "o", MONEY: "m"},
}
"""By the name of a way to spread them: which channels there are, and what each tells: orders,
money, accounts and the keys to them. The usual one first."""

CANCELS = {"cancelled": False, "pending_cancel": True}
"""What a cancel is answered with: the order as it is without it, or one that is about to go."""


class Teller:
    """Writes down what happens to accounts. ``worth`` of each asset in the summary's currency."""

    def __init__(self, desk: Desk, profile: str, worth: Callable[[], Mapping[str, int]]) -> None:
        self._desk, self._profile, self._worth = desk, profile, worth
        self.form, self.layout = dialects.FORMS[0], "tradingAccount"
        self.slow_cancels = False
        self._out: list[tuple[str, bytes]] = []
        self._shown: dict[str, dict[str, tuple[int, int]]] = {}
        """What each account's purses held when it was last told."""
        self._events = 0
        desk.on_account, desk.on_key, desk.on_stream = self.account, self.key, self.stream

    def speak(self, name: str) -> None:
        """Go on in another form, on other channels, or with other cancels. Raises ValueError for
        what there is not."""
        if name in dialects.FORMS:
            self.form = name
        elif name in LAYOUTS:
            self.layout = name
        elif name in CANCELS:
            self.slow_cancels = CANCELS[name]
        else:
            known = ", ".join([*dialects.FORMS, *LAYOUTS, *CANCELS])
            raise ValueError(f"dialect: no {name!r}; there are: {known}")

    def take(self) -> list[tuple[str, bytes]]:
        """Channels and payloads since the last call."""
        found, self._out = self._out, []
        return found

    # Channels

    def running(self) -> list[str]:
        """Those that speak."""
        return [
            head + one.account_id
            for one in self._desk.streams.values()
            if one.kind == USER_DATA and one.status == ACTIVE
            for head in LAYOUTS[self.layout]
        ]

    def about(self, channel: str) -> Account | None:
        """The account a channel tells of, None if it is no such channel."""
        for head in LAYOUTS[self.layout]:
            if channel.startswith(head):
                return self._desk.accounts.get(channel.removeprefix(head))
        return None

    def _heard(self, account: Account) -> bool:
        one = self._desk.streams.get(made("stream", USER_DATA, account.account_id, ""))
        return one is not None and one.status == ACTIVE

    def _say(self, account: Account, kind: str, rows: Iterable[dict[str, Any]]) -> None:
        heads = [head for head, kinds in LAYOUTS[self.layout].items() if kind in kinds]
        for row in rows:
            data = orjson.dumps(row)
            self._out += [(head + account.account_id, data) for head in heads]

    def _number(self) -> int:
        self._events += 1
        return self._events

    # What happens

    def order(self, ticket: Ticket, before: str) -> None:
        """An order has changed; ``before``: the status it had. Balances it moved are told, too."""
        account = ticket.account
        if self._heard(account):
            number = self._number()
            row = dialects.order(self.form, ticket, before, self._profile, number)
            self._say(account, "o", [row])
            self._money(account)

    def _money(self, account: Account) -> None:
        shown = self._shown.setdefault(account.account_id, {})
        changed: dict[str, Purse] = {}
        for asset, purse in account.purses.items():
            now = (purse.free, purse.locked)
            if shown.get(asset, (0, 0)) != now:
                shown[asset], changed[asset] = now, purse
        if changed:
            self._portfolio(account, changed, all_of_it=False)

    def _portfolio(self, account: Account, some: Mapping[str, Purse], *, all_of_it: bool) -> None:
        # What assets are worth wakes their markets: asked for only where it is told.
        worth = self._worth() if all_of_it or self.form in ("A2", "A4") else {}
        whole = self._desk.portfolio(account, worth, closed=True)
        rows = dialects.money(
            self.form, account, some, whole, self._number(), all_of_it=all_of_it
        )  # fmt: skip
        self._say(account, "m", rows)

    def whole(self, account: Account) -> None:
        """Tell all an account holds."""
        self._shown[account.account_id] = {
            asset: (purse.free, purse.locked) for asset, purse in account.purses.items()
        }
        self._portfolio(account, account.purses, all_of_it=True)

    def repeat(self, account_id: str) -> None:
        """Tell all that this account holds, or (empty) every one that speaks."""
        for one in self._desk.accounts.values():
            if account_id in ("", one.account_id) and self._heard(one):
                self.whole(one)

    def account(self, account: Account) -> None:
        """Its name or standing has changed."""
        self._first(account, dialects.account_row(account))

    def key(self, account: Account, key: Credential) -> None:
        """A key to it has changed."""
        self._first(account, dialects.credential_row(key))

    def stream(self, one: Streamed) -> None:
        """A subscription begins or ends; what it is about begins with all there is."""
        account = self._desk.accounts.get(one.account_id)
        if account is None:
            return
        self._first(account, dialects.stream_row(one), anyway=True)
        if one.status == ACTIVE:
            self.whole(account)

    def _first(self, account: Account, row: dict[str, Any], *, anyway: bool = False) -> None:
        """What only the first form has a message for."""
        if self.form == "A1" and (anyway or self._heard(account)):
            self._say(account, "c", [{"data": row}])
