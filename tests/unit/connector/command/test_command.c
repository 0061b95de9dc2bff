/* What a program is given, what is kept of it, and that it is never left behind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "connector/command/command.h"
#include "lib/connector_conformance.h"

static int open_script(const char *script, struct recorder *r, struct belay_connection **ret_c, struct belay_err *err)
{
    const struct belay_option *run = &belay_connector_command.options[0], *env = run + 1;
    const struct belay_field argv[] = { { .value = BELAY_STR("/bin/sh") }, { .value = BELAY_STR("-c") },
                                        { .value = belay_str_c(script) } },
                             own = { BELAY_STR("OWN"), BELAY_STR("of the connection") };
    const struct belay_option_value options[] = { { .option = run, .fields = argv, .field_count = 3 },
                                                  { .option = env, .fields = &own, .field_count = 1 } };
    const struct belay_connection_config config = { .name = BELAY_STR("c"), .options = options, .option_count = 2,
                                                    .concurrency = 2, .queue_max = 2, .response_bytes_max = BELAY_MIB(1) };
    return belay_connector_command.open(&config, recorder_done, r, ret_c, err);
}

static void same(struct belay_str is, const char *want)
{
    if (!belay_str_eq(is, belay_str_c(want)))
        fail_msg("%.*s, not %s", BELAY_STR_ARG(is), want);
}

/* Of one call. */
static struct belay_call_outcome *run(const char *script, const char *body, uint32_t timeout_ms)
{
    static const struct belay_field headers[] = { { BELAY_STR_INIT("RULE"), BELAY_STR_INIT("dead letters") },
                                                  { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("text/plain") } };
    struct recorder *r = recorder_new();
    struct belay_connection *c;
    struct belay_err err;
    assert_ok(open_script(script, r, &c, &err));
    const struct belay_call_request request = { .id = 1, .timeout_ms = timeout_ms, .headers = headers, .header_count = 2,
                                                .body = belay_str_c(body), .idempotency_key = BELAY_STR("k-1") };
    assert_ok(belay_connector_command.call(c, &request, &err));
    struct belay_call_outcome *o = recorder_wait(r, 1);
    belay_connector_command.close(c, 0, recorder_closed, r);
    recorder_wait_closed(r);
    recorder_free(r);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left, dead or alive */
    assert_int_equal(errno, ECHILD);
    return o;
}

static void it_gets_the_body_headers_and_a_small_environment(void **state)
{
    (void)state;
    setenv("SECRET", "hush", 1);
    struct belay_call_outcome *o = run("cat; echo; echo \"$RULE|$OWN|$BELAY_IDEMPOTENCY_KEY|$SECRET|$PATH\"", "hello", 5000);
    assert_true(o->ok);
    char want[8192];
    snprintf(want, sizeof want, "hello\ndead letters|of the connection|k-1||%s\n", getenv("PATH"));
    same(o->body, want);
    belay_call_outcome_free(o);
}

static void one_that_does_not_read_is_no_failure(void **state)
{
    (void)state;
    char *large = malloc(BELAY_MIB(1) + 1);
    memset(large, 'x', BELAY_MIB(1));
    large[BELAY_MIB(1)] = '\0';
    struct belay_call_outcome *o = run("exit 0", large, 5000);
    assert_true(o->ok);
    belay_call_outcome_free(o);
    o = run("wc -c", large, 10000);
    assert_true(o->ok && strtol(o->body.p, NULL, 10) == (long)BELAY_MIB(1));
    belay_call_outcome_free(o);
    free(large);
}

static void its_exit_code_says_whether_to_try_again(void **state)
{
    static const struct {
        const char *script, *type;
        enum belay_class class_;
        uint32_t status;
    } rows[] = { { "echo oh no; exit 1", "COMMAND:EXIT", BELAY_CLASS_TRANSIENT, 1 },
                 { "exit 75", "COMMAND:EXIT", BELAY_CLASS_TRANSIENT, 75 },
                 { "exit 64", "COMMAND:EXIT", BELAY_CLASS_PERMANENT, 64 },
                 { "exit 78", "COMMAND:EXIT", BELAY_CLASS_PERMANENT, 78 },
                 { "kill -SEGV $$", "COMMAND:SIGNAL", BELAY_CLASS_UNKNOWN_OUTCOME, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_call_outcome *o = run(rows[i].script, "", 5000);
        assert_false(o->ok);
        same(o->type, rows[i].type);
        assert_int_equal(o->class_, rows[i].class_);
        assert_int_equal(o->status, rows[i].status);
        if (i == 0)
            assert_str(o->description, "the program ended with exit code 1: oh no");
        belay_call_outcome_free(o);
    }
}

static void one_that_will_not_end_is_ended_with_its_children(void **state)
{
    (void)state;
    struct belay_call_outcome *o = run("trap '' TERM; (trap '' TERM; sleep 60) & sleep 60", "", 200);
    assert_str(o->type, "COMMAND:TIMEOUT");
    assert_true(o->duration_us < 4000000);
    belay_call_outcome_free(o);
    o = run("trap 'exit 0' TERM; while :; do sleep 0.05; done", "", 200); /* it is told first */
    assert_str(o->type, "COMMAND:TIMEOUT");
    assert_true(o->duration_us < 1000000);
    belay_call_outcome_free(o);
}

static void its_output_is_bounded_and_what_children_keep_open_is_not_waited_for(void **state)
{
    (void)state;
    struct belay_call_outcome *o = run("yes | head -c 3000000", "", 10000);
    assert_true(o->ok && o->body_truncated);
    assert_int_equal(o->body.n, BELAY_COMMAND_OUTPUT_BYTES_MAX);
    belay_call_outcome_free(o);
    o = run("sleep 3 & echo quick", "", 10000);
    assert_true(o->ok && o->duration_us < 2000000);
    assert_str(o->body, "quick\n");
    belay_call_outcome_free(o);
}

static void no_file_of_ours_is_open_in_it(void **state)
{
    (void)state;
    int fd = dup(1); /* not O_CLOEXEC */
    struct belay_call_outcome *o = run("ls /proc/self/fd | wc -l", "", 5000);
    assert_true(o->ok && strtol(o->body.p, NULL, 10) <= 4);
    belay_call_outcome_free(o);
    close(fd);
}

static void what_cannot_be_run_is_refused(void **state)
{
    static const char *const bad[] = { "sh", "/etc/passwd", "/no/such/program" };
    const struct belay_option *option = &belay_connector_command.options[0];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct belay_field argv = { .value = belay_str_c(bad[i]) };
        const struct belay_option_value options = { .option = option, .fields = &argv, .field_count = 1 };
        const struct belay_connection_config config = { .options = &options, .option_count = 1, .concurrency = 1 };
        struct belay_connection *c;
        struct belay_err err;
        assert_int_equal(belay_connector_command.open(&config, recorder_done, NULL, &c, &err), BELAY_INVALID);
        assert_non_null(strstr(err.msg, "run: "));
    }
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 40; n++) {
        struct recorder *r = recorder_new();
        struct belay_connection *c;
        struct belay_err err;
        belay_alloc_fail_after(n);
        int status = open_script("exit 0", r, &c, &err), called = BELAY_NOMEM;
        if (status == BELAY_OK)
            called = belay_connector_command.call(
                c, &(struct belay_call_request){ .id = 1, .timeout_ms = 5000, .body = BELAY_STR("x") }, &err);
        if (called == BELAY_OK)
            belay_call_outcome_free(recorder_wait(r, 1));
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        assert_true(called == BELAY_OK || called == BELAY_NOMEM);
        if (status == BELAY_OK) {
            belay_connector_command.close(c, 0, recorder_closed, r);
            recorder_wait_closed(r);
        }
        recorder_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gets_the_body_headers_and_a_small_environment),
        cmocka_unit_test(one_that_does_not_read_is_no_failure),
        cmocka_unit_test(its_exit_code_says_whether_to_try_again),
        cmocka_unit_test(one_that_will_not_end_is_ended_with_its_children),
        cmocka_unit_test(its_output_is_bounded_and_what_children_keep_open_is_not_waited_for),
        cmocka_unit_test(no_file_of_ours_is_open_in_it),
        cmocka_unit_test(what_cannot_be_run_is_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
