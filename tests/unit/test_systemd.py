"""The unit file, as systemd itself reads it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connector.config import Daemon
from connector.daemon import END_S

UNIT = Path(__file__).resolve().parents[2] / "configs" / "systemd" / "connector.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    """Only the path of the program is this machine's."""
    text = UNIT.read_text().replace("/opt/connector/bin/connector", sys.executable)
    unit = tmp_path / "connector.service"
    unit.write_text(text)
    command = ["systemd-analyze", "verify", str(unit)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 0, found.stderr
    assert "connector.service" not in found.stderr


def test_the_unit_says_what_the_daemon_does() -> None:
    keys = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), flags=re.M))
    assert keys["Type"] == "notify"
    assert keys["RuntimeDirectory"] == keys["StateDirectory"] == "connector"
    assert keys["RestartPreventExitStatus"] == "2", "a wrong configuration is not mended by trying"
    assert int(keys["TimeoutStopSec"]) > Daemon().stop_s + END_S, "orders are looked after first"
    assert "SuccessExitStatus" not in keys, "orders left open are a failure"
    assert keys["LimitMEMLOCK"] == "infinity"
    assert float(keys["WatchdogSec"]) >= 1
    assert int(keys["TimeoutStartSec"]) > 60, "longer than ready_s, which has its own exit status"
