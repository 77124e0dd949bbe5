/* pair_style dpc/kk: positions and forces stay on the GPU. Not built here: see README.md. */
#ifdef PAIR_CLASS
// clang-format off
PairStyle(dpc/kk,PairDpcKokkos<LMPDeviceType>);
PairStyle(dpc/kk/device,PairDpcKokkos<LMPDeviceType>);
// clang-format on
#else

#ifndef LMP_PAIR_DPC_KOKKOS_H
#define LMP_PAIR_DPC_KOKKOS_H

#include "kokkos_type.h"
#include "pair_dpc.h"
#include "pair_kokkos.h"

namespace LAMMPS_NS {

template <class DeviceType>
class PairDpcKokkos : public PairDpc {
public:
  explicit PairDpcKokkos(class LAMMPS *);
  void init_style() override;
  void compute(int, int) override;

private:
  void read_types_there(int nall);
  void evaluate_there(int nlocal, int nall);

  Kokkos::View<int *, DeviceType> element_there_, type_there_;
  Kokkos::View<double *, DeviceType> force_there_;
};

} // namespace LAMMPS_NS

#endif
#endif
