"""What systemd hears, over a real notify socket."""

import os
import socket
from pathlib import Path

import pytest

from connector.transport.sd_notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_arrive_on_the_notify_socket(tmp_path: Path, abstract: bool) -> None:
    name = f"@connector-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000"}
        notifier = Notifier(environ)
        assert environ == {}, "children must not answer for us"
        assert notifier.watchdog_ns == 3_000_000_000
        notifier.ready()
        notifier.status("3 books\nlive")
        notifier.watchdog()
        notifier.extend(5_000_000_000)
        notifier.stopping()
        heard = [manager.recv(1000).decode() for _ in range(5)]
        notifier.close()
    assert heard == [
        "READY=1",
        "STATUS=3 books live",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=5000000",
        "STOPPING=1",
    ]


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    environ = {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert Notifier(environ).watchdog_ns == 0


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    silent = Notifier({})
    silent.ready()
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    gone.watchdog()
    gone.close()
    gone.watchdog()
