"""The dialogue on a Cadenza connection: subscriptions in one go, spellings, tokens, closes, and the
streams the venue has to be asked for."""

import json
from itertools import pairwise

import pytest

from connector.model.counters import Counter
from connector.model.states import FeedKind, State
from connector.venues.cadenza.streams import LIST, Talk, subscription
from connector.venues.contract import Channel, Unreadable
from connector.venues.dialogue import Ask, Drop, Note, Refused, Send, TokenWanted, Told, Verdict
from tests.reference.cadenza_rig import JANUARY, SECOND_NS, SYMBOL, TODAY, Rig
from tests.reference.decoding_cadenza import instrument

OTHERS = ("OKX:ETH/USDT", "B2C2:BTC/USD")


def test_connect_and_a_hundred_subscriptions_are_one_round_trip() -> None:
    """Everything is sent before anything is answered."""
    rig = Rig(symbols=tuple(f"BINANCE:X{number}/USDT" for number in range(100)))
    actions = rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    frames = [action.message for action in actions if isinstance(action, Send)]
    lines = [json.loads(line) for frame in frames for line in frame.split(b"\n")]
    assert [sorted(line.keys() - {"id"}) for line in lines] == [["connect"], *[["subscribe"]] * 100]
    assert max(frame.count(b"\n") + 1 for frame in frames) <= 20
    rig.open()
    assert rig.frames == len(frames)
    assert len(rig.talk.granted) == 100
    assert rig.talk.settled


def test_streams_that_are_not_there_are_asked_for_one_at_a_time() -> None:
    rig = Rig(symbols=(SYMBOL, *OTHERS))
    rig.open()
    assert rig.asked == [LIST]
    rows = [{"instrumentId": SYMBOL, "status": "ACTIVE"}, {"instrumentId": OTHERS[0]}]
    answer = json.dumps({"data": rows}).encode()
    wanted = sorted(OTHERS)
    for name in wanted:
        (ask,) = rig.talk.on_answer(rig.asked[-1], answer, "", rig.now_ns)
        assert isinstance(ask, Ask)
        assert ask.request.method == "POST"
        assert json.loads(ask.request.body) == {"instrumentId": name}
        rig.asked.append(ask.tag)
        answer = b"{}"
    assert rig.talk.on_answer(rig.asked[-1], answer, "", rig.now_ns) == []
    rig.asked.clear()
    rig.tick(30)
    assert rig.asked == []
    rig.tick(31)
    assert rig.asked == [LIST]
    (note,) = rig.talk.on_answer(LIST, None, "HTTP 503", rig.now_ns)
    assert isinstance(note, Note)
    rig.asked.clear()
    rig.tick(6)
    assert rig.asked == [LIST]


@pytest.mark.parametrize("spelling", [TODAY, JANUARY])
@pytest.mark.parametrize("named", ["seed", "current"])
@pytest.mark.parametrize("made", [True, False])
def test_a_spelling_that_an_answer_tells_is_taken(spelling: str, named: str, made: bool) -> None:
    rig = Rig(symbols=(SYMBOL, OTHERS[0]), probe=True, profile=named)
    rig.open()
    row = {"instrumentId": OTHERS[0], "status": "ACTIVE", "channel": spelling + OTHERS[0]}
    if made:
        rig.perform(rig.talk.on_answer(LIST, b'{"data":[]}', "", rig.now_ns))
        rig.perform(
            rig.talk.on_answer(rig.asked[-1], json.dumps({"data": row}).encode(), "", rig.now_ns)
        )
    else:
        body = json.dumps({"data": [row, {"channel": "market:other:x"}]}).encode()
        rig.perform(rig.talk.on_answer(LIST, body, "", rig.now_ns))
    rig.deliver()
    assert rig.server is not None
    assert set(rig.server.streams) == {spelling + SYMBOL, spelling + OTHERS[0]}
    assert f"books come by the name of {spelling}{SYMBOL}" in rig.notes


@pytest.mark.parametrize("channels", [[JANUARY, TODAY], ["market:books:"], [None, 7]])
def test_names_that_contradict_each_other_or_are_none_decide_nothing(channels: list) -> None:
    rig = Rig(symbols=(SYMBOL, OTHERS[0]), probe=True)
    rig.open()
    rows = [{"channel": one + SYMBOL if isinstance(one, str) else one} for one in channels]
    rig.talk.on_answer(LIST, json.dumps({"data": rows}).encode(), "", rig.now_ns)
    assert rig.talk._probed


def test_a_stream_that_the_venue_will_not_make_keeps_back_no_other() -> None:
    """What failed is asked for again behind the others, and more and more seldom."""
    rig = Rig(symbols=(SYMBOL, *OTHERS))
    rig.open()
    rig.asked.clear()
    actions = rig.talk.on_answer(LIST, b'{"data":[]}', "", rig.now_ns)
    made, asked = [], []
    for _ in range(300):
        for action in actions:
            if isinstance(action, Ask):
                asked.append((rig.now_ns // SECOND_NS, action.tag))
                name = action.tag.partition(" ")[2]
                good = bool(name) and name != SYMBOL
                made += [name] if good else []
                rows = [{"instrumentId": one, "status": "ACTIVE"} for one in made]
                body = b"{}" if good else None
                if action.tag == LIST:
                    body = json.dumps({"data": rows}).encode()
                actions = rig.talk.on_answer(action.tag, body, "HTTP 404", rig.now_ns)
                break
        else:
            rig.now_ns += SECOND_NS
            actions = rig.talk.on_timer(rig.now_ns)
    assert sorted(made) == sorted(OTHERS)
    tries = [at_s for at_s, tag in asked if tag.endswith(SYMBOL)]
    waits = [after - before for before, after in pairwise(tries)]
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) <= 65
    assert sum(tag == LIST for _, tag in asked) <= 5


@pytest.mark.parametrize("speaks", [TODAY, JANUARY])
@pytest.mark.parametrize("named", ["seed", "current"])
@pytest.mark.parametrize("kept", [0, 10])
def test_the_spelling_that_speaks_is_kept_for_all(speaks: str, named: str, kept: int) -> None:
    rig = Rig(symbols=(SYMBOL, *OTHERS), probe=True, speaks=speaks, profile=named, kept=kept)
    rig.open()
    rig.ask()
    assert rig.answers == [], "nothing is believed of a channel that may be silent for ever"
    assert rig.server is not None
    assert {name for name in rig.server.streams if SYMBOL in name} == {
        TODAY + SYMBOL, JANUARY + SYMBOL,
    }  # fmt: skip
    rig.publish({"updateType": "SNAPSHOT"} | rig.book.whole())
    rig.deliver()
    assert set(rig.server.streams) == {speaks + symbol for symbol in (SYMBOL, *OTHERS)}
    assert rig.talk.settled
    assert rig.state() is State.LIVE
    assert rig.right()
    rig.publish(rig.book.change("bids", 2, 2, 1))
    rig.deliver()
    assert rig.right()
    assert rig.kernel.stood(1), "from here on it is read in C"
    for symbol in OTHERS:
        rig.ask(symbol)
    assert len(rig.answers) == len(OTHERS)
    assert not rig.counts.get(Counter.GAPS)


@pytest.mark.parametrize("speaks", [TODAY, JANUARY])
@pytest.mark.parametrize("kept", [0, 10])
def test_books_of_quiet_markets_begin_and_move_when_the_other_spelling_speaks(
    speaks: str, kept: int
) -> None:
    rig = Rig(symbols=(SYMBOL, OTHERS[0]), probe=True, speaks=speaks, kept=kept)
    rig.open()
    rig.tick(5.1)
    rig.ask()
    rig.answer()
    assert rig.state() is State.LIVE
    assert not rig.kernel.stood(1), "either channel may speak: that is read by name"
    rig.publish(rig.book.change("bids", 2, 2, 1))
    rig.deliver()
    if speaks == JANUARY:
        assert rig.state() is State.RESYNC
        rig.tick(1)
        rig.ask()
        rig.answer()
    assert rig.state() is State.LIVE
    assert rig.right()
    assert rig.kernel.stood(1)
    assert rig.server is not None
    assert set(rig.server.streams) == {speaks + SYMBOL, speaks + OTHERS[0]}


def test_a_session_is_prolonged_before_its_token_ends() -> None:
    rig = Rig(expires=True)
    rig.open()
    for _ in range(30):
        rig.tick(10)  # the tokens of this rig live 100 s; after 25 more the server would hang up
    assert rig.tokens >= 3
    assert rig.server is not None
    assert rig.server.turn() is None


CLOSES = [
    (1006, Verdict()),
    (1000, Verdict()),
    (1009, Verdict(alert="a message was longer than one side takes (1009)")),
    (3001, Verdict()),
    (3005, Verdict(new_token=True)),
    (3010, Verdict()),
    (3014, Verdict(new_token=True)),
    (3500, Verdict(new_token=True)),
    (3501, Verdict(3600 * SECOND_NS, False, "the venue closed for good (3501)")),
    (3504, Verdict(60 * SECOND_NS, False, "the venue closed for good (3504)")),
    (3507, Verdict(60 * SECOND_NS, False, "the venue closed for good (3507)")),
    (4999, Verdict(60 * SECOND_NS, False, "the venue closed for good (4999)")),
    (4100, Verdict()),
]


@pytest.mark.parametrize(("code", "verdict"), CLOSES)
def test_what_follows_a_close(code: int, verdict: Verdict) -> None:
    rig = Rig()
    rig.open()
    assert rig.cut(code) == verdict


def test_a_new_token_that_is_not_taken_either_waits() -> None:
    rig = Rig()
    rig.open()
    assert rig.cut(3500) == Verdict(new_token=True)
    rig.talk.opened(rig.rows, "another", rig.now_ns)
    found = rig.talk.closed(3500)
    assert (found.wait_ns, found.new_token) == (60 * SECOND_NS, True)
    rig.talk.opened(rig.rows, "a third", rig.now_ns)
    rig.talk.received(b'{"id":1,"error":{"code":109,"message":"token expired"}}', rig.now_ns)
    found = rig.talk.closed(1006)
    assert (found.wait_ns, found.new_token) == (60 * SECOND_NS, True), "the next one is another"
    assert "no new token" in found.alert
    rig.talk.opened(rig.rows, "a fourth", rig.now_ns)
    assert rig.talk.closed(3501).wait_ns == 3600 * SECOND_NS


@pytest.mark.parametrize("code", [102, 103, 106])
def test_a_channel_that_is_refused_costs_only_itself(code: int) -> None:
    rig = Rig(symbols=(SYMBOL, OTHERS[0]))
    rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    connected = b'{"id":1,"connect":{"client":"c","version":"5"}}'
    error = {"id": 2, "error": {"code": code, "message": "no"}}
    frame = b"\n".join([connected, json.dumps(error).encode(), b'{"id":3,"subscribe":{}}'])
    actions = rig.talk.received(frame, rig.now_ns)
    (refused,) = [action for action in actions if isinstance(action, Refused)]
    assert refused.subscription.instrument == SYMBOL
    assert rig.talk.settled
    assert list(rig.talk.granted) == [f"book:{OTHERS[0]}"]


def test_a_line_that_cannot_be_read_is_counted_and_ends_the_connection() -> None:
    rig = Rig()
    rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    told, drop = rig.talk.received(b'{"id":1,"connect":', rig.now_ns)
    assert isinstance(told, Told)
    assert isinstance(told.events[0], Unreadable)
    assert isinstance(drop, Drop)
    assert rig.talk.closed(1006) == Verdict()


@pytest.mark.parametrize("code", [109, 110])
def test_an_expired_token_ends_the_connection(code: int) -> None:
    rig = Rig()
    rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    error = {"id": 2, "error": {"code": code, "message": "no"}}
    frame = b'{"id":1,"connect":{}}\n' + json.dumps(error).encode()
    assert any(isinstance(action, Drop) for action in rig.talk.received(frame, rig.now_ns))


def test_pings_are_answered_in_kind() -> None:
    rig = Rig()
    rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    rig.talk.received(b'{"id":1,"connect":{"ping":25,"pong":true}}', rig.now_ns)
    assert rig.talk.received(b"{}", rig.now_ns) == [Send(b"{}")]
    rig.now_ns += 36 * SECOND_NS
    assert any(isinstance(action, Drop) for action in rig.talk.on_timer(rig.now_ns))


def test_frames_that_the_compiled_codec_took_are_signs_of_life() -> None:
    rig = Rig()
    rig.talk.opened(rig.rows, rig.token(), rig.now_ns)
    rig.talk.received(
        b'{"id":1,"connect":{"ping":25,"pong":true}}\n{"id":2,"subscribe":{}}', rig.now_ns
    )
    rig.now_ns += 36 * SECOND_NS
    rig.talk.heard({}, rig.now_ns - SECOND_NS)
    assert not any(isinstance(action, Drop) for action in rig.talk.on_timer(rig.now_ns))


def test_streams_are_named_by_instrument() -> None:
    one = instrument(SYMBOL)
    found = {channel: subscription(one, channel, {}).stream for channel in
             (Channel.DEPTH, Channel.BBO, Channel.TRADE)}  # fmt: skip
    assert found == {
        Channel.DEPTH: f"book:{SYMBOL}", Channel.BBO: f"book:{SYMBOL}",
        Channel.TRADE: f"trade:{SYMBOL}",
    }  # fmt: skip
    assert subscription(one, Channel.DEPTH, {"quiet_ms": 5}).quiet_ns == 5_000_000
    with pytest.raises(ValueError, match="unknown option 'depth'"):
        subscription(one, Channel.DEPTH, {"depth": 5})


@pytest.mark.parametrize("kept", [0, 10])
def test_what_comes_in_one_frame_with_the_answer_to_its_subscription_counts(kept: int) -> None:
    """A busy server puts the answer and the first publications into one frame."""
    rig = Rig(kept=kept)
    frames: list[bytes] = []
    given, rig.receive = rig.receive, lambda *came: frames.extend(came)  # type: ignore[method-assign]
    rig.open()
    rig.receive = given  # type: ignore[method-assign]
    body = json.dumps({"errno": 0, "data": rig.book.whole()}).encode()
    rig.publish(rig.book.change("bids", 2, 2, 1))
    rig.publish(rig.book.change("asks", 1, 3, 1))
    frames += rig.late
    rig.late.clear()
    rig.receive(b"\n".join(frames))
    rig.feed.on_snapshot_asked(rig.now_ns)
    rig.answers.append((SYMBOL, rig.feed.epoch, body))  # of before both
    rig.answer()
    assert rig.state() is State.LIVE
    assert rig.right()
    rig.publish(rig.book.change("bids", 1, 4, 1))
    rig.deliver()
    assert rig.right()
    assert not rig.counts.get(Counter.GAPS)


@pytest.mark.parametrize("wrapped", [False, True])
def test_books_with_numbers_of_their_own_are_void_when_one_is_missing(wrapped: bool) -> None:
    """Earlier models had them; without history they are all that shows a gap at once."""
    rig = Rig()
    rig.open()
    rig.ask()
    rig.answer()
    assert rig.state() is State.LIVE

    def say(number: int, *, lost: bool = False, whole: bool = False) -> None:
        told = rig.book.whole() if whole else rig.book.change("bids", 2, number, 1)
        told["sequenceNumber"] = number
        rig.publish({"data": told} if wrapped else told, lost=lost)
        rig.deliver()

    for number in (7, 8, 9):
        say(number)
        assert (rig.state(), rig.right()) == (State.LIVE, True)
    say(10, lost=True)
    say(11)
    assert rig.state() is State.RESYNC
    rig.tick(5)
    rig.ask()
    rig.answer()
    assert (rig.state(), rig.right()) == (State.LIVE, True)
    say(12)
    say(13, lost=True)
    say(20, whole=True)  # nothing is missing in a whole one
    say(21)
    assert (rig.state(), rig.right()) == (State.LIVE, True)
    say(22, lost=True)
    rig.cut()
    rig.open()
    rig.tick(5)
    rig.ask()
    rig.answer()
    say(23)
    assert (rig.state(), rig.right()) == (State.LIVE, True)


@pytest.mark.parametrize("kept", [0, 10])
def test_trades_go_on_in_c_after_what_was_left_to_python(kept: int) -> None:
    rig = Rig(kept=kept)
    row = subscription(rig.instruments[SYMBOL], Channel.TRADE, {})
    rig.rows.append(row)
    rig.feed.change(rig.rows, rig.now_ns)
    rig.open()
    trade = {"price": "100", "quantity": "1", "side": "BUY", "timestamp": 1_700_000_000_000}
    told = [trade, trade | {"price": 100}, trade, {"data": trade}, {"price": "1"}, trade]
    fast, numbers = Counter.FAST.value, []
    for data in told:
        rig.speaks = "market:trade:"
        rig.publish(data)
        before = rig.segment.counter(fast)
        rig.deliver()
        numbers.append(rig.segment.counter(fast) - before)
    assert numbers == [1, 0, 1, 0, 0, 1], "what is odd is read in Python, and nothing after it"
    assert rig.kernel.state(FeedKind.TRADE) == State.LIVE
    rig.publish(trade, lost=True)
    rig.publish(trade)
    rig.deliver()
    if kept:
        assert rig.counts[Counter.GAPS] == 1
        assert rig.talk.client.position("market:trade:" + SYMBOL)[1] == len(told) + 2
        assert rig.kernel.stood(FeedKind.TRADE) == len(told) + 3, "brought by the channel"
    assert rig.kernel.state(FeedKind.TRADE) == State.LIVE
    rig.cut()
    assert rig.kernel.stood(FeedKind.TRADE) == 0
    rig.publish(trade)
    rig.late.clear()
    rig.open()
    assert rig.kernel.stood(FeedKind.TRADE) == (len(told) + 4 if kept else -1)


def test_a_refresh_is_asked_for_once() -> None:
    rig = Rig()
    talk = Talk("current", False, rig.instruments.get, lambda: 0.0)
    talk.opened(rig.rows, "t", rig.now_ns)
    talk.received(b'{"id":1,"connect":{"expires":true,"ttl":100}}', rig.now_ns)
    talk.received(b'{"id":2,"subscribe":{}}', rig.now_ns)
    late = rig.now_ns + 71 * SECOND_NS
    assert [type(action) for action in talk.on_timer(late)].count(TokenWanted) == 1
    assert [type(action) for action in talk.on_timer(late + 1)].count(TokenWanted) == 0
