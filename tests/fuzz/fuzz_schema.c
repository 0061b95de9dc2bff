/* room: json */
#include "json/schema.h"

#include <stdlib.h>

#include "base/limits.h"

/* The input is a schema, a line end, a value. With and without faults the verdict is the same; each
 * fault names a place that is there. A schema with one mistake is refused by who wants to know all of them, too. */
static void validate(struct belay_arena *arena, const struct belay_schema *s, const belay_json *v)
{
    struct belay_schema_faults faults = { .arena = arena };
    bool ok = belay_schema_valid(s, v, NULL);
    if (belay_schema_valid(s, v, &faults) != ok || (faults.count + faults.dropped == 0) != ok)
        abort();
    for (size_t i = 0; i < faults.count; i++)
        if (!belay_json_pointer(v, faults.items[i].instance) || !faults.items[i].message.n)
            abort();
}

static void count(void *arg, const char *message)
{
    if (!*message)
        abort();
    ++*(uint32_t *)arg;
}

static void judge(struct belay_arena *arena, const belay_json *schema, const belay_json *v)
{
    static const struct belay_schema_opt opt = { .assert_formats = true };
    uint32_t told = 0;
    const struct belay_schema_opt all = { .assert_formats = true, .mistake = count, .mistake_arg = &told };
    struct belay_schema *s, *again;
    struct belay_err err;
    int first = belay_schema_compile(schema, schema, &opt, &s, &err);
    int status = belay_schema_compile(schema, schema, &all, &again, NULL);
    bool mistake = status == BELAY_INVALID || status == BELAY_UNSUPPORTED;
    if ((first == BELAY_OK) != (status == BELAY_OK) || mistake != (told > 0))
        abort();
    if (first)
        return;
    validate(arena, s, v);
    belay_schema_free(s);
    belay_schema_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_str value = belay_str((const char *)data, n);
    struct belay_str schema_text = belay_str_split(&value, '\n');
    struct belay_json_limits limits = { .depth_max = 64, .size_bytes_max = BELAY_KIB(64) };
    const belay_json *schema, *v;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    if (value.p && belay_json_parse(schema_text, &limits, &arena, &schema, NULL, NULL) == BELAY_OK
        && belay_json_parse(value, &limits, &arena, &v, NULL, NULL) == BELAY_OK)
        judge(&arena, schema, v);
    belay_arena_deinit(&arena);
    return 0;
}
