"""Today's transfers of the simulated Phemex: between the wallets of an account, and between those
of a parent and its sub-accounts; what can be paid in and out.

Written from the venue's reference alone: what came after section 4.8. There are two wallets here,
the spot wallet and the account of the contracts; the venue's others hold nothing.
"""

from collections.abc import Mapping
from typing import Any

from connector.venues.phemex import sim_aop
from connector.venues.phemex.sim_desk import MS_NS, Desk
from connector.venues.phemex.sim_orders import Handler
from connector.venues.phemex.sim_params import BAD, Fault, integer, word
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_texts import number
from connector.venues.phemex.sim_tickets import made_id
from connector.venues.phemex.sim_wallet import (
    DONE,
    FEE,
    FORBIDDEN,
    NO_SPOT_BALANCE,
    NO_WALLET,
    amount_of,
    asked_of,
    currency_of,
    into_account,
    only_parent,
    parent,
    purse,
    unit_of,
)

SPOT, CONTRACT = "SPOT", "CONTRACT"
EMPTY = ("MARGIN", "COPY_TRADE")
WALLETS = {"SPOT": SPOT, "PERPETUAL": CONTRACT}
"""By bizType."""
TO_SUB, TO_PARENT, INWARDS, OUTWARDS = 3, 4, 10, 11
"""bizCode: to a sub-account, to the parent, into the contracts' account, out of it."""
DUPLICATED = 19999
MOST_PAGE, USUAL_PAGE = 20, 20

Fields = Mapping[str, Any]
Pot = tuple[Person, str]
"""Whose wallet, and which."""


def _move(desk: Desk, source: Pot, target: Pot, currency: str, amount: int, now_ns: int) -> int:
    """The money goes; the bizCode of its way. Raises `Fault`, and nothing went."""
    if source == target:
        raise Fault(BAD)
    if EMPTY[0] in (source[1], target[1]) or EMPTY[1] in (source[1], target[1]):
        raise Fault(NO_WALLET)
    if source[1] == CONTRACT:
        into_account(desk, source[0], currency, -amount, now_ns)
    else:
        purse(source[0]).take(currency, amount, NO_SPOT_BALANCE)
    if target[1] == CONTRACT:
        into_account(desk, target[0], currency, amount, now_ns)
    else:
        purse(target[0]).give(currency, amount)
    if source[0] is target[0]:
        return INWARDS if target[1] == CONTRACT else OUTWARDS
    return TO_PARENT if target[0] is parent(desk) else TO_SUB


def _keyed(person: Person, fields: Fields) -> str:
    """The request's own key, which may be used once; made where it has none."""
    own, key = purse(person), word(fields, "requestKey")
    if key and key in own.by_key:
        raise Fault(DUPLICATED)
    return key or made_id("request", person.user_id, len(own.moves))


def _note(
    who: Person, source: Pot, target: Pot, currency: str, amount: int, code: int, key: str, ms: int
) -> None:
    """Both sides remember it, and who asked the key."""
    purse(who).by_key[key] = {}
    row = {
        "kind": "wallets", "fromUserId": source[0].user_id, "toUserId": target[0].user_id,
        "fromAccType": source[1], "toAccType": target[1], "currency": currency,
        "amountEv": amount // unit_of(currency), "bizCode": code, "requestKey": key,
        "status": DONE, "createTime": ms,
    }  # fmt: skip
    for person in {source[0].name: source[0], target[0].name: target[0]}.values():
        purse(person).moves.append(row)


def _to_parent(wallet: str) -> Handler:
    """From a sub-account's wallet to its parent's, asked for by the sub-account."""

    def handle(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
        above = parent(desk)
        if person is above:
            raise Fault(FORBIDDEN)
        currency = currency_of(person, fields)
        amount = amount_of({"amountEv": fields.get("amountEv")}, currency)
        key = _keyed(person, fields)
        source, target = (person, wallet), (above, wallet)
        code = _move(desk, source, target, currency, amount, now_ns)
        _note(person, source, target, currency, amount, code, key, now_ns // MS_NS)
        return {
            "amountEv": amount // unit_of(currency),
            "bizCode": code,
            "currency": currency,
            "fromUserId": person.user_id,
            "requestKey": key,
            "toUserId": above.user_id,
        }

    return handle


def _between(wallet: str) -> Handler:
    """What went between parent and sub-accounts, newest first."""

    def handle(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[dict[str, Any]]:
        currency = currency_of(person, fields, "?currency")
        names = ("fromUserId", "toUserId", "currency", "amountEv", "bizCode", "requestKey")
        return [
            {name: row[name] for name in names} | {"createAt": row["createTime"], "status": DONE}
            for row in _rows(person)
            if row["currency"] == currency
            and row["fromUserId"] != row["toUserId"]
            and row["fromAccType"] == wallet
        ]

    return handle


def _rows(person: Person) -> list[dict[str, Any]]:
    return [row for row in reversed(purse(person).moves) if row["kind"] == "wallets"]


def _user(desk: Desk, fields: Fields, name: str) -> Person:
    """By its number; 0 is the parent."""
    wanted = integer(fields, name) or parent(desk).user_id
    found = next((each for each in desk.people.values() if each.user_id == wanted), None)
    if found is None:
        raise Fault(BAD)
    return found


def universal(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    only_parent(desk, person)
    wallet = WALLETS.get(word(fields, "bizType"))
    if wallet is None:
        raise Fault(BAD)
    source = (_user(desk, fields, "fromUserId"), wallet)
    target = (_user(desk, fields, "toUserId"), wallet)
    currency = currency_of(source[0], fields)
    amount = amount_of({"amountEv": fields.get("amountEv")}, currency)
    key = _keyed(person, fields)
    code = _move(desk, source, target, currency, amount, now_ns)
    _note(person, source, target, currency, amount, code, key, now_ns // MS_NS)
    return {"requestKey": key}


def _twice(fields: Fields, currency: str) -> int:
    """The amount that is given scaled and plain, which must be one."""
    amount = amount_of({"amountEv": fields.get("amountEv")}, currency)
    if amount != amount_of({"amount": fields.get("amount")}, currency):
        raise Fault(BAD)
    return amount


def between_wallets(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    return _from_to(desk, person, (person, person), fields, now_ns)


def between_users(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """A sub-account's only from itself to its parent."""
    users = _user(desk, fields, "fromUid"), _user(desk, fields, "toUid")
    if person is not parent(desk) and users != (person, parent(desk)):
        raise Fault(FORBIDDEN)
    return _from_to(desk, person, users, fields, now_ns)


def _from_to(
    desk: Desk, person: Person, users: tuple[Person, Person], fields: Fields, now_ns: int
) -> dict[str, Any]:
    wallets = word(fields, "fromAccType"), word(fields, "toAccType")
    if not {*wallets} <= {SPOT, CONTRACT, *EMPTY}:
        raise Fault(BAD)
    source, target = (users[0], wallets[0]), (users[1], wallets[1])
    currency = currency_of(source[0], fields)
    amount = _twice(fields, currency)
    code = _move(desk, source, target, currency, amount, now_ns)
    _note(person, source, target, currency, amount, code, _keyed(person, {}), now_ns // MS_NS)
    return {
        "amountEv": amount // unit_of(currency),
        "currency": currency,
        "status": DONE,
        "bizCode": code,
        "createTime": now_ns // MS_NS,
    }


def history(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """Pages from 1 on, newest first."""
    asked = asked_of(fields)
    currency, kinds = word(asked, "currency"), word(asked, "bizTypes")
    start_ms, end_ms = integer(asked, "start") or 0, integer(asked, "end")
    page, size = integer(asked, "pageNum") or 1, integer(asked, "pageSize") or USUAL_PAGE
    if page < 1 or not 1 <= size <= MOST_PAGE:
        raise Fault(BAD)
    rows = [
        {name: value for name, value in row.items() if name not in ("kind", "createTime")}
        | {"requestTime": row["createTime"]}
        for row in _rows(person)
        if currency in ("", row["currency"])
        and (not kinds or str(row["bizCode"]) in kinds.split(","))
        and start_ms <= row["createTime"]
        and (end_ms is None or row["createTime"] <= end_ms)
    ]
    return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}


# In and out


def withdraw_asset(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    """What can be withdrawn, by the one chain each currency has here."""
    asked = asked_of(fields)
    currency = currency_of(person, asked)
    own = purse(person)
    free, frozen = own.free.get(currency, 0), own.frozen.get(currency, 0)
    least = unit_of(currency)
    wanted = amount_of(asked, currency) if asked.get("amount") else 0
    return {
        "currency": currency,
        "currencyCode": sim_aop.account_id(0, currency),
        "balanceRv": number(free + frozen, 8),
        "confirmAmountRv": "0",
        "allAvailableBalanceRv": number(free, 8),
        "chainInfos": [
            {
                "chainCode": sim_aop.account_id(0, currency),
                "chainName": currency,
                "minWithdrawAmountRv": number(least, 8),
                "minWithdrawAmountWithFeeRv": number(least + FEE, 8),
                "withdrawFeeRv": number(FEE, 8),
                "receiveAmountRv": number(max(0, wanted - FEE), 8),
            }
        ],
    }


def deposit_address(desk: Desk, person: Person, fields: Fields, now_ns: int) -> dict[str, Any]:
    currency = currency_of(person, asked_of(fields))
    return {"address": made_id("deposit", person.user_id, currency), "tag": ""}


def deposits(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[Any]:
    """Nobody pays in here."""
    return []


def deposit_chains(desk: Desk, person: Person, fields: Fields, now_ns: int) -> list[Any]:
    currency = currency_of(person, asked_of(fields))
    code = sim_aop.account_id(0, currency)
    return [
        {
            "currency": currency,
            "currencyCode": code,
            "minAmountRv": "0",
            "confirmations": 1,
            "chainCode": code,
            "chainName": currency,
            "status": "Active",
        }
    ]


HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "/assets/spots/sub-accounts/transfer"): _to_parent(SPOT),
    ("GET", "/assets/spots/sub-accounts/transfer"): _between(SPOT),
    ("POST", "/assets/futures/sub-accounts/transfer"): _to_parent(CONTRACT),
    ("GET", "/assets/futures/sub-accounts/transfer"): _between(CONTRACT),
    ("POST", "/assets/universal-transfer"): universal,
    ("POST", "/wallets/account/transfer"): between_wallets,
    ("POST", "/wallets/account/main-sub-transfer"): between_users,
    ("GET", "/wallets/account/transfer"): history,
    ("GET", "/phemex-withdraw/wallets/api/asset/info"): withdraw_asset,
    ("GET", "/phemex-deposit/wallets/api/depositAddress"): deposit_address,
    ("GET", "/phemex-deposit/wallets/api/depositHist"): deposits,
    ("GET", "/exchange/wallets/depositList"): deposits,
    ("GET", "/exchange/wallets/v2/depositAddress"): deposit_address,
    ("GET", "/phemex-deposit/wallets/api/chainCfg"): deposit_chains,
}
