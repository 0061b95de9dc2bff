/* flow.c - belay flow: pause and resume the subscription of a flow or saga, or move its cursor. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"

#define RESUMED_US 300000

static const char help[] =
    "belay flow: pause, resume, or move the subscription of a flow\n\n"
    "usage: belay flow pause FLOW --reason TEXT\n"
    "       belay flow resume FLOW\n"
    "       belay flow seek FLOW --to SEQUENCE --reason TEXT\n\n"
    "A paused flow keeps its messages. Seeking forward discards what is skipped, with the reason; seeking back\n"
    "hands out again what is done.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answer as JSON\n\n"
    "example: belay flow pause notify-warehouse --reason 'stock-taking until noon'\n";

/* One that cannot read on stops again at once: so a moment later it is asked. */
static int look_again(const char *data, const char *flow)
{
    struct answer a;
    usleep(RESUMED_US); /* allow: usleep - nothing else happens in this process */
    int code = client_get(data, "/status", &a);
    if (code != EXIT_OK)
        return code;
    const belay_json *subs = belay_json_get(a.json, BELAY_STR("subscriptions")), *s;
    for (size_t i = 0; (s = belay_json_at(subs, i)); i++) {
        const belay_json *stopped = belay_json_get(s, BELAY_STR("stopped"));
        if (!belay_str_eq(json_text(s, "name"), belay_str_c(flow)) || !stopped || stopped->type != BELAY_JSON_TRUE)
            continue;
        fprintf(stderr, "belay flow: %s stops again, it cannot read on: %.*s\n", flow, BELAY_STR_ARG(json_text(s, "paused")));
        code = EXIT_NO;
    }
    answer_free(&a);
    return code;
}

static int run(int argc, char **argv)
{
    const char *data = NULL, *reason = NULL, *to = NULL;
    bool json = false;
    const struct option_spec specs[] = { { "data", &data, NULL }, { "reason", &reason, NULL }, { "to", &to, NULL },
                                         { "json", NULL, &json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, 4, &operands, &count))
        return EXIT_USAGE_;
    if (count != 2 || (strcmp(operands[0], "pause") && strcmp(operands[0], "resume") && strcmp(operands[0], "seek")))
        return usage_error("flow", "say pause, resume or seek, and which flow");
    if (strcmp(operands[0], "resume") && (!reason || !*reason))
        return usage_error("flow", "say why: --reason TEXT");
    if (strcmp(operands[0], "seek") == 0 && (!to || to[strspn(to, "0123456789")] || !*to))
        return usage_error("flow", "where to: --to SEQUENCE");
    struct belay_buf target, body;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/subscriptions/"));
    target_put(&target, operands[1]);
    belay_buf_printf(&target, "/%s", operands[0]);
    belay_buf_put_c(&target, '\0');
    belay_buf_put_str(&body, BELAY_STR("{\"reason\":"));
    belay_json_write_str(&body, belay_str_c(reason ? reason : ""));
    if (to)
        belay_buf_printf(&body, ",\"sequence\":%s", to);
    belay_buf_put(&body, "}", 2);
    int code = client_post(data, target.p, body.p, &a);
    if (code == EXIT_OK) {
        if (json)
            print_buf(&a.body);
        else
            printf("%s: %s\n", operands[1], operands[0]);
        answer_free(&a);
        if (strcmp(operands[0], "resume") == 0)
            code = look_again(data, operands[1]);
    }
    belay_buf_deinit(&target);
    belay_buf_deinit(&body);
    return code;
}

const struct command command_flow = { "flow", "pause, resume, or move the subscription of a flow", help, run };
