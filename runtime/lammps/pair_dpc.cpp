/* One step: LAMMPS's arrays in, libdpc's numbers out. */
#include "pair_dpc.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

#include <cstring>

using namespace LAMMPS_NS;

void PairDpc::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (!checked_) check_lists();
  const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
  if (list->inum > 0) {
    grow(nlocal, nall);
    read_types(nall);
    evaluate(nlocal, nall);
    add_forces(nall);
    if (eflag_global) eng_vdwl += energy_;
    if (vflag_global) add_virial();
    if (eflag_atom) add_atom_energies();
    if (vflag_atom || cvflag_atom) add_atom_virials(nall);
  }
  // a step with a global energy is one on every rank: the ranks may talk
  if (eflag_global) warn();
}

/* What is known only once LAMMPS has set up lists and communication. */
void PairDpc::check_lists() {
  checked_ = true;
  const double ghost = comm->get_comm_cutoff();
  if (ghost < facts_->rcut || neighbor->cutneighmax < facts_->rcut)
    error->all(FLERR,
               "pair_style dpc: {} needs atoms within {:.6g} A, but LAMMPS keeps neighbours within"
               " {:.6g} A and ghost atoms within {:.6g} A: raise 'comm_modify cutoff'",
               path_, facts_->rcut, neighbor->cutneighmax, ghost);
  if (atom->molecular == Atom::ATOMIC || atom->nbonds == 0) return;
  for (int k = 1; k <= 3; k++)
    if (neighbor->special_flag[k] == 0)
      error->all(FLERR,
                 "pair_style dpc needs bonded atoms as neighbours, but 'special_bonds' leaves"
                 " them out: write 'special_bonds lj/coul 1.0e-50 1.0e-50 1.0e-50', or"
                 " remove the bonds");
}

void PairDpc::grow(int nlocal, int nall) {
  const auto at_least = [](auto &array, size_t n) {
    if (array.size() < n) array.resize(n + n / 8);
  };
  at_least(type_, nall);
  at_least(force_, 3 * static_cast<size_t>(nall));
  if (eflag_atom) at_least(atom_energy_, nlocal);
  if (vflag_atom || cvflag_atom) at_least(atom_virial_, 9 * static_cast<size_t>(nall));
  while (aparam_of_atom_.size() < aparam_.size() * nlocal)
    aparam_of_atom_.insert(aparam_of_atom_.end(), aparam_.begin(), aparam_.end());
}

/* LAMMPS types to the model's; fixes that swap atoms change types without a new list. */
void PairDpc::read_types(int nall) {
  const int *const type = atom->type;
  types_changed_ = false;
  for (int i = 0; i < nall; i++) {
    const int element = element_[type[i]];
    if (type_[i] == element) continue;
    type_[i] = element;
    types_changed_ = true;
  }
}

bool PairDpc::list_is_new() {
  const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
  const bool same = neighbor->ago != 0 && neighbor->ncalls == builds_ && nlocal == list_nlocal_ &&
                    nall == list_nall_ && !types_changed_;
  builds_ = neighbor->ncalls;
  list_nlocal_ = nlocal;
  list_nall_ = nall;
  return !same;
}

void PairDpc::evaluate(int nlocal, int nall) {
  if (list_is_new()) age_++;

  dpc_neighbors neighbors = {};
  neighbors.count = list->inum;
  neighbors.atoms = list->ilist;
  neighbors.numneigh = list->numneigh;
  neighbors.firstneigh = list->firstneigh;
  neighbors.mask = NEIGHMASK;
  neighbors.age = age_;

  dpc_input input = {};
  input.size = sizeof(input);
  input.nloc = nlocal;
  input.nall = nall;
  input.coord = atom->x[0];
  input.type = type_.data();
  input.neighbors = &neighbors;
  if (!fparam_.empty()) input.fparam = fparam_.data();
  if (!aparam_.empty()) input.aparam = aparam_of_atom_.data();

  dpc_output output = {};
  output.size = sizeof(output);
  output.force = force_.data();
  if (eflag_global) output.energy = &energy_;
  if (vflag_global) output.virial = virial9_;
  if (eflag_atom) output.atom_energy = atom_energy_.data();
  if (vflag_atom || cvflag_atom) output.atom_virial = atom_virial_.data();

  dpc_error err = {};
  if (dpc_evaluate(session_.get(), &input, &output, &err) != DPC_OK) {
    // libdpc numbers atoms as they are stored, which is another order than that of the ids
    const bool numbered = strstr(err.message, "counted from 0") != nullptr;
    error->one(FLERR, "pair_style dpc, step {}: {}{}", update->ntimestep, err.message,
               numbered ? ". The numbers are places on this rank, not atom ids" : "");
  }
  total_.sel_overflow += output.sel_overflow;
  total_.extrapolated += output.extrapolated;
}

void PairDpc::add_forces(int nall) {
  double *const f = atom->f[0];
  for (int k = 0; k < 3 * nall; k++) f[k] += force_[k];
}

/* dpc gives W[a][b] = sum of force_a r_b; LAMMPS wants the symmetric xx yy zz xy xz yz. */
void PairDpc::add_virial() {
  const double *const w = virial9_;
  virial[0] += w[0];
  virial[1] += w[4];
  virial[2] += w[8];
  virial[3] += 0.5 * (w[1] + w[3]);
  virial[4] += 0.5 * (w[2] + w[6]);
  virial[5] += 0.5 * (w[5] + w[7]);
}

void PairDpc::add_atom_energies() {
  for (int k = 0; k < list->inum; k++) {
    const int i = list->ilist[k];
    if (type_[i] >= 0) eatom[i] += atom_energy_[i];
  }
}

/* Centroid virials are xx yy zz xy xz yz yx zx zy, where xy is r_x force_y. */
void PairDpc::add_atom_virials(int nall) {
  static const int kCentroid[9] = {0, 4, 8, 3, 6, 7, 1, 2, 5};
  for (int i = 0; i < nall; i++) {
    const double *const w = &atom_virial_[9 * static_cast<size_t>(i)];
    if (cvflag_atom)
      for (int k = 0; k < 9; k++) cvatom[i][k] += w[kCentroid[k]];
    if (vflag_atom) {
      vatom[i][0] += w[0];
      vatom[i][1] += w[4];
      vatom[i][2] += w[8];
      vatom[i][3] += 0.5 * (w[1] + w[3]);
      vatom[i][4] += 0.5 * (w[2] + w[6]);
      vatom[i][5] += 0.5 * (w[5] + w[7]);
    }
  }
}

PairDpc::Counts PairDpc::sum_over_ranks(const Counts &mine) const {
  bigint local[2] = {mine.sel_overflow, mine.extrapolated}, all[2] = {0, 0};
  MPI_Allreduce(local, all, 2, MPI_LMP_BIGINT, MPI_SUM, world);
  return Counts{all[0], all[1]};
}

/* Each warning once in a run; the totals come at its end. */
void PairDpc::warn() {
  if (warned_sel_ && warned_extrapolated_) return;
  const Counts all = sum_over_ranks(total_);
  if (all.sel_overflow && !warned_sel_) {
    warned_sel_ = true;
    if (comm->me == 0)
      error->warning(FLERR,
                     "pair_style dpc, step {}: some atoms have more neighbours than the model's sel"
                     " (left out so far: {}); the nearest are kept, as in training, and energy may"
                     " drift",
                     update->ntimestep, all.sel_overflow);
  }
  if (all.extrapolated && !warned_extrapolated_) {
    warned_extrapolated_ = true;
    if (comm->me == 0)
      error->warning(FLERR,
                     "pair_style dpc, step {}: some pairs are closer than the model's tables reach"
                     " (so far: {}); they are extrapolated smoothly, but the model never saw such"
                     " distances",
                     update->ntimestep, all.extrapolated);
  }
}

void PairDpc::finish() {
  const Counts all = sum_over_ranks(total_);
  if (comm->me != 0) return;
  if (all.sel_overflow)
    error->warning(FLERR, "pair_style dpc, whole run: sel left out {} neighbours over all steps",
                   all.sel_overflow);
  if (all.extrapolated)
    error->warning(FLERR,
                   "pair_style dpc, whole run: {} pairs over all steps were closer than the tables",
                   all.extrapolated);
}

double PairDpc::memory_usage() {
  double bytes = Pair::memory_usage();
  bytes += sizeof(int) * static_cast<double>(type_.capacity());
  bytes +=
      sizeof(double) * static_cast<double>(force_.capacity() + atom_energy_.capacity() +
                                           atom_virial_.capacity() + aparam_of_atom_.capacity());
  return bytes;
}
