"""The machine, the versions and the commit a figure was measured with."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("picows", "aiofastnet", "uvloop", "orjson", "msgspec", "Cython", "numpy")


def _first(path: str, fallback: str = "unknown") -> str:
    try:
        return Path(path).read_text().strip() or fallback
    except OSError:
        return fallback


def _cpu() -> str:
    for line in _first("/proc/cpuinfo", "").splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _git(*arguments: str) -> str:
    asked = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def commit() -> str:
    """Short hash of the checkout, ``+`` when the working tree differs from it; empty outside
    git."""
    found = _git("rev-parse", "--short", "HEAD")
    return found + "+" if found and _git("status", "--porcelain", "--untracked-files=no") else found


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Installed versions, by package."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def facts() -> dict[str, str]:
    """What has to be known beside a figure; every value is text."""
    flags = _first("/proc/cpuinfo", "")
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "virtual": "yes" if " hypervisor" in flags else "no",
        "governor": _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none shown"),
        "isolated": _first("/sys/devices/system/cpu/isolated", "none"),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": commit() or "not a checkout",
        **versions(),
    }


def pin(core: int) -> None:
    """Run this process on the ``core``-th CPU it is allowed, counted around."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[core % len(allowed)]})


def two_cores() -> tuple[int, int]:
    """The first and the last allowed CPU; SystemExit when there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("this bench pins two processes that spin: it needs two CPUs")
    return allowed[0], allowed[-1]
