"""What is done behind a request of the short way though something of it fails."""

from connector.config_trading import Transport
from tests.property.test_lane import Pair, both


def test_a_repeat_of_what_ended_its_connection_is_not_sent() -> None:
    """It may have left: nobody places it twice, and it counts until it is known."""
    with both(transport=Transport.WS_API) as sides:
        pair, fast = Pair(sides), sides[0]
        pair.send()
        socket = fast.account.socket
        assert socket is not None
        lines = dict(socket._lines)
        fast.leaving = lambda data: socket._lines.clear()
        pair.send(ref_id="mine")
        fast.leaving = lambda data: None
        socket._lines.update(lines)
        assert (fast.short, len(fast.sent)) == (1, 2)
        pair.send(ref_id="mine")
        assert len(fast.sent) == 2
        assert fast.desk.holdings.account(0).open_orders == 2
