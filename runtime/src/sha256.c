#include <string.h>

#include "sha256.h"

const uint32_t dpc_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static uint32_t load_big_endian(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_big_endian(uint8_t *p, uint32_t x) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(x >> (24 - 8 * i));
}

void dpc_sha256_portable(uint32_t state[8], const uint8_t *data, size_t blocks) {
  for (; blocks > 0; blocks--, data += DPC_SHA256_BLOCK) {
    uint32_t w[64];
    for (int t = 0; t < 16; t++) w[t] = load_big_endian(data + 4 * t);
    for (int t = 16; t < 64; t++) {
      uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
      uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
      uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + dpc_sha256_constants[t] + w[t];
      uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1;
      d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
  }
}

void dpc_sha256(const void *data, size_t size, uint8_t digest[DPC_SHA256_BYTES]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  void (*absorb)(uint32_t *, const uint8_t *, size_t) =
      dpc_sha256_has_instructions() ? dpc_sha256_instructions : dpc_sha256_portable;
  const size_t rest = size % DPC_SHA256_BLOCK, whole = size - rest;
  absorb(state, data, whole / DPC_SHA256_BLOCK);

  /* the tail: a one bit, zeros, and the length in bits as 64-bit big endian */
  uint8_t tail[2 * DPC_SHA256_BLOCK] = {0};
  const size_t blocks = rest + 9 <= DPC_SHA256_BLOCK ? 1 : 2;
  if (rest > 0) memcpy(tail, (const uint8_t *)data + whole, rest);
  tail[rest] = 0x80;
  const uint64_t bits = (uint64_t)size * 8;
  uint8_t *length = tail + blocks * DPC_SHA256_BLOCK - 8;
  store_big_endian(length, (uint32_t)(bits >> 32));
  store_big_endian(length + 4, (uint32_t)bits);
  absorb(state, tail, blocks);
  for (int i = 0; i < 8; i++) store_big_endian(digest + 4 * i, state[i]);
}

bool dpc_sha256_parse(const char *hex, size_t length, uint8_t digest[DPC_SHA256_BYTES]) {
  if (length != 2 * DPC_SHA256_BYTES) return false;
  for (size_t i = 0; i < length; i++) {
    const char c = hex[i];
    int digit;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else return false;
    uint8_t *byte = &digest[i / 2];
    *byte = (uint8_t)(i % 2 == 0 ? digit << 4 : *byte | digit);
  }
  return true;
}
