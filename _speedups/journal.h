/* A journal's two files, and the thread that copies one to the other.
 *
 * The live file lies on tmpfs and is a ring of the newest entries, mapped twice in a row so that no entry has a seam.
 * The log files lie on disk and hold the same bytes in the same order: what stands at `position` of the journal stands
 * at position & (capacity - 1) of the ring and at position - LogHead.position + 64 of the log. The thread never takes
 * the GIL; it begins a log file with each CHECKPOINT that reports stand before. */
#ifndef CONNECTOR_JOURNAL_H
#define CONNECTOR_JOURNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "journal_entry.h"

#define JOURNAL_CHUNK ((uint64_t)1 << 20)           /* written at once */
#define JOURNAL_RETRY_NS 100000000ll                /* after a disk refused */
#define JOURNAL_HASTE 25                            /* so much shorter a pause after much was copied */

static inline int64_t journal_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The same memory twice in a row, so that what crosses the end of a round is in one piece. NULL: errno says why. */
static char *journal_map(int fd, uint64_t capacity, LiveHead **head) {
  char *base = mmap(NULL, 4096 + 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int access = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
  if (base == MAP_FAILED) return NULL;
  if (mmap(base, 4096 + capacity, access, flags, fd, 0) == MAP_FAILED
      || mmap(base + 4096 + capacity, capacity, access, flags, fd, 4096) == MAP_FAILED) {
    int code = errno;
    munmap(base, 4096 + 2 * capacity);
    errno = code;
    return NULL;
  }
  *head = (LiveHead *)base;
  return base + 4096;
}

static void journal_unmap(char *base, uint64_t capacity) { munmap(base - 4096, 4096 + 2 * capacity); }

/* -- the thread */

static int journal_put(int fd, const char *data, uint64_t size, uint64_t offset) {
  while (size) {
    ssize_t done = pwrite(fd, data, size, (off_t)offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      if (done == 0) errno = ENOSPC;
      return 0;
    }
    data += done;
    offset += (uint64_t)done;
    size -= (uint64_t)done;
  }
  return 1;
}

static int journal_sync(JournalDrain *drain) {
  if (fdatasync(drain->fd)) {
    drain->copied = drain->head->durable;           /* the kernel may have dropped what it could not write */
    return 0;
  }
  __atomic_store_n(&drain->syncs, drain->syncs + 1, __ATOMIC_RELAXED);
  JOURNAL_STORE(&drain->head->durable, drain->copied);
  return 1;
}

static int journal_end(JournalDrain *drain) {
  drain->log.closed = drain->copied;
  return journal_put(drain->fd, (const char *)&drain->copied, 8, offsetof(LogHead, closed)) && journal_sync(drain);
}

/* Makes a log file that begins at `position`; -1: errno says why, and there is none. */
static int journal_begin(int folder, const char *name, LogHead *log) {
  char path[JOURNAL_NAME + 32];
  snprintf(path, sizeof path, "%s.%020llu.log", name, (unsigned long long)log->sequence);
  int fd = openat(folder, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return -1;
  if (!journal_put(fd, (const char *)log, sizeof *log, 0) || fdatasync(fd) || fsync(folder)) {
    int code = errno;
    close(fd);
    unlinkat(folder, path, 0);
    errno = code;
    return -1;
  }
  return fd;
}

static int journal_roll(JournalDrain *drain, uint64_t sequence) {
  LogHead log = drain->log;
  if (!journal_sync(drain)) return 0;
  log.position = drain->copied;
  log.sequence = sequence;
  log.wall_ns = journal_clock(CLOCK_REALTIME);
  log.closed = 0;
  int fd = journal_begin(drain->folder, drain->name, &log);
  if (fd < 0) return 0;
  close(drain->fd);
  drain->fd = fd;
  drain->log = log;
  __atomic_store_n(&drain->files, drain->files + 1, __ATOMIC_RELAXED);
  return 1;
}

static inline int journal_begins_file(const JournalDrain *drain, uint64_t position) {
  const RecordHeader *entry = (const RecordHeader *)(drain->base + (position & drain->mask));
  return entry->type == RECORD_CHECKPOINT && position > drain->log.position && entry->sequence + 1 > drain->log.sequence;
}

/* What stands between `position` and `written`, up to the next file or a chunk; 0: no entry, which cannot be. */
static uint64_t journal_extent(const JournalDrain *drain, uint64_t position, uint64_t written) {
  uint64_t end = position;
  do {
    uint64_t length = ((const RecordHeader *)(drain->base + (end & drain->mask)))->length;
    if (length < 64 || length > written - end) return 0;
    end += length;
  } while (end < written && end - position < JOURNAL_CHUNK && !journal_begins_file(drain, end));
  return end - position;
}

static int journal_copy(JournalDrain *drain, uint64_t written) {
  while (drain->copied < written) {
    const RecordHeader *entry = (const RecordHeader *)(drain->base + (drain->copied & drain->mask));
    if (journal_begins_file(drain, drain->copied) && !journal_roll(drain, entry->sequence + 1)) return 0;
    uint64_t size = journal_extent(drain, drain->copied, written);
    if (!size) {
      errno = EILSEQ;
      return 0;
    }
    if (!journal_put(drain->fd, (const char *)entry, size, drain->copied - drain->log.position + 64)) return 0;
    __atomic_store_n(&drain->bytes, drain->bytes + size, __ATOMIC_RELAXED);
    drain->copied += size;
  }
  return drain->head->durable == drain->copied || journal_sync(drain);
}

static int journal_turn(JournalDrain *drain, int last) {
  int64_t now = journal_clock(CLOCK_MONOTONIC);
  if (now < drain->retry_ns && !last) return 0;
  if (!journal_copy(drain, JOURNAL_LOAD(&drain->head->written)) || (last && !journal_end(drain))) {
    JOURNAL_STORE(&drain->head->fault, (uint64_t)errno);
    __atomic_store_n(&drain->faults, drain->faults + 1, __ATOMIC_RELAXED);
    drain->retry_ns = journal_clock(CLOCK_MONOTONIC) + JOURNAL_RETRY_NS;
    return 0;
  }
  if (drain->head->fault) JOURNAL_STORE(&drain->head->fault, 0);
  JOURNAL_STORE(&drain->head->caught_ns, (uint64_t)now);
  return 1;
}

static void *journal_run(void *argument) {
  JournalThread *thread = argument;
  if (CPU_COUNT(&thread->cpus)) sched_setaffinity(0, sizeof thread->cpus, &thread->cpus);
  pthread_setname_np(pthread_self(), "journal");
  for (;;) {
    int last = (int)JOURNAL_LOAD(&thread->stop), much = 0;
    for (JournalDrain *drain = JOURNAL_LOAD(&thread->first); drain; drain = drain->next) {
      uint64_t copied = drain->copied;
      journal_turn(drain, last);
      much |= drain->copied > copied + drain->mask / 32;
    }
    if (last) break;
    int64_t pause_ns = much ? thread->pause_ns / JOURNAL_HASTE : thread->pause_ns;
    nanosleep(&(struct timespec){pause_ns / 1000000000, pause_ns % 1000000000}, NULL);
  }
  JOURNAL_STORE(&thread->finished, 1);              /* nothing of it is looked at after this */
  return NULL;
}

/* Whether it ended before `timeout_ns` had passed. */
static int journal_wait(const JournalThread *thread, int64_t timeout_ns) {
  const struct timespec pause = {0, 200000};
  int64_t until = journal_clock(CLOCK_MONOTONIC) + timeout_ns;
  while (!JOURNAL_LOAD(&thread->finished)) {
    if (journal_clock(CLOCK_MONOTONIC) > until) return 0;
    nanosleep(&pause, NULL);
  }
  return 1;
}

/* 0, or why it cannot be. */
static int journal_start(JournalThread *thread) {
  sigset_t all, before;
  pthread_attr_t detached;
  sigfillset(&all);
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);      /* signals are the interpreter's */
  int code = pthread_create(&thread->thread, &detached, journal_run, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&detached);
  thread->running = code == 0;
  return code;
}

#endif
