"""`connector call` against the simulated venue: what is sent, what is refused, what is told."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import connector
from connector.cli import main
from tests.reference.sim_process import Simulator, simulator
from tests.reference.stack import Daemon, Sim, eventually

KEY, SECRET = "OURKEY", "canary-51d7ab3390"


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator("--symbols", "BTCUSDT", "--rate", "50", "--weight-limit", "100000",
                   "--account", f"main={KEY}:{SECRET}") as running:  # fmt: skip
        yield running


@pytest.fixture
def config(venue: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration of two accounts, one with a permission; no daemon runs."""
    monkeypatch.setenv("TEST_CALL_KEY", KEY)
    monkeypatch.setenv("TEST_CALL_SECRET", SECRET)
    account = 'venue = "BinanceU"\nkey = "env:TEST_CALL_KEY"\nsecret = "env:TEST_CALL_SECRET"\n'
    path = tmp_path / "call.toml"
    path.write_text(
        f'[daemon]\nruntime_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
        f'[venues.BinanceU]\nrest_url = "{venue.rest}"\nws_url = "{venue.ws}"\n'
        '[[venues.BinanceU.feeds]]\ninstruments = ["BTCUSDT"]\n'
        f'[accounts.main]\n{account}strategies = ["maker"]\n'
        f'[accounts.bold]\n{account}strategies = ["maker"]\nallow = ["order"]\n'
    )
    yield path
    httpx.delete(venue.rest + "/_sim/faults")


class Shell:
    """Calls as typed, and what they print."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._config, self._capsys = config, capsys
        self.notes = config.parent / "state" / "calls.jsonl"

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main(["call", "BinanceU", *words, "--config", str(self._config)])
        out, err = self._capsys.readouterr()
        assert SECRET not in out + err
        return code, out, err

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        code, out, err = self(*words, "--json")
        assert not err
        found: dict[str, Any] = json.loads(out)
        return code, found

    def noted(self) -> list[dict[str, Any]]:
        text = self.notes.read_text()
        assert SECRET not in text
        assert "signature" not in text
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def call(config: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(config, capsys)


def test_market_data_needs_no_account_and_no_daemon(call: Shell) -> None:
    code, found = call.json("depth", "symbol=BTCUSDT", "limit=5")
    assert (code, found["outcome"], found["status"]) == (0, "ok", 200)
    assert len(found["result"]["bids"]) == 5
    code, out, _ = call("BOOKTICKER")
    assert code == 0
    assert out.split()[:3] == ["symbol", "bidPrice", "bidQty"]
    code, out, _ = call("time")
    assert out.startswith("serverTime: ")
    assert not call.notes.exists()


def test_an_account_s_calls_are_signed_with_its_key(call: Shell) -> None:
    code, found = call.json("balance", "--account", "main")
    assert code == 0
    assert found["result"][0]["asset"] == "USDT"
    code, _, err = call("balance")
    assert code == 2
    assert "name one with --account: main, bold" in err
    code, _, err = call("balance", "--account", "nobody")
    assert (code, "there are: main, bold" in err) == (2, True)


def test_what_changes_something_is_written_down_before_and_after(call: Shell) -> None:
    code, found = call.json("setLeverage", "symbol=BTCUSDT", "leverage=7", "--account", "main")
    assert (code, found["result"]["leverage"]) == (0, 7)
    sent, done = call.noted()
    assert (sent["what"], done["what"], done["status"]) == ("sent", "ok", 200)
    assert sent["endpoint"] == done["endpoint"] == "setLeverage"
    assert sent["parameters"] == "symbol=BTCUSDT&leverage=7"
    assert sent["account"] == "main"
    assert call.notes.stat().st_mode & 0o777 == 0o600


def test_what_is_as_wanted_already_is_no_failure(call: Shell) -> None:
    code, found = call.json("setPositionMode", "dualSidePosition=false", "--account", "main")
    assert (code, found["outcome"], found["code"]) == (0, "already", -4059)


ORDER = ("symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.01")


def test_orders_by_hand_need_a_permission(call: Shell) -> None:
    code, out, err = call("placeOrder", *ORDER, "--account", "main")
    assert (code, out) == (2, "")
    assert 'accounts.main.allow does not name "order"' in err
    assert not call.notes.exists(), "nothing was sent"
    code, found = call.json("placeOrder", *ORDER, "--account", "bold")
    assert (code, found["outcome"]) == (0, "ok")
    assert [one["what"] for one in call.noted()] == ["sent", "ok"]


def test_halts_hold_for_orders_by_hand(call: Shell, config: Path) -> None:
    (config.parent / "run").mkdir(mode=0o700)
    runtime = str(config.parent / "run")
    main(["halt", "--account", "bold", "--runtime-dir", runtime])
    code, _, err = call("placeOrder", *ORDER, "--account", "bold")
    assert (code, "halted: ACCOUNT bold" in err) == (1, True)
    assert not call.notes.exists(), "nothing was sent"
    cancel = ("cancelAll", "symbol=BTCUSDT", "--account", "bold")
    assert call(*cancel)[0] == 0, "cancels go on"
    main(["resume", "--account", "bold", "--runtime-dir", runtime])
    assert call("placeOrder", *ORDER, "--account", "bold")[0] == 0
    Path(runtime, "halt").write_bytes(b"?")
    code, _, err = call("placeOrder", *ORDER, "--account", "bold")
    assert (code, "halted: " in err) == (1, True)


def test_a_change_whose_answer_is_lost_is_unknown_and_not_sent_again(
    call: Shell, venue: Simulator
) -> None:
    venue.fault(kind="reset_http", path="/fapi/v1/leverage", count=1)
    asked = ("setLeverage", "symbol=BTCUSDT", "leverage=9", "--account", "main")
    code, out, _ = call(*asked)
    assert code == 3
    assert "unknown" in out
    assert "find out before you call it again" in out
    assert [one["what"] for one in call.noted()] == ["sent", "unknown"]
    _, found = call.json("symbolConfig", "symbol=BTCUSDT", "--account", "main")
    assert found["result"][0]["leverage"] == 9, "it was executed, once"


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (503, "Service Unavailable.", "not executed", 1),
        (503, '{"code":-1000,"msg":"x"}', "unknown", 3),
        (400, "", "unknown", 3),
        (400, '{"code":-99999,"msg":"new"}', "unknown", 3),
        (400, '{"code":-4028,"msg":"Leverage is not valid"}', "rejected", 1),
        (429, "{}", "throttled", 1),
    ],
)
def test_what_an_answer_proves_of_a_change(
    call: Shell, venue: Simulator, status: int, body: str, outcome: str, code: int
) -> None:
    venue.fault(kind="status", status=status, body=body, path="/fapi/v1/leverage", execute=False)
    found = call.json("setLeverage", "symbol=BTCUSDT", "leverage=9", "--account", "main")
    assert (found[0], found[1]["outcome"]) == (code, outcome)


def test_what_the_venue_would_refuse_is_never_sent(call: Shell, venue: Simulator) -> None:
    before = venue.status()["requests"]
    for words, text in (
        (("dept",), "no endpoint 'dept'; the nearest: depth, rpiDepth"),
        (("depth",), "symbol: missing; a symbol, as BTCUSDT"),
        (("depth", "symbol=BTCUSDT", "limit=7"),
         "limit: '7' is not one of 5, 10, 20, 50, 100, 500, 1000"),
        (("allForceOrders",), "allForceOrders: removed 2021-04-27; use the stream"),
        (("depth", "BTCUSDT"), "'BTCUSDT' is not KEY=VALUE"),
        (("depth", "symbol=A", "symbol=B"), "symbol: given twice"),
    ):  # fmt: skip
        code, out, err = call(*words)
        assert (code, out) == (2, ""), words
        assert text in err
    assert venue.status()["requests"] == before


def test_a_venue_that_does_not_answer(call: Shell) -> None:
    code, out, _ = call("time", "--set", "venues.BinanceU.rest_url=http://127.0.0.1:9")
    assert code == 1
    assert "time: not executed" in out


def test_without_an_endpoint_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "binanceu"]) == 0
    out = capsys.readouterr().out
    assert "BinanceU: 91 endpoints" in out
    assert "(removed 2021-04-27: the stream !forceOrder@arr" in out
    assert main(["call", "BinanceU", "klines", "--describe"]) == 0
    out = capsys.readouterr().out
    assert "interval: one of 1m, 3m, 5m" in out
    assert main(["call", "BinanceU", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"endpoint", "parameters", "cost", "status"} <= set(rows[0])
    assert main(["call"]) == 2
    assert "BinanceU" in capsys.readouterr().err


def test_what_a_running_daemon_cannot_spare_is_not_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The venue allows a weight of 70 a minute here, and the daemon knows of more than 30."""
    feeds = [{"instruments": ["BTCUSDT"], "channels": ["bbo"]}]
    with (
        Sim("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "70") as sim,
        Daemon(tmp_path, sim, feeds=feeds) as daemon,
    ):
        daemon.ready()

        def call(*words: str) -> tuple[int, str]:
            place = ["--config", str(tmp_path / "c.toml"), "--runtime-dir", str(daemon.runtime_dir)]
            code = main(["call", "BinanceU", *words, *place])
            return code, capsys.readouterr().err

        def left() -> int:
            with connector.attach("look", daemon.runtime_dir) as session:
                (weight,) = [one for one in session.counters.budgets() if one.pool == "weight"]
                return weight.left if weight.limit == 70 else 0

        def refused() -> bool:
            """Whether a call does not fit; the venue's minute may end anywhere before."""
            before = sim.status()["requests"]
            code, err = call("ticker24h")
            if code == 0:
                with connector.attach("look", daemon.runtime_dir) as session:
                    assert session.call("BinanceU", "time").ok  # its answer tells of those 40
                end = time.monotonic() + 1
                while left() >= 40 and time.monotonic() < end:
                    time.sleep(0.01)
                return False
            assert "the running daemon has" in err
            assert "ticker24h costs 40: try again in" in err
            assert sim.status()["requests"] == before
            return True

        eventually(lambda: left() > 60)
        eventually(refused)
