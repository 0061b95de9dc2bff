/* config.h - YAML files -> struct belay_definitions, with every mistake of every file at once.
 * Uses: model, expr, json, connector (registry, option tables).  Thread: one call at a time, any
 * thread; what is loaded is immutable (model/definition.h).
 *
 * One table for each kind of mapping (config/grammar.h) feeds the parser, the suggestions, the JSON
 * Schema and docs/language.md: what one of them knows the others know.
 *
 * Environment: ${NAME}, ${NAME:default} and ${file:/path} (a file's text without its last newline)
 * are replaced in any string, but not within {% %}; $${ is a plain ${.  What they stand for is
 * treated as secret: no problem's text and no stored definition ever holds it.
 */
#ifndef BELAY_CONFIG_CONFIG_H
#define BELAY_CONFIG_CONFIG_H

#include "base/buf.h"
#include "model/definition.h"

/* ---- problems: what is wrong, where, and what was meant ---- */

enum belay_problem_level { BELAY_PROBLEM_ERROR, BELAY_PROBLEM_WARNING };

struct belay_problem {
    struct belay_place place; /* line 0: the whole file */
    enum belay_problem_level level;
    const char *rule;            /* "unknown-key", "publish-without-compensate": docs/language.md */
    struct belay_str message;    /* one sentence, no newline at its end */
    struct belay_str suggestion; /* what to write instead ("did you mean 'steps'?"); may be empty */
};

struct belay_problems { /* caller's; errors and warnings in order of file, line, column */
    struct belay_arena arena;
    struct belay_problem *items;
    uint32_t count, cap;
    uint32_t error_count, warning_count; /* also those beyond BELAY_CONFIG_PROBLEMS_MAX */
};

void belay_problems_init(struct belay_problems *p);
void belay_problems_deinit(struct belay_problems *p);
/* "file:line:column: error: message; suggestion [rule]" and a newline. */
void belay_problem_write(struct belay_buf *out, const struct belay_problem *p);
/* [{"file","line","column","level","rule","message","suggestion"}] */
void belay_problems_write_json(struct belay_buf *out, const struct belay_problems *p);

/* ---- loading ---- */

struct belay_config_opt {
    /* Files, or folders: a folder stands for its `belay.yaml` and `*.belay.yaml` (not those of
     * folders in it), by name. All are merged into one set; a name defined twice is a problem that
     * names both places. Paths within a file are relative to the file. */
    const char *const *paths;
    uint32_t path_count;
    /* Value of an environment variable, NULL where unset. NULL: the process's. */
    const char *(*env)(void *arg, const char *name);
    void *env_arg;
    /* Appends a file's bytes. NULL: the disk's files. Given, folders are not looked into (every
     * path is a file) - for tests, fuzzers and configurations that come from elsewhere. */
    int (*read)(void *arg, const char *path, struct belay_buf *out, struct belay_err *err);
    void *read_arg;
    /* Why a program cannot be executed here; NULL: it can. Not given: nobody asks, as the configuration may be for another
     * machine. */
    const char *(*cannot_run)(const char *path);
};

/* Loads, checks and compiles. problems is initialised; what is found is added to it, errors and
 * warnings (lint's), also when the load succeeds. *ret is the caller's first reference
 * (belay_definitions_unref) and untouched on failure.
 * Errors: BELAY_INVALID (any problem of level error; err counts them), BELAY_NOMEM. */
int belay_config_load(const struct belay_config_opt *opt,
                      struct belay_definitions **ret_definitions, struct belay_problems *problems,
                      struct belay_err *err) BELAY_MUST_CHECK;

/* Reads an OpenAPI document of one or several files as one, and compiles it to learn of mistakes (credentials need
 * no configuration). remotes: the folder of documents that it names by URL, or NULL. *ret_document is
 * its tape, which lives as long as the caller's reference *ret_owner. Errors: BELAY_INVALID (problems say), BELAY_NOMEM. */
int belay_config_openapi(const char *path, const char *remotes, struct belay_definitions **ret_owner, const void **ret_document,
                         struct belay_problems *problems, struct belay_err *err) BELAY_MUST_CHECK;

/* Compiles one flow or saga again from its stored text (belay_flow_def.text, belay_saga_def.text),
 * for work that began under a definition that is not the current one: its connections are looked up
 * in current, ${} by opt (paths unused). Topics and APIs that are gone meanwhile are no error: work
 * that waits on them is the engine's to judge. A validate step's schema file is part of the text.
 * *ret_one holds exactly one flow or saga, whose hash is the text's, and a reference to current.
 * Errors: BELAY_INVALID (a connection is gone, or an unknown text; problems say), BELAY_NOMEM. */
int belay_config_recompile(const struct belay_config_opt *opt, struct belay_definitions *current,
                           struct belay_str text, struct belay_definitions **ret_one,
                           struct belay_problems *problems, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- the language, described by its own tables ---- */

/* JSON Schema 2020-12 of a configuration file, for editors. Failure sticks to out. */
void belay_config_schema_write(struct belay_buf *out);
/* docs/language.md: every mapping, key, default and rule, in Markdown. */
void belay_config_reference_write(struct belay_buf *out);

/* "200ms", "2s", "1h30m", "7d" as in the language -> ms. False: it is none. */
bool belay_config_duration(struct belay_str text, uint64_t *ret_ms);

#endif
