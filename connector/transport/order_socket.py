"""Orders over a venue's WebSocket order API: a request leaves in the very call that brings it, or
waits in a bounded queue while no connection serves; what became of it is said exactly once.

Answers are matched by the request's number alone, in any order; a number is never used twice in a
process. A connection is replaced before the venue cuts it: from the moment the new one serves, new
requests take it, and the old one is closed when its last answer has come. What was under way on a
connection that is lost is lost, that is: unknown, and never sent again from here."""

import heapq
import itertools
import logging
import random
import ssl
from collections.abc import Callable

from msgspec import Struct

from connector._speedups.bell import Bell
from connector._speedups.codec import Codec
from connector._speedups.listener import Listener
from connector._speedups.order_ids import Numbers
from connector._speedups.segment import Segment
from connector._speedups.states import ConnectionState, SocketState
from connector.clock import monotonic_ns
from connector.model.counters import Counter
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import Link
from connector.transport.order_pool import Owner, Priority
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket, connect
from connector.venues.trading_contract import ApiAnswer, ApiRequest, OrderApi, Signer

log = logging.getLogger("connector.orders")

SECOND_NS = 1_000_000_000
MESSAGE_CAP = 1 << 20
"""An answer is half a kilobyte."""

NUMBERS = Numbers()
"""Of requests, never used before in this process."""


def next_number() -> int:
    """The next one."""
    return next(NUMBERS)


class _Flight(Struct):
    request: int
    until_ns: int


class Line(ConnectionState):
    """One open connection."""

    def __init__(self, epoch: int, connection: WebSocket) -> None:
        self.epoch, self.connection = epoch, connection
        self.transport, self.talk = connection.carrier, connection.talk
        self.flights: dict[int, _Flight] = {}
        """What is under way, by number."""
        self.logon = 0
        """The number of the logon that was not answered yet; 0: it serves."""
        self.logon_until_ns = 0
        self.logged_on = False


class OrderSocket(SocketState):
    """The order API of ``api`` for one key. The same shape as `OrderPool`.

    ``run`` keeps it up until cancelled; ``tick`` about every 50 ms looks at deadlines.
    ``venue_ns`` is the venue's clock, for the logon; ``spend`` is told the weight of each handshake
    and logon, ``admit`` gives the earliest instant at which so much weight may be spent."""

    def __init__(
        self,
        name: str,
        api: OrderApi,
        signer: Signer,
        context: ssl.SSLContext | None,
        owner: Owner,
        *,
        segment: Segment,
        bell: Bell,
        gate: RollingWindow,
        venue_ns: Callable[[int], int],
        spend: Callable[[int], None],
        admit: Callable[[int, int], int],
        connect_s: float = 10.0,
        timeout_s: float = 5.0,
        queue: int = 256,
        queue_s: float = 0.5,
        life_ns: int = 0,
        local_address: str = "",
    ) -> None:
        self._name, self._api, self._signer = name, api, signer
        self._context, self._owner = context, owner
        self._segment, self._codec, self._bell = segment, Codec(segment), bell
        self._venue_ns, self._spend = venue_ns, spend
        self._connect_s, self._local_address = connect_s, local_address
        self._timeout_ns = int(timeout_s * SECOND_NS)
        self._queue_most, self._queue_ns = queue, int(queue_s * SECOND_NS)
        self._queue: list[tuple[Priority, int, int, int, ApiRequest]] = []
        self._order = itertools.count()
        self._lines: dict[int, Line] = {}
        self.serving: Line | None = None
        """The one that takes requests."""
        self._closing = False
        backoff = Backoff(SECOND_NS // 10, 10 * SECOND_NS, random.random)
        link = Link(
            backoff,
            gate,
            random.random,
            life_ns or api.lifetime_ns,
            held=lambda now_ns: admit(api.handshake_weight, now_ns),
        )
        self._supervisor = Supervisor(f"order api/{name}", link, self._connect, self)

    # What the desk asks

    @property
    def open(self) -> int:
        """Connections that take or answer requests."""
        return sum(not line.logon for line in self._lines.values())

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @property
    def logged_on(self) -> bool:
        """Whether a request encoded now may do without its signature."""
        return self.serving is not None and self.serving.logged_on

    def carries(self, request: int) -> bool:
        """Whether it is under way, or waits."""
        return any(
            one.request == request for line in self._lines.values() for one in line.flights.values()
        ) or any(entry[3] == request for entry in self._queue)

    def send(self, request: int, priority: Priority, message: ApiRequest) -> None:
        """Send now if a connection serves, else queue it."""
        line = self.serving
        if line is not None and self._start(line, request, message):
            return
        if not message.signed:
            self._owner.unsent(request, "the connection that was logged on is gone")
            return
        if self._closing or len(self._queue) >= self._queue_most:
            why = "closing" if self._closing else f"{self._queue_most} requests are waiting"
            self._owner.unsent(request, why)
            return
        until_ns = monotonic_ns() + self._queue_ns
        heapq.heappush(self._queue, (priority, next(self._order), until_ns, request, message))

    def carry(self, line: Line, request: int, number: int, now_ns: int) -> None:
        """A request of that number was sent at ``now_ns``, in this very callback, on the connection
        that serves; its owner knows. Raises ConnectionError when that ended it: nobody would wait
        for an answer."""
        if self._lines.get(line.epoch) is not line:
            raise ConnectionError("the connection ended as it was written to")
        line.flights[number] = _Flight(request, now_ns + self._timeout_ns)

    def tick(self, now_ns: int) -> None:
        """Give up what waited or was under way for too long."""
        for line in list(self._lines.values()):
            if line.logon and now_ns >= line.logon_until_ns:
                self._supervisor.drop(line.epoch, "the logon was not answered")
            late = [number for number, one in line.flights.items() if now_ns >= one.until_ns]
            for number in late:
                why = f"no answer within {self._timeout_ns / SECOND_NS:g} s"
                self._owner.lost(line.flights.pop(number).request, why)
            if late:  # it may be half open
                self._supervisor.probe(line.epoch)
                self._hand_over()
        old = [entry for entry in self._queue if now_ns >= entry[2]]
        if old:
            self._queue = [entry for entry in self._queue if now_ns < entry[2]]
            heapq.heapify(self._queue)
            for entry in old:
                self._owner.unsent(entry[3], "no connection for too long")

    # Life

    async def run(self) -> None:
        """Keep it up until cancelled."""
        await self._supervisor.run()

    def close(self) -> None:
        """What waits is unsent, what is under way is lost; the end of ``run`` ends the sockets."""
        self._closing = True
        self.serving = None
        queue, self._queue = self._queue, []
        for entry in sorted(queue, key=lambda entry: entry[:2]):
            self._owner.unsent(entry[3], "closing")
        for line in list(self._lines.values()):
            self._lose(line, "closing")

    # What the supervisor tells

    async def _connect(self, epoch: int) -> WebSocket:
        def arrived(frame: bytes, recv_ns: int, line: int) -> None:
            self._arrived(epoch, frame)

        def failed(_listener: Listener, error: Exception, message: bytes) -> None:
            log.error("an answer could not be handled", extra=self._extra, exc_info=error)

        self._spend(self._api.handshake_weight)
        listener = Listener(
            self._codec, 0, self._bell, arrived, _nothing, _nothing, MESSAGE_CAP, failed
        )
        return await connect(
            self._api.url,
            lambda: listener,
            context=self._context,
            timeout_s=self._connect_s,
            max_message=MESSAGE_CAP,
            local_address=self._local_address,
        )

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        self._count(Counter.CONNECTS)
        line = self._lines[epoch] = Line(epoch, connection)
        number = next_number()
        request = self._api.logon(self._signer, self._venue_ns(now_ns), number)
        if request is None:
            self._serve(line)
            return
        self._spend(request.weight)
        line.logon, line.logon_until_ns = number, now_ns + self._timeout_ns
        connection.send(request.frame)

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        self._count(Counter.DISCONNECTS)
        line = self._lines.pop(epoch)
        if self.serving is line:
            others = [one for one in self._lines.values() if not one.logon]
            self.serving = others[-1] if others and not self._closing else None
        log.log(
            logging.WARNING if line.flights else logging.INFO,
            "order API connection ended: %s", why,
            extra={**self._extra, "under_way": len(line.flights)},
        )  # fmt: skip
        self._lose(line, why)
        self._hand_over()

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        self._count(Counter.CONNECT_ERRORS)
        log.warning("no connection for orders: %s", why, extra=self._extra)

    # Inside

    def _start(self, line: Line, request: int, message: ApiRequest) -> bool:
        """Send; False when not one byte left. A request that relies on the logon leaves only on a
        connection that has it."""
        if not (message.signed or line.logged_on) or not line.is_open:
            return False
        now_ns = monotonic_ns()
        line.flights[message.number] = _Flight(request, now_ns + self._timeout_ns)
        if line.connection.send(message.frame):
            self._owner.left(request, now_ns)
            return True
        del line.flights[message.number]
        return False

    def _serve(self, line: Line) -> None:
        """It takes the requests from now on."""
        line.logon = 0
        if self._closing:
            return
        self.serving = line
        while self._queue:
            _, _, _, request, message = self._queue[0]
            if why := self._owner.stopped(request):
                heapq.heappop(self._queue)
                self._owner.unsent(request, why)
            elif self._start(line, request, message):
                heapq.heappop(self._queue)
            else:
                break
        self._hand_over()

    def _hand_over(self) -> None:
        """The supervisor may close the old connection once everything on it was answered."""
        line = self.serving
        if line is not None and not any(
            one.flights for one in self._lines.values() if one is not line
        ):
            self._supervisor.serving(line.epoch)

    def _arrived(self, epoch: int, frame: bytes) -> None:
        line = self._lines.get(epoch)
        if line is None:
            return
        try:
            answer = self._api.decode(frame)
        except (ValueError, RecursionError) as error:
            self._count(Counter.UNDECODABLE)
            log.error("an answer of the order API: %s", error, extra=self._extra)
            return  # its request is lost in time
        number = answer.number
        if number is None and answer.status >= 400:
            self._supervisor.drop(epoch, f"the venue refuses it with status {answer.status}")
        elif number and number == line.logon:
            self._logged_on(line, answer)
        elif number is not None and (flight := line.flights.pop(number, None)) is not None:
            try:
                self._owner.answered(flight.request, answer.status, answer.headers, answer.body)
            finally:
                if line is not self.serving and not line.flights:
                    self._hand_over()
        else:
            self._count(Counter.ANSWERS_UNMATCHED)

    def _logged_on(self, line: Line, answer: ApiAnswer) -> None:
        line.logged_on = answer.status == 200
        if not line.logged_on:  # each request can still be signed by itself
            log.warning(
                "the logon was refused: %s", answer.body[:200].decode(errors="replace"),
                extra=self._extra,
            )  # fmt: skip
        self._serve(line)

    def _lose(self, line: Line, why: str) -> None:
        flights, line.flights = line.flights, {}
        for flight in flights.values():
            self._owner.lost(flight.request, why)

    @property
    def _extra(self) -> dict[str, str]:
        return {"account": self._name}

    def _count(self, counter: Counter) -> None:
        self._segment.count(counter.value)


def _nothing(*_: object) -> None:
    """Nobody needs to know: the supervisor tells."""
