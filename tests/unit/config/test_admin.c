/* admin: tokens and users with roles; what nobody could tell apart is refused. */
#include <stdio.h>

#include "base/alloc.h"
#include "config/config.h"
#include "unit/config/files.h"

#define HEAD "belay: 1\nname: a\n"
#define ONE "1111111111111111"
#define TWO "2222222222222222"

static const char *problems(struct mem_config *m)
{
    static char text[4096];
    struct belay_buf out;
    belay_buf_init(&out, sizeof text);
    mem_write_problems(m, &out);
    snprintf(text, sizeof text, "%.*s", (int)out.n, out.p ? out.p : "");
    belay_buf_deinit(&out);
    return text;
}

static void tokens_and_users_have_roles(void **state)
{
    static const struct mem_file files[] = {
        { "a.belay.yaml", HEAD "admin:\n  tokens:\n    alice: { role: operator, token: '${file:/run/alice}' }\n  users: { deploy: viewer }\n" },
        { "b.belay.yaml", "belay: 1\nadmin: { tokens: { grafana: { role: viewer, token: '${file:/run/grafana}' } } }\n" },
        { "/run/alice", ONE "\n" }, { "/run/grafana", TWO "\n" }, { 0 } };
    struct mem_config m;
    (void)state;
    mem_load(&m, files);
    assert_string_equal(problems(&m), "");
    assert_int_equal(m.d->token_count, 2);
    assert_str(m.d->tokens[0].name, "alice");
    assert_str(m.d->tokens[0].token, ONE);
    assert_int_equal(m.d->tokens[0].role, BELAY_ROLE_OPERATOR);
    assert_int_equal(m.d->tokens[1].role, BELAY_ROLE_VIEWER);
    assert_int_equal(m.d->user_count, 1);
    assert_str(m.d->users[0].name, "deploy");
    assert_int_equal(m.d->users[0].role, BELAY_ROLE_VIEWER);
    mem_free(&m);
}

static void assert_problem(const char *text, const char *wanted)
{
    struct mem_config m;
    mem_load_text(&m, text);
    if (!strstr(problems(&m), wanted))
        fail_msg("%s: %s", text, problems(&m));
    mem_free(&m);
}

static void what_is_wrong_is_told(void **state)
{
    static const struct mem_file twice[] = {
        { "a.belay.yaml", HEAD "admin: { users: { deploy: viewer } }\n" },
        { "b.belay.yaml", "belay: 1\nadmin: { users: { deploy: admin } }\n" }, { 0 } };
    struct mem_config m;
    (void)state;
    assert_problem(HEAD "admin: { tokens: { a: { role: root, token: " ONE " } } }\n", "'role' is viewer, operator or admin, not 'root'");
    assert_problem(HEAD "admin: { tokens: { a: { token: " ONE " } } }\n", "an admin-token needs 'role'");
    assert_problem(HEAD "admin: { tokens: { a: { role: viewer } } }\n", "an admin-token needs 'token'");
    assert_problem(HEAD "admin: { tokens: { a: { role: viewer, token: short } } }\n", "less than 16 characters");
    assert_problem(HEAD "admin:\n  tokens:\n    a: { role: viewer, token: " ONE " }\n    b: { role: admin, token: " ONE " }\n",
                   "'a' has the same token");
    assert_problem(HEAD "admin:\n  tokens:\n    a: { role: viewer, token: " ONE " }\n    a: { role: admin, token: " TWO " }\n", "duplicate-key");
    assert_problem(HEAD "admin: { tokens: { a: { role: viewer, token: " ONE " } } }\n", "warning: the token stands in the file");
    assert_problem(HEAD "admin: { tokens: [ a ] }\n", "a mapping of names is wanted here");
    mem_load(&m, twice);
    assert_non_null(strstr(problems(&m), "'deploy' is defined twice"));
    mem_free(&m);
}

static void without_memory_there_is_no_set(void **state)
{
    int status = BELAY_NOMEM;
    (void)state;
    for (uint64_t n = 0; n < 4000 && status != BELAY_OK; n++) {
        struct mem_config m;
        belay_alloc_fail_after(n);
        mem_load_text(&m, HEAD "admin: { tokens: { a: { role: viewer, token: " ONE " } }, users: { b: admin } }\n");
        belay_alloc_fail_after(UINT64_MAX);
        status = m.status;
        assert_true(status == BELAY_OK ? m.d->token_count == 1 && m.d->user_count == 1 : !m.d);
        mem_free(&m);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_and_users_have_roles),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(without_memory_there_is_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
