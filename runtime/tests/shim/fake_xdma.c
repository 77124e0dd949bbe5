/* The character devices of Xilinx's PCIe driver over the simulated circuit: put before the C
 * library (LD_PRELOAD). What begins with FAKE_XDMA is a device; the files must be there. Those of
 * /dev/xdma0 are the same ones. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>
#include <unistd.h>

#include "fake_card.h"

enum { MOST = 1024, NONE = 0, USER, TO_CARD, FROM_CARD };
static unsigned char role[MOST];
static fake_card card;

static const char USUAL[] = "/dev/xdma0";

/* The file that stands for a device; `path` itself if it is none of /dev/xdma0. */
static const char *stand_in(const char *path, char *room, size_t size) {
  const char *prefix = getenv("FAKE_XDMA");
  if (prefix == NULL || strncmp(path, USUAL, sizeof USUAL - 1) != 0) return path;
  snprintf(room, size, "%s%s", prefix, path + sizeof USUAL - 1);
  return room;
}

static int role_of(const char *path) {
  const char *prefix = getenv("FAKE_XDMA");
  if (prefix == NULL || strncmp(path, prefix, strlen(prefix)) != 0) return NONE;
  const char *end = path + strlen(prefix);
  return strcmp(end, "_user") == 0    ? USER
         : strcmp(end, "_h2c_0") == 0 ? TO_CARD
         : strcmp(end, "_c2h_0") == 0 ? FROM_CARD
                                      : NONE;
}

int open(const char *path, int flags, ...) {
  static int (*next)(const char *, int, ...);
  if (next == NULL) *(void **)&next = fake_symbol(RTLD_NEXT, "open");
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  char room[512];
  path = stand_in(path, room, sizeof room);
  const int file = next(path, flags, mode), of = role_of(path);
  if (file < 0 || file >= MOST || of == NONE) return file;
  if (of == USER && card.sim == NULL) fake_open(&card);
  role[file] = (unsigned char)of;
  return file;
}

int access(const char *path, int mode) {
  static int (*next)(const char *, int);
  if (next == NULL) *(void **)&next = fake_symbol(RTLD_NEXT, "access");
  char room[512];
  return next(stand_in(path, room, sizeof room), mode);
}

int close(int file) {
  static int (*next)(int);
  if (next == NULL) *(void **)&next = fake_symbol(RTLD_NEXT, "close");
  if (file >= 0 && file < MOST) role[file] = NONE;
  return next(file);
}

static ssize_t failed(void) {
  errno = EIO;
  return -1;
}

ssize_t pread(int file, void *data, size_t size, off_t at) {
  static ssize_t (*next)(int, void *, size_t, off_t);
  if (next == NULL) *(void **)&next = fake_symbol(RTLD_NEXT, "pread");
  const int of = file >= 0 && file < MOST ? role[file] : NONE;
  if (of == NONE) return next(file, data, size, at);
  if (of == USER) return size == 4 && fake_reg_read(&card, (uint32_t)at, data) == 0 ? 4 : failed();
  const int64_t moved = fake_transfer(&card, size);
  if (of != FROM_CARD || moved < 0) return failed();
  card.dma_read(card.sim, (uint64_t)at, data, (uint64_t)moved);
  return moved;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
  static ssize_t (*next)(int, const void *, size_t, off_t);
  if (next == NULL) *(void **)&next = fake_symbol(RTLD_NEXT, "pwrite");
  const int of = file >= 0 && file < MOST ? role[file] : NONE;
  if (of == NONE) return next(file, data, size, at);
  if (of == USER) {
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return size == 4 && fake_reg_write(&card, (uint32_t)at, value) == 0 ? 4 : failed();
  }
  const int64_t moved = fake_transfer(&card, size);
  if (of != TO_CARD || moved < 0) return failed();
  card.dma_write(card.sim, (uint64_t)at, data, (uint64_t)moved);
  return moved;
}
