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

/* Reads levels from p, which stands on a level's `[`, until one is not plain, the list ends, or `most` are read.
 * Returns how many were read; *next is where the next level or, when at least one was read, the list's `]` stands.
 * Exponents are within 0..18. */
__attribute__((target("avx2,bmi"))) static ptrdiff_t connector_levels(
    const char *start, const char *p, const char *end, int price_exponent, int qty_exponent, Level *out,
    ptrdiff_t most, const char **next) {
  const __m256i quote = _mm256_set1_epi8('"'), dot = _mm256_set1_epi8('.'), zero = _mm256_set1_epi8('0');
  const __m256i nine = _mm256_set1_epi8(9), tens = _mm256_set1_epi16(0x010a);
  const __m256i hundreds = _mm256_set1_epi32(0x00010064), myriads = _mm256_set1_epi32(0x00012710);
  ptrdiff_t count = 0;
  while (count < most && end - p >= 48 && p - start >= 16) {
    const __m256i text = _mm256_loadu_si256((const __m256i *)p);
    const __m256i value = _mm256_sub_epi8(text, zero);
    const uint32_t quotes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, quote));
    const uint32_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, dot));
    const uint32_t digits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(value, nine), value));
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
    const uint32_t price = ((1u << q1) - 1) & ~3u, qty = ((1u << q3) - 1) & ~((2u << q2) - 1);
    const uint32_t others = ~digits & (price | qty), price_dot = others & price, qty_dot = others & qty;
    /* At most one dot a number with digits on both sides, nothing else but digits, at most 16 characters. */
    if (__builtin_expect(
            (others & ~dots) | (price_dot & (price_dot - 1)) | (qty_dot & (qty_dot - 1)) |
                (((others << 1) | (others >> 1)) & quotes) | (price == 0) | (qty == 0) | (q1 > 18) | (q3 - q2 > 17), 0))
      break;
    const uint32_t price_fraction = q1 - 1 - (uint32_t)__builtin_ctz(price_dot | (1u << (q1 - 1)));
    const uint32_t qty_fraction = q3 - 1 - (uint32_t)__builtin_ctz(qty_dot | (1u << (q3 - 1)));
    const int price_up = price_exponent - (int)price_fraction, qty_up = qty_exponent - (int)qty_fraction;
    if (__builtin_expect((price_up | qty_up) < 0, 0)) break;
    const __m256i both = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + q1 - 16))),
        _mm_loadu_si128((const __m128i *)(p + q3 - 16)), 1);
    const __m256i mask = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(connector_tail_mask + (q1 - 2)))),
        _mm_loadu_si128((const __m128i *)(connector_tail_mask + (q3 - q2 - 1))), 1);
    const __m256i gap = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_load_si128((const __m128i *)connector_close_gap[price_fraction])),
        _mm_load_si128((const __m128i *)connector_close_gap[qty_fraction]), 1);
    const __m256i ones = _mm256_shuffle_epi8(_mm256_and_si256(_mm256_sub_epi8(both, zero), mask), gap);
    const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(ones, tens), hundreds);
    const __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), myriads);
    const uint64_t price_parts = (uint64_t)_mm256_extract_epi64(eights, 0);
    const uint64_t qty_parts = (uint64_t)_mm256_extract_epi64(eights, 2);
    const int64_t price_value = (int64_t)((price_parts & 0xffffffff) * 100000000 + (price_parts >> 32));
    const int64_t qty_value = (int64_t)((qty_parts & 0xffffffff) * 100000000 + (qty_parts >> 32));
    if (__builtin_expect(
            __builtin_mul_overflow(price_value, connector_scale10[price_up], &out[count].price_e) |
                __builtin_mul_overflow(qty_value, connector_scale10[qty_up], &out[count].qty_e), 0))
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

#endif
#endif
