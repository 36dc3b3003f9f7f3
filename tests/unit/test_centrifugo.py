"""The Centrifugo client as tables: frames and time in, frames and events out."""

import pytest
from msgspec import Raw

from connector.protocol import centrifugo_frames as frames
from connector.protocol.centrifugo import Client, State
from connector.protocol.centrifugo_events import (
    Answer,
    Close,
    Connected,
    Continuity,
    Gap,
    Garbled,
    Joined,
    Published,
    Refused,
    Subscribed,
    TokenWanted,
    Told,
    Unsubscribed,
)
from connector.protocol.centrifugo_frames import Class
from tests.reference.centrifugo_client import (
    SECOND_NS,
    T0,
    connected,
    published,
    say,
    sent,
    subscribed,
)

# The session


def test_the_first_command_is_connect_and_nothing_goes_before_its_answer():
    client = Client(lambda: 0.5, token="secret", version="1.0")
    client.subscribe("a", T0)
    assert client.take() == []
    client.opened(T0)
    client.subscribe("b", T0)
    (frame,) = sent(client)
    assert frame == [
        {"id": 1, "connect": {"token": "secret", "name": "connector", "version": "1.0"}}
    ]
    (event,) = say(client, {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True}})
    assert isinstance(event, Connected)
    assert event.result.ping == 25
    (frame,) = sent(client)
    assert [one["subscribe"]["channel"] for one in frame] == ["a", "b"]
    assert [one["id"] for one in frame] == [2, 3]


@pytest.mark.parametrize("zeros", [{}, {"expires": False, "ttl": 0, "id": 0}])
def test_a_missing_field_means_its_zero(zeros):
    client = Client(lambda: 0.5)
    client.opened(T0)
    body = {name: value for name, value in zeros.items() if name != "id"}
    (event,) = say(client, {"id": 1, "connect": {"client": "c", **body}})
    assert (event.result.expires, event.result.ttl, event.result.ping) == (False, 0, 0)
    push = {"push": {"channel": "a", "pub": {"data": {}}}}
    if "id" in zeros:
        push["id"] = 0
    assert say(client, push) == []
    assert client.counts.unmatched == 1


def test_many_subscriptions_share_frames_within_the_servers_limits():
    client = connected(*(f"channel-{n}" for n in range(45)))
    out = sent(client)
    assert [len(frame) for frame in out] == [20, 20, 5]
    long = "x" * 20_000
    client = connected(*(f"{long}{n}" for n in range(5)))
    out = client.take()
    assert max(map(len, out)) <= 65_536
    assert sum(frame.count(b"subscribe") for frame in out) == 5


def test_keys_are_the_wires_and_never_a_ping_command():
    client = connected("a", expires=True, ttl=600)
    say(client, {"id": 2, "subscribe": {}})
    client.presence_stats("a", T0)
    client.refresh_channel("a", "t", T0)
    client.refresh("t", T0)
    client.history("a", T0, limit=-1, since=("e", 3), reverse=True)
    out = [one for frame in sent(client) for one in frame]
    keys = {key for one in out for key in one if key != "id"}
    assert keys == {"subscribe", "presence_stats", "sub_refresh", "refresh", "history"}
    assert out[-1]["history"] == {
        "channel": "a",
        "limit": -1,
        "since": {"epoch": "e", "offset": 3},
        "reverse": True,
    }


def test_one_pong_for_one_ping_ahead_of_everything_that_waits():
    client = connected("a", "b")
    client.received(b"{}", T0)
    client.received(b" { } \n", T0)
    out = client.take()
    assert out[:2] == [b"{}", b"{}"]
    assert b"subscribe" in out[2]
    assert client.take() == []
    client.on_timer(T0 + SECOND_NS)
    assert client.take() == []  # none by itself


@pytest.mark.parametrize(
    "line", [b'{"foo":1}', b'{"id":0}', b'{"push":{"channel":"x"}}', b'{"id":77,"rpc":{}}']
)
def test_what_is_no_ping_is_never_answered(line):
    client = connected()
    client.take()
    assert client.received(line, T0) == []
    assert (client.take(), client.counts.unmatched, client.counts.pings) == ([], 1, 0)


def test_a_server_that_wants_no_pongs_gets_none():
    client = connected(pong=False)
    client.take()
    client.received(b"{}", T0)
    assert (client.take(), client.counts.pings) == ([], 1)


@pytest.mark.parametrize(
    "line",
    [
        b'{"push":',
        b"[]",
        b"[" * 5000,
        b"\xff\xfe",
        b"{} {}",
        b'{"push":{"channel":"a","pub":{"data":2,"offset":"2"}}}',
        b'{"push":{"channel":"a","pub":{"data":NaN}}}',
    ],
)
def test_a_line_that_cannot_be_read_ends_the_connection(line):
    """What it said is lost: a change of a book, perhaps. Positions bring back what they can."""
    client = subscribed()
    after = b'{"push":{"channel":"a","pub":{"data":%d,"offset":%d}}}'
    events = client.received(b"\n".join([after % (1, 1), line, after % (2, 2)]), T0)
    assert [type(one) for one in events] == [Published, Garbled, Close]
    assert (published(events), client.counts.undecodable) == ([1], 1)
    assert (client.position("a"), client.closed(1006, T0)) == (("e", 1), Class.RETRY)


def test_a_null_is_an_empty_list_or_object():
    client = Client(lambda: 0.5)
    client.subscribe("a", T0)
    client.opened(T0)
    connect = {"subs": None, "data": None, "ping": 25}
    (event,) = say(client, {"id": 1, "connect": connect, "error": None})
    assert isinstance(event, Connected)
    (event,) = say(client, {"id": 2, "subscribe": {"publications": None, "data": None}})
    assert event.continuity is Continuity.FRESH
    push = {"channel": "a", "pub": {"data": 1, "tags": None, "info": None}, "join": None}
    assert published(say(client, {"push": push})) == [1]


def test_replies_pushes_and_pings_may_share_a_frame():
    client = connected("a", "b")
    client.take()
    events = say(
        client,
        {"id": 2, "subscribe": {}},
        {"push": {"channel": "a", "pub": {"data": {"x": 1}}}},
        {"id": 3, "subscribe": {}},
        {},
    )
    assert [type(one) for one in events] == [Subscribed, Published, Subscribed]
    assert client.take() == [b"{}"]


def test_silence_beyond_ping_and_margin_ends_the_connection():
    client = connected()
    assert client.due_ns == T0 + 35 * SECOND_NS
    assert client.on_timer(client.due_ns - 1) == []
    client.received(b"{}", T0 + 30 * SECOND_NS)
    assert client.on_timer(T0 + 35 * SECOND_NS) == []
    (close,) = client.on_timer(T0 + 65 * SECOND_NS)
    assert isinstance(close, Close)
    assert client.closed(close.code, T0) is Class.RETRY


@pytest.mark.parametrize(("key", "index"), [("connect", 0), ("subscribe", 1)])
def test_a_command_without_an_answer_ends_the_connection(key, index):
    client = Client(lambda: 0.5)
    client.subscribe("a", T0)
    client.opened(T0)
    if index:
        say(client, {"id": 1, "connect": {}})
    assert client.on_timer(T0 + 5 * SECOND_NS - 1) == []
    (close,) = client.on_timer(T0 + 5 * SECOND_NS)
    assert (type(close), key in close.why) == (Close, True)
    # What still comes on it is nobody's.
    assert say(client, {"id": 1, "connect": {}}) == []


def test_a_request_without_an_answer_says_so_and_leaves_the_connection():
    client = connected()
    number = client.rpc("m", Raw(b"{}"), T0)
    (answer,) = client.on_timer(T0 + 5 * SECOND_NS)
    assert (answer.number, answer.key, bytes(answer.result)) == (number, "rpc", b"")
    assert answer.error.code == 0
    assert client.state is State.CONNECTED
    say(client, {"id": number, "rpc": {"data": 1}})
    assert client.counts.unmatched == 1


def test_requests_get_their_own_answers_in_any_order():
    client = connected()
    one, two = client.rpc("m", Raw(b"1"), T0), client.presence("c", T0)
    events = say(
        client,
        {"id": two, "presence": {"presence": {}}},
        {"id": one, "error": {"code": 104, "message": "method not found"}},
    )
    assert [(type(event), event.number) for event in events] == [(Answer, two), (Answer, one)]
    assert events[1].error.code == 104
    with pytest.raises(ValueError, match="not connected"):
        Client(lambda: 0.5).publish("c", Raw(b"1"), T0)


# Codes


@pytest.mark.parametrize(
    ("code", "temporary", "meaning"),
    [
        (100, True, Class.RETRY),
        (101, False, Class.FINAL),
        (102, False, Class.FINAL),
        (103, False, Class.FINAL),
        (106, False, Class.OTHER_LINE),
        (109, False, Class.TOKEN),
        (110, False, Class.TOKEN),
        (111, True, Class.RETRY),
        (112, False, Class.RESYNC),
        (113, True, Class.RETRY),
        (400, True, Class.RETRY),
        (1999, False, Class.FINAL),
        (107, True, Class.RETRY),
    ],
)
def test_every_error_has_a_class(code, temporary, meaning):
    assert frames.error_class(code, temporary) is meaning
    client = connected("a")
    client.take()
    error = {"code": code, "message": "m", "temporary": temporary}
    (event, *_) = say(client, {"id": 2, "error": error})
    assert event == Refused("a", code, "m", meaning)
    again = client.on_timer(T0 + SECOND_NS) == [] and bool(client.take())
    assert again == (meaning in (Class.RETRY, Class.RESYNC))


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1000, Class.RETRY),
        (1006, Class.RETRY),
        (1009, Class.RETRY),
        (3000, Class.RETRY),
        (3001, Class.RETRY),
        (3005, Class.TOKEN),
        (3010, Class.RETRY),
        (3012, Class.RETRY),
        (3014, Class.RESYNC),
        (3499, Class.RETRY),
        (3500, Class.TOKEN),
        (3501, Class.FINAL),
        (3504, Class.FINAL),
        (3999, Class.FINAL),
        (4000, Class.RETRY),
        (4499, Class.RETRY),
        (4500, Class.FINAL),
        (4999, Class.FINAL),
        (5000, Class.RETRY),
    ],
)
@pytest.mark.parametrize("pushed", [False, True])
def test_every_close_has_a_class(code, meaning, pushed):
    client = connected()
    if pushed:  # the server may say it before it closes, with or without that code
        push = {"disconnect": {"code": code, "reason": "r", "reconnect": True}}
        (event,) = say(client, {"push": push})
        assert event.code == code
        assert client.closed(1006, T0) is meaning
    else:
        assert client.closed(code, T0) is meaning


def test_a_token_that_is_new_and_refused_too_is_final():
    client = connected()
    assert client.closed(3500, T0) is Class.TOKEN
    client.opened(T0)
    assert client.closed(3500, T0) is Class.FINAL
    client = connected()
    assert client.closed(3500, T0) is Class.TOKEN
    client.opened(T0)
    say(client, {"id": 1, "connect": {}})
    assert client.closed(3500, T0) is Class.TOKEN  # it had worked in between


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ({"code": 109, "message": "token expired"}, Class.TOKEN),
        ({"code": 101, "message": "unauthorized"}, Class.FINAL),
        ({"code": 100, "message": "internal", "temporary": True}, Class.RETRY),
    ],
)
def test_after_an_error_on_connect_the_connection_is_of_no_use(error, meaning):
    client = Client(lambda: 0.5)
    client.opened(T0)
    (close,) = say(client, {"id": 1, "error": error})
    assert isinstance(close, Close)
    assert str(error["code"]) in close.why
    assert client.closed(1000, T0) is meaning


# Channels


def test_offsets_grow_by_one_and_a_duplicate_is_dropped():
    client = subscribed(offset=4)
    pubs = [{"push": {"channel": "a", "pub": {"data": n, "offset": n}}} for n in (5, 5, 4, 6)]
    assert published(say(client, *pubs)) == [5, 6]
    assert (client.counts.duplicates, client.position("a")) == (2, ("e", 6))


def test_a_gap_is_said_and_the_channel_asked_for_again_from_its_last_position():
    client = subscribed(offset=4)
    client.take()
    (gap,) = say(client, {"push": {"channel": "a", "pub": {"data": 7, "offset": 7}}})
    assert gap == Gap("a", 5, 7)
    (frame,) = sent(client)
    assert [next(key for key in one if key != "id") for one in frame] == [
        "unsubscribe",
        "subscribe",
    ]
    again = frame[1]["subscribe"]
    assert (again["recover"], again["epoch"], again["offset"]) == (True, "e", 4)
    # What the old subscription still brings is not taken for the new one's.
    early = {"push": {"channel": "a", "pub": {"data": 8, "offset": 8}}}
    assert say(client, early) == []
    reply = {"recoverable": True, "epoch": "e", "offset": 8, "recovered": True}
    missed = [{"data": n, "offset": n} for n in (5, 6, 7, 8)]
    events = say(
        client,
        {"id": frame[0]["id"], "unsubscribe": {}},
        {"id": frame[1]["id"], "subscribe": {**reply, "publications": missed}},
    )
    assert published(events) == [5, 6, 7, 8]
    assert events[-1] == Subscribed("a", Continuity.KEPT, True, offset=8)


def test_without_positions_nothing_can_be_said_of_gaps():
    client = connected("a")
    client.take()
    (event,) = say(client, {"id": 2, "subscribe": {}})
    assert event == Subscribed("a", Continuity.FRESH, False)
    assert published(say(client, {"push": {"channel": "a", "pub": {"data": 1}}})) == [1]


def reconnect(client: Client, reply: dict) -> tuple[dict, list]:
    """A new connection; what it asked for channel a, and what came of the answer."""
    assert client.closed(1006, T0) is Class.RETRY
    client.opened(T0)
    client.take()
    say(client, {"id": 1, "connect": {}})
    ((command,),) = sent(client)
    return command["subscribe"], say(client, {"id": command["id"], "subscribe": reply})


def test_what_was_missed_comes_before_anything_new():
    client = subscribed(offset=101)
    reply = {"recoverable": True, "positioned": True, "epoch": "e", "offset": 103}
    missed = [{"data": n, "offset": n} for n in (102, 103)]
    asked, events = reconnect(
        client, {**reply, "was_recovering": True, "recovered": True, "publications": missed}
    )
    assert (asked["recover"], asked["epoch"], asked["offset"]) == (True, "e", 101)
    assert published(events) == [102, 103]
    assert all(one.recovered for one in events[:-1])
    assert events[-1] == Subscribed("a", Continuity.KEPT, True, offset=103)


@pytest.mark.parametrize(
    "reply",
    [
        {"epoch": "zzzz", "offset": 5, "was_recovering": True},
        {"epoch": "e", "offset": 500, "was_recovering": True},
        {"epoch": "zzzz", "offset": 5, "was_recovering": True, "recovered": True},
        # Only the newest is kept: enough for the last state, not for a stream of changes.
        {
            "epoch": "e",
            "offset": 9,
            "was_recovering": True,
            "recovered": True,
            "publications": [{"data": 9, "offset": 9}],
        },
        # It says that everything was recovered, and leaves some out.
        {"epoch": "e", "offset": 9, "was_recovering": True, "recovered": True},
        {},
    ],
)
def test_continuity_that_is_lost_is_said(reply):
    client = subscribed(offset=4)
    body = {"recoverable": True, **reply} if reply else {}
    _, events = reconnect(client, body)
    last = events[-1]
    assert (type(last), last.continuity) == (Subscribed, Continuity.LOST)
    assert client.position("a") == (reply.get("epoch", ""), reply.get("offset", 0))


def test_a_declared_void_position_is_not_used_again():
    client = subscribed(offset=4)
    assert client.closed(3014, T0) is Class.RESYNC
    client.opened(T0)
    client.take()
    say(client, {"id": 1, "connect": {}})
    ((command,),) = sent(client)
    assert "recover" not in command["subscribe"]
    (event,) = say(client, {"id": 2, "subscribe": {"recoverable": True, "epoch": "f"}})
    assert event.continuity is Continuity.LOST


def test_a_position_kept_elsewhere_is_taken_up():
    client = Client(lambda: 0.5)
    client.restore("a", "e", 7)
    client.subscribe("a", T0)
    client.opened(T0)
    client.take()
    say(client, {"id": 1, "connect": {}})
    ((command,),) = sent(client)
    assert (command["subscribe"]["epoch"], command["subscribe"]["offset"]) == ("e", 7)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (2000, Class.FINAL),
        (2500, Class.RETRY),
        (2501, Class.TOKEN),
        (2502, Class.RESYNC),
        (2999, Class.RETRY),
    ],
)
def test_an_unsubscription_by_the_server(code, meaning):
    client = subscribed(offset=4)
    client.take()
    push = {"channel": "a", "unsubscribe": {"code": code, "reason": "r"}}
    (event, *rest) = say(client, {"push": push})
    assert event == Unsubscribed("a", code, "r", meaning)
    assert rest == ([TokenWanted("a")] if meaning is Class.TOKEN else [])
    if meaning is Class.TOKEN:
        assert client.on_timer(T0 + SECOND_NS) == []
        assert client.take() == []
        client.subscribe("a", T0, token="new")
    else:
        assert client.on_timer(T0 + SECOND_NS) == []
    out = [one for frame in sent(client) for one in frame]
    if meaning is Class.FINAL:
        assert out == []
        return
    (again,) = out
    assert again["subscribe"].get("recover", False) == (meaning is not Class.RESYNC)
    assert again["subscribe"].get("token", "") == ("new" if meaning is Class.TOKEN else "")


def test_waits_between_subscriptions_grow_and_are_jittered():
    client = connected("a")
    client.take()
    waits = []
    now_ns = T0
    for attempt in range(10):
        error = {"code": 100, "message": "", "temporary": True}
        say(client, {"id": attempt + 2, "error": error}, now_ns=now_ns)
        waits.append(client.due_ns - now_ns)
        now_ns = client.due_ns
        assert client.on_timer(now_ns) == []
        assert len(client.take()) == 1
        client.received(b"\n", now_ns)  # anything heard keeps the connection
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (SECOND_NS // 20, 5 * SECOND_NS)


def test_an_unwanted_channel_is_given_back_and_its_late_answer_ignored():
    client = connected("a")
    client.unsubscribe("a", T0)
    (frame,) = sent(client)
    assert [list(one) for one in frame] == [["id", "subscribe"], ["id", "unsubscribe"]]
    assert say(client, {"id": 2, "subscribe": {}}, {"id": 3, "unsubscribe": {}}) == []
    assert say(client, {"push": {"channel": "a", "pub": {"data": 1}}}) == []


def test_subscriptions_of_the_server():
    client = connected(subs={"s": {"recoverable": True, "epoch": "e", "offset": 1}})
    assert client.take() == []
    pub = {"push": {"channel": "s", "pub": {"data": 2, "offset": 2}}}
    assert published(say(client, pub)) == [2]
    (event,) = say(client, {"push": {"channel": "t", "subscribe": {}}})
    assert event == Subscribed("t", Continuity.FRESH, False)
    assert published(say(client, {"push": {"channel": "t", "pub": {"data": 3}}})) == [3]
    client.closed(1006, T0)
    client.opened(T0)
    ((command,),) = sent(client)
    assert command["connect"]["subs"] == {"s": {"recover": True, "epoch": "e", "offset": 2}}
    # A gap in it can be mended by a new connection only,
    say(client, {"id": 1, "connect": {"subs": {"s": {"recoverable": True, "epoch": "e"}}}})
    pub = {"push": {"channel": "s", "pub": {"data": 9, "offset": 9}}}
    assert [type(one) for one in say(client, pub)] == [Gap, Close]


@pytest.mark.parametrize(
    ("code", "meaning", "subs"),
    [
        (2500, Class.RETRY, {"s": {"recover": True, "epoch": "e", "offset": 1}}),
        (2501, Class.TOKEN, {"s": {"recover": True, "epoch": "e", "offset": 1}}),
        (2502, Class.RETRY, None),
    ],
)
def test_a_subscription_of_the_server_that_it_ends_comes_back_with_a_connection(
    code, meaning, subs
):
    client = connected(subs={"s": {"recoverable": True, "epoch": "e", "offset": 1}})
    said = {"push": {"channel": "s", "unsubscribe": {"code": code, "reason": "r"}}}
    events = say(client, said)
    assert [type(one) for one in events] == [Unsubscribed, Close]
    assert client.closed(1006, T0) is meaning
    client.opened(T0)
    ((command,),) = sent(client)
    assert command["connect"].get("subs") == subs


def test_a_subscription_of_the_server_without_a_name_is_none():
    """Named in the next `connect` it would be answered with a close for good."""
    told = {"recoverable": True, "epoch": "e", "offset": 1}
    client = connected(subs={"": told})
    assert say(client, {"push": {"subscribe": told}}) == []
    assert client.counts.unmatched == 2
    client.closed(1006, T0)
    client.opened(T0)
    ((command,),) = sent(client)
    assert "subs" not in command["connect"]


def test_a_subscription_of_the_server_that_we_asked_for_too_is_no_fault():
    client = Client(lambda: 0.5, eager=True)
    client.subscribe("a", T0)
    client.opened(T0)
    assert len(sent(client)[0]) == 2
    events = say(
        client,
        {"id": 1, "connect": {"subs": {"a": {}}}},
        {"id": 2, "error": {"code": 105, "message": "already subscribed"}},
        {"push": {"channel": "a", "pub": {"data": 1}}},
    )
    assert [type(one) for one in events] == [Connected, Subscribed, Published]


def test_the_rest_of_what_a_server_pushes():
    client = subscribed()
    info = {"user": "u", "client": "c", "conn_info": {"x": 1}}
    events = say(
        client,
        {"push": {"channel": "a", "join": {"info": info}}},
        {"push": {"channel": "a", "leave": {"info": info}}},
        {"push": {"message": {"data": {"m": 1}}}},
        {"push": {"refresh": {"expires": True, "ttl": 100}}},
    )
    assert [type(one) for one in events] == [Joined, Joined, Told]
    assert (events[0].left, events[1].left, events[0].info.user) == (False, True, "u")
    assert client.due_ns <= T0 + 100 * SECOND_NS
