"""The strategy's side: attach to the daemon of this machine and read markets from shared memory.

Records, the top table and whole books come from memory (``connector._speedups.reader``); this file
adds the control socket: attaching, whole books on request, noticing that the daemon is gone,
attaching again.
"""

import array
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import orjson

from connector._speedups import events, stream_events
from connector._speedups.cells import Top
from connector._speedups.events import Event, Instrument
from connector._speedups.reader import FullBook, MarketReader
from connector._speedups.segment import ABI_HASH
from connector._speedups.segment import Mapping as SharedMapping
from connector.errors import AttachError, ConnectorError, EpochChanged, Stalled
from connector.ipc.called import CallAnswer, PendingCall, answered, too_late
from connector.ipc.counters import Counters
from connector.ipc.listed import Instruments
from connector.ipc.segments import read_book
from connector.ipc.subscribe import Subscribed, names, subscribed
from connector.model.instrument import ContractType, Status
from connector.model.intents import OrderType, TimeInForce
from connector.model.paths import control_socket, trust_fault
from connector.model.records import DepthViewKind, IndexKind, KlineSource, Side
from connector.model.reports import OrderStatus
from connector.model.states import FeedKind, Reason, State
from connector.model.version import __version__

if TYPE_CHECKING:
    import asyncio

_CREDENTIALS = struct.Struct("3i")
STALLED_NS = 100_000_000
"""A cell that cannot be copied for this long has a writer that was stopped half-way."""
FAIRNESS = 256
"""Events ``stream()`` hands out before other tasks get a turn."""

events.use_enums(
    state=State, side=Side, kind=FeedKind, reason=Reason, status=Status, contract=ContractType
)
stream_events.use_enums(
    side=Side, status=Status, contract=ContractType, kline_source=KlineSource,
    index_kind=IndexKind, depth_view=DepthViewKind, order_type=OrderType, time_in_force=TimeInForce,
    order_status=OrderStatus,
)  # fmt: skip


class _NotYet(AttachError):
    """The daemon is there; what this session is for is not, yet."""


class Session(MarketReader):
    """One attachment to the daemon, made by ``connector.attach()``, for one thread.

    ``poll()`` never waits, iterating spins, ``wait()`` and ``stream()`` sleep. EpochChanged means
    that the daemon is gone: ``reattach()`` waits for the next one. A forked child cannot use it and
    has to attach for itself.
    """

    _descriptors = 4
    """The daemon's answer to the hello brings so many."""

    def __init__(self, strategy: str, runtime_dir: Path, timeout: float) -> None:
        self.strategy = strategy
        """The name the daemon knows this session by."""
        self.runtime_dir = runtime_dir
        self.number = 0
        """The daemon's number of this session."""
        self.daemon_version = ""
        self.daemon_pid = 0
        self.counters: Counters
        """The daemon's counters and latency histograms."""
        self.instruments = Instruments(self)
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._eventfd = -1
        self._requests = 0
        self._calls: dict[int, PendingCall] = {}
        self._owner = os.getpid()
        self._was_attached = False

    # -- life

    def _attach(self, patience: float) -> None:
        """Connect, trying for ``patience`` seconds while no daemon is there or it is not ready."""
        path = control_socket(self.runtime_dir)
        until = time.monotonic() + patience
        while True:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            control.settimeout(self._timeout)
            try:
                if fault := trust_fault(self.runtime_dir):
                    raise AttachError(fault)
                control.connect(os.fspath(path))
                check_peer(control, path)
                self._handshake(control)
            except (FileNotFoundError, ConnectionError, BlockingIOError) as error:
                control.close()
                if time.monotonic() >= until:
                    raise AttachError(
                        f"no daemon at {path} ({error.strerror or error}); start one with "
                        "`connector run`, or name its --runtime-dir"
                    ) from None
                time.sleep(0.02)
            except _NotYet:
                control.close()
                if time.monotonic() >= until:
                    raise
                time.sleep(0.05)
            except PermissionError:
                control.close()
                raise AttachError(f"uid {os.geteuid()} may not open {path}") from None
            except TimeoutError:
                control.close()
                raise AttachError(f"the daemon at {path} does not answer") from None
            except (OSError, ValueError) as error:  # no memory, a path that cannot be, no daemon
                control.close()
                raise AttachError(f"cannot attach at {path}: {error}") from None
            except BaseException:
                control.close()
                raise
            else:
                return

    def _hello(self) -> dict[str, Any]:
        return {
            "abi_hash": f"{ABI_HASH:016x}",
            "strategy": self.strategy,
            "version": __version__,
            "kind": "market",
        }

    def _handshake(self, control: socket.socket) -> None:
        control.send(orjson.dumps(self._hello()))
        answer, fds = receive(control)
        try:
            if not answer.get("ok"):
                error = _NotYet if answer.get("again") else AttachError
                raise error(str(answer.get("error")))
            if len(fds) != self._descriptors:
                raise AttachError(
                    f"the daemon sent {len(fds)} descriptors instead of {self._descriptors}"
                )
            memory = SharedMapping(fds[0], int(answer["segment_bytes"]), populate=True)
            try:
                up = SharedMapping(fds[1], os.fstat(fds[1]).st_size, writable=True, populate=True)
                self.open(memory, up, control.fileno(), fds[3])
                kept = self._open_more(answer, fds, up)
            except ValueError as error:
                raise AttachError(str(error)) from None
            for fd in kept:
                fds.remove(fd)
        finally:
            for fd in fds:
                os.close(fd)
        self._socket, self._eventfd = control, kept[0]
        self.counters = Counters(memory)
        self.number, self.daemon_pid = int(answer["session"]), int(answer["pid"])
        self.daemon_version = str(answer.get("version", ""))
        self._was_attached = True

    def _open_more(self, answer: dict[str, Any], fds: list[int], up: SharedMapping) -> list[int]:
        """Open what this kind of session has besides; the descriptors that stay open, the doorbell
        first."""
        return [fds[3]]

    def close(self) -> None:
        """Leave the daemon; nothing of this session can be used afterwards but ``reattach()``."""
        self.shut()
        if self._socket is not None:
            if os.getpid() == self._owner:  # a child that was forked meanwhile holds it open, too
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
        self._end_calls()
        if self._eventfd >= 0:
            os.close(self._eventfd)
            self._eventfd = -1

    def reattach(self, patience: float = 10.0) -> None:
        """Attach to the daemon that runs now, waiting up to ``patience`` seconds for one.

        Counts of lost and received records begin again; instruments and books asked for before
        belong to the old daemon: ask again. Raises AttachError when there is none.
        """
        self._check_owner()
        self.close()
        self.forget_books()
        self._attach(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self.close()

    @property
    def attached(self) -> bool:
        """Was the daemon there when last looked at? (``poll()`` looks.)"""
        return self._socket is not None

    def fileno(self) -> int:
        """The doorbell's descriptor, for a loop of your own (``fall_asleep``, ``wake_up``)."""
        return self._eventfd

    # -- reading

    async def stream(self) -> AsyncIterator[Event]:
        """Events for an asyncio loop; sleeps on the doorbell while there are none."""
        import asyncio

        loop = asyncio.get_running_loop()
        handed = 0
        while True:
            event = self.poll()
            if event is not None:
                yield event
                handed += 1
                if handed % FAIRNESS == 0:
                    await asyncio.sleep(0)
            elif self.fall_asleep():
                try:
                    await self._rung(loop)
                finally:
                    self.wake_up()

    async def _rung(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Until the doorbell or the control socket has something to say."""
        assert self._socket is not None
        woken = loop.create_future()
        bell, control = self._eventfd, self._socket.fileno()  # close() may forget them meanwhile

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        loop.add_reader(bell, wake)
        loop.add_reader(control, wake)
        try:
            await woken
        finally:
            loop.remove_reader(bell)
            loop.remove_reader(control)
        self.check_alive()

    def top(self, instrument: Instrument | str | int | tuple[str, str]) -> Top:
        """The top table of an instrument: best bid and ask, last trade, twenty levels."""
        return Top(self, self._find(instrument))

    def book(self, instrument: Instrument | str | int | tuple[str, str]) -> FullBook:
        """The whole book of an instrument; whatever hands out events keeps it up to date."""
        return self.keep_book(self._find(instrument))

    def _find(self, instrument: Instrument | str | int | tuple[str, str]) -> Instrument:
        return instrument if isinstance(instrument, Instrument) else self.instruments[instrument]

    # -- control socket

    def request(self, request: str, **fields: Any) -> dict[str, Any]:
        """Ask the daemon: ``ping``, ``sessions``, ``state``; ConnectorError when it refuses."""
        answer, fds = self._ask({"request": request, **fields})
        for fd in fds:
            os.close(fd)
        if not answer.get("ok"):
            raise ConnectorError(str(answer.get("error")))
        return answer

    def subscribe(
        self,
        instrument: Instrument | str | int | tuple[str, str],
        channels: str | Iterable[str],
        *,
        timeout: float = 15.0,
    ) -> Subscribed:
        """Ask for more channels of an instrument, by their names in the configuration
        (``"kline_1m"``); waits until the venue granted or refused them. Nothing else is touched,
        and what no one else asked for ends with this session or ``unsubscribe``.

        An instrument that is not in ``instruments`` is named by ``(exchange, symbol)``.
        ConnectorError: the daemon does not allow it, or knows no such name."""
        return self._subscribe("subscribe", instrument, channels, timeout)

    def unsubscribe(
        self,
        instrument: Instrument | str | int | tuple[str, str],
        channels: str | Iterable[str],
        *,
        timeout: float = 15.0,
    ) -> None:
        """Take back what this session asked for; what others or the configuration want goes on."""
        self._subscribe("unsubscribe", instrument, channels, timeout)

    def _subscribe(
        self,
        request: str,
        instrument: Instrument | str | int | tuple[str, str],
        channels: str | Iterable[str],
        timeout: float,
    ) -> Subscribed:
        if isinstance(instrument, tuple):
            venue, symbol = instrument
        else:
            try:
                found = self._find(instrument)
            except KeyError as error:
                why = "not one of instruments; another is named by (exchange, symbol)"
                raise ConnectorError(f"{error.args[0]}: {why}") from None
            venue, symbol = found.exchange, found.symbol
        asked = {"venue": venue, "symbol": symbol, "channels": names(channels)}
        return subscribed(self._patiently({"request": request, **asked}, timeout)[0])

    def _patiently(
        self, message: dict[str, Any], timeout: float
    ) -> tuple[dict[str, Any], list[int]]:
        """A question whose answer may take so long."""
        self.touch()
        assert self._socket is not None
        self._socket.settimeout(timeout)
        try:
            return self._ask(message)
        finally:
            if self._socket is not None:
                self._socket.settimeout(self._timeout)

    def call(
        self,
        venue: str,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        *,
        account: str = "",
        timeout: float = 15.0,
    ) -> CallAnswer:
        """Call an endpoint of a venue by name through the daemon, with parameters of the venue's
        names; waits for the answer, the daemon does not.

        ``account``: whose key is used, where the endpoint wants one and the strategy may use
        several; what may change something is for trading sessions. ValueError: a parameter the
        venue would refuse, with its name, the rule and what is allowed; ConnectorError: not allowed
        or no such endpoint. Nothing was sent then. EpochChanged: the daemon ended meanwhile; what
        may have changed something is unknown, as after ``timeout`` seconds without an answer."""
        try:
            told, fds = self._patiently(_call(venue, endpoint, params, account), timeout)
        except Stalled:
            return too_late(endpoint, timeout)
        return answered(told, _body(fds))

    def start_call(
        self,
        venue: str,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        *,
        account: str = "",
        timeout: float = 15.0,
    ) -> PendingCall:
        """Begin a call and go on: its ``done`` says when ``result()`` is what ``call`` would have
        returned or raised. Eight may be under way in a session; one more is refused."""
        self.touch()
        assert self._socket is not None
        message = _call(venue, endpoint, params, account)
        self._requests += 1
        message["id"] = self._requests
        self._calls = {number: call for number, call in self._calls.items() if call.left_s}
        pending = PendingCall(endpoint, timeout, self._look)
        try:
            self._socket.send(orjson.dumps(message))
        except TimeoutError:
            raise Stalled("the daemon does not read from its control socket") from None
        except ConnectionError:
            self.ended()
        self._calls[self._requests] = pending
        return pending

    async def call_async(
        self,
        venue: str,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        *,
        account: str = "",
        timeout: float = 15.0,  # noqa: ASYNC109  the outcome is an answer, not a cancellation
    ) -> CallAnswer:
        """``call`` for an asyncio loop, in which everything else goes on meanwhile, ``stream()``
        and other calls too."""
        import asyncio

        loop = asyncio.get_running_loop()
        pending = self.start_call(venue, endpoint, params, account=account, timeout=timeout)
        assert self._socket is not None
        # A descriptor of its own: a loop has one reader a descriptor, and stream() may be it.
        control = os.dup(self._socket.fileno())
        came = asyncio.Event()
        loop.add_reader(control, came.set)
        try:
            while not pending.done:
                came.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(came.wait(), pending.left_s)
        finally:
            loop.remove_reader(control)
            os.close(control)
        return pending.result()

    def _look(self) -> None:
        """Take the answers that are there; the end of the connection is for ``poll()`` to tell,
        which reads before what the daemon has written."""
        while self._socket is not None and self._calls and self.spoken_to():
            try:
                self._take(*receive(self._socket))
            except ConnectionError:
                self._end_calls()

    def _take(self, answer: dict[str, Any], fds: list[int]) -> None:
        """An answer that nobody stands waiting for: of a call under way, or one that was given
        up."""
        pending = self._calls.pop(answer.get("id", 0), None)
        if pending is not None:
            pending.settle(answer, _body(fds))
            return
        for fd in fds:
            os.close(fd)

    def _end_calls(self) -> None:
        calls, self._calls = self._calls, {}
        for pending in calls.values():
            pending.fail(EpochChanged("the daemon ended before it answered: reattach()"))

    def fetch_book(self, index: int) -> tuple[int, int, int, int, bytes, bytes] | None:
        try:
            answer, fds = self._exchange({"request": "book", "instrument": index})
        except ConnectionError:
            return None
        try:
            if not answer.get("ok"):
                return None
            found, sequence, image = read_book(fds[0])
            if found != index:
                raise ConnectorError(f"asked for the book of {index}, got that of {found}")
        finally:
            for fd in fds:
                os.close(fd)
        return sequence, image.state, image.update_id, image.venue_ns, image.bids, image.asks

    def _ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        try:
            return self._exchange(message)
        except ConnectionError:
            self.ended()

    def _exchange(self, message: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """A question and its answer; ConnectionError when the daemon is gone."""
        self.touch()
        assert self._socket is not None
        self._requests += 1
        message["id"] = self._requests
        try:
            self._socket.send(orjson.dumps(message))
            while True:
                answer, fds = receive(self._socket)
                if answer.get("id") == self._requests:
                    return answer, fds
                self._take(answer, fds)
        except TimeoutError:
            raise Stalled("the daemon does not answer on its control socket") from None

    # -- what the reader asks of us

    def late(self) -> None:
        assert self._socket is not None
        try:
            answer, fds = receive(self._socket)
        except ConnectionError:
            self.ended()
        self._take(answer, fds)

    def foreign(self, instrument: Instrument) -> NoReturn:
        raise EpochChanged(
            f"{instrument.exchange} {instrument.symbol} is of an earlier daemon: "
            "ask session.instruments for it again"
        )

    def ended(self) -> NoReturn:
        self.close()
        raise EpochChanged("the daemon ended or dropped this session: reattach()")

    def unusable(self) -> NoReturn:
        self._check_owner()
        if not self._was_attached:
            raise AttachError("not attached")
        raise EpochChanged("this session is closed: reattach()")

    def stalled(self) -> None:
        now = time.monotonic_ns()
        if not self.stalled_since_ns:
            self.stalled_since_ns = now
        self.check_alive()
        if now - self.stalled_since_ns > STALLED_NS:
            self.stalled_since_ns = 0
            age_ms = self.heartbeat_age_ns // 1_000_000
            raise Stalled(
                f"the daemon stopped half-way through a write; last heartbeat {age_ms} ms ago"
            )

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise AttachError("a session does not survive a fork: attach() again in the child")


def _call(
    venue: str, endpoint: str, params: Mapping[str, Any] | None, account: str
) -> dict[str, Any]:
    return {
        "request": "call",
        "venue": venue,
        "endpoint": endpoint,
        "account": account,
        "params": dict(params or {}),
    }


def _body(fds: list[int]) -> bytes:
    """What came in a memfd; its descriptor is closed."""
    try:
        return os.pread(fds[0], os.fstat(fds[0]).st_size, 0) if fds else b""
    finally:
        for fd in fds:
            os.close(fd)


def check_peer(control: socket.socket, path: Path) -> None:
    """AttachError when whoever listens is neither we, root nor the owner of the directory."""
    credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    if uid not in (os.geteuid(), 0, path.parent.stat().st_uid):
        raise AttachError(f"{path} belongs to pid {pid} of uid {uid}, who is not the daemon's user")


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One answer and its descriptors, close-on-exec; ConnectionError at the connection's end."""
    room = socket.CMSG_SPACE(8 * 4)
    data, ancillary, flags, _ = control.recvmsg(1 << 20, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    found = list(fds)
    try:
        if not data:
            raise ConnectionResetError("the daemon closed the connection")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ConnectorError("an answer of the daemon was cut short (out of descriptors?)")
        answer = orjson.loads(data)
        if not isinstance(answer, dict):
            raise ConnectorError("an answer of the daemon is not an object")
    except BaseException:
        for fd in found:
            os.close(fd)
        raise
    return answer, found
