/* letters_discard.c - belay dlq discard --all: counts first, asks, then discards what was counted. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/letters.h"

#define BUSY_AGAIN_US 100000
#define BUSY_AGAIN_MAX 100 /* ten seconds without one letter: it does not pass by itself */

struct discard {
    const struct letters_options *o;
    const char *reason;
    char until[32];            /* what became a letter later is not meant */
    uint64_t count, looked;
};

static int ask(struct discard *d, bool dry, const char *after, struct answer *a)
{
    struct belay_buf target, body;
    struct letters_filter filter = d->o->filter;
    if (d->until[0])
        filter.until = d->until;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_init(&body, BELAY_KIB(16));
    belay_buf_printf(&target, "/letters/discard%s%s", after[0] ? "?after=" : "", after);
    letters_put_filter(&target, &filter);
    belay_buf_put_c(&target, '\0');
    belay_buf_printf(&body, "{\"dry\":%s,\"reason\":", dry ? "true" : "false");
    belay_json_write_str(&body, belay_str_c(d->reason));
    belay_buf_put(&body, "}", 2);
    int code = client_post(d->o->data, target.p, body.p, a);
    belay_buf_deinit(&target);
    belay_buf_deinit(&body);
    return code;
}

static void show_progress(const struct discard *d, bool dry)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%llu letters looked at, %llu %s", (unsigned long long)d->looked, (unsigned long long)d->count,
                dry ? "fit" : "discarded");
}

/* To the end, request by request. */
static int walk(struct discard *d, bool dry)
{
    char after[96] = "", until[32] = "";
    bool shown = false, failed = false;
    unsigned stuck = 0;
    d->count = d->looked = 0;
    do {
        struct answer a;
        int code = ask(d, dry, after, &a);
        if (code != EXIT_OK)
            return code;
        d->count += json_number(a.json, dry ? "count" : "discarded");
        d->looked += json_number(a.json, "looked");
        snprintf(after, sizeof after, "%.*s", BELAY_STR_ARG(json_text(a.json, "next")));
        if (!until[0])
            snprintf(until, sizeof until, "%.*s", BELAY_STR_ARG(json_text(a.json, "until")));
        const belay_json *busy = belay_json_get(a.json, BELAY_STR("busy"));
        bool wait = busy && busy->type == BELAY_JSON_TRUE;
        if (json_text(a.json, "failure").n && !failed)
            fprintf(stderr, "belay dlq: --where could not be told of a letter, which stays: %.*s\n",
                    BELAY_STR_ARG(json_text(a.json, "failure")));
        failed = failed || json_text(a.json, "failure").n;
        stuck = wait && json_number(a.json, dry ? "count" : "discarded") == 0 ? stuck + 1 : 0;
        if (stuck == BUSY_AGAIN_MAX) {
            fprintf(stderr, "belay dlq discard: %llu discarded, then the store found no room to write that down: %.*s; make room"
                    " on the disk first (belay status says how much), then again\n", (unsigned long long)d->count,
                    BELAY_STR_ARG(json_text(a.json, "why")));
            code = EXIT_IO_;
        }
        answer_free(&a);
        if (code != EXIT_OK)
            return code;
        if (after[0]) {
            show_progress(d, dry);
            shown = true;
        }
        if (wait)
            usleep(BUSY_AGAIN_US); /* allow: usleep - the store makes room meanwhile */
    } while (after[0]);
    if (shown && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    snprintf(d->until, sizeof d->until, "%s", until);
    return EXIT_OK;
}

static bool confirm(uint64_t count)
{
    char line[16];
    fprintf(stderr, "discard %llu letter%s for good? [y/N] ", (unsigned long long)count, count == 1 ? "" : "s");
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int letters_discard(const struct letters_options *o, const char *reason, bool yes)
{
    struct discard d = { .o = o, .reason = reason };
    int code = walk(&d, true);
    if (code != EXIT_OK)
        return code;
    if (d.count && !yes && !isatty(STDIN_FILENO)) {
        fprintf(stderr, "belay dlq discard: %llu letters would be discarded; say --yes where nobody can be asked\n",
                (unsigned long long)d.count);
        return EXIT_NO;
    }
    if (d.count && !yes && !confirm(d.count))
        return EXIT_NO;
    uint64_t counted = d.count;
    code = counted ? walk(&d, false) : EXIT_OK;
    if (code != EXIT_OK)
        return code;
    if (o->json)
        printf("{\"counted\":%llu,\"discarded\":%llu}\n", (unsigned long long)counted, (unsigned long long)(counted ? d.count : 0));
    else
        printf("%llu letter%s discarded\n", (unsigned long long)(counted ? d.count : 0), d.count == 1 ? "" : "s");
    return EXIT_OK;
}
