"""What is done about silent streams, as tables of time and steps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.market.silence import (
    LONGEST_NS,
    LONGEST_REPLACE_NS,
    RENEWALS,
    REPLACE_NS,
    Heard,
    Ladder,
    Step,
)

S = 1_000_000_000
QUIET = 15 * S
NONE, RENEW, REPLACE, BACK = Step.NONE, Step.RENEW, Step.REPLACE, Step.BACK


class Stream:
    """One stream on a connection whose other streams speak all the time."""

    def __init__(self, ladder: Ladder | None = None, name: str = "a@depth") -> None:
        self.ladder = ladder or Ladder(first_ns=60 * S)
        self.name = name
        self.expected = True
        self.quiet_ns = QUIET
        self.granted_ns: int | None = 0
        self.data_ns = 0
        self.others_ns: int | None = None
        self.round_ns = 0

    def look(self, now_ns: int) -> Step:
        others_ns = now_ns if self.others_ns is None else self.others_ns
        heard = Heard(
            self.quiet_ns, self.expected, self.granted_ns, self.data_ns, others_ns, self.round_ns
        )
        return self.ladder.look(self.name, heard, now_ns)

    def steps(self, start_ns: int, end_ns: int) -> list[tuple[int, Step]]:
        """Second by second, with a subscription that is answered at once: (second, step)."""
        found = []
        for now_ns in range(start_ns, end_ns, S):
            step = self.look(now_ns)
            if step in (RENEW, REPLACE):
                self.granted_ns = now_ns
            if step is REPLACE:
                self.data_ns = 0
            if step is not NONE:
                found.append((now_ns // S, step))
        return found


def test_the_ladder_of_a_stream_that_fell_silent() -> None:
    one = Stream()
    one.data_ns = 100 * S
    assert one.steps(100 * S, 400 * S) == [
        (116, RENEW),  # 15 s of silence
        (132, RENEW),  # 15 s after it was asked for anew
        (163, RENEW),  # 30 s
        (224, REPLACE),  # 60 s
        (345, RENEW),  # 120 s on the new connection
    ]


def test_the_ladder_of_a_stream_that_never_spoke() -> None:
    one = Stream()
    assert one.steps(0, 300 * S) == [(61, RENEW), (122, RENEW), (183, RENEW), (244, REPLACE)]


def test_steps_grow_rarer_and_never_end_while_it_should_speak() -> None:
    one = Stream()
    one.data_ns = S
    found = one.steps(S, 24 * 3600 * S)
    waits = [later - sooner for (sooner, _), (later, _) in pairwise(found)]
    assert all(wait <= LONGEST_NS // S + 1 for wait in waits)
    assert set(waits[8:]) == {LONGEST_NS // S + 1}
    replaced = [second for second, step in found if step is REPLACE]
    gaps = [later - sooner for sooner, later in pairwise(replaced)]
    assert gaps[0] >= REPLACE_NS // S
    assert gaps[1] >= 2 * REPLACE_NS // S
    assert all(gap >= LONGEST_REPLACE_NS // S for gap in gaps[3:])


def test_data_ends_it_and_the_next_silence_begins_at_the_first_step() -> None:
    one = Stream()
    one.data_ns = 100 * S
    assert one.steps(100 * S, 140 * S) == [(116, RENEW), (132, RENEW)]
    assert one.ladder.silent == ["a@depth"]
    one.data_ns = 141 * S
    assert one.look(142 * S) is BACK
    assert one.ladder.silent == []
    assert one.look(143 * S) is NONE
    assert one.steps(143 * S, 173 * S) == [(157, RENEW)]


def test_what_was_on_its_way_before_the_step_is_no_answer_to_it() -> None:
    one = Stream()
    one.data_ns = 100 * S
    assert one.look(116 * S) is RENEW
    one.granted_ns = None
    assert one.look(200 * S) is NONE, "not granted yet: the dialogue's business"
    one.granted_ns = 200 * S
    assert one.look(201 * S) is NONE
    assert one.ladder.asked("a@depth") == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"expected": False}, "the instrument does not trade, or the kind may be quiet for hours"),
        ({"quiet_ns": 0}, "no silence is too long"),
        ({"granted_ns": None}, "the venue has not granted it"),
        ({"others_ns": 0}, "the whole connection is silent"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_when_nothing_is_done(change: dict[str, object], why: str) -> None:
    one = Stream()
    one.data_ns = S
    for name, value in change.items():
        setattr(one, name, value)
    assert one.steps(S, 4 * 3600 * S) == [], why


def test_streams_that_fall_silent_together_are_the_connections_fault() -> None:
    one = Stream()
    one.data_ns = 100 * S
    one.others_ns = 100 * S + S // 100
    assert one.steps(100 * S, 160 * S) == []


def test_a_pause_of_the_whole_connection_is_no_streams_silence() -> None:
    """Who speaks again first says nothing of the others: only the first 5 s of a pause count."""
    one = Stream()
    one.data_ns = one.others_ns = 100 * S
    assert one.steps(100 * S, 130 * S) == []
    one.others_ns = None
    assert one.steps(130 * S, 200 * S)[0] == (140, RENEW), "10 s more: one of its own"


def test_a_time_in_which_nobody_looked_is_no_streams_silence() -> None:
    """The process was held up: what came meanwhile is read piece by piece, one stream first."""
    one = Stream()
    one.data_ns = 100 * S
    assert one.steps(100 * S, 103 * S) == []
    assert one.look(140 * S) is NONE
    assert one.steps(140 * S, 200 * S)[0] == (149, RENEW)


@pytest.mark.parametrize("quiet_ms", [1, 100, 1000])
def test_a_quiet_time_below_the_round_over_all_streams_excuses_nothing(quiet_ms: int) -> None:
    """A thousand streams are looked at in 1.6 s; one that never spoke is given its minute."""
    one = Stream()
    one.quiet_ns, one.round_ns = quiet_ms * 1_000_000, 16 * S // 10
    looks = range(0, 62 * S, one.round_ns)
    assert RENEW in [one.look(now_ns) for now_ns in looks]


def test_a_silent_stream_among_rare_ones_is_found_all_the_same() -> None:
    """The only other one speaks every seven seconds: five of each seven count."""
    one, found = Stream(), []
    one.data_ns = 100 * S
    for second in range(100, 200):
        one.others_ns = second // 7 * 7 * S
        found += [second for _ in [0] if one.look(second * S) is RENEW]
    assert found
    assert 116 < found[0] <= 130


def test_a_halt_ends_the_steps_and_trading_again_starts_the_clock() -> None:
    one = Stream()
    one.data_ns = 100 * S
    assert one.steps(100 * S, 140 * S) == [(116, RENEW), (132, RENEW)]
    one.expected = False
    assert one.steps(140 * S, 5000 * S) == []
    one.expected = True
    assert one.steps(5000 * S, 5020 * S) == [(5015, RENEW)], "15 s after it traded again"


def test_another_socket_does_not_begin_the_steps_anew() -> None:
    one = Stream()
    one.data_ns = 100 * S
    assert len(one.steps(100 * S, 200 * S)) == RENEWALS
    one.granted_ns, one.data_ns = 210 * S, 0  # the connection was lost and opened again
    assert one.steps(211 * S, 280 * S) == [(271, REPLACE)]


def test_streams_share_the_limit_of_replacements() -> None:
    ladder = Ladder(first_ns=S)
    both = [Stream(ladder, "a@depth"), Stream(ladder, "b@depth")]
    for one in both:
        one.data_ns = 100 * S
    replaced = [step for one in both for step in one.steps(100 * S, 650 * S) if step[1] is REPLACE]
    assert replaced == [(224, REPLACE)]


def test_a_replacement_that_helped_is_no_reason_to_wait_longer_next_time() -> None:
    one = Stream()
    now = 100 * S
    for _ in range(5):
        one.data_ns = one.granted_ns = now
        steps = one.steps(now, now + 200 * S)
        assert steps[-1][1] is REPLACE
        one.data_ns = now + 200 * S
        assert one.look(now + 200 * S) is BACK
        now += 200 * S + REPLACE_NS


@given(
    st.lists(
        st.tuples(st.integers(1, 40 * S), st.booleans(), st.booleans(), st.booleans()), max_size=80
    )
)
def test_whatever_comes_a_step_is_taken_only_after_silence_of_its_own(rows) -> None:
    """No step within the quiet time of data, grant, halt or the step before it."""
    one, now, quiet_since = Stream(), 0, 0
    for wait_ns, speaks, trades, lively in rows:
        now += wait_ns
        one.expected = trades
        one.others_ns = now if lively else one.others_ns or 0
        if speaks:
            one.data_ns = quiet_since = now
        if not trades:
            quiet_since = now
        step = one.look(now)
        if step in (RENEW, REPLACE):
            assert now - quiet_since > QUIET
            assert trades
            quiet_since = now
            one.granted_ns = now


def test_where_no_stream_can_be_asked_for_anew_its_connection_is_replaced_at_once() -> None:
    one = Stream(Ladder(first_ns=60 * S, renewals=0))
    one.data_ns = 100 * S
    steps = one.steps(100 * S, 1300 * S)
    assert [step for _, step in steps] == [REPLACE, REPLACE]
    assert [second for second, _ in steps] == [116, 716]
    one.data_ns = 1310 * S
    assert one.look(1311 * S) is BACK
