"""`connector call` at a venue that wants a login: who may call what, and what nobody may read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli import main
from tests.reference.sim_process import Simulator, simulator

EMAIL, PASSWORD = "me@example.com", "canary-51d7ab3390"
ALLOW = '["credentials", "accounts", "order"]'


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator("--venue", "cadenza", "--profile", "current", "--symbols", "BINANCE:BTC/USDT",
                   "--rate", "20", "--weight-limit", "100000",
                   "--account", f"me={EMAIL}:{PASSWORD}") as running:  # fmt: skip
        yield running


class Shell:
    """Calls as typed, and what they print."""

    def __init__(self, venue: Simulator, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._venue, self._home, self._capsys = venue, home, capsys
        self.allow = "[]"

    def __call__(self, *words: str) -> tuple[int, str]:
        path = self._home / "call.toml"
        path.write_text(
            f'[daemon]\nruntime_dir = "{self._home}/run"\nstate_dir = "{self._home}/state"\n'
            f'[venues.cadenza]\nrest_url = "{self._venue.rest}"\nws_url = "{self._venue.ws}"\n'
            f'email = "env:TEST_EMAIL"\npassword = "env:TEST_PASSWORD"\nallow = {self.allow}\n'
            '[[venues.cadenza.feeds]]\ninstruments = ["BINANCE:BTC/USDT"]\n'
        )
        code = main(["call", "Cadenza", *words, "--config", str(path), "--json"])
        out, err = self._capsys.readouterr()
        assert PASSWORD not in out + err
        return code, out + err

    def get(self, *words: str) -> Any:
        code, out = self(*words)
        assert code == 0, out
        return json.loads(out)["result"]["data"]


@pytest.fixture
def call(
    venue: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:  # fmt: skip
    monkeypatch.setenv("TEST_EMAIL", EMAIL)
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    return Shell(venue, tmp_path, capsys)


def test_an_order_by_hand_from_the_account_to_the_fill(call: Shell) -> None:
    call.allow = ALLOW
    (account,) = call.get("tradingAccountList", "venue=BINANCE")
    name = account["tradingAccountId"]
    placed = call.get(
        "tradeOrderSubmit", f"tradingAccountId={name}", "instrumentId=BINANCE:BTC/USDT",
        "orderSide=BUY", "orderType=MARKET", "quantity=0.1", "awaitClosed=true",
    )  # fmt: skip
    assert [order["status"] for order in placed] == ["FILLED"]
    (portfolio,) = call.get("portfolioList", f"tradingAccountId={name}")
    held = {row["securitySymbol"]: row["free"] for row in portfolio["balances"]}
    assert held["BTC"] == "10.10000000"


@pytest.mark.parametrize(
    ("words", "permission"),
    [
        (("credentialCreate", "venue=OKX", "credentialType=HMAC", "apiKey=k"), "credentials"),
        (("credentialVerify", "credentialIds=14f773c5-2079-41e0-90e4-340a7b4d3391"), "credentials"),
        (("signup", "email=a@b.c", "password=12345678"), "credentials"),
        (("tradingAccountDisable", "tradingAccountId=14f773c5-2079-41e0-90e4-340a7b4d3391"),
         "accounts"),
        (("instrumentDelete", "instrumentId=BINANCE:BTC/USDT"), "admin"),
        (("tradeOrderCancel", "tradingAccountId=14f773c5-2079-41e0-90e4-340a7b4d3391",
          "tradeOrderId=14f773c5-2079-41e0-90e4-340a7b4d3391"), "order"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_not_sent(
    call: Shell, words: tuple[str, ...], permission: str
) -> None:
    code, out = call(*words)
    assert code != 0
    assert f'venues.cadenza.allow does not name "{permission}"' in out
    call.allow = f'["{permission}"]'
    assert "does not name" not in call(*words)[1]


def test_what_was_sent_is_written_down_without_its_secrets(call: Shell, tmp_path: Path) -> None:
    call.allow = ALLOW
    made = call.get(
        "credentialCreate", "venue=OKX", "credentialType=HMAC", "nickname=mine",
        "apiKey=secret-canary-1", "apiSecret=secret-canary-2", "apiPassphrase=secret-canary-3",
    )  # fmt: skip
    assert made["status"] == "CREATED"
    assert call("credentialRotate", f"credentialId={made['credentialId']}",
                "apiKey=secret-canary-4")[0] == 0  # fmt: skip
    session = call.get("login", f"email={EMAIL}", f"password={PASSWORD}")
    call("tokenRefresh", f"refreshToken={session['refreshToken']}")
    written = (tmp_path / "state" / "calls.jsonl").read_text()
    assert written.count('"what": "sent"') == 3
    assert "mine" in written
    for secret in ("secret-canary", PASSWORD, session["refreshToken"], "eyJ"):
        assert secret not in written


def test_a_wrong_password_is_one_sentence(call: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "not-the-password")
    code, out = call("venueList")
    assert code == 1
    assert "Invalid login credentials" in out
    assert "not-the-password" not in out
    monkeypatch.delenv("TEST_PASSWORD")
    code, out = call("venueList")
    assert code != 0
    assert "TEST_PASSWORD" in out


def test_a_connection_is_no_call(call: Shell) -> None:
    code, out = call("websocket")
    assert code == 2
    assert "a connection, no request" in out


def test_check_says_whether_the_login_can_be_read_and_asks_the_venue(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call.allow = ALLOW
    call("health")  # writes the configuration
    config = str(tmp_path / "call.toml")
    main(["check", config, "--online"])
    out = capsys.readouterr().out
    assert "login: what it takes can be read" in out
    assert "calls allowed: credentials, accounts, order" in out
    assert PASSWORD not in out
    monkeypatch.delenv("TEST_PASSWORD")
    assert main(["check", config]) == 1
    assert "login: not possible here: env:TEST_PASSWORD" in capsys.readouterr().out
