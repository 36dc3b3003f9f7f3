/* Scalars of JSON, sixteen bytes at a time; without SSE2 one by one. */
#ifndef CONNECTOR_SCALARS_H
#define CONNECTOR_SCALARS_H
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CONNECTOR_WIDE = 16 };

/* Whether `size` bytes are the same; up to CONNECTOR_WIDE more of both are read. */
static inline int connector_same(const char *p, const char *q, ptrdiff_t size) {
#ifdef __SSE2__
  for (; size >= 16; size -= 16, p += 16, q += 16) {
    __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)q));
    if (_mm_movemask_epi8(same) != 0xffff) return 0;
  }
  __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)q));
  return (~_mm_movemask_epi8(same) & ((1 << size) - 1)) == 0;
#else
  return memcmp(p, q, (size_t)size) == 0;
#endif
}

/* The closing quote of a text of plain ASCII without escapes; NULL: somebody else has to look. */
static inline const char *connector_text_end(const char *p, const char *end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    __m128i x = _mm_loadu_si128((const __m128i *)p);
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(32)), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
    int stops = _mm_movemask_epi8(_mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('"'))));
    if (stops) {
      p += __builtin_ctz((unsigned)stops);
      return *p == '"' ? p : NULL;
    }
  }
#else
  (void)p, (void)end;
#endif
  return NULL;
}

/* Behind a run of digits. */
static inline const char *connector_digits_end(const char *p, const char *end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    __m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
    int digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(9)), x));
    if (digits != 0xffff) return p + __builtin_ctz(~(unsigned)digits);
  }
#endif
  while (p < end && *p >= '0' && *p <= '9') p++;
  return p;
}
#endif
