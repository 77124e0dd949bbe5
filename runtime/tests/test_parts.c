/* SHA-256 and JSON by themselves. */
#include "check.h"
#include "json.h"
#include "sha256.h"

static void check_digest(const char *text, const char *hex) {
  uint8_t expected[DPC_SHA256_BYTES], actual[DPC_SHA256_BYTES];
  CHECK(dpc_sha256_parse(hex, strlen(hex), expected), "%s", hex);
  dpc_sha256(text, strlen(text), actual);
  CHECK(memcmp(expected, actual, sizeof actual) == 0, "digest of '%s'", text);
}

/* The examples of FIPS 180-4. */
static void test_sha256_examples(void) {
  check_digest("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  check_digest("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  check_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  uint8_t digest[DPC_SHA256_BYTES];
  CHECK(!dpc_sha256_parse("ABC", 3, digest), "too short");
  CHECK(!dpc_sha256_parse("E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 64,
                          digest),
        "upper case");
}

static void test_sha256_instructions(void) {
  enum { BLOCKS = 9 };
  uint8_t data[BLOCKS * DPC_SHA256_BLOCK];
  if (!dpc_sha256_has_instructions()) return;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(256 * uniform());
  for (size_t blocks = 0; blocks <= BLOCKS; blocks++) {
    uint32_t a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = b[i] = (uint32_t)(4294967296.0 * uniform());
    dpc_sha256_portable(a, data, blocks);
    dpc_sha256_instructions(b, data, blocks);
    CHECK(memcmp(a, b, sizeof a) == 0, "%zu blocks", blocks);
  }
}

static void refuse(const char *text) {
  dpc_json_document document;
  const char *problem = NULL;
  size_t where = 0;
  CHECK(!dpc_json_parse(text, strlen(text), &document, &problem, &where), "accepted: %s", text);
  CHECK(problem != NULL && where <= strlen(text), "no reason for %s", text);
  CHECK(document.nodes == NULL && document.strings == NULL, "kept memory of %s", text);
}

static void test_json_refuses(void) {
  static const char *const wrong[] = {
      "",
      " ",
      "{",
      "}",
      "[",
      "[1",
      "[1,",
      "[1,]",
      "[,1]",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{a:1}",
      "{\"a\":1 \"b\":2}",
      "{\"a\":1,\"a\":2}",
      "1 2",
      "01",
      "-",
      "1.",
      ".5",
      "+1",
      "1e",
      "1e+",
      "0x10",
      "1e999",
      "nan",
      "NaN",
      "Infinity",
      "nul",
      "tru",
      "True",
      "'a'",
      "\"",
      "\"\\",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\u0000\"",
      "\"\\ud800\"",
      "\"\\ud800\\u0041\"",
      "\"\\udc00\"",
      "\"\t\"",
      "\"\xff\"",
      "\"\xc0\x80\"",
      "\"\xe0\x80\x80\"",
      "\"\xed\xa0\x80\"",
      "\"\xf4\x90\x80\x80\"",
      "\"\xc3",
      "// no\n1",
      "[1]]",
      "1234567890123456789012345678901234567890123456789012345678901234567890"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) refuse(wrong[i]);
  char deep[2 * DPC_JSON_DEPTH + 3] = "";
  for (int i = 0; i <= DPC_JSON_DEPTH; i++) strcat(deep, "[");
  refuse(deep);
}

static void test_json_reads(void) {
  static const char text[] = " {\"a\" : [1, -2.5e1, true, false, null, {}, []],\n"
                             "\"text\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u00e9 \\ud83d\\ude00 "
                             "\xc3\xa9\", \"n\": {\"m\": 0}} ";
  dpc_json_document document;
  const char *problem;
  size_t where;
  CHECK(dpc_json_parse(text, strlen(text), &document, &problem, &where), "%s at %zu", problem,
        where);
  const dpc_json *a = dpc_json_get(document.root, "a");
  CHECK(a->kind == DPC_JSON_ARRAY && dpc_json_length(a) == 7, "array");
  CHECK(a->child->number == 1 && a->child->next->number == -25, "numbers");
  CHECK(a->child->next->next->truth && !a->child->next->next->next->truth, "truth");
  CHECK(strcmp(dpc_json_get(document.root, "text")->text,
               "\"\\/\b\f\n\r\t \xc3\xa9 \xf0\x9f\x98\x80 \xc3\xa9") == 0,
        "text");
  CHECK(dpc_json_get(dpc_json_get(document.root, "n"), "m")->number == 0, "nested");
  CHECK(dpc_json_get(document.root, "b") == NULL && dpc_json_get(a, "b") == NULL, "absent");
  dpc_json_free(&document);
}

/* Whatever the bytes: an answer, and under the sanitizers no bad access. */
static void test_json_fuzz(void) {
  static const char seed[] =
      "{\"format\": 1, \"model\": {\"rcut\": 6.0e0, \"sel\": [46, 92], \"name\": \"w\\u00e9\\n\"},"
      "\"files\": {\"bin/host.so\": {\"size\": 10, \"sha256\": \"\"}}, \"t\": [true, null]}";
  static const char letters[] = "{}[]\",:\\u0e-+.19tfn \xc3\xa9\xf0\xed\xff";
  for (int round = 0; round < 20000; round++) {
    size_t size = sizeof seed - 1;
    char *text = malloc(size); /* on the heap, so that a read past the end is seen */
    memcpy(text, seed, size);
    for (int k = (int)(4 * uniform()); k >= 0; k--)
      text[(size_t)(uniform() * (double)size)] =
          letters[(size_t)(uniform() * (double)(sizeof letters - 1))];
    if (round % 3 == 0) size = (size_t)(uniform() * (double)size);
    text = realloc(text, size > 0 ? size : 1);
    dpc_json_document document;
    const char *problem;
    size_t where;
    if (dpc_json_parse(text, size, &document, &problem, &where)) dpc_json_free(&document);
    free(text);
  }
}

int main(void) {
  test_sha256_examples();
  test_sha256_instructions();
  test_json_refuses();
  test_json_reads();
  test_json_fuzz();
  return 0;
}
