/* SHA-256 by the SHA instructions of x86: five times faster than the portable rounds,
 * so that opening a package costs milliseconds. Other processors take the portable way. */
#include "sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

bool dpc_sha256_has_instructions(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

/* The instructions keep the state as (A B E F) and (C D G H), highest word first. */
__attribute__((target("sha,ssse3,sse4.1"))) void dpc_sha256_instructions(uint32_t state[8],
                                                                         const uint8_t *data,
                                                                         size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i *constants = (const __m128i *)(const void *)dpc_sha256_constants;
  __m128i *saved = (__m128i *)(void *)state;
  __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128(saved), 0xb1);
  __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(saved + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);

  for (; blocks > 0; blocks--, data += DPC_SHA256_BLOCK) {
    const __m128i *block = (const __m128i *)(const void *)data;
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4]; /* the last 16 words of the message schedule */
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) { /* four rounds at a time */
      __m128i *next = &w[r % 4];
      if (r < 4) {
        *next = _mm_shuffle_epi8(_mm_loadu_si128(block + r), swap);
      } else {
        const __m128i w4 = w[(r + 3) % 4], w8 = w[(r + 2) % 4], w12 = w[(r + 1) % 4];
        const __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(*next, w12), _mm_alignr_epi8(w4, w8, 4));
        *next = _mm_sha256msg2_epu32(sum, w4);
      }
      const __m128i k = _mm_add_epi32(*next, _mm_loadu_si128(constants + r));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(saved, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(saved + 1, _mm_alignr_epi8(dchg, feba, 8));
}

#else

bool dpc_sha256_has_instructions(void) { return false; }

void dpc_sha256_instructions(uint32_t state[8], const uint8_t *data, size_t blocks) {
  dpc_sha256_portable(state, data, blocks);
}

#endif
