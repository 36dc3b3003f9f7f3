/* A file of others', read as memory. Whoever may write it may cut it short, and a load past its end is a SIGBUS that
 * ends the process: so the pages of such a file are then taken by empty ones, and the load sees zeros. Who reads must
 * take zeros for a file that is not in order. */
#ifndef CONNECTOR_WATCHED_H
#define CONNECTOR_WATCHED_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define WATCHED_BYTES 4096
#define WATCHED_MOST 64

typedef struct {
  char *volatile page;                              /* NULL: the place is free */
  volatile sig_atomic_t torn;                       /* the file was too short: the page is an empty one */
} Watched;

static Watched watched_pages[WATCHED_MOST];
static struct sigaction watched_before;             /* who has all other faults */
static volatile sig_atomic_t watched_passing;       /* ... and is at one */

static inline void watched_fault(int number, siginfo_t *told, void *context) {
  char *at = (char *)told->si_addr;
  for (int i = 0; i < WATCHED_MOST; i++) {
    char *page = watched_pages[i].page;
    if (page && at >= page && at < page + WATCHED_BYTES) {
      if (mmap(page, WATCHED_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) break;
      watched_pages[i].torn = 1;
      return;
    }
  }
  /* One who was begun after us raises the signal anew for whom it found, which is us: nobody is left then. */
  if (watched_passing || (!(watched_before.sa_flags & SA_SIGINFO) &&
      (watched_before.sa_handler == SIG_DFL || watched_before.sa_handler == SIG_IGN))) {
    signal(SIGBUS, SIG_DFL);                        /* the load is tried again, and ends the process */
    return;
  }
  watched_passing = 1;
  if (watched_before.sa_flags & SA_SIGINFO) watched_before.sa_sigaction(number, told, context);
  else watched_before.sa_handler(number);
  watched_passing = 0;
}

/* Others may have set a handler since: it is behind ours then. 0: there is none of ours.
 *
 * Asked with each tick, 50 ms: if somebody both sets a handler and cuts a file short between two of them, the load ends
 * the process. That is the safe side of a halt file: nothing more leaves, and what is open falls under its policy. A look
 * before each order would be a system call in its way. */
static inline int watched_guard(void) {
  struct sigaction now, ours;
  if (sigaction(SIGBUS, NULL, &now)) return 0;
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == watched_fault) return 1;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = watched_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  watched_before = now;
  return sigaction(SIGBUS, &ours, NULL) == 0;
}

/* The first page of a file; NULL: it cannot be watched. */
static inline Watched *watched_begin(int fd) {
  if (!watched_guard()) return NULL;
  for (int i = 0; i < WATCHED_MOST; i++) {
    if (watched_pages[i].page) continue;
    char *page = mmap(NULL, WATCHED_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (page == MAP_FAILED) return NULL;
    watched_pages[i].torn = 0;
    watched_pages[i].page = page;
    return &watched_pages[i];
  }
  return NULL;
}

static inline void watched_end(Watched *one) {
  char *page = one->page;
  one->page = NULL;
  munmap(page, WATCHED_BYTES);
}

/* Its first `size` bytes are those, as far as anybody can see now. */
static inline int watched_equal(const Watched *one, const char *bytes, size_t size) {
  __atomic_signal_fence(__ATOMIC_ACQ_REL);
  return size <= WATCHED_BYTES && memcmp(one->page, bytes, size) == 0;
}

#endif
