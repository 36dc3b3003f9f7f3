"""Trailing orders at the simulated Phemex: an offset of the price, from now or from a price on."""

from typing import Any

import pytest

from tests.reference.phemex_venue import UNIT, Phemex, Trader, account


@pytest.fixture
def trader() -> Trader:
    return Trader(Phemex(["BTCUSD"], rate=50, accounts=(account(),)))


def offset(trader: Trader, **fields: Any) -> dict[str, Any]:
    given = {"ordType": "Stop", "orderQty": 10, "triggerType": "ByLastPrice"} | fields
    return trader.order(**given)


TRAIL_REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"side": "Sell", "pegOffsetValueEp": 5000}, 11091),
    ({"side": "Sell"}, 11091),
    ({"side": "Buy", "pegOffsetValueEp": -5000}, 11092),
    ({"side": "Sell", "pegOffsetValueEp": -5000, "ordType": "Limit", "priceEp": 86_000_000}, 11086),
    ({"side": "Sell", "pegOffsetValueEp": -5000, "pegPriceType": "LastPeg"}, 11086),
    ({"side": "Sell", "pegOffsetValueEp": -5000, "pegPriceType": "TrailingTakeProfitPeg",
      "stopPxEp": 10_000_000}, 11093),
    ({"side": "Buy", "pegOffsetValueEp": 5000, "pegPriceType": "TrailingTakeProfitPeg",
      "stopPxEp": 1_600_000_000}, 11094),
]  # fmt: skip


def test_offsets_that_do_not_trail(trader: Trader) -> None:
    trader.venue.run(200)
    for fields, code in TRAIL_REFUSED:
        answer = offset(trader, **{"pegPriceType": "TrailingStopPeg", **fields})
        assert answer["code"] == code, fields


def test_a_trailing_stop_follows_and_triggers_at_its_offset(trader: Trader) -> None:
    """Against every last price since it was placed: it triggers at the first that is the offset
    below the highest, and not before."""
    assert trader.order(ordType="Market", orderQty=50)["code"] == 0
    trader.venue.run(50)
    trader.heard()
    distance = 3_000
    started = trader.venue.market.trades("BTCUSD")[-1].trade_id
    highest = int(trader.venue.market.trades("BTCUSD")[-1].price)
    placed = offset(trader, side="Sell", pegPriceType="TrailingStopPeg", pegOffsetValueEp=-distance)
    assert placed["code"] == 0
    second = offset(trader, side="Sell", pegPriceType="TrailingStopPeg", pegOffsetValueEp=-distance)
    assert second["code"] == 11095, "one for each position and side"
    (entry,) = [each for each in trader.heard() if each["orderID"] == placed["data"]["orderID"]]
    assert (entry["ordStatus"], entry["pegOffsetValueEp"]) == ("Untriggered", -distance)
    entries: list[dict[str, Any]] = []
    for _ in range(200):
        trader.venue.run(50)
        entries += trader.heard()
        if entries:
            break
    assert [each["ordStatus"] for each in entries][:2] == ["Triggered", "New"]
    assert entries[-1]["ordStatus"] == "Filled"
    own = {each["execSeq"] for each in entries}
    rows = [
        row for row in trader.venue.market.trades("BTCUSD", started) if row.update_id not in own
    ]
    due = None
    for row in rows:
        highest = max(highest, int(row.price))
        if int(row.price) <= highest - distance:
            due = row
            break
    assert due is not None
    assert entries[0]["transactTimeNs"] // 10**6 == due.time_ms


def test_one_of_the_second_family_waits_for_its_activation() -> None:
    venue = Phemex(["BTCUSDT"], rate=50, accounts=(account(USDT=100_000 * UNIT),))
    trader = Trader(venue, hedged=True)
    trader.venue.run(200)
    placed = trader.order(
        side="Sell", ordType="Stop", orderQtyRq="0.01", triggerType="ByLastPrice",
        pegPriceType="TrailingTakeProfitPeg", pegOffsetValueRp="-12.5",
        stopPxRp=trader.price("900"),
    )  # fmt: skip
    assert placed["code"] == 0
    entry = trader.heard()[-1]
    assert (entry["ordStatus"], entry["pegOffsetValueRp"], entry["pegPriceType"]) == (
        "Untriggered", "-12.5", "TrailingTakeProfitPeg",
    )  # fmt: skip
    trader.venue.run(500)
    assert not trader.heard(), "far below its activation it waits"
    query = f"symbol=BTCUSDT&posSide=Merged&orderID={placed['data']['orderID']}"
    changed = trader.ask("PUT", "/g-orders/replace", query + "&pegOffsetValueRp=-20")
    assert (changed["code"], changed["data"]["pegOffsetValueRp"]) == (0, "-20")
    assert trader.heard()[-1]["pegOffsetValueRp"] == "-20"
    assert trader.ask("DELETE", "/g-orders/cancel", query)["code"] == 0
    assert trader.heard()[-1]["ordStatus"] == "Deactivated"
