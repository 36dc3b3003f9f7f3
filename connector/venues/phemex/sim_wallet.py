"""The wallets of the simulated Phemex: between an account's wallet and its trading accounts,
between a parent and its sub-accounts, and out of the venue.

Written from the venue's reference alone, sections 4.1 and 4.8. The first account is the parent of
all others, which are its sub-accounts 1, 2, ... A wallet is empty at first. Amounts inside are in
units of 1e-8 of their currency.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from connector.sim.matching.types import Refused
from connector.venues.phemex import sim_aop
from connector.venues.phemex.sim_desk import MS_NS, Desk
from connector.venues.phemex.sim_listings import value_scale
from connector.venues.phemex.sim_orders import Handler
from connector.venues.phemex.sim_params import BAD, Fault, integer, scaled, word
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_texts import number
from connector.venues.phemex.sim_tickets import made_id

E8 = 10**8
FORBIDDEN, NO_SPOT_BALANCE, MISSING = 34003, 35104, 412
NO_BALANCE, NO_WALLET, NO_WALLET_BALANCE, BAD_ACTION, NO_INDEX = 11001, 11097, 11100, 11098, 11041
DONE = 10
"""The status of a transfer that is over."""
LEAST_BTC, LEAST_USD = 200_000, E8
"""Of what goes from the wallet to the account in USD, and back."""
FEE = 50_000
"""Of every withdrawal, whatever the currency."""
OTP_DIGITS = 6
CONFIRM_MS = 30 * 60_000
"""After which a withdrawal that nobody confirmed is off."""
PENDING, TRANSFER, CANCELLED, EXPIRED = (
    "Pending Review", "Pending Transfer", "Cancelled", "Expired",
)  # fmt: skip
MOST_ROWS, USUAL_ROWS = 200, 50
TO_SPOT, TO_FUTURES = 1, 2
"""moveOp of today's transfers."""
BIZ = {TO_FUTURES: 10, TO_SPOT: 11}
"""What the list of them calls it: into the contracts' account, out of it."""
MOVES = {1: ("BTC", "BTC"), 2: ("BTC", "BTC"), 3: ("BTC", "USD"), 4: ("USD", "BTC")}
"""By moveOp what is taken and what comes: 1 and 4 into the wallet, the others out of it."""
INTO_WALLET = (1, 4)

Fields = Mapping[str, Any]
"""Of the body; those of the query have a ``?`` before their names."""


class Withdrawal(Struct, kw_only=True):
    number: int
    currency: str
    amount: int
    address: str
    created_ms: int
    status: str
    chain: str = ""

    def row(self, user_id: int) -> dict[str, Any]:
        unit = unit_of(self.currency)
        return {
            "id": self.number,
            "currency": self.currency,
            "currencyCode": sim_aop.account_id(0, self.currency),
            "status": self.status,
            "amountEv": self.amount // unit,
            "feeEv": FEE // unit,
            "address": self.address,
            "chainName": self.chain or self.currency,
            "txhash": None,
            "submitedAt": self.created_ms,
            "expiredTime": self.created_ms + CONFIRM_MS,
            "userId": user_id,
        }


class Purse:
    """The wallet of one account."""

    def __init__(self) -> None:
        self.free: dict[str, int] = {}
        self.frozen: dict[str, int] = {}
        self.moves: list[dict[str, Any]] = []
        """Oldest first."""
        self.by_key: dict[str, dict[str, Any]] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        self.addresses: set[tuple[str, str]] = set()

    def take(self, currency: str, amount: int, code: int = NO_WALLET_BALANCE) -> None:
        """Raises `Fault`."""
        if self.free.get(currency, 0) < amount:
            raise Fault(code)
        self.free[currency] -= amount

    def give(self, currency: str, amount: int) -> None:
        self.free[currency] = self.free.get(currency, 0) + amount

    def expire(self, now_ms: int) -> None:
        for each in self.withdrawals.values():
            if each.status == PENDING and each.created_ms + CONFIRM_MS <= now_ms:
                self.release(each, EXPIRED)

    def release(self, each: Withdrawal, status: str) -> None:
        """A withdrawal is off: the money is the owner's again."""
        each.status = status
        self.frozen[each.currency] -= each.amount + FEE
        self.give(each.currency, each.amount + FEE)


def unit_of(currency: str) -> int:
    """The smallest amount of a currency that the wire has."""
    return int(10 ** (8 - value_scale(currency)))


def purse(person: Person) -> Purse:
    found = person.purse
    if found is None:
        found = person.purse = Purse()
    assert isinstance(found, Purse)
    return found


def parent(desk: Desk) -> Person:
    return next(iter(desk.people.values()))


def only_parent(desk: Desk, person: Person) -> None:
    if person is not parent(desk):
        raise Fault(FORBIDDEN)


def currency_of(person: Person, fields: Fields, name: str = "currency") -> str:
    currency = word(fields, name)
    if currency not in person.balances:
        raise Fault(NO_WALLET)
    return currency


def amount_of(fields: Fields, currency: str, name: str = "amount") -> int:
    """``<name>Ev``, or ``<name>`` where that is not given. Raises `Fault`."""
    found = scaled({"aEp": fields.get(f"{name}Ev"), "a": fields.get(name)}, "a",
                   value_scale(currency))  # fmt: skip
    if found is None or found <= 0:
        raise Fault(BAD)
    return found * unit_of(currency)


def _required(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value in (None, ""):
        raise Fault(MISSING, f"Missing parameter - {name.lstrip('?')}")
    return str(value)


def _one_time(fields: Fields) -> None:
    """The code of the owner's second factor: any six digits do here."""
    text = _required(fields, "?otpCode")
    if len(text) != OTP_DIGITS or not text.isdecimal():
        raise Fault(BAD)


# Accounts


def children(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Sub-accounts of the parent; they themselves have none."""
    people = [*desk.people.values()]
    rows = [_child(desk, people[0], each, count) for count, each in enumerate(people) if count]
    if person is not people[0]:
        rows = []
    return _page(rows, asked_of(fields))


def _child(desk: Desk, above: Person, person: Person, count: int) -> dict[str, Any]:
    own = purse(person)
    free, frozen = own.free.get("BTC", 0), own.frozen.get("BTC", 0)
    return {
        "userId": person.user_id,
        "email": f"{person.name}@example.com",
        "nickName": person.name,
        "passwordState": 1,
        "clientCnt": count,
        "totp": 1,
        "logon": 0,
        "parentId": above.user_id,
        "parentEmail": f"{above.name}@example.com",
        "status": 1,
        "wallet": {
            **_both("totalBalance", free + frozen, "BTC"),
            **_both("availBalance", free, "BTC"),
            **_both("freezeBalance", frozen, "BTC"),
            "currency": "BTC",
            "currencyCode": sim_aop.CODES["BTC"],
        },
        "userMarginVo": [_margin(desk, person, currency) for currency in person.balances],
    }


def _margin(desk: Desk, person: Person, currency: str) -> dict[str, Any]:
    row, unit = desk.account(person, currency), unit_of(currency)
    return {
        "currency": currency,
        **_both("accountBalance", row["accountBalanceEv"] * unit, currency),
        **_both("totalUsedBalance", row["totalUsedBalanceEv"] * unit, currency),
        **_both("bonusBalance", 0, currency),
    }


def _both(name: str, amount: int, currency: str) -> dict[str, Any]:
    return {f"{name}Ev": amount // unit_of(currency), name: float(number(amount, 8))}


def transfer_out(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """From a sub-account's wallet to its parent's: a sub-account calls itself 0."""
    return _between(desk, person, fields, inwards=False)


def transfer_in(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """From the parent's wallet to a sub-account's: the parent's to ask."""
    only_parent(desk, person)
    return _between(desk, person, fields, inwards=True)


def _between(desk: Desk, person: Person, fields: Fields, *, inwards: bool) -> str:
    people, count = [*desk.people.values()], integer(fields, "clientCnt")
    if person is people[0]:
        if count is None or not 0 < count < len(people):
            raise Fault(BAD)
        sub = people[count]
    elif count:
        raise Fault(FORBIDDEN)
    else:
        sub = person
    currency = currency_of(sub, fields)
    amount = amount_of(fields, currency)
    source, target = (people[0], sub) if inwards else (sub, people[0])
    purse(source).take(currency, amount, NO_SPOT_BALANCE)
    purse(target).give(currency, amount)
    return "OK"


def into_account(desk: Desk, person: Person, currency: str, amount: int, now_ns: int) -> None:
    """Below 0: out of it. Raises `Fault`."""
    try:
        desk.engine.transfer(person.name, currency, amount, now_ns)
    except Refused:
        raise Fault(NO_BALANCE) from None
    finally:
        desk.follow()


def margins(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Between the wallet, which holds BTC here, and the accounts in BTC and USD. The same linkKey
    moves once, whatever it is asked together with."""
    own, key = purse(person), word(fields, "linkKey")
    if key and key in own.by_key:
        return own.by_key[key]
    kind = integer(fields, "moveOp") or 0
    if kind not in MOVES:
        raise Fault(BAD)
    source, target = MOVES[kind]
    amount = amount_of(fields, source, f"{source.lower()}Amount")
    least = {3: LEAST_BTC, 4: LEAST_USD}.get(kind, 0)
    if amount < least:
        raise Fault(BAD)
    for currency in (source, target):
        if currency not in person.balances:
            raise Fault(NO_WALLET)
    got = _exchanged(desk, source, target, amount, now_ns)
    if kind in INTO_WALLET:
        into_account(desk, person, source, -amount, now_ns)
        own.give(target, got)
    else:
        own.take(source, amount)
        into_account(desk, person, target, got, now_ns)
    key = key or made_id("move", person.user_id, len(own.moves))
    row = {
        "moveOp": kind,
        "fromCurrencyName": source,
        "toCurrencyName": target,
        "fromAmount": float(number(amount, 8)),
        "toAmount": float(number(got, 8)),
        "linkKey": key,
        "status": DONE,
    }
    own.by_key[key] = row
    own.moves.append(row | {"createTime": now_ns // MS_NS, "currency": source, "kind": "margins"})
    return row


def _exchanged(desk: Desk, source: str, target: str, amount: int, now_ns: int) -> int:
    """BTC in USD and back at the index price, floored to what the wire has."""
    if source == target:
        return amount
    texts = desk.market.mark("BTCUSD", now_ns // MS_NS) if desk.market is not None else None
    if texts is None:
        raise Fault(NO_INDEX)
    price_e8 = int(Decimal(texts.index).scaleb(8))
    got: int = amount * price_e8 // E8 if target == "USD" else amount * E8 // price_e8
    return got // unit_of(target) * unit_of(target)


def margin_moves(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """From the start on, before the end; newest first."""
    rows = [
        {name: value for name, value in row.items() if name not in ("kind", "currency")}
        for row in _moved(person, fields, "margins")
    ]
    return _page(rows, asked_of(fields))


def _moved(person: Person, fields: Fields, kind: str) -> list[dict[str, Any]]:
    asked = asked_of(fields)
    start_ms, end_ms = integer(asked, "start") or 0, integer(asked, "end")
    return [
        row
        for row in reversed(purse(person).moves)
        if row["kind"] == kind
        and start_ms <= row["createTime"]
        and (end_ms is None or row["createTime"] < end_ms)
    ]


def transfer(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Today's: between the account of a currency and the spot wallet."""
    currency, kind = currency_of(person, fields), integer(fields, "moveOp")
    amount = amount_of({"amountEv": fields.get("amountEv")}, currency)
    own = purse(person)
    if kind == TO_SPOT:
        into_account(desk, person, currency, -amount, now_ns)
        own.give(currency, amount)
    elif kind == TO_FUTURES:
        own.take(currency, amount, NO_SPOT_BALANCE)
        into_account(desk, person, currency, amount, now_ns)
    else:
        raise Fault(BAD)
    row = {
        "amountEv": amount // unit_of(currency),
        "currency": currency,
        "linkKey": made_id("transfer", person.user_id, len(own.moves)),
        "side": kind,
        "status": DONE,
        "userId": person.user_id,
    }
    told = {"createTime": now_ns // MS_NS, "bizType": BIZ[kind], "kind": "assets"}
    own.moves.append(row | told)
    return row


def transfers(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    currency = currency_of(person, fields, "?currency")
    rows = [
        {name: value for name, value in row.items() if name != "kind"}
        for row in _moved(person, fields, "assets")
        if row["currency"] == currency
    ]
    return {"rows": _page(rows, asked_of(fields))["rows"]}


# Out of the venue


def create_withdraw(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Waits for the mail's link, half an hour long."""
    _one_time(fields)
    only_parent(desk, person)
    currency = currency_of(person, fields)
    address, amount = _required(fields, "address"), amount_of(fields, currency)
    return _withdraw(person, currency, address, amount, PENDING, "", now_ns)


def _withdraw(
    person: Person, currency: str, address: str, amount: int, status: str, chain: str, now_ns: int
) -> dict[str, Any]:
    own = purse(person)
    own.take(currency, amount + FEE)
    own.frozen[currency] = own.frozen.get(currency, 0) + amount + FEE
    made = Withdrawal(
        number=100_000 + len(own.withdrawals) + 1, currency=currency, amount=amount,
        address=address, created_ms=now_ns // MS_NS, status=status, chain=chain,
    )  # fmt: skip
    own.withdrawals[made.number] = made
    return made.row(person.user_id)


def mail_code(number: int) -> str:
    """What the mail about a withdrawal says."""
    return f"mail-{number}"


def confirm_withdraw(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    own, code = purse(person), _required(fields, "?code")
    own.expire(now_ns // MS_NS)
    found = next((e for e in own.withdrawals.values() if mail_code(e.number) == code), None)
    if found is None or found.status != PENDING:
        raise Fault(BAD_ACTION)
    found.status = TRANSFER
    return "OK"


def cancel_withdraw(desk: Desk, person: Person, fields: Fields, now_ns: int) -> str:
    """Until it was confirmed, or began."""
    own = purse(person)
    own.expire(now_ns // MS_NS)
    given = fields.get("id", fields.get("?id"))
    found = own.withdrawals.get(integer({"id": given}, "id") or 0)
    if found is None or found.status != PENDING:
        raise Fault(BAD_ACTION)
    own.release(found, CANCELLED)
    return "OK"


def withdrawals(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[dict[str, Any]]:
    """Newest first, of the currencies that are named or of all."""
    own, asked = purse(person), asked_of(fields)
    own.expire(now_ns // MS_NS)
    names = [name for name in word(asked, "currency").split(",") if name]
    rows = [
        each.row(person.user_id)
        for each in reversed(own.withdrawals.values())
        if not names or each.currency in names
    ]
    found: list[dict[str, Any]] = _page(rows, asked)["rows"]
    return found


def create_address(desk: Desk, person: Person, fields: Fields, now_ns: int) -> int:
    _one_time(fields)
    only_parent(desk, person)
    currency = currency_of(person, fields)
    _required(fields, "remark")
    purse(person).addresses.add((currency, _required(fields, "address")))
    return 1


def withdraw(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Today's: only to an address that was allowed before, and no mail asks again."""
    only_parent(desk, person)
    asked = asked_of(fields)
    currency, address = currency_of(person, asked), _required(asked, "address")
    chain = _required(asked, "chainName")
    amount = amount_of({"amount": _required(asked, "amount")}, currency)
    if (currency, address) not in purse(person).addresses:
        raise Fault(BAD_ACTION)
    row = _withdraw(person, currency, address, amount, PENDING, chain, now_ns)
    plain = {
        "amountRv": number(amount, 8),
        "feeRv": number(FEE, 8),
        "expiredAt": row.pop("expiredTime"),
    }
    return {name: row[name] for name in row if not name.endswith("Ev")} | plain


def asked_of(fields: Fields) -> dict[str, Any]:
    """The query's fields by their names."""
    return {name[1:]: value for name, value in fields.items() if name.startswith("?")}


def _page(rows: list[dict[str, Any]], asked: Fields) -> dict[str, Any]:
    offset, limit = integer(asked, "offset") or 0, integer(asked, "limit")
    limit = USUAL_ROWS if limit is None else limit
    if offset < 0 or not 0 <= limit <= MOST_ROWS:
        raise Fault(BAD)
    total = len(rows) if asked.get("withCount") == "true" else 0
    return {"total": total, "rows": rows[offset : offset + limit]}


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/phemex-user/users/children"): children,
    ("POST", "/exchange/wallets/transferOut"): transfer_out,
    ("POST", "/exchange/wallets/transferIn"): transfer_in,
    ("POST", "/exchange/margins"): margins,
    ("GET", "/exchange/margins/transfer"): margin_moves,
    ("POST", "/assets/transfer"): transfer,
    ("GET", "/assets/transfer"): transfers,
    ("POST", "/exchange/wallets/createWithdraw"): create_withdraw,
    ("GET", "/exchange/wallets/confirm/withdraw"): confirm_withdraw,
    ("POST", "/exchange/wallets/cancelWithdraw"): cancel_withdraw,
    ("GET", "/exchange/wallets/withdrawList"): withdrawals,
    ("POST", "/exchange/wallets/createWithdrawAddress"): create_address,
    ("POST", "/phemex-withdraw/wallets/api/createWithdraw"): withdraw,
    ("POST", "/phemex-withdraw/wallets/api/cancelWithdraw"): cancel_withdraw,
    ("GET", "/phemex-withdraw/wallets/api/withdrawHist"): withdrawals,
}
