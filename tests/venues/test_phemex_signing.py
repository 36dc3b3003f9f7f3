"""Phemex: signatures are those of the reference's vectors, with the secret as it is and decoded."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.venues.contract import Request, Security
from connector.venues.phemex.signing import KINDS, LOGON_S, logon, sign, signer

SECOND_NS = 1_000_000_000
# Section 2.4 of the reference: a made-up secret.
SECRET = b"--__cGhlbWV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMTIzNDU2Nzg5-_8"
KEY = "806066b0-f02b-4d3e-b444-76ec718e1023"
BODY = (
    b'{"symbol":"BTCUSD","clOrdID":"uuid-1573058952273","side":"Sell","priceEp":93185000,'
    b'"orderQty":7,"ordType":"Limit","reduceOnly":false,"timeInForce":"GoodTillCancel",'
    b'"takeProfitEp":0,"stopLossEp":0}'
)
OPEN = "ordStatus=New&ordStatus=PartiallyFilled&ordStatus=Untriggered&symbol=BTCUSD"
CANCEL = "symbol=BTCUSD&orderID=2585817b-85df-4dea-8507-5db1920b9954"
CREATE = (
    "clOrdID=t-1&symbol=BTCUSD&side=Buy&ordType=Limit&priceEp=86770000&orderQty=4"
    "&timeInForce=PostOnly"
)
VECTORS = [
    (
        ("GET", "/accounts/accountPositions", "currency=BTC", 1575735514, b""),
        "fc60195a9d709aa4d1b8081ec7f1610c53c72841e0a3bcd081d602c5d9b4e849",
        "dd80752c851ae2b82e457a6856ac0b5a77812834b14a56a5f6e5ef5c1e37680d",
    ),
    (
        ("GET", "/orders/activeList", OPEN, 1575735951, b""),
        "cd68c70c449446a1925b056afa8d01f6096b9a843c145e911634685deafb8e8e",
        "b7146b927d7705e2ad9bc4dcb8479384009c00ec69a2df48adf4bd8cf3edbc16",
    ),
    (
        ("POST", "/orders", "", 1575735514, BODY),
        "c1bb306e25f7ce4b37d5b2e991db925072ee8a7c576bceb79bdd7e1971e1ae40",
        "25210dc43642badb7eac3d6a40b879c81870b8366baae18c75b1f77a8659fde2",
    ),
    (
        ("DELETE", "/orders/cancel", CANCEL, 1580533239, b""),
        "c265f43940f508af9af71343e685b0e2da996a6a435ae03f9dc737eb4347d0e3",
        "36a0d25970323a866ba53efcde1d9c4740f952b32bbd16cf096354b125c27ace",
    ),
    (
        ("DELETE", "/orders/all", "symbol=BTCUSD&untriggered=true", 1580533239, b""),
        "4e0c1f4fd6b27bc70021e8c5c310235d1cb20c5faed1fb456e662348eed1d2d6",
        "dae25443bb87a5b5b9440418f9a53423ecc69202a466efee17554586df19d502",
    ),
    (
        ("PUT", "/orders/create", CREATE, 1580533239, b""),
        "6e0d9bb53ebd43e06de1e3c9b34c51be8c6e55596f57c345fb059533751e2037",
        "6e636309119fa8621b1d4a516bc52dfab093710a168e7d46d376b3047c193f81",
    ),
]


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize(("what", "raw", "decoded"), VECTORS)
def test_requests_are_signed_as_the_reference_shows(what, raw, decoded, decode):
    method, path, query, expiry, body = what
    request = Request(method, path, query, body=body, security=Security.SIGNED)
    made = sign(
        request, signer(KEY, SECRET, KINDS[decode]), (expiry - 10) * SECOND_NS, window_ms=10_000
    )
    headers = dict(made.headers)
    assert headers["x-phemex-access-token"] == KEY
    assert headers["x-phemex-request-expiry"] == str(expiry)
    assert headers["x-phemex-request-signature"] == (decoded if decode else raw)
    assert headers.get("Content-Type") == ("application/json" if body else None)
    assert (made.method, made.target, made.body) == (method, request.target, body)


@pytest.mark.parametrize(
    ("kind", "signature"),
    [
        ("hmac", "2dcb5e13bfca11d7256669835eed0d6627ed3e6cee211f48e0ca3a01bc7c15c4"),
        ("hmac-base64url", "beb7b7e83c00a359181927eb448e290a0231b5e658b35c893cc95832dd11319a"),
    ],
)
def test_a_login_is_signed_as_the_reference_shows(kind, signature):
    venue_ns = (1570091232 - LOGON_S) * SECOND_NS + 999_999_999
    params = logon(signer(KEY, SECRET, kind), venue_ns)
    assert params == ["API", KEY, signature, 1570091232]


@given(st.integers(0, 2**62), st.integers(1000, 60_000))
def test_nothing_is_executed_after_the_window(venue_ns: int, window_ms: int) -> None:
    request = Request("GET", "/orders/activeList", security=Security.SIGNED)
    headers = dict(sign(request, signer(KEY, SECRET), venue_ns, window_ms).headers)
    left_ns = int(headers["x-phemex-request-expiry"]) * SECOND_NS - venue_ns
    assert window_ms * 10**6 - SECOND_NS < left_ns <= window_ms * 10**6


def test_what_is_public_is_not_signed() -> None:
    request = Request("GET", "/public/time")
    assert sign(request, signer(KEY, SECRET), 0) is request


@pytest.mark.parametrize(
    ("key", "secret", "kind"),
    [
        ("", SECRET, "hmac"),
        ("two words", SECRET, "hmac"),
        (KEY, b" ", "hmac"),
        (KEY, SECRET, "ed25519"),
        (KEY, b"no+base64/url", "hmac-base64url"),
        (KEY, b"abcde", "hmac-base64url"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key, secret, kind):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words differ
        signer(key, secret, kind)
    words = str(caught.value)
    assert not key or key not in words
    assert secret.strip().decode() not in words or not secret.strip()


def test_a_signer_shows_nothing() -> None:
    made = signer(KEY, SECRET)
    assert KEY not in repr(made)
    assert SECRET.decode() not in repr(made)
    with pytest.raises(TypeError):
        pickle.dumps(made)
