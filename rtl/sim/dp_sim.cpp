// The circuit in software: dp_top as Verilator wrote it, with a card's memory around it, behind C.
//
// Clocks run only inside these calls. A card's memory answers at once, or, after dp_sim_stalls,
// with random pauses.
#include "dp_sim.h"

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "Vdp_top.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {
constexpr uint64_t kPage = 1 << 16;
constexpr int kRegisterLimit = 1000; // cycles that a register access may take

struct Read {
  uint64_t addr;
  unsigned left;
};
} // namespace

struct dp_sim {
  VerilatedContext context;
  std::unique_ptr<Vdp_top> top;
#if VM_TRACE
  std::unique_ptr<VerilatedVcdC> trace;
#endif
  std::map<uint64_t, std::vector<uint8_t>> pages;
  std::deque<Read> reads, writes;
  unsigned confirms = 0;
  uint64_t cycles = 0, random = 1;
  unsigned stall = 0; // per cent

  uint8_t *at(uint64_t addr) {
    auto &page = pages[addr / kPage];
    if (page.empty()) page.resize(kPage);
    return &page[addr % kPage];
  }

  bool pause() {
    if (stall == 0) return false;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random % 100 < stall;
  }

  void edge(bool up) {
    top->ap_clk = up;
    top->eval();
#if VM_TRACE
    if (trace) trace->dump(context.time());
#endif
    context.timeInc(2);
  }

  // one clock: outputs are looked at before the rising edge, inputs change after it
  void clock() {
    Vdp_top &t = *top;
    t.m_axi_arready = !pause();
    t.m_axi_awready = !pause();
    t.m_axi_wready = !writes.empty() && !pause();
    t.m_axi_bvalid = confirms > 0;
    t.m_axi_bresp = 0;
    t.m_axi_rvalid = !reads.empty() && (t.m_axi_rvalid || !pause());
    if (t.m_axi_rvalid) {
      std::memcpy(t.m_axi_rdata.data(), at(reads.front().addr), 16);
      t.m_axi_rlast = reads.front().left == 1;
      t.m_axi_rresp = 0;
    }
    edge(false);
    const bool ar = t.m_axi_arvalid && t.m_axi_arready, aw = t.m_axi_awvalid && t.m_axi_awready;
    const bool r = t.m_axi_rvalid && t.m_axi_rready, w = t.m_axi_wvalid && t.m_axi_wready;
    const bool b = t.m_axi_bvalid && t.m_axi_bready;
    const Read ask{t.m_axi_araddr, t.m_axi_arlen + 1u}, put{t.m_axi_awaddr, t.m_axi_awlen + 1u};
    if (w) {
      std::memcpy(at(writes.front().addr), t.m_axi_wdata.data(), 16);
      writes.front().addr += 16;
      if (--writes.front().left == 0) {
        writes.pop_front();
        ++confirms;
      }
    }
    if (r) {
      reads.front().addr += 16;
      if (--reads.front().left == 0) reads.pop_front();
    }
    if (b) --confirms;
    edge(true);
    if (r) t.m_axi_rvalid = 0;
    if (ar) reads.push_back(ask);
    if (aw) writes.push_back(put);
    ++cycles;
  }
};

extern "C" {

dp_sim *dp_sim_open(const char *waveform) {
  auto *sim = new dp_sim;
  sim->context.commandArgs(0, static_cast<const char **>(nullptr));
  sim->context.traceEverOn(true);
  sim->top = std::make_unique<Vdp_top>(&sim->context);
  if (waveform != nullptr) {
#if VM_TRACE
    sim->trace = std::make_unique<VerilatedVcdC>();
    sim->top->trace(sim->trace.get(), 99);
    sim->trace->open(waveform);
#else
    delete sim;
    return nullptr;
#endif
  }
  sim->top->ap_rst_n = 0;
  for (int i = 0; i < 5; ++i) sim->clock();
  sim->top->ap_rst_n = 1;
  for (int i = 0; i < 5; ++i) sim->clock();
  return sim;
}

void dp_sim_close(dp_sim *sim) {
  if (sim == nullptr) return;
  sim->top->final();
#if VM_TRACE
  if (sim->trace) sim->trace->close();
#endif
  delete sim;
}

int dp_sim_reg_read(dp_sim *sim, uint32_t addr, uint32_t *value) {
  return dp_sim_reg_read_row(sim, addr, 1, value);
}

// an address in every cycle, the answers a cycle behind
int dp_sim_reg_read_row(dp_sim *sim, uint32_t addr, uint32_t count, uint32_t *values) {
  Vdp_top &t = *sim->top;
  uint32_t asked = 0, came = 0;
  t.s_axi_control_rready = 1;
  for (uint32_t i = 0; i < kRegisterLimit + count; ++i) {
    t.s_axi_control_araddr = addr + 4 * asked;
    t.s_axi_control_arvalid = asked < count;
    t.eval();
    const bool take = t.s_axi_control_arvalid && t.s_axi_control_arready;
    if (t.s_axi_control_rvalid) values[came++] = t.s_axi_control_rdata;
    sim->clock();
    if (take) ++asked;
    t.s_axi_control_arvalid = 0;
    if (came == count) return 0;
  }
  return -1;
}

int dp_sim_reg_write(dp_sim *sim, uint32_t addr, uint32_t value) {
  Vdp_top &t = *sim->top;
  t.s_axi_control_awaddr = addr;
  t.s_axi_control_wdata = value;
  t.s_axi_control_wstrb = 15;
  t.s_axi_control_awvalid = t.s_axi_control_wvalid = 1;
  t.s_axi_control_bready = 1;
  for (int i = 0; i < kRegisterLimit; ++i) {
    t.eval();
    const bool aw = t.s_axi_control_awvalid && t.s_axi_control_awready;
    const bool w = t.s_axi_control_wvalid && t.s_axi_control_wready;
    const bool b = t.s_axi_control_bvalid;
    sim->clock();
    if (aw) t.s_axi_control_awvalid = 0;
    if (w) t.s_axi_control_wvalid = 0;
    if (b) return 0;
  }
  return -1;
}

void dp_sim_dma_write(dp_sim *sim, uint64_t addr, const void *data, uint64_t size) {
  const auto *bytes = static_cast<const uint8_t *>(data);
  for (uint64_t done = 0; done < size;) {
    uint64_t here = kPage - (addr + done) % kPage;
    if (here > size - done) here = size - done;
    std::memcpy(sim->at(addr + done), bytes + done, here);
    done += here;
  }
}

void dp_sim_dma_read(dp_sim *sim, uint64_t addr, void *data, uint64_t size) {
  auto *bytes = static_cast<uint8_t *>(data);
  for (uint64_t done = 0; done < size;) {
    uint64_t here = kPage - (addr + done) % kPage;
    if (here > size - done) here = size - done;
    std::memcpy(bytes + done, sim->at(addr + done), here);
    done += here;
  }
}

void dp_sim_run(dp_sim *sim, uint64_t cycles) {
  for (uint64_t i = 0; i < cycles; ++i) sim->clock();
}

uint64_t dp_sim_cycles(const dp_sim *sim) { return sim->cycles; }

void dp_sim_stalls(dp_sim *sim, unsigned percent, uint64_t seed) {
  sim->stall = percent;
  sim->random = seed * 2 + 1;
}

} // extern "C"
