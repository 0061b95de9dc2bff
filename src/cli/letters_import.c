/* letters_import.c - belay dlq import: what `export` wrote becomes letters again, line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/letters.h"

struct import {
    const char *data, *reason;
    bool dry;
    uint64_t line, imported, there, failed;
};

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r\n")] == '\0';
}

/* {"letter":LINE,"dry":...,"reason":...}: the line as it is, the runtime parses it. */
static void put_body(struct belay_buf *body, const struct import *im, const char *line)
{
    belay_buf_put_str(body, BELAY_STR("{\"letter\":"));
    belay_buf_put_str(body, belay_str_c(line));
    belay_buf_put_str(body, im->dry ? BELAY_STR(",\"dry\":true") : BELAY_STR(""));
    if (im->reason) {
        belay_buf_put_str(body, BELAY_STR(",\"reason\":"));
        belay_json_write_str(body, belay_str_c(im->reason));
    }
    belay_buf_put(body, "}", 2);
}

static void tell(struct import *im, const struct answer *a)
{
    struct belay_str detail = json_text(a->json, "detail");
    if (a->status < 400) {
        bool there = belay_str_eq(json_text(a->json, "state"), BELAY_STR("there"));
        ++*(there ? &im->there : &im->imported);
        return;
    }
    im->failed++;
    if (!detail.n)
        detail = json_text(a->json, "title");
    fprintf(stderr, "belay dlq import: line %llu: %.*s (%u)\n", (unsigned long long)im->line, BELAY_STR_ARG(detail), a->status);
}

static int import_line(struct import *im, const char *line)
{
    struct belay_buf body;
    struct answer a;
    belay_buf_init(&body, BELAY_MIB(64));
    put_body(&body, im, line);
    int code = belay_buf_status(&body) == BELAY_OK ? client_ask(im->data, "/letters/import", body.p, &a) : EXIT_IO_;
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    tell(im, &a);
    answer_free(&a);
    return EXIT_OK;
}

static int import_all(struct import *im, FILE *from)
{
    char *line = NULL;
    size_t room = 0;
    int code = EXIT_OK;
    while (code == EXIT_OK && getline(&line, &room, from) >= 0) { /* allow: getline - a line may be 64 MiB */
        im->line++;
        if (!is_blank(line))
            code = import_line(im, line);
    }
    if (code == EXIT_OK && ferror(from)) {
        fprintf(stderr, "belay dlq import: line %llu cannot be read\n", (unsigned long long)im->line + 1);
        code = EXIT_IO_;
    }
    free(line); /* allow: free - getline's */
    return code;
}

int letters_import(const struct letters_options *o, const char *file, const char *reason, bool dry)
{
    struct import im = { .data = o->data, .reason = reason, .dry = dry };
    FILE *from = !file || strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    if (!from) {
        fprintf(stderr, "belay dlq import: cannot read %s\n", file);
        return EXIT_IO_;
    }
    int code = import_all(&im, from);
    if (from != stdin)
        fclose(from);
    if (o->json)
        printf("{\"imported\":%llu,\"there\":%llu,\"failed\":%llu,\"dry\":%s}\n", (unsigned long long)im.imported,
               (unsigned long long)im.there, (unsigned long long)im.failed, dry ? "true" : "false");
    else
        printf("%llu %s, %llu there already, %llu failed\n", (unsigned long long)im.imported,
               dry ? "would be imported" : "imported", (unsigned long long)im.there, (unsigned long long)im.failed);
    return code != EXIT_OK ? code : im.failed ? EXIT_NO : EXIT_OK;
}
