"""What a strategy is told, as it is told: its journal's newest reports in the protocol's JSON."""

import sys
import time
from collections import OrderedDict
from typing import Any

import orjson
from msgspec import Struct

import connector
from connector._speedups.events import plain
from connector.config import runtime_directory, state_directory
from connector.errors import ConfigError
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.rendering import Renderer, zone_of
from connector.trading import journal_files
from connector.trading.journal_files import Entry
from connector.trading.journal_view import NO_INSTRUMENT, account_names

PAUSE_S = 0.05
REMEMBERED = 65_536
"""Commands whose answers are still shown with their request."""
_COMMAND, _ENTRY = layout("CommandBody"), layout("InstrumentEntry")


class _Record(Struct, frozen=True):
    """A journalled report, for the renderer."""

    record_type: int
    account: int
    venue_ns: int
    instrument: Any
    body_bytes: bytes
    slot: bytes | None


class Follower:
    """Turns a journal's entries, given in order, into the protocol's JSON."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._instruments: dict[int, Any] = {}
        self._commands: OrderedDict[int, bytes] = OrderedDict()

    def told(self, entry: Entry) -> dict[str, Any] | None:
        """A report as its strategy gets it; None: the entry is none."""
        if entry.kind == RecordType.CHECKPOINT:  # from here on numbers are those of another run
            self._instruments.clear()
            self._renderer.use_accounts(
                {index: (name, "") for index, name in enumerate(account_names(entry.body))}
            )
        elif entry.kind == RecordType.INSTRUMENT_CHANGE:
            self._instruments[entry.instrument] = _ENTRY.unpack(entry.body)
        elif entry.kind == RecordType.COMMAND:
            slot = _COMMAND.unpack(entry.body).command
            self._commands[int.from_bytes(slot[:8], "little")] = slot
            if len(self._commands) > REMEMBERED:
                self._commands.popitem(last=False)
        elif RecordType.COMMAND_ANSWER <= entry.kind <= RecordType.SNAPSHOT_END:
            return self._renderer.render(self._record(entry))
        return None

    def _record(self, entry: Entry) -> _Record:
        slot = None
        if entry.kind == RecordType.COMMAND_ANSWER:
            slot = self._commands.get(int.from_bytes(entry.body[8:16], "little"))
        instrument = None
        if entry.kind not in NO_INSTRUMENT:
            instrument = self._instruments.get(entry.instrument)
        return _Record(entry.kind, entry.account, entry.venue_ns, instrument, entry.body, slot)


def follow(strategy: str, runtime_dir: str, state_dir: str, count: int) -> int:
    """Print what comes; ends after ``count`` reports, 0: never."""
    runtime, state = runtime_directory(runtime_dir), state_directory(state_dir)
    if strategy not in (known := journal_files.strategies(state)):
        there = ", ".join(known) or "none"
        raise ConfigError(f"--strategy {strategy}: {state} has journals of {there}")
    with connector.attach("tap", runtime_dir or None) as market:
        told = market.request("state")["state"]
    accounts = {index: (name, "") for index, name in enumerate(told.get("accounts", {}))}
    renderer = Renderer(strategy, accounts, zone_of(told.get("timezone", "UTC")))
    follower = Follower(renderer)
    position, printed = -1, 0
    for entry in journal_files.entries(runtime, state, strategy, since_ns=time.time_ns()):
        position = entry.end
        if entry.kind < RecordType.COMMAND_ANSWER:
            follower.told(entry)  # what comes may be about it
    while True:
        for entry in journal_files.entries(runtime, state, strategy, position=position):
            position = entry.end
            if (found := follower.told(entry)) is not None:
                print(orjson.dumps(found, default=plain).decode())
                printed += 1
                if printed == count:
                    return 0
        sys.stdout.flush()
        time.sleep(PAUSE_S)
