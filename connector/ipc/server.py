"""The daemon's control socket: who attaches gets the descriptors, who leaves is noticed.

One ``AF_UNIX SOCK_SEQPACKET`` socket; every message is one JSON object. The first one is a hello;
its answer carries the descriptors of the market segment, ``up``, ``down`` and the eventfd. A
malformed message is counted and answered with an error; nothing a peer sends ends the daemon.
"""

import asyncio
import contextlib
import errno
import logging
import os
import re
import resource
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from connector._speedups.bell import Bell
from connector._speedups.segment import ABI_HASH, Segment
from connector.clock import monotonic_ns
from connector.ipc.calls import Answer, Call, CallDoor, Made
from connector.ipc.control import Peer, credentials, listen, peer_pidfd, send, take_lock
from connector.ipc.segments import BookSource, End, SessionMemory, TradingMemory, book_memfd
from connector.ipc.subscribe import Subscribe, Subscriptions
from connector.ipc.trading import AccountInfo, NotYet, Refused, Trading, TradingSession
from connector.model.counters import Counter
from connector.model.intents import MAX_TEXT_BYTES
from connector.model.paths import control_socket

log = logging.getLogger(__name__)

MAX_MESSAGE = 65536
HELLO_S = 5.0
"""A peer that says nothing for this long is sent away."""
SESSION_FDS = 3
"""A session's socket, eventfd and pidfd; one that trades has a doorbell of its own beside them."""
RESERVED_FDS = 256
"""Never given to sessions: without them no feed could be opened again."""
STRANGERS = 32
"""Connections that have not said hello yet; one more is closed at once."""
SESSIONS_A_TURN = 16
"""Described in one turn of the loop."""


LATER = ("call", "subscribe", "unsubscribe", "reload")
"""Requests whose answers take longer than the next request waits."""


class Hello(Struct, frozen=True):
    """The first message of a peer."""

    abi_hash: str
    strategy: str
    version: Annotated[str, Meta(max_length=64)] = ""
    resume: Annotated[int, Meta(ge=0, le=1 << 62)] | None = None
    """Trading: number of the last report it has, 0: none yet; None: it wants those to come."""
    kind: Literal["market", "trading"] = "market"
    """``market``: only reads; any number of sessions may use one name. ``trading``: one a name."""
    takeover: bool = False
    """End the trading session that has the name."""


class Request(Struct, frozen=True):
    """Every message after the hello."""

    request: str
    id: Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)] = 0
    """Comes back with the answer."""
    instrument: int = -1
    command: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    text: Annotated[str, Meta(max_length=MAX_TEXT_BYTES)] = ""
    """A command as it was written in JSON, for the journal."""
    venue: Annotated[str, Meta(max_length=64)] = ""
    endpoint: Annotated[str, Meta(max_length=128)] = ""
    account: Annotated[str, Meta(max_length=64)] = ""
    params: dict[str, Any] = {}
    """A call of a venue's endpoint."""
    symbol: Annotated[str, Meta(max_length=64)] = ""
    channels: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    """Streams that are asked for or taken back."""


class SessionInfo(Struct, frozen=True):
    """One session, as ``top`` shows it."""

    session: int
    strategy: str
    kind: str
    version: str
    pid: int
    uid: int
    attached_ns: int
    """CLOCK_MONOTONIC."""
    lag_bytes: int | None
    """Market ring bytes written that it has not read; None: it stored a position that cannot be."""
    lapped: bool
    """It is further behind than the ring is long."""


Allow = Callable[[Peer, str], bool]


def allow(uids: frozenset[int] | None = None, gids: frozenset[int] | None = None) -> Allow:
    """Whom to serve: the given users and groups; with neither, the daemon's own user and root."""

    def allowed(peer: Peer, strategy: str) -> bool:
        if uids is None and gids is None:
            return peer.uid in (0, os.geteuid())
        mine = {peer.gid, *peer.groups}
        return peer.uid in (uids or ()) or not mine.isdisjoint(gids or ())

    return allowed


class AttachServer:
    """Serves the control socket of ``runtime_dir`` for the life of the daemon.

    ``book(index)`` gives the full book of an instrument, or None when it has none that is valid.
    ``state()`` is what the request ``state`` answers (anything JSON can say). Without ``trading``
    nobody may trade; without ``calls`` no endpoint can be called, without ``subscriptions`` no
    stream asked for at run time, without ``reload`` no other configuration taken.
    ``start()`` and ``close()`` belong to one running loop.
    """

    def __init__(
        self,
        segment: Segment,
        bell: Bell,
        runtime_dir: Path,
        *,
        version: str = "",
        book: Callable[[int], BookSource | None] | None = None,
        state: Callable[[], Mapping[str, Any]] | None = None,
        allow: Allow = allow(),  # noqa: B008  (a pure function made once)
        max_sessions: int = 1000,
        trading: Trading | None = None,
        calls: Made | None = None,
        subscriptions: Subscriptions | None = None,
        reload: Callable[[], Answer] | None = None,
    ) -> None:
        self._segment = segment
        self._bell = bell
        self._runtime_dir = runtime_dir
        self._version = version
        self._book = book
        self._state = state
        self._allow = allow
        self._max_sessions = min(max_sessions, sessions_that_fit())
        self._trading = trading
        self._calls, self._subscriptions, self._reload = calls, subscriptions, reload
        self._door = CallDoor()
        self._sessions: dict[int, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Lock()
        self._next = 1
        self._lock = -1
        self._socket: socket.socket | None = None
        self._hello = msgspec.json.Decoder(Hello)
        self._request = msgspec.json.Decoder(Request)

    # -- life

    async def start(self) -> None:
        """Take the runtime directory, bind the socket, begin to accept.

        Raises AlreadyRunning when another daemon holds the directory; a socket left by a dead one
        is replaced.
        """
        self._lock = take_lock(self._runtime_dir)
        try:
            self._socket = listen(control_socket(self._runtime_dir))
        except BaseException:
            self._unlock()
            raise
        self._spawn(self._accept(self._socket), "ipc/accept")

    async def close(self) -> None:
        """End every session, remove the socket, give the directory back."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._door.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            with contextlib.suppress(FileNotFoundError):
                control_socket(self._runtime_dir).unlink()
        self._unlock()

    def sessions(self) -> list[SessionInfo]:
        """The sessions of now, oldest first, with how far each reader lags."""
        return [self._info(session) for session in self._sessions.values()]

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("control socket: %s", task.get_name(), exc_info=error)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        told = False
        while True:
            try:
                peer, _ = await loop.sock_accept(listener)
            except OSError as error:  # out of descriptors: those inside go on
                self._count(Counter.CONTROL_ERRORS)
                if not told:
                    log.error("control socket: cannot accept: %s", error)
                told = True
                await asyncio.sleep(0.1)
                continue
            told = False
            peer.setblocking(False)
            # Our own task, those of sessions; the rest has not said hello.
            if len(self._tasks) - 1 - len(self._sessions) >= STRANGERS:
                self._count(Counter.ATTACH_REFUSED)
                peer.close()
                continue
            self._spawn(self._serve(peer), "ipc/session")

    # -- one connection

    async def _serve(self, peer: socket.socket) -> None:
        session: _Session | None = None
        reason, end = "the connection was closed", End.CLOSED
        try:
            session = await self._attach(peer)
            if session is not None:
                await asyncio.sleep(0)
                name, pid = session.hello.strategy, session.who.pid
                log.info("session %d: %s attached, pid %d", session.number, name, pid)
                await self._requests(session)
        except asyncio.CancelledError:
            if session is None or not (session.died or session.why):
                reason, end = "the daemon stops", End.STOPPED
                raise
            reason = session.why or "its process ended"
        except (OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        finally:
            if session is not None:
                self._end(session, reason, end)
            peer.close()

    async def _attach(self, peer: socket.socket) -> "_Session | None":
        """Answer the hello; None when the peer was refused."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(HELLO_S):
            data = await loop.sock_recv(peer, MAX_MESSAGE)
        if not data:
            return None
        async with self._turns:
            try:
                hello = self._judge(data, who := credentials(peer))
                accounts = await self._clear(hello) if hello.kind == "trading" else ()
                memory = await self._memory(hello.kind)
                return self._admit(peer, hello, who, memory, accounts)
            except NotYet as error:
                send(peer, {"ok": False, "error": str(error), "again": True})
                return None
            except Refused as error:
                self._count(Counter.ATTACH_REFUSED)
                log.warning("attach refused: %s", error)
                send(peer, {"ok": False, "error": str(error)})
                return None

    async def _clear(self, hello: Hello) -> Sequence[AccountInfo]:
        """Make sure that the name is free for trading; what it may use."""
        if self._trading is None:
            raise Refused("this daemon has no accounts: nobody may trade, only `market` is served")
        accounts = self._trading.accounts(hello.strategy)
        for other in [*self._sessions.values()]:
            if other.trading is None or other.hello.strategy != hello.strategy:
                continue
            if not hello.takeover:
                raise Refused(
                    f"{hello.strategy!r} trades already: session {other.number} of pid "
                    f"{other.who.pid}; takeover=True ends it"
                )
            other.trading.end("taken over by another session", End.TAKEN_OVER)
            await other.gone.wait()
        return accounts

    def _admit(
        self,
        peer: socket.socket,
        hello: Hello,
        who: Peer,
        memory: SessionMemory,
        accounts: Sequence[AccountInfo],
    ) -> "_Session":
        loop = asyncio.get_running_loop()
        session = _Session(self._next, hello, who, peer, memory)
        self._next += 1
        answer = {
            "ok": True,
            "session": session.number,
            "epoch": self._segment.epoch,
            "version": self._version,
            "segment_bytes": self._segment.size,
            "pid": os.getpid(),
        }
        try:
            if session.trading is not None and self._trading is not None:
                self._trading.begin(session.trading, loop)
                answer["accounts"] = [msgspec.structs.asdict(one) for one in accounts]
                answer["commands"] = session.trading.commands
                answer["resume"] = session.trading.resume or 0
                answer["stands_at"] = session.trading.stands_at
                answer["timezone"] = self._trading.timezone
            send(peer, answer, (self._segment.fd, *memory.fds))
            memory.handed_over()
            session.watch(loop, asyncio.current_task())
            self._bell.add_session(memory.up, memory.eventfd)
        except BaseException as error:
            if session.trading is not None and self._trading is not None:
                self._trading.end(session.trading, str(error) or type(error).__name__, loop)
            session.close(loop)
            raise
        self._sessions[session.number] = session
        self._count(Counter.ATTACHES)
        return session

    async def _memory(self, kind: str) -> SessionMemory:
        """A session's segments, a piece a turn: frames that wait come in between."""
        if kind == "trading" and self._trading is not None:
            report_bytes = self._trading.report_bytes
            memory: SessionMemory = TradingMemory(self._next, report_bytes=report_bytes, later=True)
        else:
            memory = SessionMemory(self._next, later=True)
        await asyncio.sleep(0)
        try:
            for _ in memory.make():
                await asyncio.sleep(0)
        except (OSError, MemoryError) as error:
            raise Refused(f"no shared memory for a session: {error}") from None
        except asyncio.CancelledError:
            memory.close()
            raise
        return memory

    def _judge(self, data: bytes, peer: Peer) -> Hello:
        try:
            hello = self._hello.decode(data)
        except msgspec.MsgspecError as error:
            self._count(Counter.CONTROL_ERRORS)
            raise Refused(f"not a hello: {error}") from None
        if hello.abi_hash != f"{ABI_HASH:016x}":
            raise Refused(
                f"layout {hello.abi_hash} is not the daemon's {ABI_HASH:016x}: "
                "install the same version of connector on both sides"
            )
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", hello.strategy):
            raise Refused("a strategy's name is 1 to 64 of A-Z a-z 0-9 . _ -")
        if not self._allow(peer, hello.strategy):
            raise Refused(f"uid {peer.uid} may not attach as {hello.strategy!r}")
        if len(self._sessions) >= self._max_sessions:
            raise Refused(
                f"{self._max_sessions} sessions are attached already "
                f"(the limits of sessions and of open files allow no more)"
            )
        return hello

    async def _requests(self, session: "_Session") -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(session.peer, MAX_MESSAGE):
            number = 0
            await asyncio.sleep(0)
            try:
                request = self._request.decode(data)
                number = request.id
                if request.request in LATER:
                    made = partial(self._later, request, session)
                    self._door.take(session.number, session.peer, number, made)
                    continue
                answer, fds = await self._answer(request, session)
            except msgspec.MsgspecError as error:
                self._count(Counter.CONTROL_ERRORS)
                answer, fds = {"ok": False, "error": f"not a request: {error}"}, ()
            except Refused as error:
                answer, fds = {"ok": False, "error": str(error)}, ()
            try:
                send(session.peer, {**answer, "id": number}, fds)
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                send(session.peer, {"ok": False, "error": "too long an answer", "id": number})
            finally:
                for fd in fds:
                    os.close(fd)
            await asyncio.sleep(0)  # a peer that floods gets one request a turn

    def _later(self, request: Request, session: "_Session") -> Answer:
        """Begin what is answered later; the session's next requests do not wait for it."""
        strategy, who = session.hello.strategy, session.who
        if request.request == "reload":
            if self._reload is None:
                raise Refused("this daemon was started without a file")
            if who.uid not in (0, os.geteuid()):
                raise Refused(f"uid {who.uid} may not reload: only the daemon's user and root may")
            return self._reload()
        if request.request != "call":
            if self._subscriptions is None:
                raise Refused("this daemon subscribes nothing at run time")
            back, channels = request.request == "unsubscribe", request.channels
            about = request.venue, request.symbol, channels, back
            return self._subscriptions(Subscribe(session.number, strategy, *about))
        if self._calls is None:
            raise Refused("this daemon makes no calls")
        trades, account = session.trading is not None, request.account
        params = request.params
        return self._calls(Call(strategy, trades, request.venue, request.endpoint, account, params))

    async def _answer(
        self, request: Request, session: "_Session"
    ) -> tuple[dict[str, Any], tuple[int, ...]]:
        if request.request == "ping":
            return {"ok": True, "now_ns": monotonic_ns()}, ()
        if request.request == "sessions":
            return {"ok": True, "sessions": await self._told()}, ()
        if request.request == "state":
            return {"ok": True, "state": dict(self._state()) if self._state else {}}, ()
        if request.request == "trading":
            told = self._trading.told if self._trading is not None else None
            return {"ok": True, "trading": await told() if told is not None else None}, ()
        if request.request == "text":
            if self._trading is None or session.trading is None:
                raise Refused("texts belong to commands: attach for trading")
            self._trading.noted(session.trading, request.command, request.text)
            return {"ok": True}, ()
        if request.request == "book":
            if not 0 <= request.instrument < self._segment.instruments:
                raise Refused(f"no instrument {request.instrument}")
            return {"ok": True}, (await self._copy(request.instrument),)
        self._count(Counter.CONTROL_ERRORS)
        raise Refused(
            f"no request {request.request!r}: ping, sessions, state, trading, text, book, "
            + ", ".join(LATER)
        )

    async def _told(self) -> list[dict[str, Any]]:
        """The sessions for an answer, some a turn."""
        told = []
        for count, session in enumerate(list(self._sessions.values()), 1):
            told.append(msgspec.structs.asdict(self._info(session)))
            if not count % SESSIONS_A_TURN:
                await asyncio.sleep(0)
        return told

    def _info(self, session: "_Session") -> SessionInfo:
        return session.info(self._segment.written, self._segment.ring_capacity)

    async def _copy(self, instrument: int) -> int:
        """A memfd with the full book; one at a time, a piece a turn."""
        source = self._book(instrument) if self._book else None
        fd = -1
        if source is not None:
            copying = book_memfd(instrument, lambda: self._segment.sequence, source)
            try:
                async with self._turns:
                    fd = await _one_a_turn(copying)
            except (OSError, MemoryError) as error:
                raise Refused(f"no shared memory for the book: {error}") from None
            finally:
                copying.close()
        if fd < 0:
            raise Refused(f"instrument {instrument} has no valid book now")
        return fd

    def _end(self, session: "_Session", reason: str, end: End) -> None:
        loop = asyncio.get_running_loop()
        del self._sessions[session.number]
        self._bell.remove(session.memory.eventfd)
        if session.trading is not None and self._trading is not None:
            self._trading.end(session.trading, reason, loop)
            end = session.trading.end_reason or end
        session.memory.end(end)
        if self._subscriptions is not None:
            self._subscriptions.ended(session.number)
        session.close(loop)
        session.gone.set()
        self._count(Counter.SESSIONS_ENDED)
        log.info("session %d: %s ended: %s", session.number, session.hello.strategy, reason)

    def _count(self, counter: Counter) -> None:
        self._segment.count(counter.value)


class _Session:
    """One attached peer and what the daemon holds for it."""

    def __init__(
        self, number: int, hello: Hello, who: Peer, peer: socket.socket, memory: SessionMemory
    ) -> None:
        self.number = number
        self.hello = hello
        self.who = who
        self.peer = peer
        self.memory = memory
        self.attached_ns = monotonic_ns()
        self.died = False
        self.gone = asyncio.Event()
        self.trading: TradingSession | None = None
        if isinstance(memory, TradingMemory):
            self.trading = TradingSession(number, hello.strategy, hello.resume, who.pid, memory)
        self._pidfd = -1

    @property
    def why(self) -> str:
        """Why the daemon ended it; "": it did not."""
        return self.trading.why if self.trading is not None else ""

    def watch(self, loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any] | None") -> None:
        """End the session when its process does, even while a child of it holds the socket open."""
        if self.trading is not None and task is not None:
            self.trading.ends_by(task.cancel)
        self._pidfd = peer_pidfd(self.peer, self.who.pid)
        if self._pidfd >= 0:
            loop.add_reader(self._pidfd, self._ended, loop, task)

    def _ended(self, loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any] | None") -> None:
        loop.remove_reader(self._pidfd)
        self.died = True
        if task is not None:
            task.cancel()

    def info(self, written: int, capacity: int) -> SessionInfo:
        cursor = self.memory.market_cursor()
        lag = written - cursor if cursor <= written else None
        return SessionInfo(
            self.number,
            self.hello.strategy,
            self.hello.kind,
            self.hello.version,
            self.who.pid,
            self.who.uid,
            self.attached_ns,
            lag,
            lag is not None and lag > capacity,
        )

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        self.memory.close()


async def _one_a_turn(pieces: Generator[None, None, int]) -> int:
    """Go through pieces of work and return what comes of them; others get their turns between."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return int(end.value)
        await asyncio.sleep(0)


def sessions_that_fit() -> int:
    """How many sessions this process may hold open and still have descriptors for its feeds."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        limit = 1 << 20
    return max(1, (limit - RESERVED_FDS) // SESSION_FDS)
