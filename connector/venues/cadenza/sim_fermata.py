"""The simulated Cadenza's dealers, their quotes, and wallets: what came in April and May 2026.

Written from the venue's reference alone (sections 6 and 9.7)."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Struct

from connector.venues.cadenza.sim_asked import Asked, page
from connector.venues.cadenza.sim_envelope import (
    BAD_FORM,
    CONFLICT,
    INVALID,
    NOT_FOUND,
    NOTHING,
    Fault,
    made,
)
from connector.venues.cadenza.sim_market import found as instrument
from connector.venues.cadenza.sim_market import listed

ACTIVE, PAUSED, ARCHIVED = "ACTIVE", "PAUSED", "ARCHIVED"
FROZEN, CLOSED = "FROZEN", "CLOSED"
FUNDS = 18006
TTL_S, LONGEST_TTL_S = 10, 300
MARGIN = Decimal("0.0005")
"""What a dealer adds to the market's price."""
CENT = Decimal("0.00000001")


class Dealer(Struct):
    dealer_id: str
    name: str
    currencies: list[str]
    created_ms: int
    updated_ms: int
    status: str = ACTIVE
    threshold: str | None = None
    config: dict[str, Any] | None = None
    linked: list[str] = []

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "dealerAccountId": self.dealer_id, "name": self.name, "status": self.status,
            "baseCurrencies": self.currencies, "linkedAccountIds": self.linked,
            "createdAt": self.created_ms, "updatedAt": self.updated_ms,
        }  # fmt: skip
        if self.threshold is not None:
            found["riskThreshold"] = self.threshold
        return found | ({"config": self.config} if self.config is not None else {})


class Wallet(Struct):
    wallet_id: str
    user_id: str
    created_ms: int
    updated_ms: int
    nickname: str = ""
    status: str = ACTIVE
    amounts: dict[str, Decimal] = {}

    def row(self) -> dict[str, Any]:
        return {
            "walletId": self.wallet_id, "walletType": "CLIENT", "status": self.status,
            "allowNegative": False, "metadata": {"nickname": self.nickname},
            "createdAt": self.created_ms, "updatedAt": self.updated_ms,
        }  # fmt: skip


class Fermata:
    """Everybody's dealers, quotes and wallets."""

    def __init__(self) -> None:
        self.dealers: dict[str, Dealer] = {}
        self.wallets: dict[str, Wallet] = {}
        self.quotes: dict[str, dict[str, Any]] = {}
        self.owners: dict[str, str] = {}
        """Who asked for a quote."""
        self.by_request: dict[tuple[str, str], str] = {}
        """The quote of a user's request of that id."""


def _dealer(asked: Asked) -> Dealer:
    found = asked.state.fermata.dealers.get(asked.fields["dealerAccountId"])
    if found is None:
        raise Fault(NOT_FOUND, "Dealer not found")
    return found


def create_dealer(asked: Asked) -> Any:
    asked.administrator()
    fields = asked.fields
    if not fields["baseCurrencies"]:
        raise Fault(BAD_FORM, "baseCurrencies: at least one")
    made_id = made("dealer", asked.desk.number())
    dealer = Dealer(
        made_id, fields["name"], fields["baseCurrencies"], asked.now_ms, asked.now_ms,
        threshold=fields.get("riskThreshold"), config=fields.get("config"),
    )  # fmt: skip
    asked.state.fermata.dealers[made_id] = dealer
    return dealer.row()


def dealer(asked: Asked) -> Any:
    return _dealer(asked).row()


def dealers(asked: Asked) -> Any:
    asked.administrator()
    wanted = asked.fields.get("status")
    every = asked.state.fermata.dealers.values()
    rows = [one.row() for one in every if wanted in (None, one.status)]
    return page(asked, rows, lambda row: str(row["dealerAccountId"]))


def link(asked: Asked) -> Any:
    found, account = _linked(asked)
    if account not in found.linked:
        found.linked = [*found.linked, account]
    return NOTHING


def unlink(asked: Asked) -> Any:
    found, account = _linked(asked)
    found.linked = [one for one in found.linked if one != account]
    return NOTHING


def _linked(asked: Asked) -> tuple[Dealer, str]:
    asked.administrator()
    found = _dealer(asked)
    if found.status == ARCHIVED:
        raise Fault(CONFLICT, "Dealer is archived")
    account = asked.desk.account(asked.me.user_id, asked.fields["tradingAccountId"])
    found.updated_ms = asked.now_ms
    return found, account.account_id


def pause(asked: Asked) -> Any:
    return _stand(asked, PAUSED)


def resume(asked: Asked) -> Any:
    return _stand(asked, ACTIVE)


def archive(asked: Asked) -> Any:
    return _stand(asked, ARCHIVED)


def _stand(asked: Asked, status: str) -> Any:
    asked.administrator()
    found = _dealer(asked)
    if found.status == ARCHIVED and status != ARCHIVED:
        raise Fault(CONFLICT, "Dealer is archived")
    found.status, found.updated_ms = status, asked.now_ms
    return found.row()


# Quotes


def rfq(asked: Asked) -> Any:
    """A price a dealer stands to until the quote expires; the same request again has the same."""
    fields, kept = asked.fields, asked.state.fermata
    again = kept.by_request.get((asked.me.user_id, fields.get("quoteRequestId", "")))
    if again is not None:
        return kept.quotes[again]
    found = _dealer(asked)
    if found.status != ACTIVE:
        raise Fault(CONFLICT, f"Dealer is {found.status.lower()}")
    if fields["orderSide"] not in ("BUY", "SELL"):
        raise Fault(18002, "orderSide: BUY or SELL")
    if ("quantity" in fields) == ("quoteQuantity" in fields):
        raise Fault(BAD_FORM, "one of quantity and quoteQuantity: required")
    if "ttl" in fields and "expireAt" in fields:
        raise Fault(BAD_FORM, "one of ttl and expireAt")
    row = _priced(asked)
    best = asked.market.ticker(row.symbol)
    if best is None:
        raise Fault(18012, "no price")
    buys = fields["orderSide"] == "BUY"
    price = Decimal(best.ask) * (1 + MARGIN) if buys else Decimal(best.bid) * (1 - MARGIN)
    price = price.quantize(Decimal(row.tick))
    if "quantity" in fields:
        quantity = Decimal(fields["quantity"])
    else:
        quantity = (Decimal(fields["quoteQuantity"]) / price).quantize(CENT, ROUND_HALF_EVEN)
    if quantity <= 0:
        raise Fault(INVALID, "quantity: must be above zero")
    quote_id = made("quote", asked.desk.number())
    quote = {
        "quoteId": quote_id, "dealerAccountId": found.dealer_id, "baseAsset": row.base,
        "quoteAsset": row.quote, "orderSide": fields["orderSide"], "quantity": f"{quantity:f}",
        "quoteQuantity": f"{(quantity * price).quantize(CENT):f}", "price": f"{price:f}",
        "status": "CREATED", "createdAt": asked.now_ms, "expireAt": _end_ms(asked),
        "venue": "FERMATA", "instrumentId": row.symbol,
    }  # fmt: skip
    for name in ("quoteRequestId", "traderAccountId", "pricingProfileId"):
        if name in fields:
            quote[name] = fields[name]
    if "traderAccountId" in fields:
        asked.desk.account(asked.me.user_id, fields["traderAccountId"])
    kept.quotes[quote_id] = quote
    kept.owners[quote_id] = asked.me.user_id
    if "quoteRequestId" in fields:
        kept.by_request[asked.me.user_id, fields["quoteRequestId"]] = quote_id
    return quote


def _priced(asked: Asked) -> Any:
    """The instrument a quote is about: named, or the first of these assets."""
    fields = asked.fields
    if "instrumentId" in fields:
        return instrument(asked, fields["instrumentId"])
    for row in listed(asked):
        if (row.base, row.quote) == (fields.get("baseAsset"), fields.get("quoteAsset")):
            return row
    raise Fault(18017, "no such pair")


def _end_ms(asked: Asked) -> int:
    fields = asked.fields
    if "expireAt" not in fields:
        return asked.now_ms + int(fields.get("ttl", TTL_S)) * 1000
    try:
        end_ms = int(datetime.fromisoformat(fields["expireAt"]).timestamp() * 1000)
    except ValueError:
        raise Fault(BAD_FORM, "expireAt: not a time") from None
    if not asked.now_ms < end_ms <= asked.now_ms + LONGEST_TTL_S * 1000:
        raise Fault(BAD_FORM, "expireAt: within five minutes")
    return end_ms


# Wallets


def _wallet(asked: Asked, name: str = "walletId", *, anybody: bool = False) -> Wallet:
    found = asked.state.fermata.wallets.get(asked.fields[name])
    if found is None or (found.user_id != asked.me.user_id and not anybody):
        raise Fault(NOT_FOUND, "Wallet not found")
    return found


def create_wallet(asked: Asked) -> Any:
    """The first one of a user has money."""
    kept = asked.state.fermata.wallets
    first = not any(one.user_id == asked.me.user_id for one in kept.values())
    made_id = made("wallet", asked.desk.number())
    wallet = Wallet(
        made_id, asked.me.user_id, asked.now_ms, asked.now_ms, asked.fields.get("nickname", ""),
        amounts={"USDT": Decimal(10_000)} if first else {},
    )  # fmt: skip
    kept[made_id] = wallet
    return wallet.row()


def wallet(asked: Asked) -> Any:
    return _wallet(asked).row()


def wallets(asked: Asked) -> Any:
    wanted = asked.fields.get("walletType", "CLIENT")
    every = asked.state.fermata.wallets.values()
    rows = [one.row() for one in every if one.user_id == asked.me.user_id and wanted == "CLIENT"]
    return page(asked, rows, lambda row: str(row["walletId"]))


def transfer(asked: Asked) -> Any:
    source, target = _wallet(asked, "sourceWalletId"), _wallet(asked, "destWalletId")
    amount, asset = Decimal(asked.fields["amount"]), asked.fields["asset"]
    if source is target or amount <= 0:
        raise Fault(INVALID, "nothing to move")
    for one in (source, target):
        if one.status != ACTIVE:
            raise Fault(CONFLICT, f"Wallet is {one.status.lower()}")
    held = source.amounts.get(asset, Decimal(0))
    if held < amount:
        raise Fault(FUNDS, "Insufficient funds")
    source.amounts[asset] = held - amount
    target.amounts[asset] = target.amounts.get(asset, Decimal(0)) + amount
    source.updated_ms = target.updated_ms = asked.now_ms
    return NOTHING


def freeze(asked: Asked) -> Any:
    return _turn(asked, FROZEN)


def unfreeze(asked: Asked) -> Any:
    return _turn(asked, ACTIVE)


def _turn(asked: Asked, status: str) -> Any:
    asked.administrator()
    found = _wallet(asked, anybody=True)
    if found.status == CLOSED:
        raise Fault(CONFLICT, "Wallet is closed")
    found.status, found.updated_ms = status, asked.now_ms
    return found.row()


def close(asked: Asked) -> Any:
    found = _wallet(asked)
    if any(found.amounts.values()):
        raise Fault(CONFLICT, "Wallet is not empty")
    found.status, found.updated_ms = CLOSED, asked.now_ms
    return found.row()
