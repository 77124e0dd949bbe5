/* opencl.h: the words that kernels are written in, as OpenCL C 1.2. cuda.h and hip.h say the same.
 */
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable

typedef long int64;

#define KERNEL(name, threads)                                                                      \
  __kernel __attribute__((reqd_work_group_size(threads, 1, 1))) void name
#define DEVICE static inline
#define GLOBAL __global     /* of a pointer: to the memory of the device */
#define LOCAL __local       /* of a pointer: to that of the block */
#define SHARED __local      /* of an array: one for all threads of the block */
#define CONSTANT __constant /* of a table of numbers */
#define THREAD ((int)get_local_id(0))
#define BLOCK ((int)get_group_id(0))
#define BLOCKS ((int)get_num_groups(0))
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define ADD_LONG(at, value) atom_add((volatile __global long *)(at), (long)(value))
#define ADD_SHARED(at, value) atomic_add((volatile __local int *)(at), (int)(value))
#define POPCOUNT(bits) ((int)popcount(bits))
#define ROUND(x) convert_long_rte(x)
/* drivers know best; unrolled by force, the code takes PoCL twice as long to compile */
#define UNROLL
#define ALIGNED __attribute__((aligned(16)))
#define UNROLL_SOME
#define FLOAT_BITS(x) as_uint(x)
#define BITS_FLOAT(x) as_float(x)
