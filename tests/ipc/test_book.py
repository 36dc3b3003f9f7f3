"""A whole book at the reader: deltas, gaps, differences, fresh starts and laps all end right."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector._speedups.segment import Mapping, Segment
from connector.ipc.client import Session
from connector.ipc.segments import PAGE, SessionMemory
from connector.model.records import Flag, RecordType
from connector.model.states import FeedKind, Reason, State
from tests.reference.market_daemon import instrument, levels

Image = tuple[int, int, int, int, bytes, bytes]


class Kept(Session):
    """A session whose whole books come from the test."""

    image: Image | None = None

    def fetch_book(self, index: int) -> Image | None:
        return self.image


class Scene:
    def __init__(self, folder: Path) -> None:
        self.segment = Segment.create(1 << 18)
        self.segment.add_instrument(instrument())
        self.memory = SessionMemory(1)
        self.sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.session = Kept("test", folder, 1.0)
        up = Mapping(self.memory.up_fd, PAGE, writable=True)
        market = Mapping(self.segment.fd, self.segment.size)
        self.session.open(market, up, self.sockets[0].fileno(), self.memory.eventfd)

    def image(self, update_id: int, *bids: tuple[int, int]) -> None:
        now = self.segment.sequence
        image = (now, State.LIVE, update_id, 0, levels(*bids), levels((200, 1)))
        self.session.image = image

    def delta(self, prev: int, last: int, *bids: tuple[int, int], flags: int = 0) -> None:
        body = struct.pack("<3q2I", prev + 1, prev, 0, len(bids), 0) + levels(*bids)
        self.segment.publish(RecordType.BOOK_DELTA, 0, body, flags=flags, update_id=last)

    def state(self, state: State, reason: Reason, update_id: int = 0) -> None:
        body = struct.pack("<4BI", FeedKind.BOOK, state, 0, 0, reason) + bytes(56)
        self.segment.publish(RecordType.FEED_STATE, 0, body, update_id=update_id)

    def poll(self) -> None:
        while self.session.poll() is not None:
            pass


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.session.shut()
    for end in made.sockets:
        end.close()
    made.memory.close()


def test_deltas_behind_the_image_are_applied_and_those_in_it_are_not(scene: Scene) -> None:
    scene.delta(5, 7, (100, 9))
    scene.image(7, (100, 1), (99, 2))
    book = scene.session.book(0)
    scene.delta(7, 9, (100, 5), (98, 3))
    scene.delta(9, 10, (99, 0), flags=Flag.MORE)
    scene.delta(9, 10, (97, 4), flags=Flag.LAST)
    scene.poll()
    assert book.bids_e() == [(100, 5), (98, 3), (97, 4)]
    assert (book.update_id, book.images, book.valid) == (10, 1, True)


def test_half_a_message_is_never_shown_as_a_book(scene: Scene) -> None:
    scene.image(7, (100, 1))
    book = scene.session.book(0)
    scene.delta(7, 9, (100, 0), flags=Flag.MORE)
    scene.delta(7, 9, (97, 4), flags=Flag.LAST)
    assert scene.session.poll() is not None
    assert (book.valid, book.state, book.update_id) == (False, State.SYNCING, 7)
    assert scene.session.poll() is not None
    assert (book.valid, book.state, book.update_id) == (True, State.LIVE, 9)
    assert book.bids_e() == [(97, 4)]


def test_a_gap_invalidates_and_the_published_difference_heals(scene: Scene) -> None:
    scene.image(7, (100, 1))
    book = scene.session.book(0)
    scene.state(State.GAP, Reason.GAP)
    scene.poll()
    assert (book.state, book.valid) == (State.GAP, False)
    scene.state(State.RESYNC, Reason.GAP)
    scene.delta(7, 20, (100, 0), (96, 6), flags=Flag.RESYNC)
    scene.state(State.LIVE, Reason.HEALED, 20)
    scene.poll()
    assert book.bids_e() == [(96, 6)]
    assert (book.update_id, book.images, book.valid) == (20, 1, True)


def test_a_fresh_start_is_fetched_anew(scene: Scene) -> None:
    scene.image(7, (100, 1))
    book = scene.session.book(0)
    scene.state(State.DOWN, Reason.DISCONNECTED)
    scene.state(State.SYNCING, Reason.CONNECTED)
    scene.poll()
    assert book.state is State.SYNCING
    scene.image(30, (90, 3))
    scene.state(State.LIVE, Reason.FRESH, 30)
    scene.poll()
    assert book.bids_e() == [(90, 3)]
    assert (book.update_id, book.images, book.valid) == (30, 2, True)


def test_without_a_valid_book_the_reader_waits_for_one(scene: Scene) -> None:
    book = scene.session.book(0)
    assert (book.state, book.valid, book.bids()) == (State.SYNCING, False, [])
    scene.delta(7, 20, (100, 1), flags=Flag.RESYNC)
    scene.poll()
    assert not book.valid
    scene.image(20, (100, 1))
    scene.state(State.LIVE, Reason.HEALED, 20)
    scene.poll()
    assert book.valid
    assert book.bids_e() == [(100, 1)]


def test_after_a_lap_the_book_is_fetched_before_anything_is_applied(scene: Scene) -> None:
    scene.image(7, (100, 1))
    book = scene.session.book(0)
    for last in range(8, 8008):
        scene.delta(last - 1, last, (100, last))
    scene.image(8007, (100, 8007))
    scene.delta(8007, 8008, (99, 1))
    scene.poll()
    assert scene.session.lost > 0
    assert book.bids_e() == [(100, 8007), (99, 1)]
    assert (book.update_id, book.images, book.valid) == (8008, 2, True)


def test_a_delta_that_does_not_follow_is_never_applied(scene: Scene) -> None:
    scene.image(7, (100, 1))
    book = scene.session.book(0)
    scene.session.image = None
    scene.delta(9, 11, (100, 5))
    scene.poll()
    assert not book.valid
    assert book.state is State.SYNCING
