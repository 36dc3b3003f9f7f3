"""The simulated Cadenza's endpoints of users: the front of `sim_auth`."""

from typing import Any

from connector.venues.cadenza.sim_asked import Asked


def signup(asked: Asked) -> Any:
    fields = asked.fields
    return asked.users.signup(
        fields["email"], fields["password"], fields.get("metadata", {}), asked.now_ms
    )


def login(asked: Asked) -> Any:
    return asked.users.login(asked.fields["email"], asked.fields["password"], asked.now_ms)


def logout(asked: Asked) -> Any:
    assert asked.claims is not None
    asked.users.logout(asked.claims)
    return "ok"


def refresh(asked: Asked) -> Any:
    return asked.users.refresh(asked.fields["refreshToken"], asked.now_ms)


def who(asked: Asked) -> Any:
    return asked.me.row(asked.profile)


def update(asked: Asked) -> Any:
    fields = asked.fields
    return asked.users.update(
        asked.me, fields.get("email", ""), fields.get("password", ""), fields.get("metadata"),
        asked.now_ms,
    )  # fmt: skip


def recover(asked: Asked) -> Any:
    asked.users.recover(asked.fields["email"])
    return "ok"
