/* grammar.h - the language as tables: one struct config_kind for each kind of mapping.  They feed
 * the parser (parse.c), the suggestions, the JSON Schema (schema.c) and docs/language.md
 * (reference.c). Private to config.  Thread: any (constant tables).
 *
 * A row says a key's type, where its value goes in the struct of its kind, its default as one would
 * write it and one sentence of help. Rules between keys are rows' properties, too (one_of, with);
 * what no table can say is the kind's finish(). */
#ifndef BELAY_CONFIG_GRAMMAR_H
#define BELAY_CONFIG_GRAMMAR_H

#include "config/load.h"

enum config_type {
    CONFIG_STRING,
    CONFIG_NAME,     /* of something in the language */
    CONFIG_VARIABLE, /* a name that expressions use as $name */
    CONFIG_INT,      /* uint32_t, within min and max */
    CONFIG_NUMBER,   /* double, within min and max */
    CONFIG_BOOL,
    CONFIG_DURATION,   /* ms; uint32_t or uint64_t; at least min, at most max where not 0 */
    CONFIG_SIZE,       /* bytes; uint32_t or uint64_t */
    CONFIG_WORD,       /* one of words; an enum's int */
    CONFIG_CHOICE,     /* likewise, kept as text */
    CONFIG_PATH,       /* of a file, seen from the file that names it */
    CONFIG_TEMPLATE,   /* text, perhaps with {% %} */
    CONFIG_VALUE,      /* any value by {% %}; a plain number, boolean or null is itself */
    CONFIG_TEMPLATES,  /* mapping of names to TEMPLATEs; pointer and uint32_t count */
    CONFIG_VALUES,     /* mapping of names to VALUEs */
    CONFIG_SUB,        /* mapping of `kind`, within the struct */
    CONFIG_SUB_NEW,    /* likewise, allocated: the field is a pointer */
    CONFIG_SUB_NODE,   /* likewise, parsed by finish(): the field is the node */
    CONFIG_LIST_NODE,  /* list of `kind`, parsed by finish() */
    CONFIG_NAMED_NODE, /* mapping of names to `kind`, parsed by finish() */
    CONFIG_TEXTS_NODE, /* a string or a list of strings, parsed by finish() */
    CONFIG_TEXT_NODE,  /* text, parsed by finish(): the field is the node; so below */
    CONFIG_VALUE_NODE,
    CONFIG_VALUES_NODE,
    CONFIG_ANY_NODE, /* anything, judged by finish() */
    CONFIG_EMPTY,    /* reserved, but may be written empty */
    CONFIG_RESERVED  /* a word of the language that is not there yet */
};

struct config_word {
    const char *name;
    int value;
};

/* What a TEMPLATE or VALUE is for, where text without {% %} is hardly meant (forgotten.c). */
enum config_purpose {
    CONFIG_ANY_PURPOSE,
    CONFIG_CONDITION, /* true or false */
    CONFIG_IDENTITY   /* tells messages apart: a key, an id */
};

struct config_key {
    const char *name; /* NULL ends the table */
    enum config_type type;
    const char *help;
    bool required;
    uint8_t one_of;        /* keys of one group exclude each other */
    const char *with;      /* makes sense only beside that key */
    const char *default_;  /* as written */
    uint32_t offset, size; /* of the field */
    uint32_t count_offset; /* TEMPLATES, VALUES */
    const struct config_kind *kind;
    const struct config_word *words;
    double min, max;
    enum config_purpose purpose; /* TEMPLATE, VALUE */
    const char *shape; /* TEXT_NODE, ANY_NODE: what it is, for people */
};

#define CONFIG_FIELD(type, member)                                                                 \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define CONFIG_COUNTED(type, member, counter)                                                      \
    CONFIG_FIELD(type, member), .count_offset = offsetof(type, counter)

/* Keys that come from another table (a connector's options and parameters). */
struct config_extra {
    const char *what; /* for docs: "the connector's own parameters" */
    /* True when the key was taken. */
    bool (*take)(struct config *c, const struct config_node *node, const struct config_link *member,
                 void *target);
    void (*guess)(struct config *c, const struct config_node *node, struct config_guess *g);
    /* Puts the members of "properties" that these keys are. */
    void (*describe)(struct belay_json_out *o);
};

struct config_kind {
    const char *name; /* "flow": its name in the schema and the reference */
    const char *help;
    const struct config_key *keys;
    uint32_t size;          /* of its struct */
    uint32_t groups_needed; /* bit n: exactly one key of group n must be there */
    const char *short_key;  /* a scalar instead of the mapping is that key's value */
    const struct config_extra *extra;
    void (*finish)(struct config *c, const struct config_node *node, void *target);
};

/* Fills target (zeroed, kind->size bytes) from node: a mapping, or nothing for an empty one. */
void config_parse(struct config *c, const struct config_kind *kind, const struct config_node *node,
                  void *target);
/* Members of a mapping of names (CONFIG_NAMED_NODE) with good names; one too many says so. NULL
 * gives 0. */
uint32_t config_count(const struct config_node *node);
/* Is this member's name good? Says so where not. */
bool config_check_name(struct config *c, const struct config_node *key, const char *what);
/* A string or a list of strings into the set. */
bool config_texts(struct config *c, const struct config_node *node,
                  const struct belay_str **ret_texts, uint32_t *ret_count);
/* A mapping of names to templates into a row's field (CONFIG_TEMPLATES, CONFIG_VALUES). */
void config_templates(struct config *c, const struct config_key *key,
                      const struct config_node *node, void *base);
/* Says where {% %} was forgotten in a key's value; t: what it compiled to (forgotten.c). */
void config_check_purpose(struct config *c, const struct config_key *key, const struct config_node *node,
                          const struct belay_template *t);
/* True when node is a list; says so where not. NULL is an empty one. */
bool config_is_list(struct config *c, const struct config_node *node, const char *what);

/* Every kind that config_kind_file leads to, each once (schema.c). Returns how many. */
size_t config_kinds(const struct config_kind **ret_kinds, size_t max);

extern const struct config_kind config_kind_file, config_kind_policy, config_kind_connection, config_kind_topic,
    config_kind_queue, config_kind_api, config_kind_flow, config_kind_saga, config_kind_retry,
    config_kind_alerts, config_kind_source, config_kind_env, config_kind_table, config_kind_call,
    config_kind_publish, config_kind_step, config_kind_crash_loop, config_kind_poison, config_kind_letters;

#endif
