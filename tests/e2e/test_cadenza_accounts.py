"""Several accounts at Cadenza in one daemon, and what strategies call as its user: each account has
its own orders, one of another user is named and keeps nobody from trading, every call that changes
something is in the journal, and no secret is anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.errors import ConnectorError
from connector.model.counters import Counter
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.trading import journal_files
from tests.e2e.test_cadenza_orders import BASE, PERPETUAL, SYMBOL
from tests.e2e.test_cadenza_orders import Stage as Orders
from tests.reference.stack import Sim, eventually

ME, OTHER = ("me@example.com", "canary-7c41d2"), ("other@example.com", "canary-b83f0e")
TEXT = layout("TextBody")
ACCOUNTS = f"{BASE}/tradingAccount"


class Stage(Orders):
    """With three accounts: two of one user, and one of somebody else."""

    def __init__(self, folder: Path, sim: Sim) -> None:
        self.folder = folder
        super().__init__(
            folder, sim, more=Stage.others, strategies=["maker"], allow=["accounts"], probe=True
        )

    def others(self) -> dict[str, dict[str, Any]]:
        """The user's other one at the same venue, and somebody else's."""
        first = self.ask(f"{ACCOUNTS}/list?limit=1000&venue=BINANCE")[0]
        sub = self.ask(
            f"{ACCOUNTS}/connect",
            {
                "credentialIds": [first["credentials"][0]["credentialId"]],
                "externalTradingAccountId": "binance-sub1",
            },
        )
        self.sub = str(sub["tradingAccountId"])
        mine = self.token
        del self.token
        login = {"email": OTHER[0], "password": OTHER[1]}
        self.token = self.ask(f"{BASE}/auth/login", login)["accessToken"]
        (row,) = self.ask(f"{ACCOUNTS}/list?limit=1000&venue=BINANCE")
        self.token, self.theirs = mine, str(row["tradingAccountId"])
        keys = {}
        for name, account_id in (("sub", self.sub), ("theirs", self.theirs)):
            place = self.folder / name
            place.write_text(account_id)
            place.chmod(0o600)
            keys[name] = {"key": f"file:{place}", "required": name == "sub"}
        return keys

    def state_of(self, account: str) -> dict[str, Any]:
        found: dict[str, Any] = self.daemon.ask("state")["state"]["accounts"][account]
        return found

    def texts(self) -> list[tuple[int, str]]:
        """What the journal keeps of calls: request (1) or answer (2), and the text."""
        found = []
        folders = self.daemon.runtime_dir, self.daemon.state_dir
        for entry in journal_files.entries(*folders, "maker"):
            if entry.kind == RecordType.TEXT:
                head = TEXT.unpack(entry.body)
                text = entry.body[TEXT.size : TEXT.size + head.text_bytes].decode()
                found.append((head.what, text))
        return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    sim = Sim(
        "--rate", "8", "--no-bursts", "--symbols", f"{SYMBOL},{PERPETUAL}", "--profile", "current",
        "--weight-limit", "100000", "--history", "300",
        "--account", f"me={':'.join(ME)}", "--account", f"other={':'.join(OTHER)}",
        venue="cadenza",
    )  # fmt: skip
    sim.where["account"] = dict(zip(("key", "secret"), ME, strict=True))
    with sim:
        folder = tmp_path_factory.mktemp("d")
        made = Stage(folder, sim)
        try:
            made.attach()
            yield made
        finally:
            if hasattr(made, "notes"):
                made.notes.session.close()
            with made.daemon:
                pass


def test_each_account_has_its_own_orders(stage: Stage) -> None:
    eventually(lambda: stage.state_of("sub")["ready"], 30)
    name, ticket = stage.rests()
    stage.accepted(ticket)
    stage.notes.until(lambda: stage.notes.story(name), lambda: stage.notes.story(name))
    session = stage.notes.session
    session.place(
        SYMBOL, "buy", "0.001", "1000", account="sub", client_order_id="poor",
        valid_for_ms=30_000,
    )  # fmt: skip
    stage.notes.until(lambda: "poor" in stage.notes.reports or stage.notes.answers, lambda: "poor")
    assert {one.account for one in session.orders()} == {session.accounts["spot"]}
    assert len(stage.open_ids()) == 1
    held = {one.asset for one in session.balances() if one.account == session.accounts["sub"]}
    assert "USDT" not in held, "nothing of the other one's"
    stage.ends_cancelled(name)


def test_an_account_of_another_user_is_named_and_keeps_nobody_from_trading(stage: Stage) -> None:
    for why in ("103 permission denied", f"Trading account not found: {stage.theirs}"):
        eventually(lambda why=why: why in stage.daemon.text(), 20, 0.1)
    state = stage.state_of("theirs")
    assert (state["ready"], state["stream"]) == (False, False)
    assert state["stream_fault"]
    assert stage.notes.session.counters[Counter.SUBSCRIBE_ERRORS]
    before = stage.sim.status()["requests"].get(f"{BASE}/tradeOrder/submit", 0)
    ticket = stage.notes.session.place(
        SYMBOL, "buy", "0.001", "1000", account="theirs", client_order_id="nobody",
        valid_for_ms=30_000,
    )  # fmt: skip
    stage.refused(ticket)
    assert stage.sim.status()["requests"].get(f"{BASE}/tradeOrder/submit", 0) == before


def test_a_call_that_changes_something_is_in_the_journal(stage: Stage) -> None:
    session = stage.notes.session
    renamed = {"tradingAccountId": stage.account, "nickname": "by-strategy"}
    before = len(stage.texts())
    assert session.call("Cadenza", "tradingAccountUpdate", renamed).ok
    (row,) = stage.ask(f"{ACCOUNTS}/list?tradingAccountId={stage.account}")
    assert row["nickname"] == "by-strategy"
    (asked, request), (told, answer) = stage.texts()[before:]
    assert (asked, told) == (1, 2)
    assert request.startswith("tradingAccountUpdate: POST /api/v3/tradingAccount/update\n")
    assert "by-strategy" in request
    assert answer.startswith("tradingAccountUpdate: ok: {")
    again = dict(renamed, tradingAccountId=stage.theirs)
    refused = session.call("Cadenza", "tradingAccountUpdate", again)
    assert (refused.ok, refused.status) == (False, 404)
    assert len(stage.texts()) == before + 4
    stage.sim.fault("lost", path=f"{ACCOUNTS}/update")
    lost = session.call("Cadenza", "tradingAccountUpdate", dict(renamed, nickname="unheard"))
    assert lost.outcome == "unknown"
    assert stage.texts()[-1][1].startswith("tradingAccountUpdate: unknown: ")


NOT_ALLOWED = [
    ("instrumentDisable", {"instrumentId": SYMBOL}, r'cadenza\.allow does not name "admin"'),
    ("credentialRotate", {"apiKey": "canary-key"}, "strategies never hold one"),
    ("credentialCreate", {"venue": "OKX", "credentialType": "HMAC", "apiKey": "canary-key",
                          "apiSecret": "canary-secret"}, "strategies never hold one"),
    ("login", {"email": ME[0], "password": "canary-password"}, "strategies never hold one"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "params", "text"), NOT_ALLOWED)
def test_what_is_not_allowed_is_neither_sent_nor_written_down(
    stage: Stage, endpoint: str, params: dict[str, Any], text: str
) -> None:
    session, before = stage.notes.session, len(stage.texts())
    requests = sum(
        count
        for path, count in stage.sim.status()["requests"].items()
        if "credential" in path or "instrument/disable" in path or "auth" in path
    )
    if endpoint == "credentialRotate":
        params = params | {"credentialId": stage.account}
    with pytest.raises(ConnectorError, match=text):
        session.call("Cadenza", endpoint, params)
    assert len(stage.texts()) == before
    assert requests == sum(
        count
        for path, count in stage.sim.status()["requests"].items()
        if "credential" in path or "instrument/disable" in path or "auth" in path
    )


def test_a_reader_changes_nothing(stage: Stage) -> None:
    with (
        connector.attach("maker", stage.daemon.runtime_dir) as reader,
        pytest.raises(ConnectorError, match="only a trading session calls it"),
    ):
        reader.call(
            "Cadenza", "tradingAccountUpdate",
            {"tradingAccountId": stage.account, "nickname": "x"},
        )  # fmt: skip


def test_no_secret_is_in_anything_that_is_kept(stage: Stage) -> None:
    """Logs, journals and states of everything above; events of accounts, which name keys, too."""
    secrets = [ME[1], OTHER[1], "canary-", "eyJ", "v1."]
    kept = [one for one in stage.folder.rglob("*") if one.is_file()]
    assert {"log"} < {one.name for one in kept}
    for one in kept:
        data = one.read_bytes()
        assert not [word for word in secrets if word.encode() in data], one
