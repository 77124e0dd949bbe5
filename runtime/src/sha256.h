/* sha256.h: SHA-256 of bytes in memory (FIPS 180-4). */
#ifndef DPC_SHA256_H
#define DPC_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DPC_SHA256_BYTES = 32, DPC_SHA256_BLOCK = 64 };

void dpc_sha256(const void *data, size_t size, uint8_t digest[DPC_SHA256_BYTES]);

/* 64 lower-case hexadecimal digits to 32 bytes; false for anything else. */
bool dpc_sha256_parse(const char *hex, size_t length, uint8_t digest[DPC_SHA256_BYTES]);

/* The round constants and the two ways to absorb whole blocks into a state. */
extern const uint32_t dpc_sha256_constants[64];
void dpc_sha256_portable(uint32_t state[8], const uint8_t *data, size_t blocks);
bool dpc_sha256_has_instructions(void);
void dpc_sha256_instructions(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
