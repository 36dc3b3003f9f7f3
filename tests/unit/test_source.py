"""The laws of the source tree: who may import whom, what that loads, how long a file may be."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from connector.model.counters import Counter, Hop

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "connector"
KERNELS = ROOT / "_speedups"
LONGEST = 600

BASE = {"errors", "clock", "model", "_speedups"}
BELOW_APP = BASE | {
    "protocol", "venues", "market", "ipc", "transport", "config", "config_paper",
    "config_trading", "logs",
}  # fmt: skip
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "logs": {"model"},
    "_speedups": set(),
    "model": {"_speedups", "errors"},
    "protocol": {"_speedups", "errors", "model"},
    "venues": {"_speedups", "errors", "model", "protocol"},
    "market": BASE | {"protocol", "venues"},
    "trading": BASE | {"cpus", "protocol", "venues.contract", "venues.trading_contract"},
    "ipc": BASE,
    "transport": BASE | {"protocol", "venues.contract", "venues.trading_contract"},
    "sim": BASE
    | {"protocol", "transport", "venues.contract", "venues.sim_contract", "venues.sim_setup"},
    "config": BASE | {"protocol", "venues.contract", "venues.trading_contract", "config_trading"},
    "config_paper": BASE | {"venues.trading_contract"},
    "config_setup": BASE | {"venues.setup_contract"},
    "config_trading": BASE
    | {"protocol", "venues.contract", "venues.trading_contract", "config_paper", "config_setup"},
    "garbage": BASE,
    "cpus": {"errors"},
    "daemon": BASE | {"protocol", "config", "cpus", "garbage"},
    "talking": BELOW_APP,
    "lines": BELOW_APP,
    "auditing": BELOW_APP,
    "connections": BELOW_APP | {"talking", "lines", "auditing"},
    "groups": BELOW_APP | {"connections", "lines"},
    "desk": BELOW_APP | {"trading"},
    "budget_board": BELOW_APP,
    "ear": BELOW_APP | {"desk", "trading"},
    "private": BELOW_APP | {"ear"},
    "private_talk": BELOW_APP | {"private", "talking", "desk"},
    "flights": BELOW_APP | {"trading", "desk"},
    "guard": BELOW_APP | {"trading"},
    "reconcile": BELOW_APP | {"trading", "desk"},
    "seeking": BELOW_APP | {"trading", "desk", "reconcile"},
    "accounts": BELOW_APP
    | {"trading", "desk", "flights", "private", "private_talk", "guard", "reconcile", "seeking"}
    | {"ear", "budget_board"},
    "instruments": BELOW_APP | {"pieces"},
    "pieces": BELOW_APP | {"lines"},
    "serving": BELOW_APP | {"connections", "groups", "instruments"},
    "service": BELOW_APP
    | {"connections", "groups", "instruments", "pieces", "budget_board", "serving"},
    "shutdown": BELOW_APP | {"trading", "desk"},
    "paper": BELOW_APP | {"desk", "trading", "sim.matching"},
    "lane": BELOW_APP | {"trading", "desk", "accounts", "flights"},
    "trading_state": BELOW_APP | {"trading", "desk"},
    "trading_service": BELOW_APP
    | {
        "instruments",
        "trading_state",
        "trading",
        "desk",
        "accounts",
        "lane",
        "paper",
        "service",
        "shutdown",
    },
    "strategy_calls": BELOW_APP | {"accounts", "service", "trading", "trading_service"},
    "subscribing": BELOW_APP | {"instruments", "service"},
    "reloading": BELOW_APP,
    "app": BELOW_APP
    | {"connections", "cpus", "service", "daemon", "trading", "trading_service"}
    | {"strategy_calls", "subscribing", "reloading"},
    "__init__": BASE | {"ipc"},
    "__main__": {"cli"},
    "cli": BELOW_APP
    | {
        "cpus",
        "connections",
        "instruments",
        "service",
        "app",
        "daemon",
        "sim",
        "trading",
        "__init__",
    },
}
"""What each part may import of the others; itself always."""
OF_SIMULATED_VENUES = {"sim.matching"}
"""What a venue's simulated side, its modules named ``sim*``, may import besides: the matching
engine, which is pure and imports nothing of the package."""

SHELL = (
    "transport/", "sim/", "ipc/server", "ipc/calls", "ipc/control", "ipc/trading", "ipc/client",
    "connections.py", "lines.py", "talking.py", "groups.py", "instruments.py", "shutdown.py",
    "reconcile.py",
    "paper/account", "paper/market",
    "accounts.py", "private.py", "private_talk.py", "service.py", "serving.py", "subscribing.py",
    "trading_service.py", "app.py", "daemon.py",
    "logs.py", "pieces.py", "cli/",
)  # fmt: skip
"""The parts that may know sockets and event loops."""
PURE_SIM = ("sim/exchange", "sim/flow", "sim/faults", "sim/matching/")
LOOPS = {"asyncio", "socket", "selectors", "ssl", "uvloop", "picows", "aiofastnet", "threading"}


def python_files() -> list[Path]:
    """Every Python file of the package, the compiled part's apart."""
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "_speedups" not in path.relative_to(PACKAGE).parts
    ]


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, inside functions too."""
    found = []
    package = ["connector", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append((node.lineno, alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                found.append((node.lineno, f"{module}.{alias.name}"))
    return found


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def test_a_part_imports_only_what_lies_below_it() -> None:
    for path in python_files():
        part = part_of(path)
        assert part in MAY_IMPORT, f"{part} has no place in the table of parts"
        allowed = MAY_IMPORT[part] | {part}
        if part == "venues" and path.name.startswith("sim"):
            allowed |= OF_SIMULATED_VENUES
        for line, name in imports(path):
            if name == "connector" or not name.startswith("connector."):
                assert name != "connector" or "__init__" in allowed, (
                    f"{path}:{line} imports connector"
                )
                continue
            target = name.removeprefix("connector.")
            known = (
                target.split(".")[0]
                if (PACKAGE / target.split(".")[0]).exists()
                or (PACKAGE / f"{target.split('.')[0]}.py").exists()
                else "__init__"
            )
            fits = known in allowed or any(
                target.startswith(f"{one}.") for one in allowed if "." in one
            )
            assert fits, f"{path}:{line}: {part} must not import {name}"


def test_only_the_shell_knows_sockets_and_loops() -> None:
    for path in python_files():
        where = str(path.relative_to(PACKAGE))
        if where.startswith(SHELL) and not where.startswith(PURE_SIM):
            continue
        for line, name in imports(path):
            assert name.split(".")[0] not in LOOPS, f"{path}:{line}: {where} must not import {name}"


def test_the_matching_engine_imports_nothing_of_the_package() -> None:
    wrong = [
        f"{path.name}:{line}: {name}"
        for path in (PACKAGE / "sim" / "matching").glob("*.py")
        for line, name in imports(path)
        if name.split(".")[0] in ("connector", "time", "datetime", "random")
        and not name.startswith("connector.sim.matching.")
    ]
    assert wrong == []


def test_the_kernels_import_nothing_of_the_package() -> None:
    wrong = [
        f"{path.name}:{number}: {text.strip()}"
        for path in sorted(KERNELS.glob("*.p*"))
        if path.suffix != ".pyi"  # a stub may name the types it takes; nothing is loaded by that
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if re.match(r"\s*(from|import|cimport)\s+connector\b(?!\._speedups)", text)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["connector", "connector.cli"])
def test_importing_loads_no_loop_and_no_socket_library(module: str) -> None:
    heavy = {"uvloop", "picows", "asyncio", "aiofastnet", "ssl", "rich"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_every_kernel_has_a_stub() -> None:
    missing = [
        path.name for path in sorted(KERNELS.glob("*.pyx")) if not path.with_suffix(".pyi").exists()
    ]
    assert missing == []


def test_every_stub_belongs_to_a_kernel() -> None:
    stray = [
        path.name for path in sorted(KERNELS.glob("*.pyi")) if not path.with_suffix(".pyx").exists()
    ]
    assert stray == []


def test_no_code_asks_which_venue_it_serves() -> None:
    question = re.compile(r"\bvenue(\.name|\.folder)?\s*[!=]=\s*[\"']")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {text.strip()}"
        for path in [*python_files(), *sorted(KERNELS.glob("*.p*"))]
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if question.search(text)
    ]
    assert wrong == []


def written_files() -> Iterator[Path]:
    """The sources somebody wrote: what Cython makes of a .pyx is not among them."""
    for folder in ("connector", "_speedups", "tests", "bench", "examples", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            made = path.suffix == ".c" and path.with_suffix(".pyx").exists()
            if path.suffix in {".py", ".pyx", ".pxd", ".pyi", ".h", ".c"} and not made:
                yield path


def test_the_rule_of_length_sees_every_kind_of_file() -> None:
    kinds = {path.suffix for path in written_files() if path.parent == KERNELS}
    assert kinds == {".py", ".pyx", ".pxd", ".pyi", ".h"}


def test_nothing_outside_the_venues_imports_one() -> None:
    """A venue is added by adding its folder: everybody else finds it by name."""
    from connector.venues import contract

    folders = contract.folders()
    assert folders
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in python_files()
        for line, name in imports(path)
        if any(name.startswith(f"connector.venues.{folder}") for folder in folders)
        and path.relative_to(PACKAGE).parts[:2] not in {("venues", folder) for folder in folders}
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["binance_usdm", "BINANCE_USDM", "BinanceU", "binanceu"])
def test_the_simulator_finds_a_venue_by_either_name(name: str) -> None:
    from connector.venues import sim_contract

    assert sim_contract.load(name).folder == "binance_usdm"


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in written_files()
        if (count := len(path.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_all_names_exactly_what_the_package_offers() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    import connector

    offered = {"__version__"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            offered |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            offered.add(node.name)
    offered = {name for name in offered if not name.startswith("_") or name == "__version__"}
    assert len(connector.__all__) == len(set(connector.__all__))
    assert set(connector.__all__) == offered
    assert list(connector.__all__) == sorted(connector.__all__)
    for name in connector.__all__:
        assert getattr(connector, name) is not None


@pytest.mark.parametrize("numbers", [Counter, Hop])
def test_counters_are_dense_and_say_what_they_count(numbers: type[Counter] | type[Hop]) -> None:
    assert [member.value for member in numbers] == list(range(len(numbers)))
    assert all(member.sentence for member in numbers)
    assert len({member.sentence for member in numbers}) == len(numbers)


def test_nothing_speaks_of_the_machine_it_was_written_on() -> None:
    """Paths of one machine in the source would fail on every other."""
    wrong = [
        f"{path.relative_to(ROOT)}"
        for path in [*python_files(), *sorted(KERNELS.glob("*.p*")), *(ROOT / "docs").rglob("*.md")]
        if re.search(r"/(?:home|root|work)/|/tmp/(?!connector)", path.read_text())
    ]
    assert wrong == []
