#include "config/config.h"

#include <stdio.h>

#include "base/alloc.h"
#include "unit/config/files.h"

#define HEAD "belay: 1\nname: a\n"

static const struct belay_alert_def *rule(const struct mem_config *m, const char *name)
{
    for (uint32_t i = 0; m->d && i < m->d->alert_count; i++)
        if (belay_str_eq(m->d->alerts[i].name, belay_str_c(name)))
            return &m->d->alerts[i];
    return NULL;
}

static const char *problems(struct mem_config *m)
{
    static char text[4096];
    struct belay_buf out;
    belay_buf_init(&out, sizeof text);
    mem_write_problems(m, &out);
    snprintf(text, sizeof text, "%s", out.p);
    belay_buf_deinit(&out);
    return text;
}

static void without_a_word_the_built_in_rules_hold(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD);
    assert_ok(m.status);
    const struct belay_alert_def *letters = rule(&m, "dead-letters"), *disk = rule(&m, "disk-low");
    assert_non_null(letters);
    assert_int_equal(letters->on, BELAY_ALERT_LETTERS);
    assert_true(letters->urgent && letters->bound == 0 && letters->to_count == 0);
    assert_true(disk->below && disk->bound == 512.0 * 1024 * 1024);
    assert_true(rule(&m, "stalled")->bound == 900000);
    assert_int_equal(rule(&m, "crashed")->within_ms, 3600000);
    assert_int_equal(m.d->flow_count, 0);
    mem_free(&m);
}

static const char *lint(struct mem_config *m, const char *yaml)
{
    struct belay_buf text;
    belay_buf_init(&text, 1 << 16);
    belay_buf_printf(&text, HEAD "alerts:\n%s", yaml);
    belay_buf_put_c(&text, '\0');
    mem_load_text(m, text.p);
    belay_buf_deinit(&text);
    return problems(m);
}

static const char *nothing_runs_but_sh(const char *path)
{
    return strcmp(path, "/bin/sh") == 0 ? NULL : "No such file or directory";
}

/* Asked only where somebody can look: it may be for another machine. */
static void a_program_that_is_not_there_is_named(void **state)
{
    struct mem_config m;
    const struct mem_file files[] = {
        { "belay.yaml", HEAD "alerts:\n  channels:\n    horn: { command: [/bin/horn, --loud] }\n    ok: { command: /bin/sh }\n" }, { 0 },
    };
    (void)state;
    mem_load(&m, files);
    assert_string_equal(problems(&m), "");
    mem_free(&m);
    struct belay_definitions *d;
    mem_load(&m, files);
    belay_problems_deinit(&m.problems);
    belay_problems_init(&m.problems);
    m.opt.cannot_run = nothing_runs_but_sh;
    assert_ok(belay_config_load(&m.opt, &d, &m.problems, &m.err));
    assert_non_null(strstr(problems(&m), ": warning: alerts.horn: '/bin/horn' cannot be executed here: No such file or directory"));
    assert_int_equal(m.problems.count, 1);
    belay_definitions_unref(d);
    mem_free(&m);
}

static void a_command_may_be_a_list(void **state)
{
    struct mem_config m;
    (void)state;
    assert_string_equal(lint(&m, "  channels: { horn: { command: [/bin/sh, -c, 'exit 0'] } }\n"), "");
    assert_ok(m.status);
    assert_int_equal(m.d->connection_count, 1);
    mem_free(&m);
    assert_non_null(strstr(lint(&m, "  channels: { hook: { webhook: [ a ] } }\n"), "a mapping is wanted here, not a list"));
    mem_free(&m);
}

static void a_program_without_its_path_is_named_with_its_channel(void **state)
{
    struct mem_config m;
    (void)state;
    assert_non_null(strstr(lint(&m, "  channels: { horn: { command: pager.sh } }\n"),
                           "4:32: error: alerts.horn: 'pager.sh' is no absolute path"));
    mem_free(&m);
}

static void a_rule_that_can_never_fire_is_named(void **state)
{
    struct mem_config m;
    (void)state;
    const char *said = lint(&m, "  rules:\n    a: { event: mesage.parked }\n    b: { event: message.parked }\n    c: { event: 'saga.*' }\n"
                                "    stalld: { off: true }\n    lost: { off: true }\n");
    assert_non_null(strstr(said, "5:17: warning: no event is called 'mesage.parked'; did you mean 'message.parked'?"));
    assert_non_null(strstr(said, "8:5: warning: no built-in rule is called 'stalld': nothing is off; did you mean 'stalled'?"));
    assert_int_equal(m.problems.count, 2);
    mem_free(&m);
    said = lint(&m, "  rules:\n    a: { event: something.else }\n    b: { event: runtime.ready }\n    c: { event: 'sga.*' }\n"
                    "    d: { event: 'api.*' }\n    e: { event: '*' }\n");
    assert_non_null(strstr(said, "5:17: warning: no event is called 'something.else'; docs/events.md lists those that are"));
    assert_non_null(strstr(said, "6:17: warning: 'runtime.ready' stands in the log and is not counted"));
    assert_non_null(strstr(said, "7:17: warning: no event that is counted begins with 'sga.'"));
    assert_non_null(strstr(said, "8:17: warning: no event that is counted begins with 'api.'"));
    assert_int_equal(m.problems.count, 4);
    mem_free(&m);
}

static const char places[] =
    HEAD "topics: { facts: {} }\nqueues: { work: {} }\nconnections: { bank: { http: { base_url: 'http://b' } } }\n"
         "flows:\n  pay-in: { from: { queue: work }, steps: [ call: { connection: bank, method: GET, path: / } ] }\n"
         "sagas:\n  buy: { from: { topic: facts }, id: '{% id %}', steps: [ { name: paid, await: { topic: facts, timeout: 1h, match: '{% id %}' } } ] }\n";

static void a_rule_of_something_that_there_is_not_is_named(void **state)
{
    static const struct {
        const char *rule, *want; /* NULL: it fits */
    } rows[] = {
        { "on: oldest, of: pay-in", NULL },
        { "on: oldest, of: pay-*", NULL },
        { "on: oldest, of: buy", NULL },
        { "on: oldest, of: buy/paid", NULL },
        { "on: oldest, of: alerts.ops", NULL },
        { "on: sagas_parked, of: buy", NULL },
        { "on: breaker, of: bank", NULL },
        { "on: queue_full, of: work", NULL },
        { "on: certificate, of: connection bank", NULL },
        { "event: breaker.opened, of: bank", NULL },
        { "event: message.parked, of: 'b*'", NULL },
        { "on: oldest, of: pay-inn", "no flow or saga that reads messages is called 'pay-inn'; did you mean 'pay-in'?" },
        { "on: oldest, of: bank", "no flow or saga that reads messages is called 'bank'" },
        { "on: oldest, of: pya-*", "nothing it could be of begins with 'pya-'" },
        { "on: saga_idle, of: pay-in", "no saga is called 'pay-in'" },
        { "on: breaker, of: banks", "no connection is called 'banks'; did you mean 'bank'?" },
        { "on: queue_full, of: wrok", "no queue or topic is called 'wrok'; did you mean 'work'?" },
        { "on: certificate, of: bank", "certificates are of 'api NAME' or 'connection NAME', and none is of 'bank'" },
        { "on: disk_free, below: 1GiB, of: pay-in", "this figure is of the whole, not of 'pay-in'; leave 'of' out" },
        { "event: message.parked, of: nobody", "no flow, saga, connection, queue or topic is called 'nobody'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mem_config m;
        char text[1024];
        snprintf(text, sizeof text, "%salerts: { channels: { ops: { log: {} } }, rules: { r: { %s } } }\n", places, rows[i].rule);
        mem_load_text(&m, text);
        const char *said = problems(&m);
        if (m.status != BELAY_OK || (rows[i].want ? !strstr(said, rows[i].want) : !!strstr(said, "never-fires")))
            fail_msg("%s: %s\nwanted: %s", rows[i].rule, said, rows[i].want ? rows[i].want : "nothing");
        mem_free(&m);
    }
}

static void a_channel_becomes_a_connection_a_queue_and_a_flow(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "alerts:\n"
                           "  to: ops\n"
                           "  channels:\n"
                           "    ops: { webhook: { url: 'https://hooks.example/${SECRET}?v=1', preset: slack } }\n"
                           "    page: { webhook: { preset: pagerduty, key: '${SECRET}' }, retry: { max_attempts: 3 } }\n"
                           "    quiet: { log: {} }\n");
    assert_string_equal(problems(&m), "");
    assert_ok(m.status);
    assert_non_null(belay_definitions_connection(m.d, BELAY_STR("alerts.ops")));
    assert_true(belay_definitions_topic(m.d, BELAY_STR("alerts.page"))->queue);
    const struct belay_flow_def *page = belay_definitions_flow(m.d, BELAY_STR("alerts.page"));
    assert_int_equal(page->retry.max_attempts, 3);
    assert_int_equal(belay_definitions_flow(m.d, BELAY_STR("alerts.ops"))->retry.max_attempts, 8);
    assert_int_equal(belay_definitions_flow(m.d, BELAY_STR("alerts.quiet"))->has_calls, false);
    assert_true(belay_str_eq(rule(&m, "dead-letters")->to[0], BELAY_STR("ops")));
    /* What is kept of the flow must not hold the secret. */
    assert_null(strstr(page->text.p, "hush"));
    assert_non_null(strstr(page->text.p, "${SECRET}"));
    mem_free(&m);
}

static void mails_and_programs_are_connections_of_their_own_kind(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "alerts:\n"
                           "  channels:\n"
                           "    mail: { email: { server: 'mail.example:587', username: ops, password: '${SECRET}', from: a@b.c,\n"
                           "                     to: [ann@b.c, bob@b.c] } }\n"
                           "    page: { command: /bin/true }\n"
                           "    loud: { command: { run: [/bin/sh, -c, 'exit 0'], env: { A: b }, timeout: 5s } }\n");
    assert_string_equal(problems(&m), "");
    assert_ok(m.status);
    const struct belay_connection_def *mail = belay_definitions_connection(m.d, BELAY_STR("alerts.mail")),
                                      *loud = belay_definitions_connection(m.d, BELAY_STR("alerts.loud"));
    assert_true(belay_str_eq(mail->connector, BELAY_STR("smtp")) && mail->honours_key);
    assert_true(belay_str_eq(loud->connector, BELAY_STR("command")) && loud->honours_key);
    assert_int_equal(loud->timeout_ms, 5000);
    assert_int_equal(belay_definitions_connection(m.d, BELAY_STR("alerts.page"))->timeout_ms, 30000);
    assert_null(strstr(belay_definitions_flow(m.d, BELAY_STR("alerts.mail"))->text.p, "hush"));
    mem_free(&m);
}

static void a_rule_says_what_when_and_to_whom(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "queues: { work: {} }\nflows: { pay-in: { from: { queue: work }, steps: [ log: hello ] } }\n"
                           "alerts:\n"
                           "  channels: { a: { log: {} }, b: { log: {} } }\n"
                           "  rules:\n"
                           "    slow: { on: oldest, of: pay-*, above: 90s, for: 10s, level: error, to: [b, a] }\n"
                           "    disk-low: { on: disk_free, below: 2GiB }\n"
                           "    undone: { event: \"saga.*\", above: 3, within: 5m, summary: sagas go wrong }\n"
                           "    stalled: { off: true }\n");
    assert_string_equal(problems(&m), "");
    const struct belay_alert_def *slow = rule(&m, "slow"), *undone = rule(&m, "undone");
    assert_true(slow->bound == 90000 && slow->urgent && slow->to_count == 2);
    assert_true(belay_str_eq(slow->subject, BELAY_STR("pay-*")));
    assert_true(rule(&m, "disk-low")->bound == 2.0 * 1024 * 1024 * 1024);
    assert_int_equal(undone->on, BELAY_ALERT_EVENT);
    assert_int_equal(undone->within_ms, 300000);
    assert_true(undone->bound == 3);
    assert_null(rule(&m, "stalled"));
    assert_non_null(rule(&m, "dead-letters"));
    mem_free(&m);
}

static void the_built_in_rules_can_be_left_out(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "alerts: { built_in: false }\n");
    assert_ok(m.status);
    assert_int_equal(m.d->alert_count, 0);
    mem_free(&m);
}

static void mistakes_are_named_where_they_are(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "alerts:\n  rules: { r: { on: letters, to: opps } }\n  channels: { ops: { log: {} } }\n",
          "belay.yaml:4:34: error: there is no alert channel 'opps'" },
        { "alerts:\n  rules: { r: { above: 1 } }\n", "belay.yaml:4:15: error: an alert rule needs 'on' or 'event'" },
        { "alerts:\n  rules: { r: { on: oldest, above: soon } }\n", "4:36: error: a duration (15m) is wanted here" },
        { "alerts:\n  channels: { c: { webhook: { preset: pagerduty } } }\n", "needs 'key'" },
        { "alerts:\n  channels: { c: { webhook: {} } }\n", "a webhook needs 'url'" },
        { "alerts:\n  channels: { c: { email: { server: m, from: a@b } } }\n", "needs 'to'" },
        { "alerts:\n  channels: { c: { email: { server: m, from: a@b, to: [a@b, c] } } }\n", "is no address: 'c'" },
        { "alerts:\n  channels: { c: { email: { server: m, from: a@b, to: c@d, tls: ssl } } }\n", "is starttls, tls or none" },
        { "alerts:\n  channels: { c: { command: { env: { A: b } } } }\n", "needs 'run'" },
        { "alerts:\n  channels: { c: { command: { run: /bin/true, env: { 'A=B': b } } } }\n", "is no name of a variable" },
        { "alerts:\n  channels: { c: {} }\n", "belay.yaml:4:18: error:" },
        { "alerts:\n  channels:\n    c:\n      webhook: { url: 'http://x', body: '{% $sum( %}' }\n",
          "belay.yaml:6:51: error:" },
        { "alerts:\n  rules: { r: { on: letters, within: 5m } }\n", "'within' goes with 'event'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mem_config m;
        char text[512];
        snprintf(text, sizeof text, HEAD "%s", rows[i].text);
        mem_load_text(&m, text);
        assert_int_equal(m.status, BELAY_INVALID);
        if (!strstr(problems(&m), rows[i].want))
            fail_msg("%s\nwanted: %s", problems(&m), rows[i].want);
        mem_free(&m);
    }
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 4000; n += 1 + n / 20) {
        struct mem_config m;
        belay_alloc_fail_after(n);
        mem_load_text(&m, HEAD "alerts: { channels: { ops: { webhook: 'http://x/y' } }, to: ops }\n");
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(m.status == BELAY_OK || m.status == BELAY_NOMEM || m.problems.error_count);
        mem_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_is_not_there_is_named),
        cmocka_unit_test(a_command_may_be_a_list),
        cmocka_unit_test(a_program_without_its_path_is_named_with_its_channel),
        cmocka_unit_test(a_rule_that_can_never_fire_is_named),
        cmocka_unit_test(a_rule_of_something_that_there_is_not_is_named),
        cmocka_unit_test(without_a_word_the_built_in_rules_hold),
        cmocka_unit_test(a_channel_becomes_a_connection_a_queue_and_a_flow),
        cmocka_unit_test(mails_and_programs_are_connections_of_their_own_kind),
        cmocka_unit_test(a_rule_says_what_when_and_to_whom),
        cmocka_unit_test(the_built_in_rules_can_be_left_out),
        cmocka_unit_test(mistakes_are_named_where_they_are),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
