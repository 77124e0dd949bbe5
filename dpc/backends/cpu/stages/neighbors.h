/* neighbors.h: from a centre's neighbour list to its rows: those within the cutoff,
 * grouped by type. Where they are too many, the nearest sum(sel) of all types are kept, and
 * of these the nearest sel of each type, as DeePMD-kit 3 does.
 */
#ifndef DPC_NEIGHBORS_H
#define DPC_NEIGHBORS_H

#include <string.h>

#include "rows.h"

#if defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

/* What a pair of types means to a model. */
enum {
  DPC_PAIR_USED = 0,
  DPC_PAIR_ABSENT = 1, /* pair_exclude_types: as if it were not in the list */
  DPC_PAIR_SILENT = 2  /* the descriptor's exclude_types: fills a slot, adds nothing */
};

typedef struct dpc_candidates {
  double *x, *y, *z;
  int32_t *atom, *type;
} dpc_candidates;

/* What dpc_candidates_take takes. */
static inline size_t dpc_candidates_bytes(size_t n) {
  n += DPC_ROW_BLOCK;
  return 3 * dpc_round_up(n * sizeof(double), DPC_ALIGNMENT) +
         2 * dpc_round_up(n * sizeof(int32_t), DPC_ALIGNMENT);
}

static inline dpc_candidates dpc_candidates_take(char **at, size_t n) {
  dpc_candidates c;
  n += DPC_ROW_BLOCK; /* whole vectors are stored past the last entry */
  c.x = dpc_take(at, n * sizeof(double));
  c.y = dpc_take(at, n * sizeof(double));
  c.z = dpc_take(at, n * sizeof(double));
  c.atom = dpc_take(at, n * sizeof(int32_t));
  c.type = dpc_take(at, n * sizeof(int32_t));
  return c;
}

/* The entries of centre c's list that are nearer than the cutoff; their number.
 * A distance that is not a number stays, so that the results show it. */
static inline int32_t dpc_within(const dpc_tile *tile, int32_t c, double cutoff2,
                                 dpc_candidates out) {
  const double *restrict coord = tile->coord;
  const int32_t *restrict list = tile->neighbors[c];
  const double *here = coord + 3 * (size_t)tile->atoms[c];
  const int32_t n = tile->numneigh[c], mask = tile->mask;
  int32_t kept = 0;
#if defined(__AVX512F__) && defined(__AVX512VL__)
  const __m512d xi = _mm512_set1_pd(here[0]), yi = _mm512_set1_pd(here[1]),
                zi = _mm512_set1_pd(here[2]), limit = _mm512_set1_pd(cutoff2);
  const __m256i bits = _mm256_set1_epi32(mask);
  for (int32_t k = 0; k < n; k += 8) {
    const __mmask8 there = n - k >= 8 ? 0xff : (__mmask8)((1u << (n - k)) - 1);
    const __m256i j = _mm256_and_si256(_mm256_maskz_loadu_epi32(there, list + k), bits);
    const __m256i j3 = _mm256_add_epi32(j, _mm256_add_epi32(j, j));
    const __m512d dx = _mm512_sub_pd(_mm512_i32gather_pd(j3, coord, 8), xi);
    const __m512d dy = _mm512_sub_pd(_mm512_i32gather_pd(j3, coord + 1, 8), yi);
    const __m512d dz = _mm512_sub_pd(_mm512_i32gather_pd(j3, coord + 2, 8), zi);
    const __m512d r2 = _mm512_fmadd_pd(dx, dx, _mm512_fmadd_pd(dy, dy, _mm512_mul_pd(dz, dz)));
    const __mmask8 near = _mm512_mask_cmp_pd_mask(there, r2, limit, _CMP_NGE_UQ);
    _mm512_storeu_pd(out.x + kept, _mm512_maskz_compress_pd(near, dx));
    _mm512_storeu_pd(out.y + kept, _mm512_maskz_compress_pd(near, dy));
    _mm512_storeu_pd(out.z + kept, _mm512_maskz_compress_pd(near, dz));
    _mm256_storeu_si256((__m256i *)(out.atom + kept), _mm256_maskz_compress_epi32(near, j));
    kept += __builtin_popcount(near);
  }
#else
  for (int32_t k = 0; k < n; k++) {
    const int32_t j = list[k] & mask;
    const double *there = coord + 3 * (size_t)j;
    const double dx = there[0] - here[0], dy = there[1] - here[1], dz = there[2] - here[2];
    const double r2 = dx * dx + dy * dy + dz * dz;
    out.x[kept] = dx;
    out.y[kept] = dy;
    out.z[kept] = dz;
    out.atom[kept] = j;
    kept += !(r2 >= cutoff2);
  }
#endif
  return kept;
}

/* The same arrays from candidate `first` on. */
static inline dpc_candidates dpc_candidates_from(dpc_candidates c, int32_t first) {
  c.x += first;
  c.y += first;
  c.z += first;
  c.atom += first;
  c.type += first;
  return c;
}

/* Is p farther than q? Of two at one distance the later atom is. */
static inline int dpc_farther(const dpc_candidates *c, int32_t p, int32_t q) {
  const double dp = c->x[p] * c->x[p] + c->y[p] * c->y[p] + c->z[p] * c->z[p];
  const double dq = c->x[q] * c->x[q] + c->y[q] * c->y[q] + c->z[q] * c->z[q];
  return dp > dq || (dp == dq && c->atom[p] > c->atom[q]);
}

static inline void dpc_swap(const dpc_candidates *c, int32_t p, int32_t q) {
  const double x = c->x[p], y = c->y[p], z = c->z[p];
  const int32_t atom = c->atom[p], type = c->type[p];
  c->x[p] = c->x[q], c->y[p] = c->y[q], c->z[p] = c->z[q];
  c->atom[p] = c->atom[q], c->type[p] = c->type[q];
  c->x[q] = x, c->y[q] = y, c->z[q] = z, c->atom[q] = atom, c->type[q] = type;
}

static inline void dpc_sink(const dpc_candidates *c, int32_t p, int32_t n) {
  for (int32_t child = 2 * p + 1; child < n; child = 2 * p + 1) {
    if (child + 1 < n && dpc_farther(c, child + 1, child)) child++;
    if (!dpc_farther(c, child, p)) return;
    dpc_swap(c, child, p);
    p = child;
  }
}

/* Order n candidates so that the nearest `keep` come first: a heap whose top is the farthest. */
static __attribute__((noinline, cold)) void dpc_nearest_first(const dpc_candidates *c, int32_t n,
                                                              int32_t keep) {
  for (int32_t p = n / 2; p-- > 0;) dpc_sink(c, p, n);
  while (n > keep) {
    dpc_swap(c, 0, --n);
    dpc_sink(c, 0, n);
  }
}

/* Cut the candidates to the nearest nnei of all types together; how many are left.
 * Atoms that are not in the model do not count. */
static __attribute__((noinline, cold)) int32_t dpc_cut_to_nnei(dpc_candidates c, int32_t n,
                                                               int32_t nnei,
                                                               int64_t *sel_overflow) {
  int32_t known = 0;
  for (int32_t k = 0; k < n; k++)
    if (c.type[k] >= 0) dpc_swap(&c, k, known++);
  if (known <= nnei) return known;
  dpc_nearest_first(&c, known, nnei);
  *sel_overflow += known - nnei;
  return nnei;
}

/* Of every type, let all but the nearest sel be of no type. */
static __attribute__((noinline, cold)) void dpc_cut_to_sel(dpc_candidates c, int32_t n,
                                                           int32_t ntypes, const int32_t *sel,
                                                           const unsigned char *use,
                                                           int64_t *sel_overflow) {
  for (int32_t t = 0, first = 0; t < ntypes; t++) {
    const dpc_candidates own = dpc_candidates_from(c, first);
    int32_t count = 0;
    for (int32_t k = 0; k < n - first; k++)
      if (own.type[k] == t) dpc_swap(&own, k, count++);
    first += count;
    if (count <= sel[t] || (use && use[t] == DPC_PAIR_ABSENT)) continue;
    dpc_nearest_first(&own, count, sel[t]);
    *sel_overflow += count - sel[t];
    for (int32_t k = sel[t]; k < count; k++) own.type[k] = -1;
  }
}

#if defined(__AVX512F__) && defined(__AVX512VL__)
static inline void dpc_store8(dpc_real *to, __m512d value) {
  if (sizeof *to == sizeof(double)) _mm512_storeu_pd((double *)to, value);
  else _mm256_storeu_ps((float *)to, _mm512_cvtpd_ps(value));
}
#endif

/* Fill in the types of n candidates. */
static inline void dpc_fill_types(const int32_t *type, dpc_candidates c, int32_t n) {
#if defined(__AVX512F__) && defined(__AVX512VL__)
  for (int32_t k = 0; k < n; k += 8) {
    const __mmask8 there = n - k >= 8 ? 0xff : (__mmask8)((1u << (n - k)) - 1);
    const __m256i j = _mm256_loadu_si256((const __m256i *)(c.atom + k));
    const __m256i none = _mm256_set1_epi32(-1);
    _mm256_storeu_si256((__m256i *)(c.type + k),
                        _mm256_mmask_i32gather_epi32(none, there, j, type, 4));
  }
#else
  for (int32_t k = 0; k < n; k++) c.type[k] = type[c.atom[k]];
#endif
}

/* Copy n candidates to rows, grouped by type. start [ntypes+1]: the first row of each type;
 * slots [ntypes]: how many of the sel slots of each type are taken. Is any type over its sel? */
static inline int dpc_place(dpc_candidates from, int32_t n, int32_t ntypes, const int32_t *sel,
                            const unsigned char *use, dpc_rows r, int32_t *start, int32_t *slots) {
  int32_t total = 0, overflow = 0;
#if defined(__AVX512F__) && defined(__AVX512VL__)
  if (ntypes <= 4) { /* few types: one pass of vectors for each */
    for (int32_t t = 0; t < ntypes; t++) {
      const int silent = use && use[t] == DPC_PAIR_SILENT;
      const __m256i wanted = _mm256_set1_epi32(t);
      start[t] = total;
      slots[t] = 0;
      if (use && use[t] == DPC_PAIR_ABSENT) continue;
      for (int32_t k = 0; k < n; k += 8) {
        const __mmask8 there = n - k >= 8 ? 0xff : (__mmask8)((1u << (n - k)) - 1);
        const __mmask8 is = _mm256_mask_cmpeq_epi32_mask(
            there, _mm256_loadu_si256((const __m256i *)(from.type + k)), wanted);
        slots[t] += __builtin_popcount(is);
        if (silent) continue;
        dpc_store8(r.x + total, _mm512_maskz_compress_pd(is, _mm512_loadu_pd(from.x + k)));
        dpc_store8(r.y + total, _mm512_maskz_compress_pd(is, _mm512_loadu_pd(from.y + k)));
        dpc_store8(r.z + total, _mm512_maskz_compress_pd(is, _mm512_loadu_pd(from.z + k)));
        _mm256_storeu_si256(
            (__m256i *)(r.atom + total),
            _mm256_maskz_compress_epi32(is, _mm256_loadu_si256((const __m256i *)(from.atom + k))));
        total += __builtin_popcount(is);
      }
      overflow |= slots[t] > sel[t];
    }
    start[ntypes] = total;
    return overflow;
  }
#endif
  int32_t next[ntypes]; /* count, then place */
  for (int32_t t = 0; t < ntypes; t++) slots[t] = 0;
  for (int32_t k = 0; k < n; k++)
    if (from.type[k] >= 0) slots[from.type[k]]++;
  for (int32_t t = 0; t < ntypes; t++) {
    start[t] = next[t] = total;
    if (use && use[t] == DPC_PAIR_ABSENT) slots[t] = 0;
    if (!use || use[t] == DPC_PAIR_USED) total += slots[t];
    overflow |= slots[t] > sel[t];
  }
  start[ntypes] = total;
  for (int32_t k = 0; k < n; k++) {
    const int32_t t = from.type[k];
    if (t < 0 || (use && use[t] != DPC_PAIR_USED)) continue;
    const int32_t p = next[t]++;
    r.x[p] = (dpc_real)from.x[k];
    r.y[p] = (dpc_real)from.y[k];
    r.z[p] = (dpc_real)from.z[k];
    r.atom[p] = from.atom[k];
  }
  return overflow;
}

/* Move n candidates into rows, grouped by type and cut to sel; the rows there are now. nnei
 * is the sum of sel. use [ntypes] says what a neighbour of each type means to this centre
 * (DPC_PAIR_*, or NULL: all are used). start and slots are as in dpc_place. Filler rows up to
 * a whole block follow. */
static inline int32_t dpc_group(dpc_tile *tile, int32_t ntypes, const int32_t *sel, int32_t nnei,
                                const unsigned char *use, double cutoff, dpc_candidates from,
                                int32_t n, dpc_rows r, int32_t *start, int32_t *slots) {
  dpc_fill_types(tile->type, from, n);
  if (n > nnei) n = dpc_cut_to_nnei(from, n, nnei, &tile->sel_overflow);
  if (dpc_place(from, n, ntypes, sel, use, r, start, slots)) {
    dpc_cut_to_sel(from, n, ntypes, sel, use, &tile->sel_overflow);
    dpc_place(from, n, ntypes, sel, use, r, start, slots);
  }
  const int32_t total = start[ntypes];
  for (int32_t p = total; p % DPC_ROW_BLOCK; p++) {
    r.x[p] = (dpc_real)cutoff;
    r.y[p] = r.z[p] = 0;
    r.atom[p] = tile->atoms[0];
  }
  return total;
}

#endif
