"""An append to the journal: an order report of 448 bytes, in memory when the call returns."""

import shutil
import tempfile
import time
from array import array
from pathlib import Path

from bench import native
from bench.report import Group
from connector._speedups.journal import Journal
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.trading.journal import Journals

BATCH = 2000
BATCHES = 20


def _wait(journal: Journal) -> None:
    while journal.durable != journal.position:
        time.sleep(0.0005)


def appends(rounds: int) -> Group:
    """While the thread copies what was appended to disk."""
    probes = native.load("journal")
    body = layout("OrderReportBody").pack(order_key=7, client_order_id="c" * 20, price_e=5)
    group = Group(
        "journal: append an order report, 448 bytes with header",
        "every command is journalled before it leaves, every report before the strategy hears",
    )
    memory, disk = Path(tempfile.mkdtemp(dir="/dev/shm")), Path(tempfile.mkdtemp())
    spent = array("q", bytes(8 * BATCH))
    every: list[int] = []
    called: list[float] = []
    faults = 0
    try:
        journals = Journals(memory, disk)
        journal = journals.open("bench")
        clock = native.load().clock_loop(BATCH) / BATCH
        for _ in range(BATCHES * rounds):
            faults += probes.appends(journal, body, spent)
            every += spent
            _wait(journal)
            begin = time.perf_counter_ns()
            for _ in range(BATCH):
                journals.append("bench", RecordType.ORDER_REPORT, body, order_key=7)
            called.append((time.perf_counter_ns() - begin) / BATCH)
            _wait(journal)
            journals.tick()
        journals.close()
    finally:
        shutil.rmtree(memory)
        shutil.rmtree(disk)
    every.sort()
    note = "one read of the clock taken off"
    group.add("median", every[len(every) // 2] - clock, "ns", 1000, note=note)
    group.add("p99", every[len(every) * 99 // 100] - clock, "ns")
    group.add("worst", every[-1] - clock, "ns", note=f"of {len(every):,}; a busy machine's")
    group.add("page faults", faults, "", 0)
    group.add("called from Python", sorted(called)[len(called) // 2], "ns")
    return group
