"""The simulated Centrifugo, command by command, as the protocol's reference has it."""

import json
from typing import Any

import pytest

from connector.venues.cadenza.sim_broker import Broker, Claims, Namespace, Rules, read, sign
from connector.venues.cadenza.sim_centrifugo import Client
from connector.venues.sim_contract import Reply

SECRET = b"s"
NAMESPACES = {
    "market": Namespace(),
    "kept": Namespace(history_size=5, recovery=True, history=True, presence=True, publish=True),
    "newest": Namespace(history_size=5, recovery=True, newest=True),
    "token": Namespace(token=True),
}


class Line:
    """One client and its server."""

    def __init__(self, **rules: Any) -> None:
        self.now_ms = 1_000_000
        allowed = lambda user, channel: "secret" not in channel  # noqa: E731
        self.rules = Rules(namespaces=NAMESPACES, **({"allowed": allowed} | rules))
        self.broker = Broker(self.rules)
        self.client = self.open()
        self.number = 0

    def open(self) -> Client:
        return Client(
            self.rules, self.broker, lambda: self.now_ms, self.verify,
            lambda user, method, data: [user, data] if method == "echo" else None,
        )  # fmt: skip

    def verify(self, token: str, now_ms: int) -> Claims:
        return read(token, SECRET, now_ms)

    def token(self, **claims: Any) -> str:
        return sign({"sub": "u1", "exp": self.now_ms // 1000 + 3600} | claims, SECRET)

    def raw(self, text: str) -> tuple[list[Any], int]:
        return said(self.client.receive(text.encode()))

    def ask(self, key: str, **fields: Any) -> Any:
        self.number += 1
        found, close = self.raw(json.dumps({"id": self.number, key: fields}))
        if close:
            return close
        (row,) = found
        assert row.pop("id") == self.number
        return row.get(key, row.get("error", {}).get("code"))

    def connect(self, **fields: Any) -> Any:
        return self.ask("connect", **({"token": self.token()} | fields))


def said(reply: Reply | None) -> tuple[list[Any], int]:
    if reply is None:
        return [], 0
    return [json.loads(line) for line in reply.message.split(b"\n") if line], reply.close


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def connected(line: Line) -> Line:
    line.connect()
    return line


def test_a_connection_is_named_and_told_of_pings(line: Line) -> None:
    found = line.connect()
    assert found["client"]
    assert found["version"]
    assert found["time"] == line.now_ms
    assert (found["ping"], found["pong"]) == (25, True)
    assert not {"expires", "ttl", "subs"} & found.keys()


def test_zeros_are_printed_where_the_vendor_prints_them() -> None:
    found = Line(print_zeros=True).connect()
    assert (found["expires"], found["ttl"]) == (False, 0)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"subscribe":{"channel":"market:x"}}',
        '{"id":1,"connect":{}}',
        '{"id":1}',
        '{"id":1,"ping":{}}',
        '{"id":0,"connect":{"token":"t"}}',
        '{"connect":{"token":"t"}}',
        '{"id":-1,"connect":{"token":"t"}}',
        '{"id":4294967296,"connect":{"token":"t"}}',
        '{"id":true,"connect":{"token":"t"}}',
        '{"id":1,"connect":{"token":7}}',
        '{"id":1,"connect":[]}',
        "{}",
        "[]",
        "hello",
        '{"id":1,"connect":',
    ],
)
def test_what_may_not_come_first_closes(line: Line, text: str) -> None:
    assert line.raw(text) == ([], 3501)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":9,"connect":{"token":"t"}}',
        '{"id":9,"ping":{}}',
        '{"id":9,"presenceStats":{"channel":"kept:x"}}',
        '{"id":9,"subRefresh":{"channel":"kept:x"}}',
        '{"id":1,"presence":{"channel":"kept:x"}}',
        '{"id":9,"subscribe":{}}',
        '{"id":9,"sub_refresh":{"token":"t"}}',
        '{"id":9,"refresh":{"token":"t"}}',
        "{}",
        "nothing",
    ],
)
def test_what_closes_a_connection_that_stands(connected: Line, text: str) -> None:
    assert connected.raw(text) == ([], 3501)


def test_messages_are_taken_by_nobody(connected: Line) -> None:
    assert connected.raw('{"send":{"data":{}}}') == ([], 3508)


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ("expired", 109),
        ("nonsense", 3500),
        ("foreign", 3500),
        ("nobody", 3500),
    ],
)
def test_tokens_are_checked(line: Line, token: str, answer: int) -> None:
    tokens = {
        "expired": line.token(exp=line.now_ms // 1000),
        "nonsense": "a.b.c",
        "foreign": sign({"sub": "u1"}, b"another"),
        "nobody": line.token(sub=""),
    }
    assert line.connect(token=tokens[token]) == answer


def test_a_batch_is_answered_line_by_line_until_a_fault(line: Line) -> None:
    connect = json.dumps({"id": 1, "connect": {"token": line.token()}})
    rows, close = line.raw(
        f'{connect}\n{{"id":2,"subscribe":{{"channel":"market:a"}}}}\n'
        '{"id":3,"subscribe":{"channel":"other:a"}}\n{"id":4,"ping":{}}\n'
        '{"id":5,"subscribe":{"channel":"market:b"}}\n'
    )
    assert close == 3501
    assert rows[0]["id"] == 1
    assert rows[1:] == [
        {"id": 2, "subscribe": {}},
        {"id": 3, "error": {"code": 102, "message": "unknown channel"}},
    ]
    assert list(line.client.streams) == ["market:a"]


def test_a_hundred_channels_come_in_one_message_each_way(line: Line) -> None:
    lines = [json.dumps({"id": 1, "connect": {"token": line.token()}})]
    lines += [
        json.dumps({"id": 2 + n, "subscribe": {"channel": f"market:{n}"}}) for n in range(100)
    ]
    rows, close = line.raw("\n".join(lines))
    assert (len(rows), close) == (101, 0)


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("other:x", 102),
        ("nameless", 102),
        ("market:secret", 103),
        ("token:x", 103),
        ("market:" + "x" * 249, 106),
        ("market:BINANCE:\u20ac/USDT", 107),
    ],
)
def test_channels_that_are_refused(connected: Line, channel: str, code: int) -> None:
    assert connected.ask("subscribe", channel=channel) == code


def test_a_channel_is_subscribed_once_and_so_many_at_most() -> None:
    line = Line(channels=2)
    line.connect()
    assert line.ask("subscribe", channel="market:a") == {}
    assert line.ask("subscribe", channel="market:a") == 105
    assert line.ask("subscribe", channel="market:b") == {}
    assert line.ask("subscribe", channel="market:c") == 106
    assert line.ask("unsubscribe", channel="market:a") == {}
    assert line.ask("subscribe", channel="market:c") == {}
    assert line.ask("unsubscribe", channel="market:never") == {}


def publish(line: Line, channel: str, *values: int) -> list[Any]:
    rows = []
    for value in values:
        rows.append(json.loads(line.broker.publish(channel, b"%d" % value, line.now_ms)))
    return rows


def test_offsets_are_given_where_history_is_kept(connected: Line) -> None:
    assert publish(connected, "market:a", 7) == [
        {"push": {"channel": "market:a", "pub": {"data": 7}}}
    ]
    assert [row["push"]["pub"] for row in publish(connected, "kept:a", 7, 8)] == [
        {"data": 7, "offset": 1},
        {"data": 8, "offset": 2},
    ]


def test_positions_are_granted_to_who_asks_where_there_are_any(connected: Line) -> None:
    publish(connected, "kept:a", 7)
    asked = {"recoverable": True, "positioned": True}
    assert connected.ask("subscribe", channel="market:a", **asked) == {}
    assert connected.ask("subscribe", channel="kept:a", **asked) == {
        "recoverable": True, "positioned": True, "epoch": "epoch-1", "offset": 1,
    }  # fmt: skip
    assert connected.ask("subscribe", channel="kept:b") == {}


RECOVERY = [
    # published, position, how, what comes of it
    (3, ("epoch-1", 3), "", []),
    (3, ("epoch-1", 1), "", [2, 3]),
    (3, ("", 0), "", [1, 2, 3]),
    (9, ("epoch-1", 4), "", [5, 6, 7, 8, 9]),
    (9, ("epoch-1", 3), "", None),
    (3, ("epoch-0", 3), "", None),
    (3, ("epoch-1", 4), "", None),
    (3, ("epoch-1", 1), "forgotten", None),
    (3, ("epoch-1", 3), "forgotten", []),
    (3, ("epoch-1", 3), "restarted", None),
    (3, ("epoch-1", 1), "late", None),
]


@pytest.mark.parametrize(("published", "position", "how", "offsets"), RECOVERY)
def test_what_was_missed_is_brought_whole_or_not_at_all(
    connected: Line, published: int, position: tuple[str, int], how: str, offsets: list[int] | None
) -> None:
    publish(connected, "kept:a", *range(published))
    match how:
        case "forgotten":
            connected.broker.forget("kept:*")
        case "restarted":
            connected.broker.begin_anew()
        case "late":
            connected.now_ms += 300_001
    wanted = {"recover": True, "recoverable": True, "epoch": position[0], "offset": position[1]}
    found = connected.ask("subscribe", channel="kept:a", **wanted)
    assert found["was_recovering"]
    assert found.get("recovered", False) is (offsets is not None)
    assert [row["offset"] for row in found.get("publications", [])] == (offsets or [])
    assert found["epoch"] == ("epoch-2" if how == "restarted" else "epoch-1")
    connected.ask("unsubscribe", channel="kept:a")
    if offsets is None:  # who wants no silence asks for an error instead
        assert connected.ask("subscribe", channel="kept:a", flag=2, **wanted) == 112


def test_a_cache_brings_the_newest_alone(connected: Line) -> None:
    publish(connected, "newest:a", 1, 2, 3)
    found = connected.ask("subscribe", channel="newest:a", recover=True, recoverable=True)
    assert found["recovered"]
    assert [row["offset"] for row in found["publications"]] == [3]


def test_more_than_the_most_is_not_brought() -> None:
    rules = {"kept": Namespace(history_size=1000, recovery=True)}
    line = Line()
    line.rules = Rules(namespaces=rules, history_most=3)
    line.broker = Broker(line.rules)
    line.client = line.open()
    line.connect()
    publish(line, "kept:a", *range(5))
    wanted = {"channel": "kept:a", "recover": True, "recoverable": True, "epoch": "epoch-1"}
    assert "recovered" not in line.ask("subscribe", offset=1, **wanted)
    line.ask("unsubscribe", channel="kept:a")
    assert line.ask("subscribe", offset=2, **wanted)["recovered"]


def test_history_is_read_by_who_listens(connected: Line) -> None:
    publish(connected, "kept:a", *range(7))
    assert connected.ask("history", channel="kept:a", limit=2) == 103
    connected.ask("subscribe", channel="market:a")
    assert connected.ask("history", channel="market:a", limit=2) == 108
    connected.ask("subscribe", channel="kept:a")
    ask = lambda **fields: connected.ask("history", channel="kept:a", **fields)  # noqa: E731
    assert ask() == {"epoch": "epoch-1", "offset": 7}
    offsets = lambda **fields: [row["offset"] for row in ask(**fields)["publications"]]  # noqa: E731
    assert offsets(limit=-1) == [3, 4, 5, 6, 7]
    assert offsets(limit=2) == [3, 4]
    assert offsets(limit=2, reverse=True) == [7, 6]
    assert offsets(limit=2, since={"offset": 4, "epoch": "epoch-1"}) == [5, 6]
    assert offsets(limit=2, since={"offset": 6, "epoch": "epoch-1"}, reverse=True) == [5, 4]
    assert ask(limit=2, since={"offset": 4, "epoch": "other"}) == 112


def test_who_is_there_is_told_to_who_listens(connected: Line) -> None:
    other = connected.open()
    other.receive(json.dumps({"id": 1, "connect": {"token": connected.token(sub="u2")}}).encode())
    other.receive(b'{"id":2,"subscribe":{"channel":"kept:a"}}')
    assert connected.ask("presence", channel="kept:a") == 103
    connected.ask("subscribe", channel="kept:a")
    found = connected.ask("presence", channel="kept:a")["presence"]
    assert {row["user"] for row in found.values()} == {"u1", "u2"}
    assert all(name == row["client"] for name, row in found.items())
    assert connected.ask("presence_stats", channel="kept:a") == {"num_clients": 2, "num_users": 2}
    other.gone()
    assert connected.ask("presence_stats", channel="kept:a") == {"num_clients": 1, "num_users": 1}
    connected.ask("subscribe", channel="market:a")
    assert connected.ask("presence", channel="market:a") == 108


def test_clients_publish_where_they_may(connected: Line) -> None:
    assert connected.ask("publish", channel="market:a", data=1) == 103
    assert connected.ask("publish", channel="kept:a") == 107
    reply = connected.client.receive(b'{"id":9,"publish":{"channel":"kept:a","data":{"x":1}}}')
    assert said(reply) == ([{"id": 9, "publish": {}}], 0)
    assert reply.published == (("kept:a", b'{"x":1}'),)


def test_methods_are_called(connected: Line) -> None:
    assert connected.ask("rpc", method="echo", data=[1]) == {"data": ["u1", [1]]}
    assert connected.ask("rpc", method="other") == 104


def test_the_server_subscribes_a_connection_itself() -> None:
    line = Line(channels_of=lambda user: (f"kept:{user}",))
    publish(line, "kept:u1", 1, 2)
    found = line.connect(subs={"kept:u1": {"recover": True, "epoch": "epoch-1", "offset": 1}})
    (sub,) = found["subs"].values()
    assert sub["recovered"]
    assert [row["offset"] for row in sub["publications"]] == [2]
    assert list(line.client.streams) == ["kept:u1"]


def test_an_unknown_channel_among_the_first_ones_closes(line: Line) -> None:
    assert line.connect(subs={"other:x": {}}) == 3501


def test_a_channel_among_the_first_ones_that_is_not_allowed_is_left_out(line: Line) -> None:
    assert line.connect(subs={"market:a": {}, "market:secret": {}})["subs"] == {"market:a": {}}


def test_a_session_ends_with_its_token() -> None:
    line = Line(expires=True, ping_s=0)
    found = line.connect(token=line.token(exp=line.now_ms // 1000 + 60))
    assert (found["expires"], found["ttl"]) == (True, 60)
    line.now_ms += 50_000
    assert line.ask("refresh", token=line.token(exp=line.now_ms // 1000)) == 109
    found = line.ask("refresh", token=line.token(exp=line.now_ms // 1000 + 30))
    assert (found["expires"], found["ttl"]) == (True, 30)
    line.now_ms += 54_999
    assert line.client.turn() is None
    line.now_ms += 2
    assert said(line.client.turn()) == ([], 3005)


def test_a_subscription_ends_with_its_token() -> None:
    line = Line(ping_s=0)
    line.connect()
    token = lambda seconds, channel="token:a": line.token(  # noqa: E731
        exp=line.now_ms // 1000 + seconds, channel=channel
    )
    assert line.ask("subscribe", channel="token:a", token=token(60, "token:b")) == 103
    assert line.ask("subscribe", channel="token:a", token=token(0)) == 109
    assert line.ask("subscribe", channel="token:a", token="x") == 103
    found = line.ask("subscribe", channel="token:a", token=token(60))
    assert found == {"expires": True, "ttl": 60}
    assert line.ask("sub_refresh", channel="token:b", token=token(60, "token:b")) == 103
    found = line.ask("sub_refresh", channel="token:a", token=token(90))
    assert found == {"expires": True, "ttl": 90}
    line.now_ms += 115_001
    said_last = {"code": 2501, "reason": "subscription expired"}
    assert said(line.client.turn()) == (
        [{"push": {"channel": "token:a", "unsubscribe": said_last}}], 0,
    )  # fmt: skip
    assert not line.client.streams


def test_one_pong_for_one_ping(connected: Line) -> None:
    assert connected.client.turn() is None
    connected.now_ms += 25_000
    assert said(connected.client.turn()) == ([{}], 0)
    assert connected.client.turn() is None
    assert connected.raw("{}") == ([], 0)
    assert connected.raw("{}") == ([], 3501)


def test_a_ping_without_a_pong_closes(connected: Line) -> None:
    connected.now_ms += 25_000
    connected.client.turn()
    connected.now_ms += 8_001
    assert said(connected.client.turn()) == ([], 3012)


def test_a_connection_that_says_nothing_is_closed(line: Line) -> None:
    line.now_ms += 10_001
    assert said(line.client.turn()) == ([], 3502)


def test_the_server_ends_subscriptions(connected: Line) -> None:
    connected.ask("subscribe", channel="kept:a")
    connected.ask("subscribe", channel="market:a")
    rows, _ = said(connected.client.end(lambda name: name.startswith("kept"), 2500))
    assert [row["push"]["unsubscribe"]["code"] for row in rows] == [2500]
    assert list(connected.client.streams) == ["market:a"]
