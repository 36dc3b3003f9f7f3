"""The daemon against a venue that lists odd things, and with limits set by who starts it."""

import json
from pathlib import Path
from typing import Any

from tests.reference.stack import Daemon, Sim, eventually


def test_an_instrument_with_no_place_in_the_directory_costs_only_itself(tmp_path: Path) -> None:
    with Sim("--symbols", "BTCUSDT,ETHUSDT", "--rate", "5") as plain:
        listing: dict[str, Any] = plain.ask("/fapi/v1/exchangeInfo")
    listing["symbols"][1]["baseAsset"] = "X" * 40
    name = listing["symbols"][1]["symbol"]
    given = tmp_path / "info.json"
    given.write_text(json.dumps(listing))
    with Sim("--exchange-info", str(given), "--rate", "5") as sim, Daemon(tmp_path, sim) as daemon:
        daemon.ready()
        state = daemon.state()
        assert (state["books_live"], state["books"]) == (1, 1)
        assert "bytes" in state["unavailable"][name]
        assert "Traceback" not in daemon.text()


def test_a_stream_that_waits_for_its_snapshot_is_not_called_silent(tmp_path: Path) -> None:
    with Sim("--symbols", "BTCUSDT", "--rate", "50") as sim:
        sim.fault("status", path="*/depth", status=503, body="<html>", count=3)
        with Daemon(tmp_path, sim, venue={"first_message_s": 0.5}) as daemon:
            eventually(lambda: sim.status()["faults"].get("status", 0) == 3)
            daemon.ready()
            state = daemon.state()
            assert (state["books_live"], state["unavailable"]) == (1, {})
            assert "nothing ever came" not in daemon.text()
