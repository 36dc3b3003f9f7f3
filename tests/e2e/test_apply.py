"""Accounts set up as the configuration wants them: compared, shown, changed only when told to."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.cli import main
from tests.reference.stack import Sim

KEY, SECRET = "OURKEY", "canary-77af01c2"
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", params=["binance_usdm", "phemex"])
def sim(request: pytest.FixtureRequest) -> Iterator[Sim]:
    symbols = "BTCUSDT,ETHUSDT" if request.param == "binance_usdm" else "BTCUSD,BTCUSDT"
    account = f"main={KEY}:{SECRET}"
    arguments = ("--symbols", symbols, "--rate", "20", "--account", account)
    with Sim(*arguments, venue=request.param) as running:
        yield running


@pytest.fixture
def files(sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_APPLY_KEY", KEY)
    monkeypatch.setenv("TEST_APPLY_SECRET", SECRET)
    return tmp_path


@pytest.fixture
def run(sim: Sim, files: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a configuration that wants this of the account."""

    def ran(setup: str, *words: str) -> tuple[int, str]:
        path, folder = files / "c.toml", sim.venue.folder
        path.write_text(
            f'[daemon]\nruntime_dir = "{files}/run"\nstate_dir = "{files}/state"\n'
            f'[venues.{folder}]\nrest_url = "{sim.where["rest"]}"\nws_url = "{sim.where["ws"]}"\n'
            f'[[venues.{folder}.feeds]]\ninstruments = ["*"]\n'
            f'[accounts.main]\nvenue = "{folder}"\nstrategies = ["s"]\n'
            'key = "env:TEST_APPLY_KEY"\nsecret = "env:TEST_APPLY_SECRET"\n' + setup
        )
        command, *rest = words
        code = main([command, str(path), *rest])
        out, err = capsys.readouterr()
        assert SECRET not in out + err
        return code, out + err

    return ran


def wanted(sim: Sim, margin_type: str, leverage: int, mode: str) -> tuple[str, list[str]]:
    """A setup, and the settings it names."""
    setup = "[accounts.main.setup]\n"
    if sim.venue.folder == "binance_usdm":
        setup += f'position_mode = "{mode}"\nmulti_assets = false\n'
        setup += "[accounts.main.setup.instruments.BTCUSDT]\n"
        names = ["position_mode", "BTCUSDT margin_type", "BTCUSDT leverage"]
    else:
        setup += f"[accounts.main.setup.instruments.BTCUSD]\nleverage = {leverage}\n"
        setup += f'margin_type = "{margin_type}"\n'
        setup += f'[accounts.main.setup.instruments.BTCUSDT]\nposition_mode = "{mode}"\n'
        names = ["BTCUSD margin_type", "BTCUSD leverage", "BTCUSDT position_mode"]
        names += ["BTCUSDT margin_type", "BTCUSDT leverage"]
    return setup + f'margin_type = "{margin_type}"\nleverage = {leverage}\n', names


def marked(text: str) -> list[str]:
    return [line.split("  ")[1].strip("! ") for line in text.splitlines() if line.startswith("  !")]


def changes(files: Path) -> list[str]:
    notes = files / "state" / "calls.jsonl"
    rows = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    return [row["endpoint"] for row in rows if row["what"] == "sent"]


def test_what_is_otherwise_is_shown_and_changed_only_when_told_to(
    sim: Sim, files: Path, run: Run
) -> None:
    setup, names = wanted(sim, "isolated", 7, "hedge")
    code, text = run(setup, "check", "--online")
    assert code == 1, text
    assert sorted(marked(text)) == sorted(names)
    assert "-> isolated" in text
    assert "-> 7" in text
    code, text = run(setup, "apply")  # nobody is asked: there is no terminal
    assert code == 1, text
    assert "nothing was changed" in text
    assert changes(files) == []
    code, text = run(setup, "apply", "--yes")
    assert code == 0, text
    assert text.endswith("as wanted\n")
    assert len(changes(files)) >= 3
    before = changes(files)
    code, text = run(setup, "apply", "--yes")
    assert (code, marked(text)) == (0, [])
    assert changes(files) == before, "nothing is sent where nothing is otherwise"
    assert run(setup, "check", "--online")[0] == 0
    back, names = wanted(sim, "cross", 20, "one-way")
    code, text = run(back, "apply", "--yes")
    assert code == 0, text
    assert sorted(marked(text)) == sorted(names)


def test_a_change_the_venue_refuses_ends_it(sim: Sim, files: Path, run: Run) -> None:
    symbol = "BTCUSDT" if sim.venue.folder == "binance_usdm" else "BTCUSD"
    most = 125 if symbol == "BTCUSDT" else 1000
    setup = (
        f'[accounts.main.setup.instruments.{symbol}]\nleverage = {most}\nmargin_type = "isolated"\n'
    )
    if symbol == "BTCUSDT":
        body = '{"code":-4067,"msg":"there are open orders"}'
        sim.fault("status", path="/fapi/v1/marginType", status=400, body=body, execute=False)
    code, text = run(setup, "apply", "--yes")
    sim.clear()
    assert code == 1, text
    assert "rejected" in text
    assert "nothing more was changed" in text


def test_a_symbol_may_be_written_in_any_case_as_in_feeds(sim: Sim, run: Run) -> None:
    symbol = "btcusdt" if sim.venue.folder == "binance_usdm" else "btcusd"
    setup = f"[accounts.main.setup.instruments.{symbol}]\nleverage = 11\n"
    code, text = run(setup, "apply", "--yes")
    assert code == 0, text
    assert f"{symbol.upper()} leverage: 11" in text


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("[accounts.main.setup]\nposition_mod = 1\n", "the nearest known key is 'position_mode'"),
        ('[accounts.main.setup]\nposition_mode = "both"\n', "accounts.main.setup.position_mode: "),
        ("[accounts.main.setup.instruments.BTCUSD]\nleverage = 0\n", "leverage: "),
        ('[accounts.main.setup.instruments.BTCUSD]\nposition_margin = "-1"\n', "position_margin"),
    ],
)
def test_a_bad_setup_is_refused_with_its_place(run: Run, setup: str, words: str) -> None:
    code, text = run(setup, "check")
    assert code == 2
    assert words in text


def test_an_account_that_is_not_there_is_named(run: Run) -> None:
    code, text = run("", "apply", "--account", "mian")
    assert code == 2
    assert "no account 'mian'; there are: main" in text
    assert run("", "apply") == (0, "nothing is wanted: no account has a setup\n")
