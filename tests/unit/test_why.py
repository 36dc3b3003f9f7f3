"""An order's story out of what journals tell: names, clocks, and what is hidden of a request."""

from typing import Any

import pytest

from connector.model.redaction import hide
from connector.trading import texts, why
from connector.venues.contract import Request
from connector.venues.trading_contract import ApiRequest, Charge, Encoded

WALL_NS, BOOT_NS = 1_700_000_000_000_000_000, 5_000_000_000


def told(kind: str, at_ns: int, key: int = 0, **more: Any) -> dict[str, Any]:
    """An entry written ``at_ns`` after the first boot."""
    found = {"strategy": "maker", "type": kind, "publish_ns": BOOT_NS + at_ns,
             "wall_ns": WALL_NS + at_ns, "instrument": "BTCUSDT", **more}  # fmt: skip
    return found | ({"order_key": key} if key else {})


ENTRIES = [
    told("command", 1_000, 70, command=1, action="PLACE", client_order_id="a", ref_id="R1",
         side="BUY", qty="1", price="10", cause_recv_ns=BOOT_NS + 100, cause_sequence=9,
         created_ns=BOOT_NS + 300, read_ns=BOOT_NS + 600, checked_ns=BOOT_NS + 700,
         encoded_ns=BOOT_NS + 800),
    told("order_report", 9_000, 70, sequence=1, update="SUBMITTED", client_order_id="a",
         order_id=5, recv_ns=BOOT_NS + 8_000),
    told("order_report", 9_500, 71, sequence=2, update="SUBMITTED", client_order_id="b",
         order_id=5, side="SELL", flags=2),
    told("command", 10_000, 0, command=2, action="PLACE", ref_id="R2", client_order_id="a",
         code=900015),
    told("command_answer", 10_500, 0, command=2, sequence=3, result="REFUSED", code=900015),
    told("order_report", 11_000, 70, sequence=4, update="STATE", flags=32),
    # the machine was started again, an hour later
    told("order_report", 0, 70, sequence=5, update="EXECUTED", client_order_id="a",
         publish_ns=400, wall_ns=WALL_NS + 3_600_000_000_000, recv_ns=150),
    told("order_report", 0, 70, sequence=1, update="EXECUTED", client_order_id="a", strategy="ear",
         publish_ns=500, wall_ns=WALL_NS + 3_600_000_000_100, recv_ns=150),
]  # fmt: skip


def names() -> why.Names:
    found = why.Names()
    for entry in ENTRIES:
        found.learn(entry)
    return found


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("70", why.Subject(70)),
        ("a", why.Subject(70)),  # not the refused command that wanted the same name
        ("R1", why.Subject(70)),
        ("b", why.Subject(71)),
        ("R2", why.Subject(0, "maker", 2)),
    ],
)
def test_a_name_means_one(name: str, subject: why.Subject) -> None:
    assert names().one(name) == subject


def test_several_of_a_name_are_named_and_so_is_what_is_near() -> None:
    with pytest.raises(
        why.Unfound, match=r"5 means several: order 70 .*; order 71 of maker .*SELL"
    ):
        names().one("5")
    with pytest.raises(why.Unfound, match="no order is called R3; there is R"):
        names().one("R3")
    with pytest.raises(why.Unfound, match=r"no order is called zzz$"):
        names().one("zzz")


def test_the_steps_of_an_order_over_two_boots() -> None:
    order, steps = why.tell(why.Subject(70), ENTRIES, lambda strategy, sequence: None)
    assert [(step.what.split()[0], step.monotonic_ns) for step in steps] == [
        ("market", BOOT_NS + 100), ("command", BOOT_NS + 300), ("taken", BOOT_NS + 600),
        ("checked", BOOT_NS + 700), ("encoded", BOOT_NS + 800), ("command", BOOT_NS + 1_000),
        ("event", BOOT_NS + 8_000), ("report", BOOT_NS + 9_000),
        ("event", 150), ("report", 400), ("report", 500),
    ]  # fmt: skip
    assert [step.exact for step in steps] == [True] * 8 + [False] + [True] * 2
    assert steps[8].wall_ns - steps[7].wall_ns == 3_600_000_000_000 - 250 - 9_000
    assert order["client_order_id"] == "a"


def test_a_refused_command_and_its_answer_make_a_story() -> None:
    _, steps = why.tell(why.Subject(0, "maker", 2), ENTRIES, lambda strategy, sequence: None)
    assert [step.what for step in steps] == ["command journalled", "answer delivered"]
    assert steps[1].details["result"] == "REFUSED"


def test_a_cause_that_was_a_report_is_looked_up() -> None:
    command = told("command", 20_000, 80, command=3, action="PLACE", cause_report=1)
    looked: list[tuple[str, int]] = []

    def report(strategy: str, sequence: int) -> dict[str, Any]:
        looked.append((strategy, sequence))
        return ENTRIES[1]

    _, steps = why.tell(why.Subject(80), [command], report)
    assert looked == [("maker", 1)]
    assert steps[0].what == "report delivered that the strategy read last"
    assert steps[0].monotonic_ns == BOOT_NS + 9_000


SECRETS = ("signature", "apiKey", "listenKey")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            Request("POST", "/o", "symbol=A&signature=abc%2F12=&x=1", (("K", "key"),), name="o"),
            b"POST /o?symbol=A&signature=***&x=1",
        ),
        (
            Request("POST", "/o", body=b"a=1&signature=abc", name="o"),
            b"POST /o\na=1&signature=***",
        ),
        (
            Encoded(b"POST /o?q=1&signature=ab HTTP/1.1\r\nHost: h\r\nX-KEY: kk\r\n\r\n",
                    Charge(name="o", weight=0, pool="")),
            b"POST /o?q=1&signature=***",
        ),
        (
            ApiRequest(number=1, frame=b'{"params":{"apiKey":"kk","signature":"s/+=","q":1}}',
                       name="o", weight=0, pool=""),
            b'{"params":{"apiKey":"***","signature":"***","q":1}}',
        ),
    ],
)  # fmt: skip
def test_a_request_is_written_without_what_signs_it(message: Any, text: bytes) -> None:
    assert texts.request_text(message, SECRETS) == text


@pytest.mark.parametrize("frame", [
    b'{"e":"listenKeyExpired","listenKey":"lk"}',
    b'{"e" : "listenKeyExpired", "listenKey" : "lk"}',
    b'"{\\"listenKey\\":\\"lk\\"}"',
    b'{"listenKey":"lk',
])  # fmt: skip
def test_keys_are_hidden_in_whatever_comes(frame: bytes) -> None:
    assert b"lk" not in hide(frame, SECRETS)
    assert hide(b"signatures=1 designature=2", SECRETS) == b"signatures=1 designature=2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'{"apiKey":"a b","x":"c"}', b'{"apiKey":"***","x":"c"}'),
        (b'{"apiKey" : "a\\"b\\\\","x":1}', b'{"apiKey" : "***","x":1}'),
        (b'{"data":{"credentials":[{"apiKey":"a"},{"apiKey":"b"}]}}',
         b'{"data":{"credentials":[{"apiKey":"***"},{"apiKey":"***"}]}}'),
        (b'{"text":"{\\"apiKey\\":\\"a b\\",\\"x\\":1}"}',
         b'{"text":"{\\"apiKey\\":\\"***\\",\\"x\\":1}"}'),
        (b"apiKey=a%20b&x=c", b"apiKey=***&x=c"),
        (b'{"idempotencyKey":"a","tokens":"b","x":"apiKey"}',
         b'{"idempotencyKey":"a","tokens":"b","x":"apiKey"}'),
        (b'{"apiKey":null,"apiKey":7}', b'{"apiKey":null,"apiKey":"***"}'),
        (b'{"apiKey":"never closed', b'{"apiKey":"***'),
    ],
)  # fmt: skip
def test_what_is_never_written_is_hidden_to_its_end(text: bytes, shown: bytes) -> None:
    assert hide(text, ("apiKey",)) == shown
