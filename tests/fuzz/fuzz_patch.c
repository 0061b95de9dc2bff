/* room: json */
/* A document, line end, a JSON Patch of it (both on one line). What is held against each other:
 *   all operations at once, and one after the other with the document written and read in between;
 *   the operation that a refusal names, and the first one that alone is refused;
 *   after an add or replace the same value passes its test at that place, but for "-", which is behind the end. */
#include "json/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define STEP_BYTES_MAX BELAY_KIB(64) /* a copy of all into itself doubles it each time */

static void must(bool good)
{
    if (!good)
        abort();
}

static const belay_json *parse(struct belay_str text, struct belay_arena *arena)
{
    const belay_json *v;
    return belay_json_parse(text, NULL, arena, &v, NULL, NULL) == BELAY_OK ? v : NULL;
}

/* [op], with another operation's name where one is given. NULL: no memory. */
static const belay_json *alone(const belay_json *op, const char *name, struct belay_arena *arena)
{
    struct belay_buf text;
    struct belay_json_out o = belay_json_out(&text);
    belay_buf_init(&text, BELAY_MIB(1));
    belay_json_begin_array(&o);
    if (name) {
        belay_json_begin_object(&o);
        belay_json_key(&o, "op");
        belay_json_put_c(&o, name);
        belay_json_key(&o, "path");
        belay_json_put(&o, belay_json_get(op, BELAY_STR("path")));
        belay_json_key(&o, "value");
        belay_json_put(&o, belay_json_get(op, BELAY_STR("value")));
        belay_json_end_object(&o);
    } else {
        belay_json_put(&o, op);
    }
    belay_json_end_array(&o);
    struct belay_str copy = belay_buf_status(&text) == BELAY_OK ? belay_arena_str(arena, belay_buf_view(&text)) : BELAY_STR_NONE;
    belay_buf_deinit(&text);
    return copy.p ? parse(copy, arena) : NULL;
}

/* Written and read again: nothing of it views the patch. NULL: it has become too large. */
static const belay_json *fresh(const belay_json *v, struct belay_arena *arena)
{
    struct belay_buf text;
    belay_buf_init(&text, STEP_BYTES_MAX);
    belay_json_write(&text, v);
    struct belay_str copy = belay_buf_status(&text) == BELAY_OK ? belay_arena_str(arena, belay_buf_view(&text)) : BELAY_STR_NONE;
    belay_buf_deinit(&text);
    return copy.p ? parse(copy, arena) : NULL;
}

static bool is(const belay_json *op, const char *name)
{
    const belay_json *v = belay_json_get(op, BELAY_STR("op"));
    return v && v->type == BELAY_JSON_STRING && belay_str_eq(belay_json_str(v), belay_str_c(name));
}

static void is_there(const belay_json *op, const belay_json *after, struct belay_arena *arena)
{
    const belay_json *path = belay_json_get(op, BELAY_STR("path")), *test, *same;
    if ((!is(op, "add") && !is(op, "replace")) || belay_str_ends(belay_json_str(path), BELAY_STR("/-")))
        return;
    test = alone(op, "test", arena);
    must(!test || belay_json_patch(after, test, arena, &same, NULL) == BELAY_OK);
}

/* The first that is refused, or their number; *ret_root is what they made. SIZE_MAX: it grew too large. */
static size_t one_by_one(const belay_json *root, const belay_json *patch, struct belay_arena *arena,
                         const belay_json **ret_root)
{
    const belay_json *op = belay_json_first(patch);
    for (size_t i = 0; i < patch->n; i++, op = belay_json_next(op)) {
        const belay_json *single = alone(op, NULL, arena), *after;
        if (!single)
            return SIZE_MAX;
        int status = belay_json_patch(root, single, arena, &after, NULL);
        if (status == BELAY_INVALID)
            return i;
        if (status != BELAY_OK)
            return SIZE_MAX;
        is_there(op, after, arena);
        if (!(root = fresh(after, arena)))
            return SIZE_MAX;
    }
    *ret_root = root;
    return patch->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_arena arena;
    struct belay_str patch_text = belay_str((const char *)data, n), text = belay_str_split(&patch_text, '\n');
    struct belay_err err;
    size_t named = SIZE_MAX;
    if (!patch_text.p || n > STEP_BYTES_MAX)
        return 0;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    const belay_json *root = parse(text, &arena), *patch = parse(patch_text, &arena), *at_once = NULL, *stepwise = NULL;
    if (root && patch && patch->type == BELAY_JSON_ARRAY && patch->n <= 64) {
        size_t refused = one_by_one(root, patch, &arena, &stepwise);
        int status = refused == SIZE_MAX ? BELAY_LIMIT : belay_json_patch(root, patch, &arena, &at_once, &err);
        if (status == BELAY_OK)
            must(refused == patch->n && belay_json_equal(at_once, stepwise));
        else if (status == BELAY_INVALID)
            must(sscanf(err.msg, "operation %zu:", &named) == 1 && named == refused);
    } else if (root && patch) {
        must(patch->type == BELAY_JSON_ARRAY || belay_json_patch(root, patch, &arena, &at_once, &err) == BELAY_INVALID);
    }
    belay_arena_deinit(&arena);
    return 0;
}
