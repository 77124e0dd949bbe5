/* matrix.h: 16 rows by MATRIX_N columns of a product, 16 deep, by the matrix units of a GPU.
 *
 * The factors are bfloat16, left [16][pitch] and right [MATRIX_N][pitch] in shared memory, depth
 * along the rows of both; sums are float. MATRIX_GROUP threads have four sums each: element j of
 * a thread is that of MATRIX_ROW and MATRIX_COLUMN. Where no matrix unit is at hand the same sums
 * are computed one by one.
 */

/* The nearest bfloat16, of two the one with an even last bit. */
DEVICE ushort to_bfloat16(float x) {
  const uint bits = FLOAT_BITS(x);
  if (x != x) return (ushort)((bits | 0x400000u) >> 16); /* not a number stays none */
  return (ushort)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#if defined(MATRIX_NVIDIA) /* mma of sm_80 */
#define MATRIX_GROUP 32
#define MATRIX_N 8
#define MATRIX_ROW(lane, j) ((lane) / 4 + (j) / 2 * 8)
#define MATRIX_COLUMN(lane, j) ((lane) % 4 * 2 + (j) % 2)
DEVICE void multiply_tile(const ushort *left, const ushort *right, int pitch, int lane,
                          float *sum) {
  const ushort *a = left + lane / 4 * pitch + lane % 4 * 2;
  const ushort *b = right + lane / 4 * pitch + lane % 4 * 2;
  const uint a0 = *(const uint *)a, a1 = *(const uint *)(a + 8 * pitch),
             a2 = *(const uint *)(a + 8), a3 = *(const uint *)(a + 8 * pitch + 8),
             b0 = *(const uint *)b, b1 = *(const uint *)(b + 8);
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
#elif defined(MATRIX_AMD) /* MFMA of gfx90a */
#define MATRIX_GROUP 64
#define MATRIX_N 16
#define MATRIX_ROW(lane, j) ((lane) / 16 * 4 + (j))
#define MATRIX_COLUMN(lane, j) ((lane) % 16)
typedef short four_halves __attribute__((ext_vector_type(4)));
typedef float four_floats __attribute__((ext_vector_type(4)));
DEVICE void multiply_tile(const ushort *left, const ushort *right, int pitch, int lane,
                          float *sum) {
  const four_halves a = *(const four_halves *)(left + lane % 16 * pitch + lane / 16 * 4);
  const four_halves b = *(const four_halves *)(right + lane % 16 * pitch + lane / 16 * 4);
  four_floats c = {sum[0], sum[1], sum[2], sum[3]};
  c = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, c, 0, 0, 0);
  sum[0] = c.x;
  sum[1] = c.y;
  sum[2] = c.z;
  sum[3] = c.w;
}
#else
#define MATRIX_GROUP 32
#define MATRIX_N 8
#define MATRIX_ROW(lane, j) ((lane) / 4 + (j) / 2 * 8)
#define MATRIX_COLUMN(lane, j) ((lane) % 4 * 2 + (j) % 2)
DEVICE void multiply_tile(LOCAL const ushort *left, LOCAL const ushort *right, int pitch, int lane,
                          float *sum) {
  for (int j = 0; j < 4; j++)
    for (int k = 0; k < 16; k++)
      sum[j] += BITS_FLOAT((uint)left[MATRIX_ROW(lane, j) * pitch + k] << 16) *
                BITS_FLOAT((uint)right[MATRIX_COLUMN(lane, j) * pitch + k] << 16);
}
#endif
