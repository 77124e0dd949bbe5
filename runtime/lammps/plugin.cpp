/* The door through which LAMMPS loads `pair_style dpc`.
 *
 * LAMMPS opens every *plugin.so on LAMMPS_PLUGIN_PATH and calls lammpsplugin_init.
 * Another release of LAMMPS may lay its classes out differently, so until the release
 * is known to be the right one only LAMMPS's C interface is used.
 */
#include "lammps.h"
#include "library.h"
#include "pair_dpc.h"

#include <stdexcept>
#include <string>

#ifndef DPC_LAMMPS_VERSION
#error "define DPC_LAMMPS_VERSION, the yyyymmdd release of the LAMMPS headers"
#endif

using namespace LAMMPS_NS;

namespace {

/* What LAMMPS reads from a plugin; its own header is not installed with it. */
using Factory = Pair *(*)(LAMMPS *);

struct PluginRecord {
  const char *version, *style, *name, *info, *author;
  Factory create;
  void *handle;
};

using Register = void (*)(PluginRecord *, void *);

Pair *create_pair(LAMMPS *lmp) { return new PairDpc(lmp); }

/* LAMMPS prints what a factory throws, and stops. */
Pair *refuse(LAMMPS *lmp) {
  throw std::runtime_error(
      "pair_style dpc was built for LAMMPS release " + std::to_string(DPC_LAMMPS_VERSION) +
      ", but this LAMMPS is release " + std::to_string(lammps_version(lmp)) +
      ". Use the 'lmp' that is installed beside dpc, or install the matching lammps package:"
      " dpc then builds the plugin for it.");
}

} // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle,
                                                                         void *regfunc) {
  const bool matches = lammps_version(lmp) == DPC_LAMMPS_VERSION;
  PluginRecord plugin;
  plugin.version = matches ? static_cast<LAMMPS *>(lmp)->version : "another release";
  plugin.style = "pair";
  plugin.name = "dpc";
  plugin.info = "pair_style dpc: compiled Deep Potential models";
  plugin.author = "the dpc authors";
  plugin.create = matches ? create_pair : refuse;
  plugin.handle = handle;
  reinterpret_cast<Register>(regfunc)(&plugin, lmp);
}
