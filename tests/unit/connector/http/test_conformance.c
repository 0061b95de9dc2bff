#include <stdio.h>

#include "connector/http/client.h"
#include "lib/connector_conformance.h"
#include "lib/scripted_server.h"

static struct scripted_server *server;

static void wish(void *arg, enum conformance_wish wish, struct belay_call_request *request)
{
    static const char *const paths[] = {
        [CONFORMANCE_OK] = "/ok",          [CONFORMANCE_SLOW] = "/slow/200",
        [CONFORMANCE_REFUSED] = "/status/422", [CONFORMANCE_BUSY] = "/status/503",
        [CONFORMANCE_NEVER] = "/never",    [CONFORMANCE_LOST] = "/lost",
    };
    static struct belay_field params[6][2];
    (void)arg;
    params[wish][0] = (struct belay_field){ BELAY_STR("method"), BELAY_STR("POST") };
    params[wish][1] = (struct belay_field){ BELAY_STR("path"), belay_str_c(paths[wish]) };
    request->params = params[wish];
    request->param_count = 2;
    request->body = BELAY_STR("{\"order\":\"o-1\"}");
}

static uint32_t attempts(void *arg)
{
    (void)arg;
    return scripted_server_requests(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { CONFORMANCE_TESTS };
    char url[64];
    server = scripted_server_start();
    snprintf(url, sizeof url, "http://127.0.0.1:%u", scripted_server_port(server));
    const struct belay_option *base_url = &belay_connector_http.options[0];
    const struct belay_option *username = base_url;
    while (strcmp(username->name, "username") != 0)
        username++;
    struct belay_option_value there[] = { { .option = base_url, .text = belay_str_c(url) },
                                          { .option = username, .text = BELAY_STR("me") } };
    struct belay_option_value nobody = { .option = base_url, .text = BELAY_STR("http://127.0.0.1:1") };
    struct conformance_target target = {
        .connector = &belay_connector_http,
        .options = there,
        .option_count = 1,
        .nobody = &nobody,
        .nobody_count = 1,
        .wish = wish,
        .attempts = attempts,
    };
    conformance_use(&target);
    int failed = cmocka_run_group_tests_name("on a wire", tests, NULL, NULL);
    target.option_count = 2; /* with a password */
    conformance_use(&target);
    failed += cmocka_run_group_tests_name("through libcurl", tests, NULL, NULL);
    scripted_server_stop(server);
    return failed;
}
