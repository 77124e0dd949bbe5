/* system.h: random systems, and a neighbour list found by trying every pair. */
#ifndef DPC_TESTS_SYSTEM_H
#define DPC_TESTS_SYSTEM_H

#include "check.h"

typedef struct results {
  double energy, virial[9];
  double *force, *atom_energy, *atom_virial;
  int32_t nloc, nall;
} results;

static inline results new_results(int32_t nloc, int32_t nall) {
  results r = {.nloc = nloc, .nall = nall};
  r.force = calloc(3 * (size_t)nall + 1, sizeof(double));
  r.atom_energy = calloc((size_t)nloc + 1, sizeof(double));
  r.atom_virial = calloc(9 * (size_t)nall + 1, sizeof(double));
  return r;
}

static inline void free_results(results *r) {
  free(r->force);
  free(r->atom_energy);
  free(r->atom_virial);
}

static inline dpc_output all_of(results *r) {
  return (dpc_output){.size = sizeof(dpc_output),
                      .energy = &r->energy,
                      .force = r->force,
                      .virial = r->virial,
                      .atom_energy = r->atom_energy,
                      .atom_virial = r->atom_virial};
}

static inline void evaluate(dpc_session *session, const dpc_input *input, results *r) {
  dpc_output output = all_of(r);
  dpc_error error;
  CHECK(dpc_evaluate(session, input, &output, &error) == DPC_OK, "%s", error.message);
}

/* Atoms at random places of a cell, none closer than 0.3 to another one in it. */
static inline void scatter(double *coord, int32_t *type, int32_t n, const double cell[9]) {
  for (int32_t i = 0; i < n; i++) {
    double nearest = 0;
    while (nearest < 0.09) {
      const double f[3] = {uniform(), uniform(), uniform()};
      nearest = INFINITY;
      for (int k = 0; k < 3; k++)
        coord[3 * i + k] = f[0] * cell[k] + f[1] * cell[3 + k] + f[2] * cell[6 + k];
      for (int32_t j = 0; j < i; j++) {
        double r2 = 0;
        for (int k = 0; k < 3; k++) r2 += pow(coord[3 * i + k] - coord[3 * j + k], 2);
        nearest = fmin(nearest, r2);
      }
    }
    type[i] = (int32_t)(2 * uniform());
  }
}

/* A system with explicit ghosts and lists in both forms, as an MD engine has. */
typedef struct explicit_system {
  int32_t nloc, nall;
  double *coord;
  int32_t *type, *owner, *numneigh, **firstneigh, *offsets, *indices;
} explicit_system;

/* Images -layers .. layers along each vector; cell NULL: open. */
static inline explicit_system make_explicit(const double *coord, const int32_t *type, int32_t n,
                                            const double *cell, int layers, double rcut) {
  const size_t images = cell != NULL ? (size_t)pow(2 * layers + 1, 3) : 1;
  const size_t most = images * (size_t)n;
  explicit_system s = {.nloc = n, .nall = n};
  s.coord = malloc(3 * most * sizeof(double));
  s.type = malloc(most * sizeof(int32_t));
  s.owner = malloc(most * sizeof(int32_t));
  s.numneigh = calloc(most, sizeof(int32_t));
  s.firstneigh = calloc(most, sizeof(int32_t *));
  s.offsets = calloc((size_t)n + 1, sizeof(int32_t));
  memcpy(s.coord, coord, 3 * (size_t)n * sizeof(double));
  memcpy(s.type, type, (size_t)n * sizeof(int32_t));
  for (int32_t i = 0; i < n; i++) s.owner[i] = i;
  for (int a = -layers; cell != NULL && a <= layers; a++)
    for (int b = -layers; b <= layers; b++)
      for (int c = -layers; c <= layers; c++)
        for (int32_t i = 0; i < n && (a != 0 || b != 0 || c != 0); i++, s.nall++) {
          for (int k = 0; k < 3; k++)
            s.coord[3 * s.nall + k] =
                coord[3 * i + k] + a * cell[k] + b * cell[3 + k] + c * cell[6 + k];
          s.type[s.nall] = type[i];
          s.owner[s.nall] = i;
        }
  s.indices = malloc((size_t)n * (size_t)s.nall * sizeof(int32_t));
  for (int32_t i = 0; i < n; i++) {
    int32_t *row = s.indices + s.offsets[i], count = 0;
    for (int32_t j = 0; j < s.nall; j++) {
      double r2 = 0;
      for (int k = 0; k < 3; k++) r2 += pow(s.coord[3 * j + k] - s.coord[3 * i + k], 2);
      if (j != i && r2 <= rcut * rcut) row[count++] = j;
    }
    s.numneigh[i] = count;
    s.firstneigh[i] = row;
    s.offsets[i + 1] = s.offsets[i] + count;
  }
  return s;
}

static inline void free_explicit(explicit_system *s) {
  free(s->coord);
  free(s->type);
  free(s->owner);
  free(s->numneigh);
  free(s->firstneigh);
  free(s->offsets);
  free(s->indices);
}

static inline dpc_neighbors lammps_list(const explicit_system *s) {
  return (dpc_neighbors){.count = s->nloc,
                         .numneigh = s->numneigh,
                         .firstneigh = (const int32_t *const *)s->firstneigh};
}

static inline dpc_neighbors csr_list(const explicit_system *s) {
  return (dpc_neighbors){.count = s->nloc, .offsets = s->offsets, .indices = s->indices};
}

static inline dpc_input explicit_input(const explicit_system *s, const dpc_neighbors *list) {
  return (dpc_input){.size = sizeof(dpc_input),
                     .nloc = s->nloc,
                     .nall = s->nall,
                     .coord = s->coord,
                     .type = s->type,
                     .neighbors = list};
}

/* What ghosts got, added to the atoms that they are images of. */
static inline void fold(const explicit_system *s, results *r) {
  for (int32_t g = s->nloc; g < s->nall; g++) {
    for (int k = 0; k < 3; k++) r->force[3 * s->owner[g] + k] += r->force[3 * g + k];
    for (int k = 0; k < 9; k++) r->atom_virial[9 * s->owner[g] + k] += r->atom_virial[9 * g + k];
  }
}

static inline void check_same(const results *a, const results *b, int32_t n, double tolerance) {
  CHECK_CLOSE(a->energy, b->energy, tolerance * n);
  for (int k = 0; k < 9; k++) CHECK_CLOSE(a->virial[k], b->virial[k], tolerance * n);
  for (int32_t i = 0; i < n; i++) CHECK_CLOSE(a->atom_energy[i], b->atom_energy[i], tolerance);
  for (int32_t i = 0; i < 3 * n; i++) CHECK_CLOSE(a->force[i], b->force[i], tolerance);
  for (int32_t i = 0; i < 9 * n; i++) CHECK_CLOSE(a->atom_virial[i], b->atom_virial[i], tolerance);
}

#endif
