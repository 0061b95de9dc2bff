#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct option_spec *find(const struct option_spec *specs, size_t count, const char *arg, size_t n)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(specs[i].name) == n && memcmp(specs[i].name, arg, n) == 0)
            return &specs[i];
    return NULL;
}

/* The option at argv[*at]; moves *at over its value. */
static bool take(int argc, char **argv, int *at, const struct option_spec *specs, size_t count)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct option_spec *spec = find(specs, count, name, n);
    if (!spec) {
        usage_error(argv[0], "unknown option --%.*s", (int)n, name);
        return false;
    }
    if (spec->flag) {
        if (equals) {
            usage_error(argv[0], "--%s takes no value", spec->name);
            return false;
        }
        *spec->flag = true;
        return true;
    }
    if (!equals && *at + 1 >= argc) {
        usage_error(argv[0], "--%s needs a value", spec->name);
        return false;
    }
    *spec->text = equals ? equals + 1 : argv[++*at];
    return true;
}

bool options_parse(int argc, char **argv, const struct option_spec *specs, size_t spec_count,
                   char ***ret_operands, int *ret_operand_count)
{
    int operands = 1;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (only_operands || strncmp(argv[i], "--", 2) != 0)
            argv[operands++] = argv[i];
        else if (!take(argc, argv, &i, specs, spec_count))
            return false;
    }
    *ret_operands = argv + 1;
    *ret_operand_count = operands - 1;
    return true;
}

bool option_is_number(const char *command, const char *name, const char *text)
{
    uint64_t number;
    if (!text || belay_str_to_u64(belay_str_c(text), &number))
        return true;
    usage_error(command, "--%s is a number, not '%s'", name, text);
    return false;
}

int usage_error(const char *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "belay %s: ", command);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\ntry: belay %s --help\n", command);
    va_end(args);
    return EXIT_USAGE_;
}

void write_buf(FILE *to, const struct belay_buf *b)
{
    if (b->n) /* else p may be NULL, which fwrite must not see */
        fwrite(b->p, 1, b->n, to);
}

void print_buf(const struct belay_buf *b)
{
    write_buf(stdout, b);
    if (b->n == 0 || b->p[b->n - 1] != '\n')
        fputc('\n', stdout);
}

void age_text(uint64_t ms, char *to, size_t n)
{
    uint64_t s = ms / 1000;
    if (ms < 1000)
        snprintf(to, n, "%llums", (unsigned long long)ms);
    else if (s < 120)
        snprintf(to, n, "%llus", (unsigned long long)s);
    else if (s < 7200)
        snprintf(to, n, "%llum", (unsigned long long)(s / 60));
    else if (s < 172800)
        snprintf(to, n, "%lluh", (unsigned long long)(s / 3600));
    else
        snprintf(to, n, "%llud", (unsigned long long)(s / 86400));
}

struct belay_str json_text(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
}

uint64_t json_number(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_INT && member->u.i > 0 ? (uint64_t)member->u.i : 0;
}
