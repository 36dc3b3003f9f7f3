"""Secrets by reference: read when needed, from where only this user can read, and printing as
nothing."""

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from connector.errors import ConfigError


class Secret:
    """A value that cannot print itself."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The value itself; give it to nothing that logs."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


class SecretRef(Struct, frozen=True):
    """Where a secret is kept: ``credential:NAME``, ``file:PATH`` or ``env:NAME``."""

    scheme: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "SecretRef":
        """Raises ValueError without repeating ``text``: somebody may have pasted the secret
        itself."""
        scheme, colon, name = text.partition(":")
        if not colon or scheme not in ("credential", "file", "env") or not name:
            raise ValueError("expected credential:NAME, file:PATH or env:NAME")
        return cls(scheme, name)

    def read(self, environ: Mapping[str, str] | None = None) -> Secret:
        """The secret; ConfigError says what is wrong with the place, never what is in it."""
        environ = os.environ if environ is None else environ
        if self.scheme == "env":
            value = environ.get(self.name)
            if not value:
                raise ConfigError(f"env:{self.name}: the variable is not set")
            return Secret(value.encode())
        if self.scheme == "credential":
            folder = environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise ConfigError(
                    f"credential:{self.name}: no $CREDENTIALS_DIRECTORY (LoadCredential= gives one)"
                )
            path = Path(folder) / self.name
        else:
            path = Path(self.name)
        return Secret(_private_bytes(path, f"{self.scheme}:{self.name}", self.scheme == "file"))

    def write(self, value: bytes) -> None:
        """Put another value in the place of the old one, whole or not at all; slow.

        Only of a file; raises OSError."""
        if self.scheme != "file":
            raise OSError(f"{self.scheme}:{self.name} cannot be written")
        path = Path(self.name)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        try:
            with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _private_bytes(path: Path, label: str, owned: bool) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigError(f"{label}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if owned and found.st_uid != os.geteuid():
            raise ConfigError(f"{label}: owned by uid {found.st_uid}, not by {os.geteuid()}")
        if owned and stat.S_IMODE(found.st_mode) & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise ConfigError(f"{label}: mode {mode:04o} lets others in; chmod 0600 {path}")
        return file.read().strip()
