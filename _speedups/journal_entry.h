/* Entries of a journal and the heads of its files: what everybody must know who appends to one or reads it. */
#ifndef CONNECTOR_JOURNAL_ENTRY_H
#define CONNECTOR_JOURNAL_ENTRY_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "connector_abi.h"
#include "crc32c.h"

#define JOURNAL_LIVE_MAGIC 0x4556494c544e4e43ull    /* "CNNTLIVE" */
#define JOURNAL_LOG_MAGIC 0x4c4e524a544e4e43ull     /* "CNNTJRNL" */
#define JOURNAL_NAME 128

typedef struct {                                    /* the first page of a live file */
  uint64_t magic, abi_hash, capacity, identity, base, pad0[11]; /* base: the position at which it was made */
  uint64_t written, sequence, pad1[14];             /* by the appender: behind the last entry; the last report */
  uint64_t durable, fault, caught_ns, pad2[13];     /* by the thread: on disk up to here; errno of the last try; and
                                                       what was written then is on disk, CLOCK_MONOTONIC */
} LiveHead;

typedef struct {                                    /* the first 64 bytes of a log file */
  uint64_t magic, abi_hash, identity, position, sequence; /* of its first entry; of the first report that may follow */
  int64_t wall_ns;
  uint64_t closed, spare;                           /* where it ends; 0: it was not ended in order */
} LogHead;
_Static_assert(sizeof(LogHead) == 64, "LogHead must be 64 bytes");

typedef struct JournalDrain {                       /* one journal as the thread sees it */
  struct JournalDrain *next;
  LiveHead *head;
  const char *base;
  uint64_t mask, copied;
  LogHead log;
  int fd, folder;
  int64_t retry_ns;
  uint64_t faults, bytes, syncs, files;             /* counts, for others to read */
  char name[JOURNAL_NAME];
} JournalDrain;

typedef struct {
  pthread_t thread;
  JournalDrain *first;
  int64_t pause_ns;
  uint64_t stop, finished, running;
  cpu_set_t cpus;                                   /* where it runs; none: where its maker does */
} JournalThread;

#define JOURNAL_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define JOURNAL_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* What an entry's stamp must be: of its position and of all its bytes behind the stamp, `word` the first eight. */
static inline uint64_t journal_stamp(uint64_t position, uint64_t word, const char *entry, uint64_t length) {
  uint64_t start[2] = {position, word};
  uint32_t crc = crc32c_more(~0u, (const char *)start, 2);
  return (uint32_t)~crc32c_more(crc, entry + 16, length / 8 - 2);
}

static inline uint64_t journal_word(uint64_t length, uint64_t type, uint64_t flags) {
  return length | type << 32 | flags << 48;
}

/* The length of the whole entry at `entry`, of which `room` bytes may be looked at; 0: none, -1: a garbled one. */
static inline int64_t journal_check(const char *entry, uint64_t position, uint64_t room) {
  uint64_t stamp, word, length;
  if (room < 16) return room ? -1 : 0;
  memcpy(&stamp, entry, 8);
  word = JOURNAL_LOAD((const uint64_t *)(entry + 8));
  length = (uint32_t)word;
  if (length == 0) return 0;
  if (length & 63 || length > room) return -1;
  return stamp == journal_stamp(position, word, entry, length) ? (int64_t)length : -1;
}

#endif
