// A load generator that costs next to nothing: blocking sockets, sendfile, one thread a connection.
//
// load PORT CONNECTIONS PLAN SOURCE   sends the plan, prints one JSON object
// load touch BYTES                    touches that much memory and ends (on virtual machines fresh memory is dear)
//
// The plan is made beforehand. For each request: "GROUP HEAD_SIZE BODY_OFFSET BODY_SIZE\n" and the head itself. The requests of one group
// go over one connection, in order. "@L@" in a head stands for the path of the last Location that this connection was given.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct request {
  long group;
  const char *head;
  size_t head_size;
  off_t body_offset;
  size_t body_size;
};

static struct request *requests;
static size_t request_count;
static atomic_size_t next_request;
static atomic_long failed, sent_bytes;
static double *seconds_each;
static int port, source;
static off_t source_size;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(2);
}

static int open_connection(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_MORE);
    if (n <= 0) return -1;
    bytes += n;
    size -= n;
  }
  return 0;
}

static int send_body(int fd, off_t offset, size_t size) {
  while (size > 0) {
    off_t at = offset % source_size;
    size_t piece = size < (size_t)(source_size - at) ? size : (size_t)(source_size - at);
    ssize_t n = sendfile(fd, source, &at, piece);
    if (n <= 0) return -1;
    offset += n;
    size -= n;
  }
  return 0;
}

// Reads one answer, its body unseen (the kernel drops it); returns its status, or -1. Keeps the path of its Location.
static int read_answer(int fd, char *location, size_t location_size) {
  char buffer[65536];
  size_t have = 0;
  char *end = NULL;
  while (!end) {
    ssize_t n = recv(fd, buffer + have, sizeof buffer - 1 - have, 0);
    if (n <= 0) return -1;
    have += n;
    buffer[have] = 0;
    end = strstr(buffer, "\r\n\r\n");
  }
  char *length = strcasestr(buffer, "\r\ncontent-length:");
  size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
  for (size_t got = have - (end + 4 - buffer); got < body;) {
    ssize_t n = recv(fd, NULL, body - got, MSG_TRUNC);
    if (n <= 0) return -1;
    got += n;
  }
  char *found = strcasestr(buffer, "\r\nlocation:");
  if (found && found < end) {
    found += 11;
    while (*found == ' ') found++;
    char *host = strstr(found, "://");
    char *line_end = strstr(found, "\r\n");
    if (host && host < line_end) found = strchr(host + 3, '/');
    snprintf(location, location_size, "%.*s", (int)(line_end - found), found);
  }
  return atoi(buffer + 9);
}

static int send_head(int fd, const struct request *r, const char *location) {
  const char *mark = memmem(r->head, r->head_size, "@L@", 3);
  if (!mark) return send_all(fd, r->head, r->head_size);
  size_t before = mark - r->head;
  if (send_all(fd, r->head, before) || send_all(fd, location, strlen(location))) return -1;
  return send_all(fd, mark + 3, r->head_size - before - 3);
}

static void push(int fd) {
  int off = 0, on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
}

static void *work(void *unused) {
  (void)unused;
  int fd = open_connection();
  char location[1024] = "";
  for (;;) {
    size_t first = atomic_load(&next_request), end;
    do {
      if (first >= request_count) {
        close(fd);
        return NULL;
      }
      for (end = first + 1; end < request_count && requests[end].group == requests[first].group;) end++;
    } while (!atomic_compare_exchange_weak(&next_request, &first, end));
    for (size_t at = first; at < end; at++) {
      const struct request *r = &requests[at];
      double begin = now();
      int status = -1;
      if (send_head(fd, r, location) == 0 && send_body(fd, r->body_offset, r->body_size) == 0) {
        push(fd);
        status = read_answer(fd, location, sizeof location);
      }
      seconds_each[at] = now() - begin;
      sent_bytes += r->body_size;
      if (status >= 200 && status < 300) continue;
      if (failed++ == 0) fprintf(stderr, "request %zu: status %d\n", at, status);
      if (status < 0) {
        close(fd);
        fd = open_connection();
      }
    }
  }
}

static void read_plan(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) die(path);
  char *plan = malloc(info.st_size + 1), *end = plan + info.st_size;
  for (off_t got = 0; got < info.st_size;) {
    ssize_t n = read(fd, plan + got, info.st_size - got);
    if (n <= 0) die(path);
    got += n;
  }
  *end = 0;
  for (char *at = plan; at < end;) {
    requests = realloc(requests, (request_count + 1) * sizeof *requests);
    struct request *r = &requests[request_count++];
    r->group = strtol(at, &at, 10);
    r->head_size = strtoul(at, &at, 10);
    r->body_offset = strtoll(at, &at, 10);
    r->body_size = strtoul(at, &at, 10);
    r->head = at + 1;
    at += 1 + r->head_size;
  }
  close(fd);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int touch(size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  memset(memory, 1, size);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "touch") == 0) return touch(strtoull(argv[2], NULL, 10));
  if (argc != 5) return fprintf(stderr, "load PORT CONNECTIONS PLAN SOURCE\n"), 2;
  port = atoi(argv[1]);
  int connections = atoi(argv[2]);
  read_plan(argv[3]);
  source = open(argv[4], O_RDONLY);
  struct stat info;
  if (source < 0 || fstat(source, &info) != 0) die(argv[4]);
  source_size = info.st_size;
  seconds_each = calloc(request_count, sizeof *seconds_each);
  pthread_t *threads = calloc(connections, sizeof *threads);
  double begin = now();
  for (int i = 0; i < connections; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
  double seconds = now() - begin;
  qsort(seconds_each, request_count, sizeof *seconds_each, by_value);
  printf("{\"seconds\":%.6f,\"requests\":%zu,\"bytes\":%ld,\"failed\":%ld,\"p50\":%.6f,\"p99\":%.6f}\n",
         seconds, request_count, (long)sent_bytes, (long)failed,
         request_count ? seconds_each[request_count / 2] : 0,
         request_count ? seconds_each[request_count * 99 / 100] : 0);
  return failed ? 1 : 0;
}
