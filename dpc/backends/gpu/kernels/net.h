/* net.h: the embedding net of some neighbours, where it has no table; block and way back.
 *
 * Value n of layer l of neighbour k is at [(NET_AT[l] + n) * rows + k] of an array in shared
 * memory; layer 0 is the input, one number. The numbers of a net lie one after the other, for
 * each layer W [in][out], b [out], idt [out].
 */

/* value[0 .. count) is given; `rate` becomes act'(z) idt. */
DEVICE void net_forward(GLOBAL const real *net, LOCAL real *value, LOCAL real *rate, int count,
                        int rows, int threads) {
  for (int l = 0; l < NET_LAYERS; l++) {
    const int in = NET_WIDTH[l], out = NET_WIDTH[l + 1];
    LOCAL const real *x = value + NET_AT[l] * rows;
    for (int e = THREAD; e < out * count; e += threads) {
      const int k = e % count, n = e / count, at = (NET_AT[l + 1] + n) * rows + k;
      real z = net[in * out + n], act;
      for (int i = 0; i < in; i++) z += x[i * rows + k] * net[i * out + n];
      const real idt = net[in * out + out + n];
      real y = ACTIVATE_NET(z, &act) * idt;
      if (NET_SHORTCUT[l]) y += x[n % in * rows + k];
      value[at] = y;
      rate[at] = act * idt;
    }
    net += in * out + 2 * out;
    BARRIER();
  }
}

/* `adjoint` [2][NET_WIDEST][rows] begins with dE/dG; where dE/ds [rows] is in the end. */
DEVICE LOCAL const real *net_backward(GLOBAL const real *net, LOCAL const real *rate,
                                      LOCAL real *adjoint, int count, int rows, int threads) {
  LOCAL real *d = adjoint, *to = adjoint + NET_WIDEST * rows;
  net += NET_SIZE;
  for (int l = NET_LAYERS - 1; l >= 0; l--) {
    const int in = NET_WIDTH[l], out = NET_WIDTH[l + 1];
    net -= in * out + 2 * out;
    for (int e = THREAD; e < in * count; e += threads) {
      const int k = e % count, i = e / count;
      real sum = R(0.0);
      for (int n = 0; n < out; n++)
        sum += net[i * out + n] * d[n * rows + k] * rate[(NET_AT[l + 1] + n) * rows + k];
      if (NET_SHORTCUT[l])
        for (int n = i; n < out; n += in) sum += d[n * rows + k];
      to[i * rows + k] = sum;
    }
    BARRIER();
    LOCAL real *swap = d;
    d = to;
    to = swap;
  }
  return d;
}
