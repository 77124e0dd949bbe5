#include "device.h"

dpc_status dpc_device_available(dpc_device *device, size_t *bytes, dpc_error *error) {
  const dpc_status status = device->driver->free_bytes(device, bytes, error);
  if (status != DPC_OK || device->limit == 0) return status;
  const size_t taken = __atomic_load_n(&device->taken, __ATOMIC_RELAXED);
  const size_t left = taken < device->limit ? device->limit - taken : 0;
  if (left < *bytes) *bytes = left;
  return DPC_OK;
}

dpc_status dpc_device_allocate(dpc_device *device, size_t bytes, dpc_memory *memory,
                               dpc_error *error) {
  if (bytes == 0) bytes = 1;
  const size_t taken = __atomic_add_fetch(&device->taken, bytes, __ATOMIC_RELAXED);
  dpc_status status = DPC_OK;
  if (device->limit > 0 && taken > device->limit)
    status =
        dpc_fail(error, DPC_ERROR_MEMORY, "%zu more bytes would be beyond the limit of %zu bytes",
                 bytes, device->limit);
  else status = device->driver->allocate(device, bytes, memory, error);
  if (status != DPC_OK) {
    __atomic_sub_fetch(&device->taken, bytes, __ATOMIC_RELAXED);
    *memory = (dpc_memory){0};
  } else {
    memory->bytes = bytes;
  }
  return status;
}

void dpc_device_release(dpc_device *device, dpc_memory *memory) {
  if (memory->handle == 0) return;
  device->driver->release(device, memory);
  __atomic_sub_fetch(&device->taken, memory->bytes, __ATOMIC_RELAXED);
  *memory = (dpc_memory){0};
}

dpc_status dpc_device_grow(dpc_device *device, dpc_memory *memory, size_t bytes, dpc_error *error) {
  const bool again = memory->handle != 0;
  if (again && bytes <= memory->bytes) return DPC_OK;
  dpc_device_release(device, memory);
  dpc_status status = DPC_ERROR_MEMORY;
  if (again) status = dpc_device_allocate(device, bytes + bytes / 4, memory, error);
  if (status == DPC_ERROR_MEMORY) status = dpc_device_allocate(device, bytes, memory, error);
  return status;
}

dpc_status dpc_device_reserve(dpc_device *device, dpc_memory *memory, size_t bytes,
                              const char *what, int32_t atoms, dpc_error *error) {
  dpc_error driver = {0};
  const dpc_status status = dpc_device_grow(device, memory, bytes, &driver);
  if (status == DPC_OK) return DPC_OK;
  if (status != DPC_ERROR_MEMORY) return dpc_fail(error, status, "%s", driver.message);
  size_t left = 0;
  dpc_device_available(device, &left, NULL);
  return dpc_fail(error, DPC_ERROR_MEMORY,
                  "not enough memory on %.60s: %s of %d atoms take %zu bytes, %zu are left "
                  "(%.150s). Use fewer atoms per rank",
                  device->name, what, atoms, bytes, left, driver.message);
}
