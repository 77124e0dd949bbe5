/* cuda.h: the words that kernels are written in, as CUDA C++. opencl.h and hip.h say the same. */
typedef long long int64;
typedef unsigned int uint;
typedef unsigned short ushort;

/* With so many threads resident a thread may have 64, 170 or 128 registers: enough for none to be
 * spilled, which ptxas left alone does for a few bytes. */
#define RESIDENT(threads) ((threads) <= 64 ? 1024 : 384)
#define KERNEL(name, threads)                                                                      \
  extern "C" __global__ void __launch_bounds__(threads,                                            \
                                               (RESIDENT(threads) + threads - 1) / threads) name
#define DEVICE static __device__ __forceinline__
#define GLOBAL
#define LOCAL
#define SHARED __shared__
#define CONSTANT static __device__ const
#define THREAD ((int)threadIdx.x)
#define BLOCK ((int)blockIdx.x)
#define BLOCKS ((int)gridDim.x)
#define BARRIER() __syncthreads()
#define ADD_LONG(at, value)                                                                        \
  atomicAdd((unsigned long long *)(at), (unsigned long long)(int64)(value))
#define ADD_SHARED(at, value) atomicAdd((int *)(at), (int)(value))
#define restrict __restrict__
#ifdef DPC_SHIM /* compiled for a processor, to test the text */
#define POPCOUNT(bits) __builtin_popcount(bits)
#define ROUND(x) llrint(x)
#define UNROLL
#define UNROLL_SOME
#define rsqrt(x) (1 / sqrt(x))
#define ALIGNED __attribute__((aligned(16)))
DEVICE uint FLOAT_BITS(float x) {
  uint bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
DEVICE float BITS_FLOAT(uint bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
#else
#define POPCOUNT(bits) __popc(bits)
#define ROUND(x) __double2ll_rn(x)
#define MATRIX_NVIDIA
#define ALIGNED __align__(16)
#define FLOAT_BITS(x) __float_as_uint(x)
#define UNROLL _Pragma("unroll")
#define UNROLL_SOME _Pragma("unroll 4")
#endif
