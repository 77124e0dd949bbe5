/* cuda_on_cpu.h: CUDA text as C++ on a CPU, to be included before it.
 *
 * Every thread of a block is a fibre. Blocks run one after another in a shuffled order, and so
 * do the threads of a block between two barriers: what depends on an order that CUDA does not
 * promise comes out wrong. Shared memory holds NaN when a block begins. Threads that wait at
 * different barriers, or for one that has ended, are an error. Sanitizers work as for any C++.
 *
 * Not here: anything between blocks, memory fences, textures, inline PTX.
 */
#ifndef DPC_CUDA_ON_CPU_H
#define DPC_CUDA_ON_CPU_H

#define DPC_SHIM 1

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
/* one block at a time: its shared memory can be static. The section lets us find all of it */
#define __shared__ static __attribute__((section("dpc_shared")))

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

namespace dpc_shim {

extern uint3 thread, block;
extern dim3 threads, blocks;

/* Waits until all threads of the block (or the lanes of the warp) are here. */
void wait_for_block(int line);
void wait_for_warp(unsigned lanes, int line);
int lane();
/* 32 words of the warp of this thread, to exchange values through */
uint64_t *exchange();

template <class T>
T shuffle(unsigned lanes, T value, int from, int line) {
  static_assert(sizeof(T) <= 8, "a shuffled value has at most 8 bytes");
  uint64_t *words = exchange(), word = 0;
  std::memcpy(&word, &value, sizeof value);
  words[lane()] = word;
  wait_for_warp(lanes, line);
  T result;
  std::memcpy(&result, &words[from & 31], sizeof result);
  wait_for_warp(lanes, line);
  return result;
}

} // namespace dpc_shim

#define threadIdx (dpc_shim::thread)
#define blockIdx (dpc_shim::block)
#define blockDim (dpc_shim::threads)
#define gridDim (dpc_shim::blocks)
#define warpSize 32

#define __syncthreads() dpc_shim::wait_for_block(__LINE__)
#define __syncwarp(...) dpc_shim::wait_for_warp(0xffffffffu, __LINE__)
#define __shfl_sync(mask, v, from, ...) dpc_shim::shuffle(mask, v, (from), __LINE__)
#define __shfl_xor_sync(mask, v, bits, ...)                                                        \
  dpc_shim::shuffle(mask, v, dpc_shim::lane() ^ (bits), __LINE__)
#define __shfl_down_sync(mask, v, by, ...)                                                         \
  dpc_shim::shuffle(mask, v,                                                                       \
                    dpc_shim::lane() + (int)(by) < 32 ? dpc_shim::lane() + (int)(by)               \
                                                      : dpc_shim::lane(),                          \
                    __LINE__)
#define __shfl_up_sync(mask, v, by, ...)                                                           \
  dpc_shim::shuffle(                                                                               \
      mask, v, dpc_shim::lane() >= (int)(by) ? dpc_shim::lane() - (int)(by) : dpc_shim::lane(),    \
      __LINE__)

/* Fibres change only where they wait, so plain reads and writes are atomic. */
template <class T>
T atomicAdd(T *at, typename std::common_type<T>::type value) {
  const T before = *at;
  /* unsigned: CUDA's integers wrap around */
  if constexpr (std::is_integral<T>::value) {
    using U = typename std::make_unsigned<T>::type;
    *at = (T)((U)before + (U)value);
  } else {
    *at = before + value;
  }
  return before;
}
template <class T>
T atomicMax(T *at, typename std::common_type<T>::type value) {
  const T before = *at;
  if (value > before) *at = value;
  return before;
}
template <class T>
T atomicMin(T *at, typename std::common_type<T>::type value) {
  const T before = *at;
  if (value < before) *at = value;
  return before;
}
template <class T>
T atomicExch(T *at, typename std::common_type<T>::type value) {
  const T before = *at;
  *at = value;
  return before;
}
template <class T>
T atomicCAS(T *at, typename std::common_type<T>::type expected,
            typename std::common_type<T>::type value) {
  const T before = *at;
  if (before == expected) *at = value;
  return before;
}
template <class T>
T atomicOr(T *at, typename std::common_type<T>::type value) {
  const T before = *at;
  *at |= value;
  return before;
}

template <class T>
T __ldg(const T *at) {
  return *at;
}
template <class To, class From>
To dpc_shim_bits(From from) {
  To to;
  static_assert(sizeof to == sizeof from, "");
  std::memcpy(&to, &from, sizeof to);
  return to;
}
#define __float_as_int(x) dpc_shim_bits<int>((float)(x))
#define __int_as_float(x) dpc_shim_bits<float>((int)(x))
#define __double_as_longlong(x) dpc_shim_bits<long long>((double)(x))
#define __longlong_as_double(x) dpc_shim_bits<double>((long long)(x))
static inline long long __double2ll_rn(double x) { return std::llrint(x); }
static inline double rsqrt(double x) { return 1 / std::sqrt(x); }
static inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
#define __expf(x) std::exp((float)(x))
template <class A, class B>
auto max(A a, B b) -> decltype(a + b) {
  return a > b ? a : b;
}
template <class A, class B>
auto min(A a, B b) -> decltype(a + b) {
  return a < b ? a : b;
}

/* How a kernel is called with an array of pointers to its arguments. */
namespace dpc_shim {
template <class... A, std::size_t... I>
void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
  (void)arguments;
}
template <class... A>
void call(void (*kernel)(A...), void **arguments) {
  call(kernel, arguments, std::index_sequence_for<A...>{});
}
/* the bytes of each argument, then 0 */
template <class... A>
const int *sizes(void (*)(A...)) {
  static const int bytes[] = {(int)sizeof(A)..., 0};
  return bytes;
}
} // namespace dpc_shim

/* what a library of kernels exports for each: see cuda_on_cpu.cc and the fake drivers */
#define DPC_SHIM_KERNEL(name)                                                                      \
  extern "C" __attribute__((visibility("default"))) void dpc_call_##name(void **arguments) {       \
    dpc_shim::call(name, arguments);                                                               \
  }                                                                                                \
  extern "C" __attribute__((visibility("default"))) const int *dpc_sizes_##name() {                \
    return dpc_shim::sizes(name);                                                                  \
  }

#endif
