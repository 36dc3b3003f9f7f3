"""Cadenza's tokens: got, renewed in time, used up, refused, and nowhere written down.

The machine is told the time and talks to the simulated venue, whose tokens really expire."""

import base64
import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConfigError
from connector.model.redaction import hide
from connector.model.secret import SecretRef
from connector.venues.access_contract import NoEntry
from connector.venues.cadenza import VENUE
from connector.venues.cadenza.auth import Session, Tokens, access, expiry_ns
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS
from tests.reference.cadenza_rest import EMAIL, PASSWORD, Cadenza, User

SECOND_NS = 1_000_000_000
HOUR_S = 3600


@pytest.fixture(params=["seed", "current"])
def venue(request: pytest.FixtureRequest) -> Cadenza:
    return Cadenza(request.param)


def asked(user: User) -> str:
    """The endpoint that the machine would ask."""
    return user.tokens.ask(user.venue.wall_ns()).name


def test_a_login_gives_a_token_for_an_hour(venue: Cadenza) -> None:
    user, now_ns = User(venue), venue.wall_ns
    assert not user.tokens.valid(now_ns())
    assert asked(user) == "login"
    assert not user.enter()
    assert user.tokens.fresh(now_ns())
    assert user.get("user")["email"] == EMAIL
    venue.wait(HOUR_S - 301)
    assert user.tokens.fresh(now_ns())
    venue.wait(1)
    assert not user.tokens.fresh(now_ns()), "renewed five minutes before it expires"
    assert user.tokens.valid(now_ns())
    assert asked(user) == "tokenRefresh"
    venue.wait(300)
    assert not user.tokens.valid(now_ns())
    bearing = user.tokens.bear(ENDPOINTS["user"].request())
    assert venue.send(bearing).status == 401, "the venue knows the same second"


def test_each_renewal_uses_up_a_refresh_token(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    seen = set()
    for _ in range(3):
        venue.wait(HOUR_S - 200)
        assert asked(user) == "tokenRefresh"
        before = user.tokens.token
        assert not user.enter()
        assert user.tokens.token != before
        seen.add(user.tokens.ask(venue.wall_ns()).body)
    assert len(seen) == 3
    assert user.get("user")["email"] == EMAIL


def test_an_answer_that_is_lost_is_asked_for_once_more_with_the_same_token(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    venue.wait(HOUR_S)
    first = user.tokens.ask(venue.wall_ns())
    assert venue.send(first).status == 200  # whose answer does not come
    user.tokens.lost(venue.wall_ns())
    assert user.tokens.due_ns() <= venue.wall_ns(), "at once"
    again = user.tokens.ask(venue.wall_ns())
    assert again.body == first.body
    assert not user.enter()
    assert user.get("user")["email"] == EMAIL


def test_a_refresh_lost_twice_ends_in_a_login(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    venue.wait(HOUR_S)
    for _ in range(2):
        assert asked(user) == "tokenRefresh"
        user.tokens.lost(venue.wall_ns())
    assert asked(user) == "login"
    assert not user.enter()


def test_a_refresh_token_that_somebody_else_used_leads_to_a_login(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    stolen = user.tokens.ask(venue.wall_ns())
    venue.send(stolen)
    venue.wait(HOUR_S)  # long past the seconds in which it may be used again
    assert "Refresh Token" in user.enter()
    assert asked(user) == "login"
    assert not user.enter()


def test_who_has_no_password_and_no_refresh_token_left_cannot_enter(venue: Cadenza) -> None:
    session = User(venue).get("login", email=EMAIL, password=PASSWORD)
    user = User(venue)
    user.tokens = Tokens(refresh=session["refreshToken"])
    assert not user.enter()
    venue.wait(8 * 24 * HOUR_S)
    assert "expired" in user.enter()
    with pytest.raises(NoEntry, match="no email and password"):
        user.tokens.ask(venue.wall_ns())


def test_a_wrong_password_is_tried_again_with_patience(venue: Cadenza) -> None:
    user = User(venue, password="wrong")
    waits = []
    for _ in range(6):
        assert "Invalid login credentials" in user.enter()
        waits.append((user.tokens.due_ns() - venue.wall_ns()) / SECOND_NS)
        venue.wait(waits[-1])
    assert waits == [6, 12, 24, 48, 60, 60], "ten requests a minute are all there are"


def test_a_token_that_is_denied_is_renewed_once(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    old = user.tokens.token
    user.tokens.denied(old)
    assert not user.tokens.valid(venue.wall_ns())
    assert not user.enter()
    user.tokens.denied(old)
    assert user.tokens.valid(venue.wall_ns()), "there is a newer one already"


def test_too_many_logins_are_waited_out() -> None:
    venue = Cadenza(weight=100)
    for _ in range(10):
        assert not User(venue).enter()
    user = User(venue)
    assert "429" in user.enter()
    wait_ns = user.tokens.due_ns() - venue.wall_ns()
    assert 0 < wait_ns <= 60 * SECOND_NS
    venue.wait(wait_ns / SECOND_NS)
    assert not user.enter()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"errno":0}', b'{"errno":0,"data":{}}', b"<html>",
     b'{"errno":0,"data":{"accessToken":"a b"}}', b'{"errno":0,"data":{"accessToken":"a\\nX: y"}}',
     b'{"errno":0,"success":false,"data":{"accessToken":"a"}}'],
)  # fmt: skip
def test_an_answer_without_a_token_is_none(body: bytes) -> None:
    tokens = Tokens(email=EMAIL, password=PASSWORD)
    tokens.ask(0)
    assert tokens.answered(200, {}, body, 0)
    assert not tokens.token
    assert tokens.due_ns() >= 6 * SECOND_NS


@pytest.mark.parametrize("asking", [Tokens(email=EMAIL, password=PASSWORD), Tokens(refresh="r")])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
def test_what_is_said_of_an_answer_without_a_form_has_no_token_in_it(
    asking: Tokens, status: int
) -> None:
    for body in (
        b'{"accessToken":"eyJhbGci.x.y","refreshToken":"v1.secret"}',
        b'{"success":true,"data":{"accessToken":"eyJhbGci.x.y","refreshToken":"v1.secret"}}',
        b'{"errno":0,"data":{"refreshToken":"v1.secret","accessToken":["eyJhbGci.x.y"]}}',
        b'{"errno":0,"data":{"refreshToken":"v1.secret","accessToken":"eyJhbGci.x',
    ):
        asking._due_ns, asking._refresh = 0, asking._refresh or "r"
        asking.ask(0)
        why = asking.answered(status, {}, body, 0)
        assert why
        assert "eyJ" not in why
        assert "v1." not in why


def test_a_token_that_has_ended_is_waited_for_and_not_asked_for_again_and_again() -> None:
    tokens = Tokens(email=EMAIL, password=PASSWORD)
    tokens.ask(0)
    body = json.dumps({"errno": 0, "data": {"accessToken": jwt({"exp": 900})}}).encode()
    now_ns = 1000 * SECOND_NS
    assert "clock" in tokens.answered(200, {}, body, now_ns)
    assert tokens.due_ns() == now_ns + 6 * SECOND_NS
    assert not tokens.token


def jwt(claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize(
    ("session", "expires_s"),
    [
        (Session(access_token=jwt({"exp": 5000}), expires_in=60), 5000),
        (Session(access_token=jwt({"exp": 5000.9})), 5000),
        (Session(access_token=jwt({}), expires_in=60), 1060),
        (Session(access_token=jwt([]), expires_in=60), 1060),
        (Session(access_token="opaque", expires_in=60), 1060),
        (Session(access_token="a.!.c", expires_at=1703056235), 1703056235),
        (Session(access_token="a.b.c", expires_at=1703056235000), 1703056235),
        (Session(access_token="opaque"), 1000 + HOUR_S),
        # Another clock's: what is told of the time from now on counts.
        (Session(access_token=jwt({"exp": 900}), expires_in=60), 1060),
        (Session(access_token=jwt({"exp": -1}), expires_at=2000), 2000),
        (Session(access_token=jwt({"exp": 900}), expires_in=0, expires_at=999), 0),
    ],
)
def test_when_a_token_ends(session: Session, expires_s: int) -> None:
    assert expiry_ns(session, 1000 * SECOND_NS) == expires_s * SECOND_NS


def test_tokens_print_and_travel_as_nothing(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    shown = repr(user.tokens)
    assert user.tokens.token not in shown
    assert PASSWORD not in shown
    for travels in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            travels(user.tokens)


# Where they are kept


def test_the_newest_refresh_token_is_written_back_to_its_file(
    venue: Cadenza, tmp_path: Path
) -> None:
    session = User(venue).get("login", email=EMAIL, password=PASSWORD)
    place = tmp_path / "refresh"
    place.write_text(session["refreshToken"])
    place.chmod(0o600)
    user = User(venue)
    user.tokens = made(Config(refresh_token=f"file:{place}"))
    assert not user.tokens.unsaved
    assert not user.enter()
    assert user.tokens.unsaved
    user.tokens.save()
    assert not user.tokens.unsaved
    assert place.read_text() not in ("", session["refreshToken"])
    assert place.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["refresh"], "and nowhere else"
    venue.wait(HOUR_S)
    later = User(venue)
    later.tokens = made(Config(refresh_token=f"file:{place}"))
    assert not later.enter(), "a later process goes on with it"


def test_elsewhere_it_is_not_written(venue: Cadenza, monkeypatch: pytest.MonkeyPatch) -> None:
    session = User(venue).get("login", email=EMAIL, password=PASSWORD)
    monkeypatch.setenv("CADENZA_REFRESH", session["refreshToken"])
    user = User(venue)
    user.tokens = made(Config(refresh_token="env:CADENZA_REFRESH"))
    assert not user.enter()
    assert not user.tokens.unsaved


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Config(), "wants a login"),
        (Config(email="env:CADENZA_EMAIL"), "go together"),
        (Config(email="env:CADENZA_NAME", password="env:CADENZA_EMAIL"), "no email address"),
        (Config(password="env:CADENZA_EMAIL"), "go together"),
        (Config(email="env:CADENZA_NOTHING", password="env:CADENZA_EMAIL"), "CADENZA_NOTHING"),
        (Config(refresh_token="file:/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_what_is_missing_is_named(
    config: Config, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENZA_EMAIL", EMAIL)
    monkeypatch.setenv("CADENZA_NAME", "me and you")
    monkeypatch.delenv("CADENZA_NOTHING", raising=False)
    with pytest.raises(ConfigError, match=words) as told:
        made(config)
    assert "me and you" not in str(told.value)


def test_a_line_end_behind_an_address_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENZA_EMAIL", f"{EMAIL}\n")
    monkeypatch.setenv("CADENZA_PASSWORD", PASSWORD)
    tokens = made(Config(email="env:CADENZA_EMAIL", password="env:CADENZA_PASSWORD"))
    assert json.loads(tokens.ask(0).body)["email"] == EMAIL


def test_a_lost_file_is_no_matter_where_there_is_a_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CADENZA_EMAIL", EMAIL)
    monkeypatch.setenv("CADENZA_PASSWORD", PASSWORD)
    tokens = made(
        Config(
            email="env:CADENZA_EMAIL",
            password="env:CADENZA_PASSWORD",
            refresh_token=f"file:{tmp_path}/refresh",
        )
    )
    assert tokens.ask(0).name == "login"


def made(config: Config) -> Tokens:
    tokens = access(config).keeper()
    assert isinstance(tokens, Tokens)
    return tokens


def test_a_secret_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "secret"
    place.write_text("old")
    place.chmod(0o600)
    reference = SecretRef.parse(f"file:{place}")
    reference.write(b"new")
    assert reference.read().reveal() == b"new"
    tmp_path.chmod(0o500)
    try:
        if os.geteuid():  # root may write anywhere
            with pytest.raises(OSError, match="denied"):
                reference.write(b"newer")
    finally:
        tmp_path.chmod(0o700)
    with pytest.raises(OSError, match="cannot be written"):
        SecretRef.parse("env:HOME").write(b"x")


def test_an_event_that_embeds_a_key_is_written_without_it() -> None:
    event = {
        "data": {
            "credentialId": "c1", "apiKey": "canary one", "withSecret": True,
            "config": {"apiSecret": "canary two", "apiPassphrase": 'canary " canary'},
            "token": "canary-four", "secretKey": "canary-five", "secretPassphrase": "canary-six",
        }
    }  # fmt: skip
    assert VENUE.unwritten
    for text in (json.dumps(event), json.dumps(json.dumps(event))):
        written = hide(text.encode(), VENUE.unwritten)
        assert b"canary" not in written
        assert b"c1" in written
