/* Preloaded into a process that trades: notes the clock just before each write to a socket that carries an order.
 *
 * BENCH_STAMPS names a file: one word counts, then slots of 64 bytes, the newest SLOTS of them. The same for everybody who
 * is measured, whatever library writes; a write that carries no order costs a look at its first bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 14, HEAD = 40 };

typedef struct {
  int64_t ns;                   /* CLOCK_MONOTONIC, the call not begun */
  uint64_t size;
  int64_t fd;
  char head[HEAD];
} Stamp;

typedef struct {
  uint64_t count;
  char spare[56];
  Stamp slots[SLOTS];
} Area;

static Area* area;
static ssize_t (*real_send)(int, const void*, size_t, int);
static ssize_t (*real_sendto)(int, const void*, size_t, int, const struct sockaddr*, socklen_t);
static ssize_t (*real_sendmsg)(int, const struct msghdr*, int);
static ssize_t (*real_write)(int, const void*, size_t);
static ssize_t (*real_writev)(int, const struct iovec*, int);

__attribute__((constructor)) static void begin(void) {
  real_send = dlsym(RTLD_NEXT, "send");
  real_sendto = dlsym(RTLD_NEXT, "sendto");
  real_sendmsg = dlsym(RTLD_NEXT, "sendmsg");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  const char* path = getenv("BENCH_STAMPS");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void* found = mmap(NULL, sizeof(Area), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  close(fd);
  if (found != MAP_FAILED) area = found;
}

/* An order over HTTP, or a masked text frame longer than any control message of ours. */
static inline void look(int fd, const void* data, size_t size) {
  const unsigned char* text = data;
  if (!area || size < HEAD) return;
  int http = !memcmp(text, "POST ", 5) || !memcmp(text, "DELETE ", 7);
  if (!http && !(text[0] == 0x81 && text[1] == (0x80 | 126))) return;
  struct timespec now;
  Stamp* slot = &area->slots[area->count % SLOTS];
  slot->size = size;
  slot->fd = fd;
  memcpy(slot->head, data, HEAD);
  clock_gettime(CLOCK_MONOTONIC, &now);
  slot->ns = now.tv_sec * 1000000000LL + now.tv_nsec;
  __atomic_store_n(&area->count, area->count + 1, __ATOMIC_RELEASE);
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  look(fd, data, size);
  return real_send(fd, data, size, flags);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const struct sockaddr* to, socklen_t length) {
  look(fd, data, size);
  return real_sendto(fd, data, size, flags, to, length);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  if (message->msg_iovlen) look(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
  return real_sendmsg(fd, message, flags);
}

ssize_t write(int fd, const void* data, size_t size) {
  look(fd, data, size);
  return real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (count > 0) look(fd, parts[0].iov_base, parts[0].iov_len);
  return real_writev(fd, parts, count);
}
