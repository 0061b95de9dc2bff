/* apis, and the OpenAPI documents they serve. */
#include "base/limits.h"
#include "config/grammar.h"
#include "config/openapi.h"
#include "config/parts.h"
#include "config/rate_limit.h"
#include "config/security.h"

struct api_raw {
    struct belay_api_def def;
    const struct config_node *openapi;
    struct tls_raw {
        struct belay_str cert, key, client_ca;
        int client_cert;
    } tls;
    const struct config_node *security, *rate_limit;
};

static const struct config_word client_cert_words[] = { { "required", 0 }, { "optional", 1 }, { 0 } };

static const struct config_key tls_keys[] = {
    { "cert", CONFIG_PATH, "PEM file with the certificate and its chain.", .required = true,
      CONFIG_FIELD(struct tls_raw, cert) },
    { "key", CONFIG_PATH, "PEM file with the certificate's key.", .required = true,
      CONFIG_FIELD(struct tls_raw, key) },
    { "client_ca", CONFIG_PATH, "PEM file with the authorities whose client certificates are accepted.",
      CONFIG_FIELD(struct tls_raw, client_ca) },
    { "client_cert", CONFIG_WORD, "Whether a client must show one; where the document demands mutualTLS, it must in any case.",
      .with = "client_ca", .default_ = "required", .words = client_cert_words, CONFIG_FIELD(struct tls_raw, client_cert) },
    { 0 },
};
static const struct config_kind kind_tls = { "api-tls", "An API's certificate.", tls_keys,
                                             sizeof(struct tls_raw), .short_key = NULL };

static const struct config_word layer_words[]
    = { { "system", 0 }, { "process", 1 }, { "experience", 2 }, { 0 } };

static const struct config_word responses_words[] = { { "log", BELAY_RESPONSES_LOG },
                                                      { "enforce", BELAY_RESPONSES_ENFORCE },
                                                      { "off", BELAY_RESPONSES_OFF },
                                                      { 0 } };

static const struct config_key api_keys[] = {
    { "listen", CONFIG_STRING,
      "Address and port: \"127.0.0.1:7000\", \"0.0.0.0:80\", \"[::1]:7000\".", .required = true,
      CONFIG_FIELD(struct api_raw, def.listen) },
    { "openapi", CONFIG_TEXT_NODE, .shape = "path of a file",
      .help = "File of the OpenAPI 3.1 or 3.0 document (YAML or JSON, perhaps with others by $ref): it routes and validates.",
      .required = true, CONFIG_FIELD(struct api_raw, openapi) },
    { "layer", CONFIG_CHOICE, "Where it stands among APIs: for people and graphs only.",
      .words = layer_words, CONFIG_FIELD(struct api_raw, def.layer) },
    { "tls", CONFIG_SUB, "Serve HTTPS.", CONFIG_FIELD(struct api_raw, tls), .kind = &kind_tls },
    { "security", CONFIG_NAMED_NODE, "What proves who is calling, by the security schemes of the document.",
      CONFIG_FIELD(struct api_raw, security), .kind = &config_kind_security },
    { "responses", CONFIG_WORD,
      "Answers that are not as the document has them: log counts and logs them, enforce makes them a 500 besides (for tests), off does not look.",
      .default_ = "log", .words = responses_words, CONFIG_FIELD(struct api_raw, def.responses) },
    { "document_path", CONFIG_STRING, "Where the document is served as JSON (and as YAML, where it ends in .json); none: nowhere.",
      .default_ = "/openapi.json", CONFIG_FIELD(struct api_raw, def.document_path) },
    { "page_path", CONFIG_STRING, "Where a page for people is served; none: nowhere.",
      .default_ = "/docs", CONFIG_FIELD(struct api_raw, def.page_path) },
    { "body_max", CONFIG_SIZE, "Bytes of a request's body at most; beyond it 413.",
      .default_ = "1MiB", .min = 1, .max = BELAY_MESSAGE_BYTES_MAX,
      CONFIG_FIELD(struct api_raw, def.body_bytes_max) },
    { "in_flight_max", CONFIG_INT, "Requests taken and not yet answered; beyond it 503.",
      .default_ = "4096", .min = 1, .max = 1000000,
      CONFIG_FIELD(struct api_raw, def.in_flight_max) },
    { "max_concurrent", CONFIG_INT,
      "Requests whose flow is at work at once; the others wait for their turn. Without it all.", .min = 1, .max = 1000000,
      CONFIG_FIELD(struct api_raw, def.max_concurrent) },
    { "max_wait", CONFIG_DURATION,
      "How long a request waits for room in the next commit, for its turn, or for room in a full queue, before 503; 0s: not at all.",
      .default_ = "1s", CONFIG_FIELD(struct api_raw, def.max_wait_ms) },
    { "rate_limit", CONFIG_NAMED_NODE, "How many requests a second are taken: of all, of each caller, of certain operations.",
      CONFIG_FIELD(struct api_raw, rate_limit), .kind = &config_kind_rate_limit },
    { 0 },
};

/* "host:port"; the host may be empty (every address) or "[v6]". */
static void check_listen(struct config *c, const struct config_node *node, struct belay_str listen)
{
    size_t colon = listen.n;
    uint64_t port;
    while (colon && listen.p[colon - 1] != ':')
        colon--;
    bool good
        = colon && belay_str_to_u64(belay_str_sub(listen, colon, listen.n), &port) && port <= 65535;
    if (good)
        return;
    struct belay_problem *p
        = config_error(c->problems, config_place(node), "type",
                       "'listen' is an address and a port, not '%.*s'", BELAY_STR_ARG(node->text));
    config_suggest(c->problems, p, "for example 127.0.0.1:7000");
}

static void load_openapi(struct config *c, struct api_raw *raw)
{
    struct belay_str path;
    if (!config_text(c, raw->openapi, &path))
        return;
    path = config_resolve(c, raw->openapi->file, path);
    if (!path.p)
        return;
    raw->def.openapi_path = config_keep(c, path);
    const struct config_node *tree = config_openapi_tree(c, path, raw->openapi);
    const belay_json *root = tree ? config_tape(c, tree, raw->openapi, 4 * BELAY_CONFIG_FILE_BYTES_MAX, "openapi", "document", NULL) : NULL;
    const struct belay_openapi_opt opt = { .security = raw->def.security, .security_count = raw->def.security_count,
                                           .client_certificates = raw->def.tls_client_ca.n > 0 };
    if (root && config_openapi_check(c, root, tree, raw->openapi, &opt))
        raw->def.openapi = root;
}

static void finish_path(struct config *c, const struct config_node *node, struct belay_str *path)
{
    if (belay_str_eq(*path, BELAY_STR("none")))
        *path = BELAY_STR_NONE;
    else if (path->n && path->p[0] != '/')
        config_error(c->problems, config_place(node), "type", "a path begins with /; or none");
}

static void finish_api(struct config *c, const struct config_node *node, void *target)
{
    struct api_raw *raw = target;
    const struct config_node *listen = config_get(node, "listen");
    if (listen && raw->def.listen.p)
        check_listen(c, listen, raw->def.listen);
    raw->def.tls_cert = raw->tls.cert;
    raw->def.tls_key = raw->tls.key;
    raw->def.tls_client_ca = raw->tls.client_ca;
    raw->def.tls_client_optional = raw->tls.client_cert;
    finish_path(c, config_get(node, "document_path"), &raw->def.document_path);
    finish_path(c, config_get(node, "page_path"), &raw->def.page_path);
    if (raw->security)
        config_security(c, raw->security, &raw->def.security, &raw->def.security_count);
    if (raw->openapi)
        load_openapi(c, raw);
    if (raw->rate_limit)
        config_rate_limits(c, raw->rate_limit, &raw->def);
}

const struct config_kind config_kind_api = {
    "api",
    "An HTTP server whose operations start flows.",
    api_keys,
    sizeof(struct api_raw),
    .finish = finish_api,
};

void config_api(struct config *c, const struct config_link *m, struct belay_api_def *to)
{
    struct api_raw raw = { 0 };
    config_check_name(c, m->key, "api");
    config_parse(c, &config_kind_api, m->value, &raw);
    *to = raw.def;
    to->name = config_keep(c, m->key->text);
    to->place = config_keep_place(c, m->key);
}

/* ---- operations ---- */

/* operationId, else "GET /path": as connector/http names it. */
static struct belay_str operation_name(struct config *c, const belay_json *path,
                                       const belay_json *method, const belay_json *operation)
{
    const belay_json *id = belay_json_get(operation, BELAY_STR("operationId"));
    if (id && id->type == BELAY_JSON_STRING)
        return belay_json_str(id);
    char upper[16];
    size_t n = method->n < sizeof upper ? method->n : sizeof upper;
    for (size_t i = 0; i < n; i++)
        upper[i]
            = (char)(method->u.s[i] - (method->u.s[i] >= 'a' && method->u.s[i] <= 'z' ? 32 : 0));
    struct belay_str name = belay_arena_printf(&c->scratch, "%.*s %.*s", (int)n, upper,
                                               BELAY_STR_ARG(belay_json_str(path)));
    if (!name.p)
        config_no_memory(c);
    return name;
}

static bool is_method(struct belay_str s)
{
    static const char *const methods[]
        = { "get", "put", "post", "delete", "options", "head", "patch", "trace" };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (belay_str_eq(s, belay_str_c(methods[i])))
            return true;
    return false;
}

static void path_operations(struct config *c, const belay_json *path, const belay_json *item,
                            void (*each)(void *arg, struct belay_str name), void *arg)
{
    const belay_json *key = belay_json_first(item);
    for (uint32_t i = 0; item->type == BELAY_JSON_OBJECT && i < item->n; i++) {
        const belay_json *value = key + 1;
        if (is_method(belay_json_str(key)))
            each(arg, operation_name(c, path, key, value));
        key = belay_json_next(value);
    }
}

void config_operations(struct config *c, const struct belay_api_def *api,
                       void (*each)(void *arg, struct belay_str name), void *arg)
{
    const belay_json *paths = belay_json_get(api->openapi, BELAY_STR("paths"));
    const belay_json *key = paths ? belay_json_first(paths) : NULL;
    for (uint32_t i = 0; key && paths->type == BELAY_JSON_OBJECT && i < paths->n; i++) {
        path_operations(c, key, key + 1, each, arg);
        key = belay_json_next(key + 1);
    }
}

struct operation_search {
    struct config_guess guess;
    bool found;
};

static void search_operation(void *arg, struct belay_str name)
{
    struct operation_search *search = arg;
    search->found = search->found || belay_str_eq(name, search->guess.wrong);
    config_guess_name(&search->guess, name);
}

void config_check_operation(struct config *c, const struct belay_api_def *api,
                            const struct config_node *node, struct belay_str operation)
{
    struct operation_search search = { config_guess(operation), false };
    if (!api->openapi)
        return;
    config_operations(c, api, search_operation, &search);
    if (search.found)
        return;
    struct belay_problem *p = config_error(
        c->problems, config_place(node), "unknown-operation", "%.*s has no operation '%.*s'",
        BELAY_STR_ARG(api->openapi_path), BELAY_STR_ARG(node->text));
    config_suggest_guess(c->problems, p, &search.guess);
}
