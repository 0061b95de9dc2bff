/* Whether an OpenAPI document can be served: what its compiler says, at its place in the files. */
#include "config/openapi.h"

#include "config/parts.h"

static bool is_openapi(struct config *c, const belay_json *root, const struct config_node *from)
{
    const belay_json *version = belay_json_get(root, BELAY_STR("openapi"));
    if (version && version->type == BELAY_JSON_STRING
        && belay_str_starts(belay_json_str(version), BELAY_STR("3.")))
        return true;
    config_error(c->problems, config_place(from), "openapi",
                 "the file is no OpenAPI 3 document (it has no \"openapi\": \"3.1.0\")");
    return false;
}

struct check {
    struct config *c;
    const struct config_node *tree;
};

static void report(void *arg, const char *text)
{
    const struct check *check = arg;
    struct belay_str message = belay_str_c(text), pointer = config_take_pointer(&message);
    if (belay_str_starts(message, BELAY_STR(": "))) /* of the document as a whole */
        message = belay_str_sub(message, 2, message.n);
    struct belay_place place = config_place_of_pointer(check->tree, pointer);
    if (!config_was_told(check->c->problems, place, "openapi", message)) /* what several operations share is wrong once */
        config_error(check->c->problems, place, "openapi", "%.*s", BELAY_STR_ARG(message));
}

static void unknown_keyword(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant)
{
    const struct check *check = arg;
    config_unknown_keyword(check->c, check->tree, schema, keyword, meant);
}

bool config_openapi_check(struct config *c, const belay_json *root, const struct config_node *tree,
                          const struct config_node *from, const struct belay_openapi_opt *opt)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    if (!is_openapi(c, root, from))
        return false;
    struct check check = { c, tree };
    struct belay_openapi_opt all = *opt;
    all.mistake = report;
    all.unknown_keyword = unknown_keyword;
    all.arg = &check;
    all.unread = c->unread;
    config_openapi_fields(c, tree);
    int status = belay_openapi_compile(root, &all, &api, &err);
    if (!status)
        belay_openapi_free(api);
    else if (status == BELAY_NOMEM)
        config_no_memory(c);
    return true;
}
