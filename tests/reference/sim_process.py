"""Run `connector sim` as a process, as a user does, and talk to its control side."""

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.reference import starter
from tests.reference.starter import Started

ROOT = Path(__file__).resolve().parents[2]
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no authority: a venue without TLS needs none, and to read the system's, as a client of
httpx does when it is made, takes longer than the request."""


class Simulator:
    """A running simulator: its URLs as printed, and its control requests."""

    def __init__(self, process: "Started | subprocess.Popen[bytes]", ready: dict[str, Any]) -> None:
        self.process = process
        self.rest: str = ready["rest"]
        self.ws: str = ready["ws"]
        self.ca: str | None = ready["ca"]

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client().get(self.rest + path, params=params)

    def fault(self, **command: Any) -> dict[str, Any]:
        answer = self.client().post(self.rest + "/_sim/faults", json=command)
        assert answer.status_code == 200, answer.text
        row: dict[str, Any] = answer.json()[0]
        return row

    def heal(self) -> None:
        """No faults any more."""
        assert self.client().delete(self.rest + "/_sim/faults").status_code == 200

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/_sim/status").json()
        return found

    def client(self) -> Any:
        """A fresh connection for every request, so that none is left open."""
        verify = ssl.create_default_context(cafile=self.ca) if self.ca else NOBODY
        return _Once(verify)


class _Once:
    def __init__(self, verify: Any) -> None:
        self._verify = verify

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._do("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self._do("POST", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self._do("DELETE", url, **options)

    def _do(self, method: str, url: str, **options: Any) -> httpx.Response:
        with httpx.Client(verify=self._verify, timeout=30, trust_env=False) as client:
            return client.request(method, url, **options)


@contextmanager
def simulator(*arguments: str | Path) -> Iterator[Simulator]:
    """Start a simulator on a free port and stop it at the end; it must end with status 0."""
    process = starter.start(["sim", *map(str, arguments)], os.environ)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the simulator said nothing; it ended with {process.wait(30)}"
        yield Simulator(process, json.loads(line))
    finally:
        process.terminate()
        code = process.wait(30)
        process.stdout.close()
    assert code == 0, f"the simulator ended with {code}"
