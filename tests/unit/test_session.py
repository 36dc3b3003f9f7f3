"""Laws of the connection's life (Link) and of its control dialogue (Session), as event and action
rows."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from connector.market.subscriptions import ACK_NS, Drop, Refused, Send, Session
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import HANDOVER_NS, PROVEN_NS, Close, Link, Open
from connector.venues.contract import Channel, Control, Heartbeat, Limits, Subscription

S = 1_000_000_000
LIMITS = Limits(
    streams=1024,
    messages=10,
    window_ns=S,
    connects=300,
    connects_window_ns=300 * S,
    streams_per_message=50,
    max_message=1 << 20,
)


def link(uniform: float = 1.0, lifetime_ns: int = 0, gate: RollingWindow | None = None) -> Link:
    backoff = Backoff(S, 30 * S, lambda: uniform)
    return Link(backoff, gate or RollingWindow(300, 300 * S), lambda: uniform, lifetime_ns)


def test_a_lost_connection_is_opened_again_after_the_backoff() -> None:
    one = link()
    assert one.on_timer(0) == [Open(1)]
    one.on_open(1, S)
    assert one.on_lost(1, 2 * S) == []
    assert one.next_ns(2 * S) == 3 * S
    assert one.on_timer(3 * S - 1) == []
    assert one.on_timer(3 * S) == [Open(2)]
    assert one.on_lost(2, 4 * S) == []
    assert one.next_ns(4 * S) == 6 * S, "a second failure in a row waits longer"


def test_only_a_connection_that_lasted_resets_the_backoff() -> None:
    one = link()
    now = 0
    for expected in (1, 2, 4):
        epoch = one.on_timer(now)[0].epoch
        one.on_open(epoch, now)
        one.on_lost(epoch, now + PROVEN_NS - 1)
        assert one.next_ns(now) - (now + PROVEN_NS - 1) == expected * S
        now = one.next_ns(now)
    epoch = one.on_timer(now)[0].epoch
    one.on_open(epoch, now)
    one.on_lost(epoch, now + PROVEN_NS)
    assert one.next_ns(now) == now + PROVEN_NS + S


def test_events_of_an_earlier_epoch_change_nothing() -> None:
    one = link()
    one.on_timer(0)
    one.on_open(1, 0)
    one.on_lost(1, 0)
    one.on_timer(S)
    assert one.epoch == 2
    assert one.on_lost(1, 2 * S) == []
    assert one.on_serving(1) == []
    assert one.epoch == 2


def test_a_replacement_serves_before_the_old_connection_is_closed() -> None:
    one = link(lifetime_ns=100 * S)
    one.on_timer(0)
    one.on_open(1, 0)
    one.on_serving(1)
    due = one.next_ns(0)
    assert 83 * S <= due <= 96 * S
    assert one.on_timer(due - 1) == []
    assert one.on_timer(due) == [Open(2)]
    assert one.epoch == 1
    one.on_open(2, due)
    assert one.epoch == 1, "opened is not yet serving"
    assert one.on_serving(2) == [Close(1, "replaced before the venue ends it")]
    assert one.epoch == 2
    assert one.on_lost(1, due + S) == [], "the end of the old one is no loss"


def test_a_replacement_that_fails_leaves_the_old_connection_and_is_tried_again() -> None:
    one = link(lifetime_ns=100 * S)
    one.on_timer(0)
    one.on_open(1, 0)
    one.on_serving(1)
    due = one.next_ns(0)
    one.on_timer(due)
    assert one.on_lost(2, due) == []
    assert one.epoch == 1
    assert one.on_timer(due + S) == [Open(3)]
    one.on_open(3, due + S)
    late = due + S + HANDOVER_NS
    assert one.on_timer(late) == [Close(3, "the replacement did not serve in time")]
    assert one.epoch == 1


def test_a_replacement_takes_over_when_the_old_connection_dies_first() -> None:
    one = link(lifetime_ns=100 * S)
    one.on_timer(0)
    one.on_open(1, 0)
    one.on_serving(1)
    due = one.next_ns(0)
    one.on_timer(due)
    assert one.on_lost(1, due) == []
    assert one.epoch == 2


def test_what_the_venue_holds_back_is_not_opened() -> None:
    """Neither the first, nor one for a lost one, nor a replacement."""
    held_ns = 5 * S

    def held(now_ns: int) -> int:
        return max(now_ns, held_ns)

    gate = RollingWindow(300, 300 * S)
    one = Link(Backoff(S, 30 * S, lambda: 1.0), gate, lambda: 0.0, 100 * S, held=held)
    assert one.on_timer(0) == []
    assert one.next_ns(0) == 5 * S
    assert one.on_timer(5 * S) == [Open(1)]
    one.on_open(1, 5 * S)
    assert one.next_ns(90 * S) == 0, "nothing to do before it serves"
    one.on_serving(1)
    held_ns = 200 * S
    due = one.next_ns(90 * S)
    assert due == 200 * S
    assert one.on_timer(150 * S) == []
    assert one.on_lost(1, 150 * S) == []
    assert one.next_ns(150 * S) == 200 * S
    assert one.on_timer(200 * S) == [Open(2)]


def test_connections_opened_together_are_not_replaced_together() -> None:
    source = random.Random(3)
    moments = []
    for _ in range(200):
        one = Link(
            Backoff(S, 30 * S, source.random), RollingWindow(300, S), source.random, 86_400 * S
        )
        one.on_timer(0)
        one.on_open(1, 0)
        one.on_serving(1)
        moments.append(one.next_ns(0))
    assert max(moments) - min(moments) > 2 * 3600 * S


def test_a_thousand_reconnects_stay_under_the_connect_rate() -> None:
    source = random.Random(5)
    gate = RollingWindow(300, 300 * S)
    links = [Link(Backoff(S, 30 * S, source.random), gate, source.random) for _ in range(100)]
    opened: list[int] = []
    now = 0
    while now < 1200 * S:
        for one in links:
            for action in one.on_timer(now):
                assert isinstance(action, Open)
                opened.append(now)
                one.on_lost(action.epoch, now)
        now += S // 2
    assert len(opened) > 1000
    for index in range(len(opened) - 300):
        assert opened[index + 300] - opened[index] >= 300 * S


# --- the control dialogue


def subscribe(names: Sequence[str], request_id: int) -> bytes:
    return f"+{request_id} {' '.join(names)}".encode()


def unsubscribe(names: Sequence[str], request_id: int) -> bytes:
    return f"-{request_id} {' '.join(names)}".encode()


def streams(count: int) -> list[Subscription]:
    return [Subscription(f"S{i}", Channel.DEPTH, f"s{i}@depth", 5 * S) for i in range(count)]


def session(count: int) -> Session:
    return Session(streams(count), subscribe, unsubscribe, LIMITS)


def messages(actions: Sequence[Any]) -> list[str]:
    return [action.message.decode() for action in actions if isinstance(action, Send)]


def granted(request_id: int) -> Control:
    return Control(request_id=request_id, ok=True)


def test_five_hundred_streams_are_asked_for_once_within_the_window() -> None:
    limits = Limits(
        streams=1024,
        messages=5,
        window_ns=S,
        connects=300,
        connects_window_ns=300 * S,
        streams_per_message=10,
        max_message=1 << 20,
    )
    one = Session(streams(500), subscribe, unsubscribe, limits)
    sent: list[tuple[int, str]] = []
    now = 7 * S
    while len(sent) < 50:
        for text in messages(one.on_timer(now)):
            sent.append((now, text))
            one.on_control(granted(int(text.split()[0][1:])), now)
        assert one.next_ns(now) > now
        now += S // 100
    names = [name for _, text in sent for name in text.split()[1:]]
    assert sorted(names) == sorted(f"s{i}@depth" for i in range(500))
    for index in range(len(sent) - 5):
        assert sent[index + 5][0] - sent[index][0] >= S, "more than the limit in one window"
    assert one.settled


def test_one_refused_name_costs_only_itself() -> None:
    one = session(40)
    (text,) = messages(one.on_timer(0))
    now = S
    todo = messages(one.on_control(Control(request_id=1, ok=False, message="bad batch"), now))
    refused = []
    while todo:
        request_id, name = todo.pop(0).split()
        bad = name == "s17@depth"
        control = Control(request_id=int(request_id[1:]), ok=not bad, message="no such stream")
        now += S
        actions = one.on_control(control, now)
        refused += [action for action in actions if isinstance(action, Refused)]
        todo += messages(actions)
    assert [action.subscription.stream for action in refused] == ["s17@depth"]
    assert refused[0].why == "no such stream"
    assert len(one.granted) == 39
    assert one.settled
    assert "s17@depth" in text


def test_an_answer_that_stays_away_ends_the_connection() -> None:
    one = session(3)
    one.on_timer(0)
    assert one.on_timer(ACK_NS - 1) == []
    assert one.next_ns(0) == ACK_NS
    assert [type(action) for action in one.on_timer(ACK_NS)] == [Drop]


def test_renewed_streams_are_left_and_asked_for_in_one_message_each() -> None:
    one = session(4)
    one.on_timer(0)
    assert one.renew(["s1@depth"], 0) == [], "it was not even granted"
    one.on_control(granted(1), 0)
    assert messages(one.renew(["s1@depth", "s3@depth", "s9@depth"], S)) == [
        "-2 s1@depth s3@depth",
        "+3 s1@depth s3@depth",
    ]
    assert set(one.granted) == {"s0@depth", "s2@depth"}
    assert one.renew(["s1@depth"], S) == [], "it is being asked for"
    one.on_control(granted(2), S)
    assert not one.settled
    one.on_control(granted(3), 2 * S)
    assert one.settled
    assert one.granted["s3@depth"] == 2 * S


def test_a_fatal_answer_ends_the_connection() -> None:
    one = session(1)
    one.on_timer(0)
    control = Control(request_id=None, ok=False, fatal=True, message="Invalid JSON")
    assert one.on_control(control, S) == [Drop("venue: Invalid JSON")]


@pytest.mark.parametrize("request_id", [0, 99, -1])
def test_an_answer_to_nothing_we_asked_is_ignored(request_id: int) -> None:
    one = session(1)
    one.on_timer(0)
    assert one.on_control(granted(request_id), S) == []
    assert not one.granted


def test_streams_added_later_are_asked_for_once() -> None:
    one = session(1)
    one.on_timer(0)
    one.on_control(granted(1), 0)
    more = streams(3)
    assert messages(one.add(more, S)) == ["+2 s1@depth s2@depth"]
    assert one.add(more, S) == []


def test_more_streams_than_a_connection_takes_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="2000"):
        session(2000)


# --- streams that are given up


def test_removed_streams_are_taken_back_and_nothing_is_told_of_them() -> None:
    one = session(3)
    assert len(one.on_timer(0)) == 1
    assert messages(one.remove(["s1@depth", "never"], 1)) == ["-2 s1@depth"]
    assert set(one.wanted) == {"s0@depth", "s2@depth"}
    assert one.on_control(granted(1), 2) == []
    assert set(one.granted) == {"s0@depth", "s2@depth"}, "the answer names the one that is gone"
    one.remove(["s0@depth"], 3)
    assert set(one.granted) == {"s2@depth"}
    assert one.settled
    assert messages(one.add(streams(1), 4)) == ["+4 s0@depth"], "it may come back"


def test_a_stream_removed_before_it_was_asked_for_is_never_asked_for() -> None:
    limits = replace(LIMITS, streams_per_message=1, messages=2)
    one = Session(streams(3), subscribe, unsubscribe, limits)
    assert messages(one.on_timer(0)) == ["+1 s0@depth"]
    assert one.remove(["s1@depth", "s2@depth"], 1) == []
    assert one.on_control(granted(1), 2) == []
    assert one.on_timer(2 * S) == []
    assert one.settled


def test_a_refused_batch_asks_again_only_for_what_is_still_wanted() -> None:
    one = session(3)
    one.on_timer(0)
    one.remove(["s0@depth"], 1)
    again = one.on_control(Control(1, False, message="no"), 2)
    assert messages(again) == ["+3 s1@depth", "+4 s2@depth"]


def test_own_pings_go_out_in_time_count_as_messages_and_need_no_grant() -> None:
    heartbeat = Heartbeat(ping_every_ns=5 * S, ping=lambda number: f"ping {number}".encode())
    limits = replace(LIMITS, streams_per_message=1)
    one = Session(streams(30), subscribe, unsubscribe, limits, heartbeat)
    sent = [
        (now, text) for now in range(100 * S, 109 * S, S) for text in messages(one.on_timer(now))
    ]
    pings = [now for now, text in sent if text.startswith("ping")]
    assert pings == [100 * S, 105 * S]
    assert all(sum(when == now for when, _ in sent) < limits.messages for now, _ in sent)
    assert len(sent) == 30 + len(pings)
    number = int(sent[0][1].removeprefix("ping "))
    assert one.on_control(granted(number), 109 * S) == []
    assert not one.granted
    assert one.next_ns(109 * S) <= 110 * S


def test_a_stream_that_several_instruments_share_is_asked_for_once() -> None:
    rows = [Subscription(f"S{i}", Channel.MARK_PRICE, "day", 5 * S) for i in range(30)]
    one = Session(rows, subscribe, None, replace(LIMITS, streams=1, streams_per_message=1))
    assert messages(one.on_timer(0)) == ["+1 day"]
    assert one.add([Subscription("S99", Channel.MARK_PRICE, "day", 5 * S)], 1) == []
    one.on_control(granted(1), 1)
    assert list(one.granted) == ["day"]


def test_what_cannot_be_taken_back_goes_on_to_come_and_to_count() -> None:
    limits = replace(LIMITS, streams=2, streams_per_message=1)
    one = Session(streams(2), subscribe, None, limits)
    one.on_timer(0)
    assert one.remove(["s0@depth"], 1) == []  # nothing is sent, nobody loses the connection
    assert one.lingering == {"s0@depth"}
    assert list(one.wanted) == ["s1@depth"]
    with pytest.raises(ValueError, match="too many streams"):
        one.add(streams(3)[2:], 2)
    # Wanted again it is asked for again: what it begins with comes only after that.
    assert messages(one.add(streams(1), 3)) == ["+3 s0@depth"]
    assert not one.lingering


def test_where_a_stream_cannot_be_begun_anew_alone_the_connection_is() -> None:
    one = Session(streams(2), subscribe, None, LIMITS)
    assert [type(action) for action in one.renew(["s1@depth"], 1)] == [Drop]


def test_what_was_never_asked_for_does_not_linger() -> None:
    one = Session(streams(2), subscribe, None, replace(LIMITS, streams_per_message=1))
    assert one.remove(["s0@depth"], 0)[0] == Send(b"+1 s1@depth")
    assert not one.lingering
