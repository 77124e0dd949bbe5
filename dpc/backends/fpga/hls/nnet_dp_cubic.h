/* nnet_dp_cubic.h: an activation and its slope by cubic pieces, in integers.
 *
 * The same as dp_act of the circuit: docs/explain/fixed-point.md, sections 4 and 6.
 */
#ifndef NNET_DP_CUBIC_H_
#define NNET_DP_CUBIC_H_

#include "ap_fixed.h"
#include "ap_int.h"

namespace nnet {

struct dp_cubic_config {
  static const unsigned n_in = 1;
  static const unsigned z_bits = 26; /* of the argument */
  static const unsigned t_bits = 17; /* of it, within a row */
  static const unsigned c_bits = 27;
  static const unsigned shift1 = 22, shift2 = 20, shift3 = 19;
};

/* round(x 2^-Shift), halves up; nothing is lost at the top */
template <int Shift, int Width>
ap_int<Width> dp_round(ap_int<Width> x) {
#pragma HLS INLINE
  const ap_int<Width> half = ap_int<Width>(1) << (Shift - 1);
  return (x + half) >> Shift;
}

template <class data_T, class value_T, class slope_T, typename CONFIG_T>
void dp_cubic(data_T data[CONFIG_T::n_in], value_T value[CONFIG_T::n_in],
              slope_T slope[CONFIG_T::n_in],
              typename CONFIG_T::table_t table[(4 << CONFIG_T::z_bits) >> CONFIG_T::t_bits]) {
#pragma HLS PIPELINE
  typedef ap_int<CONFIG_T::c_bits + CONFIG_T::t_bits + 2> wide; /* of a product and what is added */
  for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
    ap_uint<CONFIG_T::z_bits> v = data[i].range(CONFIG_T::z_bits - 1, 0);
    v ^= ap_uint<CONFIG_T::z_bits>(1) << (CONFIG_T::z_bits - 1);
    const unsigned row = v.range(CONFIG_T::z_bits - 1, CONFIG_T::t_bits);
    const wide t = ap_uint<CONFIG_T::t_bits>(v.range(CONFIG_T::t_bits - 1, 0));
    const wide c0 = table[4 * row], c1 = table[4 * row + 1];
    const wide c2 = table[4 * row + 2], c3 = table[4 * row + 3];
    const wide q = dp_round<CONFIG_T::shift3>(wide(c3 * t));
    const wide p2 = c2 + q;
    const wide p1 = c1 + dp_round<CONFIG_T::shift2>(wide(p2 * t));
    const wide p0 = c0 + dp_round<CONFIG_T::shift1>(wide(p1 * t));
    const wide sl = p1 + dp_round<CONFIG_T::shift2>(wide((p2 + q) * t));
    value[i].range(CONFIG_T::c_bits - 1, 0) = p0.range(CONFIG_T::c_bits - 1, 0);
    slope[i].range(CONFIG_T::c_bits - 1, 0) = sl.range(CONFIG_T::c_bits - 1, 0);
  }
}

} // namespace nnet

#endif
