/* main.c - the commands, and which one is meant. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/command.h"

static const struct command *const commands[] = {
    &command_run,  &command_lint,  &command_status, &command_dlq,    &command_topic, &command_flow,
    &command_saga, &command_alert, &command_poison, &command_trace, &command_audit,
    &command_resume, &command_store, &command_schema, &command_expr, &command_mock, &command_lane,
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void help(FILE *to)
{
    fprintf(to, "belay: an integration runtime in one binary\n\nusage: belay COMMAND [OPTION...] [ARG...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i]->name, commands[i]->about);
    fprintf(to, "\n  --version   the version\n"
                "  --help      this; belay COMMAND --help tells more, with examples\n"
                "  --as NAME   who asks, for the audit trail, beside the user who runs it; or BELAY_AS\n\n"
                "example: belay run examples/order-fulfilment\n");
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *nearest = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < COMMANDS; i++) {
        unsigned distance = belay_str_distance(belay_str_c(name), belay_str_c(commands[i]->name), 3);
        if (distance < best) {
            best = distance;
            nearest = commands[i]->name;
        }
    }
    fprintf(stderr, "belay: there is no command '%s'", name);
    if (nearest)
        fprintf(stderr, "; did you mean '%s'?", nearest);
    fprintf(stderr, "\ntry: belay --help\n");
    return EXIT_USAGE_;
}

/* The state is read through a mapping, where a disk that fails, or a damaged page that points beyond
 * the file's end, is a signal and no error code. */
static void on_bus_error(int signal_number)
{
    static const char text[] = "belay: the store's state (state/data.mdb) is damaged, or its disk cannot read it "
                               "(SIGBUS); nothing of it was used\n";
    (void)signal_number;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EXIT_IO_);
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* --as NAME belongs to every command that asks the admin API: the name goes into audit records, beside that of the
 * user who runs it. False: it has no value. */
static bool take_as(int *argc, char **argv)
{
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        bool apart = strcmp(argv[i], "--as") == 0, joined = strncmp(argv[i], "--as=", 5) == 0;
        if (!apart && !joined)
            continue;
        const char *name = joined ? argv[i] + 5 : argv[i + 1];
        int n = joined ? 1 : 2;
        if (!name || !*name)
            return false;
        setenv("BELAY_AS", name, 1);
        memmove(argv + i, argv + i + n, (size_t)(*argc - i - n + 1) * sizeof *argv);
        *argc -= n;
        return true;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!take_as(&argc, argv)) {
        fprintf(stderr, "belay: --as needs a name\n");
        return EXIT_USAGE_;
    }
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE_;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("belay " BELAY_VERSION_STRING "\n");
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    signal(SIGBUS, on_bus_error);
    if (wants_help(argc - 1, argv + 1)) {
        fputs(command->help, stdout);
        return EXIT_OK;
    }
    return command->run(argc - 1, argv + 1);
}
