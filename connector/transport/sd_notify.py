"""Tell systemd how the service is: READY, STATUS, WATCHDOG, STOPPING over ``$NOTIFY_SOCKET``.

Outside systemd every call does nothing."""

import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """Takes ``NOTIFY_SOCKET`` and the watchdog's variables out of ``environ``, so that children do
    not answer for us."""

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", "")
        watchdog_us = environ.pop("WATCHDOG_USEC", "")
        watchdog_pid = environ.pop("WATCHDOG_PID", "")
        self.watchdog_ns = 0
        """The service manager's patience; 0: it does not watch."""
        if watchdog_us.isdigit() and watchdog_pid in ("", str(os.getpid())):
            self.watchdog_ns = int(watchdog_us) * 1000
        self._socket: socket.socket | None = None
        if address[:1] in ("/", "@"):
            self._socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            )
            # systemd writes an abstract address with a leading @ where the kernel wants a zero
            # byte.
            self._address = "\0" + address[1:] if address[0] == "@" else address

    def ready(self) -> None:
        self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def watchdog(self) -> None:
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._say("STATUS=" + text.replace("\n", " "))

    def extend(self, by_ns: int) -> None:
        """Ask for this much more time to start or stop."""
        self._say(f"EXTEND_TIMEOUT_USEC={by_ns // 1000}")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            # A manager that went away or is busy is no reason for the feed to suffer; the next
            # call tries again.
            return
