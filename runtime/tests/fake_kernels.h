/* fake_kernels.h: the potential of fake_host.c as kernels, one text for CUDA, HIP and OpenCL.
 *
 * One block works on one centre; sums over neighbours go through shared memory. Forces are
 * added up as integers of 2^-44, so that their order does not matter. */
#ifdef __OPENCL_VERSION__
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#define KERNEL __kernel void
#define GLOBAL __global
#define SHARED __local
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define THREAD ((int)get_local_id(0))
#define BLOCK ((int)get_group_id(0))
#define GLOBAL_INDEX ((int)get_global_id(0))
#define ADD(p, v) atom_add(p, v)
#define POW4(x) ((x) * (x) * (x) * (x))
typedef long wide;
#else
#define KERNEL extern "C" __global__ void
#define GLOBAL
#define SHARED __shared__
#define BARRIER() __syncthreads()
#define THREAD ((int)threadIdx.x)
#define BLOCK ((int)blockIdx.x)
#define GLOBAL_INDEX ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define ADD(p, v) atomicAdd((unsigned long long *)(p), (unsigned long long)(v))
#define POW4(x) ((x) * (x) * (x) * (x))
typedef long long wide;
#endif

#define THREADS 32
#define RCUT 4.0
#define UNIT 17592186044416.0 /* 2^44 */
#define ROW 5                 /* r, u, w of a pair; w is 0 where there is none */

/* Rows of the chunk's pairs and, for each centre, p and v. */
KERNEL measure(const GLOBAL double *coord, const GLOBAL int *type, const GLOBAL int *centers,
               const GLOBAL wide *starts, const GLOBAL int *counts, const GLOBAL int *entries,
               wide stride, int mask, int first, int count, wide row_first, const GLOBAL double *w,
               GLOBAL double *rows, GLOBAL double *moments, GLOBAL wide *counters,
               const GLOBAL wide *row_starts) {
  SHARED double part[THREADS][4];
  const int c = first + BLOCK, k = THREAD;
  if (BLOCK < count) {
    const int atom = centers[c];
    double sum[4] = {0, 0, 0, 0};
    for (int n = k; n < counts[c]; n += THREADS) {
      const int j = entries[starts[c] + n * stride] & mask;
      GLOBAL double *row = rows + (row_starts[c] - row_first + n) * ROW;
      double r2 = 0;
      for (int a = 0; a < 3; a++) {
        row[a] = coord[3 * j + a] - coord[3 * atom + a];
        r2 += row[a] * row[a];
      }
      const int inside = type[j] >= 0 && r2 < RCUT * RCUT;
      row[3] = 1 - r2 / (RCUT * RCUT);
      row[4] = inside ? w[type[atom] * 2 + type[j]] : 0;
      if (type[j] >= 0 && r2 == 0) counters[2] = 1 + atom * 2147483648L + j;
      const double u4 = row[4] * POW4(row[3]);
      sum[0] += u4;
      for (int a = 0; a < 3; a++) sum[1 + a] += u4 * row[a];
    }
    for (int a = 0; a < 4; a++) part[k][a] = sum[a];
  }
  BARRIER(); /* the sums are read below */
  for (int width = THREADS / 2; width > 0; width /= 2) {
    if (k < width && BLOCK < count)
      for (int a = 0; a < 4; a++) part[k][a] += part[k + width][a];
    BARRIER(); /* half of the sums is read in the next turn */
  }
  if (k < 4 && BLOCK < count) moments[BLOCK * 4 + k] = part[0][k];
}

KERNEL energies(const GLOBAL double *moments, const GLOBAL int *type, const GLOBAL int *centers,
                const GLOBAL double *bias, const GLOBAL double *fparam, const GLOBAL double *aparam,
                GLOBAL double *scales, GLOBAL double *each, GLOBAL double *atom_energy, int first,
                int count) {
  const int i = GLOBAL_INDEX;
  if (i >= count) return;
  const int atom = centers[first + i];
  const GLOBAL double *m = moments + 4 * i;
  const double v2 = m[1] * m[1] + m[2] * m[2] + m[3] * m[3];
  double s = 1;
  if (fparam) s += fparam[0];
  if (aparam) s += aparam[atom];
  scales[i] = s;
  each[first + i] = s * (m[0] + m[0] * m[0] / 20 + v2 / 50) + bias[type[atom]];
  if (atom_energy) atom_energy[atom] = each[first + i];
}

KERNEL forces(const GLOBAL int *centers, const GLOBAL int *counts, const GLOBAL wide *starts,
              const GLOBAL int *entries, wide stride, int mask, int first, wide row_first,
              const GLOBAL double *rows, const GLOBAL double *moments, const GLOBAL double *scales,
              GLOBAL wide *force, GLOBAL wide *virial, GLOBAL wide *atom_virial,
              const GLOBAL wide *row_starts) {
  const int c = first + BLOCK, atom = centers[c];
  const GLOBAL double *m = moments + 4 * BLOCK;
  for (int n = THREAD; n < counts[c]; n += THREADS) {
    const GLOBAL double *row = rows + (row_starts[c] - row_first + n) * ROW;
    const int j = entries[starts[c] + n * stride] & mask;
    if (row[4] == 0) continue;
    const double u4 = row[4] * POW4(row[3]);
    const double slope = -8 * row[4] * row[3] * row[3] * row[3] / (RCUT * RCUT);
    const double vr = m[1] * row[0] + m[2] * row[1] + m[3] * row[2];
    for (int a = 0; a < 3; a++) {
      const double d = scales[BLOCK] * ((1 + m[0] / 10) * slope * row[a] +
                                        (u4 * m[1 + a] + slope * vr * row[a]) / 25);
      ADD(force + 3 * atom + a, (wide)(d * UNIT));
      ADD(force + 3 * j + a, (wide)(-d * UNIT));
      for (int b = 0; b < 3; b++) {
        const wide part = (wide)(-d * row[b] * UNIT);
        ADD(virial + 3 * a + b, part);
        ADD(atom_virial + 9 * j + 3 * a + b, part);
      }
    }
  }
}

KERNEL convert(const GLOBAL wide *from, GLOBAL double *to, int count) {
  const int i = GLOBAL_INDEX;
  if (i < count) to[i] = from[i] / UNIT;
}

/* One thread: a sum in one order. */
KERNEL total(const GLOBAL double *each, GLOBAL double *energy, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += each[i];
  energy[0] += sum;
}
