/* sums.h: energies of atoms, and the sums over atoms: always in the same order. */

/* energy = the net's + that of the type, or 0 where the type is left out */
KERNEL(energies, SUM_THREADS)
(GLOBAL const real *restrict e, GLOBAL const double *restrict bias, int center_type, int kept,
 GLOBAL const int *restrict centers, int first, int count, GLOBAL double *restrict energy,
 GLOBAL double *restrict atom_energy) {
  const int c = BLOCK * SUM_THREADS + THREAD;
  if (c >= count) return;
  const double value = kept ? (double)e[c] + bias[center_type] : 0.0;
  energy[c] = value;
  if (atom_energy) atom_energy[centers[first + c]] = value;
}

/* Block b adds every SUM_BLOCKS-th part of the chunk to sums[b]: the energy, and the virial. */
KERNEL(sum_chunk, SUM_THREADS)
(GLOBAL const double *restrict energy, GLOBAL const double *restrict virial, int count,
 GLOBAL double *restrict sums) {
  SHARED double parts[10][SUM_THREADS];
  double own[10] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (int64 c = (int64)BLOCK * SUM_THREADS + THREAD; c < count; c += SUM_BLOCKS * SUM_THREADS) {
    own[0] += energy[c];
    for (int a = 0; a < 9; a++) own[1 + a] += virial[9 * c + a];
  }
  for (int a = 0; a < 10; a++) parts[a][THREAD] = own[a];
  BARRIER();
  if (THREAD < 10) {
    double sum = sums[10 * BLOCK + THREAD];
    for (int k = 0; k < SUM_THREADS; k++) sum += parts[THREAD][k];
    sums[10 * BLOCK + THREAD] = sum;
  }
}

/* One block: what all blocks found. */
KERNEL(sum_all, SUM_THREADS)
(GLOBAL const double *restrict sums, GLOBAL double *restrict energy,
 GLOBAL double *restrict virial) {
  if (THREAD >= 10) return;
  double sum = 0;
  for (int b = 0; b < SUM_BLOCKS; b++) sum += sums[10 * b + THREAD];
  if (THREAD == 0) {
    if (energy) energy[0] = sum;
  } else if (virial) {
    virial[THREAD - 1] = sum;
  }
}

/* Rows of centres whose type is left out: zero. */
KERNEL(clear, SUM_THREADS)(GLOBAL real *restrict values, int64 n) {
  const int64 k = (int64)BLOCK * SUM_THREADS + THREAD;
  if (k < n) values[k] = R(0.0);
}
