/* tape.c - a document within the configuration, as the tape that schemas and servers read. */
#include "config/load.h"

const belay_json *config_tape(struct config *c, const struct config_node *tree, const struct config_node *from,
                              size_t bytes_max, const char *rule, const char *what, struct belay_str *ret_kept)
{
    struct belay_buf text;
    struct belay_err err = { 0 };
    const belay_json *root = NULL;
    belay_buf_init(&text, bytes_max);
    config_node_write(&text, tree, NULL);
    int status = belay_buf_status(&text);
    struct belay_str kept = status ? BELAY_STR_NONE : config_keep(c, belay_buf_view(&text));
    if (kept.p)
        status = belay_json_parse(kept, NULL, c->arena, &root, NULL, &err);
    belay_buf_deinit(&text);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else if (status)
        config_error(c->problems, config_place(from), rule, "the %s cannot be used: %s", what,
                     err.msg[0] ? err.msg : belay_status_text(status));
    if (ret_kept)
        *ret_kept = kept;
    return root;
}

/* The key itself, where it was written. */
static struct belay_place place_of_member(const struct config_node *tree, struct belay_str pointer, struct belay_str name)
{
    const struct config_node *owner = config_node_of_pointer(tree, pointer);
    for (const struct config_link *m = owner && owner->kind == CONFIG_MAP ? owner->first : NULL; m; m = m->next)
        if (belay_str_eq(m->key->text, name))
            return config_place(m->key);
    return config_place_of_pointer(tree, pointer);
}

void config_unknown_keyword(struct config *c, const struct config_node *tree, struct belay_str pointer,
                            struct belay_str keyword, struct belay_str meant)
{
    struct belay_place place = place_of_member(tree, pointer, keyword);
    if (config_was_told(c->problems, place, "unknown-keyword", BELAY_STR(""))) /* what several share is wrong once */
        return;
    struct belay_problem *p = config_warning(c->problems, place, "unknown-keyword",
                                             "the keyword '%.*s' is not known and checks nothing", BELAY_STR_ARG(keyword));
    if (belay_str_eq(keyword, BELAY_STR("nullable")))
        config_suggest(c->problems, p, "it is OpenAPI 3.0's: write type: [ ..., \"null\" ]");
    else if (meant.n)
        config_suggest(c->problems, p, "did you mean '%.*s'?", BELAY_STR_ARG(meant));
}
