"""Every subcommand says in one line what is wrong with what it was given, and where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOWNLOAD = ("fetch", "BinanceU", "klines", "symbol=BTCUSDT", "interval=1m")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of all kinds, and no daemon anywhere."""
    for name in ("CONNECTOR_RUNTIME_DIR", "CONNECTOR_STATE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    (tmp_path / "broken.toml").write_text("x = [")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        *(
            ((command, file), (file, says))
            for command in ("run", "check", "apply")
            for file, says in [
                ("{}/none.toml", "No such file"),
                ("{}/broken.toml", "not TOML"),
                ("{}/binary", "not TOML"),
                ("{}/folder", "Is a directory"),
            ]
        ),
        (("run", "{}/empty"), ("venues: missing",)),
        *(((command,), ("{}/nowhere",)) for command in ("top", "tap", "reload", "halt", "resume")),
        (("send", "{}/empty", "--strategy", "x"), ("{}/nowhere",)),
        (("send", "{}/none", "--strategy", "x"), ("{}/none",)),
        (("send",), ("--strategy",)),
        (("send", "--strategy", "x", "--timeout", "-1"), ("--timeout", "'-1'")),
        (("journal",), ("{}/nowhere", "there is no such directory")),
        (("journal", "--state-dir", "{}/empty"), ("{}/empty", "not a directory")),
        (("journal", "--state-dir", "{}/folder", "--from", "then"), ("--from then",)),
        (("journal", "why"), ("why ORDER",)),
        (("call", "Nobody"), ("'Nobody'", "binance_usdm")),
        (("call", "BinanceU", "dept"), ("'dept'", "depth")),
        (("call", "BinanceU", "depth", "symbol"), ("'symbol'", "KEY=VALUE")),
        (("call", "BinanceU", "depth", "symbol=A", "symbol=B"), ("symbol: given twice",)),
        (("call", "BinanceU", "depth", "symbol=A", "limit=x"), ("limit: 'x'", "1000")),
        (("call", "BinanceU", "depth", "symbol=A", "--timeout", "0"), ("--timeout", "'0'")),
        (("call", "BinanceU", "depth", "symbol=A", "--config", "{}/broken.toml"), ("not TOML",)),
        (("fetch", "Nobody"), ("'Nobody'",)),
        (("fetch", "BinanceU", "klins"), ("'klins'", "klines")),
        ((*DOWNLOAD, "start=x", "-o", "{}/o"), ("start: 'x'",)),
        ((*DOWNLOAD, "start=2026-01-01"), ("-o DIR",)),
        ((*DOWNLOAD, "start=2026-01-01", "-o", "{}/empty"), ("{}/empty", "File exists")),
        ((*DOWNLOAD, "start=2026-01-01", "--page", "x"), ("--page", "'x'")),
        (("tap", "--type", "x"), ("--type", "'x'", "trade")),
        (("tap", "--count", "-1"), ("--count",)),
        (("top", "--interval", "nan"), ("--interval", "'nan'")),
        (("halt", "word"), ("word",)),
        (("sim", "--venue", "x"), ("'x'",)),
        (("sim", "--port", "x"), ("--port", "'x'")),
        (("sim", "--port", "70000"), ("--port", "70000")),
        (("sim", "--rate", "-1"), ("--rate",)),
        (("sim", "--ping", "-1"), ("--ping", "-1")),
        (("sim", "--history", "x"), ("--history", "'x'")),
        (("sim", "--symbols", "0"), ("--symbols",)),
        (("sim", "--replay", "{}/none"), ("{}/none",)),
        (("replay", "{}/none"), ("{}/none",)),
        (("replay", "{}/folder"), ("{}/folder",)),
        (("demo", "--seconds", "x"), ("--seconds", "'x'")),
        (("demo", "--seconds", "-1"), ("--seconds", "-1")),
        (("chekc",), ("'chekc'", "'check'")),
    ],
    ids=lambda value: " ".join(value),
)
def test_it_is_one_line_that_names_the_place(
    place: Path, words: tuple[str, ...], says: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    given, code = [word.format(place) for word in words], 0
    try:
        code = main(given)
    except SystemExit as ended:  # by argparse
        code = int(ended.code or 0)
    told = capfd.readouterr()
    assert code in (1, 2), told
    assert len(told.err.splitlines()) == 1, told.err
    assert told.out == ""
    for one in says:
        assert one.format(place) in told.err


@pytest.mark.parametrize("words", [("--help",), ("call", "BinanceU")], ids=" ".join)
def test_a_full_disk_is_one_line_too(words: tuple[str, ...]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "connector", *words],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(full)
    assert ended.returncode == 1
    assert ended.stderr == "connector: input or output: No space left on device\n"
