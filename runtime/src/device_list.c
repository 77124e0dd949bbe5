#include <string.h>

#include "device_session.h"

/* An array on the device with a copy of the host's. */
dpc_status dpc_device_put(dpc_device_session *d, dpc_memory *memory, const void *from, size_t count,
                          size_t size, const char *what, dpc_error *error) {
  dpc_status status =
      dpc_device_reserve(d->device, memory, count * size, what, d->extent.nloc, error);
  if (status == DPC_OK)
    status = d->device->driver->upload(&d->queue, memory, from, count * size, error);
  return status;
}

static void set_extent(dpc_device_session *d, const dpc_session *s, const dpc_system *system) {
  const dpc_tiles *tiles = &s->tiles;
  int64_t *row_start = d->row_start.data;
  int32_t *type_start = d->type_start.data, n = 0;
  const int32_t ntypes = s->model->manifest.facts.ntypes;
  memset(type_start, 0, (size_t)(ntypes + 1) * sizeof *type_start);
  for (int32_t k = 0; k < tiles->count; k++)
    type_start[tiles->ranges[k].type + 1] += tiles->ranges[k].count;
  for (int32_t t = 0; t < ntypes; t++) type_start[t + 1] += type_start[t];
  n = type_start[ntypes];
  d->most_entries = 0;
  row_start[0] = 0;
  for (int32_t c = 0; c < n; c++) {
    row_start[c + 1] = row_start[c] + tiles->numneigh[c];
    if (tiles->numneigh[c] > d->most_entries) d->most_entries = tiles->numneigh[c];
  }
  d->extent = (dpc_extent){.nloc = system->nloc,
                           .nall = system->nall,
                           .ncenters = n,
                           .ntypes = ntypes,
                           .type_start = type_start,
                           .row_start = row_start};
}

/* The rows one after another, without the bits that the mask hides. */
static void pack(const dpc_device_session *d, const dpc_tiles *tiles) {
  int32_t *to = d->packed.data;
  for (int32_t c = 0; c < d->extent.ncenters; c++) {
    const int32_t *from = tiles->neighbors[c];
    for (int32_t k = 0; k < tiles->numneigh[c]; k++) *to++ = from[k] & tiles->mask;
  }
}

static dpc_status put_list(dpc_session *s, const dpc_system *system, dpc_error *error) {
  dpc_device_session *d = s->device;
  const dpc_tiles *tiles = &s->tiles;
  const size_t nloc = (size_t)system->nloc, ntypes = (size_t)s->model->manifest.facts.ntypes;
  d->generation = 0; /* a failure below must not pass for this list */
  dpc_status status = dpc_reserve(&d->row_start, nloc + 1, sizeof(int64_t), error);
  if (status == DPC_OK) status = dpc_reserve(&d->type_start, ntypes + 1, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  set_extent(d, s, system);
  const size_t n = (size_t)d->extent.ncenters, rows = (size_t)d->extent.row_start[n];
  status = dpc_reserve(&d->packed, rows, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  pack(d, tiles);
  status = dpc_device_put(d, &d->centers, tiles->atoms, n, sizeof(int32_t), "the list", error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->counts, tiles->numneigh, n, sizeof(int32_t), "the list", error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->starts, d->extent.row_start, n + 1, sizeof(int64_t), "the list",
                            error);
  if (status == DPC_OK)
    status = dpc_device_put(d, &d->entries, d->packed.data, rows, sizeof(int32_t),
                            "the entries of the neighbour list", error);
  return status;
}

/* An engine may change types and keep its list: they are compared, which costs little. */
static dpc_status put_types(dpc_session *s, const dpc_system *system, bool fresh,
                            dpc_error *error) {
  dpc_device_session *d = s->device;
  const size_t nall = (size_t)system->nall;
  if (!fresh && memcmp(d->type_copy.data, system->type, nall * sizeof(int32_t)) == 0) return DPC_OK;
  d->generation = 0;
  dpc_status status = dpc_reserve(&d->type_copy, nall, sizeof(int32_t), error);
  if (status != DPC_OK) return status;
  if (nall > 0) memcpy(d->type_copy.data, system->type, nall * sizeof(int32_t));
  return dpc_device_put(d, &d->type, d->type_copy.data, nall, sizeof(int32_t), "the types", error);
}

dpc_status dpc_device_list(dpc_session *s, const dpc_system *system, bool *fresh,
                           dpc_error *error) {
  dpc_device_session *d = s->device;
  dpc_status status = DPC_OK;
  *fresh = d->generation != s->tiles.generation;
  if (*fresh) status = put_list(s, system, error);
  if (status == DPC_OK) status = put_types(s, system, *fresh, error);
  if (status == DPC_OK) d->generation = s->tiles.generation;
  return status;
}
