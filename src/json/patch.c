#include "json/patch.h"

#include "base/limits.h"

enum kind { ADD, REMOVE, REPLACE };

/* One change at one place, on the way through the document. */
struct change {
    enum kind kind;
    const belay_json *parent;  /* of the place; NULL: the whole document */
    const belay_json *at;      /* what is there; NULL: nothing yet */
    struct belay_str name;     /* the last token, unescaped */
    bool append;               /* to an array, or a member that is new */
    const belay_json *value;
};

static int no(struct belay_err *err, size_t op, const char *what, struct belay_str where)
{
    return belay_fail(err, BELAY_INVALID, "operation %zu: %s '%.*s'", op, what, BELAY_STR_ARG(where));
}

/* ---- writing the document with the change ---- */

static void emit(struct belay_json_out *o, const belay_json *v, const struct change *c);

static void emit_object(struct belay_json_out *o, const belay_json *v, const struct change *c)
{
    const belay_json *key = belay_json_first(v);
    belay_json_begin_object(o);
    for (uint32_t i = 0; i < v->n; i++) {
        const belay_json *member = key + 1;
        bool here = v == c->parent && member == c->at;
        if (!here || c->kind != REMOVE) {
            belay_json_key_str(o, belay_json_str(key));
            if (here)
                belay_json_put(o, c->value);
            else
                emit(o, member, c);
        }
        key = belay_json_next(member);
    }
    if (v == c->parent && c->append) {
        belay_json_key_str(o, c->name);
        belay_json_put(o, c->value);
    }
    belay_json_end_object(o);
}

static void emit_array(struct belay_json_out *o, const belay_json *v, const struct change *c)
{
    const belay_json *element = belay_json_first(v);
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < v->n; i++, element = belay_json_next(element)) {
        bool here = v == c->parent && element == c->at;
        if (here && c->kind != REMOVE)
            belay_json_put(o, c->value);
        if (!here || c->kind == ADD)
            emit(o, element, c);
    }
    if (v == c->parent && c->append)
        belay_json_put(o, c->value);
    belay_json_end_array(o);
}

/* Depth is bounded by the parser's. */
static void emit(struct belay_json_out *o, const belay_json *v, const struct change *c)
{
    bool on_the_way = c->parent && c->parent >= v && c->parent < belay_json_next(v);
    if (!on_the_way)
        belay_json_put(o, v);
    else if (v->type == BELAY_JSON_OBJECT)
        emit_object(o, v, c);
    else
        emit_array(o, v, c);
}

static int apply(const belay_json *root, const struct change *c, struct belay_arena *arena, const belay_json **ret_root,
                 struct belay_err *err)
{
    struct belay_buf text;
    if (!c->parent) {
        *ret_root = c->value;
        return BELAY_OK;
    }
    belay_buf_init(&text, BELAY_JSON_BYTES_MAX);
    struct belay_json_out o = belay_json_out(&text);
    emit(&o, root, c);
    int status = belay_buf_status(&text);
    struct belay_str copy = status == BELAY_OK ? belay_arena_str(arena, belay_buf_view(&text)) : BELAY_STR_NONE;
    belay_buf_deinit(&text);
    if (status != BELAY_OK)
        return belay_fail(err, status, "the patched document is too large");
    return copy.p ? belay_json_parse(copy, NULL, arena, ret_root, NULL, err)
                  : belay_fail(err, BELAY_NOMEM, "no memory for the patched document");
}

/* ---- places ---- */

/* "~1" is "/", "~0" is "~". BELAY_INVALID: something else follows a tilde. */
static int unescape(struct belay_str token, struct belay_arena *arena, struct belay_str *ret_name)
{
    char *to = belay_arena_bytes(arena, token.n + 1);
    size_t n = 0;
    if (!to)
        return BELAY_NOMEM;
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] != '~') {
            to[n++] = token.p[i];
            continue;
        }
        if (++i == token.n || (token.p[i] != '0' && token.p[i] != '1'))
            return BELAY_INVALID;
        to[n++] = token.p[i] == '0' ? '~' : '/';
    }
    *ret_name = belay_str(to, n);
    return BELAY_OK;
}

/* An element's number; the array's length for "-". */
static bool index_of(struct belay_str token, uint32_t length, uint64_t *ret_index)
{
    if (belay_str_eq(token, BELAY_STR("-"))) {
        *ret_index = length;
        return true;
    }
    bool leading = token.n > 1 && token.p[0] == '0';
    return !leading && belay_str_to_u64(token, ret_index) && *ret_index <= length;
}

/* Fills in the place that path names in root. BELAY_INVALID: it is not there. */
static int find_place(const belay_json *root, struct belay_str path, struct belay_arena *arena, struct change *c)
{
    size_t slash = path.n;
    uint64_t index;
    if (!path.n) {
        c->at = root;
        return c->kind != REMOVE ? BELAY_OK : BELAY_INVALID;
    }
    while (slash > 0 && path.p[slash - 1] != '/')
        slash--;
    if (!slash || path.p[0] != '/')
        return BELAY_INVALID;
    int status = unescape(belay_str_sub(path, slash, path.n), arena, &c->name);
    if (status != BELAY_OK)
        return status;
    c->parent = belay_json_pointer(root, belay_str_sub(path, 0, slash - 1));
    if (c->parent && c->parent->type == BELAY_JSON_OBJECT)
        c->at = belay_json_get(c->parent, c->name);
    else if (c->parent && c->parent->type == BELAY_JSON_ARRAY && index_of(c->name, c->parent->n, &index))
        c->at = belay_json_at(c->parent, index);
    else
        return BELAY_INVALID;
    c->append = !c->at && c->kind == ADD;
    return c->at || c->append ? BELAY_OK : BELAY_INVALID;
}

static int change_at(const belay_json *root, enum kind kind, struct belay_str path, const belay_json *value, size_t op,
                     struct belay_arena *arena, const belay_json **ret_root, struct belay_err *err)
{
    struct change c = { .kind = kind, .value = value };
    int status = find_place(root, path, arena, &c);
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, status, "no memory for a patch") : no(err, op, "there is no", path);
    /* A member that is there is replaced; what is in an array makes room. */
    if (kind == ADD && c.parent && c.parent->type == BELAY_JSON_OBJECT && c.at)
        c.kind = REPLACE;
    return apply(root, &c, arena, ret_root, err);
}

/* ---- operations ---- */

static int move_or_copy(const belay_json *root, bool move, struct belay_str from, struct belay_str path, size_t op,
                        struct belay_arena *arena, const belay_json **ret_root, struct belay_err *err)
{
    const belay_json *value = belay_json_pointer(root, from), *without = root;
    bool inside = belay_str_starts(path, from) && path.n > from.n && path.p[from.n] == '/';
    if (!value)
        return no(err, op, "there is no", from);
    if (move && inside)
        return no(err, op, "a value cannot move into itself:", path);
    if (move && belay_str_eq(from, path)) {
        *ret_root = root;
        return BELAY_OK;
    }
    int status = move ? change_at(root, REMOVE, from, NULL, op, arena, &without, err) : BELAY_OK;
    return status == BELAY_OK ? change_at(without, ADD, path, value, op, arena, ret_root, err) : status;
}

static bool text_of(const belay_json *op, const char *name, struct belay_str *ret_text)
{
    const belay_json *v = belay_json_get(op, belay_str_c(name));
    if (!v || v->type != BELAY_JSON_STRING)
        return false;
    *ret_text = belay_json_str(v);
    return true;
}

static int one(const belay_json *root, const belay_json *o, size_t at, struct belay_arena *arena,
               const belay_json **ret_root, struct belay_err *err)
{
    struct belay_str op, path, from;
    const belay_json *value = belay_json_get(o, BELAY_STR("value"));
    if (!text_of(o, "op", &op) || !text_of(o, "path", &path))
        return no(err, at, "an operation has \"op\" and \"path\":", BELAY_STR("{...}"));
    bool move = belay_str_eq(op, BELAY_STR("move")), copy = belay_str_eq(op, BELAY_STR("copy"));
    if (move || copy)
        return text_of(o, "from", &from) ? move_or_copy(root, move, from, path, at, arena, ret_root, err)
                                         : no(err, at, "\"from\" is missing in", op);
    if (belay_str_eq(op, BELAY_STR("remove")))
        return change_at(root, REMOVE, path, NULL, at, arena, ret_root, err);
    bool add = belay_str_eq(op, BELAY_STR("add")), replace = belay_str_eq(op, BELAY_STR("replace"));
    if (!add && !replace && !belay_str_eq(op, BELAY_STR("test")))
        return no(err, at, "there is no operation", op);
    if (!value)
        return no(err, at, "\"value\" is missing in", op);
    if (add || replace)
        return change_at(root, add ? ADD : REPLACE, path, value, at, arena, ret_root, err);
    const belay_json *there = belay_json_pointer(root, path);
    if (!there || !belay_json_equal(there, value))
        return no(err, at, "the test failed at", path);
    *ret_root = root;
    return BELAY_OK;
}

int belay_json_patch(const belay_json *root, const belay_json *patch, struct belay_arena *arena,
                     const belay_json **ret_root, struct belay_err *err)
{
    if (patch->type != BELAY_JSON_ARRAY)
        return belay_fail(err, BELAY_INVALID, "a JSON Patch is an array of operations");
    if (patch->n > BELAY_JSON_PATCH_OPS_MAX)
        return belay_fail(err, BELAY_LIMIT, "more than %d operations", BELAY_JSON_PATCH_OPS_MAX);
    const belay_json *op = belay_json_first(patch);
    for (size_t i = 0; i < patch->n; i++, op = belay_json_next(op)) {
        int status = one(root, op, i, arena, &root, err);
        if (status != BELAY_OK)
            return status;
    }
    *ret_root = root;
    return BELAY_OK;
}
