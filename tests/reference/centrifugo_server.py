"""A Centrifugo server as its reference describes it, for one client: strict, slow, and without
anything of the client's code. It closes on every broken rule."""

import json
from collections.abc import Iterable


class Broken(Exception):
    """The client broke a rule of the protocol; ``code`` is what the server closes with."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


REQUESTS = {
    "connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history",
    "ping", "send", "rpc", "refresh", "sub_refresh",
}  # fmt: skip


class Stream:
    """A channel's history: the newest ``kept`` publications of one epoch."""

    def __init__(self, kept: int) -> None:
        self.kept, self.epoch, self.top = kept, "e1", 0
        self.held: list[tuple[int, object]] = []

    def add(self, data: object) -> dict:
        self.top += 1
        self.held = [*self.held, (self.top, data)][-self.kept :] if self.kept else []
        return {"data": data, "offset": self.top} if self.kept else {"data": data}

    def begin_anew(self, epoch: str) -> None:
        self.epoch, self.top, self.held = epoch, 0, []

    def since(self, offset: int, epoch: str) -> list[dict] | None:
        """What was published after a position; None: that cannot be said any more."""
        if epoch != self.epoch or offset > self.top:
            return None
        if offset < self.top and (not self.held or self.held[0][0] > offset + 1):
            return None
        return [{"data": data, "offset": at} for at, data in self.held if at > offset]


class Server:
    """One connection at a time; ``open`` begins a new one. ``out`` is what it sends, a frame each.

    ``print_zeros`` writes the zero fields, too, as the vendor's samples do; ``newest`` is the cache
    mode, in which a recovery brings the newest publication alone; ``eager`` lets publications
    overtake the answer to a subscription."""

    def __init__(
        self,
        *,
        ping: int = 25,
        pong: bool = True,
        print_zeros: bool = False,
        newest: bool = False,
        eager: bool = False,
    ) -> None:
        self.streams: dict[str, Stream] = {}
        self.ping, self.pong, self.print_zeros = ping, pong, print_zeros
        self.newest, self.eager = newest, eager
        self._late: list[dict] = []
        self.out: list[bytes] = []
        self.subscribed: set[str] = set()
        self.expires_s = 0
        self.refuse: dict[str, dict] = {}
        self._waits = 0
        self.connected = False
        self.last = 0

    def open(self) -> None:
        self.subscribed, self.connected, self.last, self._waits = set(), False, 0, 0
        self.out, self._late = [], []

    def say(self, *objects: dict) -> None:
        self.out.append(b"\n".join(json.dumps(one).encode() for one in objects))

    def send_ping(self) -> None:
        self.out.append(b"{}")
        self._waits += 1

    def publish(self, channel: str, data: object, *, lose: bool = False) -> None:
        """``lose``: it never reaches the client, as when the server's queue is full."""
        one = self.streams[channel].add(data)
        if channel in self.subscribed and not lose:
            self.say({"push": {"channel": channel, "pub": one}})

    def take(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            if len(frame) > 65_536:
                raise Broken(1009, "a frame of more than 64 KiB")
            for line in frame.split(b"\n"):
                self._command(json.loads(line))

    def _command(self, command: dict) -> None:
        if not command:
            if not self._waits:
                raise Broken(3501, "a pong that nobody asked for")
            self._waits -= 1
            return
        number = command.pop("id", 0)
        (key,) = command.keys() & REQUESTS or ("",)
        if not key or key == "ping" or (not number and key != "send"):
            raise Broken(3501, f"no request in {command}")
        if number and number <= self.last:
            raise Broken(3501, "ids have to rise")
        self.last = number or self.last
        if (key == "connect") == self.connected:
            raise Broken(3501, f"{key} at the wrong time")
        if key in self.refuse:
            self.say({"id": number, "error": self.refuse[key]})
            return
        result = getattr(self, f"_{key}")(**command[key])
        if isinstance(result, int):
            self.say({"id": number, "error": {"code": result, "message": "no"}})
        elif self.eager and key == "subscribe":
            self._late.append({"id": number, key: result})
        else:
            self.say({"id": number, key: result})

    def answer_late(self) -> None:
        """Answers that publications may overtake leave now."""
        late, self._late = self._late, []
        for one in late:
            self.say(one)

    def _lean(self, result: dict) -> dict:
        if self.print_zeros:
            return result
        return {name: value for name, value in result.items() if value}

    def _connect(self, **_: object) -> dict:
        self.connected = True
        result = {"client": "c", "version": "5", "expires": bool(self.expires_s)}
        result |= {"ttl": self.expires_s, "ping": self.ping, "pong": self.pong}
        return self._lean(result)

    def _subscribe(
        self,
        channel: str,
        recover: bool = False,
        epoch: str = "",
        offset: int = 0,
        recoverable: bool = False,
        positioned: bool = False,
        **_: object,
    ) -> dict | int:
        stream = self.streams.get(channel)
        if stream is None:
            return 102
        if channel in self.subscribed:
            return 105
        self.subscribed.add(channel)
        if not stream.kept:
            return {}
        result = {"recoverable": True, "positioned": True, "epoch": stream.epoch}
        result |= {"offset": stream.top, "was_recovering": recover, "recovered": False}
        if recover:
            missed = stream.since(offset, epoch)
            if self.newest and missed:
                missed = missed[-1:]
            if missed is not None:
                result |= {"recovered": True, "publications": missed}
        return self._lean(result)

    def _unsubscribe(self, channel: str) -> dict:
        self.subscribed.discard(channel)
        return {}

    def _refresh(self, token: str) -> dict | int:
        if not self.expires_s:
            raise Broken(3501, "nothing expires")
        return {"client": "c", "version": "5", "expires": True, "ttl": self.expires_s}

    def _history(
        self, channel: str, limit: int = 0, since: dict | None = None, reverse: bool = False
    ) -> dict | int:
        stream = self.streams[channel]
        start = since or {}
        found = stream.since(start.get("offset", 0), start.get("epoch", stream.epoch))
        if found is None:
            return 112
        found = found[::-1] if reverse else found
        found = found if limit < 0 else found[:limit]
        return {"publications": found, "epoch": stream.epoch, "offset": stream.top}

    def _rpc(self, method: str, data: object) -> dict | int:
        return {"data": data} if method == "echo" else 104

    def _publish(self, channel: str, data: object) -> dict:
        self.publish(channel, data)
        return {}

    def _presence(self, channel: str) -> dict:
        return {"presence": {"c": {"user": "u", "client": "c"}}}

    def _presence_stats(self, channel: str) -> dict:
        return {"num_clients": 1, "num_users": 1}
