/* file.h: the files of a package, mapped read-only. */
#ifndef DPC_FILE_H
#define DPC_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "dpc.h"

typedef struct dpc_file {
  const uint8_t *data; /* never NULL once mapped, even for an empty file */
  size_t size;
  dev_t device; /* with inode: which file this is, to see whether it was replaced */
  ino_t inode;
} dpc_file;

/* "folder/relative" in new memory; NULL when there is none. */
char *dpc_file_join(const char *folder, const char *relative);

/* The last part of a path, as messages name a package. */
const char *dpc_file_name(const char *path);

dpc_status dpc_file_map(const char *folder, const char *relative, dpc_file *file, dpc_error *error);
void dpc_file_unmap(dpc_file *file);

#endif
