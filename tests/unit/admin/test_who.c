/* Who asks: what is proven is never hidden by what is said. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/room.h"
#include "admin/routes.h"
#include "admin/who.h"
#include "base/limits.h"
#include "unit/test.h"

static struct belay_str asks(const char *peer, const char *said, const char *token, struct belay_arena *arena)
{
    static struct belay_field field;
    struct admin_token t = { belay_str_c(token ? token : ""), BELAY_STR("secret"), BELAY_ROLE_ADMIN };
    field = (struct belay_field){ BELAY_STR("x-belay-user"), belay_str_c(said) };
    struct belay_http_request http = { .peer = belay_str_c(peer), .headers = &field, .header_count = *said ? 1 : 0 };
    return who_asks(&http, token ? &t : NULL, arena);
}

static void the_user_of_the_socket_is_named(void **state)
{
    (void)state;
    struct belay_arena arena;
    char peer[32];
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    const struct passwd *me = getpwuid(getuid());
    snprintf(peer, sizeof peer, "uid %u", (unsigned)getuid());
    if (me)
        assert_true(belay_str_eq(asks(peer, "", NULL, &arena), belay_str_c(me->pw_name)));
    assert_str(asks("uid 3999999999", "", NULL, &arena), "uid 3999999999");
    assert_str(asks("127.0.0.1:99", "", NULL, &arena), "127.0.0.1:99");
    assert_str(asks("", "", NULL, &arena), "unknown");
    belay_arena_deinit(&arena);
}

static void a_name_that_is_said_stands_beside_the_proven_one(void **state)
{
    (void)state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_str(asks("uid 3999999999", "alice", NULL, &arena), "alice (by uid 3999999999)");
    assert_str(asks("1.2.3.4:5", "alice", "night-shift", &arena), "alice (by night-shift)");
    assert_str(asks("1.2.3.4:5", "night-shift", "night-shift", &arena), "night-shift");
    assert_str(asks("1.2.3.4:5", "a\nb\x1b[2J", "ops", &arena), "a?b?[2J (by ops)");
    belay_arena_deinit(&arena);
}

static void no_name_is_too_long_for_the_trail(void **state)
{
    (void)state;
    struct belay_arena arena;
    char said[1001] = { 0 };
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (int i = 0; i < 500; i++)
        memcpy(said + 2 * i, "\xc3\xa4", 2);
    struct belay_str who = asks("1.2.3.4:5", said, said, &arena);
    assert_true(who.n <= BELAY_TRAIL_WHO_BYTES_MAX);
    assert_true(((unsigned char)who.p[who.n - 2] & 0xc0) == 0x80); /* the last ae is whole, then ")" */
    belay_arena_deinit(&arena);
}

static int parse(struct belay_admin *admin, const char *text)
{
    struct belay_err err;
    *admin = (struct belay_admin){ .token_text = belay_str_c(text) };
    return tokens_parse(admin, &err);
}

static void tokens_may_have_names_and_roles(void **state)
{
    (void)state;
    struct belay_admin admin;
    struct admin_token token;
    struct belay_field field = { BELAY_STR("authorization"), BELAY_STR("Bearer 2222222222222222") };
    struct belay_http_request http = { .headers = &field, .header_count = 1 };
    assert_ok(parse(&admin, "# who may come in\nnight-shift operator 1111111111111111\n\nconsole\t2222222222222222\r\n"));
    assert_int_equal(admin.token_count, 2);
    assert_int_equal(admin.tokens[0].role, BELAY_ROLE_OPERATOR);
    assert_true(token_of(&admin, NULL, &http, &token));
    assert_str(token.name, "console");
    assert_int_equal(token.role, BELAY_ROLE_ADMIN); /* of whom nothing is said */
    field.value = BELAY_STR("Bearer 222222222222222");
    assert_false(token_of(&admin, NULL, &http, &token));
    field.value = BELAY_STR("Bearer ");
    assert_false(token_of(&admin, NULL, &http, &token));
    assert_ok(parse(&admin, "1111111111111111"));
    assert_str(admin.tokens[0].name, "token");
    assert_ok(parse(&admin, ""));
    assert_int_equal(admin.token_count, 0);
}

static void lines_that_let_in_nobody_knows_whom_are_refused(void **state)
{
    (void)state;
    struct belay_admin admin;
    static const char *const bad[] = {
        "night-shift 1234", "a 1111111111111111 b", "a root 1111111111111111", "a viewer 1111111111111111 x",
        "a 1111111111111111\na 2222222222222222", "a 1111111111111111\nb viewer 1111111111111111",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(&admin, bad[i]), BELAY_INVALID);
}

static void tokens_of_the_configuration_count_too(void **state)
{
    (void)state;
    struct belay_admin admin;
    struct admin_token token;
    const struct belay_caller_def callers[] = { { BELAY_STR("grafana"), BELAY_STR("3333333333333333"), BELAY_ROLE_VIEWER } };
    struct belay_definitions d = { .tokens = callers, .token_count = 1 };
    struct belay_field field = { BELAY_STR("authorization"), BELAY_STR("Bearer 3333333333333333") };
    struct belay_http_request http = { .headers = &field, .header_count = 1 };
    assert_ok(parse(&admin, ""));
    assert_true(token_of(&admin, &d, &http, &token));
    assert_str(token.name, "grafana");
    assert_int_equal(token.role, BELAY_ROLE_VIEWER);
    assert_false(token_of(&admin, NULL, &http, &token));
}

static void users_of_the_socket_have_roles(void **state)
{
    (void)state;
    struct belay_arena arena;
    char me[32];
    const struct belay_caller_def callers[] = { { BELAY_STR("daemon"), BELAY_STR(""), BELAY_ROLE_OPERATOR } };
    struct belay_definitions d = { .users = callers, .user_count = 1 };
    belay_arena_init(&arena, 0, BELAY_KIB(64));
    snprintf(me, sizeof me, "uid %u", (unsigned)geteuid());
    assert_int_equal(role_of_user(NULL, belay_str_c(me), &arena), BELAY_ROLE_ADMIN);
    assert_int_equal(role_of_user(&d, BELAY_STR("uid 0"), &arena), BELAY_ROLE_ADMIN);
    assert_int_equal(role_of_user(&d, BELAY_STR("uid 3999999999"), &arena), BELAY_ROLE_NONE);
    assert_int_equal(role_of_user(&d, BELAY_STR("127.0.0.1:99"), &arena), BELAY_ROLE_NONE);
    const struct passwd *daemon = getpwnam("daemon");
    if (daemon) {
        snprintf(me, sizeof me, "uid %u", (unsigned)daemon->pw_uid);
        assert_int_equal(role_of_user(&d, belay_str_c(me), &arena), BELAY_ROLE_OPERATOR);
        assert_int_equal(role_of_user(NULL, belay_str_c(me), &arena), BELAY_ROLE_NONE);
    }
    belay_arena_deinit(&arena);
}

/* A route without a role would be everybody's. */
static void every_route_needs_a_role_and_changes_need_more_than_a_look(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < admin_route_count; i++) {
        const struct admin_route *r = &admin_routes[i];
        bool looks = strcmp(r->method, "GET") == 0 || strcmp(r->operation, "rehearse") == 0;
        assert_true(r->role >= BELAY_ROLE_VIEWER && r->role <= BELAY_ROLE_ADMIN);
        if (looks != (r->role == BELAY_ROLE_VIEWER))
            fail_msg("%s %s: %s", r->method, r->path, belay_role_name(r->role));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_user_of_the_socket_is_named),
        cmocka_unit_test(a_name_that_is_said_stands_beside_the_proven_one),
        cmocka_unit_test(no_name_is_too_long_for_the_trail),
        cmocka_unit_test(tokens_may_have_names_and_roles),
        cmocka_unit_test(lines_that_let_in_nobody_knows_whom_are_refused),
        cmocka_unit_test(tokens_of_the_configuration_count_too),
        cmocka_unit_test(users_of_the_socket_have_roles),
        cmocka_unit_test(every_route_needs_a_role_and_changes_need_more_than_a_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
