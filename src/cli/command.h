/* command.h - what a subcommand is, and what they share: options, output, exit codes.
 * Uses: base, json.  Thread: main. */
#ifndef BELAY_CLI_COMMAND_H
#define BELAY_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "json/json.h"

/* sysexits.h's numbers, written down because scripts rely on them. */
enum {
    EXIT_OK = 0,
    EXIT_NO = 1,           /* it ran, and the answer is no: not found, invalid, refused */
    EXIT_USAGE_ = 64,
    EXIT_UNAVAILABLE_ = 69, /* nobody serves this data directory */
    EXIT_IO_ = 74,
    EXIT_CONFIG_ = 78
};

struct command {
    const char *name, *about; /* about: one line of `belay --help` */
    const char *help;         /* whole text of --help, with an example */
    int (*run)(int argc, char **argv);
};

extern const struct command command_run, command_lint, command_status, command_dlq, command_topic, command_saga,
    command_trace, command_store, command_audit, command_resume, command_schema, command_expr, command_flow,
    command_mock, command_alert, command_lane, command_poison;

/* ---- options ---- */

struct option_spec {
    const char *name;  /* "data" for --data; a flag where text is NULL */
    const char **text; /* its value */
    bool *flag;
};

/* Takes --name VALUE, --name=VALUE and flags out of argv[1..]; what is left are the operands.
 * *ret_operands points into argv. Prints what is wrong, with the way to the help. False: exit EXIT_USAGE_. */
bool options_parse(int argc, char **argv, const struct option_spec *specs, size_t spec_count,
                   char ***ret_operands, int *ret_operand_count);
/* "belay dlq: what is wrong" and where help is, on standard error; returns EXIT_USAGE_. */
int usage_error(const char *command, const char *fmt, ...) BELAY_PRINTF(2, 3);

/* NULL, or decimal digits; else says so and is false. */
bool option_is_number(const char *command, const char *name, const char *text);

/* ---- output ---- */

/* Writes all of b, which may be empty. */
void write_buf(FILE *to, const struct belay_buf *b);
/* Writes all of b to standard output, with a newline. */
void print_buf(const struct belay_buf *b);
/* "3s", "5m", "2h", "4d" */
void age_text(uint64_t ms, char *to, size_t n);

/* ---- looking into an answer ---- */

struct belay_str json_text(const belay_json *v, const char *name);
uint64_t json_number(const belay_json *v, const char *name);

#endif
