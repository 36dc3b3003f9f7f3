"""``connector run`` with one part that fails: while the file named by ``FAIL_FILE`` exists, the
venue's decoder of instruments raises what no part expects."""

import os
import sys
from pathlib import Path

from msgspec.structs import replace

from connector import cli, daemon, logs
from connector.app import App
from connector.config import VenueSettings, configured, read
from connector.transport.sd_notify import Notifier
from connector.venues.contract import Listing, Venue


def failing(name: str, settings: VenueSettings) -> Venue:
    """The venue with that part."""
    venue = configured(name, settings)
    file = Path(os.environ["FAIL_FILE"])

    def instruments(body: bytes) -> Listing:
        if file.exists():
            raise KeyError("a bug")
        return venue.instruments(body)

    return replace(venue, instruments=instruments)


def main(config_file: str, runtime_dir: str, state_dir: str) -> int:
    config = read(config_file)
    logs.configure(False)
    app = App(config, Path(runtime_dir), Path(state_dir), venue=failing)
    return daemon.run(app, config.daemon, Notifier())


if __name__ == "__main__":
    assert cli
    _, _, config_path, _, runtime, _, state = sys.argv  # as ``run`` takes them
    sys.exit(main(config_path, runtime, state))
