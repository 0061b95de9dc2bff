/* lint.c - belay lint: what is wrong with a configuration, all of it at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "config/config.h"

static const char help[] =
    "belay lint: finds mistakes in flow files\n\n"
    "usage: belay lint [--json] [--strict] PATH...\n\n"
    "Prints file:line:column, what is wrong and what may have been meant.\n\n"
    "  --json     an array of {file, line, column, level, rule, message, suggestion}\n"
    "  --strict   warnings count as errors\n\n"
    "Exit: 0 sound, 78 there are errors.\n\n"
    "example: belay lint examples/order-fulfilment\n";

static void say(const struct belay_problems *problems, bool json)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(16));
    if (json)
        belay_problems_write_json(&text, problems);
    for (uint32_t i = 0; !json && i < problems->count; i++)
        belay_problem_write(&text, &problems->items[i]);
    if (json)
        print_buf(&text);
    else
        write_buf(stdout, &text);
    belay_buf_deinit(&text);
}

static const char *cannot_run(const char *path)
{
    return access(path, X_OK) ? strerrordesc_np(errno) : NULL;
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static int run(int argc, char **argv)
{
    bool json = false, strict = false;
    const struct option_spec specs[] = { { "json", NULL, &json }, { "strict", NULL, &strict } };
    char **paths;
    int count;
    if (!options_parse(argc, argv, specs, 2, &paths, &count))
        return EXIT_USAGE_;
    if (count == 0)
        return usage_error("lint", "which files?");
    struct belay_config_opt opt = { .paths = (const char *const *)paths, .path_count = (uint32_t)count, .cannot_run = cannot_run };
    struct belay_problems problems;
    struct belay_definitions *d;
    struct belay_err err;
    belay_problems_init(&problems);
    int status = belay_config_load(&opt, &d, &problems, &err);
    say(&problems, json);
    uint32_t errors = problems.error_count + (strict ? problems.warning_count : 0);
    if (status != BELAY_OK && status != BELAY_INVALID)
        fprintf(stderr, "belay lint: %s\n", err.msg);
    if (status == BELAY_OK) {
        if (!json)
            printf("%u flow%s, %u saga%s, %u topics and queues, %u connection%s; %u warning%s\n", d->flow_count,
                   plural(d->flow_count), d->saga_count, plural(d->saga_count), d->topic_count, d->connection_count,
                   plural(d->connection_count), problems.warning_count, plural(problems.warning_count));
        belay_definitions_unref(d);
    } else if (!json) {
        fprintf(stderr, "belay lint: %u error%s, %u warning%s\n", problems.error_count, plural(problems.error_count),
                problems.warning_count, plural(problems.warning_count));
    }
    belay_problems_deinit(&problems);
    return status == BELAY_OK && errors == 0 ? EXIT_OK : EXIT_CONFIG_;
}

const struct command command_lint = { "lint", "find mistakes in flow files", help, run };
