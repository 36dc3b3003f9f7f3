/* SHA-256 of whole blocks (FIPS 180-4, section 6.2), and the same function of the OpenSSL that Python itself has loaded.
 *
 * Both take a connector_sha256_state whose words behind `h` are zero, and whole blocks of 64 bytes. libcrypto's
 * SHA256_Update is two to ten times faster (SHA, AVX2 or ARM instructions by its own run-time check); where it cannot be
 * found, what stands here signs. */
#ifndef CONNECTOR_SHA256_H
#define CONNECTOR_SHA256_H

#ifndef _GNU_SOURCE
#error "dladdr and RTLD_NOLOAD need _GNU_SOURCE, which Python.h defines: include it first"
#endif

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

/* SHA256_CTX of every OpenSSL and its descendants: the hash, a bit count, a part of a block, its length, the digest's. Only
 * `h` is ours; the count is never read and no part of a block is ever left. */
typedef struct {
  uint32_t h[8];
  uint32_t rest[24];
} connector_sha256_state;

typedef int (*connector_sha256_update)(void *state, const void *blocks, size_t length);

static const uint32_t connector_sha256_k[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t connector_sha256_start[8] = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#define CONNECTOR_ROR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

static void connector_sha256_block(uint32_t *h, const unsigned char *block) {
  uint32_t w[64], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], last = h[7];
  int t;
  for (t = 0; t < 16; t++) {
    uint32_t word;
    memcpy(&word, block + 4 * t, 4);
    w[t] = __builtin_bswap32(word);
  }
  for (; t < 64; t++) {
    uint32_t s0 = CONNECTOR_ROR(w[t - 15], 7) ^ CONNECTOR_ROR(w[t - 15], 18) ^ (w[t - 15] >> 3);
    uint32_t s1 = CONNECTOR_ROR(w[t - 2], 17) ^ CONNECTOR_ROR(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  for (t = 0; t < 64; t++) {
    uint32_t s1 = CONNECTOR_ROR(e, 6) ^ CONNECTOR_ROR(e, 11) ^ CONNECTOR_ROR(e, 25);
    uint32_t t1 = last + s1 + (g ^ (e & (f ^ g))) + connector_sha256_k[t] + w[t];
    uint32_t s0 = CONNECTOR_ROR(a, 2) ^ CONNECTOR_ROR(a, 13) ^ CONNECTOR_ROR(a, 22);
    uint32_t t2 = s0 + ((a & b) | (c & (a | b)));
    last = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += last;
}

static int connector_sha256_plain(void *state, const void *blocks, size_t length) {
  for (size_t at = 0; at + 64 <= length; at += 64)
    connector_sha256_block(((connector_sha256_state *)state)->h, (const unsigned char *)blocks + at);
  return 1;
}

/* Whether `update` gives the digests of FIPS 180-4's two examples, of one block and of two, and writes nothing behind its
 * state: a library with another notion of either must not sign. */
static int connector_sha256_proves(connector_sha256_update update) {
  static const char long_text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  static const uint32_t expected[2][8] = {
    {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad},
    {0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1}};
  for (int example = 0; example < 2; example++) {
    unsigned char message[128] = {'a', 'b', 'c', 0x80};
    struct {
      connector_sha256_state state;
      uint32_t fence[32];
    } room;
    memset(&room.state, 0, sizeof(room.state));
    memset(room.fence, 0x5a, sizeof(room.fence));
    memcpy(room.state.h, connector_sha256_start, 32);
    if (example == 0) {
      message[63] = 24;
    } else {
      memcpy(message, long_text, 56);
      message[56] = 0x80;
      message[126] = 1, message[127] = 0xc0;
    }
    update(&room.state, message, example == 0 ? 64 : 128);
    for (int i = 0; i < 32; i++)
      if (room.fence[i] != 0x5a5a5a5a) return 0;
    if (memcmp(room.state.h, expected[example], 32) != 0) return 0;
  }
  return 1;
}

/* SHA256_Update of the libcrypto that the loaded shared object at `path` depends on or contains; a NULL path means the
 * program itself (a Python with ssl built in). NULL where there is none. Nothing is loaded that is not already, and
 * nothing unloaded later: Python keeps its modules. `where` becomes the file the function lives in. */
static connector_sha256_update connector_sha256_find(const char *path, const char **where) {
  void *handle = dlopen(path, path ? RTLD_NOW | RTLD_NOLOAD : RTLD_NOW);
  void *found = handle ? dlsym(handle, "SHA256_Update") : NULL;
  Dl_info info;
  connector_sha256_update update;
  if (!found) return NULL;
  memcpy(&update, &found, sizeof(update));
  if (!connector_sha256_proves(update)) return NULL;
  *where = dladdr(found, &info) && info.dli_fname ? info.dli_fname : "";
  return update;
}

#endif
