#include "config/openapi.h"

#include "base/limits.h"
#include "config/parts.h"

struct part {
    struct belay_str path;    /* normalised */
    struct belay_str pointer; /* "/x-files/schemas~1order.yaml", as in a fragment; "" of the document itself */
    struct belay_str id;      /* the $id at its root, whose folder stands for the file's; may be empty */
    struct config_link link;  /* its name and tree */
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

/* ---- paths ---- */

/* "a/./b/../c" -> "a/c". */
static struct belay_str normalised(struct bundle *b, struct belay_str path)
{
    char *to = config_scratch(b->c, path.n + 2);
    size_t n = 0, floor = 0;
    if (!to)
        return BELAY_STR("");
    if (path.n && path.p[0] == '/')
        to[n++] = '/', floor = 1;
    for (struct belay_str rest = path; rest.p;) {
        struct belay_str segment = belay_str_split(&rest, '/');
        bool up = belay_str_eq(segment, BELAY_STR(".."));
        if (!segment.n || belay_str_eq(segment, BELAY_STR(".")))
            continue;
        if (up && n > floor) {
            while (n > floor && to[n - 1] != '/')
                n--;
            n -= n > floor;
            continue;
        }
        if (n && to[n - 1] != '/')
            to[n++] = '/';
        memcpy(to + n, segment.p, segment.n);
        n += segment.n;
        if (up)
            floor = n;
    }
    to[n] = '\0';
    return belay_str(to, n);
}

/* The path as seen from the document's folder, where it lies in it. */
static struct belay_str shown_path(const struct bundle *b, struct belay_str path)
{
    struct belay_str document = b->parts[0].path;
    size_t folder = document.n;
    while (folder && document.p[folder - 1] != '/')
        folder--;
    return folder && belay_str_starts(path, belay_str_sub(document, 0, folder)) ? belay_str_sub(path, folder, path.n) : path;
}

/* A name as a token of a JSON Pointer in a fragment. */
static void put_token(struct belay_buf *out, struct belay_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' || c == '-' || c == '_';
        if (c == '/' || c == '~')
            belay_buf_put_str(out, c == '/' ? BELAY_STR("~1") : BELAY_STR("~0"));
        else if (plain)
            belay_buf_put_c(out, (char)c);
        else
            belay_buf_printf(out, "%%%02X", c);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %41 -> A in a relative reference. */
static struct belay_str decoded(struct bundle *b, struct belay_str text)
{
    char *to = config_scratch(b->c, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < text.n; i++) {
        int hi = text.p[i] == '%' && i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(text.p[i + 2]) : -1;
        if (lo >= 0 && (hi || lo)) {
            to[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            to[n++] = text.p[i];
        }
    }
    return to ? belay_str(to, n) : BELAY_STR("");
}

/* ---- parts ---- */

static struct config_node *name_node(struct bundle *b, const char *text, const struct config_node *near)
{
    struct config_node *node = config_scratch(b->c, sizeof *node);
    struct belay_str copy = belay_arena_str(&b->c->scratch, belay_str_c(text));
    if (!node || !copy.p) {
        config_no_memory(b->c);
        return NULL;
    }
    *node = *near;
    node->kind = CONFIG_SCALAR;
    node->style = CONFIG_DOUBLE;
    node->text = copy;
    return node;
}

/* A file's $id would make "#/..." in it lead into that file, where the others are not: it becomes the part's, and what is
 * relative to it is looked for beside the file. */
static void take_id(struct part *part, bool keep)
{
    struct config_node *root = (struct config_node *)part->link.value;
    struct config_link *before = NULL;
    for (struct config_link *m = root->kind == CONFIG_MAP ? root->first : NULL; m; before = m, m = m->next) {
        if (!belay_str_eq(m->key->text, BELAY_STR("$id")) || m->value->kind != CONFIG_SCALAR)
            continue;
        part->id = m->value->text;
        if (keep)
            return;
        *(before ? &before->next : &root->first) = m->next;
        root->last = root->last == m ? before : root->last;
        root->count--;
        return;
    }
}

static struct part *part_of(struct bundle *b, struct belay_str path, const struct config_node *from)
{
    struct belay_buf pointer;
    for (uint32_t i = 0; i < b->count; i++)
        if (belay_str_eq(b->parts[i].path, path))
            return &b->parts[i];
    if (b->count == BELAY_CONFIG_FILES_MAX) {
        config_error(b->c->problems, config_place(from), "limit", "more than %d files", BELAY_CONFIG_FILES_MAX);
        return NULL;
    }
    const struct config_node *tree = config_read_tree(b->c, path, from);
    if (!tree)
        return NULL;
    struct part *part = &b->parts[b->count];
    belay_buf_init(&pointer, BELAY_KIB(16));
    if (b->count) {
        belay_buf_put_str(&pointer, BELAY_STR("/x-files/"));
        put_token(&pointer, shown_path(b, path));
        part->link.key = name_node(b, shown_path(b, path).p, tree);
    }
    part->pointer = belay_arena_str(&b->c->scratch, pointer.n ? belay_buf_view(&pointer) : BELAY_STR(""));
    belay_buf_deinit(&pointer);
    part->path = path;
    part->link.value = tree;
    take_id(part, b->count == 0);
    if (!part->pointer.p || (b->count && !part->link.key)) {
        config_no_memory(b->c);
        return NULL;
    }
    b->count++;
    return part;
}

/* ---- references ---- */

static bool is_url(struct belay_str text)
{
    return memmem(text.n ? text.p : "", text.n, "://", 3);
}

/* "https://x/s/a.json" in a file whose $id is "https://x/s/b.json" is "a.json" beside it. */
static struct belay_str beside(const struct part *part, struct belay_str file)
{
    size_t folder = part->id.n;
    while (folder && part->id.p[folder - 1] != '/')
        folder--;
    struct belay_str prefix = belay_str_sub(part->id, 0, folder);
    return is_url(prefix) && belay_str_starts(file, prefix) ? belay_str_sub(file, folder, file.n) : file;
}

static void rewrite(struct bundle *b, uint32_t at, const struct config_node *node)
{
    struct belay_str rest = node->text, file = belay_str_split(&rest, '#');
    struct belay_str fragment = rest.p ? rest : BELAY_STR("");
    const struct part *part = &b->parts[at];
    file = beside(part, file);
    if (b->schema && is_url(file))
        return; /* a published meta-schema; else its compiler says so */
    if (is_url(file)) {
        struct belay_problem *p = config_error(b->c->problems, config_place(node), "openapi", "a reference to '%.*s': nothing is fetched",
                                               BELAY_STR_ARG(file));
        config_suggest(b->c->problems, p, "put a copy beside the document and name its path");
        b->failed = true;
        return;
    }
    if (file.n && belay_str_find(file, ':') < file.n)
        return; /* a urn: the schema's own business */
    if (file.n) {
        struct belay_str full = config_resolve(b->c, node->file, decoded(b, file));
        part = full.p ? part_of(b, normalised(b, full), node) : NULL;
    }
    if (!part) {
        b->failed = true;
        return;
    }
    bool anchor = fragment.n && fragment.p[0] != '/';
    struct belay_str pointer = anchor ? BELAY_STR("") : part->pointer;
    if (!file.n && (at == 0 || anchor))
        return;
    struct belay_str text = belay_arena_join(&b->c->scratch, BELAY_STR("#"), pointer, fragment);
    if (!text.p)
        config_no_memory(b->c);
    else /* the tree is ours: it was read for this bundle */
        ((struct config_node *)node)->text = text;
}

/* An alias shares its anchor's node: what was made to lead into a part stays. */
static bool is_rewritten(struct belay_str text)
{
    return belay_str_starts(text, BELAY_STR("#/x-files/"));
}

static bool names_a_file(struct belay_str text)
{
    return belay_str_find(text, '#') < text.n || belay_str_ends(text, BELAY_STR(".yaml"))
           || belay_str_ends(text, BELAY_STR(".yml")) || belay_str_ends(text, BELAY_STR(".json"));
}

static enum inside inside_of(struct belay_str key, enum inside outer)
{
    static const char *const maps[] = { "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
                                        "schemas", "responses", "parameters", "headers", "requestBodies",
                                        "securitySchemes", "links", "callbacks", "pathItems", "paths", "webhooks",
                                        "content", "encoding", "variables" };
    if (outer == NAMES)
        return KEYWORDS;
    if (belay_str_eq(key, BELAY_STR("examples")))
        return EXAMPLES;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (belay_str_eq(key, belay_str_c(maps[i])))
            return NAMES;
    return KEYWORDS;
}

/* Values are not looked into: a "$ref" there is data. */
static bool is_value(struct belay_str key, enum inside in)
{
    static const char *const names[] = { "example", "default", "enum", "const", "value" };
    for (size_t i = 0; in == KEYWORDS && i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq(key, belay_str_c(names[i])))
            return true;
    return false;
}

static void walk(struct bundle *b, uint32_t at, const struct config_node *node, enum inside in)
{
    if (node->kind == CONFIG_SCALAR || b->c->status)
        return;
    if (node->kind == CONFIG_LIST && in == EXAMPLES)
        return; /* a schema's */
    if (node->kind == CONFIG_MAP && in == KEYWORDS && node != b->parts[at].link.value && config_get(node, "$id"))
        return;
    for (const struct config_link *m = node->first; m; m = m->next) {
        if (node->kind == CONFIG_LIST) {
            walk(b, at, m->value, KEYWORDS);
            continue;
        }
        struct belay_str key = m->key->text;
        bool mapping = in == KEYWORDS && belay_str_eq(key, BELAY_STR("mapping")) && m->value->kind == CONFIG_MAP;
        for (const struct config_link *to = mapping ? m->value->first : NULL; to; to = to->next)
            if (to->value->kind == CONFIG_SCALAR && names_a_file(to->value->text) && !is_rewritten(to->value->text))
                rewrite(b, at, to->value);
        if (in != NAMES && belay_str_eq(key, BELAY_STR("$ref")) && m->value->kind == CONFIG_SCALAR) {
            if (!is_rewritten(m->value->text))
                rewrite(b, at, m->value);
        } else if (!is_value(key, in)) {
            walk(b, at, m->value, in == EXAMPLES ? KEYWORDS : inside_of(key, in));
        }
    }
}

/* ---- the whole ---- */

/* Appends x-files: {path: tree, ...} to the document's mapping. */
static void attach(struct bundle *b)
{
    struct config_node *root = (struct config_node *)b->parts[0].link.value;
    struct config_node *files = config_scratch(b->c, sizeof *files);
    struct config_link *link = config_scratch(b->c, sizeof *link);
    struct config_node *key = name_node(b, "x-files", root);
    if (!files || !link || !key)
        return;
    *files = (struct config_node){ .kind = CONFIG_MAP, .file = root->file, .line = root->line, .column = root->column };
    for (uint32_t i = 1; i < b->count; i++) {
        struct config_link *one = &b->parts[i].link;
        one->next = NULL;
        *(files->last ? &files->last->next : &files->first) = one;
        files->last = one;
        files->count++;
    }
    *link = (struct config_link){ key, files, NULL };
    if (root->last)
        root->last->next = link;
    else
        root->first = link;
    root->last = link;
    root->count++;
}

/* The first part is there: what it refers to is read, until there is no more. */
static const struct config_node *gather(struct bundle *b)
{
    for (uint32_t i = 0; i < b->count && !b->c->status; i++)
        walk(b, i, b->parts[i].link.value, KEYWORDS);
    if (b->c->status)
        return NULL;
    b->c->unread |= b->failed; /* told: its other mistakes are told as well */
    if (b->count > 1 && b->parts[0].link.value->kind == CONFIG_MAP)
        attach(b);
    return b->parts[0].link.value;
}

const struct config_node *config_openapi_tree(struct config *c, struct belay_str path, const struct config_node *from)
{
    struct bundle b = { .c = c };
    b.parts = config_scratch(c, sizeof *b.parts * BELAY_CONFIG_FILES_MAX);
    return b.parts && part_of(&b, normalised(&b, path), from) ? gather(&b) : NULL;
}

const struct config_node *config_schema_tree(struct config *c, struct belay_str path, const struct config_node *from)
{
    struct bundle b = { .c = c, .schema = true };
    b.parts = config_scratch(c, sizeof *b.parts * BELAY_CONFIG_FILES_MAX);
    if (!b.parts)
        return NULL;
    if (path.p)
        return part_of(&b, normalised(&b, path), from) ? gather(&b) : NULL;
    b.parts[b.count++] = (struct part){ .path = normalised(&b, from->file->path), .pointer = BELAY_STR(""), .link = { .value = from } };
    take_id(&b.parts[0], true);
    return gather(&b);
}

int belay_config_openapi(const char *path, struct belay_definitions **ret_owner, const void **ret_document,
                         struct belay_problems *problems, struct belay_err *err)
{
    const struct belay_config_opt opt = { .paths = &path, .path_count = 1 };
    struct config c;
    const belay_json *root = NULL;
    int status = config_begin(&c, &opt, problems, err);
    if (status)
        return status;
    const struct config_node *tree = config_openapi_tree(&c, belay_str_c(path), NULL);
    if (tree)
        root = config_tape(&c, tree, tree, 4 * BELAY_CONFIG_FILE_BYTES_MAX, "openapi", "document", NULL);
    const struct belay_openapi_opt any = { .any_credentials = true };
    if (root)
        config_openapi_check(&c, root, tree, tree, &any);
    status = config_finish(&c, ret_owner, err);
    if (!status)
        *ret_document = root;
    return status;
}
