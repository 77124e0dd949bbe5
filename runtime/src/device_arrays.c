#include "device_session.h"

static size_t need(const dpc_device_session *d, int32_t i) {
  return dpc_array_bytes(&d->plan->arrays[i], &d->extent, d->chunks.centers, d->chunks.rows);
}

static dpc_status reserve_lasting(dpc_device_session *d, dpc_error *error) {
  for (int32_t i = 0; i < d->plan->narrays; i++) {
    if (dpc_is_of_chunk(&d->plan->arrays[i])) continue;
    const size_t bytes = dpc_array_bytes(&d->plan->arrays[i], &d->extent, 0, 0);
    const dpc_status status =
        dpc_device_reserve(d->device, &d->arrays[i], bytes, "the arrays", d->extent.nloc, error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

static bool has_room(const dpc_device_session *d) {
  for (int32_t i = 0; i < d->plan->narrays; i++)
    if (dpc_is_of_chunk(&d->plan->arrays[i]) && need(d, i) > d->arrays[i].bytes) return false;
  return true;
}

static dpc_status grow(dpc_device_session *d, dpc_error *error) {
  for (int32_t i = 0; i < d->plan->narrays; i++) {
    if (!dpc_is_of_chunk(&d->plan->arrays[i])) continue;
    const dpc_status status = dpc_device_grow(d->device, &d->arrays[i], need(d, i), error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

bool dpc_device_give_back(dpc_device_session *d) {
  bool any = false;
  for (int32_t i = 0; i < d->plan->narrays; i++) {
    if (!dpc_is_of_chunk(&d->plan->arrays[i])) continue;
    any = any || d->arrays[i].handle != 0;
    dpc_device_release(d->device, &d->arrays[i]);
  }
  return any;
}

static dpc_status explain(const dpc_device_session *d, size_t bytes, dpc_error *error) {
  const dpc_device *device = d->device;
  size_t left = 0;
  dpc_device_available(d->device, &left, NULL);
  return dpc_fail(error, DPC_ERROR_MEMORY,
                  "not enough memory on %.60s: after positions, lists and forces of %d atoms %zu "
                  "of its %zu bytes are left%s, but one atom at a time takes %zu. Use fewer atoms "
                  "per rank",
                  device->name, d->extent.nloc, left, device->total_bytes,
                  device->limit > 0 ? " by the limit that was set" : "", bytes);
}

/* Chunks as large as there is memory for. */
static dpc_status confine(dpc_device_session *d, dpc_error *error) {
  dpc_error driver = {0};
  size_t budget = 0, smallest = 0;
  dpc_device_give_back(d);
  dpc_status status = dpc_device_available(d->device, &budget, error);
  if (status != DPC_OK) return status;
  for (budget -= budget / 32;; budget /= 2) { /* drivers and other processes take some, too */
    status = dpc_chunks_cut(&d->chunks, d->plan, &d->extent, budget, d->device->most_bytes,
                            &smallest, error);
    if (status == DPC_ERROR_LIMIT) return explain(d, smallest, error);
    if (status != DPC_OK) return status;
    if (d->chunks.bytes <= budget) {
      status = grow(d, &driver);
      d->budget = budget;
      if (status == DPC_OK) return DPC_OK;
      dpc_device_give_back(d);
      if (status != DPC_ERROR_MEMORY) return dpc_fail(error, status, "%s", driver.message);
    }
  }
}

dpc_status dpc_device_arrays(dpc_device_session *d, dpc_error *error) {
  dpc_error driver = {0};
  size_t smallest = 0;
  dpc_status status = reserve_lasting(d, error);
  if (status == DPC_ERROR_MEMORY && dpc_device_give_back(d)) status = reserve_lasting(d, error);
  if (status != DPC_OK) return status;
  const size_t budget = d->budget > 0 ? d->budget : SIZE_MAX;
  status = dpc_chunks_cut(&d->chunks, d->plan, &d->extent, budget, d->device->most_bytes, &smallest,
                          error);
  if (status == DPC_ERROR_LIMIT) return confine(d, error);
  if (status != DPC_OK || has_room(d)) return status;
  status = grow(d, &driver);
  if (status == DPC_OK) return DPC_OK;
  if (status == DPC_ERROR_MEMORY) return confine(d, error);
  dpc_device_give_back(d);
  return dpc_fail(error, status, "%s", driver.message);
}
