/* tiles.h: a neighbour list, checked, its centres sorted by type and cut into tiles. */
#ifndef DPC_TILES_H
#define DPC_TILES_H

#include <stdbool.h>

#include "dpc.h"
#include "workspace.h"

typedef struct dpc_tile_range {
  int32_t first, count; /* of the sorted centres */
  int32_t type;
  int64_t rows; /* entries of their lists together */
} dpc_tile_range;

typedef struct dpc_tiles {
  /* the centres, sorted by type and within a type in the order of the list */
  int32_t *atoms, *numneigh;
  const int32_t **neighbors;
  int32_t mask;
  dpc_tile_range *ranges;
  int32_t count;     /* of ranges */
  int64_t most_rows; /* of any tile */
  /* the list they were made from, to see when it is the same */
  dpc_neighbors list;
  int32_t nloc, nall;
  int64_t generation; /* how many lists there have been; 0: none */
  dpc_buffer atoms_buffer, numneigh_buffer, neighbors_buffer, ranges_buffer, marks;
} dpc_tiles;

/* Rebuilds unless `list` is the one of the last call by its age. Types must have been
 * checked: < ntypes. `tile_atoms` is the most centres of one tile. */
dpc_status dpc_tiles_update(dpc_tiles *tiles, const dpc_neighbors *list, int32_t nloc, int32_t nall,
                            const int32_t *type, int32_t ntypes, int32_t tile_atoms,
                            dpc_error *error);
void dpc_tiles_free(dpc_tiles *tiles);

/* The first tile of `thread`'s share; a share ends where the next begins. Shares depend on
 * the list and the number of threads only, so sums are reproducible. */
int32_t dpc_tiles_share(const dpc_tiles *tiles, int32_t thread, int32_t threads);

#endif
