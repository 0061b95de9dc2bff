/* The table of events, and docs/events.md made from it: `unit.base.events --write` writes it anew. */
#include "base/events.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "unit/test.h"

#define REFERENCE BELAY_SOURCE_DIR "/docs/events.md"

static const char head[] =
    "# Events\n"
    "\n"
    "<!-- Made from the table in src/base/events.c (unit.base.events --write); not edited by hand. -->\n"
    "\n"
    "What the log tells, by name (`event`). A name is stable: search for it, and build on it. *Rules* says whether a rule of\n"
    "[alerts](alerts.md) can count it: `event: message.retry`, or `event: \"saga.*\"` for all that begin so. Beside the fields below a\n"
    "record has `ts`, `level` and the ids it knows: `message`, `correlation`, `flow`, `trace`.\n"
    "\n"
    "| event | level | rules | means | beside the ids |\n"
    "|---|---|---|---|---|\n";

static void write_page(struct belay_buf *out)
{
    const struct belay_event_def *e;
    belay_buf_put_str(out, belay_str_c(head));
    for (size_t i = 0; (e = belay_event_at(i)); i++)
        belay_buf_printf(out, "| `%s` | %s | %s | %s | %s |\n", e->name, e->level, e->counted ? "yes" : "", e->means, e->beside);
}

static void the_page_is_what_the_table_says(void **state)
{
    struct belay_buf want;
    (void)state;
    belay_buf_init(&want, 1 << 20);
    write_page(&want);
    assert_ok(belay_buf_status(&want));
    char *have = test_calloc(1, want.n + 2);
    FILE *f = fopen(REFERENCE, "r");
    assert_non_null(f);
    size_t n = fread(have, 1, want.n + 1, f);
    fclose(f);
    if (n != want.n || memcmp(have, want.p, n) != 0)
        fail_msg("docs/events.md is out of date: unit.base.events --write");
    test_free(have);
    belay_buf_deinit(&want);
}

static void each_name_is_there_once_and_is_found(void **state)
{
    const struct belay_event_def *e;
    (void)state;
    for (size_t i = 0; (e = belay_event_at(i)); i++) {
        assert_ptr_equal(belay_event_find(belay_str_c(e->name)), e);
        assert_true(strchr(e->name, '.') && strlen(e->means) > 5 && strlen(e->level) > 3);
    }
    assert_null(belay_event_find(BELAY_STR("flow.stoped")));
    assert_null(belay_event_find(BELAY_STR_NONE));
}

static int write_reference(void)
{
    struct belay_buf text;
    belay_buf_init(&text, 1 << 20);
    write_page(&text);
    FILE *f = fopen(REFERENCE, "w");
    bool done = f && fwrite(text.p, 1, text.n, f) == text.n;
    if (f)
        done = fclose(f) == 0 && done;
    belay_buf_deinit(&text);
    return !done;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_what_the_table_says),
        cmocka_unit_test(each_name_is_there_once_and_is_found),
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_reference();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
