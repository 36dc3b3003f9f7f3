"""Rate limits: no window of the venue's ever holds more than it allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.protocol.ratelimit import FOREVER_NS, Budget, RollingWindow

MINUTE = 60_000_000_000


@pytest.mark.parametrize(
    ("taken", "now", "n", "admitted"),
    [
        ([], 100, 1, 100),
        ([], 100, 5, 100),
        ([], 100, 6, FOREVER_NS),
        ([(0, 5)], 9, 1, 10),
        ([(0, 5)], 10, 5, 10),
        ([(0, 2), (4, 3)], 5, 1, 10),
        ([(0, 2), (4, 3)], 5, 2, 10),
        ([(0, 2), (4, 3)], 5, 3, 14),
        ([(0, 2), (4, 3)], 12, 2, 12),
        ([(0, 2), (4, 3)], 12, 3, 14),
    ],
)
def test_admission_is_the_first_instant_with_room(taken, now, n, admitted):
    window = RollingWindow(limit=5, window_ns=10)
    for when, units in taken:
        assert window.take(when, units)
    assert window.admit_ns(now, n) == admitted


@given(
    limit=st.integers(1, 8),
    window_ns=st.integers(1, 50),
    wishes=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=60),
)
def test_no_window_wherever_it_starts_holds_more_than_the_limit(limit, window_ns, wishes):
    window = RollingWindow(limit, window_ns)
    now, sent = 0, []
    for pause, units in wishes:
        now += pause
        due = window.admit_ns(now, units)
        if due == FOREVER_NS:
            assert units > limit
            continue
        assert due == now or not window.take(due - 1, units), "an earlier instant would have done"
        now = due
        assert window.take(now, units)
        sent.append((now, units))
    for start, _ in sent:
        assert sum(n for when, n in sent if start <= when < start + window_ns) <= limit


def test_a_window_refuses_nonsense():
    with pytest.raises(ValueError, match="limit"):
        RollingWindow(0, 10)
    with pytest.raises(ValueError, match="limit"):
        Budget(10, MINUTE).resize(0)


def test_the_budget_is_bounded_by_our_own_count():
    budget = Budget(100, MINUTE)
    budget.take(0, 0, 60)
    assert budget.left(1, 1) == 40
    assert budget.admit_ns(1, 1, 40) == 1
    assert budget.admit_ns(1, 1, 41) == MINUTE
    assert budget.admit_ns(1, 1, 20, reserve=20) == 1
    assert budget.admit_ns(1, 1, 20, reserve=21) == MINUTE
    assert budget.admit_ns(1, 1, 101) == FOREVER_NS


def test_the_venues_count_corrects_ours_and_covers_what_was_sent_before_its_request():
    budget = Budget(100, MINUTE)
    first = budget.take(0, 0, 10)
    budget.take(1, 1, 5)
    budget.correct(first, 2, used=50)  # others use the same address
    assert budget.left(2, 2) == 45, "50 by the venue's word and 5 sent after that request"
    assert budget.used(2, 2) == 55


def test_the_venues_count_ends_with_its_own_minute():
    budget = Budget(100, MINUTE)
    request = budget.take(0, 30_000_000_000, 10)
    budget.correct(request, 30_000_000_001, used=90)
    assert budget.left(1, 30_000_000_002) == 10
    assert budget.admit_ns(1, 30_000_000_002, 20) == MINUTE - 30_000_000_001
    later = MINUTE - 30_000_000_000 + 5
    assert budget.left(later, MINUTE + 5) == 90, "only our own rolling sum is left"


def test_an_older_answer_does_not_lower_the_count():
    budget = Budget(100, MINUTE)
    first = budget.take(0, 0, 1)
    second = budget.take(0, 0, 1)
    budget.correct(second, 1, used=80)
    budget.correct(first, 2, used=70)
    assert budget.left(3, 3) == 20


def test_a_negative_count_means_not_given():
    budget = Budget(100, MINUTE)
    budget.correct(budget.take(0, 0, 1), 1, used=-1)
    assert budget.left(1, 1) == 99


def test_a_stop_holds_everything_and_is_never_shortened():
    budget = Budget(100, MINUTE)
    budget.stop(500)
    budget.stop(400)
    assert budget.left(499, 0) == 0
    assert budget.admit_ns(10, 0, 1) == 500
    assert budget.left(500, 0) == 100


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 30), st.integers(0, 20), st.booleans()),
        max_size=40,
    )
)
def test_the_venue_never_sees_more_than_its_limit(rows):
    """A venue with fixed windows and another user of the address, whose use the headers show."""
    limit, window = 50, 100
    budget = Budget(limit, window)
    now, seen, others = 0, {}, {}
    for pause, units, foreign, answered in rows:
        now += pause
        turn = now // window
        foreign = min(foreign, max(0, limit - seen.get(turn, 0) - others.get(turn, 0)) // 2)
        others[turn] = others.get(turn, 0) + foreign
        due = budget.admit_ns(now, now, units)
        if due > now:
            continue
        number = budget.take(now, now, units)
        seen[turn] = seen.get(turn, 0) + units
        assert seen[turn] <= limit
        if answered:
            budget.correct(number, now, seen[turn] + others[turn])
            assert budget.left(now, now) <= max(0, limit - seen[turn] - others[turn])


class SlowBudget:
    """The venue's side of a budget, counted anew at every question."""

    def __init__(self, window_ns):
        self.window_ns = window_ns
        self.sent, self.header, self.header_window, self.covered = [], 0, -1, 0

    def correct(self, request, venue_ns, used):
        window = venue_ns // self.window_ns
        if used < 0 or window < self.header_window:
            return
        if window > self.header_window:
            self.header_window, self.header, self.covered = window, used, request
        elif used >= self.header:
            self.header, self.covered = used, max(self.covered, request)

    def used(self, venue_ns):
        window = venue_ns // self.window_ns
        header = self.header if window == self.header_window else 0
        return header + sum(
            units
            for number, sent_ns, units in self.sent
            if sent_ns // self.window_ns == window and number > self.covered
        )


@given(
    st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 5), st.integers(0, 9), st.integers(-1, 60)),
        max_size=60,
    )
)
def test_a_budget_counts_as_one_that_counts_everything_anew(rows):
    """Also when the venue seldom gives its count, and answers come late."""
    budget, slow = Budget(10**9, 100), SlowBudget(100)
    now = 0
    for pause, units, back, used in rows:
        now += pause
        number = budget.take(10**12, now, units)  # its own window is long over
        slow.sent.append((number, now, units))
        if back < number:
            budget.correct(number - back, now, used)
            slow.correct(number - back, now, used)
        assert budget.used(10**15, now) == slow.used(now)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 70), st.integers(0, 5), st.integers(1, 9), st.integers(-1, 60),
            st.sampled_from(["left", "left", "unsent", "late"]),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_what_did_not_leave_counts_nowhere(rows):
    """Given back at once or later, before or after a count of the venue's that is not of it."""
    budget, slow = Budget(10**9, 100), SlowBudget(100)
    now, waiting = 0, []
    for pause, units, back, used, fate in rows:
        now += pause
        number = budget.take(now, now, units)
        slow.sent.append((number, now, units))
        if fate == "unsent":
            waiting.append(number)
        if fate != "late":
            for one in waiting:
                budget.give_back(one)
                budget.give_back(one)  # once is enough
            slow.sent = [row for row in slow.sent if row[0] not in waiting]
            waiting = []
        if back < number:
            budget.correct(number - back, now, used)
            slow.correct(number - back, now, used)
        own = sum(units for _, sent, units in slow.sent if sent + 100 > now)
        assert budget.used(now, now) == max(own, slow.used(now))
    budget.give_back(0)
    budget.give_back(len(rows) + 1)


def test_a_budget_keeps_nothing_of_windows_that_are_over():
    """However long the venue gives no counts."""
    budget = Budget(10**9, 100)
    for now in range(0, 10**5, 10):
        budget.take(now, now, 1)
    assert budget.kept <= 20
