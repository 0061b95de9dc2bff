#include "expr/value.h"

#include "base/hash.h"

/* An object of more members than this looks names up by hash. */
#define INDEX_FROM 16

struct belay_value belay_value_undefined(void)
{
    return (struct belay_value){ .type = BELAY_VALUE_UNDEFINED };
}

struct belay_value belay_value_tape(const belay_json *v)
{
    return value_from_tape(v);
}

struct belay_value belay_value_str(struct belay_str s)
{
    return (struct belay_value){ .type = BELAY_VALUE_STRING,
                                 .n = (uint32_t)s.n,
                                 .u.s = s.p ? s.p : "" };
}

struct belay_value belay_value_number(double d)
{
    return (struct belay_value){ .type = BELAY_VALUE_NUMBER, .u.d = d };
}

struct belay_value belay_value_int(int64_t i)
{
    return (struct belay_value){ .type = BELAY_VALUE_INT, .u.i = i };
}

struct belay_value belay_value_bool(bool b)
{
    return (struct belay_value){ .type = BELAY_VALUE_BOOL, .u.b = b };
}

struct belay_value belay_value_null(void)
{
    return (struct belay_value){ .type = BELAY_VALUE_NULL };
}

struct belay_value belay_value_object(struct belay_value_object *o)
{
    return (struct belay_value){ .type = BELAY_VALUE_OBJECT, .u.object = o };
}

double value_double(struct belay_value v)
{
    if (v.type == BELAY_VALUE_NUMBER)
        return v.u.d;
    if (v.type == BELAY_VALUE_INT)
        return (double)v.u.i;
    struct belay_json_node node = { .type = BELAY_JSON_BIG, .n = v.n, .u.s = v.u.s };
    return belay_json_number(&node);
}

/* ---- walking ---- */

struct value_members value_members(struct belay_value object)
{
    struct value_members m = { NULL, NULL, 0 };
    if (object.type == BELAY_VALUE_OBJECT) {
        m.member = object.u.object->members;
        m.left = object.u.object->n;
    } else if (value_is_object(object)) {
        m.tape = belay_json_first(object.u.tape);
        m.left = object.u.tape->n;
    }
    return m;
}

bool value_members_next(struct value_members *m, struct belay_value *ret_name,
                        struct belay_value *ret_value)
{
    if (m->left == 0)
        return false;
    m->left--;
    if (m->tape) {
        *ret_name = value_from_tape(m->tape);
        *ret_value = value_from_tape(m->tape + 1);
        m->tape = belay_json_next(m->tape + 1);
    } else {
        *ret_name = m->member->name;
        *ret_value = m->member->value;
        m->member++;
    }
    return true;
}

uint32_t value_member_count(struct belay_value object)
{
    if (object.type == BELAY_VALUE_OBJECT)
        return object.u.object->n;
    return value_is_object(object) ? object.u.tape->n : 0;
}

struct belay_value value_get(struct belay_value v, struct belay_str name)
{
    if (v.type == BELAY_VALUE_TAPE && v.u.tape->type == BELAY_JSON_OBJECT)
        return value_tape_get(v.u.tape, name);
    if (v.type == BELAY_VALUE_OBJECT) {
        uint32_t at = value_object_find(v.u.object, name);
        if (at != UINT32_MAX)
            return v.u.object->members[at].value;
    }
    return belay_value_undefined();
}

size_t belay_value_count(struct belay_value v)
{
    return value_is_array(v) ? value_iter(v).n : 0;
}

struct belay_value belay_value_at(struct belay_value v, size_t index)
{
    if (index >= belay_value_count(v))
        return belay_value_undefined();
    if (v.type == BELAY_VALUE_ARRAY)
        return value_array_at(v.u.array, (uint32_t)index);
    return value_from_tape(belay_json_at(v.u.tape, index));
}

/* ---- building ---- */

/* Makes a block of the arena larger, in place where it is the newest; NULL when full. */
static void *regrow(struct belay_arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
    if (old && (char *)old + old_bytes == arena->at
        && new_bytes - old_bytes <= (size_t)(arena->end - arena->at)) {
        arena->at += new_bytes - old_bytes;
        return old;
    }
    void *p = belay_arena_alloc(arena, new_bytes);
    if (p && old_bytes)
        memcpy(p, old, old_bytes);
    return p;
}

struct belay_value_array *value_array_new(struct belay_arena *arena, uint32_t cap, uint32_t flags)
{
    struct belay_value_array *a = belay_arena_alloc(arena, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct belay_value_array){ .flags = flags };
    return cap == 0 || value_array_grow(a, arena, cap) ? a : NULL;
}

bool value_array_grow(struct belay_value_array *a, struct belay_arena *arena, uint32_t more)
{
    size_t cap = a->cap ? (size_t)a->cap * 2 : 4;
    if (cap < (size_t)a->n + more)
        cap = (size_t)a->n + more;
    if (a->n + (size_t)more <= a->cap)
        return true;
    if (cap > UINT32_MAX)
        return false;
    struct belay_value *items
        = regrow(arena, a->items, a->cap * sizeof *items, cap * sizeof *items);
    if (!items)
        return false;
    a->items = items;
    a->cap = (uint32_t)cap;
    return true;
}

bool value_array_push_all(struct belay_value_array *a, struct belay_arena *arena,
                          struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    if (!value_array_grow(a, arena, it.n))
        return false;
    while (value_iter_next(&it, &item))
        a->items[a->n++] = item;
    return true;
}

struct belay_value_object *value_object_new(struct belay_arena *arena, uint32_t cap)
{
    size_t head = sizeof(struct belay_value_object);
    struct belay_value_object *o
        = belay_arena_alloc(arena, head + cap * sizeof(struct value_member));
    if (o)
        *o = (struct belay_value_object){ .cap = cap, .members = (struct value_member *)(o + 1) };
    return o;
}

static uint32_t *index_slot(const struct belay_value_object *o, struct belay_str name)
{
    uint32_t at = (uint32_t)belay_hash64(name) & o->index_mask;
    while (o->index[at] && !belay_str_eq(value_str(o->members[o->index[at] - 1].name), name))
        at = (at + 1) & o->index_mask;
    return &o->index[at];
}

/* An index with room for twice the members there can be before the next growth. */
static bool index_build(struct belay_value_object *o, struct belay_arena *arena)
{
    uint32_t slots = 4 * INDEX_FROM;
    while (slots < o->cap * 2)
        slots *= 2;
    o->index = BELAY_ARENA_ARRAY(arena, uint32_t, slots);
    if (!o->index)
        return false;
    o->index_mask = slots - 1;
    for (uint32_t i = 0; i < o->n; i++)
        *index_slot(o, value_str(o->members[i].name)) = i + 1;
    return true;
}

uint32_t value_object_find(const struct belay_value_object *o, struct belay_str name)
{
    if (o->index)
        return *index_slot(o, name) - 1; /* a free slot, 0, becomes UINT32_MAX */
    for (uint32_t i = 0; i < o->n; i++) {
        const struct belay_value *member = &o->members[i].name;
        if (member->n == name.n && memcmp(member->u.s, name.p, name.n) == 0)
            return i;
    }
    return UINT32_MAX;
}

static bool object_grow(struct belay_value_object *o, struct belay_arena *arena)
{
    size_t size = sizeof(struct value_member), cap = o->cap ? (size_t)o->cap * 2 : 4;
    struct value_member *members
        = cap > UINT32_MAX / 4 ? NULL : belay_arena_alloc(arena, cap * size);
    if (!members)
        return false;
    memcpy(members, o->members, o->n * size);
    o->members = members;
    o->cap = (uint32_t)cap;
    return o->cap <= INDEX_FROM || index_build(o, arena);
}

bool value_object_add(struct belay_value_object *o, struct belay_arena *arena,
                      struct belay_value name, struct belay_value v)
{
    if (o->n == o->cap && !object_grow(o, arena))
        return false;
    if (o->index)
        *index_slot(o, value_str(name)) = o->n + 1;
    o->members[o->n++] = (struct value_member){ name, v };
    return true;
}

bool value_object_put(struct belay_value_object *o, struct belay_arena *arena,
                      struct belay_value name, struct belay_value v)
{
    if (!o->index && o->n >= INDEX_FROM && !index_build(o, arena))
        return false;
    uint32_t at = value_object_find(o, value_str(name));
    if (at == UINT32_MAX)
        return value_object_add(o, arena, name, v);
    o->members[at].value = v;
    return true;
}

struct belay_value_object *belay_value_object_new(struct belay_arena *arena)
{
    return value_object_new(arena, 8);
}

int belay_value_object_put(struct belay_value_object *o, struct belay_arena *arena,
                           struct belay_str name, struct belay_value v)
{
    return value_object_put(o, arena, belay_value_str(name), v) ? BELAY_OK : BELAY_NOMEM;
}
