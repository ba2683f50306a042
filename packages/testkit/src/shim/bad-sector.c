// Below a process: one range of one file that cannot be read (EIO) until it is written over, as of a disk with a bad sector.
// HOLDFAST_BAD_SECTOR names a file of 32 bytes, four numbers of 64 bits: the inode, where the range begins, its size (0: none is bad), and how many reads have failed.
// gcc -shared -fPIC -O2 -o bad-sector.so bad-sector.c -ldl ; LD_PRELOAD=./bad-sector.so node ...
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct sector {
  _Atomic uint64_t inode, start, size, failed;
};
static struct sector *bad;

__attribute__((constructor)) static void set_up(void) {
  const char *path = getenv("HOLDFAST_BAD_SECTOR");
  int fd = path ? open(path, O_RDWR) : -1;
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof *bad, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) bad = page;
  close(fd);
}

static int is_met(int fd, uint64_t offset, uint64_t size) {
  struct stat is;
  if (!bad || bad->size == 0 || offset >= bad->start + bad->size || offset + size <= bad->start) return 0;
  return fstat(fd, &is) == 0 && is.st_ino == bad->inode;
}

/* What stands before the range is read; of the range nothing is. */
static ssize_t readable(int fd, off64_t offset, size_t size) {
  if (!is_met(fd, offset, size)) return size;
  if ((uint64_t)offset < bad->start) return bad->start - offset;
  atomic_fetch_add(&bad->failed, 1);
  errno = EIO;
  return -1;
}

static void note_written(int fd, off64_t offset, ssize_t size) {
  if (size <= 0 || !is_met(fd, offset, size)) return;
  if ((uint64_t)offset <= bad->start && (uint64_t)(offset + size) >= bad->start + bad->size) bad->size = 0;
}

#define REAL(name, ...)                           \
  static ssize_t (*real)(__VA_ARGS__);            \
  if (!real) real = dlsym(RTLD_NEXT, #name);

ssize_t pread64(int fd, void *into, size_t size, off64_t offset) {
  REAL(pread64, int, void *, size_t, off64_t)
  ssize_t most = readable(fd, offset, size);
  return most < 0 ? -1 : real(fd, into, most, offset);
}

static size_t size_of(const struct iovec *pieces, int count) {
  size_t size = 0;
  for (int at = 0; at < count; at++) size += pieces[at].iov_len;
  return size;
}

/* Pieces are not cut: one call fails as a whole where it comes to the range. */
ssize_t preadv(int fd, const struct iovec *pieces, int count, off64_t offset) {
  REAL(preadv, int, const struct iovec *, int, off64_t)
  size_t size = size_of(pieces, count);
  if (readable(fd, offset, size) == (ssize_t)size) return real(fd, pieces, count, offset);
  errno = EIO;
  return -1;
}

ssize_t preadv2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags) {
  REAL(preadv2, int, const struct iovec *, int, off64_t, int)
  size_t size = size_of(pieces, count);
  if (readable(fd, offset, size) == (ssize_t)size) return real(fd, pieces, count, offset, flags);
  errno = EIO;
  return -1;
}

ssize_t sendfile(int to, int fd, off64_t *offset, size_t size) {
  REAL(sendfile, int, int, off64_t *, size_t)
  ssize_t most = offset ? readable(fd, *offset, size) : (ssize_t)size;
  return most < 0 ? -1 : real(to, fd, offset, most);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  REAL(pwrite64, int, const void *, size_t, off64_t)
  ssize_t count = real(fd, bytes, size, offset);
  note_written(fd, offset, count);
  return count;
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off64_t offset) {
  REAL(pwritev, int, const struct iovec *, int, off64_t)
  ssize_t written = real(fd, pieces, count, offset);
  note_written(fd, offset, written);
  return written;
}
