/* pair_style and pair_coeff: read what the user wrote, open the package, join the names. */
#include "pair_dpc.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cstring>

using namespace LAMMPS_NS;

namespace {

const char *const kModelDeviation[] = {"out_freq",
                                       "out_file",
                                       "relative",
                                       "relative_v",
                                       "atomic",
                                       "fparam_from_compute",
                                       "fparam_from_fix",
                                       "aparam_from_compute",
                                       "ttm"};

bool names_package(const std::string &word) {
  return word.size() > 4 && word.compare(word.size() - 4, 4, ".dpc") == 0;
}

} // namespace

PairDpc::PairDpc(LAMMPS *lmp) : Pair(lmp) {
  one_coeff = 1;
  manybody_flag = 1;
  single_enable = 0;
  restartinfo = 0; // the package is named again after read_restart
  writedata = 0;
  no_virial_fdotr_compute = 1; // libdpc gives the virial itself
  centroidstressflag = CENTROID_AVAIL;
}

PairDpc::~PairDpc() {
  if (copymode || !allocated) return;
  memory->destroy(setflag);
  memory->destroy(cutsq);
}

/* Stop with one message, whether every rank met the problem or only some. */
void PairDpc::fail(const std::string &message, bool mine) {
  int ok = mine ? 0 : 1, any_ok = 0;
  MPI_Allreduce(&ok, &any_ok, 1, MPI_INT, MPI_MAX, world);
  if (!any_ok) error->all(FLERR, message);
  if (mine) error->one(FLERR, message);
}

void PairDpc::settings(int narg, char **arg) {
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR,
               "pair_style dpc works in eV and Angstrom: write 'units metal', not 'units {}'",
               update->unit_style);
  if (narg < 1)
    error->all(FLERR, "pair_style dpc needs the name of a package: pair_style dpc water.dpc");
  path_ = arg[0];
  read_keywords(narg - 1, arg + 1);
  open();
  check_parameters("fparam", fparam_.size(), facts_->fparam);
  check_parameters("aparam", aparam_.size(), facts_->aparam);
}

void PairDpc::read_keywords(int narg, char **arg) {
  threads_ = 1;
  device_.clear();
  fparam_.clear();
  aparam_.clear();
  for (int i = 0; i < narg;) {
    const std::string word = arg[i++];
    if (word == "threads") {
      if (i == narg) error->all(FLERR, "pair_style dpc: 'threads' needs a number");
      threads_ = utils::inumeric(FLERR, arg[i++], false, lmp);
      if (threads_ < 1)
        error->all(FLERR, "pair_style dpc: threads is {}, but must be 1 or more", threads_);
    } else if (word == "device") {
      if (i == narg)
        error->all(FLERR,
                   "pair_style dpc: 'device' needs a GPU's number, or a name: host, sim, xdma:0");
      device_ = arg[i++];
    } else if (word == "fparam" || word == "aparam") {
      auto &values = word == "fparam" ? fparam_ : aparam_;
      while (i < narg && utils::is_double(arg[i]))
        values.push_back(utils::numeric(FLERR, arg[i++], false, lmp));
      if (values.empty()) error->all(FLERR, "pair_style dpc: '{}' needs numbers", word);
    } else if (names_package(word)) {
      error->all(FLERR,
                 "pair_style dpc takes one package, and got {} and {}: model deviation is not"
                 " supported yet",
                 path_, word);
    } else if (std::find(std::begin(kModelDeviation), std::end(kModelDeviation), word) !=
               std::end(kModelDeviation)) {
      error->all(FLERR,
                 "pair_style dpc: '{}' is not supported yet; it knows threads, device, fparam,"
                 " aparam",
                 word);
    } else {
      error->all(FLERR, "pair_style dpc: no keyword '{}'; it knows threads, device, fparam, aparam",
                 word);
    }
  }
}

void PairDpc::open() {
  session_.reset();
  model_.reset();
  dpc_options options = {};
  options.size = sizeof(options);
  options.device = -1;
  options.threads = threads_;
  if (utils::is_integer(device_)) options.device = utils::inumeric(FLERR, device_, false, lmp);
  else if (!device_.empty()) options.device_name = device_.c_str();
  dpc_error err = {};

  dpc_model *model = nullptr;
  bool failed = dpc_open(path_.c_str(), &options, &model, &err) != DPC_OK;
  model_.reset(model);
  fail(std::string("pair_style dpc: ") + err.message, failed);

  dpc_session *session = nullptr;
  failed = dpc_session_new(model_.get(), &session, &err) != DPC_OK;
  session_.reset(session);
  fail(std::string("pair_style dpc: ") + err.message, failed);

  facts_ = dpc_get_facts(model_.get());
  std::string names;
  for (int t = 0; t < facts_->ntypes; t++) names += std::string(t ? " " : "") + facts_->type_map[t];
  if (comm->me == 0)
    utils::logmesg(lmp, "pair_style dpc: {} ({}, {}), cutoff {:.6g}, knows {}\n", path_,
                   facts_->target, facts_->precision, facts_->rcut, names);
}

void PairDpc::check_parameters(const char *keyword, size_t given, int needed) {
  if (given == static_cast<size_t>(needed)) return;
  if (needed == 0) error->all(FLERR, "pair_style dpc: {} takes no {}: remove it", path_, keyword);
  error->all(FLERR, "pair_style dpc: {} takes {} {} value{}, and got {}: write '{} X{}'", path_,
             needed, keyword, needed > 1 ? "s" : "", given, keyword, needed > 1 ? " ..." : "");
}

void PairDpc::coeff(int narg, char **arg) {
  const int n = atom->ntypes;
  if (narg != n + 2)
    error->all(FLERR,
               "pair_coeff: this system has {} atom types, so dpc needs '* *' and {} names, and got"
               " {} words: pair_coeff * * O H",
               n, n, narg);
  if (strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "pair_coeff: dpc takes all types at once: write 'pair_coeff * *' and names,"
                      " NULL for types outside the model");

  std::vector<const char *> names(n);
  for (int t = 0; t < n; t++) names[t] = strcmp(arg[t + 2], "NULL") == 0 ? nullptr : arg[t + 2];
  element_.assign(n + 1, -1);
  dpc_error err = {};
  if (dpc_map_types(model_.get(), names.data(), n, element_.data() + 1, &err) != DPC_OK)
    error->all(FLERR, std::string("pair_coeff: ") + err.message);
  if (std::all_of(element_.begin() + 1, element_.end(), [](int e) { return e < 0; }))
    error->all(FLERR, "pair_coeff: every type is NULL, so {} would do nothing", path_);

  if (!allocated) {
    memory->create(setflag, n + 1, n + 1, "pair:setflag");
    memory->create(cutsq, n + 1, n + 1, "pair:cutsq");
    allocated = 1;
  }
  // under hybrid the pairs outside the model belong to other styles; alone nobody else sets them
  const bool alone = force->pair == this;
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= n; j++) setflag[i][j] = alone || (element_[i] >= 0 && element_[j] >= 0);
}

void PairDpc::init_style() {
  if (!force->newton_pair)
    error->all(FLERR, "pair_style dpc puts forces on ghost atoms: write 'newton on'");
  neighbor->add_request(this, NeighConst::REQ_FULL);
  checked_ = false;
  builds_ = -1;
  total_ = Counts();
  warned_sel_ = warned_extrapolated_ = false;
}

double PairDpc::init_one(int, int) { return facts_->rcut; }
