/* openapi_fields.c - members of an OpenAPI document that OpenAPI does not know: `paramters` would declare nothing, and
 * nobody would hear of it.  A table of the objects that decide what is served; "x-..." is everybody's own. */
#include "config/openapi.h"

enum object {
    NOTHING, /* not looked into */
    DOCUMENT,
    COMPONENTS,
    PATH,
    OPERATION,
    PARAMETER,
    BODY,
    MEDIA,
    ENCODING,
    RESPONSE,
    HEADER,
    SCHEME,
    SERVER,
    OBJECTS
};

/* More than any document that somebody wrote has. */
enum { OBJECTS_LOOKED_AT_MAX = 100000 };

/* What a field's value is: one object, a list of them, or a mapping of names to them. */
enum many { ONE, LIST, MAP, STATUSES };

struct field {
    const char *name;
    enum object is;
    enum many many;
};

#define SAID { "summary", NOTHING, ONE }, { "description", NOTHING, ONE }
#define SHAPED                                                                                         \
    { "required", NOTHING, ONE }, { "deprecated", NOTHING, ONE }, { "allowEmptyValue", NOTHING, ONE }, \
    { "style", NOTHING, ONE }, { "explode", NOTHING, ONE }, { "allowReserved", NOTHING, ONE },         \
    { "schema", NOTHING, ONE }, { "example", NOTHING, ONE }, { "examples", NOTHING, ONE }, { "content", MEDIA, MAP }

static const struct field document[]
    = { { "openapi", NOTHING, ONE },   { "info", NOTHING, ONE },          { "jsonSchemaDialect", NOTHING, ONE },
        { "servers", SERVER, LIST },   { "paths", PATH, MAP },            { "webhooks", NOTHING, ONE },
        { "components", COMPONENTS, ONE }, { "security", NOTHING, ONE },  { "tags", NOTHING, ONE },
        { "externalDocs", NOTHING, ONE }, { 0 } };
static const struct field components[]
    = { { "schemas", NOTHING, ONE },     { "responses", RESPONSE, MAP }, { "parameters", PARAMETER, MAP },
        { "examples", NOTHING, ONE },    { "requestBodies", BODY, MAP }, { "headers", HEADER, MAP },
        { "securitySchemes", SCHEME, MAP }, { "links", NOTHING, ONE },   { "callbacks", NOTHING, ONE },
        { "pathItems", PATH, MAP },      { 0 } };
static const struct field path[]
    = { { "$ref", NOTHING, ONE },   SAID,
        { "get", OPERATION, ONE },  { "put", OPERATION, ONE },     { "post", OPERATION, ONE }, { "delete", OPERATION, ONE },
        { "options", OPERATION, ONE }, { "head", OPERATION, ONE }, { "patch", OPERATION, ONE }, { "trace", OPERATION, ONE },
        { "servers", SERVER, LIST }, { "parameters", PARAMETER, LIST }, { 0 } };
static const struct field operation[]
    = { { "tags", NOTHING, ONE },          SAID,
        { "externalDocs", NOTHING, ONE },  { "operationId", NOTHING, ONE }, { "parameters", PARAMETER, LIST },
        { "requestBody", BODY, ONE },      { "responses", RESPONSE, STATUSES }, { "callbacks", NOTHING, ONE },
        { "deprecated", NOTHING, ONE },    { "security", NOTHING, ONE },    { "servers", SERVER, LIST }, { 0 } };
static const struct field parameter[] = { { "name", NOTHING, ONE }, { "in", NOTHING, ONE }, SAID, SHAPED, { 0 } };
static const struct field header[] = { SAID, SHAPED, { 0 } };
static const struct field body[] = { SAID, { "content", MEDIA, MAP }, { "required", NOTHING, ONE }, { 0 } };
static const struct field media[] = { { "schema", NOTHING, ONE }, { "example", NOTHING, ONE }, { "examples", NOTHING, ONE },
                                      { "encoding", ENCODING, MAP }, { 0 } };
static const struct field encoding[] = { { "contentType", NOTHING, ONE }, { "headers", HEADER, MAP }, { "style", NOTHING, ONE },
                                         { "explode", NOTHING, ONE }, { "allowReserved", NOTHING, ONE }, { 0 } };
static const struct field response[] = { SAID, { "headers", HEADER, MAP }, { "content", MEDIA, MAP }, { "links", NOTHING, ONE }, { 0 } };
static const struct field scheme[]
    = { { "type", NOTHING, ONE },   SAID,
        { "name", NOTHING, ONE },   { "in", NOTHING, ONE },    { "scheme", NOTHING, ONE }, { "bearerFormat", NOTHING, ONE },
        { "flows", NOTHING, ONE },  { "openIdConnectUrl", NOTHING, ONE }, { 0 } };
static const struct field server[] = { { "url", NOTHING, ONE }, SAID, { "variables", NOTHING, ONE }, { 0 } };

static const struct {
    const char *name;
    const struct field *fields;
} objects[OBJECTS] = {
    [DOCUMENT] = { "an OpenAPI document", document },
    [COMPONENTS] = { "'components'", components },
    [PATH] = { "a path", path },
    [OPERATION] = { "an operation", operation },
    [PARAMETER] = { "a parameter", parameter },
    [BODY] = { "a request body", body },
    [MEDIA] = { "a media type", media },
    [ENCODING] = { "an encoding", encoding },
    [RESPONSE] = { "a response", response },
    [HEADER] = { "a header", header },
    [SCHEME] = { "a security scheme", scheme },
    [SERVER] = { "a server", server },
};

static bool is_own(struct belay_str name)
{
    return belay_str_starts(name, BELAY_STR("x-"));
}

static const struct field *find(const struct field *fields, struct belay_str name, struct config_guess *g)
{
    for (; fields->name; fields++) {
        if (belay_str_eq(belay_str_c(fields->name), name))
            return fields;
        config_guess_name(g, belay_str_c(fields->name));
    }
    return NULL;
}

static void tell(struct config *c, const struct config_node *at, const char *what, const struct config_guess *g)
{
    if (!config_was_told(c->problems, config_place(at), "unknown-field", BELAY_STR("")))
        config_suggest_guess(c->problems,
                             config_warning(c->problems, config_place(at), "unknown-field", "%s has no '%.*s'", what,
                                            BELAY_STR_ARG(at->text)),
                             g);
}

/* 404, 4XX, default. */
static void check_status(struct config *c, const struct config_node *key)
{
    struct belay_str s = key->text;
    bool digit = s.n == 3 && s.p[0] >= '1' && s.p[0] <= '5';
    uint64_t number;
    struct config_guess none = config_guess(s);
    if ((digit && (belay_str_to_u64(s, &number) || belay_str_ends(s, BELAY_STR("XX")))) || belay_str_eq(s, BELAY_STR("default"))
        || is_own(s))
        return;
    tell(c, key, "'responses' has statuses (404), classes (4XX) and default; it", &none);
}

struct walk {
    struct config *c;
    const struct config_node *root;
    unsigned depth; /* of references */
    unsigned left;  /* objects that may still be looked at: references may lead to one many times over */
};

static void check(struct walk *w, const struct config_node *node, enum object is);

static void check_many(struct walk *w, const struct config_node *node, const struct field *field)
{
    if (field->is == NOTHING)
        return;
    if (field->many == ONE)
        check(w, node, field->is);
    bool named = field->many >= MAP && node->kind == CONFIG_MAP, listed = field->many == LIST && node->kind == CONFIG_LIST;
    for (const struct config_link *m = named || listed ? node->first : NULL; m; m = m->next) {
        if (field->many == STATUSES)
            check_status(w->c, m->key);
        if (!named || !is_own(m->key->text))
            check(w, m->value, field->is);
    }
}

/* What a reference leads to may stand in another file, where nothing else says what it is. */
static void follow(struct walk *w, const struct config_node *reference, enum object is)
{
    struct belay_str text = reference->kind == CONFIG_SCALAR ? reference->text : BELAY_STR("");
    const struct config_node *node
        = belay_str_starts(text, BELAY_STR("#/")) ? config_node_of_pointer(w->root, belay_str_sub(text, 1, text.n)) : NULL;
    if (!node || w->depth == 16)
        return;
    w->depth++;
    check(w, node, is);
    w->depth--;
}

static void check(struct walk *w, const struct config_node *node, enum object is)
{
    const struct config_node *reference = config_get(node, "$ref");
    if (w->left == 0)
        return;
    w->left--;
    if (reference)
        follow(w, reference, is);
    if (node->kind != CONFIG_MAP || (reference && is != PATH))
        return;
    for (const struct config_link *m = node->first; m; m = m->next) {
        struct config_guess g = config_guess(m->key->text);
        const struct field *field = find(objects[is].fields, m->key->text, &g);
        if (field)
            check_many(w, m->value, field);
        else if (!is_own(m->key->text))
            tell(w->c, m->key, objects[is].name, &g);
    }
}

void config_openapi_fields(struct config *c, const struct config_node *tree)
{
    struct walk w = { c, tree, 0, OBJECTS_LOOKED_AT_MAX };
    check(&w, tree, DOCUMENT);
}
