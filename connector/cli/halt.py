"""Stop new orders at once: everything, one account or one strategy; cancels go on.

It works while the daemon hangs or is down, and holds over its restarts until `connector resume`.
Open orders stay as they are. With --kill the daemon's process is ended, too.
Exit code 1: the daemon does not know a name; it stands in the file all the same, for the next one.
"""

import argparse
import os
import select
import signal
import socket
import sys
from pathlib import Path

from connector.cli._halting import add_scopes, file_of, scopes, show, told, unknown
from connector.clock import wall_ns
from connector.errors import AttachError, ConnectorError
from connector.ipc.client import check_peer
from connector.ipc.control import credentials, peer_pidfd
from connector.model.paths import control_socket, runtime_directory, trust_fault
from connector.trading import halts
from connector.trading.halts import Halt, Scope

GONE_S = 10.0
HASTY_S = 1.0
"""A daemon that is to be killed is not waited for any longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_scopes(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="shown with every refusal")
    parser.add_argument("--kill", action="store_true", help="end the daemon's process, too")


def run(args: argparse.Namespace) -> int:
    runtime = runtime_directory(args.runtime_dir)
    wanted = scopes(args)
    with file_of(runtime) as fd:
        for scope, name in wanted:
            halt = Halt(scope, name, args.reason, wall_ns(), os.getpid(), os.getuid())
            halts.set_halt(fd, halt)
        show(halts.read(fd))
    named = wanted[0][0] is not Scope.EVERYTHING
    state = None
    if not args.kill:
        state = told(runtime)
    elif named:
        state = told(runtime, HASTY_S)
    if state is None and not args.kill:
        print("no daemon answers; the file holds for whichever runs", file=sys.stderr)
    code = _kill(runtime) if args.kill else 0
    return 1 if unknown(state, wanted, "that halts nothing; ") else code


def _kill(runtime: Path) -> int:
    """End the process that listens on the control socket, whatever it is doing."""
    path = control_socket(runtime)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as control:
        try:
            if fault := trust_fault(runtime):
                raise AttachError(fault)
            control.settimeout(HASTY_S)
            control.connect(os.fspath(path))
            check_peer(control, path)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConnectorError(f"no daemon to kill at {path}: {why}") from None
        pid = credentials(control).pid
        pidfd = peer_pidfd(control, pid)
        # Its number may have been given to another process before we held on to it.
        if pidfd < 0 or select.select([control], [], [], 0)[0]:
            raise ConnectorError(f"the daemon at {path} has just ended")
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            if not select.select([pidfd], [], [], GONE_S)[0]:
                raise ConnectorError(f"pid {pid} does not end within {GONE_S:g} s")
        except (PermissionError, ProcessLookupError) as error:
            raise ConnectorError(f"pid {pid}: {error.strerror}") from None
        finally:
            os.close(pidfd)
    print(f"killed: pid {pid}")
    return 0
