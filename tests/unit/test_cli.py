"""The laws of the ``connector`` command itself: dispatch, help, errors and exit codes."""

import argparse
import subprocess
import sys
from types import ModuleType

import pytest

import connector.cli as cli
from connector.errors import AttachError, ConfigError

COMMANDS = cli.commands()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector", *arguments], capture_output=True, text=True, timeout=60
    )


def raising(error: BaseException) -> ModuleType:
    """A command that raises ``error``."""
    command = ModuleType("connector.cli.raising", "Raise what it was made with.")

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--loud", action="store_true")

    def execute(args: argparse.Namespace) -> int:
        raise error

    command.__dict__.update(add_arguments=add_arguments, run=execute)
    return command


def test_version_is_the_packages() -> None:
    import connector

    answer = run("--version")
    assert (answer.returncode, answer.stdout) == (0, f"connector {connector.__version__}\n")


def test_alone_it_prints_every_command_once_by_use() -> None:
    answer = run()
    assert answer.returncode == 0
    for title, names in cli.USES:
        assert (title in answer.stdout) == any(name in COMMANDS for name in names)
    for name in COMMANDS:
        assert answer.stdout.count(f"  connector {name} ") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_line_and_takes_help(name: str) -> None:
    line = cli.help_line(name)
    assert line
    assert len(line) <= 90
    answer = run(name, "--help")
    assert answer.returncode == 0, answer.stderr
    assert line.split(":")[0].split()[0] in answer.stdout


def test_the_overview_imports_no_command() -> None:
    code = (
        "import sys, connector.cli as c; c.overview();"
        "print([m for m in sys.modules if m.startswith('connector.cli.')])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_a_wrong_command_names_the_nearest_and_is_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "commands", lambda: ["replay", "top"])
    assert cli.main(["tpo"]) == 2
    assert "did you mean 'top'?" in capsys.readouterr().err
    assert cli.main(["zzzzz"]) == 2
    assert "there are: replay, top" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("demo.toml: venue[0].nmae"), 2, "connector: demo.toml: venue[0].nmae\n"),
        (AttachError("no daemon at /x"), 1, "connector: no daemon at /x\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "commands", lambda: ["raising"])
    monkeypatch.setitem(sys.modules, "connector.cli.raising", raising(error))
    assert cli.main(["raising"]) == code
    assert capsys.readouterr().err == said


def test_nobody_reading_the_output_is_quiet() -> None:
    code = (
        "import sys, connector.cli as c\nc.overview = lambda: 'x' * 1000000\nsys.exit(c.main([]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=30), said) == (141, "")


def test_options_may_stand_between_words() -> None:
    """A list of KEY=VALUE words goes on behind them."""
    answer = run("call", "BinanceU", "--json", "klines", "--timeout", "1", "interval=1m")
    assert answer.returncode == 2
    assert "symbol: missing" in answer.stderr
