/* No way through a flow on which a message is gone: what is refused, and what is not. */
#include "config/config.h"

#include "unit/config/files.h"

#define HEAD "belay: 1\nname: a\n"                           /* lines 1, 2 */
#define CALLS "connections:\n  c: { http: { base_url: http://h } }\n" /* 3, 4 */
#define FLOW HEAD CALLS "topics: { t: {}, failed: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps: [ { publish: { topic: failed } } ]\n" /* to 9 */
#define RULE FLOW "    on_error:\n      - when: '*'\n        steps:\n" /* to 12 */
#define API HEAD CALLS "topics: { t: {} }\napis: { w: { listen: ':80', openapi: api.yaml } }\nflows:\n  f:\n    from: { api: w, operation: place }\n" /* to 9 */
#define OPENAPI "openapi: 3.1.0\npaths:\n  /o:\n    post: { operationId: place }\n"

/* Errors, each on a line. */
static const char *refused(const char *yaml, struct belay_buf *out)
{
    const struct mem_file files[] = { { "belay.yaml", yaml }, { "api.yaml", OPENAPI }, { 0 } };
    struct mem_config m;
    mem_load(&m, files);
    belay_buf_clear(out);
    for (uint32_t i = 0; i < m.problems.count; i++) {
        const struct belay_problem *p = &m.problems.items[i];
        if (p->level == BELAY_PROBLEM_ERROR)
            belay_buf_printf(out, "%u:%u: %s\n", p->place.line, p->place.column, p->rule);
    }
    belay_buf_put_c(out, '\0');
    mem_free(&m);
    return out->p;
}

struct way {
    const char *yaml, *said;
};

static void check_all(const struct way *ways, size_t count)
{
    struct belay_buf out;
    belay_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(refused(ways[i].yaml, &out), ways[i].said))
            print_error("%s", ways[i].yaml);
        assert_string_equal(out.p, ways[i].said);
    }
    belay_buf_deinit(&out);
}
#define CHECK_ALL(ways) check_all(ways, sizeof(ways) / sizeof(ways)[0])

static void an_error_rule_that_swallows_is_refused_where_it_ends(void **state)
{
    static const struct way ways[] = {
        { RULE "          - log: x\n", "13:13: swallows\n" },
        { RULE "          - log: x\n          - set: { a: x }\n", "14:13: swallows\n" },
        { RULE "          - call: { connection: c, method: GET, path: / }\n", "13:13: swallows\n" },
        { RULE "          - choose: [ { when: '{% a %}', steps: [ { dead_letter: {} } ] } ]\n", "13:13: swallows\n" },
        { RULE "          - choose:\n              - { when: '{% a %}', steps: [ { dead_letter: {} } ] }\n"
               "              - otherwise: [ { log: x } ]\n", "15:30: swallows\n" },
        { RULE "          - filter: { when: '{% a %}', reason: no }\n", "13:13: swallows\n" },
        /* and these keep the message, or say why not */
        { RULE "          - log: x\n          - dead_letter: {}\n", "" },
        { RULE "          - publish: { topic: failed }\n          - log: x\n", "" },
        { RULE "          - call: { connection: c, method: POST, path: / }\n", "" },
        { RULE "          - log: x\n          - discard: { reason: nobody misses it }\n", "" },
        { RULE "          - discard: nobody misses it\n", "" },
        { RULE "          - choose:\n              - { when: '{% a %}', steps: [ { log: x } ] }\n"
               "              - otherwise: [ { log: y } ]\n          - publish: { topic: failed }\n", "" },
    };
    (void)state;
    CHECK_ALL(ways);
}

static void a_202_is_refused_where_nothing_was_kept(void **state)
{
    static const struct way ways[] = {
        { API "    reply: { status: 202 }\n", "10:12: reply-before-durable\n" },
        { API "    steps: [ { log: x } ]\n    reply: { status: 202 }\n", "11:12: reply-before-durable\n" },
        { API "    steps:\n      - choose: [ { when: '{% a %}', steps: [ { publish: { topic: t } } ] } ]\n"
              "    reply: { status: 202 }\n", "12:12: reply-before-durable\n" },
        { API "    steps: [ { reply: { status: 202 } } ]\n", "10:14: reply-before-durable\n" },
        { API "    steps: [ { publish: { topic: t } } ]\n    reply: { status: 202 }\n", "" },
        { API "    steps: [ { call: { connection: c, method: PUT, path: / } } ]\n    reply: { status: 202 }\n", "" },
        { API "    reply: { status: 200 }\n", "" },
        { API "    reply: { status: '{% code %}' }\n", "" },
    };
    (void)state;
    CHECK_ALL(ways);
}

static void a_filter_says_what_becomes_of_the_others(void **state)
{
#define STEPS HEAD CALLS "topics: { t: {}, u: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n" /* to 9 */
    static const struct way ways[] = {
        { STEPS "      - filter: '{% a %}'\n", "10:17: one-of\n" },
        { STEPS "      - filter: { when: '{% a %}', else: [] }\n", "10:42: vanishes\n" },
        { STEPS "      - filter: { when: '{% a %}', else: [ { log: x } ], reason: x }\n", "10:58: one-of\n" },
        { STEPS "      - filter: { when: '{% a %}', discard: { reason: x } }\n", "" },
        { STEPS "      - filter: { when: '{% a %}', reason: x }\n", "" },
        { STEPS "      - filter: { when: '{% a %}', else: [ { publish: { topic: u } } ] }\n      - log: x\n", "" },
    };
    (void)state;
    CHECK_ALL(ways);
}

static void what_failed_may_not_expire_unseen(void **state)
{
#define TOPICS(failed, reader) HEAD "topics: { t: {}, failed: " failed " }\nflows:\n  f:\n    from: { topic: t }\n"             \
    "    steps: [ { log: x } ]\n    on_error: [ { when: '*', steps: [ { publish: { topic: failed } } ] } ]\n" reader
    static const struct way ways[] = {
        { TOPICS("{ retain: 7d }", ""), "3:18: expires-unseen\n" },
        { TOPICS("{ retain: 7d, retain_bytes: 1MiB }", ""), "3:18: expires-unseen\n" },
        { TOPICS("{ retain: 7d, discard: { reason: a week is enough } }", ""), "" },
        { TOPICS("{}", ""), "" },
        { TOPICS("{ retain: 7d }", "  g: { from: { topic: failed }, steps: [ { log: x } ] }\n"), "" },
    };
    (void)state;
    CHECK_ALL(ways);
}

static void letters_of_sagas_may_not_expire_unseen_either(void **state)
{
#define SAGA(alerts) HEAD CALLS "topics: { t: {}, u: {} }\n" alerts "sagas:\n  s:\n    from: { topic: t }\n    id: '{% id %}'\n" \
    "    dead_letters: { expire_after: 7d, reason: x }\n    steps:\n"                                                     \
    "      - { name: a, call: { connection: c, method: PUT, path: / }, compensate: {} }\n"                             \
    "      - { name: b, await: { topic: u, match: '{% id %}', timeout: 1d } }\n"
#define TO "alerts: { to: ops, channels: { ops: { log: {} } }, rules: { letters-expiring: { on: letters_limit, above: 50, of: "
    static const struct way ways[] = {
        { SAGA("alerts: {}\n"), "8:3: expires-unseen\n14:9: expires-unseen\n" },
        { SAGA("alerts: { to: ops, channels: { ops: { log: {} } } }\n"), "" },
        { SAGA(TO "'s*' }, dead-letters: { off: true }, letters-old: { off: true }, letters-many: { off: true } } }\n"), "" },
        { SAGA(TO "s }, dead-letters: { off: true }, letters-old: { off: true }, letters-many: { off: true } } }\n"),
          "14:9: expires-unseen\n" },
    };
    (void)state;
    CHECK_ALL(ways);
}

/* Unless it leaves open who reads, or who is told. */
static void a_mistake_elsewhere_hides_none_of_it(void **state)
{
#define WRONG(from) "  wrong: { from: { topic: " from " }, steps: [ { log: '{% 1 + %}' } ] }\n"
    static const struct way ways[] = {
        { TOPICS("{ retain: 7d }", WRONG("t")), "3:18: expires-unseen\n9:56: expression\n" },
        { TOPICS("{ retain: 7d }", WRONG("failed")), "9:61: expression\n" },
        { TOPICS("{ retain: 7d }", WRONG("fialed")), "9:27: unknown-topic\n9:61: expression\n" },
        { SAGA("alerts: {}\n") "flows:\n" WRONG("t"), "8:3: expires-unseen\n14:9: expires-unseen\n16:56: expression\n" },
        { SAGA("alerts: { tos: ops }\n"), "6:11: unknown-key\n" },
    };
    (void)state;
    CHECK_ALL(ways);
}

static void an_else_is_a_way_of_its_own(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, STEPS "      - filter: { when: '{% a %}', else: [ { publish: { topic: u } } ] }\n      - log: x\n");
    assert_ok(m.status);
    const struct belay_flow_def *f = &m.d->flows[0];
    const struct belay_step_def *filter = &f->steps[f->first];
    assert_int_equal(filter->kind, BELAY_STEP_CHOOSE);
    assert_int_equal(filter->u.choose.count, 2);
    const struct belay_step_def *passed = &f->steps[filter->u.choose.choices[0].first];
    const struct belay_step_def *others = &f->steps[filter->u.choose.choices[1].first];
    assert_int_equal(passed->kind, BELAY_STEP_LOG);
    assert_int_equal(others->kind, BELAY_STEP_PUBLISH);
    assert_int_equal(others->next, BELAY_STEP_END);
    mem_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_rule_that_swallows_is_refused_where_it_ends),
        cmocka_unit_test(a_202_is_refused_where_nothing_was_kept),
        cmocka_unit_test(a_filter_says_what_becomes_of_the_others),
        cmocka_unit_test(what_failed_may_not_expire_unseen),
        cmocka_unit_test(letters_of_sagas_may_not_expire_unseen_either),
        cmocka_unit_test(a_mistake_elsewhere_hides_none_of_it),
        cmocka_unit_test(an_else_is_a_way_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
