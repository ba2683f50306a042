// Below a process: delays every flush by HOLDFAST_SLOW_FLUSH_MS, and counts them in the file HOLDFAST_FLUSH_COUNT names.
// gcc -shared -fPIC -O2 -o slow-flush.so slow-flush.c -ldl ; LD_PRELOAD=./slow-flush.so node ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
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
