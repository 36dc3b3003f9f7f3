"""Where the parts of one installation find each other on disk."""

import os
from collections.abc import Mapping
from pathlib import Path


def runtime_directory(option: str = "", environ: Mapping[str, str] | None = None) -> Path:
    """Where the control socket is: ``option``, ``$CONNECTOR_RUNTIME_DIR``, ``$RUNTIME_DIRECTORY``
    (systemd), ``$XDG_RUNTIME_DIR/connector``, ``/tmp/connector-$UID``."""
    environ = os.environ if environ is None else environ
    if option or environ.get("CONNECTOR_RUNTIME_DIR"):
        return Path(option or environ["CONNECTOR_RUNTIME_DIR"])
    if environ.get("RUNTIME_DIRECTORY"):
        return Path(environ["RUNTIME_DIRECTORY"].split(":")[0])  # systemd joins several with colons
    if environ.get("XDG_RUNTIME_DIR"):
        return Path(environ["XDG_RUNTIME_DIR"]) / "connector"
    return Path(f"/tmp/connector-{os.getuid()}")


def control_socket(runtime_dir: Path) -> Path:
    """The socket on which the daemon of a runtime directory is attached to."""
    return runtime_dir / "control.sock"
