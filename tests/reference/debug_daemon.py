"""``connector`` as its command line, with everything written that Python logs at DEBUG, the
libraries below it included."""

import logging
import sys

from connector import logs
from connector.cli import main

_configure = logs.configure


def configure(as_json: bool, level: int = logging.DEBUG) -> None:
    """As the daemon does it, from DEBUG on and for everybody."""
    _configure(as_json, level)
    for name in ("picows", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger("tests").debug("everything is logged")


if __name__ == "__main__":
    logs.configure = configure
    sys.exit(main())
