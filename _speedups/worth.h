/* What an inverse contract's fills are worth in the margin asset, in integers of 320 bits: of quantities whose sum stays
   below 2^63, at prices from 1 to 2^63 - 1. */
#ifndef CONNECTOR_WORTH_H
#define CONNECTOR_WORTH_H
#include <stdint.h>
#include <string.h>
#include "hearing.h"

enum { CONNECTOR_WORTH_LIMBS = 5 };

/* The least limb first. Below 2^263, as the sum of the quantities is below 2^63. */
typedef struct { uint64_t limb[CONNECTOR_WORTH_LIMBS]; } connector_worth;

/* 10^60, and 10^68: eight decimals more. */
static const uint64_t connector_fine[4] = {0x1000000000000000ull, 0xd762422c946590d9ull, 0x4f2726179a224501ull, 0x9full};
static const uint64_t connector_finer[4] = {0, 0x8fb92f75215b1710ull, 0x5313ec9d329eaaa1ull, 0x3b58e88c7ull};

static inline void connector_times(const uint64_t factor[4], uint64_t by, uint64_t out[CONNECTOR_WORTH_LIMBS]) {
  unsigned __int128 carry = 0;
  for (int i = 0; i < 4; i++) {
    carry += (unsigned __int128)factor[i] * by;
    out[i] = (uint64_t)carry;
    carry >>= 64;
  }
  out[4] = (uint64_t)carry;
}

/* quantity * 10^60 / price, rounded down, more. */
static inline void connector_worth_add(connector_worth *worth, uint64_t quantity, uint64_t price) {
  uint64_t value[CONNECTOR_WORTH_LIMBS];
  unsigned __int128 rest = 0, sum = 0;
  connector_times(connector_fine, quantity, value);
  for (int i = CONNECTOR_WORTH_LIMBS - 1; i >= 0; i--) {
    rest = rest << 64 | value[i];
    value[i] = (uint64_t)(rest / price);
    rest %= price;
  }
  for (int i = 0; i < CONNECTOR_WORTH_LIMBS; i++) {
    sum += (unsigned __int128)worth->limb[i] + value[i];
    worth->limb[i] = (uint64_t)sum;
    sum >>= 64;
  }
}

/* a - b of `n` limbs each, into a; whether b was larger. */
static inline int connector_minus(uint64_t *a, const uint64_t *b, int n) {
  unsigned __int128 less = 0;
  for (int i = 0; i < n; i++) {
    less = (unsigned __int128)a[i] - b[i] - (uint64_t)less;
    a[i] = (uint64_t)less;
    less = less >> 64 & 1;
  }
  return (int)less;
}

/* numerator / worth to the nearest, half to even, by long division with 64 bits a digit (Knuth, The Art of Computer
   Programming, volume 2, 4.3.1, algorithm D); u[5] and u[6] are 0, and all of u is spoilt. False: past 128 bits. */
static inline int connector_quotient(uint64_t u[CONNECTOR_WORTH_LIMBS + 2], const connector_worth *worth,
                                     unsigned __int128 *out) {
  uint64_t v[CONNECTOR_WORTH_LIMBS] = {0}, part[CONNECTOR_WORTH_LIMBS + 1];
  unsigned __int128 digits = 0, digit, rest, carry;
  int n = CONNECTOR_WORTH_LIMBS, shift, more;
  while (n > 0 && worth->limb[n - 1] == 0) n--;
  if (n < 2) return 0;               /* a worth is at least 10^60 / 2^63 */
  shift = __builtin_clzll(worth->limb[n - 1]);
  for (int i = CONNECTOR_WORTH_LIMBS; i > 0; i--) u[i] = u[i] << shift | (shift ? u[i - 1] >> (64 - shift) : 0);
  u[0] <<= shift;
  for (int i = n - 1; i > 0; i--) v[i] = worth->limb[i] << shift | (shift ? worth->limb[i - 1] >> (64 - shift) : 0);
  v[0] = worth->limb[0] << shift;
  for (int j = CONNECTOR_WORTH_LIMBS - n; j >= 0; j--) {
    if (u[j + n] >= v[n - 1]) {
      digit = ~(uint64_t)0;
      rest = ((unsigned __int128)u[j + n] << 64 | u[j + n - 1]) - digit * v[n - 1];
    } else {
      digit = ((unsigned __int128)u[j + n] << 64 | u[j + n - 1]) / v[n - 1];
      rest = ((unsigned __int128)u[j + n] << 64 | u[j + n - 1]) % v[n - 1];
    }
    while (rest >> 64 == 0 && digit * v[n - 2] > (rest << 64 | u[j + n - 2])) digit--, rest += v[n - 1];
    carry = 0;
    for (int i = 0; i < n; i++) {
      carry += digit * v[i];
      part[i] = (uint64_t)carry;
      carry >>= 64;
    }
    part[n] = (uint64_t)carry;
    if (connector_minus(u + j, part, n + 1)) {      /* one too many: put it back */
      digit--;
      carry = 0;
      for (int i = 0; i <= n; i++) {
        carry += (unsigned __int128)u[j + i] + (i < n ? v[i] : 0);
        u[j + i] = (uint64_t)carry;
        carry >>= 64;
      }
    }
    if (digits >> 64) return 0;
    digits = digits << 64 | (uint64_t)digit;
  }
  /* What is left, twice, beside the divisor; both shifted alike. */
  more = (int)(u[n - 1] >> 63);
  for (int i = n - 1; i > 0; i--) u[i] = u[i] << 1 | u[i - 1] >> 63;
  u[0] <<= 1;
  if (!more) {
    for (int i = n - 1; i >= 0 && more == 0; i--) more = u[i] > v[i] ? 1 : u[i] < v[i] ? -1 : 0;
    more = more > 0 || (more == 0 && (digits & 1));
  }
  *out = digits + more;
  return !more || *out != 0;
}

/* total * 10^68 / worth; 0 of nothing. */
static inline int connector_harmonic(uint64_t total, const connector_worth *worth, unsigned __int128 *out) {
  uint64_t numerator[CONNECTOR_WORTH_LIMBS + 2] = {0};
  if (total == 0) return *out = 0, 1;
  connector_times(connector_finer, total, numerator);
  return connector_quotient(numerator, worth, out);
}
#endif
