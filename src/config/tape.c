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
