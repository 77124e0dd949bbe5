#include <string.h>

#include "session.h"

typedef struct run {
  dpc_session *session;
  const dpc_system *system;
  atomic_bool failed; /* the other threads need not go on */
} run;

static void begin_tile(const run *job, int32_t thread, dpc_tile *tile) {
  const dpc_system *system = job->system;
  dpc_worker *worker = &job->session->workers[thread];
  const size_t nall = (size_t)system->nall;
  *tile = (dpc_tile){.coord = system->coord,
                     .type = system->type,
                     .fparam = system->fparam,
                     .aparam = system->aparam,
                     .mask = job->session->tiles.mask,
                     .params = job->session->model->params.data,
                     .workspace = worker->scratch.data,
                     .atom_energy = system->atom_energy};
  if (system->force != NULL) {
    tile->force = thread == 0 ? system->force : worker->force.data;
    memset(tile->force, 0, nall * 3 * sizeof(double));
  }
  if (system->atom_virial != NULL) {
    tile->atom_virial = thread == 0 ? system->atom_virial : worker->atom_virial.data;
    memset(tile->atom_virial, 0, nall * 9 * sizeof(double));
  }
}

static void compute(void *context, int32_t thread) {
  run *job = context;
  const dpc_system *system = job->system;
  const dpc_tiles *tiles = &job->session->tiles;
  dpc_worker *worker = &job->session->workers[thread];
  const int32_t threads = dpc_pool_threads(job->session->pool);
  const int32_t first = dpc_tiles_share(tiles, thread, threads);
  const int32_t end = dpc_tiles_share(tiles, thread + 1, threads);
  worker->code = DPC_TILE_OK;
  worker->sel_overflow = worker->extrapolated = 0;
  worker->used = first < end || thread == 0; /* the first owns the result: it clears it */
  if (!worker->used) return;

  dpc_tile tile;
  begin_tile(job, thread, &tile);
  for (int32_t k = first; k < end && !atomic_load(&job->failed); k++) {
    const dpc_tile_range *range = &tiles->ranges[k];
    tile.center_type = range->type;
    tile.count = range->count;
    tile.atoms = tiles->atoms + range->first;
    tile.numneigh = tiles->numneigh + range->first;
    tile.neighbors = tiles->neighbors + range->first;
    if (system->energy != NULL) tile.energy = system->energy + k;
    if (system->virial != NULL) tile.virial = system->virial + 9 * (size_t)k;
    worker->code = job->session->model->abi->tile(&tile);
    if (worker->code != DPC_TILE_OK) {
      memcpy(worker->pair, tile.pair, sizeof worker->pair);
      atomic_store(&job->failed, true);
      break;
    }
  }
  worker->sel_overflow = tile.sel_overflow;
  worker->extrapolated = tile.extrapolated;
}

/* result[first .. end) += what each thread found, in the order of the threads */
static void add(const run *job, double *result, bool virials, size_t first, size_t end) {
  const int32_t threads = dpc_pool_threads(job->session->pool);
  for (int32_t t = 1; t < threads; t++) {
    const dpc_worker *worker = &job->session->workers[t];
    const double *part = virials ? worker->atom_virial.data : worker->force.data;
    if (!worker->used) continue;
    for (size_t i = first; i < end; i++) result[i] += part[i];
  }
}

/* Each thread sums its range of atoms over all threads. */
static void reduce(void *context, int32_t thread) {
  const run *job = context;
  const dpc_system *system = job->system;
  const size_t threads = (size_t)dpc_pool_threads(job->session->pool);
  const size_t share = ((size_t)system->nall + threads - 1) / threads, nall = (size_t)system->nall;
  size_t first = share * (size_t)thread, end = first + share;
  if (first > nall) first = nall;
  if (end > nall) end = nall;
  if (system->force != NULL) add(job, system->force, false, 3 * first, 3 * end);
  if (system->atom_virial != NULL) add(job, system->atom_virial, true, 9 * first, 9 * end);
}

static dpc_status reserve(dpc_session *s, const dpc_system *system, dpc_error *error) {
  const size_t scratch = s->model->abi->workspace(s->tiles.most_rows), nall = (size_t)system->nall;
  for (int32_t t = 0; t < dpc_pool_threads(s->pool); t++) {
    dpc_worker *worker = &s->workers[t];
    dpc_status status = dpc_reserve(&worker->scratch, scratch, 1, error);
    if (status == DPC_OK && t > 0 && system->force != NULL)
      status = dpc_reserve(&worker->force, nall * 3, sizeof(double), error);
    if (status == DPC_OK && t > 0 && system->atom_virial != NULL)
      status = dpc_reserve(&worker->atom_virial, nall * 9, sizeof(double), error);
    if (status != DPC_OK) return status;
  }
  return DPC_OK;
}

dpc_status dpc_run_explain(const dpc_session *s, const dpc_system *system, const dpc_worker *worker,
                           dpc_error *error) {
  const int32_t *pair = worker->pair, nall = system->nall;
  if (worker->code == DPC_TILE_CROWDED)
    return dpc_fail(error, DPC_ERROR_LIMIT,
                    "atom %d (counted from 0) has %d neighbours within the cutoff, more than the "
                    "circuit of %.200s is made for. Compile again with quantize{max_neighbors=%d} "
                    "(256 at most)",
                    pair[0], pair[1], s->model->name, pair[1]);
  if (worker->code != DPC_TILE_COINCIDENT)
    return dpc_fail(error, DPC_ERROR_DEVICE, "%.200s: bin/host.so failed with code %d",
                    s->model->name, worker->code);
  if (pair[0] < 0 || pair[0] >= nall || pair[1] < 0 || pair[1] >= nall)
    return dpc_fail(error, DPC_ERROR_NUMERIC, "two atoms are at one place");
  if (pair[0] == pair[1])
    return dpc_fail(error, DPC_ERROR_ARGUMENT, "neighbors: atom %d is in its own list", pair[0]);
  const int32_t *owner = system->neighbors == &s->builder.list ? s->builder.images.owner : NULL;
  const int32_t a = owner != NULL ? owner[pair[0]] : pair[0];
  const int32_t b = owner != NULL ? owner[pair[1]] : pair[1];
  const double *x = system->coord + 3 * (size_t)pair[0];
  return dpc_fail(error, DPC_ERROR_NUMERIC,
                  "atoms %d and %d (counted from 0) are at one place: (%.6g, %.6g, %.6g). "
                  "Move or delete one of them",
                  a < b ? a : b, a < b ? b : a, x[0], x[1], x[2]);
}

dpc_status dpc_run(dpc_session *s, const dpc_system *system, dpc_error *error) {
  dpc_status status = reserve(s, system, error);
  if (status != DPC_OK) return status;
  run job = {.session = s, .system = system};
  atomic_init(&job.failed, false);
  dpc_pool_run(s->pool, compute, &job);
  for (int32_t t = 0; t < dpc_pool_threads(s->pool); t++)
    if (s->workers[t].code != DPC_TILE_OK) return dpc_run_explain(s, system, &s->workers[t], error);
  if (dpc_pool_threads(s->pool) > 1) dpc_pool_run(s->pool, reduce, &job);
  return DPC_OK;
}
