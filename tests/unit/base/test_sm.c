#include "base/sm.h"
#include "unit/test.h"

#include "unit/aborts.h"

enum { IDLE, RUNNING, DONE };

static const struct belay_sm_state states[] = {
    [IDLE] = { .name = "idle", .moves = BELAY_SM_TO(RUNNING), .initial = true },
    [RUNNING] = { .name = "running", .moves = BELAY_SM_TO(IDLE) | BELAY_SM_TO(DONE) },
    [DONE] = { .name = "done", .final = true },
};

static void the_table_says_what_may_move_where(void **state)
{
    (void)state;
    uint8_t at = IDLE;
    belay_sm_move(states, &at, RUNNING);
    belay_sm_move(states, &at, IDLE);
    belay_sm_move(states, &at, RUNNING);
    belay_sm_move(states, &at, DONE);
    assert_int_equal(at, DONE);
    for (unsigned to = IDLE; to <= DONE; to++)
        assert_false(belay_sm_may(states, DONE, to));
}

static void leave_the_end(void *ctx)
{
    uint8_t at = DONE;
    (void)ctx;
    belay_sm_move(states, &at, IDLE);
}

static void a_move_off_the_table_is_a_bug(void **state)
{
    (void)state;
    assert_true(aborts(leave_the_end, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_may_move_where),
        cmocka_unit_test(a_move_off_the_table_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
