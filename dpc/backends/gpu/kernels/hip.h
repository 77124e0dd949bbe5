/* hip.h: the words that kernels are written in, for clang's amdgcn target and ROCm's device
 * libraries, without any header of HIP. opencl.h and cuda.h say the same. */
typedef long long int64;
typedef unsigned int uint;
typedef unsigned short ushort;

#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define KERNEL(name, threads)                                                                      \
  extern "C" __attribute__((global))                                                               \
  __attribute__((amdgpu_flat_work_group_size(threads, threads))) void name
#define DEVICE static __device__ inline __attribute__((always_inline))
#define GLOBAL
#define LOCAL
#define SHARED __shared__
#define CONSTANT static __device__ const
#define THREAD ((int)__builtin_amdgcn_workitem_id_x())
#define BLOCK ((int)__builtin_amdgcn_workgroup_id_x())
#define BLOCKS ((int)(__builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x()))
#define BARRIER()                                                                                  \
  do {                                                                                             \
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");                                         \
    __builtin_amdgcn_s_barrier();                                                                  \
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");                                         \
  } while (0)
#define ADD_LONG(at, value)                                                                        \
  __hip_atomic_fetch_add((int64 *)(at), (int64)(value), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT)
#define ADD_SHARED(at, value)                                                                      \
  __hip_atomic_fetch_add((int *)(at), (int)(value), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP)
#define restrict __restrict__
#define MATRIX_AMD
#define ALIGNED __attribute__((aligned(16)))
#define FLOAT_BITS(x) __builtin_bit_cast(uint, (float)(x))
#define POPCOUNT(bits) __builtin_popcount(bits)
#define ROUND(x) ((int64)__builtin_rint(x))
#define UNROLL _Pragma("unroll")
#define UNROLL_SOME _Pragma("unroll 4")

extern "C" __device__ double __ocml_tanh_f64(double);
extern "C" __device__ float __ocml_tanh_f32(float);
extern "C" __device__ double __ocml_rsqrt_f64(double);
extern "C" __device__ float __ocml_rsqrt_f32(float);
extern "C" __device__ double __ocml_exp_f64(double);
extern "C" __device__ float __ocml_exp_f32(float);
extern "C" __device__ double __ocml_log1p_f64(double);
extern "C" __device__ float __ocml_log1p_f32(float);
DEVICE double tanh(double x) { return __ocml_tanh_f64(x); }
DEVICE float tanh(float x) { return __ocml_tanh_f32(x); }
DEVICE double exp(double x) { return __ocml_exp_f64(x); }
DEVICE float exp(float x) { return __ocml_exp_f32(x); }
DEVICE double log1p(double x) { return __ocml_log1p_f64(x); }
DEVICE float log1p(float x) { return __ocml_log1p_f32(x); }
DEVICE double rsqrt(double x) { return __ocml_rsqrt_f64(x); }
DEVICE float rsqrt(float x) { return __ocml_rsqrt_f32(x); }
DEVICE double sqrt(double x) { return __builtin_sqrt(x); }
DEVICE float sqrt(float x) { return __builtin_sqrtf(x); }
DEVICE double fabs(double x) { return __builtin_fabs(x); }
DEVICE float fabs(float x) { return __builtin_fabsf(x); }
