// A line between two network namespaces: a TUN device in each, and between them delay, rate, a queue and loss, packet by packet.
//
//   bridge NETNS_A NETNS_B DELAY_MS BITS_PER_SECOND LOSS_PER_MILLE SEED
//
// The line is the same both ways, the loss is of each direction. Prints "ready" when both devices exist, and at its end, which is
// that of its standard input, how many packets it carried, lost and had no room for, each way.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_MAX = 1600, PACKETS_MAX = 16384 };

struct packet {
  int64_t due_at;
  int size;
  char bytes[PACKET_MAX];
};

struct direction {
  int from, to;
  int64_t free_at;
  uint64_t first, last;
  long carried, lost, dropped;
  struct packet *packets;
};

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_tun(const char *netns) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", netns);
  int ns = open(path, O_RDONLY);
  if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) fail(path);
  close(ns);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tun < 0) fail("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strcpy(request.ifr_name, "line0");
  if (ioctl(tun, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
  return tun;
}

static uint64_t state;

static uint64_t random64(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  // A line does not wait for its turn on a busy machine. Where that is not allowed, it does.
  struct sched_param priority = {.sched_priority = 10};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  int64_t delay = atof(argv[3]) * 1e6;
  double ns_per_byte = 8e9 / atof(argv[4]);
  uint64_t loss = atof(argv[5]) * 1000;
  state = strtoull(argv[6], 0, 10) * 0x9e3779b97f4a7c15ULL + 1;
  // The queue before the line holds what it carries in one round trip, as the queue of a router should.
  int64_t queue_ns = 2 * delay;
  int a = open_tun(argv[1]), b = open_tun(argv[2]);
  struct direction ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
  for (int way = 0; way < 2; way++) ways[way].packets = malloc(sizeof(struct packet) * PACKETS_MAX);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    int64_t now = now_ns(), wake = now + 1000000000LL;
    for (int way = 0; way < 2; way++) {
      struct direction *d = &ways[way];
      for (; d->first < d->last; d->first++) {
        struct packet *p = &d->packets[d->first % PACKETS_MAX];
        if (p->due_at > now) break;
        if (write(d->to, p->bytes, p->size) == p->size) d->carried++;
      }
      if (d->first < d->last && d->packets[d->first % PACKETS_MAX].due_at < wake)
        wake = d->packets[d->first % PACKETS_MAX].due_at;
      for (int burst = 0; burst < 64; burst++) {
        struct packet *p = &d->packets[d->last % PACKETS_MAX];
        char spare[PACKET_MAX];
        int is_full = d->last - d->first >= PACKETS_MAX;
        int size = read(d->from, is_full ? spare : p->bytes, PACKET_MAX);
        if (size <= 0) break;
        if (d->free_at < now) d->free_at = now;
        if (is_full || d->free_at - now > queue_ns) {
          d->dropped++;
          continue;
        }
        // What is lost was on the line all the same.
        d->free_at += size * ns_per_byte;
        if (random64() % 1000000 < loss) {
          d->lost++;
          continue;
        }
        p->size = size;
        p->due_at = d->free_at + delay;
        d->last++;
        if (p->due_at < wake) wake = p->due_at;
      }
    }
    struct pollfd polled[3] = {
        {.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    int64_t left = wake - now_ns();
    if (left < 0) left = 0;
    struct timespec timeout = {left / 1000000000LL, left % 1000000000LL};
    ppoll(polled, 3, &timeout, 0);
    if (polled[2].revents) break;
  }
  for (int way = 0; way < 2; way++)
    printf("%ld %ld %ld\n", ways[way].carried, ways[way].lost, ways[way].dropped);
  return 0;
}
