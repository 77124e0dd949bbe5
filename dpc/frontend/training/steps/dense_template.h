/* Matrices of a first layer and its small ones, for one precision: REAL is float or double, NAME(x)
 * its suffixed name. */

enum { NAME(LINE) = 64 / sizeof(REAL) }; /* of a cache line */

typedef REAL NAME(line) __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

/* A line of out = t^T w for `many` of rank; many is a constant. */
static inline __attribute__((always_inline)) void NAME(fold_some)(int many, int64_t rows,
                                                                  int64_t rank, int64_t columns,
                                                                  const REAL *restrict t,
                                                                  const REAL *restrict w,
                                                                  REAL *restrict out) {
  NAME(line) sum[SOME] = {{0}};
  for (int64_t j = 0; j < rows; j++) {
    const NAME(line) from = *(const NAME(line) *)(w + j * columns);
    for (int m = 0; m < many; m++) sum[m] += from * t[j * rank + m];
  }
  for (int m = 0; m < many; m++) *(NAME(line) *)(out + m * columns) = sum[m];
}

/* out [rank, columns] = t^T w of w [rows, columns], t [rows, rank], rank a multiple of SOME / 2.
 *
 * A matrix of weights is megabytes: here it is read once, a line by SOME of rank at a time. */
CLONES void NAME(dpc_fold)(int64_t rows, int64_t rank, int64_t columns, const REAL *restrict t,
                           const REAL *restrict w, REAL *restrict out) {
  const int64_t whole = columns - columns % NAME(LINE);
  for (int64_t k = 0; k < whole; k += NAME(LINE)) {
    int64_t q = 0;
    for (; q + SOME <= rank; q += SOME)
      NAME(fold_some)(SOME, rows, rank, columns, t + q, w + k, out + q * columns + k);
    if (q < rank)
      NAME(fold_some)(SOME / 2, rows, rank, columns, t + q, w + k, out + q * columns + k);
  }
  for (int64_t k = whole; k < columns; k++) {
    for (int64_t q = 0; q < rank; q++) {
      REAL sum = 0;
      for (int64_t j = 0; j < rows; j++) sum += w[j * columns + k] * t[j * rank + q];
      out[q * columns + k] = sum;
    }
  }
}

/* A line of w [rows, columns], plus or equal to t x in `many` of rank; many is a constant. */
static inline __attribute__((always_inline)) void NAME(unfold_some)(int many, int64_t rows,
                                                                    int64_t rank, int64_t columns,
                                                                    const REAL *restrict t,
                                                                    const REAL *restrict x,
                                                                    int more, REAL *restrict w) {
  NAME(line) from[2 * SOME];
  for (int m = 0; m < many; m++) from[m] = *(const NAME(line) *)(x + m * columns);
  for (int64_t j = 0; j < rows; j++) {
    NAME(line) *to = (NAME(line) *)(w + j * columns), sum[4] = {{0}};
    if (more) sum[0] = *to;
    for (int m = 0; m < many; m++) sum[m % 4] += from[m] * t[j * rank + m];
    *to = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

/* w [rows, columns] = t x, or `more` than there was; x [rank, columns], rank as above. */
CLONES void NAME(dpc_unfold)(int64_t rows, int64_t rank, int64_t columns, const REAL *restrict t,
                             const REAL *restrict x, int64_t more, REAL *restrict w) {
  const int64_t whole = columns - columns % NAME(LINE);
  for (int64_t k = 0; k < whole; k += NAME(LINE)) {
    int64_t q = 0;
    for (; q + 2 * SOME <= rank; q += 2 * SOME)
      NAME(unfold_some)(2 * SOME, rows, rank, columns, t + q, x + q * columns + k, q || more,
                        w + k);
    for (; q < rank; q += SOME / 2)
      NAME(unfold_some)(SOME / 2, rows, rank, columns, t + q, x + q * columns + k, q || more,
                        w + k);
  }
  for (int64_t k = whole; k < columns; k++) {
    for (int64_t j = 0; j < rows; j++) {
      REAL sum = more ? w[j * columns + k] : 0;
      for (int64_t q = 0; q < rank; q++) sum += t[j * rank + q] * x[q * columns + k];
      w[j * columns + k] = sum;
    }
  }
}

/* The adjoint of z of y = act(z), [n, width], for S = sum of w y + y'; see dense.py. Adds to the
 * gradients of the bias and of idt (NULL: there is none) [width]. Without `curvature` act is tanh.
 */
CLONES void NAME(dpc_layer_back)(int64_t n, int64_t width, const REAL *restrict bar,
                                 const REAL *restrict slope, const REAL *restrict y,
                                 const REAL *restrict dz, const REAL *restrict back,
                                 const REAL *restrict out, const REAL *restrict rate,
                                 const REAL *restrict curvature, REAL *restrict z_bar,
                                 REAL *restrict bias, REAL *restrict idt) {
  for (int64_t i = 0; i < n * width; i += width) {
    for (int64_t k = 0; k < width; k++) {
      const int64_t at = i + k;
      const REAL bend = curvature ? out[at] * curvature[at] : -2 * y[at] * back[at];
      z_bar[at] = bar[at] * slope[at] + bend * dz[at];
      bias[k] += z_bar[at];
    }
    for (int64_t k = 0; idt && k < width; k++)
      idt[k] += bar[i + k] * y[i + k] + out[i + k] * rate[i + k] * dz[i + k];
  }
}
