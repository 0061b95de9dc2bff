/* The texts of a saga without what may not be told; what it keeps is as it was. */
#include "json/redact.h"

#include "unit/saga/stories.h"

static void the_history_and_the_error_tell_no_secret(void **state)
{
    (void)state;
    struct belay_arena arena;
    struct belay_buf view;
    struct belay_err err;
    struct belay_str secret = BELAY_STR("scripted"); /* as the endpoints describe what failed */
    const struct belay_redact_opt opt = { .secrets = &secret, .secret_count = 1 };
    struct world *w = scripted_world(three_calls(), "do", 1, ANSWER_REFUSED, 1);
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_redact_new(&opt, &arena, &w->redact, &err));
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/state", "compensated");
    assert_member(w, 1, "/error/description", "[redacted]");
    belay_buf_init(&view, BELAY_MIB(1));
    world_view(w, 1, &view);
    assert_null(strstr(view.p, "scripted"));
    belay_buf_deinit(&view);
    world_free(w);
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_history_and_the_error_tell_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
