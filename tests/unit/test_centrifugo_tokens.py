"""Tokens of a Centrifugo session and its subscriptions: renewed in time, or a new connection."""

import pytest

from connector.protocol.centrifugo_events import Refused, TokenWanted
from connector.protocol.centrifugo_frames import Class
from tests.reference.centrifugo_client import SECOND_NS, T0, connected, say, sent


@pytest.mark.parametrize("ttl_s", [3540, 100, 40, 2])
def test_a_token_is_asked_for_well_before_it_ends(ttl_s):
    client = connected(expires=True, ttl=ttl_s, ping=0)
    client.take()
    due_ns = client.due_ns
    assert T0 + ttl_s * SECOND_NS // 2 <= due_ns < T0 + ttl_s * SECOND_NS
    assert client.on_timer(due_ns) == [TokenWanted()]
    client.refresh("t1", due_ns)
    ((command,),) = sent(client)
    assert command == {"id": 2, "refresh": {"token": "t1"}}
    reply = {"id": 2, "refresh": {"expires": True, "ttl": 1000}}
    assert say(client, reply, now_ns=due_ns) == []
    assert client.due_ns > due_ns + 500 * SECOND_NS
    assert client.token == "t1"  # the next connection uses it, too


def test_a_session_that_does_not_end_asks_for_nothing():
    assert connected(expires=False, ttl=0, ping=0).due_ns == 0


def test_a_subscription_that_ends_is_prolonged():
    client = connected("a", ping=0)
    client.take()
    say(client, {"id": 2, "subscribe": {"expires": True, "ttl": 600}})
    due_ns = client.due_ns
    assert client.on_timer(due_ns) == [TokenWanted("a")]
    client.refresh_channel("a", "s1", due_ns)
    ((command,),) = sent(client)
    assert command == {"id": 3, "sub_refresh": {"channel": "a", "token": "s1"}}
    refused = {"id": 3, "error": {"code": 103, "message": "permission denied"}}
    assert say(client, refused) == [Refused("a", 103, "permission denied", Class.FINAL)]


def test_a_refresh_without_an_answer_is_tried_again():
    client = connected(expires=True, ttl=100, ping=0)
    client.refresh("t1", T0)
    assert client.on_timer(T0 + 5 * SECOND_NS) == [TokenWanted()]
    client = connected("a", ping=0)
    client.take()
    say(client, {"id": 2, "subscribe": {"expires": True, "ttl": 600}})
    client.refresh_channel("a", "s1", T0)
    assert client.on_timer(T0 + 5 * SECOND_NS) == [TokenWanted("a")]


def test_a_session_that_does_not_end_is_not_prolonged():
    """A `refresh` that the server does not wait for is answered with a close for good."""
    client = connected(expires=False)
    client.take()
    client.refresh("t1", T0)
    assert (client.take(), client.token) == ([], "t1")


def test_a_refused_refresh_ends_in_a_new_token():
    client = connected(expires=True, ttl=100)
    client.refresh("t1", T0)
    (close,) = say(client, {"id": 2, "error": {"code": 110, "message": "expired"}})
    assert client.closed(close.code, T0) is Class.TOKEN
