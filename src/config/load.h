/* load.h - one load in progress: what all parts of the room share.  Private to config.
 * Thread: one owner.  A function that finds no memory notes it in status and goes on harmlessly;
 * what is wrong with the files goes to problems.  load() looks at both at the end, so nothing in
 * between has to.  */
#ifndef BELAY_CONFIG_LOAD_H
#define BELAY_CONFIG_LOAD_H

#include <stdio.h>

#include "config/node.h"
#include "expr/expr.h"
#include "json/schema.h"

struct config_owned { /* heap things a set has to free: one of both */
    struct belay_template *template_;
    struct belay_schema *schema;
    struct config_owned *next;
};

struct config_set {
    struct belay_definitions d; /* first: the set is found by it */
    struct config_owned *owned;
    struct belay_definitions *current; /* recompiled: whose connections are used; a reference */
};

struct config_result { /* a variable that a step's `as` makes */
    struct belay_str name;
    struct config_result *before;
};

struct config_text_link { /* of a list that grows */
    struct belay_str text;
    const struct config_node *at;
    struct config_text_link *next;
    bool judged;
};
struct config_texts {
    struct config_text_link *first; /* the newest */
    uint32_t count;
};

struct config {
    const struct belay_config_opt *opt;
    struct belay_problems *problems;
    struct config_set *set;
    struct belay_arena *arena;  /* the set's: what stays */
    struct belay_arena scratch; /* trees and sources: gone after the load */
    int status;                 /* BELAY_OK or BELAY_NOMEM */
    bool incomplete;            /* a file could not be read: its names may be missing elsewhere */
    bool unread;                /* a file that the document read last refers to could not be read: it has holes */
    bool stored;                /* recompiling: missing topics and APIs are no problem */
    const struct belay_definitions *scope; /* where names are looked up */
    const char *const *sees;               /* variables that expressions may read here; NULL: any */
    struct config_result *results;         /* and these, of the steps so far */
    struct steps_room *steps_room;         /* of steps.h, used again by each flow */
    struct {
        bool *flows, *sagas;               /* each by its index */
        bool topics, alerts;               /* all of them */
    } sound;                               /* read without a mistake */
    const struct config_swap *swaps;       /* files that are part of a definition's text */
    struct {
        struct config_texts paths, headers, secrets; /* as said: secrets by names of variables */
    } redact;
    struct belay_library *library;         /* of `remotes`; NULL: there are none */
    struct config_texts secrets;           /* values (config/redact.h) */
    bool secret_here;                      /* what ${} stands for in this place is one, whatever its name */
};

/* ---- memory ---- */

/* Zeroed, in the set's arena. NULL: noted. */
void *config_new(struct config *c, size_t n);
void *config_scratch(struct config *c, size_t n);
#define CONFIG_NEW(c, type) ((type *)config_new((c), sizeof(type)))
#define CONFIG_ARRAY(c, type, count) ((type *)config_new((c), sizeof(type) * (count)))
/* A copy that stays, with a NUL after it. */
struct belay_str config_keep(struct config *c, struct belay_str s);
/* A tree as JSON, kept and parsed: for documents that others read from a tape. What is wrong is told at `from` under
 * rule; what: "schema". *ret_kept (may be NULL) is its text. NULL: a problem was told. */
const belay_json *config_tape(struct config *c, const struct config_node *tree, const struct config_node *from,
                              size_t bytes_max, const char *rule, const char *what, struct belay_str *ret_kept);
/* Warns of a member of a schema that nobody knows; pointer: of the schema, within tree. */
void config_unknown_keyword(struct config *c, const struct config_node *tree, struct belay_str pointer,
                            struct belay_str keyword, struct belay_str meant);
struct belay_place config_keep_place(struct config *c, const struct config_node *node);
void config_no_memory(struct config *c);

/* ---- begin and end of a load (load.c) ---- */

int config_begin(struct config *c, const struct belay_config_opt *opt,
                 struct belay_problems *problems, struct belay_err *err) BELAY_MUST_CHECK;
/* Judges what was found, gives scratch back, and the set too unless it is good. */
int config_finish(struct config *c, struct belay_definitions **ret_definitions,
                  struct belay_err *err) BELAY_MUST_CHECK;

/* A reference-counted set with nothing in it. NULL: no memory. */
struct config_set *config_set_new(void);

/* ---- files (files.c) ---- */

/* Appends a file's bytes; path is for people. Errors: BELAY_NOTFOUND, BELAY_IO, BELAY_INVALID (no
 * regular file), BELAY_LIMIT (out's), BELAY_NOMEM. */
int config_read_disk(const char *path, struct belay_buf *out, struct belay_err *err);
int config_read_stream(FILE *f, const char *path, struct belay_buf *out, struct belay_err *err);
/* By opt->read, where there is one. Errors: as that. */
int config_read_bytes(struct config *c, const char *path, struct belay_buf *out,
                      struct belay_err *err);
/* A path written in a file, seen from that file's folder. */
struct belay_str config_resolve(struct config *c, const struct config_file *file,
                                struct belay_str path);
/* The tree of a file that is named in another: YAML, or JSON by its ending. NULL: said. */
const struct config_node *config_read_tree(struct config *c, struct belay_str path,
                                           const struct config_node *from);
/* Whether the disk has it; where files come from elsewhere, yes. */
bool config_is_file(struct config *c, struct belay_str path);
/* From here on documents are looked up in that folder (remote.c). */
void config_remotes(struct config *c, struct belay_str path, struct belay_place place);
/* The path of the document that uri names there. p NULL: there is none. */
struct belay_str config_remote(struct config *c, struct belay_str uri);
/* The trees of all files the options name, in order; how many. */
struct config_tree {
    const struct config_node *root;
    struct config_tree *next;
};
struct config_tree *config_read_all(struct config *c);

/* ---- values (value.c): false where a problem was reported ---- */

/* A scalar's text with ${} replaced. */
bool config_text(struct config *c, const struct config_node *node, struct belay_str *ret_text);
enum config_template_use {
    CONFIG_USE_TEXT, /* its text is wanted */
    CONFIG_USE_PATH, /* as text; what is interpolated is percent-encoded */
    CONFIG_USE_VALUE /* a plain 5, true or null means the number, the boolean, null */
};
bool config_template(struct config *c, const struct config_node *node, enum config_template_use use,
                     const struct belay_template **ret_template);
/* Warns of {name} and {{ name }} in a text: they stand for nothing here (forgotten.c). */
void config_check_braces(struct config *c, const struct config_node *node);
/* A template for a text of our own (a default). */
bool config_template_of(struct config *c, const char *text, const struct config_node *node,
                        const struct belay_template **ret_template);

/* Complains about variables of t that are not known where node stands (variable.c). */
void config_check_variables(struct config *c, const struct config_node *node,
                            const struct belay_template *t);
/* From here on, steps see $name. */
void config_add_result(struct config *c, struct belay_str name);
extern const char *const config_sees_message[],
    *const config_sees_flow[], *const config_sees_error[], *const config_sees_saga[],
                                                               *const config_sees_undo[];

/* text with ${} replaced, into scratch (expand.c). node is where it stands. */
bool config_expand(struct config *c, const struct config_node *node, struct belay_str *ret_text);

/* The literal text of a template's source, or p NULL where it holds an expression. */
struct belay_str config_literal(struct config *c, const struct config_node *node);

#endif
