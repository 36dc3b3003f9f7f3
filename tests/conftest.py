"""What concerns every test: which files begin, who runs beside whom, and where the recordings
are."""

import fcntl
import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# What is collected stays to the end: looking through it while it grows takes a tenth of the time.
gc.disable()

TIMES = int(os.environ.get("CONNECTOR_EXAMPLES") or 1)
"""So many times as many examples of each property; who asks for more wants others, too."""
GATE = bool(os.environ.get("CI")) and TIMES == 1
"""The examples are the same in every run, and none are kept: the gate tells of the change alone."""

SECONDS = float(os.environ.get("FUZZ_SECONDS") or 0) if TIMES > 1 else 0.0
"""After them no test begins, and who is left out differs from run to run; 0: all begin."""
UNTIL = list[float]()

# How long examples take tells of the machine's neighbours.
settings.register_profile(
    "connector",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=GATE,
    **({"database": None} if GATE else {}),
)
settings.load_profile("connector")

# A suite that runs in the background inherits an ignored SIGINT and would hand it down to every
# process that the tests end by Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start hundreds of processes; where bytecode may not lie beside the sources, each of them
# would compile every module anew, and each worker every test. Daemons inherit this.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") or sys.dont_write_bytecode:
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "build" / "pycache"))
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]

LONGEST = (
    "ipc/test_journal_kill.py",
    "e2e/test_sim_ccxt.py",
    "e2e/test_order_faults.py",
    "e2e/test_order_faults_phemex.py",
    "e2e/test_order_faults_cadenza.py",
    "e2e/test_lines.py",
    "e2e/test_cadenza_market.py",
    "e2e/test_daemon.py",
    "e2e/test_rate_limits.py",
    "e2e/test_deadman.py",
    "e2e/test_orders.py",
    "e2e/test_refresh.py",
    "e2e/test_demo.py",
    "property/test_orders_binance_usdm.py",
    "property/test_order_schedules.py",
    "e2e/test_order_types.py",
    "e2e/test_sim_replay.py",
    "e2e/test_shutdown.py",
    "e2e/test_halt.py",
    "e2e/test_countdown.py",
    "e2e/test_paper.py",
    "e2e/test_phemex_hedged.py",
    "e2e/test_replay_digest.py",
    "e2e/test_sim_orders.py",
    "e2e/test_phemex_replay.py",
    "e2e/test_why.py",
    "ipc/test_stress.py",
    "e2e/test_views.py",
    "e2e/test_sim.py",
    "property/test_desk_kernel.py",
    "property/test_paper_on_recordings.py",
)
"""Files that take longest, of those with few tests above all. They begin: what began last and takes
long would leave the other workers idle."""

LAST = ("e2e/test_callbacks.py",)
"""Nobody waits any more for files whose tests run alone."""

SHARES_NOTHING = {
    "e2e/test_countdown.py",
    "e2e/test_daemon.py",
    "e2e/test_demo.py",
    "e2e/test_lines.py",
    "e2e/test_rate_limits.py",
    "e2e/test_refresh.py",
    "e2e/test_sim_ccxt.py",
    "e2e/test_sim_replay.py",
    "property/test_desk_kernel.py",
    "property/test_order_schedules.py",
    "property/test_orders_binance_usdm.py",
}
"""Long files whose tests each bring their own processes, or share a simulator at most: each test is
dealt out by itself."""


LOCKS = "CONNECTOR_TESTS_LOCKS"
"""Names the folder of the locks to all workers of a run."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        folder = os.environ[LOCKS] = tempfile.mkdtemp(prefix="connector-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder))
    else:
        config.args = turned(config.args, config.workerinput)
    if hasattr(config.option, "loadscopereorder"):  # it would put the files with most tests first
        config.option.loadscopereorder = False


def turned(args: list[str], worker: dict[str, Any]) -> list[str]:
    """Every worker begins to collect at another file: on a clean checkout each compiles its share,
    which the others find in the cache, and not all of them everything."""
    folders = [Path(name) for name in args]
    if not all(folder.is_dir() for folder in folders):
        return args
    files = sorted({str(path) for folder in folders for path in folder.rglob("test_*.py")})
    at = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    return files[at:] + files[:at]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    place |= {ROOT / "tests" / name: len(place) + 1 for name in LAST}
    items.sort(key=lambda item: (place.get(item.path, len(LONGEST)), item.path))
    more_examples(items, TIMES)
    if SECONDS and "PYTEST_XDIST_WORKER" not in os.environ:
        random.shuffle(items)


def more_examples(items: Iterable[Any], times: int) -> None:
    """A test's own number of examples is meant for a run of the suite."""
    for test in {_counted_of(item) for item in items if times > 1}:
        name = "settings" if isinstance(test, type) else "_hypothesis_internal_use_settings"
        own = getattr(test, name, None)
        if isinstance(own, settings):
            setattr(test, name, settings(own, max_examples=own.max_examples * times))


def _counted_of(item: Any) -> Any:
    """What has the number of examples: the machine of a stateful test, else the function."""
    machine = getattr(item, "cls", None)
    if isinstance(getattr(machine, "settings", None), settings):
        return machine
    return getattr(item.obj, "__func__", item.obj)


def pytest_runtest_setup() -> None:
    if UNTIL and time.monotonic() > UNTIL[0]:
        pytest.skip("FUZZ_SECONDS are over")


def pytest_collection_finish() -> None:
    """The garbage collector need not look at what collecting leaves again and again (a twentieth
    of a worker's time)."""
    gc.enable()
    gc.collect()
    gc.freeze()
    if SECONDS:
        UNTIL.append(time.monotonic() + SECONDS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Who asks for ``--dist loadfile`` has long files dealt out in pieces."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    from tests.reference import grounds

    stages = (*(one.name for one in grounds.GROUNDS), "current", "seed")

    class Pieces(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if file.removeprefix("tests/") in SHARES_NOTHING:
                return nodeid
            # A stage serves all tests of a file that begin with its name.
            which = test.partition("[")[2]
            return f"{file}::{next((name for name in stages if which.startswith(name)), '')}"

    return Pieces(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is marked ``alone`` runs while no other worker runs one."""
    folder = Path(os.environ[LOCKS])
    alone = item.get_closest_marker("alone") is not None
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)  # who asked first has the room first
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # a process that the test forked may have it, too


COUNTED = "counted"


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a count to be printed below the results, whichever worker it came from."""
    return lambda line: request.node.user_properties.append((COUNTED, line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        line
        for report in terminalreporter.getreports("passed")
        for name, line in report.user_properties
        if name == COUNTED
    ]
    if lines:
        terminalreporter.section("counted")
    for line in sorted(set(lines)):
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the venues' own pages; tests that need it skip, visibly, where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "specs").is_dir():
        pytest.skip(f"no reference at {folder}")
    return folder


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the real recordings; tests that need it skip, visibly, where it is absent."""
    folder = Path(os.environ.get("CONNECTOR_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder} (set CONNECTOR_RECORDINGS)")
    return folder
