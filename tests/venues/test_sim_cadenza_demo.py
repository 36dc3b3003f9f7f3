"""What the simulated Cadenza gives to the demo: a way in for a new account, and things to go
wrong."""

import pytest

from connector.sim.accounts import throw_away
from connector.sim.faults import Faults
from connector.venues.cadenza.sim import SIM
from tests.reference.cadenza_rest import SYMBOLS, Cadenza

OKX_FIRST = ["DERIBIT:BTC-PERPETUAL", "OKX:BTC/USDT", "BINANCE:BTC/USDT"]


@pytest.mark.parametrize(("listed", "there"), [(SYMBOLS, "BINANCE"), (OKX_FIRST, "OKX"),
                                               (["B2C2:BTC/USD"], "BINANCE")])  # fmt: skip
def test_a_new_account_is_told_with_all_it_takes_to_trade(listed: list[str], there: str) -> None:
    venue = Cadenza()
    (mine, _) = venue.accounts
    told = SIM.credentials(mine, listed)
    assert told.keys() == {"key", "secret", "trading_account"}
    account = venue.rest.desk.accounts[told["trading_account"]]
    assert account.venue == there
    user = venue.rest.users.login(told["key"], told["secret"], 0)["user"]
    assert user["id"] == account.user_id


def test_a_throw_away_account_has_an_address_and_a_password() -> None:
    told = SIM.credentials(throw_away(SIM.funds, SIM.written), SYMBOLS)
    assert "@" in told["key"]
    assert len(told["secret"]) >= 8


def test_an_answer_is_lost_and_a_book_by_either_spelling() -> None:
    symbol = SYMBOLS[0]
    for spelling in ("orderBook", "orderbook"):
        faults = Faults()
        (mishap,) = SIM.mishaps(symbol)
        for each in mishap.faults:
            faults.add(each)
        channel = f"market:{spelling}:{symbol}"
        assert faults.message(channel, 1, b"{}", 0) == ([], 0)
        assert faults.message(f"market:trade:{symbol}", 1, b"{}", 0)[0]
        assert faults.message(channel.replace("BTC", "ETH"), 1, b"{}", 0)[0]
        lost = faults.answer("POST", "/api/v3/tradeOrder/submit", "")
        assert lost is not None
        assert lost["execute"], "the order is placed, and nobody is told"
        assert SIM.serves("POST", lost["path"])
