"""Run the daemon: feeds of the configured venues into shared memory.

Exit codes: 0 asked to stop, 1 a fault of ours, 2 the configuration is wrong, 3 orders were left
open or the venue did not say that they are gone, 4 not ready in time. SIGHUP does what
`connector reload` does.
"""

import argparse
import signal
from functools import partial

from connector.cli._arguments import add_overrides
from connector.config import LogFormat, read, runtime_directory, state_directory
from connector.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="FILE", help="the configuration (TOML)")
    parser.add_argument("--runtime-dir", default="", help="where the control socket is")
    parser.add_argument("--state-dir", default="", help="what outlives a run")
    add_overrides(parser)
    parser.add_argument(
        "--log", choices=[one.value for one in LogFormat], help="log as text or as JSON"
    )


def run(args: argparse.Namespace) -> int:
    # Held until the daemon hears it: before, it would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        return _run(args)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _run(args: argparse.Namespace) -> int:
    config = read(args.config, args.set)
    runtime_dir = runtime_directory(args.runtime_dir or config.daemon.runtime_dir)
    state_dir = state_directory(args.state_dir or config.daemon.state_dir)
    if runtime_dir.resolve() == state_dir.resolve():
        raise ConfigError(f"{runtime_dir}: the runtime and the state directory must differ")

    # Imported late: a wrong configuration is told without loading the network.
    from connector import daemon, logs
    from connector.app import App
    from connector.transport.sd_notify import Notifier

    logs.configure((args.log or config.daemon.log.value) == LogFormat.JSON.value)
    again = partial(read, args.config, args.set)
    return daemon.run(App(config, runtime_dir, state_dir, read=again), config.daemon, Notifier())
