"""`connector call Phemex`: what is wrong is named before anything is sent, and what moves money
needs a permission."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.cli import main
from tests.reference.phemex_venue import KEY, SECRET
from tests.reference.sim_process import Simulator, simulator


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    options = ["--symbols", "BTCUSD,BTCUSDT", "--account", f"demo={KEY}:{SECRET}"]
    with simulator("--venue", "phemex", *options) as running:
        yield running


@pytest.fixture
def config(venue: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_CALL_KEY", KEY)
    monkeypatch.setenv("TEST_CALL_SECRET", SECRET)
    account = 'venue = "Phemex"\nkey = "env:TEST_CALL_KEY"\nsecret = "env:TEST_CALL_SECRET"\n'
    path = tmp_path / "call.toml"
    path.write_text(
        f'[daemon]\nruntime_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
        f'[venues.phemex]\nrest_url = "{venue.rest}"\nws_url = "{venue.ws}"\n'
        '[[venues.phemex.feeds]]\ninstruments = ["BTCUSD"]\n'
        f'[accounts.main]\n{account}strategies = ["maker"]\n'
        f'[accounts.bold]\n{account}strategies = ["maker"]\nallow = ["transfer"]\n'
    )
    return path


MOVE = ["transfer", "amountEv=100000000", "currency=BTC", "moveOp=1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["orderbok", "symbol=BTCUSD"], "orderbook"),
        (["orderbook"], "symbol"),
        (["orderbook", "symbol=BTCUSD", "depth=5"], "depth"),
        (["klines", "symbol=BTCUSD", "resolution=61"], "resolution"),
        (["klines", "symbol=BTCUSD", "resolution=60", "limit=7"], "limit"),
        (["fundingRateHistory", "symbol=BTCUSD"], "symbol"),
        (["tradeHistory", "market=BTCUSD", "since=7"], "since"),
        (["gClosedPositions", "--account", "main"], "one of symbol, currency"),
        (["gClosedPositions", "currency=USDT", "limit=201", "--account", "main"], "limit"),
        (["accountDetail", "offset=1001", "--account", "main"], "offset"),
        (["gQueryOrder", "symbol=BTCUSDT", "--account", "main"], "one of orderID, clOrdID"),
        (["gOrderList", "currency=USDT", "--account", "main"], "start"),
        (["userTrades", "symbol=BTCUSD", "tradeType=Gift", "--account", "main"], "tradeType"),
        ([*MOVE, "--account", "main"], "transfer"),
        (["withdraw", "currency=BTC", "address=x", "amount=1", "chainName=BTC", "--account",
          "bold"], "withdraw"),
        (["placeOrder", "symbol=BTCUSD", "clOrdID=a", "side=Buy", "ordType=Market", "orderQty=1",
          "--account", "bold"], "order"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_sent(
    words: list[str],
    told: str,
    venue: Simulator,
    config: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = venue.status()["requests"]
    code = main(["call", "Phemex", *words, "--config", str(config)])
    out, err = capsys.readouterr()
    assert code != 0
    assert told in out + err
    assert SECRET not in out + err
    after = venue.status()["requests"]
    assert {path: count for path, count in after.items() if "_sim" not in path} == {
        path: count for path, count in before.items() if "_sim" not in path
    }


def test_what_is_right_and_allowed_is_answered(
    venue: Simulator, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["orderbook", "symbol=BTCUSD"],
        ["tradeHistory", "market=BTCUSDT"],
        ["gClosedPositions", "currency=USDT", "--account", "main"],
        ["feeRates", "settleCurrency=BTC", "--account", "main"],
        [*MOVE, "--account", "bold"],
        ["transfers", "currency=BTC", "--account", "main"],
    ):
        code = main(["call", "Phemex", *words, "--config", str(config)])
        out, err = capsys.readouterr()
        assert code == 0, (words, out, err)
