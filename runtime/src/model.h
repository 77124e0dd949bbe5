/* model.h: an open package. */
#ifndef DPC_MODEL_INTERNAL_H
#define DPC_MODEL_INTERNAL_H

#include <stdatomic.h>

#include "device.h"
#include "dpc.h"
#include "dpc_model.h"
#include "file.h"
#include "manifest.h"

typedef struct dpc_fpga_model dpc_fpga_model;

enum { DPC_MAX_THREADS = 1024 };

struct dpc_model {
  atomic_int owners; /* the caller of dpc_open and every session: the last one frees */
  int32_t threads;
  uint32_t flags;
  dpc_manifest manifest;
  char *name;   /* of the package, for messages */
  char *target; /* "cpu x86-64-v4" */
  dpc_file params;
  void *library; /* bin/host.so */
  const dpc_model_abi *abi;
  /* for a GPU: the device and its copies of the tensors */
  dpc_device device;
  dpc_memory *tensors, **tensor_list;
  dpc_fpga_model *fpga; /* a card, NULL when the host computes */
};

/* Loads `path` of the package, whose bytes are `file`, and checks what it says of itself. */
dpc_status dpc_library_open(dpc_model *model, const char *folder, const dpc_manifest_file *entry,
                            const dpc_file *file, dpc_error *error);

/* device_model.c: the device, code and tensors of a model for a GPU. */
dpc_status dpc_device_model_open(dpc_model *model, const char *folder, const dpc_options *options,
                                 dpc_error *error);
void dpc_device_model_close(dpc_model *model);

/* open.c: the file has the size and the digest that the manifest gives. */
dpc_status dpc_check_file(const dpc_model *model, const dpc_manifest_file *entry,
                          const dpc_file *file, dpc_error *error);

#endif
