/* bundle.h - a document of several files, which become parts of one (openapi.c).  Private to config.  Thread: one owner.
 * What is made is in the load's scratch; where that is full, the load knows. */
#ifndef BELAY_CONFIG_BUNDLE_H
#define BELAY_CONFIG_BUNDLE_H

#include "config/load.h"

struct part {
    struct belay_str path;    /* normalised */
    struct belay_str pointer; /* "/x-files/schemas~1order.yaml", as in a fragment; "" of the document itself */
    struct belay_str id;      /* the $id at its root, or the URL it was found by; its folder stands for the file's; may be empty */
    struct name *names;       /* its anchors, and the $ids further down */
    struct config_link link;  /* its name and tree */
};

struct name {
    struct belay_str text;    /* of an $id: resolved */
    struct belay_str pointer; /* its place in the file, as in a fragment */
    bool anchor, dynamic;     /* neither: an $id */
    struct name *next;
};

struct bundle {
    struct config *c;
    struct part *parts;
    uint32_t count;
    bool failed;
    bool schema; /* a JSON Schema, not an OpenAPI document */
};

/* What a mapping's names are: keywords, or names that somebody chose. */
enum inside { KEYWORDS, NAMES, EXAMPLES };

/* ---- walking over keywords (bundle_walk.c) ---- */

/* From the root to a node. */
struct way {
    const struct way *before; /* NULL: the root */
    const struct config_link *link;
    uint32_t index; /* where link is an element */
};

/* m: a member of a mapping of keywords, to which way leads. */
typedef void bundle_see(struct bundle *b, uint32_t at, const struct config_link *m, const struct way *way);

/* node: the part's root, or what way leads to. Recursive, as deep as the tree. */
void bundle_walk(struct bundle *b, uint32_t at, const struct config_node *node, enum inside in, const struct way *way, bundle_see *see);
/* For the walk: what the part calls its places. Parts are one resource in the bundle, where an anchor is the only one of its
 * name: references to it become pointers. */
bundle_see bundle_see_name;
/* NULL: the part has no such anchor, or no such $id below its root. */
const struct name *bundle_find_name(const struct part *part, struct belay_str text, bool anchor);

/* ---- names of files and places (bundle.c) ---- */

/* "a/./b/../c" -> "a/c". A NUL behind it. */
struct belay_str bundle_path(struct config *c, struct belay_str path);
/* The path as seen from the document's folder, where it lies in it. */
struct belay_str bundle_beside(struct belay_str document, struct belay_str path);
/* %41 -> A in a relative reference. */
struct belay_str bundle_decoded(struct config *c, struct belay_str text);
/* A name as a token of a JSON Pointer in a fragment. */
void bundle_put_token(struct belay_buf *out, struct belay_str name);

bool bundle_is_url(struct belay_str text);
/* A reference without its fragment, as seen from base. p NULL: it is relative, and base is no URL. */
struct belay_str bundle_uri(struct config *c, struct belay_str base, struct belay_str reference);

#endif
