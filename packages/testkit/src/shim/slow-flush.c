// Below a process: delays every flush by HOLDFAST_SLOW_FLUSH_MS, and counts them in the file HOLDFAST_FLUSH_COUNT names.
// A write to a file that was opened with O_DSYNC is one too.
// gcc -shared -fPIC -O2 -o slow-flush.so slow-flush.c -ldl ; LD_PRELOAD=./slow-flush.so node ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long delay_ms;
static _Atomic unsigned long *flush_count;

__attribute__((constructor)) static void set_up(void) {
  const char *delay = getenv("HOLDFAST_SLOW_FLUSH_MS");
  const char *path = getenv("HOLDFAST_FLUSH_COUNT");
  delay_ms = delay ? atol(delay) : 0;
  if (!path) return;
  int fd = open(path, O_RDWR | O_CREAT, 0644);
  if (fd < 0 || ftruncate(fd, sizeof *flush_count) != 0) return;
  void *page = mmap(NULL, sizeof *flush_count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) flush_count = page;
  close(fd);
}

static void before_flush(void) {
  if (flush_count) atomic_fetch_add(flush_count, 1);
  struct timespec rest = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000L};
  while (delay_ms > 0 && nanosleep(&rest, &rest) != 0) {
  }
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  before_flush();
  return real(fd);
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  before_flush();
  return real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned int flags) {
  static int (*real)(int, off64_t, off64_t, unsigned int);
  if (!real) real = dlsym(RTLD_NEXT, "sync_file_range");
  before_flush();
  return real(fd, offset, size, flags);
}

/* By descriptor: whether it was opened with O_DSYNC. Whatever else gets such a number is never written to by pwrite. */
#define DESCRIPTORS 65536
static _Atomic char is_synced[DESCRIPTORS];

static int note_open(int fd, int flags) {
  if (fd >= 0 && fd < DESCRIPTORS) is_synced[fd] = (flags & O_DSYNC) != 0;
  return fd;
}

#define OPEN(name)                                                       \
  int name(const char *path, int flags, ...) {                           \
    static int (*real)(const char *, int, ...);                          \
    if (!real) real = dlsym(RTLD_NEXT, #name);                           \
    va_list more;                                                        \
    va_start(more, flags);                                               \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                                        \
    return note_open(real(path, flags, mode), flags);                    \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                          \
  ssize_t name(int fd, const void *bytes, size_t size, off64_t offset) {      \
    static ssize_t (*real)(int, const void *, size_t, off64_t);               \
    if (!real) real = dlsym(RTLD_NEXT, #name);                                \
    if (fd >= 0 && fd < DESCRIPTORS && is_synced[fd]) before_flush();         \
    return real(fd, bytes, size, offset);                                     \
  }
PWRITE(pwrite)
PWRITE(pwrite64)
