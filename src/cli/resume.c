/* resume.c - belay resume: a person has looked at what was restored. */
#include <stdio.h>

#include "cli/client.h"

static const char help[] =
    "belay resume: lets a restored store go on\n\n"
    "usage: belay resume [--data DIR] [--reason TEXT]\n\n"
    "After `belay store restore` Belay starts and handles nothing: APIs answer 503, flows, sagas and timers wait, while\n"
    "`belay status`, `audit`, `dlq`, `saga` and `lane` show what there is and take a person's word. This ends it. A\n"
    "single paused flow goes on with `belay flow resume FLOW`.\n"
    "Exit: 0 it goes on, 1 it was not held, 69 nobody serves the data directory.\n\n"
    "  --data DIR     the data directory (belay-data)\n"
    "  --reason TEXT  kept in the trail\n\n"
    "example: belay resume --reason 'payments compared with the bank, nothing is charged twice'\n";

static int run(int argc, char **argv)
{
    const char *data = NULL, *reason = NULL;
    const struct option_spec specs[] = { { "data", &data, NULL }, { "reason", &reason, NULL } };
    char **operands;
    int count;
    struct answer a;
    struct belay_buf body;
    if (!options_parse(argc, argv, specs, 2, &operands, &count))
        return EXIT_USAGE_;
    if (count > 0)
        return usage_error("resume", "it takes no '%s'; of one flow: belay flow resume %s", operands[0], operands[0]);
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_put_str(&body, BELAY_STR("{\"reason\":"));
    belay_json_write_str(&body, belay_str_c(reason ? reason : ""));
    belay_buf_put(&body, "}", 2);
    int code = client_post(data, "/resume", body.p, &a);
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    answer_free(&a);
    printf("it goes on\n");
    return EXIT_OK;
}

const struct command command_resume = { "resume", "let a restored store go on", help, run };
