/* pair_style dpc: a compiled Deep Potential model as a LAMMPS pair style.
 *
 *     pair_style dpc water.dpc [threads N] [device NAME] [fparam X ...] [aparam X ...]
 *     pair_coeff * * O H
 *
 * LAMMPS owns atoms, lists and communication; everything else is behind dpc.h.
 */
#ifndef LMP_PAIR_DPC_H
#define LMP_PAIR_DPC_H

#include "dpc.h"
#include "pair.h"

#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

class PairDpc : public Pair {
public:
  explicit PairDpc(class LAMMPS *);
  ~PairDpc() override;

  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  void compute(int, int) override;
  void finish() override;
  double memory_usage() override;

protected: // kokkos/pair_dpc_kokkos builds upon it
  struct CloseModel {
    void operator()(dpc_model *m) const { dpc_close(m); }
  };
  struct FreeSession {
    void operator()(dpc_session *s) const { dpc_session_free(s); }
  };

  /* What the models of a step left out or guessed at: counts on this rank. */
  struct Counts {
    bigint sel_overflow = 0, extrapolated = 0;
  };

  // pair_dpc_settings.cpp: what the user wrote
  void read_keywords(int, char **);
  void open();
  void check_parameters(const char *keyword, size_t given, int needed);
  void fail(const std::string &message, bool mine);

  // pair_dpc.cpp: a step
  void check_lists();
  void grow(int nlocal, int nall);
  void read_types(int nall);
  bool list_is_new();
  void evaluate(int nlocal, int nall);
  void add_forces(int nall);
  void add_virial();
  void add_atom_energies();
  void add_atom_virials(int nall);
  Counts sum_over_ranks(const Counts &) const;
  void warn();

  std::string path_;
  int threads_ = 1;
  std::string device_;                  // as given, or empty
  std::vector<double> fparam_, aparam_; // as given: one value each

  // the order matters: a session goes before its model
  std::unique_ptr<dpc_model, CloseModel> model_;
  std::unique_ptr<dpc_session, FreeSession> session_;
  const dpc_facts *facts_ = nullptr;

  std::vector<int> element_; // [ntypes + 1] the model's type of a LAMMPS type, or -1

  // workspace, grown and never shrunk
  std::vector<int> type_;                                 // [nall]
  std::vector<double> force_, atom_energy_, atom_virial_; // [3 nall], [nlocal], [9 nall]
  std::vector<double> aparam_of_atom_;                    // [nlocal * aparam]
  double energy_ = 0.0, virial9_[9] = {};

  bool checked_ = false; // check_lists() ran since init_style()
  bigint age_ = 0, builds_ = -1;
  int list_nlocal_ = -1, list_nall_ = -1;
  bool types_changed_ = false;

  Counts total_; // since init_style(), this rank
  bool warned_sel_ = false, warned_extrapolated_ = false;
};

} // namespace LAMMPS_NS

#endif
