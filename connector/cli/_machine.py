"""What of this machine costs latency, each with the command that mends it.

Reads /sys and /proc only; changes nothing."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from connector.cpus import isolated_cpus


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    good: bool | None
    """None: it could not be seen from here."""
    seen: str
    mend: str = ""


def findings(cpu: int | None, root: Path = Path("/")) -> list[Finding]:
    """Everything that is looked at; ``root`` is where /sys and /proc hang."""
    wanted = {cpu} if cpu is not None else os.sched_getaffinity(0)
    return [
        _isolated(wanted, root),
        _governor(wanted, root),
        _clocksource(root),
        _memlock(),
        _buffers(root, "rmem_max", 4 << 20),
        _swap(root),
        _hugepages(root),
        _time_sync(),
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _isolated(wanted: set[int], root: Path) -> Finding:
    isolated = isolated_cpus(root / "sys/devices/system/cpu/isolated")
    shown = ",".join(map(str, sorted(isolated))) or "none"
    return Finding(
        "isolated CPU",
        bool(isolated) and wanted <= isolated,
        f"isolated: {shown}; this daemon may run on {','.join(map(str, sorted(wanted)))}",
        "boot with isolcpus=N nohz_full=N rcu_nocbs=N, then set CPUAffinity=N in the unit and"
        " daemon.cpu = N",
    )


def _governor(wanted: set[int], root: Path) -> Finding:
    places = [root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor" for cpu in wanted]
    governors = {text for place in places if (text := _read(place))}
    if not governors:
        return Finding("CPU governor", None, "the kernel shows none (a virtual machine?)")
    return Finding(
        "CPU governor",
        governors == {"performance"},
        ", ".join(sorted(governors)),
        "cpupower frequency-set -g performance",
    )


def _clocksource(root: Path) -> Finding:
    folder = root / "sys/devices/system/clocksource/clocksource0"
    seen, known = _read(folder / "current_clocksource"), _read(folder / "available_clocksource")
    fast = {"tsc", "arch_sys_counter", "kvm-clock"}
    best = next((one for one in ("tsc", "arch_sys_counter") if one in known.split()), "")
    return Finding(
        "clock source",
        seen in fast if seen else None,
        seen or "unknown",
        f"echo {best} > /sys/devices/system/clocksource/clocksource0/current_clocksource"
        if best
        else "no fast source is offered; ask the host's operator for tsc",
    )


def _memlock() -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    infinite = limit == resource.RLIM_INFINITY
    return Finding(
        "locked memory",
        infinite,
        "no limit" if infinite else f"{limit:,} bytes; pages may be paged out",
        "LimitMEMLOCK=infinity in the unit (or: ulimit -l unlimited)",
    )


def _buffers(root: Path, name: str, least: int) -> Finding:
    text = _read(root / f"proc/sys/net/core/{name}")
    if not text.isdigit():
        return Finding("socket buffers", None, "unknown")
    return Finding(
        "socket buffers",
        int(text) >= least,
        f"net.core.{name} = {int(text):,}",
        f"sysctl -w net.core.{name}={least}",
    )


def _swap(root: Path) -> Finding:
    used = _read(root / "proc/swaps").splitlines()[1:]
    return Finding("swap", not used, f"{len(used)} active" if used else "none", "swapoff -a")


def _hugepages(root: Path) -> Finding:
    text = _read(root / "sys/kernel/mm/transparent_hugepage/enabled")
    if not text:
        return Finding("transparent huge pages", None, "unknown")
    return Finding(
        "transparent huge pages",
        "[always]" not in text,
        text,
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )


def _time_sync() -> Finding:
    mend = "apt-get install chrony"
    for command, good in (
        (["chronyc", "-n", "tracking"], "Leap status     : Normal"),
        (["timedatectl", "show", "-p", "NTPSynchronized"], "NTPSynchronized=yes"),
    ):
        if shutil.which(command[0]) is None:
            continue
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=3, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found.returncode == 0:
            synchronized = good in found.stdout
            state = "synchronized" if synchronized else "not synchronized"
            return Finding("time", synchronized, f"{state} ({command[0]})", mend)
    return Finding("time", None, "neither chronyc nor timedatectl answers", mend)
