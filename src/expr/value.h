/* value.h - what the evaluator makes: arrays, objects, functions, and how they are walked and
 * built. Private to expr.  Uses: base, json.  Thread: the owner of the arena. Invariant: an array
 * is not changed once it is reachable from a finished value; headers may share items. */
#ifndef BELAY_EXPR_VALUE_H
#define BELAY_EXPR_VALUE_H

#include "expr/expr.h"

/* Types beyond the public ones: never leave the evaluator. */
enum {
    VALUE_TUPLE = 0xfe, /* u.tuple: an item of a path with @, # or % */
    VALUE_FAILED = 0xff /* the evaluation ends; why is in struct run */
};

/* flags of a STRING: needs no escapes between JSON quotes */
#define VALUE_PLAIN 0x01

/* What the reference hangs on a JavaScript array. */
enum {
    ARRAY_SEQUENCE = 0x01, /* of one item: is that item */
    ARRAY_KEEP = 0x02,     /* ... unless [] said to keep it */
    ARRAY_CONS = 0x04,     /* from [...] as a step: not flattened into the step's result */
    ARRAY_OUTER = 0x08,    /* wraps an input that is an array */
    ARRAY_TUPLES = 0x10,   /* of VALUE_TUPLE */
    ARRAY_RANGE = 0x20     /* items are from, from + 1, ...: never written down */
};

struct belay_value_array {
    uint32_t n, cap;
    uint32_t flags;
    struct belay_value *items; /* NULL for a range */
    int64_t from;
};

struct value_member {
    struct belay_value name; /* STRING */
    struct belay_value value;
};

struct belay_value_object {
    uint32_t n, cap;
    struct value_member *members; /* in the order of their first appearance */
    uint32_t *index;              /* open addressing over names, 0 is free; NULL while small */
    uint32_t index_mask;
};

static inline bool value_failed(struct belay_value v)
{
    return __builtin_expect(v.type == VALUE_FAILED, 0);
}

static inline bool value_defined(struct belay_value v)
{
    return v.type != BELAY_VALUE_UNDEFINED;
}

static inline bool value_is_number(struct belay_value v)
{
    return v.type >= BELAY_VALUE_NUMBER && v.type <= BELAY_VALUE_BIG;
}

static inline bool value_is_array(struct belay_value v)
{
    return v.type == BELAY_VALUE_ARRAY
           || (v.type == BELAY_VALUE_TAPE && v.u.tape->type == BELAY_JSON_ARRAY);
}

static inline bool value_is_object(struct belay_value v)
{
    return v.type == BELAY_VALUE_OBJECT
           || (v.type == BELAY_VALUE_TAPE && v.u.tape->type == BELAY_JSON_OBJECT);
}

static inline struct belay_str value_str(struct belay_value v)
{
    return belay_str(v.u.s, v.n);
}

static inline struct belay_value value_array(struct belay_value_array *a)
{
    return (struct belay_value){ .type = BELAY_VALUE_ARRAY, .u.array = a };
}

/* Any number as a double. */
double value_double(struct belay_value v);

static inline struct belay_value value_from_tape(const belay_json *v)
{
    switch (v->type) {
    case BELAY_JSON_NULL: return (struct belay_value){ .type = BELAY_VALUE_NULL };
    case BELAY_JSON_FALSE:
    case BELAY_JSON_TRUE:
        return (struct belay_value){ .type = BELAY_VALUE_BOOL, .u.b = v->type == BELAY_JSON_TRUE };
    case BELAY_JSON_INT: return (struct belay_value){ .type = BELAY_VALUE_INT, .u.i = v->u.i };
    case BELAY_JSON_DOUBLE:
        return (struct belay_value){ .type = BELAY_VALUE_NUMBER, .u.d = v->u.d };
    case BELAY_JSON_BIG:
        return (struct belay_value){ .type = BELAY_VALUE_BIG, .n = v->n, .u.s = v->u.s };
    case BELAY_JSON_STRING:
        return (struct belay_value){
            .type = BELAY_VALUE_STRING,
            .flags = v->flags & BELAY_JSON_PLAIN && v->u.s ? VALUE_PLAIN : 0,
            .n = v->n,
            .u.s = v->u.s,
        };
    default: return (struct belay_value){ .type = BELAY_VALUE_TAPE, .u.tape = v };
    }
}

/* ---- walking ---- */

/* The items of an array, or a value that is none as the only one; UNDEFINED counts as an item. */
struct value_iter {
    struct belay_value one;
    const belay_json *tape;
    const struct belay_value_array *array;
    uint32_t at, n;
};

static inline struct value_iter value_iter(struct belay_value v)
{
    struct value_iter it = { .one = v, .n = 1 };
    if (v.type == BELAY_VALUE_TAPE && v.u.tape->type == BELAY_JSON_ARRAY) {
        it.tape = belay_json_first(v.u.tape);
        it.n = v.u.tape->n;
    } else if (v.type == BELAY_VALUE_ARRAY) {
        it.array = v.u.array;
        it.n = v.u.array->n;
    }
    return it;
}

static inline struct belay_value value_array_at(const struct belay_value_array *a, uint32_t i)
{
    if (__builtin_expect(a->flags & ARRAY_RANGE, 0))
        return (struct belay_value){ .type = BELAY_VALUE_NUMBER, .u.d = (double)(a->from + i) };
    return a->items[i];
}

static inline bool value_iter_next(struct value_iter *it, struct belay_value *ret_item)
{
    if (it->at == it->n)
        return false;
    if (it->tape) {
        *ret_item = value_from_tape(it->tape);
        it->tape = belay_json_next(it->tape);
    } else {
        *ret_item = it->array ? value_array_at(it->array, it->at) : it->one;
    }
    it->at++;
    return true;
}

/* The members of an object. */
struct value_members {
    const belay_json *tape;
    const struct value_member *member;
    uint32_t left;
};

struct value_members value_members(struct belay_value object);
bool value_members_next(struct value_members *m, struct belay_value *ret_name,
                        struct belay_value *ret_value);
uint32_t value_member_count(struct belay_value object);

/* Member of an object; UNDEFINED where v has none or is no object. */
static inline struct belay_value value_tape_get(const belay_json *object, struct belay_str name)
{
    const belay_json *found = NULL, *key = belay_json_first(object);
    for (uint32_t left = object->n; left > 0; left--) {
        if (key->n == name.n && memcmp(key->u.s, name.p, name.n) == 0)
            found = key + 1;
        key = belay_json_next(key + 1);
    }
    return found ? value_from_tape(found) : (struct belay_value){ .type = BELAY_VALUE_UNDEFINED };
}

struct belay_value value_get(struct belay_value v, struct belay_str name);

/* ---- building; false or NULL: the arena is full ---- */

struct belay_value_array *value_array_new(struct belay_arena *arena, uint32_t cap, uint32_t flags);
bool value_array_grow(struct belay_value_array *a, struct belay_arena *arena, uint32_t more);

static inline bool value_array_push(struct belay_value_array *a, struct belay_arena *arena,
                                    struct belay_value v)
{
    if (__builtin_expect(a->n == a->cap, 0) && !value_array_grow(a, arena, 1))
        return false;
    a->items[a->n++] = v;
    return true;
}

/* The items of v (or v itself). */
bool value_array_push_all(struct belay_value_array *a, struct belay_arena *arena,
                          struct belay_value v);
struct belay_value_object *value_object_new(struct belay_arena *arena, uint32_t cap);
/* Replaces the value of a name that is there. */
bool value_object_put(struct belay_value_object *o, struct belay_arena *arena,
                      struct belay_value name, struct belay_value v);
/* Place of a name, or UINT32_MAX. */
uint32_t value_object_find(const struct belay_value_object *o, struct belay_str name);
/* Appends a name that is known not to be there. */
bool value_object_add(struct belay_value_object *o, struct belay_arena *arena,
                      struct belay_value name, struct belay_value v);

/* ---- comparing ---- */

/* Both take from *steps what they cost, and give up at 0: values share parts, so that a small one
 * may be endlessly large to walk. Deeply, members in any order; values nested deeper than
 * VALUE_DEPTH_MAX are not equal. */
#define VALUE_DEPTH_MAX 1024
bool value_equal(struct belay_value a, struct belay_value b, uint64_t *steps);
/* Equal values have equal hashes. */
uint64_t value_hash(struct belay_value v, uint64_t *steps);
/* As JavaScript orders strings: by UTF-16 code unit. <0, 0, >0. */
int value_compare_str(struct belay_str a, struct belay_str b);
/* Both are numbers: exact where both are integers, else as doubles. */
int value_compare_numbers(struct belay_value a, struct belay_value b);

/* ---- text ---- */

enum value_format {
    VALUE_FORMAT_JSON = 0,
    VALUE_FORMAT_STRING = 1, /* as $string: fractions rounded to 15 digits */
    VALUE_FORMAT_PRETTY = 2  /* with an indent of two spaces */
};
/* Functions write "". Deeper than VALUE_DEPTH_MAX: out fails with BELAY_LIMIT. */
void value_write(struct belay_buf *out, struct belay_value v, unsigned format);
/* A number's text as $string has it, into to; returns the length. */
#define VALUE_NUMBER_TEXT_MAX 40
size_t value_number_text(double d, char to[VALUE_NUMBER_TEXT_MAX]);
/* Text of an INT or NUMBER; BIG gives its own text. */
struct belay_str value_scalar_text(struct belay_value v, char room[VALUE_NUMBER_TEXT_MAX]);

#endif
