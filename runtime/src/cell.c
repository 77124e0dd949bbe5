#include <math.h>
#include <string.h>

#include "cell.h"
#include "error.h"

/* Volume over the product of the edges, below which a cell counts as flat. */
static const double FLATTEST = 1e-9;

static void cross(const double a[3], const double b[3], double c[3]) {
  for (int i = 0; i < 3; i++)
    c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static double norm(const double a[3]) { return sqrt(dot(a, a)); }

dpc_status dpc_cell_periodic(const double *vectors, dpc_cell *cell, dpc_error *error) {
  *cell = (dpc_cell){.periodic = true};
  memcpy(cell->vectors, vectors, sizeof cell->vectors);
  double faces[3][3]; /* faces[k] is normal to the other two vectors */
  for (int k = 0; k < 3; k++)
    cross(cell->vectors[(k + 1) % 3], cell->vectors[(k + 2) % 3], faces[k]);
  const double volume = dot(cell->vectors[0], faces[0]);
  const double edges = norm(cell->vectors[0]) * norm(cell->vectors[1]) * norm(cell->vectors[2]);
  if (!(fabs(volume) > FLATTEST * edges) || !isfinite(edges))
    return dpc_fail(error, DPC_ERROR_ARGUMENT,
                    "cell: its vectors (%g %g %g), (%g %g %g), (%g %g %g) enclose no volume. "
                    "Open boundaries are asked for with no cell at all",
                    vectors[0], vectors[1], vectors[2], vectors[3], vectors[4], vectors[5],
                    vectors[6], vectors[7], vectors[8]);
  for (int k = 0; k < 3; k++) {
    cell->height[k] = fabs(volume) / norm(faces[k]);
    for (int i = 0; i < 3; i++) cell->inverse[i][k] = faces[k][i] / volume;
  }
  return DPC_OK;
}

void dpc_cell_around(const double *coord, const int32_t *type, int32_t n, double least,
                     dpc_cell *cell) {
  *cell = (dpc_cell){.periodic = false};
  for (int k = 0; k < 3; k++) {
    double low = INFINITY, high = -INFINITY;
    for (int32_t i = 0; i < n; i++) {
      if (type[i] < 0) continue;
      low = fmin(low, coord[3 * i + k]);
      high = fmax(high, coord[3 * i + k]);
    }
    const double length = high - low > least ? high - low : least;
    cell->origin[k] = low <= high ? low : 0.0;
    cell->height[k] = cell->vectors[k][k] = length;
    cell->inverse[k][k] = 1.0 / length;
  }
}

void dpc_cell_fractions(const dpc_cell *cell, const double x[3], double fractions[3]) {
  double d[3];
  for (int i = 0; i < 3; i++) d[i] = x[i] - cell->origin[i];
  for (int k = 0; k < 3; k++)
    fractions[k] =
        d[0] * cell->inverse[0][k] + d[1] * cell->inverse[1][k] + d[2] * cell->inverse[2][k];
}
