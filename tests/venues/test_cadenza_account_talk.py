"""An account's connection at Cadenza: whatever the network and the venue do, it is live again with
everything told, or it says why it is not; never silence."""

from decimal import Decimal

import pytest

from connector.model.reports import OrderStatus
from connector.venues.account_dialogue import Ended, Live, Lost, Unclear
from connector.venues.cadenza.account_talk import LIST, MAKE, ORDER, PORTFOLIO
from connector.venues.dialogue import Drop, Note, TokenWanted
from tests.reference.cadenza_account_rig import Rig, say

FORMS = ("A1", "A2", "A3", "A4", "A5")
LAYOUTS = ("tradingAccount", "trading", "split")
ENDED = {"FILLED": OrderStatus.FILLED, "CANCELLED": OrderStatus.CANCELLED}
E8 = 10**8


def same(rig: Rig, order: object) -> None:
    """The order is as the venue has it, and each of its executions was told once."""
    row = rig.row(order)
    assert order.status is ENDED[row["status"]]
    assert order.filled_qty_e == int(Decimal(row["executedQuantity"]) * E8)
    assert rig.filled.get(order.client_order_id, 0) == order.filled_qty_e
    assert len(set(rig.trades)) == len(rig.trades)


def test_it_is_live_when_the_venue_streams_and_every_channel_is_granted() -> None:
    rig = Rig(history=10)
    rig.stuck = True
    rig.open()
    assert rig.asked == [LIST]
    assert (rig.forget(), rig.talk.fault) == ([], "subscribing")
    rig.cut()
    rig.stuck = False
    rig.asked.clear()
    rig.open()
    assert rig.asked == [LIST, MAKE]
    assert (rig.forget(), rig.talk.fault) == ([Live()], "")
    rig.cut()
    assert rig.talk.fault == "disconnected (1006)"
    rig.open()
    assert rig.asked == [LIST, MAKE, LIST]
    assert rig.forget() == [Live()]


def test_a_line_that_cannot_be_read_is_told_and_ends_the_connection() -> None:
    """An order may have ended in it."""
    rig = Rig()
    rig.open()
    rig.forget()
    unclear, drop = rig.talk.received(b'{"push":{"channel":', rig.venue.now_ns)
    assert isinstance(unclear, Unclear)
    assert "cannot be read" in unclear.why
    assert isinstance(drop, Drop)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_orders_come_to_what_the_venue_has_in_every_form(form: str, layout: str) -> None:
    """Placed, filled in parts and cancelled: thin forms need questions, all end in the same."""
    rig = Rig(dialect=form, layout=layout, history=300)
    rig.open()
    assert Live() in rig.forget()
    ended = rig.place(limitPrice="50000.00")
    rig.trader.cancel(ended.venue_order_id)
    taken = rig.place(orderType="MARKET", quantity="0.5")
    none = rig.place(limitPrice="1000000.00", quantity="0.001", timeInForce="IOC")
    for _ in range(12):
        rig.tick(1)
    for order in (ended, taken, none):
        same(rig, order)
    assert (taken.status, taken.inferred_qty_e) == (OrderStatus.FILLED, 0)
    names = {one["executionId"] for order in (taken, none) for one in rig.row(order)["executions"]}
    assert set(rig.trades) == names, "every fill has its name in the end"
    if form != "A3":
        free, locked = rig.trader.purse("USDT")
        balance = rig.balances["USDT"]
        assert (balance.wallet_e, balance.available_e) == ((free + locked) * E8, free * E8)
    assert not [one for one in rig.forget() if not isinstance(one, Note)]


@pytest.mark.parametrize("history", [0, 300])
@pytest.mark.parametrize("fault", ["cut", "reset", "forget", "3010", "lost", "unsubscribed"])
def test_what_was_missed_is_told_or_named_as_lost(history: int, fault: str) -> None:
    """After each mishap it is live again; where nothing can be brought back, it says so before."""
    rig = Rig(history=history)
    rig.open()
    before = rig.place(limitPrice="50000.00")
    rig.forget()
    rig.mute = True
    rig.trader.cancel(before.venue_order_id)
    rig.mute = False
    if fault in ("reset", "forget"):
        mishap(rig, fault)
    if fault == "lost":
        after = rig.place(limitPrice="50000.00")
        rig.trader.cancel(after.venue_order_id)
    elif fault == "unsubscribed":
        assert rig.session is not None
        rig.perform(
            rig.talk.received(rig.session.end(lambda _: True, 2500).message, rig.venue.now_ns)
        )
    else:
        rig.cut(3010 if fault == "3010" else 1006)
        rig.open()
    rig.tick(1)
    told = rig.forget()
    told = [one for one in told if not isinstance(one, Note)]
    lossy = history and fault in ("reset", "forget")
    if history and fault in ("cut", "3010"):
        assert told == [Live()]
        assert before.status is OrderStatus.CANCELLED
    elif lossy:
        assert [type(one) for one in told] == [Lost, Live]
    elif fault in ("lost", "unsubscribed") and history:
        assert [type(one) for one in told] == [Lost, Live]
        assert before.status is OrderStatus.CANCELLED
    elif fault == "unsubscribed":
        assert [type(one) for one in told] == [Lost, Live]
    elif fault == "lost":
        assert told == []  # without numbers nobody can see it: accounts are compared now and then
    else:
        assert told == [Live()]
    assert rig.talk.fault == ""


def mishap(rig: Rig, kind: str) -> None:
    from connector.venues.cadenza import sim_streams

    sim_streams.mishap(rig.venue.rest, kind, "")


@pytest.mark.parametrize("code", [3500, 3501, 3503, 4500, 3005, 3014, 1006, 3001])
def test_every_close_says_what_follows(code: int) -> None:
    rig = Rig(history=10)
    rig.open()
    rig.cut(code)
    final = code in (3501, 3503, 4500)
    assert (rig.verdict.wait_ns > 0, bool(rig.verdict.alert)) == (final, final)
    assert rig.verdict.new_token == (code in (3500, 3005, 3014))
    assert rig.talk.fault == (rig.verdict.alert or f"disconnected ({code})")
    rig.forget()
    rig.open()
    kinds = [type(one) for one in rig.forget()]
    assert kinds == ([Lost, Live] if code == 3014 else [Live])


def test_a_token_is_refreshed_before_it_ends_and_an_ended_one_replaced() -> None:
    rig = Rig(history=10, token_s=120)
    old = rig.token()
    rig.open()
    rig.forget()
    rig.tick(119)
    assert TokenWanted() in rig.told
    rig.tick(100)
    assert rig.session is not None, "it goes on with the new one"
    rig.cut()
    rig.venue.wait(200)
    rig.forget()
    rig.open(old)
    assert [type(one) for one in rig.forget()] == [Drop]
    assert rig.verdict.new_token
    assert rig.session is None
    assert not rig.trader.enter()
    rig.open()
    assert Live() in rig.forget()


def test_channels_nobody_grants_are_told_and_tried_again() -> None:
    rig = Rig(probe=False, layout="trading")
    rig.open()
    (ended,) = rig.forget()
    assert isinstance(ended, Ended)
    assert "102 unknown channel" in ended.why
    assert rig.talk.fault == ended.why
    rig.tick(59)
    assert rig.forget() == []
    rig.venue.rest.speak("tradingAccount")
    rig.tick(2)
    assert rig.forget() == [Live()]


def test_a_channel_that_never_speaks_is_not_waited_for() -> None:
    """Orders were taken and nothing was told of them: the other names are tried, all of them."""
    rig = Rig(dialect="A3")
    rig.open()
    rig.forget()
    rig.talk.doubted()
    rig.cut()
    rig.open()
    told = rig.forget()
    assert [one.text[:8] for one in told if isinstance(one, Note)] == ["trading:", "trading:"]
    assert told[-1] == Live()


def test_a_stream_the_venue_ended_is_begun_again() -> None:
    rig = Rig(dialect="A2")
    rig.open()
    rig.forget()
    rig.trader.get("tradingAccountUnsubscribe", tradingAccountId=rig.trader.account)
    rig.tick(61)
    assert [type(one) for one in rig.forget()] == [Lost, Live]
    assert rig.asked[-2:] == [LIST, MAKE]
    rig = Rig(dialect="A1")
    rig.open()
    rig.forget()
    rig.trader.get("tradingAccountUnsubscribe", tradingAccountId=rig.trader.account)
    rig.tick(1)
    assert [type(one) for one in rig.forget()] == [Lost, Live], "this form tells of it"


def test_an_order_nobody_knows_is_asked_for_when_its_answer_had_its_time() -> None:
    rig = Rig(dialect="A5")
    rig.open()
    rig.asked.clear()
    placed = rig.trader.place(limitPrice="50000.00", clientOrderId="another's")
    name = placed["tradeOrderId"]
    assert rig.orders == []
    rig.tick(1)
    assert rig.asked == [ORDER + name]
    assert rig.orders[-1].venue_order_id == name
    assert rig.orders[-1].symbol == placed["instrumentId"]
    ours = rig.trader.place(limitPrice="50000.00")["tradeOrderId"]
    rig.named[ours] = rig.listed[placed["instrumentId"]]
    rig.tick(1)
    assert rig.asked == [ORDER + name], "it was named meanwhile"
    assert rig.orders[-1].venue_order_id == ours
    nobodys = "11111111-2159-4db1-a117-d20455178752"
    for odd in (nobodys, "odd"):
        say(rig, {"type": "order", "tradeOrderId": odd, "status": "FILLED"})
    rig.tick(40)
    assert rig.asked.count(ORDER + nobodys) == 5
    words = [one.words for one in rig.forget() if isinstance(one, Unclear)]
    assert words == ["odd", nobodys]


def test_a_balance_without_a_total_has_the_portfolio_asked_for_now_and_then() -> None:
    rig = Rig()
    rig.open()
    rig.asked.clear()
    for _ in range(38):
        say(rig, {"type": "balance", "symbol": "USDT", "available": "1", "locked": "2"})
        rig.tick(0.5)
    assert rig.asked == [PORTFOLIO, PORTFOLIO]
    assert rig.balances["USDT"].wallet_e == 100_000 * E8


def test_a_whole_portfolio_ends_what_is_not_in_it() -> None:
    rig = Rig()
    rig.open()
    part = {"balances": [{"securitySymbol": "ETH", "total": "3", "free": "3"}], "positions": []}
    say(rig, {"data": part})
    assert rig.balances["ETH"].wallet_e == 3 * E8
    for silent in ({"positions": []}, {"positions": [], "balances": None}):
        say(rig, {"data": {"updateMode": "SNAPSHOT", **silent}})
        assert rig.balances["ETH"].wallet_e == 3 * E8  # of balances that says nothing
    rig.venue.rest.teller.repeat("")
    rig.venue.tell()
    assert rig.balances["ETH"].wallet_e == 0
    assert rig.balances["USDT"].wallet_e == 100_000 * E8


def test_what_is_unknown_is_told_once_a_minute_and_without_secrets() -> None:
    rig = Rig()
    rig.open()
    rig.forget()
    for _ in range(10):
        say(rig, {"eventType": "odd", "what": {"apiKey": "do not tell", "list": ["x"]}})
    (odd,) = rig.forget()
    assert odd == Unclear(
        "an event of no known kind: eventType, what",
        '{"eventType":"odd","what":{"apiKey":"***","list":["x"]}}',
        known=False,
    )
    rig.tick(61)
    rig.forget()
    say(rig, {"eventType": "odd", "what": 1})
    assert len(rig.forget()) == 1
    say(rig, {"data": {"order": {"secretKey": "do not tell"}}})
    (broken,) = rig.forget()
    assert isinstance(broken, Unclear)
    assert broken.known
    assert "do not" not in repr(broken)


def test_the_keys_of_an_account_are_nowhere() -> None:
    """Its events carry them."""
    rig = Rig()
    rig.open()
    secrets = {key.key for one in rig.venue.rest.desk.accounts.values() for key in one.credentials}
    assert secrets
    rig.trader.get("tradingAccountDisable", tradingAccountId=rig.trader.account)
    notes = [one.text for one in rig.forget() if isinstance(one, Note)]
    assert notes == ["the venue says that the trading account is INACTIVE"]
    for secret in secrets:
        assert secret not in repr((rig.told, rig.orders, notes))
