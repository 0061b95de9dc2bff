/* letters.h - letters of `belay dlq`: which ones, walked over page by page with progress; lists, groups, export, watch.
 * Uses: client, table.  Thread: main; blocking. */
#ifndef BELAY_CLI_LETTERS_H
#define BELAY_CLI_LETTERS_H

#include "cli/client.h"

/* Which letters; NULL: any. */
struct letters_filter {
    const char *flow, *group, *error, *key, *since, *until, *where;
};

/* "&flow=...", or "?flow=..." where it is the first. target is not empty. */
void letters_put_filter(struct belay_buf *target, const struct letters_filter *f);
bool letters_is_filtered(const struct letters_filter *f);

struct letters_walk {
    const char *data;
    struct letters_filter filter;
    uint64_t count_max;            /* 0: all */
    const char *after;             /* where to go on; NULL: at the begin */
    bool whole;                    /* with message and history */
    bool reveal;                   /* what is redacted too */
    const char *reason;            /* why; NULL */
    /* For each letter, a view; false: enough. */
    bool (*each)(void *arg, const belay_json *letter);
    void *arg;
    /* when it has ended */
    uint64_t found, looked, failed; /* failed: `where` could not be told */
    char next[96];                 /* where to go on; "" it was the end */
};
/* Shows progress on standard error, where that is a terminal and it takes time. Returns an exit code. */
int letters_walk(struct letters_walk *w);

struct letters_options {
    const char *data;
    struct letters_filter filter;
    const char *count, *after, *sort, *reason;
    bool json, reveal;
};
int letters_list(const struct letters_options *o);
int letters_groups(const struct letters_options *o);
/* All that fit: counted, and asked for on a terminal unless yes, then discarded. */
int letters_discard(const struct letters_options *o, const char *reason, bool yes);
/* NDJSON on standard output. */
int letters_export(const struct letters_options *o);
/* file: of `export`; NULL or "-": standard input. dry: tells what it would do. */
int letters_import(const struct letters_options *o, const char *file, const char *reason, bool dry);
/* Until it is interrupted. */
int letters_watch(const struct letters_options *o);

#endif
