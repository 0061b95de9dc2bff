/* From a $ref to a node: documents, the resources in them ($id), their anchors.
 *
 * A document is scanned before anything in it is compiled: every place where a keyword holds a
 * schema becomes a node, so that an $id or $anchor is found wherever it stands, and one in a `const`
 * or an `enum` is not taken for one.  What a pointer names outside of those places (the components of
 * an OpenAPI document) is scanned when it is asked for. */
#include <stdio.h>

#include "json/schema_impl.h"
#include "json/uri.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define VALIDATION "https://json-schema.org/draft/2020-12/vocab/validation"
#define FORMAT_ASSERTION "https://json-schema.org/draft/2020-12/vocab/format-assertion"

static int no_memory(struct schema_compiler *c)
{
    return belay_fail(c->err, BELAY_NOMEM, "no memory for the schema");
}

/* ---- pointers of nodes ---- */

/* Appends the step from container v to the child that is or holds node; the child. */
static const belay_json *step_towards(struct belay_buf *out, const belay_json *v, const belay_json *node)
{
    const belay_json *child = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++) {
        const belay_json *key = child;
        if (v->type == BELAY_JSON_OBJECT)
            child++;
        if (node < belay_json_next(child)) {
            if (v->type == BELAY_JSON_OBJECT)
                belay_json_pointer_push(out, belay_json_str(key));
            else
                belay_json_pointer_push_index(out, i);
            return child;
        }
        child = belay_json_next(child);
    }
    return NULL;
}

struct belay_str schema_pointer_of(struct belay_arena *arena, const belay_json *document,
                                   const belay_json *node)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    if (node < document || node >= belay_json_next(document))
        document = NULL;
    while (document && document != node)
        document = document->type >= BELAY_JSON_ARRAY ? step_towards(&out, document, node) : NULL;
    struct belay_str text = belay_arena_str(arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text;
}

int schema_refuse(struct schema_compiler *c, const struct schema_node *at, int status, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct belay_str pointer = schema_pointer_of(&c->schema->arena, at->resource->document, at->source);
    return belay_fail(c->err, status, "%s at %.*s#%.*s", text,
                      BELAY_STR_ARG(at->resource->main ? BELAY_STR_NONE : at->resource->uri),
                      BELAY_STR_ARG(pointer));
}

/* ---- nodes and resources ---- */

struct schema_node *schema_known(struct schema_compiler *c, const belay_json *v)
{
    return belay_map_get(&c->nodes, belay_str((const char *)&v, sizeof v));
}

static int node_new(struct schema_compiler *c, const belay_json *v, struct schema_resource *resource,
                    struct schema_node **ret_node)
{
    struct schema_node *n = BELAY_ARENA_NEW(&c->schema->arena, struct schema_node);
    if (!n)
        return no_memory(c);
    n->source = v;
    n->resource = resource;
    n->types = SCHEMA_ALL_TYPES;
    if (belay_map_put(&c->nodes, belay_str((const char *)&n->source, sizeof n->source), n, NULL))
        return no_memory(c);
    if (++c->node_count > BELAY_SCHEMA_NODES_MAX)
        return schema_refuse(c, n, BELAY_LIMIT, "more than %d subschemas", BELAY_SCHEMA_NODES_MAX);
    *ret_node = n;
    return BELAY_OK;
}

static struct schema_resource *resource_new(struct schema_compiler *c, const belay_json *document,
                                            const belay_json *root, struct belay_str uri)
{
    struct schema_resource *r = BELAY_ARENA_NEW(&c->schema->arena, struct schema_resource);
    if (!r)
        return NULL;
    r->document = document;
    r->root = root;
    r->uri = uri;
    r->assert_formats = c->opt.assert_formats;
    struct schema_resource **at = &c->schema->resources;
    while (*at)
        at = &(*at)->next;
    *at = r;
    return r;
}

static struct belay_str text_of(const belay_json *schema, const char *keyword)
{
    const belay_json *v = belay_json_get(schema, belay_str_c(keyword));
    return v && v->type == BELAY_JSON_STRING ? belay_json_str(v) : BELAY_STR_NONE;
}

/* What of the dialect matters: whether assertions, and whether formats, are among its vocabularies. */
static int take_dialect(struct schema_compiler *c, const struct schema_node *n)
{
    struct belay_str dialect = text_of(n->source, "$schema");
    while (dialect.n && dialect.p[dialect.n - 1] == '#')
        dialect.n--;
    if (!dialect.p || belay_str_eq(dialect, BELAY_STR(DIALECT)))
        return BELAY_OK;
    const belay_json *meta = c->opt.resolve ? c->opt.resolve(c->opt.resolve_arg, dialect) : NULL;
    struct belay_str parent = text_of(meta, "$schema");
    if (!meta || !belay_str_eq(parent, BELAY_STR(DIALECT)))
        return schema_refuse(c, n, BELAY_UNSUPPORTED, "the dialect %.*s (only 2020-12 is understood)",
                             BELAY_STR_ARG(dialect));
    const belay_json *vocabulary = belay_json_get(meta, BELAY_STR("$vocabulary"));
    if (!vocabulary)
        return BELAY_OK;
    n->resource->no_validation = !belay_json_get(vocabulary, BELAY_STR(VALIDATION));
    if (belay_json_get(vocabulary, BELAY_STR(FORMAT_ASSERTION)))
        n->resource->assert_formats = true;
    return BELAY_OK;
}

static int anchor_add(struct schema_compiler *c, struct schema_node *n, const char *keyword)
{
    struct belay_str name = text_of(n->source, keyword);
    if (!name.p)
        return BELAY_OK;
    struct schema_anchor *a = BELAY_ARENA_NEW(&c->schema->arena, struct schema_anchor);
    if (!a)
        return no_memory(c);
    *a = (struct schema_anchor){ n->resource->anchors, name, n, keyword[1] == 'd' };
    n->resource->anchors = a;
    return BELAY_OK;
}

/* An $id makes a resource of its own; a fragment alone does not. */
static int take_id(struct schema_compiler *c, struct schema_node *n)
{
    struct belay_str id = text_of(n->source, "$id");
    if (!id.p || (id.n && id.p[0] == '#'))
        return BELAY_OK;
    struct belay_str uri = uri_resolve(&c->schema->arena, n->resource->uri, id);
    if (!uri.p)
        return no_memory(c);
    struct schema_resource *parent = n->resource;
    if (parent->root == n->source) { /* of a whole document: it is found by both names */
        parent->alias = parent->uri;
        parent->uri = uri;
        return BELAY_OK;
    }
    struct schema_resource *own = resource_new(c, parent->document, n->source, uri);
    if (!own)
        return no_memory(c);
    own->main = parent->main;
    own->no_validation = parent->no_validation;
    own->assert_formats = parent->assert_formats;
    n->resource = own;
    return BELAY_OK;
}

/* ---- the scan ---- */

static int scan_items(struct schema_compiler *c, const belay_json *v, struct schema_resource *resource,
                      bool arrays)
{
    struct schema_node *ignored;
    int status = BELAY_OK;
    const belay_json *child = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && status == BELAY_OK; i++, child = belay_json_next(child)) {
        if (v->type == BELAY_JSON_OBJECT)
            child++;
        if (arrays || child->type != BELAY_JSON_ARRAY)
            status = schema_scan(c, child, resource, &ignored);
    }
    return status;
}

static int scan_keywords(struct schema_compiler *c, const struct schema_node *n)
{
    struct schema_node *ignored;
    int status = BELAY_OK;
    const belay_json *key = belay_json_first(n->source);
    for (uint32_t i = 0; i < n->source->n && status == BELAY_OK; i++, key = belay_json_next(key + 1)) {
        enum schema_holds holds = schema_keyword_holds(belay_json_str(key));
        const belay_json *v = key + 1;
        if (holds == HOLDS_SCHEMA)
            status = schema_scan(c, v, n->resource, &ignored);
        else if ((holds == HOLDS_LIST && v->type == BELAY_JSON_ARRAY)
                 || (holds >= HOLDS_MAP && v->type == BELAY_JSON_OBJECT))
            status = scan_items(c, v, n->resource, holds != HOLDS_SOME);
    }
    return status;
}

int schema_scan(struct schema_compiler *c, const belay_json *v, struct schema_resource *resource,
                struct schema_node **ret_node)
{
    struct schema_node *n = schema_known(c, v);
    int status = BELAY_OK;
    if (!n) {
        status = node_new(c, v, resource, &n);
        if (status == BELAY_OK && v->type != BELAY_JSON_OBJECT && v->type != BELAY_JSON_TRUE
            && v->type != BELAY_JSON_FALSE)
            status = schema_refuse(c, n, BELAY_INVALID, "a schema is an object, true or false, not %s",
                                   belay_json_type_name(v));
        if (status == BELAY_OK && v->type == BELAY_JSON_OBJECT) {
            status = take_id(c, n);
            status = status ? status : take_dialect(c, n);
            status = status ? status : anchor_add(c, n, "$anchor");
            status = status ? status : anchor_add(c, n, "$dynamicAnchor");
            status = status ? status : scan_keywords(c, n);
        }
    }
    if (status == BELAY_OK)
        *ret_node = n;
    return status;
}

int schema_open_main(struct schema_compiler *c, const belay_json *root, const belay_json *schema,
                     struct schema_node **ret_node)
{
    struct belay_str uri = c->opt.base_uri.p ? c->opt.base_uri : BELAY_STR("");
    struct schema_resource *r = resource_new(c, root, root, uri);
    if (!r)
        return no_memory(c);
    r->main = true;
    return schema_scan(c, schema, r, ret_node);
}

/* ---- references ---- */

static struct schema_resource *resource_find(struct schema_compiler *c, struct belay_str uri)
{
    struct schema_resource *r = c->schema->resources;
    while (r && !belay_str_eq(r->uri, uri) && !(r->alias.p && belay_str_eq(r->alias, uri)))
        r = r->next;
    return r;
}

static int resource_load(struct schema_compiler *c, const struct schema_node *from, struct belay_str uri,
                         struct schema_resource **ret_resource)
{
    struct schema_node *ignored;
    const belay_json *document = c->opt.resolve ? c->opt.resolve(c->opt.resolve_arg, uri) : NULL;
    if (!document)
        return schema_refuse(c, from, BELAY_INVALID, "the reference to %.*s leads to no known document",
                             BELAY_STR_ARG(uri));
    struct schema_resource *r = resource_new(c, document, document, uri);
    if (!r)
        return no_memory(c);
    int status = schema_scan(c, document, r, &ignored);
    if (status == BELAY_OK)
        *ret_resource = r;
    return status;
}

/* Follows a pointer and the $ids it passes. */
static const belay_json *walk(struct schema_compiler *c, struct schema_resource **resource,
                              struct belay_str pointer)
{
    const belay_json *v = (*resource)->root;
    while (v && pointer.n) {
        size_t end = 1 + belay_str_find(belay_str(pointer.p + 1, pointer.n - 1), '/');
        v = belay_json_pointer(v, belay_str(pointer.p, end));
        pointer = belay_str(pointer.p + end, pointer.n - end);
        const struct schema_node *known = v ? schema_known(c, v) : NULL;
        if (known)
            *resource = known->resource;
    }
    return v;
}

static const struct schema_anchor *anchor_find(const struct schema_resource *r, struct belay_str name)
{
    const struct schema_anchor *a = r->anchors;
    while (a && !belay_str_eq(a->name, name))
        a = a->next;
    return a;
}

/* Anchors in an OpenAPI document's components are known once those are scanned. */
static int scan_components(struct schema_compiler *c, struct schema_resource *r)
{
    const belay_json *schemas =
        belay_json_get(belay_json_get(r->root, BELAY_STR("components")), BELAY_STR("schemas"));
    return schemas && schemas->type == BELAY_JSON_OBJECT ? scan_items(c, schemas, r, true) : BELAY_OK;
}

int schema_resolve(struct schema_compiler *c, const struct schema_node *from, struct belay_str reference,
                   struct schema_node **ret_node, struct belay_str *ret_dynamic)
{
    struct belay_arena *arena = &c->schema->arena;
    struct schema_resource *r = from->resource;
    int status = BELAY_OK;
    struct belay_str uri = uri_resolve(arena, r->uri, reference);
    struct belay_str fragment = uri_decode(arena, uri_split(reference).fragment);
    if (!uri.p)
        return no_memory(c);
    if (!fragment.p)
        return schema_refuse(c, from, BELAY_INVALID, "the reference %.*s is malformed", BELAY_STR_ARG(reference));
    if (!belay_str_eq(uri, r->uri) && !(r = resource_find(c, uri)))
        status = resource_load(c, from, uri, &r);
    if (status)
        return status;
    if (fragment.n == 0 || fragment.p[0] == '/') {
        const belay_json *v = walk(c, &r, fragment);
        if (ret_dynamic)
            *ret_dynamic = BELAY_STR_NONE;
        return v ? schema_scan(c, v, r, ret_node)
                 : schema_refuse(c, from, BELAY_INVALID, "the reference %.*s leads to nothing",
                                 BELAY_STR_ARG(reference));
    }
    const struct schema_anchor *a = anchor_find(r, fragment);
    if (!a && r->document == r->root)
        status = scan_components(c, r);
    if (status)
        return status;
    a = a ? a : anchor_find(r, fragment);
    if (!a)
        return schema_refuse(c, from, BELAY_INVALID, "the reference %.*s names no anchor",
                             BELAY_STR_ARG(reference));
    if (ret_dynamic)
        *ret_dynamic = a->dynamic ? a->name : BELAY_STR_NONE;
    *ret_node = a->node;
    return BELAY_OK;
}
