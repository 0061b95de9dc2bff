/* node.h - a configuration file as a tree that knows where each of its nodes was written.
 * Private to config.  Uses: base, json, libfyaml (yaml.c only).  Thread: one owner.
 * Memory: everything in the arena given; the tree is immutable once read, an alias shares the node
 * of its anchor.  Invariant: member names are strings and unique in their mapping. */
#ifndef BELAY_CONFIG_NODE_H
#define BELAY_CONFIG_NODE_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/problem.h"
#include "json/json.h"

enum config_node_kind { CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };
enum config_style { CONFIG_PLAIN, CONFIG_SINGLE, CONFIG_DOUBLE, CONFIG_LITERAL, CONFIG_FOLDED };

struct config_file {
    struct belay_str path; /* as it is shown, with a NUL after it */
    struct belay_str
        source; /* its bytes, with a newline behind them; empty for a stored definition */
};

struct config_node {
    enum config_node_kind kind;
    enum config_style style; /* SCALAR */
    bool led;                /* SCALAR: a reference that leads where its bundle has it (openapi.c) */
    struct belay_str text;   /* SCALAR: decoded, ${} as written */
    const struct config_file *file;
    uint32_t line, column; /* from 1; of the quote, where there is one */
    size_t offset;         /* SCALAR: of its content in the source */
    uint32_t count;        /* LIST, MAP */
    uint32_t size;         /* nodes in all, aliases followed */
    struct config_link *first, *last;
};

struct config_link {               /* an element, or a member with its name */
    const struct config_node *key; /* LIST: NULL */
    const struct config_node *value;
    struct config_link *next;
};

/* Reads YAML 1.2 (a file without content gives an empty mapping). NULL: problems say why, or, with
 * *ret_status BELAY_NOMEM, there is no memory. */
const struct config_node *config_yaml(const struct config_file *file, struct belay_arena *arena,
                                      struct belay_problems *problems, int *ret_status);

/* The same tree from parsed JSON (node_json.c); v is the whole of the file's source, or that is empty, and then there
 * are no places. NULL: no memory, or too deep. */
const struct config_node *config_node_of_json(const belay_json *v, const struct config_file *file,
                                              struct belay_arena *arena);

/* JSON of a tree: plain scalars by YAML's core schema, everything else a string, ${} as written.
 * swap: this node's JSON is replaced by that text (NULL: none). */
struct config_swap {
    const struct config_node *node;
    struct belay_str json;
    const struct config_swap *next;
};
void config_node_write(struct belay_buf *out, const struct config_node *node,
                       const struct config_swap *swap);

/* Value of a member; NULL where absent or node is no mapping. */
const struct config_node *config_get(const struct config_node *node, const char *name);

/* YAML's null: plain and empty, "~" or "null". */
bool config_is_null(const struct config_node *node);

struct belay_place config_place(const struct config_node *node);
/* Where byte `offset` of a scalar's text was written. Exact in plain, quoted and literal scalars;
 * in folded ones, too, but for blank runs. */
struct belay_place config_place_at(const struct config_node *node, size_t offset);

/* Cuts the JSON Pointer out of a compiler's message (pointer.c); empty where there is none. */
struct belay_str config_take_pointer(struct belay_str *message);
/* Where what it points at was written, or as deep as it leads. */
struct belay_place config_place_of_pointer(const struct config_node *root,
                                           struct belay_str pointer);

/* The node itself; NULL: it leads nowhere. */
const struct config_node *config_node_of_pointer(const struct config_node *root, struct belay_str pointer);

/* "a string", "a list", "a mapping", "nothing", "a number" ... for messages. */
const char *config_kind_text(const struct config_node *node);

#endif
