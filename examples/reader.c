/* A strategy in C: attaches to the daemon, prints records until COUNT were seen.
 *
 *     cc -std=c11 -O2 -I_speedups examples/reader.c -o reader && ./reader RUNTIME_DIR COUNT
 *
 * Needs nothing but connector_abi.h. The protocol is that of ring.pxd: stamp, copy, fence, intent. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "connector_abi.h"

#define ACQUIRE(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define RELAXED(p) __atomic_load_n((p), __ATOMIC_RELAXED)

static void fail(const char *what) {
  fprintf(stderr, "reader: %s\n", what);
  exit(1);
}

/* Says hello and receives the descriptors: market segment, up, down, eventfd. */
static int attach(const char *runtime_dir, int fds[4]) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", runtime_dir) >=
      (int)sizeof address.sun_path)
    fail("the path of the control socket is too long");
  int control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (control < 0 || connect(control, (struct sockaddr *)&address, sizeof address) < 0)
    fail("no daemon is there");
  char hello[256], answer[4096];
  int length = snprintf(hello, sizeof hello,
                        "{\"abi_hash\":\"%016" PRIx64 "\",\"strategy\":\"c-reader\",\"kind\":\"market\"}",
                        (uint64_t)CONNECTOR_ABI_HASH);
  if (send(control, hello, (size_t)length, MSG_NOSIGNAL) != length) fail("cannot say hello");
  union { char bytes[CMSG_SPACE(4 * sizeof(int))]; struct cmsghdr align; } room;
  struct iovec part = {answer, sizeof answer - 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
  ssize_t got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) fail("the daemon does not answer");
  answer[got] = 0;
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  if (!rights || rights->cmsg_len != CMSG_LEN(4 * sizeof(int))) fail(answer); /* says why */
  memcpy(fds, CMSG_DATA(rights), 4 * sizeof(int));
  return control;
}

typedef struct {
  const RingControl *control;
  const char *base;
  uint64_t capacity, position, sequence, lost;
} Reader;

static const RecordHeader *at(const Reader *r, uint64_t position) {
  return (const RecordHeader *)(r->base + (position & (r->capacity - 1)));
}

static int overwritten(const Reader *r) {
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return RELAXED(&r->control->intent) > r->position + r->capacity;
}

static void enter(Reader *r) {
  uint64_t rejoin = ACQUIRE(&r->control->rejoin);
  if (rejoin > r->position) r->position = rejoin;
}

/* Copies the next record; 0 when there is none yet. */
static uint64_t next(Reader *r, void *copy, uint64_t room) {
  for (;;) {
    const RecordHeader *record = at(r, r->position);
    if (ACQUIRE(&record->stamp) != r->position + 1) {
      if (!overwritten(r)) return 0;
      enter(r);
      if (overwritten(r)) return 0; /* the rejoin point follows in a moment */
      continue;
    }
    uint64_t length = record->length;
    if (length > room) length = room;
    uint64_t left = r->capacity - (r->position & (r->capacity - 1));
    memcpy(copy, record, length < left ? length : left);
    if (overwritten(r)) { enter(r); continue; }
    const RecordHeader *header = copy;
    r->position += header->length;
    if (header->type == RECORD_PAD) continue;
    if (r->sequence) r->lost += header->sequence - r->sequence;
    r->sequence = header->sequence + 1;
    return length;
  }
}

static int copy_entry(const InstrumentEntry *entry, InstrumentEntry *copy) {
  for (int tries = 0; tries < 1000; tries++) {
    uint64_t before = ACQUIRE(&entry->word);
    memcpy(copy, entry, sizeof *copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!((before >> 8) & 1) && RELAXED(&entry->word) == before) return 1;
  }
  return 0;
}

static double scaled(int64_t value_e, int exponent) {
  double value = (double)value_e;
  while (exponent-- > 0) value /= 10;
  return value;
}

int main(int count, char **words) {
  if (count != 3) fail("usage: reader RUNTIME_DIR COUNT");
  int fds[4];
  int control = attach(words[1], fds);
  long wanted = atol(words[2]);
  SegmentHeader first;
  if (pread(fds[0], &first, sizeof first, 0) != (ssize_t)sizeof first) fail("cannot read the segment");
  if (first.magic != CONNECTOR_MAGIC_MARKET || first.abi_hash != CONNECTOR_ABI_HASH) fail("another layout");
  const char *market = mmap(NULL, first.size, PROT_READ, MAP_SHARED, fds[0], 0);
  SessionUp *up = mmap(NULL, sizeof *up, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
  if (market == MAP_FAILED || up == MAP_FAILED) fail("cannot map the segments");
  const InstrumentEntry *directory = (const InstrumentEntry *)(market + first.directory_offset);
  Reader r = {(const RingControl *)(market + first.control_offset), market + first.ring_offset,
              first.ring_capacity, 0, 0, 0};
  uint64_t room = r.capacity / 8;
  char *copy = malloc(room);
  if (!copy) fail("no memory");
  r.position = ACQUIRE(&r.control->rejoin);
  for (long seen = 0; seen < wanted;) {
    if (!next(&r, copy, room)) {
      __atomic_store_n(&up->market_cursor, r.position, __ATOMIC_RELEASE);
      char byte;
      if (recv(control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) fail("the daemon is gone");
      usleep(100);
      continue;
    }
    const RecordHeader *header = (const RecordHeader *)copy;
    InstrumentEntry instrument;
    if (!copy_entry(directory + header->instrument % CONNECTOR_MAX_INSTRUMENTS, &instrument)) fail("the daemon stopped");
    printf("%" PRIu64 " %s ", header->sequence, instrument.symbol);
    const void *body = header + 1;
    if (header->type == RECORD_TRADE) {
      const TradeBody *trade = body;
      printf("trade %.8f x %.8f\n", scaled(trade->price_e, instrument.price_exponent),
             scaled(trade->qty_e, instrument.qty_exponent));
    } else if (header->type == RECORD_BBO) {
      const BboBody *bbo = body;
      printf("bbo %.8f x %.8f\n", scaled(bbo->bid_price_e, instrument.price_exponent),
             scaled(bbo->ask_price_e, instrument.price_exponent));
    } else if (header->type == RECORD_BOOK_DELTA) {
      const BookDeltaBody *delta = body;
      printf("delta %" PRIu32 " bids %" PRIu32 " asks to %" PRId64 "\n", delta->bids, delta->asks, header->update_id);
    } else {
      printf("record of type %d\n", header->type);
    }
    fflush(stdout);
    seen++;
  }
  printf("lost %" PRIu64 "\n", r.lost);
  return 0;
}
