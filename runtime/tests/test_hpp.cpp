// dpc.hpp: results, exceptions, moves.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "dpc.hpp"

static void check(bool good, const char *what) {
  if (!good) std::fprintf(stderr, "failed: %s\n", what), std::exit(1);
}

template <class F>
static dpc_status status_of(F f) {
  try {
    f();
  } catch (const dpc::error &e) {
    check(e.what()[0] != '\0', "a message");
    return e.status();
  }
  return DPC_OK;
}

int main(int argc, char **argv) {
  check(argc == 2, "usage: test_hpp PACKAGE");
  const std::string path = argv[1];
  check(status_of([] { dpc::model("/no/such.dpc"); }) == DPC_ERROR_FILE, "no such package");

  dpc::model first(path), model = std::move(first);
  check(model.type_map() == std::vector<std::string>{"O", "H"}, "type map");
  const auto types = model.map_types({"O", "H", ""});
  check(types == std::vector<std::int32_t>{0, 1, -1}, "types");
  check(status_of([&] { model.map_types({"Hf"}); }) == DPC_ERROR_ARGUMENT, "unknown element");

  dpc::session session(model), other = dpc::session(model);
  other = std::move(session);
  model = dpc::model(path); // the session keeps the old one
  const std::vector<double> coord = {0, 0, 0, 0.3, 0.4, 1, 1, 2, 9};
  const std::array<double, 9> cell = {9, 0, 0, 0, 9, 0, 0, 0, 9};
  const dpc::result open = other.evaluate({coord, types});
  dpc::result boxed;
  other.evaluate({coord, types, cell}, boxed);
  check(open.energy == open.atom_energy[0] + open.atom_energy[1], "energies add up");
  check(std::fabs(open.force[2] + open.force[5]) < 1e-14 && open.force[2] != 0, "force");
  check(open.atom_energy[2] == 0 && boxed.energy != 0 && boxed.warnings == 0, "outside");

  const auto moved = coord;
  check(status_of([&] { other.evaluate({moved, {types.data(), 2}}); }) == DPC_ERROR_ARGUMENT,
        "coord of another size");
  check(status_of([&] { other.evaluate({coord, types, {}, coord}); }) == DPC_ERROR_ARGUMENT,
        "fparam of a model without");
  const double same[6] = {1, 1, 1, 1, 1, 1};
  check(status_of([&] { other.evaluate({same, {types.data(), 2}}); }) == DPC_ERROR_NUMERIC,
        "two atoms at one place");
  return 0;
}
