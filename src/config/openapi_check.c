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

static void report(struct config *c, const struct config_node *tree, struct belay_str message)
{
    struct belay_str pointer = config_take_pointer(&message);
    if (belay_str_starts(message, BELAY_STR(": "))) /* of the document as a whole */
        message = belay_str_sub(message, 2, message.n);
    config_error(c->problems, config_place_of_pointer(tree, pointer), "openapi", "%.*s",
                 BELAY_STR_ARG(message));
}

bool config_openapi_check(struct config *c, const belay_json *root, const struct config_node *tree,
                          const struct config_node *from, const struct belay_openapi_opt *opt)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    if (!is_openapi(c, root, from))
        return false;
    int status = belay_openapi_compile(root, opt, &api, &err);
    if (!status)
        belay_openapi_free(api);
    else if (status == BELAY_NOMEM)
        config_no_memory(c);
    else
        report(c, tree, belay_str_c(err.msg));
    return true;
}
