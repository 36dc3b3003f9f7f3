/* Memory of the books: pages of 64 quantities and the blocks that hold a book's directories, for the whole process.
 *
 * Books are many and touched in turn, so what costs is the TLB: everything lies in 2 MiB pages where the kernel has
 * them. Numbers of pages are indices into one reserved range of addresses, so a page never moves; what is reserved and
 * not yet needed costs nothing. A page that is given back is all zeros. One thread. */
#ifndef CONNECTOR_PAGES_H
#define CONNECTOR_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23                      /* Linux 5.14 */
#endif
#define PAGES_HUGE ((size_t)1 << 21)
#define PAGES_MOST ((size_t)1 << 24)                /* 8 GiB of quantities */
#define PAGES_STEP (PAGES_HUGE / 512)               /* pages to a huge page */
#define PAGES_SPARE 2048                            /* ready after a refill and before a book is made: to commit more
                                                       takes hundreds of microseconds, which no message should wait */

static int64_t *page_quantity;                      /* 64 a page */
static uint64_t *page_occupied;                     /* one word a page; the next free page while it is free */
static uint32_t pages_used = 1, pages_ready, pages_free, pages_free_count; /* page 0 is never used: "no page" */
static char *blocks_free, *blocks_next, *blocks_end, *blocks_spare;

static char *pages_reserve(size_t bytes, int access) {
  char *start = mmap(NULL, bytes + PAGES_HUGE, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *aligned = (char *)(((uintptr_t)start + PAGES_HUGE - 1) & ~(uintptr_t)(PAGES_HUGE - 1));
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  if (aligned < start + PAGES_HUGE) munmap(aligned + bytes, (size_t)(start + PAGES_HUGE - aligned));
  madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}

static void pages_touch(char *start, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096) ((volatile char *)start)[at] = 0;
}

/* Changes nothing that lies there: the loop may be using it already. */
static int pages_commit(char *start, size_t bytes) {
  if (mprotect(start, bytes, PROT_READ | PROT_WRITE)) return 0;
  if (madvise(start, bytes, MADV_POPULATE_WRITE))
    for (size_t at = 0; at < bytes; at += 4096) __atomic_fetch_add(start + at, 0, __ATOMIC_RELAXED);
  return 1;
}

static int pages_more(void) {
  const size_t words = PAGES_HUGE / sizeof(uint64_t);
  if (!page_quantity) page_quantity = (int64_t *)pages_reserve(PAGES_MOST * 512, PROT_NONE);
  if (!page_occupied) page_occupied = (uint64_t *)pages_reserve(PAGES_MOST * 8, PROT_NONE);
  if (!page_quantity || !page_occupied || pages_ready == PAGES_MOST) return 0;
  if (pages_ready % words == 0 && !pages_commit((char *)(page_occupied + pages_ready), PAGES_HUGE)) return 0;
  if (!pages_commit((char *)(page_quantity + (size_t)pages_ready * 64), PAGES_HUGE)) return 0;
  pages_ready += PAGES_STEP;
  return 1;
}

static int pages_spare(void) {
  return pages_ready + pages_free_count >= pages_used + PAGES_SPARE || pages_more();
}

/* An empty page, 0 when there is no memory. */
static inline uint32_t page_take(void) {
  uint32_t page = pages_free;
  if (page) {
    pages_free = (uint32_t)page_occupied[page];
    pages_free_count--;
  } else {
    if (__builtin_expect(pages_used >= pages_ready, 0) && !pages_more()) return 0;
    page = pages_used++;
  }
  page_occupied[page] = 0;
  return page;
}

static inline void page_give(uint32_t page) {
  page_occupied[page] = pages_free;
  pages_free = page;
  pages_free_count++;
}

/* A block of zeros; every call asks for the same size. */
static void *block_take(size_t bytes) {
  char *block = blocks_free;
  if (block) {
    static char *const nothing;
    memcpy(&blocks_free, block, sizeof blocks_free);
    memcpy(block, &nothing, sizeof nothing);
    return block;
  }
  if (!blocks_next || blocks_next + bytes > blocks_end) {
    blocks_next = blocks_spare ? blocks_spare : pages_reserve(PAGES_HUGE, PROT_READ | PROT_WRITE);
    blocks_spare = NULL;
    if (!blocks_next) return NULL;
    blocks_end = blocks_next + PAGES_HUGE;
  }
  block = blocks_next;
  blocks_next += bytes;
  return block;
}

/* Memory for the next messages and the next block: what is wanted is noted on the loop, fetched on any thread (the
 * kernel clears 2 MiB a piece, which takes longer than a message may wait) and taken over on the loop. */
static struct { uint32_t from; int pages, block; char *found; } pages_ahead;

static int pages_want(size_t block_bytes) {
  pages_ahead.from = pages_ready;
  pages_ahead.pages = pages_ready && pages_ready != PAGES_MOST
      && pages_ready + pages_free_count < pages_used + PAGES_SPARE;
  pages_ahead.block = !blocks_free && !blocks_spare && (!blocks_next || blocks_next + block_bytes > blocks_end);
  pages_ahead.found = NULL;
  return pages_ahead.pages || pages_ahead.block;
}

static void pages_fetch(void) {
  const size_t words = PAGES_HUGE / sizeof(uint64_t);
  uint32_t from = pages_ahead.from;
  if (pages_ahead.pages && from % words == 0)
    pages_ahead.pages = pages_commit((char *)(page_occupied + from), PAGES_HUGE);
  if (pages_ahead.pages)
    pages_ahead.pages = pages_commit((char *)(page_quantity + (size_t)from * 64), PAGES_HUGE);
  if (pages_ahead.block) {
    pages_ahead.found = pages_reserve(PAGES_HUGE, PROT_READ | PROT_WRITE);
    if (pages_ahead.found) pages_touch(pages_ahead.found, PAGES_HUGE);
  }
}

static void pages_take_over(void) {
  if (pages_ahead.pages && pages_ready == pages_ahead.from) pages_ready += PAGES_STEP;
  if (!pages_ahead.found) return;
  if (blocks_spare) munmap(pages_ahead.found, PAGES_HUGE);
  else blocks_spare = pages_ahead.found;
  pages_ahead.found = NULL;
}

/* All of that at once. Returns how many pages are ready. */
static uint32_t pages_refill(size_t block_bytes) {
  pages_spare();
  if (pages_want(block_bytes)) {
    pages_fetch();
    pages_take_over();
  }
  return pages_ready ? pages_ready - pages_used + pages_free_count : 0;
}

/* The block is all zeros again. */
static void block_give(void *block) {
  memcpy(block, &blocks_free, sizeof blocks_free);
  blocks_free = block;
}

#endif
