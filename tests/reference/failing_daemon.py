"""``connector run`` with one part that fails: while the file named by ``FAIL_FILE`` exists, the
venue's encoder of the instruments request raises what no part expects."""

import os
import sys
from pathlib import Path

from msgspec.structs import replace

from connector import daemon, logs
from connector.app import App
from connector.config import VenueSettings, configured, read
from connector.transport.sd_notify import Notifier
from connector.venues.contract import Request, Venue


def failing(name: str, settings: VenueSettings) -> Venue:
    """The venue with that part."""
    venue = configured(name, settings)
    file = Path(os.environ["FAIL_FILE"])

    def request() -> Request:
        if file.exists():
            raise KeyError("a bug")
        return venue.instruments_request()

    return replace(venue, instruments_request=request)


def main(config_file: str, runtime_dir: str, state_dir: str) -> int:
    config = read(config_file)
    logs.configure(False)
    app = App(config, Path(runtime_dir), Path(state_dir), venue=failing)
    return daemon.run(app, config.daemon, Notifier())


if __name__ == "__main__":
    _, _, config_path, _, runtime, _, state = sys.argv  # as ``run`` takes them
    sys.exit(main(config_path, runtime, state))
