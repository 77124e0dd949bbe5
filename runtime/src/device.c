#define _GNU_SOURCE /* dlopen under -std=c11 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

const dpc_driver *dpc_driver_find(const char *name) {
  static const dpc_driver *const drivers[] = {&dpc_driver_cuda, &dpc_driver_hip,
                                              &dpc_driver_opencl};
  for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
    if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
  return NULL;
}

int32_t dpc_local_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", /* Open MPI */
                                      "MPI_LOCALRANKID",            /* MPICH, Intel MPI */
                                      "MV2_COMM_WORLD_LOCAL_RANK",
                                      "PALS_LOCAL_RANKID", /* MVAPICH, Cray */
                                      "FLUX_TASK_LOCAL_ID",
                                      "SLURM_LOCALID", /* launchers without an MPI of theirs */
                                      "PMI_LOCAL_RANK",
                                      "LOCAL_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text = getenv(names[i]);
    char *end;
    if (text == NULL || *text == '\0') continue;
    errno = 0;
    const long rank = strtol(text, &end, 10);
    if (errno == 0 && *end == '\0' && rank >= 0 && rank <= INT_MAX) return (int32_t)rank;
  }
  return -1;
}

const char *dpc_load_symbols(void *library, const dpc_symbol *symbols, size_t count, void *table) {
  for (size_t i = 0; i < count; i++) {
    void *function = dlsym(library, symbols[i].name);
    if (function == NULL && !symbols[i].optional) return symbols[i].name;
    memcpy((char *)table + symbols[i].offset, &function, sizeof function);
  }
  return NULL;
}

static dpc_status open_library(dpc_device *device, dpc_error *error) {
  const dpc_driver *driver = device->driver;
  char name[64];
  for (const char *next = driver->library; device->library == NULL && *next != '\0';) {
    const size_t length = strcspn(next, " ");
    snprintf(name, sizeof name, "%.*s", (int)length, next);
    device->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    next += length + (next[length] == ' ');
  }
  if (device->library == NULL)
    return dpc_fail(error, DPC_ERROR_DEVICE, "no %s driver here: %.200s. %s", driver->title,
                    dlerror(), driver->remedy);
  const char *missing = NULL;
  device->calls = driver->load_calls(device->library, &missing);
  if (device->calls != NULL) return DPC_OK;
  if (missing == NULL) return dpc_out_of_memory(error, 1024);
  return dpc_fail(error, DPC_ERROR_DEVICE,
                  "the %s driver here is too old: %s has no function %s. %s", driver->title, name,
                  missing, driver->remedy);
}

static dpc_status choose(dpc_device *device, int32_t index, dpc_error *error) {
  const dpc_driver *driver = device->driver;
  int32_t count = 0;
  const dpc_status status = driver->count(device, &count, error);
  if (status != DPC_OK) return status;
  if (count < 1)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "the %s driver finds no device. Is one visible to this process?",
                    driver->title);
  if (index >= count)
    return dpc_fail(error, DPC_ERROR_DEVICE,
                    "there is no %s device %d: this machine has %d, counted from 0", driver->title,
                    index, count);
  const int32_t rank = dpc_local_rank();
  device->index = index >= 0 ? index : rank >= 0 ? rank % count : 0;
  return DPC_OK;
}

dpc_status dpc_device_open(const dpc_driver *driver, int32_t index, void *context, size_t limit,
                           dpc_device *device, dpc_error *error) {
  *device = (dpc_device){.driver = driver, .limit = limit};
  dpc_status status = open_library(device, error);
  if (status == DPC_OK) status = choose(device, index, error);
  if (status == DPC_OK) status = driver->open(device, context, error);
  if (status != DPC_OK) dpc_device_close(device);
  return status;
}

void dpc_device_close(dpc_device *device) {
  if (device->driver == NULL) return;
  if (device->calls != NULL) device->driver->close(device);
  free((void *)(uintptr_t)device->calls);
  /* the driver's library stays: some have threads that outlive dlclose */
  *device = (dpc_device){0};
}
