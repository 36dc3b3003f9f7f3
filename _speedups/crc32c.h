/* CRC-32C (Castagnoli), the checksum of journal entries: by instruction where the processor has one, else by tables. */
#ifndef CONNECTOR_CRC32C_H
#define CONNECTOR_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t crc32c_table[8][256];
static int crc32c_by_instruction;

/* Each compiled module has tables of its own, filled when it is loaded. */
__attribute__((constructor)) static void crc32c_prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
    crc32c_table[0][byte] = value;
  }
  for (int slice = 1; slice < 8; slice++)
    for (int byte = 0; byte < 256; byte++) {
      uint32_t value = crc32c_table[slice - 1][byte];
      crc32c_table[slice][byte] = value >> 8 ^ crc32c_table[0][value & 255];
    }
#if defined(__x86_64__)
  __builtin_cpu_init();
  crc32c_by_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

static inline uint64_t crc32c_word(const char *data) {
  uint64_t word;
  memcpy(&word, data, 8);
  return word;
}

static uint32_t crc32c_plain(uint32_t state, const char *data, size_t words) {
  for (; words; words--, data += 8) {
    uint64_t word = crc32c_word(data) ^ state;
    state = 0;
    for (int slice = 0; slice < 8; slice++) state ^= crc32c_table[7 - slice][word >> (8 * slice) & 255];
  }
  return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc32c_fast(uint32_t state, const char *data, size_t words) {
  uint64_t value = state;
  for (; words; words--, data += 8) value = __builtin_ia32_crc32di(value, crc32c_word(data));
  return (uint32_t)value;
}
#else
#define crc32c_fast crc32c_plain
#endif

/* Goes on from `state`; the start is ~0 and the end is inverted. Whole words of 8 bytes. */
static inline uint32_t crc32c_more(uint32_t state, const char *data, size_t words) {
  return crc32c_by_instruction ? crc32c_fast(state, data, words) : crc32c_plain(state, data, words);
}

#endif
