/* neighbors.h: of a centre's list, the neighbours the model sees, grouped by type.
 *
 * Those nearer than the cutoff; where they are too many, the nearest sum(sel) of all types, and
 * of these the nearest sel of each type, as DeePMD-kit 3 does. Neighbours of type t go to
 * rows[centre][FIRST[t] ..], slots[centre][t] says how many of the sel[t] slots they take.
 * Rows of one type are in the order of the list, whatever order the threads run in.
 */

/* Is candidate (r2, j) among the nearest? Counts those that are nearer, of all types and of its
 * own; of two at one distance the later atom is farther. */
DEVICE int is_kept(GLOBAL const double *coord, GLOBAL const int *type, GLOBAL const int *entries,
                   int64 start, int64 stride, int mask, int n, int center, int center_type,
                   double r2, int j) {
  const double x = coord[3 * (int64)center], y = coord[3 * (int64)center + 1],
               z = coord[3 * (int64)center + 2];
  const int t = type[j];
  int nearer = 0, nearer_of_type = 0;
  for (int k = 0; k < n; k++) {
    const int other = entries[start + k * stride] & mask;
    const int own = type[other];
    const double dx = coord[3 * (int64)other] - x, dy = coord[3 * (int64)other + 1] - y,
                 dz = coord[3 * (int64)other + 2] - z;
    const double d2 = dx * dx + dy * dy + dz * dz;
    const int is_nearer = own >= 0 && (d2 < r2 || (d2 == r2 && other < j));
    nearer += is_nearer;
    nearer_of_type += is_nearer && own == t;
  }
  return nearer < NNEI && (USE[center_type][t] == ABSENT || nearer_of_type < SEL[t]);
}

KERNEL(neighbors, NEIGHBOR_THREADS)
(GLOBAL const double *restrict coord, GLOBAL const int *restrict type,
 GLOBAL const int *restrict centers, GLOBAL const int64 *restrict starts,
 GLOBAL const int *restrict counts, GLOBAL const int *restrict entries, int64 stride, int mask,
 int first, int center_type, GLOBAL int *restrict rows, GLOBAL int *restrict slots,
 GLOBAL int64 *restrict counters) {
  SHARED int words[NTYPES][NEIGHBOR_WORDS]; /* which threads hold a neighbour of each type */
  SHARED int found[NTYPES];                 /* in the tiles before */
  SHARED int known;                         /* of all types */
  const int c = first + BLOCK, i = centers[c], n = counts[c];
  const int64 start = starts[c];
  const double x = coord[3 * (int64)i], y = coord[3 * (int64)i + 1], z = coord[3 * (int64)i + 2];
  const int word = THREAD / 32, bit = THREAD % 32;

  for (int cut = 0; cut < 2; cut++) { /* the second time only if there are too many */
    BARRIER();
    for (int t = THREAD; t < NTYPES; t += NEIGHBOR_THREADS) {
      found[t] = 0;
      for (int w = 0; w < NEIGHBOR_WORDS; w++) words[t][w] = 0;
    }
    if (THREAD == 0) known = 0;
    BARRIER();
    for (int base = 0; base < n; base += NEIGHBOR_THREADS) {
      int j = 0, t = -1;
      if (base + THREAD < n) {
        j = entries[start + (base + THREAD) * stride] & mask;
        const double dx = coord[3 * (int64)j] - x, dy = coord[3 * (int64)j + 1] - y,
                     dz = coord[3 * (int64)j + 2] - z;
        const double r2 = dx * dx + dy * dy + dz * dz;
        if (!(r2 >= RCUT2)) t = type[j]; /* a distance that is no number stays, to be seen */
        if (t >= 0 && cut &&
            !is_kept(coord, type, entries, start, stride, mask, n, i, center_type, r2, j)) {
          t = -1;
          ADD_LONG(counters + COUNT_SEL, 1);
        }
      }
      if (t >= 0) {
        ADD_SHARED(&known, 1);
        ADD_SHARED(&words[t][word], 1u << bit);
      }
      BARRIER();
      if (t >= 0) {
        int place = found[t] + POPCOUNT((uint)words[t][word] & ((1u << bit) - 1u));
        for (int w = 0; w < word; w++) place += POPCOUNT((uint)words[t][w]);
        if (place < SEL[t]) rows[(int64)BLOCK * NNEI + FIRST[t] + place] = j;
      }
      BARRIER();
      for (int t = THREAD; t < NTYPES; t += NEIGHBOR_THREADS)
        for (int w = 0; w < NEIGHBOR_WORDS; w++) {
          found[t] += POPCOUNT((uint)words[t][w]);
          words[t][w] = 0;
        }
      BARRIER();
    }
    int over = known > NNEI;
    for (int t = 0; t < NTYPES; t++) over |= found[t] > SEL[t] && USE[center_type][t] != ABSENT;
    if (!over) break;
  }
  for (int t = THREAD; t < NTYPES; t += NEIGHBOR_THREADS)
    slots[(int64)BLOCK * NTYPES + t] = USE[center_type][t] == ABSENT ? 0 : found[t];
}
