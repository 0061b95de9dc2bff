/* schema_test.h - texts of schemas and values, and what comes of them; for the tests of JSON Schema.
 * Each test has an arena of its own. */
#ifndef BELAY_TEST_SCHEMA_TEST_H
#define BELAY_TEST_SCHEMA_TEST_H

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "json/schema.h"
#include "unit/test.h"

static struct belay_arena arena;
/* What compile() uses. */
static struct belay_schema_opt options = { .assert_formats = true };

static inline int begin(void **state)
{
    (void)state;
    options = (struct belay_schema_opt){ .assert_formats = true };
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    struct belay_err err;
    if (belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, &err))
        print_message("%s: %s\n", text, err.msg);
    assert_non_null(v);
    return v;
}

static inline struct belay_schema *compile(const char *text)
{
    struct belay_schema *s = NULL;
    struct belay_err err;
    const belay_json *schema = parse(text);
    if (belay_schema_compile(schema, schema, &options, &s, &err))
        print_message("%s: %s\n", text, err.msg);
    assert_non_null(s);
    return s;
}

static inline bool valid(const char *schema, const char *value)
{
    struct belay_schema *s = compile(schema);
    bool ok = belay_schema_valid(s, parse(value), NULL);
    belay_schema_free(s);
    return ok;
}

/* "instance | schema | message", a line each. */
static const char *lines_of(const struct belay_schema_faults *faults)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(64));
    for (size_t i = 0; i < faults->count; i++)
        belay_buf_printf(&out, "%s%.*s | %.*s | %.*s", i ? "\n" : "", BELAY_STR_ARG(faults->items[i].instance),
                         BELAY_STR_ARG(faults->items[i].schema), BELAY_STR_ARG(faults->items[i].message));
    struct belay_str text = belay_arena_str(&arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text.p;
}

static inline const char *faults_of(const char *schema, const char *value)
{
    struct belay_schema *s = compile(schema);
    struct belay_schema_faults faults = { .arena = &arena };
    belay_schema_valid(s, parse(value), &faults);
    belay_schema_free(s);
    return lines_of(&faults);
}

/* Why a schema is refused; the status by the way. */
static inline const char *refusal_of(const char *text, int *ret_status)
{
    struct belay_schema *s = NULL;
    struct belay_err err = { 0 };
    const belay_json *schema = parse(text);
    *ret_status = belay_schema_compile(schema, schema, &options, &s, &err);
    assert_int_not_equal(*ret_status, BELAY_OK);
    assert_null(s);
    return belay_arena_str(&arena, belay_str_c(err.msg)).p;
}

static inline void note_mistake(void *arg, const char *message)
{
    belay_buf_printf(arg, "%s\n", message);
}

/* All that is told about a schema that is refused with that status, a line each. */
static inline const char *mistakes_in(const char *text, int status)
{
    struct belay_schema *s = NULL;
    struct belay_schema_opt all = options;
    struct belay_buf told;
    const belay_json *schema = parse(text);
    belay_buf_init(&told, BELAY_KIB(64));
    all.mistake = note_mistake;
    all.mistake_arg = &told;
    assert_int_equal(belay_schema_compile(schema, schema, &all, &s, NULL), status);
    assert_null(s);
    struct belay_str lines = belay_arena_str(&arena, belay_buf_view(&told));
    belay_buf_deinit(&told);
    return lines.p;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
