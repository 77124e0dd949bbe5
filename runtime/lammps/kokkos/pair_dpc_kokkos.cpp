/* A step on the GPU: KOKKOS' arrays go to libdpc as they are. Not built here: see README.md. */
#include "pair_dpc_kokkos.h"

#include "atom_kokkos.h"
#include "atom_masks.h"
#include "error.h"
#include "kokkos.h"
#include "neigh_list_kokkos.h"
#include "neigh_request.h"
#include "neighbor.h"
#include "update.h"

#include <type_traits>

using namespace LAMMPS_NS;

template <class DeviceType>
PairDpcKokkos<DeviceType>::PairDpcKokkos(LAMMPS *lmp) : PairDpc(lmp) {
  kokkosable = 1;
  atomKK = static_cast<AtomKokkos *>(atom);
  execution_space = ExecutionSpaceFromDevice<DeviceType>::space;
  datamask_read = X_MASK | F_MASK | TYPE_MASK;
  datamask_modify = F_MASK;
}

template <class DeviceType>
void PairDpcKokkos<DeviceType>::init_style() {
  PairDpc::init_style();
  auto request = neighbor->find_request(this);
  request->set_kokkos_host(std::is_same_v<DeviceType, LMPHostType> &&
                           !std::is_same_v<DeviceType, LMPDeviceType>);
  request->set_kokkos_device(std::is_same_v<DeviceType, LMPDeviceType>);
  element_there_ = Kokkos::View<int *, DeviceType>("dpc:element", element_.size());
  Kokkos::View<const int *, Kokkos::HostSpace, Kokkos::MemoryUnmanaged> here(element_.data(),
                                                                             element_.size());
  Kokkos::deep_copy(element_there_, here);
  age_++; // other types
}

template <class DeviceType>
void PairDpcKokkos<DeviceType>::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (eflag_atom || vflag_atom || cvflag_atom)
    error->all(FLERR, "pair_style dpc/kk gives no energies or virials of atoms: use dpc");
  if (!checked_) check_lists();
  const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
  if (list->inum > 0) {
    atomKK->sync(execution_space, datamask_read);
    read_types_there(nall);
    evaluate_there(nlocal, nall);
    atomKK->modified(execution_space, datamask_modify);
    if (eflag_global) eng_vdwl += energy_;
    if (vflag_global) add_virial();
  }
  if (eflag_global) warn();
}

/* LAMMPS types to the model's. A fix that swaps types makes them new: so does the age. */
template <class DeviceType>
void PairDpcKokkos<DeviceType>::read_types_there(int nall) {
  if (type_there_.extent_int(0) < nall) {
    type_there_ = Kokkos::View<int *, DeviceType>("dpc:type", nall + nall / 8);
    force_there_ = Kokkos::View<double *, DeviceType>("dpc:force", 3 * (nall + nall / 8));
  }
  const auto type = atomKK->k_type.template view<DeviceType>();
  const auto element = element_there_, ours = type_there_;
  int changed = 0;
  Kokkos::parallel_reduce(
      "dpc:types", Kokkos::RangePolicy<DeviceType>(0, nall),
      KOKKOS_LAMBDA(const int i, int &count) {
        const int own = element(type(i));
        count += own != ours(i);
        ours(i) = own;
      },
      changed);
  types_changed_ = changed > 0;
}

template <class DeviceType>
void PairDpcKokkos<DeviceType>::evaluate_there(int nlocal, int nall) {
  if (list_is_new()) age_++;
  const auto x = atomKK->k_x.template view<DeviceType>();
  const auto f = atomKK->k_f.template view<DeviceType>();
  static_assert(std::is_same_v<typename decltype(x)::non_const_value_type, double>,
                "pair_style dpc/kk needs KOKKOS with double precision");
  if (x.stride(0) != 3 || x.stride(1) != 1)
    error->one(FLERR, "pair_style dpc/kk needs positions as rows of three numbers");
  auto *lists = static_cast<NeighListKokkos<DeviceType> *>(list);

  dpc_device_neighbors neighbors = {};
  neighbors.count = list->inum;
  neighbors.mask = NEIGHMASK;
  neighbors.atoms = lists->d_ilist.data();
  neighbors.numneigh = lists->d_numneigh.data();
  neighbors.entries = lists->d_neighbors.data();
  neighbors.atom_stride = lists->d_neighbors.stride(0);
  neighbors.stride = lists->d_neighbors.stride(1);
  neighbors.age = age_;

  dpc_input input = {};
  input.size = sizeof(input);
  input.nloc = nlocal;
  input.nall = nall;
  input.coord = x.data();
  input.type = type_there_.data();
  input.memory = DPC_DEVICE;
  input.device_neighbors = &neighbors;
  if (!fparam_.empty()) input.fparam = fparam_.data();
  if (!aparam_.empty()) error->one(FLERR, "pair_style dpc/kk takes no aparam yet: use dpc");

  dpc_output output = {};
  output.size = sizeof(output);
  output.force = force_there_.data();
  if (eflag_global) output.energy = &energy_;
  if (vflag_global) output.virial = virial9_;

  Kokkos::fence(); // a stream of libdpc's own does not wait for that of KOKKOS
  dpc_error err = {};
  if (dpc_evaluate(session_.get(), &input, &output, &err) != DPC_OK)
    error->one(FLERR, "pair_style dpc/kk, step {}: {}", update->ntimestep, err.message);
  total_.sel_overflow += output.sel_overflow;
  total_.extrapolated += output.extrapolated;
  const auto own = force_there_;
  Kokkos::parallel_for(
      "dpc:forces", Kokkos::RangePolicy<DeviceType>(0, nall), KOKKOS_LAMBDA(const int i) {
        for (int k = 0; k < 3; k++) f(i, k) += own(3 * i + k);
      });
}

namespace LAMMPS_NS {
template class PairDpcKokkos<LMPDeviceType>;
}
