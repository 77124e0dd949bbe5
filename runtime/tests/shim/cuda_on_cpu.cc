/* cuda_on_cpu.cc: the scheduler of the fibres. It goes into every library of kernels, after
 * the CUDA text, and exports `dpc_shim_launch`. */
#include "cuda_on_cpu.h"

#include <algorithm>
#include <memory>
#include <random>
#include <ucontext.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

/* all `__shared__` variables; weak: there may be none */
extern "C" char __start_dpc_shared[] __attribute__((weak));
extern "C" char __stop_dpc_shared[] __attribute__((weak));

namespace dpc_shim {

uint3 thread, block;
dim3 threads, blocks;

namespace {

enum class State { READY, AT_BLOCK, AT_WARP, DONE };

const std::size_t STACK = 128 << 10;

struct Fibre {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  State state = State::DONE;
  int line = 0;
  unsigned lanes = 0;
  uint3 index{};
  void *fake_stack = nullptr;
};

struct Scheduler {
  ucontext_t context;
  std::vector<std::unique_ptr<Fibre>> fibres;
  std::vector<uint64_t> words;
  unsigned count = 0, current = 0;
  void (*body)(void **) = nullptr;
  void **arguments = nullptr;
  std::mt19937 random;
  char *message = nullptr;
  std::size_t size = 0;
  const void *bottom = nullptr;
  std::size_t extent = 0;
  void *fake_stack = nullptr;
};

Scheduler scheduler;

/* Sanitizers have to know which stack is in use. */
void before_switch(void **save, const void *bottom, std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, bottom, size);
#else
  (void)save, (void)bottom, (void)size;
#endif
}
void after_switch(void *saved, const void **bottom, std::size_t *size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(saved, bottom, size);
#else
  (void)saved, (void)bottom, (void)size;
#endif
}

void leave(State state, int line, unsigned lanes) {
  Fibre &f = *scheduler.fibres[scheduler.current];
  f.state = state;
  f.line = line;
  f.lanes = lanes;
  before_switch(&f.fake_stack, scheduler.bottom, scheduler.extent);
  swapcontext(&f.context, &scheduler.context);
  after_switch(f.fake_stack, &scheduler.bottom, &scheduler.extent);
}

/* A fibre serves one thread after another, so that threads without barriers need no new one. */
void serve() {
  after_switch(nullptr, &scheduler.bottom, &scheduler.extent);
  for (;;) {
    scheduler.body(scheduler.arguments);
    leave(State::DONE, 0, 0);
  }
}

void resume(unsigned k) {
  Fibre &f = *scheduler.fibres[k];
  scheduler.current = k;
  thread = f.index;
  before_switch(&scheduler.fake_stack, f.stack.get(), STACK);
  swapcontext(&scheduler.context, &f.context);
  after_switch(scheduler.fake_stack, nullptr, nullptr);
}

void make_fibre(unsigned k) {
  auto f = std::make_unique<Fibre>();
  f->stack.reset(new char[STACK]);
  getcontext(&f->context);
  f->context.uc_stack.ss_sp = f->stack.get();
  f->context.uc_stack.ss_size = STACK;
  f->context.uc_link = nullptr;
  makecontext(&f->context, serve, 0);
  scheduler.fibres[k] = std::move(f);
}

__attribute__((no_sanitize("address"), noinline)) void poison_shared() {
  /* NaN in floats, -1 in integers: nobody may count on zeros */
  for (volatile char *p = __start_dpc_shared; p < __stop_dpc_shared; p++) *p = (char)0xff;
}

bool fail(const char *format, int a, int b) {
  std::snprintf(scheduler.message, scheduler.size, format, block.x, a, b);
  std::fprintf(stderr, "cuda_on_cpu: %s\n", scheduler.message);
  /* their stacks hold threads that will never end */
  scheduler.fibres.clear();
  return false;
}

/* Lets the warps go on whose lanes are all at one place. */
bool release_warps() {
  bool any = false;
  for (unsigned first = 0; first < scheduler.count; first += 32) {
    const unsigned end = std::min(first + 32, scheduler.count);
    bool all = true, some = false;
    for (unsigned k = first; k < end; k++) {
      const Fibre &f = *scheduler.fibres[k];
      if (f.state != State::AT_WARP) continue;
      some = true;
      for (unsigned other = first; other < end; other++)
        if (f.lanes >> (other - first) & 1 && (scheduler.fibres[other]->state != State::AT_WARP ||
                                               scheduler.fibres[other]->line != f.line))
          all = false;
    }
    if (!some || !all) continue;
    any = true;
    for (unsigned k = first; k < end; k++)
      if (scheduler.fibres[k]->state == State::AT_WARP) scheduler.fibres[k]->state = State::READY;
  }
  return any;
}

bool release_block() {
  int line = 0;
  unsigned waiting = 0, done = 0;
  for (unsigned k = 0; k < scheduler.count; k++) {
    const Fibre &f = *scheduler.fibres[k];
    if (f.state == State::DONE) {
      done++;
      continue;
    }
    if (f.state == State::AT_WARP)
      return fail("block %u: lanes of a warp wait at line %d for lanes that do not come", f.line,
                  0);
    if (waiting++ == 0) line = f.line;
    else if (line != f.line)
      return fail("block %u: threads wait at different barriers, lines %d and %d", line, f.line);
  }
  if (done > 0)
    return fail("block %u: threads wait at the barrier of line %d, but %d have ended", line,
                (int)done);
  for (unsigned k = 0; k < scheduler.count; k++) scheduler.fibres[k]->state = State::READY;
  return true;
}

bool run_block(std::vector<unsigned> &order) {
  poison_shared();
  for (unsigned k = 0; k < scheduler.count; k++) {
    if (scheduler.fibres[k] == nullptr) make_fibre(k);
    scheduler.fibres[k]->state = State::READY;
    scheduler.fibres[k]->index = {k % threads.x, k / threads.x % threads.y,
                                  k / (threads.x * threads.y)};
  }
  for (;;) {
    bool waiting = false;
    std::shuffle(order.begin(), order.end(), scheduler.random);
    for (const unsigned k : order)
      if (scheduler.fibres[k]->state == State::READY) resume(k);
    for (unsigned k = 0; k < scheduler.count; k++)
      waiting = waiting || scheduler.fibres[k]->state != State::DONE;
    if (!waiting) return true;
    if (!release_warps() && !release_block()) return false;
  }
}

} // namespace

void wait_for_block(int line) { leave(State::AT_BLOCK, line, 0); }

void wait_for_warp(unsigned lanes, int line) {
  const unsigned first = scheduler.current / 32 * 32;
  const unsigned count = std::min(32u, scheduler.count - first);
  if (count < 32) lanes &= (1u << count) - 1;
  leave(State::AT_WARP, line, lanes);
}

int lane() { return (int)(scheduler.current % 32); }

uint64_t *exchange() { return &scheduler.words[scheduler.current / 32 * 32]; }

} // namespace dpc_shim

/* Runs a kernel; 0, or -1 and what is wrong in `message`. One launch at a time. */
extern "C" __attribute__((visibility("default"))) int dpc_shim_launch(
    void (*body)(void **), const unsigned grid[3], const unsigned size[3], void **arguments,
    unsigned seed, char *message, std::size_t bytes) {
  using namespace dpc_shim;
  threads = dim3(size[0], size[1], size[2]);
  blocks = dim3(grid[0], grid[1], grid[2]);
  scheduler.count = size[0] * size[1] * size[2];
  scheduler.words.assign((scheduler.count + 31) / 32 * 32, 0);
  if (scheduler.fibres.size() < scheduler.count) scheduler.fibres.resize(scheduler.count);
  scheduler.body = body;
  scheduler.arguments = arguments;
  scheduler.random.seed(seed);
  scheduler.message = message;
  scheduler.size = bytes;
  std::vector<unsigned> order(scheduler.count), turn(grid[0] * grid[1] * grid[2]);
  for (unsigned k = 0; k < order.size(); k++) order[k] = k;
  for (unsigned k = 0; k < turn.size(); k++) turn[k] = k;
  std::shuffle(turn.begin(), turn.end(), scheduler.random);
  for (const unsigned k : turn) {
    block = {k % grid[0], k / grid[0] % grid[1], k / (grid[0] * grid[1])};
    if (!run_block(order)) return -1;
  }
  return 0;
}
