#include "config/openapi.h"

#include "base/limits.h"
#include "config/bundle.h"
#include "config/parts.h"

/* ---- parts ---- */

static struct config_node *name_node(struct bundle *b, struct belay_str text, const struct config_node *near)
{
    struct config_node *node = config_scratch(b->c, sizeof *node);
    struct belay_str copy = belay_arena_str(&b->c->scratch, text);
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

/* uri: that it was looked up by, among the remotes; else empty. */
static struct part *part_of(struct bundle *b, struct belay_str path, struct belay_str uri, const struct config_node *from)
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
        struct belay_str name = uri.n ? uri : bundle_beside(b->parts[0].path, path);
        belay_buf_put_str(&pointer, BELAY_STR("/x-files/"));
        bundle_put_token(&pointer, name);
        part->link.key = name_node(b, name, tree);
    }
    part->pointer = belay_arena_str(&b->c->scratch, pointer.n ? belay_buf_view(&pointer) : BELAY_STR(""));
    belay_buf_deinit(&pointer);
    part->path = path;
    part->link.value = tree;
    part->id = uri;
    take_id(part, b->count == 0);
    if (!part->pointer.p || (b->count && !part->link.key)) {
        config_no_memory(b->c);
        return NULL;
    }
    bundle_walk(b, b->count++, tree, KEYWORDS, NULL, bundle_see_name);
    return part;
}

/* ---- references ---- */

/* "https://x/s/a.json" in a file whose $id is "https://x/s/b.json" is "a.json" beside it. */
static struct belay_str beside(const struct part *part, struct belay_str file)
{
    size_t folder = part->id.n;
    while (folder && part->id.p[folder - 1] != '/')
        folder--;
    struct belay_str prefix = belay_str_sub(part->id, 0, folder);
    return bundle_is_url(prefix) && belay_str_starts(file, prefix) ? belay_str_sub(file, folder, file.n) : file;
}

static bool is_absolute(struct belay_str file)
{
    return belay_str_find(file, ':') < file.n;
}

/* What is wrong with a reference to file, or nothing: a schema's compiler knows the published meta-schemas. */
static void leave(struct bundle *b, const struct config_node *node, struct belay_str file)
{
    if (b->schema || !bundle_is_url(file))
        return;
    struct belay_problem *p = config_error(b->c->problems, config_place(node), "openapi", "a reference to '%.*s': nothing is fetched",
                                           BELAY_STR_ARG(file));
    config_suggest(b->c->problems, p, "put a copy beside the document and name its path, or name a folder of such copies: remotes");
    b->failed = true;
}

/* The part that a reference leads to; uri: the whole of file, where it has one. NULL: it stays as it is, or b->failed. */
static struct part *part_of_reference(struct bundle *b, const struct part *part, struct belay_str file, struct belay_str uri,
                                      const struct config_node *node)
{
    struct belay_str local = beside(part, file);
    for (uint32_t i = 0; uri.p && i < b->count; i++)
        if (belay_str_eq(b->parts[i].id, uri))
            return &b->parts[i];
    struct belay_str path = BELAY_STR_NONE, found = BELAY_STR_NONE;
    if (!is_absolute(local))
        path = config_resolve(b->c, node->file, bundle_decoded(b->c, local));
    if (uri.p && !(path.p && config_is_file(b->c, path)))
        found = config_remote(b->c, uri);
    if (!found.p && !path.p) {
        leave(b, node, file);
        return NULL;
    }
    struct part *to = found.p ? part_of(b, bundle_path(b->c, found), uri, node) : part_of(b, bundle_path(b->c, path), BELAY_STR(""), node);
    b->failed |= !to;
    return to;
}

static void lead(struct bundle *b, const struct config_node *node, struct belay_str to, struct belay_str fragment)
{
    struct config_node *own = (struct config_node *)node; /* the tree is ours: it was read for this bundle */
    struct belay_str text = belay_arena_join(&b->c->scratch, to, BELAY_STR("#"), fragment);
    if (!text.p)
        config_no_memory(b->c);
    own->text = text.p ? text : own->text;
    own->led = true;
}

static void lead_into(struct bundle *b, const struct config_node *node, const struct part *part, struct belay_str pointer)
{
    struct belay_str whole = belay_arena_join(&b->c->scratch, part->pointer, pointer, BELAY_STR(""));
    if (whole.p)
        lead(b, node, BELAY_STR(""), whole);
    else
        config_no_memory(b->c);
}

/* To an $id in the same file: a schema's compiler finds it, that of a contract sees schemas one by one. */
static void lead_within(struct bundle *b, const struct config_node *node, uint32_t at, struct belay_str uri, const struct name *within,
                        struct belay_str fragment)
{
    bool anchor = fragment.n && fragment.p[0] != '/';
    struct belay_str pointer = belay_arena_join(&b->c->scratch, within->pointer, fragment, BELAY_STR(""));
    if (!pointer.p)
        config_no_memory(b->c);
    else if (!b->schema && !anchor)
        lead_into(b, node, &b->parts[at], pointer);
    else if (at && uri.p)
        lead(b, node, uri, fragment);
}

/* An anchor's name becomes the pointer to its place: in the bundle others may be called the same. */
static void rewrite(struct bundle *b, uint32_t at, const struct config_node *node)
{
    struct belay_str rest = node->text, file = belay_str_split(&rest, '#');
    struct belay_str fragment = rest.p ? rest : BELAY_STR("");
    const struct part *part = &b->parts[at];
    struct belay_str uri = file.n ? bundle_uri(b->c, part->id, file) : BELAY_STR_NONE;
    if (node->led)
        return; /* an alias shares its anchor's node */
    const struct name *within = file.n ? bundle_find_name(part, uri.p ? uri : file, false) : NULL;
    if (within) {
        lead_within(b, node, at, uri, within, fragment);
        return;
    }
    part = file.n ? part_of_reference(b, part, file, uri, node) : part;
    if (!part)
        return;
    bool anchor = fragment.n && fragment.p[0] != '/';
    const struct name *name = anchor ? bundle_find_name(part, fragment, true) : NULL;
    if (name || (!anchor && (file.n || at)))
        lead_into(b, node, part, name ? name->pointer : fragment);
    else if (anchor && file.n) /* to nothing, which the compiler tells */
        lead(b, node, BELAY_STR(""), fragment);
}

static const struct part *dynamic_part(struct bundle *b, uint32_t at, const struct config_node *node)
{
    struct belay_str rest = node->text, file = belay_str_split(&rest, '#');
    struct belay_str uri = file.n ? bundle_uri(b->c, b->parts[at].id, file) : BELAY_STR_NONE;
    if (file.n && bundle_find_name(&b->parts[at], uri.p ? uri : file, false))
        return NULL; /* a resource within */
    return file.n ? part_of_reference(b, &b->parts[at], file, uri, node) : &b->parts[at];
}

static bool names_a_file(struct belay_str text)
{
    return belay_str_find(text, '#') < text.n || belay_str_ends(text, BELAY_STR(".yaml"))
           || belay_str_ends(text, BELAY_STR(".yml")) || belay_str_ends(text, BELAY_STR(".json"));
}

static void see_reference(struct bundle *b, uint32_t at, const struct config_link *m, const struct way *way)
{
    (void)way;
    bool mapping = belay_str_eq(m->key->text, BELAY_STR("mapping")) && m->value->kind == CONFIG_MAP;
    for (const struct config_link *to = mapping ? m->value->first : NULL; to; to = to->next)
        if (to->value->kind == CONFIG_SCALAR && names_a_file(to->value->text))
            rewrite(b, at, to->value);
    if (belay_str_eq(m->key->text, BELAY_STR("$ref")) && m->value->kind == CONFIG_SCALAR)
        rewrite(b, at, m->value);
    else if (belay_str_eq(m->key->text, BELAY_STR("$dynamicRef")) && m->value->kind == CONFIG_SCALAR)
        dynamic_part(b, at, m->value); /* so that it is there */
}

/* The file that stands outermost on every way has the say: the document itself. *ret_count: of others that have the name. */
static const struct name *outermost(const struct bundle *b, struct belay_str text, const struct part **ret_part, uint32_t *ret_count)
{
    const struct name *found = NULL;
    *ret_count = 0;
    for (uint32_t i = 0; i < b->count && !(found && *ret_part == b->parts); i++) {
        const struct name *name = bundle_find_name(&b->parts[i], text, true);
        if (!name || !name->dynamic)
            continue;
        *ret_part = found ? *ret_part : &b->parts[i];
        found = found ? found : name;
        ++*ret_count;
    }
    return found;
}

/* Once all files are known. Which of them a $dynamicRef means is settled here, where they become one resource. */
static void see_dynamic(struct bundle *b, uint32_t at, const struct config_link *m, const struct way *way)
{
    (void)way;
    if (belay_str_eq(m->key->text, BELAY_STR("$recursiveRef")) && at) {
        config_error(b->c->problems, config_place(m->value), "schema", "$recursiveRef in a file that another one refers to");
        return;
    }
    if (!belay_str_eq(m->key->text, BELAY_STR("$dynamicRef")) || m->value->kind != CONFIG_SCALAR || m->value->led)
        return;
    const struct part *part = dynamic_part(b, at, m->value);
    size_t hash = belay_str_find(m->value->text, '#');
    struct belay_str fragment = belay_str_sub(m->value->text, hash + (hash < m->value->text.n), m->value->text.n);
    const struct name *name = part ? bundle_find_name(part, fragment, true) : NULL;
    uint32_t count = 1;
    if (name && name->dynamic)
        name = outermost(b, fragment, &part, &count);
    if (count > 1)
        config_error(b->c->problems, config_place(m->value), "schema",
                     "%u files have the $dynamicAnchor '%.*s', and the first of all has not: which is meant is not known", count,
                     BELAY_STR_ARG(fragment));
    if (name)
        lead_into(b, m->value, part, name->pointer);
    else if (part)
        rewrite(b, at, m->value);
}

/* ---- the whole ---- */

/* Appends x-files: {path: tree, ...} to the document's mapping. */
static void attach(struct bundle *b)
{
    struct config_node *root = (struct config_node *)b->parts[0].link.value;
    struct config_node *files = config_scratch(b->c, sizeof *files);
    struct config_link *link = config_scratch(b->c, sizeof *link);
    struct config_node *key = name_node(b, BELAY_STR("x-files"), root);
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
        bundle_walk(b, i, b->parts[i].link.value, KEYWORDS, NULL, see_reference);
    for (uint32_t i = 0; b->count > 1 && i < b->count; i++)
        bundle_walk(b, i, b->parts[i].link.value, KEYWORDS, NULL, see_dynamic);
    if (b->c->status)
        return NULL;
    b->c->unread = b->failed; /* told: its other mistakes are told as well */
    if (b->count > 1 && b->parts[0].link.value->kind == CONFIG_MAP)
        attach(b);
    return b->parts[0].link.value;
}

const struct config_node *config_openapi_tree(struct config *c, struct belay_str path, const struct config_node *from)
{
    struct bundle b = { .c = c };
    b.parts = config_scratch(c, sizeof *b.parts * BELAY_CONFIG_FILES_MAX);
    return b.parts && part_of(&b, bundle_path(c, path), BELAY_STR(""), from) ? gather(&b) : NULL;
}

const struct config_node *config_schema_tree(struct config *c, struct belay_str path, const struct config_node *from)
{
    struct bundle b = { .c = c, .schema = true };
    b.parts = config_scratch(c, sizeof *b.parts * BELAY_CONFIG_FILES_MAX);
    if (!b.parts)
        return NULL;
    if (path.p)
        return part_of(&b, bundle_path(c, path), BELAY_STR(""), from) ? gather(&b) : NULL;
    b.parts[b.count++] = (struct part){ .path = bundle_path(c, from->file->path), .pointer = BELAY_STR(""), .link = { .value = from } };
    take_id(&b.parts[0], true);
    bundle_walk(&b, 0, from, KEYWORDS, NULL, bundle_see_name);
    return gather(&b);
}

int belay_config_openapi(const char *path, const char *remotes, struct belay_definitions **ret_owner, const void **ret_document,
                         struct belay_problems *problems, struct belay_err *err)
{
    const struct belay_config_opt opt = { .paths = &path, .path_count = 1 };
    struct config c;
    const belay_json *root = NULL;
    int status = config_begin(&c, &opt, problems, err);
    if (status)
        return status;
    if (remotes)
        config_remotes(&c, belay_str_c(remotes), (struct belay_place){ belay_str_c(remotes), 0, 0 });
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
