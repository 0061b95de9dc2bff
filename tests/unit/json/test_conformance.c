/* Every file of the parsing suite as its name says: y_ accepted, n_ refused, i_ either. What is
 * accepted is written and parsed again to an equal value. */
#include <dirent.h>
#include <stdio.h>

#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

#define SUITE BELAY_SOURCE_DIR "/../shared/conformance/json-parsing"

static struct belay_str read_file(const char *path, struct belay_arena *arena)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = belay_arena_bytes(arena, n);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    return belay_str(text, n);
}

/* Whether it is accepted. */
static bool accepts(struct belay_str text, struct belay_arena *arena)
{
    const belay_json *v, *again;
    struct belay_err err;
    struct belay_json_place place = { 0, 0, 0 };
    struct belay_buf buf;
    if (belay_json_parse(text, NULL, arena, &v, &place, &err)) {
        assert_true(place.line >= 1 && place.column >= 1 && place.offset <= text.n);
        assert_true(err.code == BELAY_SYNTAX || err.code == BELAY_LIMIT);
        return false;
    }
    belay_buf_init(&buf, BELAY_MIB(1));
    belay_json_write(&buf, v);
    assert_ok(belay_buf_status(&buf));
    assert_ok(belay_json_parse(belay_buf_view(&buf), NULL, arena, &again, NULL, &err));
    assert_true(belay_json_equal(v, again));
    belay_buf_deinit(&buf);
    return true;
}

static void every_file_of_the_suite_is_taken_as_its_name_says(void **state)
{
    (void)state;
    int seen = 0, wrong = 0;
    DIR *dir = opendir(SUITE);
    if (!dir) {
        print_message("skipped: no json-parsing suite beside the source tree\n");
        skip();
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[1024], kind = entry->d_name[0];
        struct belay_arena arena;
        if (entry->d_name[1] != '_')
            continue;
        belay_arena_init(&arena, 0, BELAY_MIB(16));
        snprintf(path, sizeof path, SUITE "/%s", entry->d_name);
        bool accepted = accepts(read_file(path, &arena), &arena);
        if (kind != 'i' && accepted != (kind == 'y')) {
            print_message("%s: %s\n", entry->d_name, accepted ? "accepted" : "refused");
            wrong++;
        }
        seen++;
        belay_arena_deinit(&arena);
    }
    closedir(dir);
    assert_true(seen > 200);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_suite_is_taken_as_its_name_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
