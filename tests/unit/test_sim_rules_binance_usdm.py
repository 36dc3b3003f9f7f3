"""What an exchangeInfo answer demands of orders, as the simulated venue reads it."""

import orjson
import pytest

from connector.sim.matching.types import RATIO
from connector.venues.binance_usdm.sim import SIM
from tests.reference.binance_desk import CONTRACTS, NOW_MS


def info() -> dict[str, object]:
    found: dict[str, object] = orjson.loads(SIM.exchange_info(CONTRACTS, NOW_MS, 2400))
    return found


def symbol(answer: dict[str, object], number: int = 0) -> dict[str, object]:
    return answer["symbols"][number]  # type: ignore[index,no-any-return]


def test_filters_become_rules() -> None:
    (btc, eth) = SIM.rules(orjson.dumps(info()))
    assert (btc.symbol, btc.asset, eth.symbol) == ("BTCUSDT", "USDT", "ETHUSDT")
    assert (btc.price_digits, btc.tick_units, btc.qty_digits, btc.step_units) == (2, 10, 3, 1)
    assert (btc.min_tick, btc.max_tick) == (3_000, 2_100_000), "300.00 and 210000.00"
    assert (btc.min_lots, btc.max_lots, btc.market_max_lots) == (1, 1_000_000, 100_000)
    assert btc.min_notional_m == 5 * RATIO
    assert (btc.collar_up_r, btc.collar_down_r) == (105_000_000, 95_000_000)
    assert (btc.market_bound_r, btc.trigger_protect_r) == (5_000_000, 5_000_000)
    assert (btc.max_orders, btc.max_amends, btc.trading, btc.reduce_only) == (
        200, 10_000, True, False,
    )  # fmt: skip


def test_a_field_of_zero_or_a_missing_filter_demands_nothing() -> None:
    answer = info()
    row = symbol(answer)
    filters = {each["filterType"]: each for each in row["filters"]}  # type: ignore[attr-defined]
    filters["PRICE_FILTER"] |= {"minPrice": "0", "maxPrice": "0"}
    del filters["PERCENT_PRICE"], filters["MIN_NOTIONAL"], filters["MARKET_LOT_SIZE"]
    row["filters"] = [*filters.values()]
    (rules, _) = SIM.rules(orjson.dumps(answer))
    assert (rules.min_tick, rules.max_tick, rules.min_notional_m) == (1, 0, 0)
    assert (rules.collar_up_r, rules.collar_down_r) == (0, 0)
    assert rules.market_max_lots == rules.max_lots


def test_a_symbol_that_does_not_trade_takes_no_orders() -> None:
    answer = info()
    symbol(answer)["status"] = "SETTLING"
    assert [rules.trading for rules in SIM.rules(orjson.dumps(answer))] == [False, True]


def test_filters_that_are_not_set_yet_are_an_error_only_where_it_trades() -> None:
    answer = info()
    filters = {each["filterType"]: each for each in symbol(answer)["filters"]}  # type: ignore[attr-defined]
    filters["PRICE_FILTER"]["tickSize"] = "0"
    with pytest.raises(ValueError, match="BTCUSDT"):
        SIM.rules(orjson.dumps(answer))
    symbol(answer)["status"] = "PENDING_TRADING"
    assert [rules.symbol for rules in SIM.rules(orjson.dumps(answer))] == ["ETHUSDT"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}"])
def test_what_is_no_answer_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="exchangeInfo"):
        SIM.rules(text)
