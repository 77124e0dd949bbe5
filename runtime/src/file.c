#define _GNU_SOURCE /* O_CLOEXEC and friends under -std=c11 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

char *dpc_file_join(const char *folder, const char *relative) {
  const size_t a = strlen(folder), b = strlen(relative);
  char *path = malloc(a + b + 2);
  if (path == NULL) return NULL;
  memcpy(path, folder, a);
  path[a] = '/';
  memcpy(path + a + 1, relative, b + 1);
  return path;
}

const char *dpc_file_name(const char *path) {
  const char *name = path;
  for (const char *c = path; *c != '\0'; c++)
    if (*c == '/' && c[1] != '/' && c[1] != '\0') name = c + 1;
  return name;
}

static dpc_status refuse(const char *folder, const char *relative, const char *why,
                         dpc_error *error) {
  return dpc_fail(error, DPC_ERROR_FILE, "%.200s: %.100s: %s. Compile or copy the package again",
                  folder, relative, why);
}

dpc_status dpc_file_map(const char *folder, const char *relative, dpc_file *file,
                        dpc_error *error) {
  char *path = dpc_file_join(folder, relative);
  if (path == NULL) return dpc_out_of_memory(error, strlen(folder) + strlen(relative) + 2);
  /* O_NONBLOCK: opening a pipe that someone put there must not wait for a writer */
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int reason = errno;
  free(path);
  if (descriptor < 0) return refuse(folder, relative, strerror(reason), error);

  struct stat facts;
  dpc_status status = DPC_OK;
  if (fstat(descriptor, &facts) != 0) {
    status = refuse(folder, relative, strerror(errno), error);
  } else if (!S_ISREG(facts.st_mode)) {
    status = refuse(folder, relative, "is not a regular file", error);
  } else {
    *file = (dpc_file){.data = (const uint8_t *)"",
                       .size = (size_t)facts.st_size,
                       .device = facts.st_dev,
                       .inode = facts.st_ino};
    if (file->size > 0) { /* an empty mapping is an error to mmap, not to us */
      void *data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (data == MAP_FAILED) status = refuse(folder, relative, strerror(errno), error);
      else file->data = data;
    }
  }
  close(descriptor);
  return status;
}

void dpc_file_unmap(dpc_file *file) {
  if (file->size > 0 && file->data != NULL) munmap((void *)(uintptr_t)file->data, file->size);
  *file = (dpc_file){0};
}
