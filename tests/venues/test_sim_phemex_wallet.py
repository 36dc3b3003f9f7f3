"""Money at the simulated Phemex: it moves where it is told to, once, and its sum stays."""

import json
from decimal import Decimal
from typing import Any

import pytest

from connector.venues.phemex import sim_wallet
from tests.reference.phemex_venue import OTHER, UNIT, Phemex, Trader, account

FUNDS = {"BTC": 10 * UNIT, "USD": 100_000 * UNIT, "USDT": 5_000 * UNIT}
OUT, IN = "/exchange/wallets/transferOut", "/exchange/wallets/transferIn"
CREATE, LIST = "/exchange/wallets/createWithdraw", "/exchange/wallets/withdrawList"


@pytest.fixture
def owner() -> Trader:
    venue = Phemex(["BTCUSD"], rate=50, accounts=(account(**FUNDS), account("sub", OTHER, **FUNDS)))
    return Trader(venue)


@pytest.fixture
def sub(owner: Trader) -> Trader:
    return Trader(owner.venue, OTHER)


def post(trader: Trader, path: str, query: str = "", **fields: Any) -> dict[str, Any]:
    return trader.ask("POST", path, query, json.dumps(fields).encode())


def account_ev(trader: Trader, currency: str = "BTC") -> int:
    if currency == "USDT":
        found = trader.ask("GET", "/g-accounts/accountPositions", "currency=USDT")
        return int(Decimal(found["data"]["account"]["accountBalanceRv"]) * UNIT)
    found = trader.ask("GET", "/accounts/accountPositions", f"currency={currency}")
    return int(found["data"]["account"]["accountBalanceEv"])


def wallet(trader: Trader, currency: str = "BTC") -> tuple[int, int]:
    """Free and frozen, in 1e-8."""
    desk = trader.venue.rest._desk
    own = sim_wallet.purse(desk.people[desk.keys._keys[trader.key][0]])
    return own.free.get(currency, 0), own.frozen.get(currency, 0)


def margins(trader: Trader, move: int, key: str = "", **amount: Any) -> dict[str, Any]:
    return post(trader, "/exchange/margins", moveOp=move, linkKey=key, **amount)


def test_between_the_wallet_and_the_accounts(owner: Trader) -> None:
    row = margins(owner, 1, "one", btcAmountEv=UNIT)["data"]
    assert (row["linkKey"], row["status"], row["fromAmount"], row["toAmount"]) == ("one", 10, 1, 1)
    assert (account_ev(owner), wallet(owner)) == (9 * UNIT, (UNIT, 0))
    # The same key again is answered the same and moves nothing, whatever it says besides.
    assert margins(owner, 1, "one", btcAmountEv=2 * UNIT)["data"] == row
    assert (account_ev(owner), wallet(owner)) == (9 * UNIT, (UNIT, 0))
    assert margins(owner, 2, btcAmount="0.25")["code"] == 0
    assert (account_ev(owner), wallet(owner)) == (9 * UNIT + UNIT // 4, (UNIT * 3 // 4, 0))
    # In USD and back at the index price, floored.
    index = float(owner.venue.market.mark("BTCUSD", owner.venue.wall_ms()).index)
    got = margins(owner, 3, btcAmountEv=UNIT // 2)["data"]["toAmount"]
    assert got == pytest.approx(index / 2, abs=0.001)
    assert account_ev(owner, "USD") == round((100_000 + got) * 10**4)
    assert margins(owner, 4, usdAmountEv=round(got * 10**4))["code"] == 0
    assert wallet(owner)[0] == pytest.approx(UNIT * 3 // 4, abs=10)
    for wrong, code in (
        ({"move": 1, "btcAmountEv": 100 * UNIT}, 11001),
        ({"move": 2, "btcAmountEv": 100 * UNIT}, 11100),
        ({"move": 3, "btcAmountEv": 199_999}, 30000),
        ({"move": 4, "usdAmountEv": 9_999}, 30000),
        ({"move": 5, "btcAmountEv": UNIT}, 30000),
        ({"move": 1, "btcAmountEv": -1}, 30000),
        ({"move": 1}, 30000),
    ):
        assert margins(owner, wrong.pop("move"), **wrong)["code"] == code, wrong
    listed = owner.ask("GET", "/exchange/margins/transfer", "withCount=true&limit=2")["data"]
    assert (listed["total"], [each["moveOp"] for each in listed["rows"]]) == (4, [4, 3])
    late = listed["rows"][0]["createTime"]
    none = owner.ask("GET", "/exchange/margins/transfer", f"start=0&end={late}")["data"]["rows"]
    assert late not in [each["createTime"] for each in none], "before the end"


def test_between_parent_and_sub_account(owner: Trader, sub: Trader) -> None:
    for trader in (owner, sub):
        assert margins(trader, 1, btcAmountEv=UNIT)["code"] == 0
    body = {"currency": "BTC", "amountEv": UNIT // 4}
    assert post(owner, IN, clientCnt=1, **body)["data"] == "OK"
    assert (wallet(owner)[0], wallet(sub)[0]) == (UNIT * 3 // 4, UNIT * 5 // 4)
    assert post(sub, OUT, clientCnt=0, **body)["data"] == "OK"
    assert post(owner, OUT, clientCnt=1, **body)["data"] == "OK"
    assert (wallet(owner)[0], wallet(sub)[0]) == (UNIT * 5 // 4, UNIT * 3 // 4)
    for trader, path, wrong, code in (
        (owner, OUT, {"amountEv": UNIT}, 35104),
        (owner, OUT, {"clientCnt": 0}, 30000),
        (owner, OUT, {"clientCnt": 2}, 30000),
        (owner, OUT, {"currency": "DOGE"}, 11097),
        (owner, OUT, {"amountEv": 0}, 30000),
        (sub, OUT, {"clientCnt": 1}, 34003),
        (sub, IN, {"clientCnt": 0}, 34003),
    ):
        assert post(trader, path, **{"clientCnt": 1, **body, **wrong})["code"] == code, wrong
    (row,) = owner.ask("GET", "/phemex-user/users/children", "offset=0&limit=10")["data"]["rows"]
    assert (row["clientCnt"], row["nickName"]) == (1, "sub")
    assert row["wallet"]["totalBalanceEv"] == UNIT * 3 // 4
    held = {each["currency"]: each["accountBalanceEv"] for each in row["userMarginVo"]}
    assert (held["BTC"], held["USD"]) == (9 * UNIT, 100_000 * 10**4)
    assert sub.ask("GET", "/phemex-user/users/children")["data"]["rows"] == []


def test_withdrawals_wait_for_the_mail_and_can_be_taken_back(owner: Trader, sub: Trader) -> None:
    assert margins(owner, 1, btcAmountEv=2 * UNIT)["code"] == 0
    body = {"address": "1Boat", "amountEv": UNIT // 2, "currency": "BTC"}
    fee = sim_wallet.FEE
    made = [post(owner, CREATE, "otpCode=123456", **body)["data"] for _ in range(3)]
    assert {row["status"] for row in made} == {"Pending Review"}
    assert (made[0]["amountEv"], made[0]["feeEv"]) == (UNIT // 2, fee)
    bound = 3 * (UNIT // 2 + fee)
    assert wallet(owner) == (2 * UNIT - bound, bound)
    first, second, third = (row["id"] for row in made)
    confirm = "/exchange/wallets/confirm/withdraw"
    assert owner.ask("GET", confirm, f"code={sim_wallet.mail_code(first)}")["code"] == 0
    assert post(owner, "/exchange/wallets/cancelWithdraw", id=second)["data"] == "OK"
    assert wallet(owner) == (2 * UNIT - bound * 2 // 3, bound * 2 // 3)
    rows = owner.ask("GET", LIST, "currency=BTC&limit=10")["data"]
    assert [(row["id"], row["status"]) for row in rows] == [
        (third, "Pending Review"), (second, "Cancelled"), (first, "Pending Transfer"),
    ]  # fmt: skip
    for number in (first, second, 1):
        assert post(owner, "/exchange/wallets/cancelWithdraw", id=number)["code"] == 11098
    assert owner.ask("GET", confirm, "code=nobody")["code"] == 11098
    for trader, query, wrong, code in (
        (owner, "", {}, 412),
        (owner, "otpCode=12", {}, 30000),
        (owner, "otpCode=123456", {"amountEv": UNIT * 9}, 11100),
        (owner, "otpCode=123456", {"address": ""}, 412),
        (owner, "otpCode=123456", {"currency": "DOGE"}, 11097),
        (sub, "otpCode=123456", {}, 34003),
    ):
        assert post(trader, CREATE, query, **{**body, **wrong})["code"] == code, (query, wrong)
    # Nobody confirmed the third within half an hour.
    owner.venue.now_ns += sim_wallet.CONFIRM_MS * 10**6
    assert owner.ask("GET", LIST)["data"][0]["status"] == "Expired"
    assert wallet(owner)[1] == UNIT // 2 + fee


def test_todays_calls(owner: Trader) -> None:
    move = {"amountEv": UNIT, "currency": "USDT"}
    assert post(owner, "/assets/transfer", moveOp=1, **move)["data"]["status"] == 10
    assert (account_ev(owner, "USDT"), wallet(owner, "USDT")[0]) == (4_999 * UNIT, UNIT)
    more = {**move, "amountEv": 2 * UNIT}
    assert post(owner, "/assets/transfer", moveOp=2, **more)["code"] == 35104
    assert post(owner, "/assets/transfer", moveOp=2, **move)["code"] == 0
    assert account_ev(owner, "USDT") == 5_000 * UNIT
    rows = owner.ask("GET", "/assets/transfer", "currency=USDT")["data"]["rows"]
    assert [row["side"] for row in rows] == [2, 1]
    assert post(owner, "/assets/transfer", moveOp=1, currency="BTC", amountEv=UNIT)["code"] == 0
    query = "currency=BTC&address=1Boat&amount=0.5&chainName=BTC"
    path = "/phemex-withdraw/wallets/api/createWithdraw"
    assert owner.ask("POST", path, query)["code"] == 11098, "an address that is not allowed"
    allowed = post(
        owner, "/exchange/wallets/createWithdrawAddress", "otpCode=123456", address="1Boat",
        currency="BTC", remark="boat",
    )  # fmt: skip
    assert allowed["data"] == 1
    row = owner.ask("POST", path, query)["data"]
    assert (row["amountRv"], row["chainName"]) == ("0.5", "BTC")
    gone = "/phemex-withdraw/wallets/api/cancelWithdraw"
    assert owner.ask("POST", gone, f"id={row['id']}")["data"] == "OK"
    (row,) = owner.ask("GET", "/phemex-withdraw/wallets/api/withdrawHist")["data"]
    assert (row["status"], wallet(owner)) == ("Cancelled", (UNIT, 0))


def test_todays_transfers_between_wallets_and_users(owner: Trader, sub: Trader) -> None:
    """Every way there is; the sum of all wallets stays."""
    people = owner.venue.rest._desk.people
    main, child = (people[name].user_id for name in ("demo", "sub"))

    def everything() -> int:
        return sum(account_ev(each) + sum(wallet(each)) for each in (owner, sub))

    whole, own = everything(), "/wallets/account/transfer"
    between, spot = "/wallets/account/main-sub-transfer", "/assets/spots/sub-accounts/transfer"
    coin = {"amountEv": UNIT, "amount": "1", "currency": "BTC"}
    out = {"fromAccType": "CONTRACT", "toAccType": "SPOT"}
    inwards = {"fromAccType": "SPOT", "toAccType": "CONTRACT"}
    spots = {"fromAccType": "SPOT", "toAccType": "SPOT"}
    plain = {"amountEv": UNIT, "currency": "BTC"}
    universal = {**plain, "fromUserId": 0, "toUserId": child}
    steps: list[tuple[Trader, str, dict[str, Any], int, tuple[int, int, int, int]]] = [
        # Who, where to, what; the code, and then account and wallet of parent and sub-account.
        (owner, own, {**coin, **out}, 0, (9, 1, 10, 0)),
        (owner, own, {**coin, **out, "amount": "2"}, 30000, (9, 1, 10, 0)),
        (owner, own, {**coin, **spots}, 30000, (9, 1, 10, 0)),
        (owner, own, {**coin, **out, "toAccType": "MARGIN"}, 11097, (9, 1, 10, 0)),
        (owner, between, {**coin, **spots, "fromUid": main, "toUid": child}, 0, (9, 0, 10, 1)),
        (owner, between, {**coin, **spots, "fromUid": main, "toUid": child}, 35104, (9, 0, 10, 1)),
        (sub, between, {**coin, **spots, "fromUid": main, "toUid": child}, 34003, (9, 0, 10, 1)),
        (sub, between, {**coin, **inwards, "fromUid": child, "toUid": main}, 0, (10, 0, 10, 0)),
        (owner, "/assets/universal-transfer", {**universal, "bizType": "PERPETUAL"}, 0,
         (9, 0, 11, 0)),
        (owner, "/assets/universal-transfer", {**universal, "bizType": "EARN"}, 30000,
         (9, 0, 11, 0)),
        (sub, "/assets/universal-transfer", {**universal, "bizType": "SPOT"}, 34003, (9, 0, 11, 0)),
        (sub, spot, plain, 35104, (9, 0, 11, 0)),
        (sub, own, {**coin, **out}, 0, (9, 0, 10, 1)),
        (sub, spot, {**plain, "requestKey": "once"}, 0, (9, 1, 10, 0)),
        (sub, spot, {**plain, "requestKey": "once"}, 19999, (9, 1, 10, 0)),
        (sub, "/assets/futures/sub-accounts/transfer", plain, 0, (10, 1, 9, 0)),
        (owner, "/assets/futures/sub-accounts/transfer", plain, 34003, (10, 1, 9, 0)),
    ]  # fmt: skip
    for who, path, fields, code, wanted in steps:
        assert post(who, path, **fields)["code"] == code, (path, fields)
        held = (account_ev(owner), wallet(owner)[0], account_ev(sub), wallet(sub)[0])
        assert held == tuple(number * UNIT for number in wanted), (path, fields)
        assert everything() == whole
    page = owner.ask("GET", own, "currency=BTC&pageSize=3")["data"]
    assert (page["total"], [row["bizCode"] for row in page["rows"]]) == (6, [4, 4, 3])
    assert [row["bizCode"] for row in owner.ask("GET", own, "bizTypes=11")["data"]["rows"]] == [11]
    (row,) = sub.ask("GET", "/assets/futures/sub-accounts/transfer", "currency=BTC")["data"][:1]
    assert (row["bizCode"], row["toUserId"]) == (4, main)
    rows = sub.ask("GET", spot, "currency=BTC")["data"]
    assert [row["requestKey"] for row in rows][:1] == ["once"]
    asset = owner.ask("GET", "/phemex-withdraw/wallets/api/asset/info", "currency=BTC&amount=0.5")
    assert asset["data"]["allAvailableBalanceRv"] == "1"
    assert asset["data"]["chainInfos"][0]["receiveAmountRv"] == "0.4995"
    query = "currency=BTC&chainName=BTC"
    for path in ("depositAddress", "chainCfg", "depositHist"):
        assert owner.ask("GET", f"/phemex-deposit/wallets/api/{path}", query)["code"] == 0
