"""One-way hand-over between two pinned processes, for os.pipe, ZeroMQ ipc and iceoryx2; runs in the
peers' environment.

Usage: python ipc.py PEER MESSAGES GAP_NS     prints {"p50": …, "p99": …, "p999": …} in ns

The message is the sender's clock, read just before the send; sender on the first allowed CPU,
receiver on the last.
"""

import ctypes
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np


def paced(send: Callable[[], object], count: int, gap_ns: int) -> None:
    due = time.monotonic_ns()
    for _ in range(count):
        due += gap_ns
        while time.monotonic_ns() < due:
            pass
        send()


def run(receive: Callable[[], list[int]], ready: Callable[[], Callable[[], object]]) -> list[int]:
    """Latencies the forked receiver saw while this process sends what ``ready()`` returns."""
    cores = sorted(os.sched_getaffinity(0))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {cores[-1]})
        found = np.array(receive(), dtype=np.int64)
        with os.fdopen(writer, "wb") as results:
            results.write(found.tobytes())
        os._exit(0)
    os.close(writer)
    os.sched_setaffinity(0, {cores[0]})
    time.sleep(0.5)
    paced(ready(), COUNT, GAP_NS)
    with os.fdopen(reader, "rb") as results:
        found = np.frombuffer(results.read(), dtype=np.int64)
    os.waitpid(child, 0)
    return found.tolist()


def pipe() -> list[int]:
    reader, writer = os.pipe()

    def receive() -> list[int]:
        return [
            -int.from_bytes(os.read(reader, 8), "little") + time.monotonic_ns()
            for _ in range(COUNT)
        ]

    return run(receive, lambda: lambda: os.write(writer, time.monotonic_ns().to_bytes(8, "little")))


def zeromq() -> list[int]:
    import zmq

    address = f"ipc://{tempfile.mkdtemp(prefix='bench-')}/socket"

    def receive() -> list[int]:
        socket = zmq.Context().socket(zmq.PULL)
        socket.bind(address)
        return [
            -int.from_bytes(socket.recv(), "little") + time.monotonic_ns() for _ in range(COUNT)
        ]

    def ready() -> Callable[[], object]:
        socket = zmq.Context().socket(zmq.PUSH)
        socket.connect(address)
        time.sleep(0.3)
        return lambda: socket.send(time.monotonic_ns().to_bytes(8, "little"))

    return run(receive, ready)


def iceoryx2() -> list[int]:
    import iceoryx2 as iox2

    class Stamp(ctypes.Structure):
        _fields_ = (("sent_ns", ctypes.c_uint64),)

        @staticmethod
        def type_name() -> str:
            return "Stamp"

    name = f"connector-bench-{os.getpid()}"

    def service():  # type: ignore[no-untyped-def]
        iox2.set_log_level_from_env_or(iox2.LogLevel.Error)
        node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
        builder = node.service_builder(iox2.ServiceName.new(name)).publish_subscribe(Stamp)
        return node, builder.subscriber_max_buffer_size(1024).open_or_create()

    def receive() -> list[int]:
        _node, opened = service()
        subscriber = opened.subscriber_builder().buffer_size(1024).create()
        latencies: list[int] = []
        while len(latencies) < COUNT:
            sample = subscriber.receive()
            if sample is not None:
                latencies.append(time.monotonic_ns() - sample.payload().contents.sent_ns)
        return latencies

    def ready() -> Callable[[], object]:
        kept = service()
        publisher = kept[1].publisher_builder().create()
        time.sleep(0.5)
        return lambda _kept=kept: (
            publisher.loan_uninit().write_payload(Stamp(time.monotonic_ns())).send()
        )

    return run(receive, ready)


PEERS = {"os.pipe": pipe, "ZeroMQ ipc": zeromq, "iceoryx2": iceoryx2}

if __name__ == "__main__":
    COUNT, GAP_NS = int(sys.argv[2]), int(sys.argv[3])
    p50, p99, p999 = np.percentile(PEERS[sys.argv[1]](), [50, 99, 99.9])
    sys.stdout.write(json.dumps({"p50": p50, "p99": p99, "p999": p999}) + "\n")
