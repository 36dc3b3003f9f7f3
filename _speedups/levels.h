/* Price levels `["68005.10","0.857"],["68005.20","1.000"]` to pairs of scaled integers, one level a turn, with AVX2.
 *
 * One 32-byte load shows a level's quotes, dots and digits as bit masks; only the way from one level's last quote to
 * the next level is a chain of dependent steps (18 cycles), the two numbers are converted beside it. Whatever is not
 * the plain form ends the loop in front of that level, and the scalar reader of scan.pxd decides. Nothing is read
 * behind `end` or before `start`. */
#ifndef CONNECTOR_LEVELS_H
#define CONNECTOR_LEVELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "connector_abi.h"

#if defined(__x86_64__)
#include <immintrin.h>

static const uint8_t connector_tail_mask[32] __attribute__((aligned(32))) = {
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* Row f closes the gap of a dot that stands before the last f of 16 characters; row 0: there is no dot. */
static const uint8_t connector_close_gap[16][16] __attribute__((aligned(32))) = {
  {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
  {128, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static const int64_t connector_scale10[19] = {
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000};

static inline int connector_levels_supported(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

/* Converts two plain decimals in the 32 bytes at p: one in the quotes at 1 and q1, the other in those at q2 and q3. 0 when
 * they are not plain (at most one dot a number with digits on both sides, nothing else but digits, at most 16
 * characters) or do not fit. */
__attribute__((target("avx2,bmi"), always_inline)) static inline int connector_two_numbers(
    const char *p, __m256i text, uint32_t quotes, uint32_t q1, uint32_t q2, uint32_t q3, int first_exponent,
    int second_exponent, int64_t *first_out, int64_t *second_out) {
  const __m256i dot = _mm256_set1_epi8('.'), zero = _mm256_set1_epi8('0');
  const __m256i nine = _mm256_set1_epi8(9), tens = _mm256_set1_epi16(0x010a);
  const __m256i hundreds = _mm256_set1_epi32(0x00010064), myriads = _mm256_set1_epi32(0x00012710);
  const __m256i value = _mm256_sub_epi8(text, zero);
  const uint32_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, dot));
  const uint32_t digits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(value, nine), value));
  const uint32_t first = ((1u << q1) - 1) & ~3u, second = ((1u << q3) - 1) & ~((2u << q2) - 1);
  const uint32_t others = ~digits & (first | second), first_dot = others & first, second_dot = others & second;
  if (__builtin_expect(
          (others & ~dots) | (first_dot & (first_dot - 1)) | (second_dot & (second_dot - 1)) |
              (((others << 1) | (others >> 1)) & quotes) | (first == 0) | (second == 0) | (q1 > 18) | (q3 - q2 > 17), 0))
    return 0;
  const uint32_t first_fraction = q1 - 1 - (uint32_t)__builtin_ctz(first_dot | (1u << (q1 - 1)));
  const uint32_t second_fraction = q3 - 1 - (uint32_t)__builtin_ctz(second_dot | (1u << (q3 - 1)));
  const int first_up = first_exponent - (int)first_fraction, second_up = second_exponent - (int)second_fraction;
  if (__builtin_expect((first_up | second_up) < 0, 0)) return 0;
  const __m256i both = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + q1 - 16))),
      _mm_loadu_si128((const __m128i *)(p + q3 - 16)), 1);
  const __m256i mask = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(connector_tail_mask + (q1 - 2)))),
      _mm_loadu_si128((const __m128i *)(connector_tail_mask + (q3 - q2 - 1))), 1);
  const __m256i gap = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_load_si128((const __m128i *)connector_close_gap[first_fraction])),
      _mm_load_si128((const __m128i *)connector_close_gap[second_fraction]), 1);
  const __m256i ones = _mm256_shuffle_epi8(_mm256_and_si256(_mm256_sub_epi8(both, zero), mask), gap);
  const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(ones, tens), hundreds);
  const __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), myriads);
  const uint64_t first_parts = (uint64_t)_mm256_extract_epi64(eights, 0);
  const uint64_t second_parts = (uint64_t)_mm256_extract_epi64(eights, 2);
  const int64_t first_value = (int64_t)((first_parts & 0xffffffff) * 100000000 + (first_parts >> 32));
  const int64_t second_value = (int64_t)((second_parts & 0xffffffff) * 100000000 + (second_parts >> 32));
  return !(__builtin_mul_overflow(first_value, connector_scale10[first_up], first_out) |
           __builtin_mul_overflow(second_value, connector_scale10[second_up], second_out));
}

/* Two quoted decimals with the key of the second between them, `"3424.98","B":"77.165"`, in the 32 bytes at p, which
 * stands one byte before the first quote; `between` is the seven bytes from quote to quote. How long it is with its
 * first byte and the last quote, 0 when it is not plain. 32 bytes from p on and 13 before it must be readable. */
__attribute__((target("avx2,bmi"))) static inline ptrdiff_t connector_pair(
    const char *p, const char between[8], int first_exponent, int second_exponent, int64_t *first, int64_t *second) {
  const __m256i text = _mm256_loadu_si256((const __m256i *)p);
  const uint32_t quotes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('"')));
  const uint32_t from1 = quotes & (quotes - 1), from2 = from1 & (from1 - 1), from3 = from2 & (from2 - 1);
  const uint32_t from4 = from3 & (from3 - 1), from5 = from4 & (from4 - 1);
  if (__builtin_expect(from5 == 0 || p[1] != '"', 0)) return 0;
  const uint32_t q1 = (uint32_t)__builtin_ctz(from1), q3 = (uint32_t)__builtin_ctz(from5);
  uint64_t found, wanted;
  if (__builtin_expect(q1 > 18, 0)) return 0;
  memcpy(&found, p + q1, 8);
  memcpy(&wanted, between, 8);
  if (__builtin_expect((found ^ wanted) << 8 != 0, 0)) return 0;
  if (!connector_two_numbers(p, text, quotes, q1, q1 + 6, q3, first_exponent, second_exponent, first, second)) return 0;
  return (ptrdiff_t)q3 + 1;
}

/* Reads levels from p, which stands on a level's `[`, until one is not plain, the list ends, or `most` are read.
 * Returns how many were read; *next is where the next level or, when at least one was read, the list's `]` stands.
 * Exponents are within 0..18. */
__attribute__((target("avx2,bmi"))) static ptrdiff_t connector_levels(
    const char *start, const char *p, const char *end, int price_exponent, int qty_exponent, Level *out,
    ptrdiff_t most, const char **next) {
  const __m256i quote = _mm256_set1_epi8('"');
  ptrdiff_t count = 0;
  while (count < most && end - p >= 48 && p - start >= 16) {
    const __m256i text = _mm256_loadu_si256((const __m256i *)p);
    const uint32_t quotes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, quote));
    const uint32_t from1 = quotes & (quotes - 1), from2 = from1 & (from1 - 1), from3 = from2 & (from2 - 1);
    if (__builtin_expect(from3 == 0, 0)) break;
    const uint32_t q1 = (uint32_t)__builtin_ctz(from1), q2 = q1 + 2, q3 = (uint32_t)__builtin_ctz(from3);
    uint32_t between;
    uint16_t opening, closing;
    memcpy(&opening, p, 2);
    memcpy(&between, p + q1, 4);
    memcpy(&closing, p + q3, 2);
    /* `["`, `","` and `"]`: with them in place the four quotes are where they must be. */
    if (__builtin_expect(opening != 0x225b || (between & 0xffffff) != 0x222c22 || closing != 0x5d22, 0)) break;
    if (!connector_two_numbers(
            p, text, quotes, q1, q2, q3, price_exponent, qty_exponent, &out[count].price_e, &out[count].qty_e))
      break;
    uint16_t after;
    memcpy(&after, p + q3 + 2, 2);
    if (__builtin_expect(after == 0x5b2c, 1)) { /* `,[` */
      count++;
      p += q3 + 3;
    } else {
      if ((after & 0xff) == ']') {
        count++;
        p += q3 + 2;
      }
      break;
    }
  }
  *next = p;
  return count;
}

#else /* the scalar reader does it all */

static inline int connector_levels_supported(void) { return 0; }
static inline ptrdiff_t connector_levels(
    const char *start, const char *p, const char *end, int price_exponent, int qty_exponent, Level *out,
    ptrdiff_t most, const char **next) {
  (void)start; (void)end; (void)price_exponent; (void)qty_exponent; (void)out; (void)most;
  *next = p;
  return 0;
}
static inline ptrdiff_t connector_pair(
    const char *p, const char between[8], int first_exponent, int second_exponent, int64_t *first, int64_t *second) {
  (void)p; (void)between; (void)first_exponent; (void)second_exponent; (void)first; (void)second;
  return 0;
}

#endif
#endif
