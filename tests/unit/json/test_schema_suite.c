/* The official JSON Schema test suite for 2020-12, where it lies beside the source tree: each of its
 * files, the optional ones and the formats too, but for what `not_passed` names with a reason.
 * BELAY_SCHEMA_VERBOSE=1 prints each deviation. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "json/schema.h"
#include "unit/test.h"

#define SUITE BELAY_SOURCE_DIR "/../shared/conformance/json-schema"
#define DRAFT SUITE "/tests/draft2020-12"
#define REMOTES SUITE "/remotes/"

/* What we do not pass, and why. group NULL: the whole file; test NULL: the whole group. */
static const struct {
    const char *file, *group, *test, *reason;
} not_passed[] = {
    { "optional/format/ecmascript-regex", "ECMA 262 lookbehind is valid, including variable width",
      "a variable-width lookbehind (ES2018)", "PCRE2 10.42 has none: the pattern is refused at compile" },
};

static struct belay_arena arena;
static struct belay_map documents; /* path -> tape */
static int tests, wrong;

static const belay_json *load(const char *path)
{
    const belay_json *v = belay_map_get(&documents, belay_str_c(path));
    FILE *f = v ? NULL : fopen(path, "rb");
    if (!f)
        return v;
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = belay_arena_bytes(&arena, n);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    assert_ok(belay_json_parse(belay_str(text, n), NULL, &arena, &v, NULL, NULL));
    struct belay_str key = belay_arena_str(&arena, belay_str_c(path));
    assert_ok(belay_map_put(&documents, key, (void *)(uintptr_t)v, NULL));
    return v;
}

static const belay_json *resolve(void *arg, struct belay_str uri)
{
    char path[1024];
    (void)arg;
    struct belay_str remote = BELAY_STR("http://localhost:1234/");
    if (!belay_str_starts(uri, remote))
        return NULL; /* the meta-schemas are built in */
    struct belay_str rest = belay_str_sub(uri, remote.n, uri.n);
    snprintf(path, sizeof path, REMOTES "%.*s", BELAY_STR_ARG(rest));
    return load(path);
}

static const char *excused(const char *file, struct belay_str group, struct belay_str test)
{
    for (size_t i = 0; i < sizeof not_passed / sizeof not_passed[0]; i++)
        if (strcmp(file, not_passed[i].file) == 0
            && (!not_passed[i].group || belay_str_eq(group, belay_str_c(not_passed[i].group)))
            && (!not_passed[i].test || belay_str_eq(test, belay_str_c(not_passed[i].test))))
            return not_passed[i].reason;
    return NULL;
}

static struct belay_str string_of(const belay_json *v, const char *name)
{
    return belay_json_str(belay_json_get(v, belay_str_c(name)));
}

static void deviate(const char *file, const belay_json *group, const belay_json *test, const char *what)
{
    struct belay_str g = string_of(group, "description");
    struct belay_str t = test ? string_of(test, "description") : BELAY_STR("");
    bool listed = excused(file, g, t) != NULL;
    if (listed && !getenv("BELAY_SCHEMA_VERBOSE"))
        return;
    print_message("%s%s: %.*s: %.*s: %s\n", listed ? "(listed) " : "", file, BELAY_STR_ARG(g),
                  BELAY_STR_ARG(t), what);
    wrong += !listed;
}

/* The faults agree with the verdict, and name places that exist in the value. */
static void try_test(const char *file, const belay_json *group, const struct belay_schema *s,
                     const belay_json *test)
{
    const belay_json *data = belay_json_get(test, BELAY_STR("data"));
    bool wanted = belay_json_get(test, BELAY_STR("valid"))->type == BELAY_JSON_TRUE;
    struct belay_schema_faults faults = { .arena = &arena };
    struct belay_arena_mark mark = belay_arena_mark(&arena);
    tests++;
    if (belay_schema_valid(s, data, NULL) != wanted)
        deviate(file, group, test, wanted ? "refused" : "accepted");
    bool ok = belay_schema_valid(s, data, &faults);
    assert_int_equal(ok, belay_schema_valid(s, data, NULL));
    assert_int_equal(faults.count == 0, ok);
    for (size_t i = 0; i < faults.count; i++)
        assert_non_null(belay_json_pointer(data, faults.items[i].instance));
    belay_arena_rewind(&arena, mark);
}

static void try_group(const char *file, const belay_json *group, bool assert_formats)
{
    struct belay_schema_opt opt = { .resolve = resolve, .assert_formats = assert_formats };
    const belay_json *schema = belay_json_get(group, BELAY_STR("schema"));
    const belay_json *list = belay_json_get(group, BELAY_STR("tests"));
    struct belay_schema *s = NULL;
    struct belay_err err;
    if (belay_schema_compile(schema, schema, &opt, &s, &err) != BELAY_OK) {
        deviate(file, group, NULL, err.msg);
        return;
    }
    for (uint32_t i = 0; i < list->n; i++)
        try_test(file, group, s, belay_json_at(list, i));
    belay_schema_free(s);
}

static void run_folder(const char *folder, bool assert_formats)
{
    char path[1024], name[300];
    snprintf(path, sizeof path, DRAFT "/%s", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *dot = strstr(entry->d_name, ".json");
        if (!dot)
            continue;
        snprintf(path, sizeof path, DRAFT "/%s%s", folder, entry->d_name);
        snprintf(name, sizeof name, "%s%.*s", folder, (int)(dot - entry->d_name), entry->d_name);
        const belay_json *groups = load(path);
        for (uint32_t i = 0; i < groups->n; i++)
            try_group(name, belay_json_at(groups, i), assert_formats);
    }
    closedir(dir);
}

static void the_official_suite_is_passed(void **state)
{
    (void)state;
    DIR *dir = opendir(DRAFT);
    if (!dir) {
        print_message("skipped: no json-schema suite beside the source tree\n");
        skip();
    }
    closedir(dir);
    belay_arena_init(&arena, BELAY_MIB(1), BELAY_MIB(256));
    belay_map_init(&documents);
    run_folder("", false);
    run_folder("optional/", false);
    run_folder("optional/format/", true);
    belay_map_deinit(&documents);
    belay_arena_deinit(&arena);
    print_message("%d tests\n", tests);
    assert_true(tests > 1500);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_official_suite_is_passed),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
