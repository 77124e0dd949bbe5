/* model.c: the C model of the fixed-point pipeline: the same integers as the circuit. */
#include "dpc_model.h"
#include "fitting.h"
#include "pairs.h"
#include "shape.h"

static const void *tensor(const dpc_tile *tile, size_t offset) {
  return (const char *)tile->params + offset;
}

static fitting fitting_of(const dpc_tile *tile) {
  fitting f;
  const size_t ti = (size_t)tile->center_type;
  const int32_t *weight = tensor(tile, AT_WEIGHT), *head = tensor(tile, AT_HEAD);
  const int64_t *column = tensor(tile, AT_COLUMN);
  size_t place = 0;
  for (int l = 0; l < LAYERS; l++) {
    const size_t inputs = (size_t)WIDTHS[l], outputs = (size_t)WIDTHS[l + 1];
    f.weight[l] = weight + ti * inputs * outputs;
    weight += NTYPES * inputs * outputs;
    const int64_t *own = column + ti * ALL_OUTPUTS + place;
    f.bias[l] = own;
    f.z_shift[l] = own + NTYPES * ALL_OUTPUTS;
    f.idt[l] = own + 2 * NTYPES * ALL_OUTPUTS;
    f.back_shift[l] = own + 3 * NTYPES * ALL_OUTPUTS;
    place += outputs;
  }
  f.head = head + ti * (size_t)WIDTHS[LAYERS];
  f.head_back = f.head + NTYPES * (size_t)WIDTHS[LAYERS];
  f.head_bias = ((const int64_t *)tensor(tile, AT_HEAD_BIAS))[ti];
  f.act = tensor(tile, AT_ACT);
  f.pairs = tensor(tile, AT_PAIRS);
  return f;
}

static int64_t to_fixed(double x) { return (int64_t)__builtin_floor(x * COORD_ONE + 0.5); }

/* The neighbours of centre c that count, and X from them; their number, or minus the
 * code of what is wrong: see `pair`. */
static int32_t gather(dpc_tile *tile, int32_t c, pair *pairs, int32_t *x) {
  const size_t ti = (size_t)tile->center_type, i = (size_t)tile->atoms[c];
  const int32_t *table = tensor(tile, AT_TABLE);
  const int64_t *pad = tensor(tile, AT_PAD), *start = tensor(tile, AT_START);
  int64_t sums[4 * WIDTH], here[3];
  int32_t found = 0, of_type[NTYPES] = {0};
  memset(sums, 0, sizeof sums);
  memcpy(sums, start + ti * WIDTH, WIDTH * sizeof *start);
  for (int k = 0; k < 3; k++) here[k] = to_fixed(tile->coord[3 * i + (size_t)k]);
  for (int32_t n = 0; n < tile->numneigh[c]; n++) {
    pair *p = pairs + found;
    p->atom = tile->neighbors[c][n] & tile->mask;
    p->type = tile->type[p->atom];
    if (p->type < 0) continue;
    for (int k = 0; k < 3; k++)
      p->r[k] =
          dpc_round(to_fixed(tile->coord[3 * (size_t)p->atom + (size_t)k]) - here[k], 0, R_BITS);
    const int64_t u = square(p->r);
    if (u >= U_CUT) continue;
    if (u == 0) {
      tile->pair[0] = (int32_t)i, tile->pair[1] = p->atom;
      return -DPC_TILE_COINCIDENT;
    }
    if (u < U_MIN) tile->extrapolated++;
    const size_t pair_types = ti * NTYPES + (size_t)p->type;
    look_up(table + pair_types * ((OCTAVES << ROW_BITS_OF_TABLE) * (COLUMNS + 2) * 4), u, p);
    add_pair(p, pad + pair_types * COLUMNS, sums);
    of_type[p->type]++;
    found++;
  }
  if (found > MAX_NEIGHBORS) { /* the sums of the circuit are proved for no more */
    tile->pair[0] = (int32_t)i, tile->pair[1] = found;
    return -DPC_TILE_CROWDED;
  }
  for (int k = 0; k < 4 * WIDTH; k++) x[k] = dpc_round(sums[k], SHIFT_X, X_BITS);
  for (int t = 0; t < NTYPES; t++)
    tile->sel_overflow += of_type[t] > SEL[t] ? of_type[t] - SEL[t] : 0;
  return found;
}

/* dE/dr of the neighbours of centre c to forces and virials. */
static void scatter(dpc_tile *tile, int32_t c, const pair *pairs, int32_t count,
                    const int32_t *dx) {
  const size_t i = (size_t)tile->atoms[c];
  int64_t own[3] = {0, 0, 0}, virial[9] = {0};
  for (int32_t n = 0; n < count; n++) {
    const pair *p = pairs + n;
    const size_t j = (size_t)p->atom;
    int32_t f[3];
    slope_of_pair(p, dx, f);
    for (int a = 0; a < 3; a++) {
      own[a] += f[a];
      if (tile->force) tile->force[3 * j + (size_t)a] -= f[a] * FORCE_UNIT;
    }
    if (!tile->virial && !tile->atom_virial) continue;
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 3; b++) {
        const int64_t moment =
            dpc_rnd((int64_t)dpc_round(f[a], SHIFT_F_SHORT, R_BITS) * p->r[b], SHIFT_MOMENT);
        virial[3 * a + b] += moment;
        if (tile->atom_virial)
          tile->atom_virial[9 * j + (size_t)(3 * a + b)] -= (double)moment * VIRIAL_UNIT;
      }
  }
  for (int a = 0; a < 3; a++)
    if (tile->force) tile->force[3 * i + (size_t)a] += (double)own[a] * FORCE_UNIT;
  for (int k = 0; k < 9; k++)
    if (tile->virial) tile->virial[k] -= (double)virial[k] * VIRIAL_UNIT;
}

static int32_t run_tile(dpc_tile *tile) {
  const fitting f = fitting_of(tile);
  const double bias = ((const double *)tensor(tile, AT_BIAS))[tile->center_type];
  pair *pairs = tile->workspace;
  int32_t x[TILE][4 * WIDTH], energy[TILE], count[TILE];
  for (int32_t c = 0, at = 0; c < tile->count; c++) {
    count[c] = gather(tile, c, pairs + at, x[c]);
    if (count[c] < 0) return -count[c];
    at += count[c];
  }
  fit(&f, tile->count, x, energy);
  for (int32_t c = 0, at = 0; c < tile->count; c++) {
    if (tile->force || tile->virial || tile->atom_virial)
      scatter(tile, c, pairs + at, count[c], x[c]);
    const double e = energy[c] * ENERGY_UNIT + bias;
    if (tile->energy) *tile->energy += e;
    if (tile->atom_energy) tile->atom_energy[tile->atoms[c]] = e;
    at += count[c];
  }
  return DPC_TILE_OK;
}

/* One entry more: the one that turns out to be too far. */
static size_t workspace(int64_t rows) { return sizeof(pair) * (size_t)(rows + 1); }

__attribute__((visibility("default"))) const dpc_model_abi dpc_model_entry = {
    DPC_ABI, sizeof(dpc_model_abi), ISA, NTYPES, TILE, PARAMS_BYTES, workspace, run_tile,
};
