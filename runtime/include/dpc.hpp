// dpc.hpp: dpc.h for C++17. Header-only: link with libdpc.
//
//   dpc::model water("water.dpc");
//   dpc::session session(water);
//   auto types = water.map_types({"O", "H", "H"});
//   dpc::result out = session.evaluate({coord, types, cell});   // eV, angstrom
//
// Failures are thrown as dpc::error. A model may go before its sessions. Both can be moved,
// not copied; a session serves one thread at a time.
#ifndef DPC_HPP
#define DPC_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dpc.h"

namespace dpc {

class error : public std::runtime_error {
public:
  explicit error(const dpc_error &e) : std::runtime_error(e.message), status_(e.status) {}
  error(dpc_status status, const std::string &message)
      : std::runtime_error(message), status_(status) {}
  dpc_status status() const noexcept { return status_; }

private:
  dpc_status status_;
};

// Numbers in a row that somebody else owns: a vector, an array, or a pointer and a size.
template <class T>
class view {
public:
  view() = default;
  view(const T *data, std::size_t size) : data_(data), size_(size) {}
  view(const std::vector<T> &v) : data_(v.data()), size_(v.size()) {}
  template <std::size_t N>
  view(const std::array<T, N> &a) : data_(a.data()), size_(N) {}
  template <std::size_t N>
  view(const T (&a)[N]) : data_(a), size_(N) {}
  const T *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

private:
  const T *data_ = nullptr;
  std::size_t size_ = 0;
};

struct options {
  std::int32_t threads = 1;
  std::int32_t device = -1;
  std::uint32_t flags = 0; // DPC_OPEN_UNVERIFIED, DPC_STRICT, DPC_DETERMINISTIC
  std::uint64_t device_bytes = 0;
  std::string device_name; // of a package for an FPGA: "host", "sim", "xdma:0", ...
};

class model {
public:
  explicit model(const std::string &path, const options &o = options()) {
    const char *name = o.device_name.empty() ? nullptr : o.device_name.c_str();
    const dpc_options given = {sizeof given,   o.device, o.threads, o.flags,
                               o.device_bytes, nullptr,  name};
    dpc_error e;
    if (dpc_open(path.c_str(), &given, &handle_, &e) != DPC_OK) throw error(e);
  }
  ~model() { dpc_close(handle_); }
  model(model &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  model &operator=(model &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  model(const model &) = delete;
  model &operator=(const model &) = delete;

  const dpc_facts &facts() const noexcept { return *dpc_get_facts(handle_); }

  std::vector<std::string> type_map() const {
    return {facts().type_map, facts().type_map + facts().ntypes};
  }

  // Names to types; the empty name is an atom outside the model, -1.
  std::vector<std::int32_t> map_types(const std::vector<std::string> &names) const {
    std::vector<const char *> given;
    for (const std::string &name : names) given.push_back(name.empty() ? nullptr : name.c_str());
    std::vector<std::int32_t> types(names.size());
    dpc_error e;
    if (dpc_map_types(handle_, given.data(), static_cast<std::int32_t>(given.size()), types.data(),
                      &e) != DPC_OK)
      throw error(e);
    return types;
  }

  const dpc_model *handle() const noexcept { return handle_; }

private:
  dpc_model *handle_ = nullptr;
};

// The atoms of one evaluation, whose neighbours are found inside.
struct atoms {
  view<double> coord;       // n * 3
  view<std::int32_t> types; // n
  view<double> cell = {};   // 9, rows are vectors; empty: open boundaries
  view<double> fparam = {}, aparam = {};
};

struct result {
  double energy = 0;
  std::vector<double> force; // n * 3
  std::array<double, 9> virial = {};
  std::vector<double> atom_energy, atom_virial; // n, n * 9
  std::uint32_t warnings = 0;
  std::int64_t sel_overflow = 0, extrapolated = 0;
};

class session {
public:
  explicit session(const model &m)
      : outputs_(m.facts().outputs), fparam_(m.facts().fparam), aparam_(m.facts().aparam) {
    dpc_error e;
    if (dpc_session_new(m.handle(), &handle_, &e) != DPC_OK) throw error(e);
  }
  ~session() { dpc_session_free(handle_); }
  session(session &&other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), outputs_(other.outputs_),
        fparam_(other.fparam_), aparam_(other.aparam_) {}
  session &operator=(session &&other) noexcept {
    std::swap(handle_, other.handle_);
    outputs_ = other.outputs_;
    fparam_ = other.fparam_;
    aparam_ = other.aparam_;
    return *this;
  }
  session(const session &) = delete;
  session &operator=(const session &) = delete;

  // dpc_evaluate itself: for engines with ghosts and neighbour lists of their own.
  void evaluate(const dpc_input &input, dpc_output &output) {
    dpc_error e;
    if (dpc_evaluate(handle_, &input, &output, &e) != DPC_OK) throw error(e);
  }

  // All that the model computes. A result that is used again is not allocated again.
  void evaluate(const atoms &a, result &r) {
    const std::size_t n = a.types.size();
    check("coord", a.coord, 3 * n);
    if (a.cell.size() != 0) check("cell", a.cell, 9);
    check("fparam", a.fparam, static_cast<std::size_t>(fparam_));
    check("aparam", a.aparam, static_cast<std::size_t>(aparam_) * n);
    r.force.resize(3 * n);
    r.atom_energy.resize(n);
    r.atom_virial.resize(9 * n);

    dpc_input input = {};
    input.size = sizeof input;
    input.nloc = input.nall = static_cast<std::int32_t>(n);
    input.coord = a.coord.data();
    input.type = a.types.data();
    input.cell = a.cell.size() != 0 ? a.cell.data() : nullptr;
    input.fparam = fparam_ != 0 ? a.fparam.data() : nullptr;
    input.aparam = aparam_ != 0 ? a.aparam.data() : nullptr;

    dpc_output output = {};
    output.size = sizeof output;
    output.energy = outputs_ & DPC_ENERGY ? &r.energy : nullptr;
    output.force = outputs_ & DPC_FORCE ? r.force.data() : nullptr;
    output.virial = outputs_ & DPC_VIRIAL ? r.virial.data() : nullptr;
    output.atom_energy = outputs_ & DPC_ATOM_ENERGY ? r.atom_energy.data() : nullptr;
    output.atom_virial = outputs_ & DPC_ATOM_VIRIAL ? r.atom_virial.data() : nullptr;
    evaluate(input, output);
    r.warnings = output.warnings;
    r.sel_overflow = output.sel_overflow;
    r.extrapolated = output.extrapolated;
  }

  result evaluate(const atoms &a) {
    result r;
    evaluate(a, r);
    return r;
  }

private:
  static void check(const char *name, const view<double> &values, std::size_t n) {
    if (values.size() != n)
      throw error(DPC_ERROR_ARGUMENT, std::string(name) + " has " + std::to_string(values.size()) +
                                          " numbers, but must have " + std::to_string(n));
  }

  dpc_session *handle_ = nullptr;
  std::uint32_t outputs_;
  std::int32_t fparam_, aparam_;
};

} // namespace dpc

#endif
