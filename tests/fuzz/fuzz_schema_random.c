/* room: json */
/* The input is a dice: it rolls schemas that refer to one another, and a value.  What is checked: the
 * verdict is the same with and without faults, `not` turns it round, allOf keeps it, faults name
 * places that are there. */
#include "json/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

struct dice {
    const uint8_t *p, *end;
};

static unsigned roll(struct dice *d, unsigned sides)
{
    return d->p < d->end ? *d->p++ % sides : 0;
}

#define PICK(d, list) list[roll(d, sizeof list / sizeof list[0])]

/* ---- values ---- */

static void put_value(struct belay_buf *out, struct dice *d, int depth)
{
    static const char *const scalars[] = {
        "null", "true", "false", "0", "1", "-1", "2", "3.5", "1.0", "0.01", "19.99", "1e400", "9007199254740993",
        "123456789012345678901", "1e-7", "\"\"", "\"a\"", "\"b\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaab\"", "\"2024-02-30\"",
        "\"1.2.3.4\"", "\"\\u00e4\\ud83d\\ude00\"", "\"x@y.z\"", "\"a~/b\""
    };
    static const char *const names[] = { "a", "b", "c", "ab", "a/b", "", "kind" };
    unsigned shape = depth > 0 ? roll(d, 4) : 0;
    if (shape < 2) {
        belay_buf_printf(out, "%s", PICK(d, scalars));
        return;
    }
    belay_buf_put_c(out, shape == 2 ? '[' : '{');
    unsigned first = shape == 3 ? roll(d, 7) : 0; /* no name twice: a pointer leads to the last */
    for (unsigned i = 0, n = roll(d, 5); i < n; i++) {
        belay_buf_printf(out, "%s", i ? "," : "");
        if (shape == 3)
            belay_buf_printf(out, "\"%s\":", names[(first + i) % 7]);
        put_value(out, d, depth - 1);
    }
    belay_buf_put_c(out, shape == 2 ? ']' : '}');
}

/* ---- schemas ---- */

enum kind { SCHEMA, LIST, MAP, NAMES, DEPENDENCIES, COUNT, NUMBER, FLAG, VALUE, VALUES, ONE_OF };

static const struct keyword {
    const char *name;
    enum kind kind;
    const char *const *texts;
} keywords[] = {
#define TEXTS(...) ONE_OF, (const char *const[]){ __VA_ARGS__, NULL }
    { "type", TEXTS("\"object\"", "\"array\"", "\"string\"", "\"integer\"", "[\"null\",\"number\"]", "\"boolean\"") },
    { "properties", MAP, NULL }, { "required", NAMES, NULL }, { "items", SCHEMA, NULL }, { "items", LIST, NULL },
    { "additionalItems", SCHEMA, NULL }, { "prefixItems", LIST, NULL }, { "contains", SCHEMA, NULL },
    { "minContains", COUNT, NULL }, { "maxContains", COUNT, NULL }, { "minItems", COUNT, NULL },
    { "maxItems", COUNT, NULL }, { "uniqueItems", FLAG, NULL }, { "unevaluatedItems", SCHEMA, NULL },
    { "$ref", TEXTS("\"#/$defs/1\"", "\"#/$defs/2\"", "\"#\"", "\"#x\"", "\"other#/$defs/1\"", "\"#/definitions/y\"") },
    { "$dynamicRef", TEXTS("\"#x\"", "\"#y\"", "\"#/$defs/1\"", "\"other#x\"") },
    { "$recursiveRef", TEXTS("\"#\"") }, { "$recursiveAnchor", FLAG, NULL },
    { "$anchor", TEXTS("\"x\"", "\"z\"") }, { "$dynamicAnchor", TEXTS("\"x\"", "\"y\"") },
    { "$id", TEXTS("\"other\"", "\"#x\"", "\"http://h/p?q\"", "\"../u\"") },
    { "$schema", TEXTS("\"http://json-schema.org/draft-07/schema#\"", "\"https://json-schema.org/draft/2019-09/schema\"",
                       "\"http://unknown/\"") },
    { "const", VALUE, NULL }, { "enum", VALUES, NULL }, { "allOf", LIST, NULL }, { "anyOf", LIST, NULL },
    { "oneOf", LIST, NULL }, { "not", SCHEMA, NULL }, { "if", SCHEMA, NULL }, { "then", SCHEMA, NULL },
    { "else", SCHEMA, NULL }, { "minimum", NUMBER, NULL }, { "maximum", NUMBER, NULL },
    { "exclusiveMinimum", NUMBER, NULL }, { "exclusiveMaximum", NUMBER, NULL }, { "exclusiveMaximum", FLAG, NULL },
    { "multipleOf", NUMBER, NULL }, { "minLength", COUNT, NULL }, { "maxLength", COUNT, NULL },
    { "pattern", TEXTS("\"^a\"", "\"(a+)+$\"", "\"[\"", "\"\\\\u{1f600}\"", "\"^\\\\p{L}*$\"", "\"\"") },
    { "format", TEXTS("\"date\"", "\"ipv4\"", "\"email\"", "\"regex\"", "\"uri\"", "\"int32\"", "\"none\"") },
    { "patternProperties", MAP, NULL }, { "additionalProperties", SCHEMA, NULL }, { "propertyNames", SCHEMA, NULL },
    { "unevaluatedProperties", SCHEMA, NULL }, { "minProperties", COUNT, NULL }, { "maxProperties", COUNT, NULL },
    { "dependentSchemas", MAP, NULL }, { "dependentRequired", DEPENDENCIES, NULL }, { "dependencies", MAP, NULL },
    { "dependencies", DEPENDENCIES, NULL }, { "nullable", FLAG, NULL }, { "readOnly", FLAG, NULL },
    { "writeOnly", FLAG, NULL }, { "deprecated", FLAG, NULL }, { "$defs", MAP, NULL }, { "definitions", MAP, NULL },
    { "discriminator", TEXTS("{\"propertyName\":\"kind\"}",
                             "{\"propertyName\":\"kind\",\"mapping\":{\"a\":\"#/$defs/1\",\"b\":\"#x\"}}") },
};

static void put_schema(struct belay_buf *out, struct dice *d, int depth);

static void put_some(struct belay_buf *out, struct dice *d, enum kind kind, int depth)
{
    static const char *const names[] = { "a", "b", "c", "^a", "a/b", "kind" };
    bool map = kind == MAP || kind == DEPENDENCIES;
    belay_buf_put_c(out, map ? '{' : '[');
    for (unsigned i = 0, n = roll(d, 4); i < n; i++) {
        belay_buf_printf(out, "%s", i ? "," : "");
        if (map || kind == NAMES)
            belay_buf_printf(out, "\"%s\"%s", PICK(d, names), map ? ":" : "");
        if (kind == DEPENDENCIES)
            put_some(out, d, NAMES, 0);
        else if (kind == VALUES)
            put_value(out, d, 1);
        else if (kind != NAMES)
            put_schema(out, d, depth - 1);
    }
    belay_buf_put_c(out, map ? '}' : ']');
}

static void put_keyword(struct belay_buf *out, struct dice *d, const struct keyword *k, int depth)
{
    static const char *const numbers[] = { "0", "1", "2.5", "-1", "0.01", "1e300", "123456789012345678901", "\"1\"" };
    unsigned count = 0;
    belay_buf_printf(out, "\"%s\":", k->name);
    switch (k->kind) {
    case SCHEMA: put_schema(out, d, depth - 1); break;
    case COUNT: belay_buf_printf(out, "%u", roll(d, 4)); break;
    case NUMBER: belay_buf_printf(out, "%s", PICK(d, numbers)); break;
    case FLAG: belay_buf_printf(out, "%s", roll(d, 2) ? "true" : "false"); break;
    case VALUE: put_value(out, d, 2); break;
    case ONE_OF:
        while (k->texts[count])
            count++;
        belay_buf_printf(out, "%s", k->texts[roll(d, count)]);
        break;
    default: put_some(out, d, k->kind, depth); break;
    }
}

static void put_schema(struct belay_buf *out, struct dice *d, int depth)
{
    unsigned shape = depth > 0 ? roll(d, 8) : roll(d, 2);
    if (shape < 2) {
        belay_buf_printf(out, "%s", shape ? "true" : "false");
        return;
    }
    belay_buf_put_c(out, '{');
    for (unsigned i = 0, n = roll(d, 5); i < n; i++) {
        belay_buf_printf(out, "%s", i ? "," : "");
        put_keyword(out, d, &PICK(d, keywords), depth);
    }
    belay_buf_put_c(out, '}');
}

/* ---- checks ---- */

struct trial {
    struct belay_arena *arena;
    struct belay_str defs, value; /* texts, ended by NUL */
    const struct belay_schema_opt *opt;
};

static _Noreturn void wrong(const struct trial *t, const char *what)
{
    fprintf(stderr, "%s\ndialect %d direction %d formats %d\n%s\n%s\n", what, (int)t->opt->dialect,
            (int)t->opt->direction, t->opt->assert_formats, t->defs.p, t->value.p);
    abort();
}

static bool verdict(const struct trial *t, const struct belay_schema *s, const belay_json *v)
{
    struct belay_arena *arena = t->arena;
    struct belay_schema_faults faults = { .arena = arena, .count_max = 20 }, notes = faults;
    bool ok = belay_schema_valid(s, v, NULL), integer;
    if (belay_schema_valid(s, v, &faults) != ok || (faults.count + faults.dropped == 0) != ok)
        wrong(t, "with faults the verdict is another");
    if (ok)
        belay_schema_deprecated(s, v, &notes);
    for (size_t i = 0; i < faults.count; i++)
        if (!belay_json_pointer(v, faults.items[i].instance) || !faults.items[i].message.n)
            wrong(t, "a fault is nowhere");
    if (ok && !(belay_schema_types(belay_schema_root(s), &integer) >> v->type & 1))
        wrong(t, "a valid value's type is not admitted");
    (void)belay_schema_member(belay_schema_root(s), BELAY_STR("a"));
    (void)belay_schema_item(belay_schema_root(s), 1);
    return ok;
}

/* "{..., "$defs": {the schemas}}" with `before` as the root's own keyword; NULL where it is refused. */
static struct belay_schema *compile(const struct trial *t, const char *before)
{
    const belay_json *root;
    struct belay_schema *s = NULL;
    struct belay_err err;
    struct belay_str text = belay_arena_printf(t->arena, "{%s,\"$defs\":%.*s}", before, BELAY_STR_ARG(t->defs));
    if (!text.p || belay_json_parse(text, NULL, t->arena, &root, NULL, NULL) != BELAY_OK)
        return NULL;
    return belay_schema_compile(root, root, t->opt, &s, &err) == BELAY_OK ? s : NULL;
}

static void check(const struct trial *t)
{
    static const char *const roots[] = { "\"$ref\":\"#/$defs/0\"", "\"not\":{\"$ref\":\"#/$defs/0\"}",
                                         "\"allOf\":[{\"$ref\":\"#/$defs/0\"},true]" };
    const belay_json *v;
    struct belay_schema *s[3] = { NULL, NULL, NULL };
    /* a reference to the root means another schema in each of them; what a costly pattern leaves open is
     * not valid, nor is its contrary */
    bool same = !strstr(t->defs.p, "\"#\"") && !strstr(t->defs.p, "$dynamicRef") && !strstr(t->defs.p, "(a+)+");
    if (belay_json_parse(t->value, NULL, t->arena, &v, NULL, NULL) != BELAY_OK)
        return;
    for (int i = 0; i < 3; i++)
        s[i] = compile(t, roots[i]);
    bool ok = s[0] && verdict(t, s[0], v);
    if (s[0] && s[1] && verdict(t, s[1], v) == ok && same)
        wrong(t, "not does not turn it round");
    if (s[0] && s[2] && verdict(t, s[2], v) != ok && same)
        wrong(t, "allOf of it alone is another");
    for (int i = 0; i < 3; i++)
        belay_schema_free(s[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dice d = { data, data + n };
    struct belay_arena arena;
    struct belay_buf defs, value;
    struct belay_schema_opt opt = { .assert_formats = roll(&d, 2),
                                    .dialect = (enum belay_schema_dialect)roll(&d, 4),
                                    .direction = (enum belay_schema_direction)roll(&d, 3) };
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    belay_buf_init(&defs, BELAY_MIB(1));
    belay_buf_init(&value, BELAY_MIB(1));
    put_value(&value, &d, 3);
    for (int i = 0; i < 3; i++) {
        belay_buf_printf(&defs, "%s\"%d\":", i ? "," : "{", i);
        put_schema(&defs, &d, 5);
    }
    belay_buf_put_c(&defs, '}');
    struct trial t = { &arena, belay_arena_str(&arena, belay_buf_view(&defs)),
                       belay_arena_str(&arena, belay_buf_view(&value)), &opt };
    if (belay_buf_status(&defs) == BELAY_OK && belay_buf_status(&value) == BELAY_OK && t.defs.p && t.value.p)
        check(&t);
    belay_buf_deinit(&defs);
    belay_buf_deinit(&value);
    belay_arena_deinit(&arena);
    return 0;
}
