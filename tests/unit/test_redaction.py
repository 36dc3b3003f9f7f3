"""What is secret is never written down, and what is not stays readable."""

import json
import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.logs import JsonFormatter, TextFormatter, Writer
from connector.model.redaction import (
    HINTS,
    PAIRS,
    PARTS,
    STEMS,
    glimpse,
    hide,
    hide_inside,
    is_secret,
)
from connector.venues.cadenza import VENUE
from connector.venues.cadenza.user import redacted

SECRET = """
apiKey api_key API-KEY apikey APIKey apiKeySecret api_secret apiSecret apiPassphrase apiKeys
myapiKey X-API-KEY x-api-secret clientSecret client_secret clientsecret secret secretKey
secretPassphrase secretAccessKey SECRET_KEY accessKey signingKey sessionKey listenKey privateKey
private_key rsaPrivateKey ed25519Key hmacKey anonKey service_role_key jwt userJwt JWTToken token
accessToken access_token refreshToken refresh_token refreshTokens idToken bearerToken
connectionToken subToken wsToken tokenValue tokenHash bearer authorization Authorization cookie
Set-Cookie password oldPassword new_password passwordConfirmation passwd pwd passphrase
pass_phrase passPhrase pass passcode otp otpCode totp mfaCode twoFactorCode 2faCode
verificationCode seedPhrase recoveryPhrase mnemonic pin signature x-phemex-access-token
x-phemex-request-signature
"""
INNOCENT = """
tokens bucketTokens tokens_left maxTokens tokenBucket tokenType token_type tokenExpiresAt
tokenCount expiresIn expiresAt idempotencyKey idempotency_key X-Idempotency-Key clientOrderId
client_order_id originalClientOrderId tradeOrderId credentialId credentialIds credentialType
credentialStatus credentials publicKey public_key key keys keyboard sortKey cacheKey
passwordUpdatedAt apiKeyStatus apiKeyType baseToken quoteToken feeToken monkey hotkey signatures
designature bypass passed passive compass passing author authority authenticated session client
request_id code errorCode pinned spinning shopping symbol securitySymbol security reason message
"""


@pytest.mark.parametrize("name", SECRET.split())
def test_a_name_that_says_that_it_is_secret(name: str) -> None:
    assert is_secret(name)
    value = 'ca"n\\ary, {canary}'
    told = {"a": 1, name: value, "z": "kept"}
    for text in (
        json.dumps(told),
        json.dumps({"inner": json.dumps(told)}),
        json.dumps({"inner": json.dumps({"inner": json.dumps(told)})}),
        json.dumps({"a": [{"b": told}], name: [value, {"c": value}], "z": "kept"}),
        json.dumps({name: {"c": [value]}, "z": "kept"}),
    ):
        shown = hide(text.encode())
        assert b"canary" not in shown
        assert b"kept" in shown
        json.loads(shown)
    assert hide(f"POST /x?a=1&{name}=canary%20canary&z=kept".encode()) == (
        f"POST /x?a=1&{name}=***&z=kept".encode()
    )
    assert hide(f'{{"{name}": 123456, "z": 1}}'.encode()) == f'{{"{name}": "***", "z": 1}}'.encode()
    assert "canary" not in repr(hide_inside({"x": [told, {name: [value]}]}))
    assert "canary" not in redacted(json.dumps({"data": told}).encode())


@pytest.mark.parametrize("name", INNOCENT.split())
def test_a_name_that_says_nothing_of_the_kind(name: str) -> None:
    assert not is_secret(name)
    told = {name: "shown", "n": [{name: "shown"}]}
    for text in (json.dumps(told), json.dumps(json.dumps(told)), f"/x?{name}=shown&b=1"):
        assert hide(text.encode()) == text.encode()
    assert hide_inside(told) == told


def test_every_word_that_makes_a_name_secret_is_looked_for() -> None:
    words = [*STEMS, *PARTS, *(f"{one}{last}" for last, firsts in PAIRS.items() for one in firsts)]
    for word in words:
        assert any(hint in word.encode() for hint in HINTS), word
    assert hide(b"x?odd=canary&a=b", ("odd",)) == b"x?odd=***&a=b"


@pytest.mark.parametrize("value", ["null", "true", "false"])
def test_what_is_no_value_is_shown(value: str) -> None:
    text = f'{{"withSecret": {value}, "apiKey":{value}}}'.encode()
    assert hide(text) == text


@pytest.mark.parametrize("quote", ['"', "'", '\\"'])
def test_a_value_that_is_given_in_quotes_is_hidden_whole(quote: str) -> None:
    """As a log line quotes what has a blank in it, and a ``repr`` every text."""
    text = f"Session(x=1 refresh_token={quote}can ary={quote}, z=2)"
    assert hide(text.encode()).decode() == "Session(x=1 refresh_token=***, z=2)"
    assert b"canary" not in hide(f"pass={quote}canary".encode()), "cut off"
    for kept in ('{"message":"no token=","x":1}', '["x?token=", "b"]'):
        assert hide(kept.encode()).decode().replace("***", "") == kept


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl-_x"


@pytest.mark.parametrize("text", [
    f'{{"error": "cannot take {JWT}"}}',
    f"Authorization: Bearer {JWT}",
    "authorization: bearer c2lnbmF0dXJl.eyJzdWIiOiJjYW5hcnkifQ/+=",
    f'{{"words": "{JWT}"}}',
    "-----BEGIN PRIVATE KEY-----\neyJzdWIiOiJjYW5hcnkifQ\n-----END PRIVATE KEY-----",
])  # fmt: skip
def test_what_is_known_by_itself_is_hidden_by_any_name(text: str) -> None:
    for one in (text, json.dumps(text)):
        assert b"eyJzdWI" not in hide(one.encode())
    assert "eyJzdWI" not in repr(hide_inside([text]))


@given(st.binary(max_size=400), st.sampled_from(SECRET.split()), st.integers(0, 3))
def test_anything_around_hides_nothing_less(noise: bytes, name: str, depth: int) -> None:
    told = json.dumps({name: 'so "canary" is', "kept": noise.decode("latin-1")})
    for _ in range(depth):
        told = json.dumps({"text": told})
    shown = hide(told.encode())
    assert b"canary" not in shown
    found = json.loads(shown)
    for _ in range(depth):
        found = json.loads(found["text"])
    assert found[name] == "***"
    assert isinstance(hide(noise), bytes)


@given(st.sampled_from(SECRET.split()), st.integers(0, 2), st.data())
def test_a_text_that_is_cut_off_shows_no_part(name: str, depth: int, data: st.DataObject) -> None:
    told = json.dumps({"a": "b", name: "0123456789", "z": "y"})
    for _ in range(depth):
        told = json.dumps(told)
    cut = data.draw(st.integers(0, len(told)))
    assert b"0" not in hide(told[:cut].encode()).replace(b"ed25519", b"")


def test_long_texts_take_no_longer_than_their_length() -> None:
    for one in (b"\\", b"eyJ", b'"', b"a", b'"token":', b'{"token":', b'"token":"\\'):
        text = one * (300_000 // len(one))
        hide(text)


def test_an_answer_that_is_no_answer_shows_no_token() -> None:
    body = json.dumps({"accessToken": "canary", "refreshToken": "canary"}).encode()
    for end in range(len(body)):
        assert "canar" not in glimpse(body[:end])
    for answer in (VENUE.judge(200, {}, body), VENUE.judge(502, {}, body)):
        assert answer.message
        assert "canary" not in answer.message


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_log_has_none(formatter: logging.Formatter) -> None:
    ours, its = os.pipe()
    writer = Writer(its)
    writer.setFormatter(formatter)
    log = logging.Logger("test")
    log.addHandler(writer)
    log.error("it said %s", '{"clientSecret": "canary"}', extra={
        "api_key": "canary", "account": "main", "frame": '{"jwt":"canary","status":"ok"}',
    })  # fmt: skip
    try:
        raise ValueError(f"password=canary {JWT}")
    except ValueError:
        log.exception("failed")
    writer.close()
    os.close(its)
    with os.fdopen(ours) as lines:
        text = lines.read()
    for hidden in ("canary", "eyJzdWI"):
        assert hidden not in text
    for shown in ("main", "status", "failed"):
        assert shown in text
