"""A daemon's shared memory without a venue: segment, doorbell, control socket and a command loop.

Run as a process: ``python -m tests.reference.market_daemon RUNTIME_DIR [RING_BYTES] [--loop
uvloop]``. It says ``ready`` and then obeys one JSON command a line on stdin, each answered by one
JSON line on stdout.
"""

import argparse
import asyncio
import json
import os
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.ipc.segments import LEVEL, BookImage
from connector.ipc.server import AttachServer
from connector.ipc.trading import AccountInfo, NotYet, Trading, TradingSession
from connector.model.instrument import ContractType, Instrument, Status
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.states import State
from connector.trading.journal import Journals


def instrument(symbol: str = "BTCUSDT", exchange: str = "BinanceU") -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange=exchange,
        base=symbol[:-4],
        quote="USDT",
        margin="USDT",
        status=Status.TRADING,
        contract=ContractType.PERPETUAL,
        price_exponent=8,
        qty_exponent=8,
        price_digits=2,
        qty_digits=3,
        tick_e=10_000_000,
        step_e=100_000,
    )


def levels(*pairs: tuple[int, int]) -> bytes:
    """``Level`` structs of (price_e, qty_e) pairs."""
    return b"".join(LEVEL.pack(*pair) for pair in pairs)


def book_image() -> BookImage:
    return BookImage(
        int(State.LIVE), 7, 1, levels((100, 1), (99, 2)), levels((101, 3), (102, 4), (103, 5))
    )


COMMAND = layout("CommandBody")


class MarketDaemon:
    """Segment, bell and server on the running loop; the caller writes the records."""

    def __init__(self, runtime_dir: Path, ring_bytes: int = 1 << 20, **server: Any) -> None:
        self.segment = Segment.create(ring_bytes, "test")
        self.bell = Bell(asyncio.get_running_loop().call_soon, self.segment)
        self.book: BookImage | None = book_image()
        server.setdefault("book", lambda index: self.book)
        server.setdefault("state", lambda: {"ready": True})
        self.commands: list[tuple[int, str, bytes, int]] = []
        self.life: list[list[str]] = []
        self.fail = False
        self.not_yet = 0
        """Attaches to come that are told to come back."""
        accounts = server.pop("accounts", None)
        self.journals: Journals | None = None
        self.trading: Trading | None = None
        if accounts is not None:
            self.trading = Trading(
                self.take,
                accounts=lambda strategy: self._allowed(accounts.get(strategy, ())),
                opened=self.opened,
                closed=self.closed,
                last_command=lambda strategy: self._journals().last_command(strategy),
                segment=self.segment,
                timezone=server.pop("timezone", "UTC"),
            )
            for name in ("journal", "state"):
                (runtime_dir / name).mkdir(exist_ok=True)
            self.journals = Journals(runtime_dir / "journal", runtime_dir / "state")
            self.trading.gateway.set_call_soon(asyncio.get_running_loop().call_soon)
            self.trading.gateway.sleep()
            self.bell.gateway = self.trading.gateway
            server["trading"] = self.trading
        self.server = AttachServer(self.segment, self.bell, runtime_dir, version="test", **server)

    def _allowed(self, accounts: Sequence[AccountInfo]) -> Sequence[AccountInfo]:
        if self.not_yet:
            self.not_yet -= 1
            raise NotYet("account main is not ready yet")
        return accounts

    def _journals(self) -> Journals:
        assert self.journals is not None
        return self.journals

    def opened(self, session: TradingSession) -> None:
        assert self.journals is not None
        journal = self.journals.open(session.strategy)
        if session.resume is None:
            session.resume = journal.sequence
        memory = session.memory
        self.journals.attach(
            session.strategy,
            memory.up,
            memory.down,
            resume=session.resume,
            bell=self.bell,
            ended=session.end,
        )
        self.life.append(["opened", session.strategy])

    def closed(self, session: TradingSession, why: str) -> None:
        assert self.journals is not None
        self.journals.detach(session.strategy)
        self.life.append(["closed", session.strategy, why])

    def report(self, strategy: str, kind: int, body: bytes, **header: int) -> int:
        """Write a report, and hand it over as far as the ring has room."""
        assert self.journals is not None
        return self.journals.append(strategy, RecordType(kind), body, **header)

    def take(self, session: TradingSession, slot: bytes, read_ns: int) -> None:
        """The gateway's handler: journals and keeps what it is given."""
        if self.fail:
            raise RuntimeError("told to fail")
        assert self.journals is not None
        body = COMMAND.pack(command=slot, session=session.number, read_ns=read_ns)
        self.journals.append(session.strategy, RecordType.COMMAND, body)
        self.commands.append((session.number, session.strategy, slot, read_ns))

    def trade(self, price_e: int, qty_e: int = 1, instrument: int = 0) -> int:
        """Publish one trade and make sure that sleepers hear of it."""
        body = price_e.to_bytes(8, "little") + qty_e.to_bytes(8, "little") + bytes(48)
        now = monotonic_ns()
        number = self.segment.publish(
            RecordType.TRADE, instrument, body, recv_ns=now, venue_ns=now, update_id=price_e
        )
        self.bell.touch()
        return number

    def reader_sleeps(self) -> bool:
        """Has the only session asked for the doorbell, and does the kernel say that it sleeps?"""
        (session,) = self.server._sessions.values()
        (word,) = struct.unpack_from("<Q", session.memory.up, 384)
        state = Path(f"/proc/{session.who.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return bool(word & 1) and state == "S"

    async def beat(self) -> None:
        """The heartbeat, until cancelled."""
        while True:
            self.segment.heartbeat(monotonic_ns())
            if self.journals is not None:
                self.journals.tick()
            await asyncio.sleep(0.05)


async def _obey(daemon: MarketDaemon, command: dict[str, Any]) -> Any:
    what = command.pop("do")
    if what == "trades":
        return [daemon.trade(command["price_e"] + i) for i in range(command["count"])][-1]
    if what == "trades_to_sleeper":
        while not daemon.reader_sleeps():  # noqa: ASYNC110  (words of shared memory and /proc)
            await asyncio.sleep(0.001)
        return [daemon.trade(command["price_e"] + i) for i in range(command["count"])][-1]
    if what == "record":
        body = bytes.fromhex(command.pop("body"))
        number = daemon.segment.publish(command.pop("type"), 0, body, **command)
        daemon.bell.touch()
        return number
    if what == "add":
        return daemon.segment.add_instrument(instrument(command["symbol"]))
    if what == "commands":
        found = [[n, name, slot.hex(), ns] for n, name, slot, ns in daemon.commands]
        daemon.commands.clear()
        return found
    if what == "fail":
        daemon.fail = command["fail"]
        return daemon.fail
    if what == "not_yet":
        daemon.not_yet = command["count"]
        return daemon.not_yet
    if what == "report":
        body = bytes.fromhex(command.pop("body"))
        return daemon.report(command.pop("strategy"), command.pop("kind"), body, **command)
    if what == "life":
        return daemon.life
    if what == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        return True
    if what == "counter":
        return daemon.segment.counter(command["counter"])
    if what == "fds":
        return len(os.listdir("/proc/self/fd"))
    if what == "sessions":
        return [session.strategy for session in daemon.server.sessions()]
    raise ValueError(what)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


ACCOUNTS = {
    "maker": (AccountInfo(0, "main", "BinanceU"),),
    "RevTrend": (
        AccountInfo(0, "cta_foreseem_sub02_fut", "BinanceU"),
        AccountInfo(1, "jq_cta_02", "BinanceU"),
    ),
    "both": (AccountInfo(0, "main", "BinanceU"), AccountInfo(3, "second", "BinanceU")),
}


async def _run(runtime_dir: Path, ring_bytes: int, trading: bool, timezone: str) -> None:
    how = {"accounts": ACCOUNTS, "timezone": timezone} if trading else {}
    daemon = MarketDaemon(runtime_dir, ring_bytes, **how)
    daemon.segment.add_instrument(instrument())
    await daemon.server.start()
    beat = asyncio.create_task(daemon.beat())
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say("ready")
    while line := await reader.readline():
        _say(json.dumps(await _obey(daemon, json.loads(line))))
    beat.cancel()
    await daemon.server.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime_dir", type=Path)
    parser.add_argument("--ring", type=int, default=1 << 20)
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--trading", action="store_true")
    parser.add_argument("--timezone", default="UTC")
    options = parser.parse_args()
    if options.uvloop:
        import uvloop

        uvloop.run(_run(options.runtime_dir, options.ring, options.trading, options.timezone))
    else:
        asyncio.run(_run(options.runtime_dir, options.ring, options.trading, options.timezone))


if __name__ == "__main__":
    main()
