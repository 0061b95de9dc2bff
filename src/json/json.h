/* json.h - JSON text <-> tape.  Uses: base.  Thread: any; a tape is immutable once parsed.
 *
 * A tape is an array of 16-byte nodes in document order: a container is followed by its content, an
 * object's member is its key (a STRING node) followed by its value.  A pointer to a node therefore
 * is a cursor to a value; belay_json_next() leaps over it.  Strings are views into the source text
 * (which must outlive the tape) or, where they had escapes, into the arena.
 *
 * Strict RFC 8259: UTF-8 checked, one value, no trailing text, no byte order mark.  An escaped
 * surrogate without its partner is refused (no UTF-8 exists for it); \u0000 is a character like
 * any other.  Duplicate member names are kept in order in the tape; a look-up finds the last of
 * them (as ECMA-262 does).
 *
 * Numbers: one written without fraction and exponent is INT where int64 holds it (-0 is 0) and BIG
 * where not.  Any other is DOUBLE; but where it has more than 17 significant digits or is beyond a
 * double's range it is BIG: its text is kept and written as it came, no digit is lost.
 */
#ifndef BELAY_JSON_JSON_H
#define BELAY_JSON_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

enum belay_json_type {
    BELAY_JSON_NULL,
    BELAY_JSON_FALSE,
    BELAY_JSON_TRUE,
    BELAY_JSON_INT,    /* u.i */
    BELAY_JSON_DOUBLE, /* u.d, finite; the text is not kept */
    BELAY_JSON_BIG,    /* u.s, n: the number's text */
    BELAY_JSON_STRING, /* u.s, n */
    BELAY_JSON_ARRAY,  /* n values; u.skip nodes to the one after the container */
    BELAY_JSON_OBJECT  /* n members; u.skip likewise */
};

/* flags of a STRING: the view is the source's own text, to be written back between quotes unchanged */
#define BELAY_JSON_PLAIN 0x01

struct belay_json_node {
    uint8_t type;
    uint8_t flags;
    uint16_t reserved;
    uint32_t n;
    union {
        int64_t i;
        double d;
        const char *s;
        uint64_t skip;
    } u;
};
_Static_assert(sizeof(struct belay_json_node) == 16, "two to a 32-byte line");

typedef struct belay_json_node belay_json; /* the one typedef: a cursor reads as `const belay_json *` */

struct belay_json_limits {
    uint32_t depth_max;    /* 0: BELAY_JSON_DEPTH_DEFAULT; at most BELAY_JSON_DEPTH_MAX */
    size_t size_bytes_max; /* of the text; 0: BELAY_JSON_BYTES_MAX */
};

/* Where a text is wrong: both from 1; the column counts characters (code points). */
struct belay_json_place {
    uint32_t line, column;
    size_t offset; /* bytes from 0 */
};

/* Parses text into arena. limits and ret_place may be NULL. *ret_root is the first node, valid as
 * long as arena and text. Errors: BELAY_SYNTAX, BELAY_LIMIT (permanent; ret_place set),
 * BELAY_NOMEM (arena's limit). */
int belay_json_parse(struct belay_str text, const struct belay_json_limits *limits,
                     struct belay_arena *arena, const belay_json **ret_root,
                     struct belay_json_place *ret_place, struct belay_err *err) BELAY_MUST_CHECK;

/* Line and column of a byte; offset <= text.n. */
struct belay_json_place belay_json_place_at(struct belay_str text, size_t offset);
/* Where the value that a pointer names was written. text is what root was parsed from. False: there is
 * no such value. */
bool belay_json_place_of(struct belay_str text, const belay_json *root, struct belay_str pointer,
                         struct belay_json_place *ret_place);

/* The places of all nodes of a tape, values and names one after the other as they stand in the text. */
struct belay_json_walk {
    const char *p, *end; /* the next token */
    struct belay_json_place place; /* of p */
};
/* text: what the tape was parsed from. */
struct belay_json_walk belay_json_walk(struct belay_str text);
/* Of the next node; behind the last one the end of the text. */
struct belay_json_place belay_json_walk_next(struct belay_json_walk *w);

/* The node after the whole value at v (its next sibling, if there is one). */
static inline const belay_json *belay_json_next(const belay_json *v)
{
    return v + (v->type >= BELAY_JSON_ARRAY ? v->u.skip : 1);
}

/* First key of an object or first element of an array; n says how many follow. */
static inline const belay_json *belay_json_first(const belay_json *v)
{
    return v + 1;
}

static inline struct belay_str belay_json_str(const belay_json *v)
{
    return belay_str(v->u.s, v->n);
}

static inline bool belay_json_is_number(const belay_json *v)
{
    return v->type >= BELAY_JSON_INT && v->type <= BELAY_JSON_BIG;
}

/* "null", "boolean", "number", "string", "array", "object". */
const char *belay_json_type_name(const belay_json *v);
/* Any number as a double (BIG: nearest, may be infinite). v is a number. */
double belay_json_number(const belay_json *v);
/* Member of an object; NULL when absent or v is no object (v may be NULL). */
const belay_json *belay_json_get(const belay_json *v, struct belay_str name);
/* Element of an array; NULL when out of range or no array. */
const belay_json *belay_json_at(const belay_json *v, size_t index);
/* By value: numbers as below, members in any order, of duplicate names the last. Takes heap memory
 * only for objects of more than 32 members (without it the look-ups are slow, not wrong). */
bool belay_json_equal(const belay_json *a, const belay_json *b);
/* <0, 0, >0, mathematically and exactly; a DOUBLE counts as the text it is written as. Both are
 * numbers. */
int belay_json_compare_numbers(const belay_json *a, const belay_json *b);
/* Equal values have equal hashes. Memory as belay_json_equal. Not stable across releases. */
uint64_t belay_json_hash(const belay_json *v);

/* JSON Pointer, RFC 6901. NULL where nothing is, or the pointer is malformed. */
const belay_json *belay_json_pointer(const belay_json *root, struct belay_str pointer);
/* Appends "/" and the escaped token (~0, ~1). */
void belay_json_pointer_push(struct belay_buf *pointer, struct belay_str token);
void belay_json_pointer_push_index(struct belay_buf *pointer, size_t index);

/* ---- writing: compact; failure sticks to the buffer ---- */

/* A tape nested deeper than BELAY_JSON_DEPTH_MAX (none from the parser is) fails out with
 * BELAY_LIMIT. */
void belay_json_write(struct belay_buf *out, const belay_json *v);
/* Two-space indent, for people. */
void belay_json_write_pretty(struct belay_buf *out, const belay_json *v);
/* With quotes; escapes what RFC 8259 demands; invalid UTF-8 becomes U+FFFD. */
void belay_json_write_str(struct belay_buf *out, struct belay_str s);
void belay_json_write_int(struct belay_buf *out, int64_t i);
void belay_json_write_uint(struct belay_buf *out, uint64_t u);
/* Shortest text that reads back as d, in the form ECMA-262 Number::toString gives; NaN and
 * infinities become null. */
void belay_json_write_double(struct belay_buf *out, double d);

/* Streaming writer of objects and arrays: keeps the commas.  Plain value, no memory of its own. */
struct belay_json_out {
    struct belay_buf *buf;
    bool comma; /* the next value needs a comma before it */
};

static inline struct belay_json_out belay_json_out(struct belay_buf *buf)
{
    return (struct belay_json_out){ buf, false };
}
void belay_json_begin_object(struct belay_json_out *o);
void belay_json_end_object(struct belay_json_out *o);
void belay_json_begin_array(struct belay_json_out *o);
void belay_json_end_array(struct belay_json_out *o);
void belay_json_key(struct belay_json_out *o, const char *name);
void belay_json_key_str(struct belay_json_out *o, struct belay_str name);
void belay_json_put_str(struct belay_json_out *o, struct belay_str s);
void belay_json_put_c(struct belay_json_out *o, const char *s);
void belay_json_put_int(struct belay_json_out *o, int64_t i);
void belay_json_put_uint(struct belay_json_out *o, uint64_t u);
void belay_json_put_double(struct belay_json_out *o, double d);
void belay_json_put_bool(struct belay_json_out *o, bool b);
void belay_json_put_null(struct belay_json_out *o);
void belay_json_put(struct belay_json_out *o, const belay_json *v);
/* text is JSON already */
void belay_json_put_raw(struct belay_json_out *o, struct belay_str text);

#endif
