/* From a $ref to a node: documents, the resources in them ($id), their anchors.
 *
 * A document is scanned before anything in it is compiled: every place where a keyword holds a
 * schema becomes a node, so that an $id or $anchor is found wherever it stands, and one in a `const`
 * or an `enum` is not taken for one.  What a pointer names outside of those places (the components of
 * an OpenAPI document) is scanned when it is asked for. */
#include <stdio.h>

#include "json/schema_compile.h"
#include "json/uri.h"

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

int schema_refuse(struct schema_compiler *c, const struct belay_schema_node *at, int status, const char *fmt, ...)
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

struct belay_schema_node *schema_known(struct schema_compiler *c, const belay_json *v)
{
    return belay_map_get(&c->nodes, belay_str((const char *)&v, sizeof v));
}

static int node_new(struct schema_compiler *c, const belay_json *v, struct schema_home home,
                    struct belay_schema_node **ret_node)
{
    struct belay_schema_node *n = BELAY_ARENA_NEW(&c->schema->arena, struct belay_schema_node);
    if (!n)
        return schema_no_memory(c);
    n->source = v;
    n->resource = home.resource;
    n->rules = home.rules;
    n->types = SCHEMA_ALL_TYPES;
    if (belay_map_put(&c->nodes, belay_str((const char *)&n->source, sizeof n->source), n, NULL))
        return schema_no_memory(c);
    if (++c->node_count > BELAY_SCHEMA_NODES_MAX)
        return schema_refuse(c, n, BELAY_LIMIT, "more than %d subschemas", BELAY_SCHEMA_NODES_MAX);
    *ret_node = n;
    return BELAY_OK;
}

/* Whether there may be one more document, $id or anchor: each look-up passes all of them. */
static int count_name(struct schema_compiler *c)
{
    if (++c->name_count <= BELAY_SCHEMA_RESOURCES_MAX)
        return BELAY_OK;
    return belay_fail(c->err, BELAY_LIMIT, "more than %d documents, $ids and anchors", BELAY_SCHEMA_RESOURCES_MAX);
}

static int resource_new(struct schema_compiler *c, const belay_json *document, const belay_json *root,
                        struct belay_str uri, struct schema_rules rules, struct schema_resource **ret_resource)
{
    int status = count_name(c);
    struct schema_resource *r = status ? NULL : BELAY_ARENA_NEW(&c->schema->arena, struct schema_resource);
    if (!r)
        return status ? status : schema_no_memory(c);
    r->document = document;
    r->root = root;
    r->uri = uri;
    r->rules = rules;
    struct schema_resource **at = &c->schema->resources;
    while (*at)
        at = &(*at)->next;
    *at = r;
    *ret_resource = r;
    return BELAY_OK;
}

struct belay_str schema_text_of(const belay_json *schema, const char *keyword)
{
    const belay_json *v = belay_json_get(schema, belay_str_c(keyword));
    return v && v->type == BELAY_JSON_STRING ? belay_json_str(v) : BELAY_STR_NONE;
}

/* ---- names: $id, $anchor ---- */

static int anchor_add(struct schema_compiler *c, struct belay_schema_node *n, struct belay_str name, bool dynamic)
{
    int status = count_name(c);
    struct schema_anchor *a = status ? NULL : BELAY_ARENA_NEW(&c->schema->arena, struct schema_anchor);
    if (!a)
        return status ? status : schema_no_memory(c);
    *a = (struct schema_anchor){ n->resource->anchors, name, n, dynamic };
    n->resource->anchors = a;
    return BELAY_OK;
}

static int take_anchors(struct schema_compiler *c, struct belay_schema_node *n)
{
    uint8_t dialect = n->rules.dialect;
    struct belay_str anchor = schema_text_of(n->source, "$anchor");
    struct belay_str dynamic = schema_text_of(n->source, "$dynamicAnchor");
    const belay_json *recursive = belay_json_get(n->source, BELAY_STR("$recursiveAnchor"));
    int status = BELAY_OK;
    if (dialect > BELAY_SCHEMA_2019_09)
        return BELAY_OK;
    if (anchor.p)
        status = anchor_add(c, n, anchor, false);
    if (!status && dynamic.p && dialect == BELAY_SCHEMA_2020_12)
        status = anchor_add(c, n, dynamic, true);
    if (!status && recursive && recursive->type == BELAY_JSON_TRUE && dialect == BELAY_SCHEMA_2019_09
        && n->source == n->resource->root)
        status = anchor_add(c, n, BELAY_STR(""), true);
    return status;
}

/* A URI makes a resource of its own, but for that of a whole document: it is found by both names. */
static int resource_name(struct schema_compiler *c, struct belay_schema_node *n, struct belay_str uri)
{
    struct schema_resource *parent = n->resource;
    if (parent->root == n->source) {
        parent->alias = parent->uri;
        parent->uri = uri;
        return BELAY_OK;
    }
    struct schema_resource *own = NULL;
    int status = resource_new(c, parent->document, n->source, uri, n->rules, &own);
    if (status)
        return status;
    own->main = parent->main;
    n->resource = own;
    return BELAY_OK;
}

/* An $id; its fragment is what draft 7 had for $anchor. */
static int take_id(struct schema_compiler *c, struct belay_schema_node *n)
{
    struct belay_str id = schema_text_of(n->source, "$id"), fragment = uri_split(id).fragment;
    bool known = n->rules.dialect != BELAY_SCHEMA_OPENAPI_30 && !schema_ref_stands_alone(n);
    int status = BELAY_OK;
    if (!id.p || !known)
        return BELAY_OK;
    if (id.n == 0 || id.p[0] != '#') {
        struct belay_str uri = uri_resolve(&c->schema->arena, n->resource->uri, id);
        if (!uri.p)
            return schema_no_memory(c);
        if (!belay_str_eq(uri, n->resource->uri))
            status = resource_name(c, n, uri);
    }
    if (!status && fragment.n && n->rules.dialect == BELAY_SCHEMA_DRAFT_07)
        status = anchor_add(c, n, fragment, false);
    return status;
}

/* ---- the scan ---- */

static int scan_items(struct schema_compiler *c, const belay_json *v, struct schema_home home, bool arrays)
{
    struct belay_schema_node *ignored;
    int status = BELAY_OK;
    const belay_json *child = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && status == BELAY_OK; i++, child = belay_json_next(child)) {
        if (v->type == BELAY_JSON_OBJECT)
            child++;
        if (arrays || child->type != BELAY_JSON_ARRAY)
            status = schema_scan(c, child, home, &ignored);
    }
    return status;
}

static int scan_value(struct schema_compiler *c, enum schema_holds holds, const belay_json *v, struct schema_home home)
{
    struct belay_schema_node *ignored;
    bool array = v->type == BELAY_JSON_ARRAY, object = v->type == BELAY_JSON_OBJECT;
    switch (holds) {
    case HOLDS_NOTHING: return BELAY_OK;
    case HOLDS_SCHEMA: return schema_scan(c, v, home, &ignored);
    case HOLDS_LIST: return array ? scan_items(c, v, home, true) : BELAY_OK;
    case HOLDS_ITEMS: return array ? scan_items(c, v, home, true) : schema_scan(c, v, home, &ignored);
    case HOLDS_MAP: return object ? scan_items(c, v, home, true) : BELAY_OK;
    case HOLDS_SOME: return object ? scan_items(c, v, home, false) : BELAY_OK;
    }
    return BELAY_OK;
}

/* Says that nobody knows this keyword. */
static void tell_unknown(struct schema_compiler *c, const struct belay_schema_node *n, struct belay_str keyword)
{
    if (c->opt.unknown_keyword && !belay_str_starts(keyword, BELAY_STR("x-")))
        c->opt.unknown_keyword(c->opt.unknown_keyword_arg,
                               schema_pointer_of(&c->schema->arena, n->resource->document, n->source), keyword,
                               schema_keyword_meant(n->rules.dialect, keyword));
}

static int scan_keywords(struct schema_compiler *c, const struct belay_schema_node *n)
{
    struct schema_home home = { n->resource, n->rules };
    bool ref_alone = schema_ref_stands_alone(n);
    int status = BELAY_OK;
    const belay_json *key = belay_json_first(n->source);
    for (uint32_t i = 0; i < n->source->n && status == BELAY_OK; i++, key = belay_json_next(key + 1)) {
        struct belay_str name = belay_json_str(key);
        const struct schema_keyword *k = schema_keyword_find(n->rules.dialect, name);
        if (!k)
            tell_unknown(c, n, name);
        else if (!ref_alone || belay_str_eq(name, BELAY_STR("definitions")))
            status = scan_value(c, (enum schema_holds)k->holds, key + 1, home);
    }
    return status;
}

static int scan_new(struct schema_compiler *c, struct belay_schema_node *n)
{
    const belay_json *v = n->source;
    if (v->type == BELAY_JSON_OBJECT && v->n > BELAY_SCHEMA_KEYWORDS_MAX)
        return schema_refuse(c, n, BELAY_LIMIT, "more than %d members in one schema", BELAY_SCHEMA_KEYWORDS_MAX);
    if (v->type == BELAY_JSON_TRUE || v->type == BELAY_JSON_FALSE)
        return BELAY_OK;
    if (v->type != BELAY_JSON_OBJECT)
        return schema_go_on(c, schema_refuse(c, n, BELAY_INVALID, "a schema is an object, true or false, not %s",
                                             belay_json_type_name(v)));
    int status = schema_take_dialect(c, n);
    status = status ? status : take_id(c, n);
    status = status ? status : take_anchors(c, n);
    if (n->resource->root == v)
        n->resource->rules = n->rules;
    return status ? status : scan_keywords(c, n);
}

int schema_scan(struct schema_compiler *c, const belay_json *v, struct schema_home home,
                struct belay_schema_node **ret_node)
{
    struct belay_schema_node *n = schema_known(c, v);
    int status = BELAY_OK;
    if (!n) {
        status = node_new(c, v, home, &n);
        status = status ? status : scan_new(c, n);
        if (status && n)
            n->state = SCHEMA_COMPILED; /* what is in it may not be known: nobody may look there */
    }
    if (status == BELAY_OK)
        *ret_node = n;
    return status;
}

int schema_open_main(struct schema_compiler *c, const belay_json *root, const belay_json *schema,
                     struct belay_schema_node **ret_node)
{
    struct belay_str uri = c->opt.base_uri.p ? c->opt.base_uri : BELAY_STR("");
    struct schema_rules rules = schema_rules_of((uint8_t)c->opt.dialect, c->opt.assert_formats);
    struct schema_resource *r = NULL;
    int status = resource_new(c, root, root, uri, rules, &r);
    if (status)
        return status;
    r->main = true;
    return schema_scan(c, schema, (struct schema_home){ r, rules }, ret_node);
}

/* ---- references ---- */

static struct schema_resource *resource_find(struct schema_compiler *c, struct belay_str uri)
{
    struct schema_resource *r = c->schema->resources;
    while (r && !belay_str_eq(r->uri, uri) && !(r->alias.p && belay_str_eq(r->alias, uri)))
        r = r->next;
    return r;
}

static const struct belay_json_node everything = { .type = BELAY_JSON_TRUE };

const belay_json *belay_schema_anything(void *arg, struct belay_str uri)
{
    (void)arg;
    (void)uri;
    return &everything;
}

static int resource_load(struct schema_compiler *c, const struct belay_schema_node *from, struct belay_str uri,
                         struct schema_resource **ret_resource)
{
    struct belay_schema_node *ignored;
    const belay_json *document;
    int status = schema_document(c, uri, &document);
    if (status)
        return status;
    if (!document)
        return schema_refuse(c, from, BELAY_INVALID, "the reference to %.*s leads to no known document",
                             BELAY_STR_ARG(uri));
    struct schema_resource *r = NULL;
    status = resource_new(c, document, document, uri, from->rules, &r);
    status = status ? status : schema_scan(c, document, (struct schema_home){ r, from->rules }, &ignored);
    if (status == BELAY_OK)
        *ret_resource = r;
    return status;
}

/* Follows a pointer and the $ids it passes. */
static const belay_json *walk(struct schema_compiler *c, struct schema_home *home, struct belay_str pointer)
{
    const belay_json *v = home->resource->root;
    while (v && pointer.n) {
        size_t end = 1 + belay_str_find(belay_str(pointer.p + 1, pointer.n - 1), '/');
        v = belay_json_pointer(v, belay_str(pointer.p, end));
        pointer = belay_str(pointer.p + end, pointer.n - end);
        const struct belay_schema_node *known = v ? schema_known(c, v) : NULL;
        if (known)
            *home = (struct schema_home){ known->resource, known->rules };
    }
    return v;
}

static int refuse_reference(struct schema_compiler *c, const struct belay_schema_node *from, struct belay_str reference,
                            struct belay_str meant)
{
    if (!meant.p)
        return schema_refuse(c, from, BELAY_INVALID, "the reference %.*s leads to nothing", BELAY_STR_ARG(reference));
    return schema_refuse(c, from, BELAY_INVALID, "the reference %.*s leads to nothing; did you mean '%.*s'?",
                         BELAY_STR_ARG(reference), BELAY_STR_ARG(meant));
}

/* Of the names beside the last one of a pointer that leads to nothing the one that was probably meant. */
static struct belay_str member_meant(const belay_json *root, struct belay_str pointer)
{
    struct belay_str meant = BELAY_STR_NONE;
    size_t slash = pointer.n;
    while (slash && pointer.p[slash - 1] != '/')
        slash--;
    const belay_json *owner = slash ? belay_json_pointer(root, belay_str_sub(pointer, 0, slash - 1)) : NULL;
    const belay_json *key = owner && owner->type == BELAY_JSON_OBJECT ? belay_json_first(owner) : NULL;
    unsigned best = 3;
    for (uint32_t i = 0; key && i < owner->n; i++, key = belay_json_next(key + 1))
        if (schema_is_near(belay_str_sub(pointer, slash, pointer.n), belay_json_str(key), &best))
            meant = belay_json_str(key);
    return meant;
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
    return schemas && schemas->type == BELAY_JSON_OBJECT ? scan_items(c, schemas, (struct schema_home){ r, r->rules }, true)
                                                           : BELAY_OK;
}

int schema_resolve(struct schema_compiler *c, const struct belay_schema_node *from, struct belay_str reference,
                   struct belay_schema_node **ret_node, struct belay_str *ret_dynamic)
{
    struct belay_arena *arena = &c->schema->arena;
    struct schema_resource *r = from->resource;
    int status = BELAY_OK;
    struct belay_str uri = uri_resolve(arena, r->uri, reference);
    struct belay_str fragment = uri_decode(arena, uri_split(reference).fragment);
    if (!uri.p)
        return schema_no_memory(c);
    if (!fragment.p)
        return schema_refuse(c, from, BELAY_INVALID, "the reference %.*s is malformed", BELAY_STR_ARG(reference));
    if (!belay_str_eq(uri, r->uri) && !(r = resource_find(c, uri)))
        status = resource_load(c, from, uri, &r);
    if (status)
        return status;
    if (r->root == &everything)
        fragment.n = 0;
    if (fragment.n == 0 || fragment.p[0] == '/') {
        struct schema_home home = { r, r->rules };
        const belay_json *v = walk(c, &home, fragment);
        if (ret_dynamic)
            *ret_dynamic = BELAY_STR_NONE;
        return v ? schema_scan(c, v, home, ret_node)
                 : refuse_reference(c, from, reference, member_meant(r->root, fragment));
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
