#define _GNU_SOURCE /* strtod_l */
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

typedef struct reader {
  const char *start, *at, *end;
  dpc_json *node;  /* the next free node */
  char *string;    /* the next free byte for strings */
  locale_t locale; /* "C": a user's decimal comma must not change a number */
  const char *problem;
} reader;

static bool fail(reader *r, const char *problem) {
  if (r->problem == NULL) r->problem = problem;
  return false;
}

static int peek(const reader *r) { return r->at < r->end ? (unsigned char)*r->at : -1; }

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
    r->at++;
}

static bool take(reader *r, char c, const char *problem) {
  if (peek(r) != c) return fail(r, problem);
  r->at++;
  return true;
}

static bool read_word(reader *r, const char *word) {
  const size_t n = strlen(word);
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
    return fail(r, "expected a value");
  r->at += n;
  return true;
}

static bool skip_digits(reader *r) {
  if (!is_digit(peek(r))) return fail(r, "expected a digit");
  while (is_digit(peek(r))) r->at++;
  return true;
}

static bool read_number(reader *r, double *number) {
  enum { LONGEST = 63 };
  const char *start = r->at;
  if (peek(r) == '-') r->at++;
  if (peek(r) == '0') r->at++;
  else if (!skip_digits(r)) return false;
  if (peek(r) == '.') {
    r->at++;
    if (!skip_digits(r)) return false;
  }
  if (peek(r) == 'e' || peek(r) == 'E') {
    r->at++;
    if (peek(r) == '+' || peek(r) == '-') r->at++;
    if (!skip_digits(r)) return false;
  }
  const size_t n = (size_t)(r->at - start);
  char digits[LONGEST + 1];
  if (n > LONGEST) return fail(r, "a number with too many digits");
  memcpy(digits, start, n);
  digits[n] = '\0';
  *number = strtod_l(digits, NULL, r->locale);
  return isfinite(*number) ? true : fail(r, "a number too large");
}

static bool read_hex4(reader *r, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, r->at++) {
    const int c = peek(r);
    uint32_t digit;
    if (is_digit(c)) digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f') digit = (uint32_t)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F') digit = (uint32_t)(c - 'A' + 10);
    else return fail(r, "expected four hexadecimal digits");
    *code = *code << 4 | digit;
  }
  return true;
}

static void put_utf8(reader *r, uint32_t code) {
  const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t lead[4] = {0x00, 0xc0, 0xe0, 0xf0};
  *r->string++ = (char)(lead[more] | code >> (6 * more));
  for (int i = more - 1; i >= 0; i--) *r->string++ = (char)(0x80 | (code >> (6 * i) & 0x3f));
}

static bool read_escape(reader *r) {
  static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const int c = peek(r);
  const char *name = c > 0 ? strchr(names, c) : NULL;
  if (name != NULL) {
    r->at++;
    *r->string++ = meanings[name - names];
    return true;
  }
  uint32_t code, low;
  if (!take(r, 'u', "unknown escape") || !read_hex4(r, &code)) return false;
  if (code == 0) return fail(r, "a string may not hold U+0000");
  if (code >= 0xdc00 && code < 0xe000) return fail(r, "half of a surrogate pair");
  if (code >= 0xd800 && code < 0xdc00) {
    if (!take(r, '\\', "half of a surrogate pair") || !take(r, 'u', "half of a surrogate pair") ||
        !read_hex4(r, &low))
      return false;
    if (low < 0xdc00 || low >= 0xe000) return fail(r, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  put_utf8(r, code);
  return true;
}

/* One character of more than one byte, copied as it is: the shortest form only. */
static bool copy_utf8(reader *r) {
  const uint32_t lead = (uint32_t)peek(r);
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
  if (lead < 0xc2 || lead > 0xf4 || r->end - r->at <= more) return fail(r, "not UTF-8");
  uint32_t code = lead & (0x3fu >> more);
  for (int i = 1; i <= more; i++) {
    const uint8_t byte = (uint8_t)r->at[i];
    if ((byte & 0xc0) != 0x80) return fail(r, "not UTF-8");
    code = code << 6 | (byte & 0x3fu);
  }
  if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return fail(r, "not UTF-8");
  r->at += more + 1;
  put_utf8(r, code);
  return true;
}

static bool read_string(reader *r, const char **text) {
  if (!take(r, '"', "expected a string")) return false;
  *text = r->string;
  for (;;) {
    const int c = peek(r);
    if (c < 0) return fail(r, "a string without an end");
    if (c < 0x20) return fail(r, "a control character in a string");
    if (c >= 0x80) {
      if (!copy_utf8(r)) return false;
      continue;
    }
    r->at++;
    if (c == '"') break;
    if (c != '\\') *r->string++ = (char)c;
    else if (!read_escape(r)) return false;
  }
  *r->string++ = '\0';
  return true;
}

static bool read_value(reader *r, dpc_json *node, int depth);

static bool read_member(reader *r, const dpc_json *first, dpc_json *node, int depth) {
  if (!read_string(r, &node->key)) return false;
  for (const dpc_json *other = first; other != NULL && other != node; other = other->next)
    if (strcmp(other->key, node->key) == 0) return fail(r, "a key that was there before");
  skip_space(r);
  if (!take(r, ':', "expected ':'")) return false;
  skip_space(r);
  return read_value(r, node, depth);
}

/* The elements of an array or the members of an object, after the opening bracket. */
static bool read_items(reader *r, dpc_json *parent, int depth) {
  const bool object = parent->kind == DPC_JSON_OBJECT;
  const char close = object ? '}' : ']';
  if (depth >= DPC_JSON_DEPTH) return fail(r, "nested too deeply");
  r->at++;
  skip_space(r);
  if (peek(r) == close) {
    r->at++;
    return true;
  }
  for (dpc_json *last = NULL;;) {
    dpc_json *node = r->node++;
    *node = (dpc_json){0};
    if (last == NULL) parent->child = node;
    else last->next = node;
    last = node;
    if (!(object ? read_member(r, parent->child, node, depth + 1) : read_value(r, node, depth + 1)))
      return false;
    skip_space(r);
    if (peek(r) == close) break;
    if (!take(r, ',', object ? "expected ',' or '}'" : "expected ',' or ']'")) return false;
    skip_space(r);
  }
  r->at++;
  return true;
}

static bool read_value(reader *r, dpc_json *node, int depth) {
  switch (peek(r)) {
  case '{':
    node->kind = DPC_JSON_OBJECT;
    return read_items(r, node, depth);
  case '[':
    node->kind = DPC_JSON_ARRAY;
    return read_items(r, node, depth);
  case '"':
    node->kind = DPC_JSON_STRING;
    return read_string(r, &node->text);
  case 'n':
    node->kind = DPC_JSON_NULL;
    return read_word(r, "null");
  case 't':
    node->kind = DPC_JSON_BOOL;
    node->truth = true;
    return read_word(r, "true");
  case 'f':
    node->kind = DPC_JSON_BOOL;
    return read_word(r, "false");
  default:
    if (peek(r) != '-' && !is_digit(peek(r))) return fail(r, "expected a value");
    node->kind = DPC_JSON_NUMBER;
    return read_number(r, &node->number);
  }
}

bool dpc_json_parse(const char *text, size_t size, dpc_json_document *document,
                    const char **problem, size_t *where) {
  /* Every value but the root follows one of these; a string, unescaped and ended by NUL,
   * is shorter than in its quotes. So two allocations are enough for any document. */
  size_t values = 1;
  for (size_t i = 0; i < size; i++)
    values += text[i] == '[' || text[i] == '{' || text[i] == ',' || text[i] == ':';
  *document =
      (dpc_json_document){.nodes = calloc(values, sizeof(dpc_json)), .strings = malloc(size + 1)};
  reader r = {.start = text,
              .at = text,
              .end = text + size,
              .node = document->nodes,
              .string = document->strings,
              .locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
  bool good = document->nodes != NULL && document->strings != NULL && r.locale != (locale_t)0;
  if (!good) {
    fail(&r, "not enough memory");
  } else {
    dpc_json *root = r.node++;
    document->root = root;
    skip_space(&r);
    good = read_value(&r, root, 0);
    skip_space(&r);
    if (good && r.at != r.end) good = fail(&r, "something after the end");
  }
  *problem = r.problem;
  *where = (size_t)(r.at - text);
  if (r.locale != (locale_t)0) freelocale(r.locale);
  if (!good) dpc_json_free(document);
  return good;
}

void dpc_json_free(dpc_json_document *document) {
  free(document->nodes);
  free(document->strings);
  *document = (dpc_json_document){0};
}

const dpc_json *dpc_json_get(const dpc_json *object, const char *key) {
  if (object == NULL || object->kind != DPC_JSON_OBJECT) return NULL;
  for (const dpc_json *node = object->child; node != NULL; node = node->next)
    if (strcmp(node->key, key) == 0) return node;
  return NULL;
}

size_t dpc_json_length(const dpc_json *array) {
  size_t n = 0;
  for (const dpc_json *node = array->child; node != NULL; node = node->next) n++;
  return n;
}
