"""Fixtures every test may use: where the recordings are."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A suite that runs in the background inherits an ignored SIGINT and would hand it down to every
# process that the tests end by Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the real recordings; tests that need it skip, visibly, where it is absent."""
    folder = Path(os.environ.get("CONNECTOR_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder} (set CONNECTOR_RECORDINGS)")
    return folder
