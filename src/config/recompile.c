/* A stored definition, compiled again: its text is JSON of our own making, read by the same tables.
 */
#include "config/grammar.h"
#include "config/parts.h"
#include "config/scalar.h"

/* {"belay":1,"flow":"name","definition":{...}} -> the link of a mapping of flows. */
static bool unwrap(const struct config_node *root, const char *kind, struct config_link *ret_link)
{
    struct config_node *key = (struct config_node *)config_get(root, kind);
    const struct config_node *definition = config_get(root, "definition");
    if (!key || key->kind != CONFIG_SCALAR || !definition)
        return false;
    *ret_link = (struct config_link){ key, definition, NULL };
    return true;
}

static const struct config_node *read_text(struct config *c, struct belay_str text)
{
    struct config_file *file = config_scratch(c, sizeof *file);
    const belay_json *root;
    struct belay_err err = { 0 };
    if (!file)
        return NULL;
    /* Paths in ${file:} are seen from where the current files lie. */
    const char *path = c->opt->path_count ? c->opt->paths[0] : "stored definition";
    file->path = belay_arena_str(&c->scratch, belay_str_c(path));
    struct belay_str copy = belay_arena_str(&c->scratch, text);
    int status = file->path.p && copy.p
                     ? belay_json_parse(copy, NULL, &c->scratch, &root, NULL, &err)
                     : BELAY_NOMEM;
    if (status == BELAY_NOMEM) {
        config_no_memory(c);
        return NULL;
    }
    const struct config_node *node
        = status ? NULL : config_node_of_json(root, file, &c->scratch);
    if (!status && !node)
        config_no_memory(c);
    if (status)
        config_error(c->problems, (struct belay_place){ file->path, 0, 0 }, "stored-definition",
                     "a stored definition cannot be read: %s", err.msg);
    return node;
}

static void compile(struct config *c, const struct config_node *root)
{
    struct belay_definitions *d = &c->set->d;
    struct config_link link;
    int64_t version = 0;
    const struct config_node *belay = config_get(root, "belay");
    bool known = belay && belay->kind == CONFIG_SCALAR && config_int(belay->text, &version)
                 && version == 1;
    if (known && unwrap(root, "flow", &link)) {
        d->flows = CONFIG_NEW(c, struct belay_flow_def);
        if (d->flows)
            config_flow(c, &link, &d->flows[d->flow_count++]);
    } else if (known && unwrap(root, "saga", &link)) {
        d->sagas = CONFIG_NEW(c, struct belay_saga_def);
        if (d->sagas)
            config_saga(c, &link, &d->sagas[d->saga_count++]);
    } else {
        config_error(c->problems, config_place(root), "stored-definition",
                     "a stored definition is of an unknown version");
    }
}

int belay_config_recompile(const struct belay_config_opt *opt, struct belay_definitions *current,
                           struct belay_str text, struct belay_definitions **ret_one,
                           struct belay_problems *problems, struct belay_err *err)
{
    struct config c;
    int status = config_begin(&c, opt, problems, err);
    if (status)
        return status;
    c.stored = true;
    c.scope = current;
    c.set->current = belay_definitions_ref(current);
    c.set->d.name = current->name;
    const struct config_node *root = read_text(&c, text);
    if (root)
        compile(&c, root);
    return config_finish(&c, ret_one, err);
}
