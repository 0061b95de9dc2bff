/* Documents on the disk: their places, what they refer to, and what cannot be read. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "config/library.h"
#include "json/schema.h"
#include "unit/test.h"

static char folder[64];
static struct belay_problems problems;

static const char *path_of(const char *name)
{
    static char path[4][200];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/belay-library-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(path_of("remotes"), 0700), 0);
    assert_int_equal(mkdir(path_of("remotes/x.org"), 0700), 0);
    put("order.json", "{\"$id\":\"https://x.org/order\",\n \"properties\":{\n  \"qty\":{\"$ref\":\"qty\"},\n"
                      "  \"sku\":{\"$ref\":\"urn:sku\"},\"here\":{\"$ref\":\"/plain.json\"}}}");
    put("near.json", "{\"$ref\":\"sub.yaml#/b\"}");
    put("sub.yaml", "a: 1\nb:\n  minimum: 3\n");
    put("remotes/x.org/qty.yaml", "type: integer\nminimum: 1\n");
    put("remotes/sku.json", "{\"$id\":\"urn:sku#\",\n\"maxLength\":3}");
    put("remotes/plain.json", "{\"const\":1}");
    put("remotes/broken.json", "{");
    belay_problems_init(&problems);
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = { "order.json", "near.json", "sub.yaml", "remotes/x.org/qty.yaml", "remotes/sku.json",
                                         "remotes/plain.json", "remotes/broken.json", "wrong" };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i]));
    assert_int_equal(rmdir(path_of("remotes/x.org")) | rmdir(path_of("remotes")) | rmdir(folder), 0);
    belay_problems_deinit(&problems);
    return 0;
}

static int compile(struct belay_library *l, const char *name, const struct belay_document **ret_document,
                   struct belay_schema **ret_schema)
{
    struct belay_schema_opt opt = { .resolve = belay_library_resolve, .resolve_arg = l };
    struct belay_err err;
    int status = belay_library_open(l, path_of(name), ret_document, &opt.base_uri);
    const belay_json *root = status ? NULL : belay_document_root(*ret_document);
    return status ? status : belay_schema_compile(root, root, &opt, ret_schema, &err);
}

/* The first fault of a text, and where the library says its keyword is. */
static struct belay_place first_fault(struct belay_library *l, const struct belay_document *d,
                                      const struct belay_schema *s, const char *text, struct belay_arena *arena)
{
    const belay_json *v;
    struct belay_schema_faults faults = { .arena = arena };
    assert_ok(belay_json_parse(belay_str_c(text), NULL, arena, &v, NULL, NULL));
    assert_false(belay_schema_valid(s, v, &faults));
    return belay_library_place(l, d, faults.items[0].schema);
}

static void remotes_are_found_by_path_and_by_id(void **state)
{
    (void)state;
    struct belay_library *l = belay_library_new(path_of("remotes"), &problems);
    const struct belay_document *d;
    struct belay_schema *s;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(compile(l, "order.json", &d, &s));
    assert_int_equal(problems.count, 0);
    struct belay_place at = first_fault(l, d, s, "{\"qty\":0}", &arena);
    assert_non_null(strstr(at.file.p, "remotes/x.org/qty.yaml"));
    assert_int_equal(at.line, 2);
    at = first_fault(l, d, s, "{\"sku\":\"abcd\"}", &arena);
    assert_non_null(strstr(at.file.p, "remotes/sku.json"));
    assert_int_equal(at.line, 2);
    at = first_fault(l, d, s, "{\"here\":2}", &arena);
    assert_non_null(strstr(at.file.p, "remotes/plain.json"));
    belay_schema_free(s);
    belay_library_free(l);
    belay_arena_deinit(&arena);
}

static void without_an_id_what_lies_beside_is_meant(void **state)
{
    (void)state;
    struct belay_library *l = belay_library_new(NULL, &problems);
    const struct belay_document *d;
    struct belay_schema *s;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(compile(l, "near.json", &d, &s));
    struct belay_place at = first_fault(l, d, s, "2", &arena);
    assert_non_null(strstr(at.file.p, "sub.yaml"));
    assert_int_equal(at.line, 3);
    assert_int_equal(belay_library_place(l, d, BELAY_STR("http://nowhere#/a")).line, 0);
    belay_schema_free(s);
    belay_library_free(l);
    belay_arena_deinit(&arena);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct belay_library *l = belay_library_new(path_of("remotes"), &problems);
    assert_null(belay_library_resolve(l, BELAY_STR("https://x.org/none")));
    assert_null(belay_library_resolve(l, BELAY_STR("https://x.org/../../order")));
    assert_null(belay_library_resolve(l, BELAY_STR("file:///none")));
    assert_null(belay_library_resolve(l, BELAY_STR("file:///dev/zero")));
    assert_null(belay_library_resolve(l, BELAY_STR("")));
    assert_int_equal(problems.count, 0); /* broken.json was passed over */
    assert_null(belay_library_resolve(l, BELAY_STR("https://x.org/broken")));
    assert_int_equal(problems.count, 1); /* here it was asked for */
    assert_int_equal(problems.items[0].place.line, 1);
    assert_str(problems.items[0].message, "expected a member's name in double quotes or '}', found the end of the text");
    belay_library_free(l);
}

static void places_of_json_and_yaml_are_told(void **state)
{
    (void)state;
    struct belay_document *d;
    assert_ok(belay_document_read(path_of("order.json"), &d, &problems));
    assert_int_equal(belay_document_place(d, BELAY_STR("/properties/qty")).line, 3);
    assert_int_equal(belay_document_place(d, BELAY_STR("/properties/qty")).column, 9);
    assert_int_equal(belay_document_place(d, BELAY_STR("/none")).line, 0);
    belay_document_free(d);
    assert_ok(belay_document_read(path_of("sub.yaml"), &d, &problems));
    assert_int_equal(belay_document_place(d, BELAY_STR("/b/minimum")).line, 3);
    assert_int_equal(belay_document_place(d, BELAY_STR("/b/none")).line, 2); /* as deep as it leads */
    belay_document_free(d);
}

static void what_cannot_be_read_is_a_problem(void **state)
{
    (void)state;
    struct belay_document *d = NULL;
    assert_int_equal(belay_document_read(path_of("none"), &d, &problems), BELAY_NOTFOUND);
    assert_int_equal(belay_document_read(folder, &d, &problems), BELAY_INVALID);
    put("wrong", "[1,]");
    assert_int_equal(belay_document_read(path_of("wrong"), &d, &problems), BELAY_INVALID);
    assert_null(d);
    assert_int_equal(problems.count, 3);
    assert_str(problems.items[0].message, "No such file or directory");
    assert_str(problems.items[1].message, "is a folder");
    assert_string_equal(problems.items[2].rule, "json");
    assert_int_equal(problems.items[2].place.column, 4);
}

static void without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status; n++) {
        const struct belay_document *d;
        struct belay_schema *s = NULL;
        belay_alloc_fail_after(n);
        struct belay_library *l = belay_library_new(path_of("remotes"), &problems);
        status = l ? compile(l, "order.json", &d, &s) : BELAY_NOMEM;
        belay_alloc_fail_after(UINT64_MAX);
        belay_schema_free(s);
        belay_library_free(l);
        assert_true(n < 2000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(remotes_are_found_by_path_and_by_id),
        TEST(without_an_id_what_lies_beside_is_meant),
        TEST(what_is_not_there_is_not_found),
        TEST(places_of_json_and_yaml_are_told),
        TEST(what_cannot_be_read_is_a_problem),
        TEST(without_memory_nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
