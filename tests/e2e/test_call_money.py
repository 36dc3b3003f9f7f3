"""Calls that move money: not without permission, written down first, sent once whatever comes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connector.cli import main

SECRET = "Y2FuYXJ5LTlmMDM"


class Host(ThreadingHTTPServer):
    """Answers questions; what it does with a change is what the test says."""

    asked: ClassVar[list[tuple[str, str, str]]] = []
    answer: ClassVar[tuple[int, bytes] | None] = None
    """None: the connection ends without one."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/public/time"):
            self._say(200, b'{"code":0,"msg":"","data":{"serverTime":1700000000000}}')
        else:
            self._change()

    def do_POST(self) -> None:
        self._change()

    def _change(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Host.asked.append((self.command, self.path, body.decode()))
        if Host.answer is None:
            self.close_connection = True
            return
        self._say(*Host.answer)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    Host.asked, Host.answer = [], None
    found = Host(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


@pytest.fixture
def config(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_MONEY_KEY", "3a5e7b1c-0000-4000-8000-1234567890ab")
    monkeypatch.setenv("TEST_MONEY_SECRET", SECRET)
    account = (
        'venue = "Phemex"\nkey = "env:TEST_MONEY_KEY"\nsecret = "env:TEST_MONEY_SECRET"\n'
        'strategies = ["maker"]\n'
    )
    path = tmp_path / "money.toml"
    path.write_text(
        f'[daemon]\nruntime_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}/state"\n'
        f'[venues.phemex]\nrest_url = "http://127.0.0.1:{host.server_port}"\n'
        '[[venues.phemex.feeds]]\ninstruments = ["BTCUSD"]\n'
        f"[accounts.plain]\n{account}"
        f'[accounts.mover]\n{account}allow = ["transfer"]\n'
        f'[accounts.drawer]\n{account}allow = ["transfer", "withdraw"]\n'
    )
    return path


TRANSFER = ("transferOut", "clientCnt=0", "currency=BTC", "amountEv=100")
WITHDRAW = ("createWithdraw", "otpCode=123456", "address=1Boat", "amountEv=100", "currency=BTC")
CONFIRM = ("confirmWithdraw", "code=c0ffee")


def call(config: Path, account: str, *words: str) -> int:
    return main(["call", "Phemex", *words, "--config", str(config), "--account", account, "--json"])


def noted(config: Path) -> list[dict[str, Any]]:
    path = config.parent / "state" / "calls.jsonl"
    text = path.read_text() if path.exists() else ""
    assert SECRET not in text
    assert "123456" not in text, "a one-time code"
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("account", "words", "missing"),
    [
        ("plain", TRANSFER, "transfer"),
        ("plain", WITHDRAW, "withdraw"),
        ("mover", WITHDRAW, "withdraw"),
        ("mover", CONFIRM, "withdraw"),
    ],
)
def test_without_permission_nothing_is_sent(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    account: str,
    words: tuple[str, ...],
    missing: str,
) -> None:
    assert call(config, account, *words) == 2
    assert f'accounts.{account}.allow does not name "{missing}"' in capsys.readouterr().err
    assert not Host.asked
    assert not noted(config)


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (None, "unknown", 3),
        ((500, b"{}"), "unknown", 3),
        ((400, b""), "unknown", 3),
        ((200, b'{"code":987654,"msg":"new"}'), "unknown", 3),
        ((200, b"<html>"), "unknown", 3),
        ((429, b""), "throttled", 1),
        ((200, b'{"code":10500,"msg":"Missing required parameter"}'), "rejected", 1),
        ((200, b'{"code":0,"msg":"OK","data":"OK"}'), "ok", 0),
    ],
)
@pytest.mark.parametrize("words", [TRANSFER, WITHDRAW, CONFIRM], ids=lambda words: words[0])
def test_money_moves_once_or_not_at_all(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    answer: tuple[int, bytes] | None,
    outcome: str,
    code: int,
) -> None:
    Host.answer = answer
    assert call(config, "drawer", *words) == code
    assert json.loads(capsys.readouterr().out)["outcome"] == outcome
    assert len(Host.asked) == 1
    sent, done = noted(config)
    assert (sent["what"], done["what"]) == ("sent", outcome)
    assert sent["endpoint"] == words[0]


def test_what_cannot_be_written_down_is_not_sent(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = config.parent / "state"
    state.mkdir()
    (state / "calls.jsonl").mkdir()
    assert call(config, "drawer", *TRANSFER) == 2
    assert "nothing was sent" in capsys.readouterr().err
    assert not Host.asked
