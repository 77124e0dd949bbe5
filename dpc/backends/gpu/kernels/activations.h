/* activations.h: f(z), and f'(z) into *slope. */
DEVICE real activate_linear(real z, real *slope) {
  *slope = R(1.0);
  return z;
}

DEVICE real activate_tanh(real z, real *slope) {
  const real t = tanh(z);
  *slope = R(1.0) - t * t;
  return t;
}

DEVICE real activate_sigmoid(real z, real *slope) {
  const real y = R(0.5) * (R(1.0) + tanh(R(0.5) * z));
  *slope = y * (R(1.0) - y);
  return y;
}

DEVICE real activate_softplus(real z, real *slope) {
  *slope = R(0.5) * (R(1.0) + tanh(R(0.5) * z));
  return (z > R(0.0) ? z : R(0.0)) + log1p(exp(-fabs(z)));
}

/* 0.5 z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))), as DeePMD-kit */
DEVICE real activate_gelu(real z, real *slope) {
  const real a = R(0.7978845608028654), b = R(0.044715);
  const real t = tanh(a * z * (R(1.0) + b * z * z));
  *slope =
      R(0.5) * (R(1.0) + t) + R(0.5) * z * (R(1.0) - t * t) * a * (R(1.0) + R(3.0) * b * z * z);
  return R(0.5) * z * (R(1.0) + t);
}

DEVICE real activate_relu(real z, real *slope) {
  *slope = z > R(0.0) ? R(1.0) : R(0.0);
  return z > R(0.0) ? z : R(0.0);
}

DEVICE real activate_relu6(real z, real *slope) {
  *slope = z > R(0.0) && z < R(6.0) ? R(1.0) : R(0.0);
  return z < R(0.0) ? R(0.0) : z > R(6.0) ? R(6.0) : z;
}
