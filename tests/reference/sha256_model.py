"""SHA-256's compression function, slowly: FIPS 180-4, section 6.2.2, constants by their meaning."""

from math import isqrt

MASK = 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


K = [_cube_root(prime << 96) & MASK for prime in _primes(64)]
START = [isqrt(prime << 64) & MASK for prime in _primes(8)]


def _turn(word: int, *distances: int) -> int:
    result = 0
    for distance in distances:
        result ^= (word >> distance | word << (32 - distance)) & MASK
    return result


def state(block: bytes) -> bytes:
    """The eight words after one block of 64 bytes, as this machine keeps them in memory."""
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 64, 4)]
    for t in range(16, 64):
        s0 = _turn(words[t - 15], 7, 18) ^ words[t - 15] >> 3
        s1 = _turn(words[t - 2], 17, 19) ^ words[t - 2] >> 10
        words.append((words[t - 16] + s0 + words[t - 7] + s1) & MASK)
    a, b, c, d, e, f, g, h = START
    for t in range(64):
        t1 = h + _turn(e, 6, 11, 25) + (e & f ^ ~e & g) + K[t] + words[t]
        t2 = _turn(a, 2, 13, 22) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
    after = zip(START, (a, b, c, d, e, f, g, h), strict=True)
    return b"".join(((one + two) & MASK).to_bytes(4, "little") for one, two in after)
