/* fake_host.c: a smooth many-body potential by hand, in the place of a compiled model.
 *
 * With u = 1 - r^2/rcut^2, p_i = sum_j w_ij u^4 and v_i = sum_j w_ij u^4 r_j,
 *     E_i = s_i (p_i + p_i^2/20 + |v_i|^2/50) + bias_i,   s_i = 1 + fparam[0] + aparam[i],
 * which is neither pairwise nor radial, so it sees wrong signs, orders and ghosts.
 * Its numbers (w, then bias) are the data of params.safetensors.
 */
#include <math.h>
#include <string.h>

#include "dpc_model.h"

#ifndef FAKE_ABI
#define FAKE_ABI DPC_ABI
#endif
#ifndef FAKE_ISA
#define FAKE_ISA ""
#endif
#ifndef FAKE_NTYPES
#define FAKE_NTYPES 2
#endif
#ifndef FAKE_TILE_ATOMS
#define FAKE_TILE_ATOMS 4
#endif
#ifndef FAKE_PARAMS_BYTES
#define FAKE_PARAMS_BYTES 240
#endif
#ifndef FAKE_SEL
#define FAKE_SEL 100000 /* more neighbours than this are counted, not cut */
#endif
#ifndef FAKE_CLOSE
#define FAKE_CLOSE 0.0 /* pairs closer than this are counted */
#endif
#ifndef FAKE_SIZE
#define FAKE_SIZE sizeof(dpc_model_abi)
#endif
#ifndef FAKE_FACTOR
#define FAKE_FACTOR 1.0 /* NAN: results that are not finite */
#endif
#ifndef FAKE_CODE
#define FAKE_CODE DPC_TILE_OK /* what every tile returns */
#endif

static const double rcut = 4.0;

typedef struct pair {
  double r[3], u, w;
  int32_t atom;
} pair;

/* the tensors follow the header, whose length is the file's first eight bytes */
static const double *numbers(const void *params) {
  uint64_t header;
  memcpy(&header, params, sizeof header);
  return (const double *)(const void *)((const char *)params + 8 + header);
}

static size_t workspace(int64_t rows) { return (size_t)rows * sizeof(pair) + 64; }

/* The neighbours of centre `i` within the cutoff; -1 when one is at its place. */
static int32_t find_pairs(dpc_tile *t, int32_t i, const double *w, pair *pairs) {
  const int32_t atom = t->atoms[i];
  int32_t n = 0;
  for (int32_t k = 0; k < t->numneigh[i]; k++) {
    const int32_t j = t->neighbors[i][k] & t->mask;
    double r2 = 0;
    pair *p = &pairs[n];
    if (t->type[j] < 0) continue;
    for (int a = 0; a < 3; a++) {
      p->r[a] = t->coord[3 * j + a] - t->coord[3 * atom + a];
      r2 += p->r[a] * p->r[a];
    }
    if (r2 == 0) {
      t->pair[0] = atom;
      t->pair[1] = j;
      return -1;
    }
    if (r2 >= rcut * rcut) continue;
    p->u = 1 - r2 / (rcut * rcut);
    p->w = w[t->center_type * FAKE_NTYPES + t->type[j]];
    p->atom = j;
    t->extrapolated += r2 < FAKE_CLOSE * FAKE_CLOSE;
    n++;
  }
  t->sel_overflow += n > FAKE_SEL ? n - FAKE_SEL : 0;
  return n;
}

static void add_pair(const dpc_tile *t, int32_t i, const pair *p, const double d[3]) {
  for (int a = 0; a < 3; a++) {
    if (t->force != NULL) {
      t->force[3 * t->atoms[i] + a] += d[a];
      t->force[3 * p->atom + a] -= d[a];
    }
    for (int b = 0; b < 3; b++) {
      if (t->virial != NULL) t->virial[3 * a + b] -= d[a] * p->r[b];
      if (t->atom_virial != NULL) t->atom_virial[9 * p->atom + 3 * a + b] -= d[a] * p->r[b];
    }
  }
}

static int32_t tile(dpc_tile *t) {
  const double *w = numbers(t->params), *bias = w + FAKE_NTYPES * FAKE_NTYPES;
  pair *pairs = t->workspace;
  for (int32_t i = 0; i < t->count; i++) {
    const int32_t n = find_pairs(t, i, w, pairs);
    if (n < 0) return DPC_TILE_COINCIDENT;
    double p = 0, v[3] = {0, 0, 0};
    for (int32_t k = 0; k < n; k++) {
      const double u4 = pow(pairs[k].u, 4) * pairs[k].w;
      p += u4;
      for (int a = 0; a < 3; a++) v[a] += u4 * pairs[k].r[a];
    }
    double s = FAKE_FACTOR;
    if (t->fparam != NULL) s += t->fparam[0];
    if (t->aparam != NULL) s += t->aparam[t->atoms[i]];
    const double v2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    const double e = s * (p + p * p / 20 + v2 / 50) + bias[t->center_type];
    if (t->energy != NULL) *t->energy += e;
    if (t->atom_energy != NULL) t->atom_energy[t->atoms[i]] = e;
    for (int32_t k = 0; k < n; k++) { /* d: the derivative of E_i by the pair's vector */
      const pair *q = &pairs[k];
      const double u4 = q->w * pow(q->u, 4), slope = -8 * q->w * pow(q->u, 3) / (rcut * rcut);
      const double vr = v[0] * q->r[0] + v[1] * q->r[1] + v[2] * q->r[2];
      double d[3];
      for (int a = 0; a < 3; a++)
        d[a] = s * ((1 + p / 10) * slope * q->r[a] + (u4 * v[a] + slope * vr * q->r[a]) / 25);
      add_pair(t, i, q, d);
    }
  }
  return FAKE_CODE;
}

#ifndef FAKE_NO_ENTRY
const dpc_model_abi dpc_model_entry = {.abi = FAKE_ABI,
                                       .size = FAKE_SIZE,
                                       .isa = FAKE_ISA,
                                       .ntypes = FAKE_NTYPES,
                                       .tile_atoms = FAKE_TILE_ATOMS,
                                       .params_bytes = FAKE_PARAMS_BYTES,
                                       .workspace = workspace,
                                       .tile = tile};
#endif
