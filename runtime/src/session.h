/* session.h: what one calling thread keeps between evaluations. */
#ifndef DPC_SESSION_H
#define DPC_SESSION_H

#include "model.h"
#include "neighbors.h"
#include "threads.h"
#include "tiles.h"

/* What one thread of the pool writes to, and what it found. */
typedef struct dpc_worker {
  dpc_buffer scratch;            /* of the model's tile function */
  dpc_buffer force, atom_virial; /* of threads but the first, which writes to the result */
  bool used;                     /* it had tiles, so its buffers hold something */
  int64_t sel_overflow, extrapolated;
  int32_t code, pair[2]; /* of the tile that failed; DPC_TILE_OK if none did */
} dpc_worker;

typedef struct dpc_device_session dpc_device_session;

struct dpc_session {
  dpc_model *model;
  dpc_pool *pool;
  dpc_builder builder;
  dpc_tiles tiles;
  dpc_worker *workers;
  /* per tile, so that sums do not depend on the number of threads */
  dpc_buffer tile_energy, tile_virial;
  dpc_device_session *device; /* NULL when the model runs on the CPU */
  /* on a card: energies of the centres; the list of which neighbours beyond sel were counted */
  dpc_buffer fpga_energy;
  int64_t counted;
  /* of locals and images, when the neighbours are found here */
  dpc_buffer image_force, image_atom_virial;
};

/* What the tiles see: the caller's arrays, or those of the images. */
typedef struct dpc_system {
  int32_t nloc, nall;
  const double *coord;
  const int32_t *type;
  const dpc_neighbors *neighbors;
  const double *fparam, *aparam;
  /* results; NULL: not wanted */
  double *energy, *virial; /* of each tile: 1 and 9 numbers */
  double *force, *atom_energy, *atom_virial;
} dpc_system;

/* run.c: all tiles on all threads, and the sum of what the threads found. */
dpc_status dpc_run(dpc_session *session, const dpc_system *system, dpc_error *error);

/* What a failed tile of `worker` means. */
dpc_status dpc_run_explain(const dpc_session *session, const dpc_system *system,
                           const dpc_worker *worker, dpc_error *error);

/* check.c */
dpc_status dpc_read_input(const dpc_input *given, dpc_input *input, dpc_error *error);
dpc_status dpc_check_input(const dpc_model *model, const dpc_input *input, dpc_error *error);
dpc_status dpc_check_output(const dpc_model *model, const dpc_output *output, dpc_error *error);
dpc_status dpc_check_results(const dpc_input *input, const dpc_output *output, dpc_error *error);

#endif
