"""What concerns every test: which files begin, and where the recordings are."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A suite that runs in the background inherits an ignored SIGINT and would hand it down to every
# process that the tests end by Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start hundreds of processes; where bytecode may not lie beside the sources, each of them
# would compile every module anew. Workers and daemons inherit this.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "build" / "pycache"))

LONGEST = (
    "e2e/test_deadman.py",
    "e2e/test_order_faults.py",
    "e2e/test_countdown.py",
    "e2e/test_rate_limits.py",
    "e2e/test_shutdown.py",
    "property/test_order_schedules.py",
    "e2e/test_daemon.py",
    "e2e/test_sim_replay.py",
    "e2e/test_paper.py",
    "property/test_orders_binance_usdm.py",
    "e2e/test_why.py",
    "e2e/test_lines.py",
    "e2e/test_refresh.py",
    "e2e/test_views.py",
    "e2e/test_order_types.py",
    "property/test_paper_on_recordings.py",
)
"""Files that take longest, of those with few tests above all. They begin: a worker takes a file
whole, and one that began last would leave the other core idle for minutes."""


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # it would put the files with most tests first
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the real recordings; tests that need it skip, visibly, where it is absent."""
    folder = Path(os.environ.get("CONNECTOR_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder} (set CONNECTOR_RECORDINGS)")
    return folder
