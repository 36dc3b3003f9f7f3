"""Round trips of one HTTP client, one request after the other, on uvloop; imports nothing of
connector, since it may run in another environment.

Usage: python rest.py aiohttp|httpx URL COUNT CPU     prints the nanoseconds of each as JSON
"""

import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

HEADERS = {"X-MBX-APIKEY": "k" * 64}
Ask = Callable[[], Awaitable[Any]]


async def timed(ask: Ask, count: int) -> list[int]:
    found = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        await ask()
        found.append(time.perf_counter_ns() - begin)
    return found


async def with_aiohttp(url: str, count: int) -> list[int]:
    import aiohttp

    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def ask() -> None:
            async with session.post(url) as answer:
                await answer.read()

        await timed(ask, count // 4)
        return await timed(ask, count)


async def with_httpx(url: str, count: int) -> list[int]:
    import httpx

    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def ask() -> None:
            await client.post(url)

        await timed(ask, count // 4)
        return await timed(ask, count)


if __name__ == "__main__":
    import uvloop

    name, where, number, cpu = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    client = {"aiohttp": with_aiohttp, "httpx": with_httpx}[name]
    sys.stdout.write(json.dumps(uvloop.run(client(where, int(number)))))
