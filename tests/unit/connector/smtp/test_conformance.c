/* The mail connector against a server that behaves as the recipient's name says. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "connector/smtp/smtp.h"
#include "lib/connector_conformance.h"
#include "lib/smtp_server.h"

static void wish(void *arg, enum conformance_wish wish, struct belay_call_request *request)
{
    static const char *const who[] = {
        [CONFORMANCE_OK] = "ok@example.com",           [CONFORMANCE_SLOW] = "slow@example.com",
        [CONFORMANCE_REFUSED] = "refused@example.com", [CONFORMANCE_BUSY] = "busy@example.com",
        [CONFORMANCE_NEVER] = "never@example.com",     [CONFORMANCE_LOST] = "lost@example.com",
    };
    static struct belay_field params[6][2];
    (void)arg;
    params[wish][0] = (struct belay_field){ BELAY_STR("to"), belay_str_c(who[wish]) };
    params[wish][1] = (struct belay_field){ BELAY_STR("subject"), BELAY_STR("hello") };
    request->params = params[wish];
    request->param_count = 2;
    request->body = BELAY_STR("text\n");
}

static uint32_t attempts(void *arg)
{
    (void)arg;
    return smtp_server_attempts();
}

static const struct belay_option *option(const char *name)
{
    const struct belay_option *o = belay_connector_smtp.options;
    while (strcmp(o->name, name) != 0)
        o++;
    return o;
}

static int open_with(const char *server, const char *tls, const char *from, const char *password, struct belay_err *err)
{
    struct belay_connection *c = NULL;
    const struct belay_option_value options[] = { { .option = option("server"), .text = belay_str_c(server) },
                                                  { .option = option("tls"), .text = belay_str_c(tls) },
                                                  { .option = option("from"), .text = belay_str_c(from) },
                                                  { .option = option("username"), .text = BELAY_STR("u") },
                                                  { .option = option("password"), .text = belay_str_c(password) } };
    const struct belay_connection_config config = { .options = options, .option_count = *password ? 5 : 3, .concurrency = 1 };
    int status = belay_connector_smtp.open(&config, recorder_done, NULL, &c, err);
    assert_null(c);
    return status;
}

static void options_that_cannot_be_right_are_refused(void **state)
{
    static const struct {
        const char *server, *tls, *from, *password, *want;
    } rows[] = { { "a/b", "starttls", "a@b", "", "server: is a host" },
                 { "mail:25", "ssl", "a@b", "", "tls: is starttls" },
                 { "mail:25", "starttls", "nobody", "", "from: is no address" },
                 { "mail:25", "none", "a@b", "x", "password: does not go over" },
                 { "mail:25", "starttls", "a@b", "x\ny", "password: must not hold control" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_err err;
        assert_int_equal(open_with(rows[i].server, rows[i].tls, rows[i].from, rows[i].password, &err), BELAY_INVALID);
        if (!strstr(err.msg, rows[i].want))
            fail_msg("%s, not %s", err.msg, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { CONFORMANCE_TESTS, cmocka_unit_test(options_that_cannot_be_right_are_refused) };
    char server[64];
    signal(SIGPIPE, SIG_IGN); /* of the server: its clients leave */
    snprintf(server, sizeof server, "127.0.0.1:%u", smtp_server_start());
    const struct belay_option_value there[] = { { .option = option("server"), .text = belay_str_c(server) },
                                                { .option = option("tls"), .text = BELAY_STR("none") },
                                                { .option = option("from"), .text = BELAY_STR("me@example.com") } },
                                    nobody[] = { { .option = option("server"), .text = BELAY_STR("127.0.0.1:1") }, there[1],
                                                 there[2] };
    conformance_use(&(struct conformance_target){ .connector = &belay_connector_smtp, .options = there, .option_count = 3,
                                                  .nobody = nobody, .nobody_count = 3, .wish = wish, .attempts = attempts });
    return cmocka_run_group_tests(tests, NULL, NULL);
}
