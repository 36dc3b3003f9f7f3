"""The simulated Cadenza's endpoints of accounts, keys, subscriptions and portfolios.

Written from the venue's reference alone (section 5, rows 13 to 28 and 40 to 42)."""

from collections.abc import Iterable
from typing import Any

from connector.venues.cadenza import sim_desk
from connector.venues.cadenza.sim_asked import Asked, page
from connector.venues.cadenza.sim_desk import (
    ACTIVE,
    CREATED,
    DISCONNECTED,
    INACTIVE,
    PLACES,
    REVOKED,
    Account,
    Credential,
)
from connector.venues.cadenza.sim_envelope import (
    BAD_FORM,
    CONFLICT,
    CURRENT,
    INVALID,
    NOT_FOUND,
    Fault,
    made,
)
from connector.venues.cadenza.sim_listings import venue_of
from connector.venues.cadenza.sim_market import found as instrument
from connector.venues.cadenza.sim_market import listed
from connector.venues.sim_contract import Contract, MarketView, TickerRow

BAD_KEY = 18022
FERMATA = "FERMATA"
QUOTES = ("USDT", "USD", "USDC")
E8 = 10**8


def _mine(asked: Asked) -> Account:
    return asked.desk.account(asked.me.user_id, asked.fields["tradingAccountId"])


def _kept(account: Account) -> Account:
    """One that was not archived. Raises `Fault`."""
    if account.status == DISCONNECTED:
        raise Fault(CONFLICT, "Trading account is disconnected")
    return account


# Keys


def credentials(asked: Asked) -> Any:
    fields = asked.fields
    rows = [
        one.row()
        for one in asked.desk.credentials.values()
        if one.user_id == asked.me.user_id
        and fields.get("credentialType", one.kind) == one.kind
        and fields.get("credentialStatus", one.status) == one.status
        and one.credential_id in fields.get("credentialIds", [one.credential_id])
    ]
    return page(asked, rows)


def create_credential(asked: Asked) -> Any:
    fields = asked.fields
    key = Credential(
        made("credential", asked.desk.number()), asked.me.user_id, fields["venue"],
        fields["credentialType"], fields.get("nickname", ""), CREATED, asked.now_ms, asked.now_ms,
        fields.get("apiKey", ""), fields.get("apiSecret", ""), fields.get("apiPassphrase", ""),
    )  # fmt: skip
    asked.desk.credentials[key.credential_id] = key
    return key.row()


def revoke_credential(asked: Asked) -> Any:
    key = asked.desk.credential(asked.me.user_id, asked.fields["credentialId"])
    if key.status != REVOKED:
        key.status, key.revoked_ms, key.updated_ms = REVOKED, asked.now_ms, asked.now_ms
        _told(asked, key, "CREDENTIAL_REVOKE")
    return key.row()


def rotate_credential(asked: Asked) -> Any:
    fields = asked.fields
    key = asked.desk.credential(asked.me.user_id, fields["credentialId"])
    if key.status == REVOKED:
        raise Fault(CONFLICT, "Credential is revoked")
    key.key = fields.get("apiKey", key.key)
    key.secret = fields.get("apiSecret", key.secret)
    key.passphrase = fields.get("apiPassphrase", key.passphrase)
    key.updated_ms = asked.now_ms
    _told(asked, key, "CREDENTIAL_ROTATE")
    return key.row()


def _told(asked: Asked, key: Credential, what: str) -> None:
    for account in asked.desk.accounts.values():
        if key in account.credentials and account.status != DISCONNECTED:
            asked.desk.on_key(account, key)
            asked.desk.note(account, what, asked.now_ms)


def verify_credentials(asked: Asked) -> Any:
    rows = []
    for name in asked.fields["credentialIds"]:
        key = _usable(asked, name)
        key.status = asked.desk.checked(key)
        key.updated_ms = asked.now_ms
        for place in PLACES:
            external = f"{key.venue.lower()}-{place}"
            known = _connected(asked, key.venue, external)
            if known is not None and known.user_id == key.user_id:
                rows.append(known.row(asked.profile))
                continue
            status = "UNAVAILABLE" if known is not None else "NEW"
            candidate = Account(
                made("candidate", key.user_id, external), key.user_id, key.venue, external, place,
                [key], status if asked.profile == CURRENT else "SETUP", asked.now_ms, asked.now_ms,
            )  # fmt: skip
            rows.append(candidate.row(asked.profile))
    return rows


def _usable(asked: Asked, credential_id: str) -> Credential:
    key: Credential = asked.desk.credential(asked.me.user_id, credential_id)
    if key.status == REVOKED:
        raise Fault(CONFLICT, "Credential is revoked")
    if not key.good:
        raise Fault(BAD_KEY, "Invalid API key")
    return key


# Accounts


def _connected(asked: Asked, venue: str, external: str) -> Account | None:
    """Accounts of users are at venues of their own, as far as others cannot name them."""
    for one in asked.desk.accounts.values():
        same = (one.venue, one.external_id, one.user_id) == (venue, external, asked.me.user_id)
        if same and one.status != DISCONNECTED:
            return one
    return None


def connect(asked: Asked) -> Any:
    fields = asked.fields
    if fields.get("venue") == FERMATA:
        return _at_dealer(asked)
    names = fields.get("credentialIds") or []
    if not names:
        raise Fault(BAD_FORM, "credentialIds: required")
    keys = [_usable(asked, name) for name in names]
    venue = fields.get("venue", keys[0].venue)
    if any(key.venue != venue for key in keys):
        raise Fault(INVALID, "credentials of several venues")
    external = fields.get("externalTradingAccountId", f"{venue.lower()}-main")
    if external not in [f"{venue.lower()}-{place}" for place in PLACES]:
        raise Fault(NOT_FOUND, f"External trading account not found: {external}")
    return _connect(asked, venue, external, keys)


def _connect(asked: Asked, venue: str, external: str, keys: list[Credential]) -> Any:
    if _connected(asked, venue, external) is not None:
        status = 409 if asked.profile == CURRENT else 400
        raise Fault(CONFLICT, "Trading account already connected", status)
    account = Account(
        made("account", asked.desk.number()), asked.me.user_id, venue, external,
        asked.fields.get("nickname", external), keys, ACTIVE, asked.now_ms, asked.now_ms,
        asked.desk.purses(asked.me.user_id, external),
    )  # fmt: skip
    asked.desk.accounts[account.account_id] = account
    asked.desk.note(account, "CONNECT", asked.now_ms)
    return account.row(asked.profile)


def _at_dealer(asked: Asked) -> Any:
    """An account at one of the dealers, which needs no key."""
    name = asked.fields.get("dealerAccountId", "")
    dealer = asked.state.fermata.dealers.get(name)
    if dealer is None:
        raise Fault(NOT_FOUND, f"Dealer not found: {name}")
    if dealer.status == "ARCHIVED":
        raise Fault(CONFLICT, "Dealer is archived")
    return _connect(asked, FERMATA, name, [])


def disconnect(asked: Asked) -> Any:
    account = _kept(_mine(asked))
    account.status = DISCONNECTED
    asked.desk.note(account, "DISCONNECT", asked.now_ms)
    return account.row(asked.profile)


def rename(asked: Asked) -> Any:
    account = _kept(_mine(asked))
    account.nickname = asked.fields.get("nickname", account.nickname)
    asked.desk.note(account, "UPDATE", asked.now_ms)
    return account.row(asked.profile)


def disable(asked: Asked) -> Any:
    return _switch(asked, INACTIVE, "DISABLE")


def enable(asked: Asked) -> Any:
    return _switch(asked, ACTIVE, "ENABLE")


def _switch(asked: Asked, status: str, what: str) -> Any:
    account = _kept(_mine(asked))
    if account.status != status:
        account.status = status
        asked.desk.note(account, what, asked.now_ms)
    return account.row(asked.profile)


def accounts(asked: Asked) -> Any:
    fields = asked.fields
    rows = [
        one.row(asked.profile)
        for one in _own(asked)
        if fields.get("accountStatus", one.status) == one.status
        and fields.get("userId", one.user_id) == one.user_id
        and fields.get("tenantId", asked.me.tenant_id) == asked.me.tenant_id
    ]
    return page(asked, rows)


def _own(asked: Asked) -> list[Account]:
    """The user's, by the account and venue that were asked for."""
    fields = asked.fields
    return [
        one
        for one in asked.desk.accounts.values()
        if one.user_id == asked.me.user_id
        and fields.get("tradingAccountId", one.account_id) == one.account_id
        and fields.get("venue", one.venue) == one.venue
    ]


def operations(asked: Asked) -> Any:
    fields = asked.fields
    mine = {one.account_id for one in _own(asked)}
    rows = [
        row
        for row in reversed(asked.desk.operations)
        if row["tradingAccountId"] in mine
        and fields.get("operationType", row["operationType"]) == row["operationType"]
        and fields.get("startTime", 0) <= row["createdAt"]
        and row["createdAt"] <= fields.get("endTime", row["createdAt"])
    ]
    return page(asked, rows, lambda row: str(row["operationId"]))


def portfolios(asked: Asked) -> Any:
    worth = prices(asked)
    rows = [asked.desk.portfolio(one, worth) for one in _own(asked) if one.status != DISCONNECTED]
    currency = asked.fields.get("currency")
    if currency is not None:
        for row in rows:
            row["balances"] = [one for one in row["balances"] if one["securitySymbol"] == currency]
    return page(asked, rows)


def prices(asked: Asked) -> dict[str, int]:
    """What a unit of each asset is worth, in units of 1e-8 of a dollar; of the first venue that
    lists it."""
    return worths(listed(asked), asked.market)


def worths(rows: Iterable[Contract], market: MarketView) -> dict[str, int]:
    """The same of these instruments."""
    worth = dict.fromkeys(QUOTES, E8)
    for row in rows:
        if row.quote in QUOTES and row.base not in worth:
            best: TickerRow | None = market.ticker(row.symbol)
            if best is not None:
                whole, _, part = best.bid.partition(".")
                worth[row.base] = int(whole) * E8 + int(f"{part:<08}"[:8])
    return worth


# Streams


def subscribe_account(asked: Asked) -> Any:
    account = _kept(_mine(asked))
    return asked.desk.streamed(
        sim_desk.USER_DATA, account.venue, asked.now_ms, user_id=account.user_id,
        account_id=account.account_id,
    ).row()  # fmt: skip


def subscribe_book(asked: Asked) -> Any:
    row = instrument(asked, asked.fields["instrumentId"])
    return asked.desk.streamed(
        sim_desk.ORDER_BOOK, venue_of(row.symbol), asked.now_ms, user_id="",
        instrument_id=row.symbol,
    ).row()  # fmt: skip


def unsubscribe(asked: Asked) -> Any:
    """By any of three names; a book's stream ends for everybody."""
    fields = asked.fields
    names = ("subscriptionId", "tradingAccountId", "instrumentId")
    if not any(name in fields for name in names):
        raise Fault(BAD_FORM, f"one of {', '.join(names)}: required")
    for one in asked.desk.streams.values():
        same = all(
            (
                fields.get("subscriptionId", one.subscription_id) == one.subscription_id,
                fields.get("tradingAccountId", one.account_id) == one.account_id,
                fields.get("instrumentId", one.instrument_id) == one.instrument_id,
            )
        )
        if same and one.user_id in ("", asked.me.user_id):
            if one.status == ACTIVE:
                one.status, one.updated_ms = INACTIVE, asked.now_ms
                asked.desk.on_stream(one)
            return one.row()
    raise Fault(NOT_FOUND, "Subscription not found")


def account_streams(asked: Asked) -> Any:
    """The published page gives no pagination here, though it takes its parameters."""
    rows = _streams(asked, sim_desk.USER_DATA)
    return page(asked, rows, lambda row: str(row["subscriptionId"])).rows


def book_streams(asked: Asked) -> Any:
    return _streams(asked, sim_desk.ORDER_BOOK)


def _streams(asked: Asked, kind: str) -> list[dict[str, Any]]:
    fields = asked.fields
    return [
        one.row()
        for one in asked.desk.streams.values()
        if one.kind == kind
        and one.status == ACTIVE
        and one.user_id in ("", asked.me.user_id)
        and fields.get("tradingAccountId", one.account_id) == one.account_id
        and fields.get("instrumentId", one.instrument_id) == one.instrument_id
    ]
