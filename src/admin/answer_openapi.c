/* answer_openapi.c - the table of routes as an OpenAPI 3.1 document: what may be asked for, by whom.
 *
 * Made from the tables that requests are checked against (asked.h), so it cannot say anything else.  What answers hold
 * is told by docs/admin-api.md. */
#include "admin/answers.h"

#include <stdio.h>
#include <string.h>

#include "admin/question.h"
#include "admin/routes.h"

static void put(struct belay_json_out *o, const char *name, const char *text)
{
    belay_json_key(o, name);
    belay_json_put_c(o, text);
}

static void put_schema(struct belay_json_out *o, enum admin_kind kind)
{
    static const char *const types[] = { [ADMIN_TEXT] = "string", [ADMIN_NAME] = "string", [ADMIN_NUMBER] = "integer",
                                         [ADMIN_FLAG] = "boolean", [ADMIN_OBJECT] = "object", [ADMIN_ANY] = NULL };
    belay_json_begin_object(o);
    if (types[kind])
        put(o, "type", types[kind]);
    if (kind == ADMIN_NAME || kind == ADMIN_NUMBER) {
        belay_json_key(o, kind == ADMIN_NAME ? "minLength" : "minimum");
        belay_json_put_uint(o, kind == ADMIN_NAME);
    }
    belay_json_end_object(o);
}

static void put_parameter(struct belay_json_out *o, const char *in, struct belay_str name, enum admin_kind kind)
{
    belay_json_begin_object(o);
    put(o, "in", in);
    belay_json_key(o, "name");
    belay_json_put_str(o, name);
    if (strcmp(in, "path") == 0) {
        belay_json_key(o, "required");
        belay_json_put_bool(o, true);
    }
    belay_json_key(o, "schema");
    put_schema(o, kind);
    belay_json_end_object(o);
}

static void put_parameters(struct belay_json_out *o, const struct admin_route *r)
{
    struct belay_str path = belay_str_c(r->path);
    belay_json_key(o, "parameters");
    belay_json_begin_array(o);
    while (path.n) {
        struct belay_str piece = belay_str_split(&path, '/');
        if (piece.n > 2 && piece.p[0] == '{')
            put_parameter(o, "path", belay_str_sub(piece, 1, piece.n - 2), ADMIN_NAME);
    }
    for (const struct admin_member *m = r->query; m && m->name; m++)
        put_parameter(o, "query", belay_str_c(m->name), m->kind);
    belay_json_end_array(o);
}

static void put_body(struct belay_json_out *o, const struct admin_route *r)
{
    if (!r->body)
        return;
    belay_json_key(o, "requestBody");
    belay_json_begin_object(o);
    belay_json_key(o, "content");
    belay_json_begin_object(o);
    belay_json_key(o, "application/json");
    belay_json_begin_object(o);
    belay_json_key(o, "schema");
    belay_json_begin_object(o);
    put(o, "type", "object");
    belay_json_key(o, "additionalProperties");
    belay_json_put_bool(o, false);
    belay_json_key(o, "properties");
    belay_json_begin_object(o);
    for (const struct admin_member *m = r->body; m->name; m++) {
        belay_json_key(o, m->name);
        put_schema(o, m->kind);
    }
    for (int i = 0; i < 5; i++)
        belay_json_end_object(o);
}

static void put_answer(struct belay_json_out *o, const char *status, const char *says, const char *content)
{
    belay_json_key(o, status);
    belay_json_begin_object(o);
    put(o, "description", says);
    belay_json_key(o, "content");
    belay_json_begin_object(o);
    belay_json_key(o, content);
    belay_json_begin_object(o);
    belay_json_end_object(o);
    belay_json_end_object(o);
    belay_json_end_object(o);
}

static void put_operation(struct belay_json_out *o, const struct admin_route *r)
{
    char role[80];
    snprintf(role, sizeof role, "Needs the role %s.", belay_role_name(r->role));
    belay_json_key(o, strcmp(r->method, "GET") == 0 ? "get" : "post");
    belay_json_begin_object(o);
    put(o, "operationId", r->operation);
    put(o, "summary", r->says);
    put(o, "description", r->health ? "Needs no token on the health address." : role);
    put(o, "x-belay-role", belay_role_name(r->role));
    put_parameters(o, r);
    put_body(o, r);
    belay_json_key(o, "responses");
    belay_json_begin_object(o);
    put_answer(o, "200", r->says, strcmp(r->path, "/metrics") == 0 ? "text/plain" : "application/json");
    put_answer(o, "default", "a problem (RFC 9457): 401 and 403 say which role is needed, 404 that it is not there, 409 who was "
               "quicker, 422 what is wrong, 503 with Retry-After that nothing was done", "application/problem+json");
    belay_json_end_object(o);
    belay_json_end_object(o);
}

static bool came_before(uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(admin_routes[i].path, admin_routes[at].path) == 0)
            return true;
    return false;
}

static void put_paths(struct belay_json_out *o)
{
    belay_json_key(o, "paths");
    belay_json_begin_object(o);
    for (uint32_t i = 0; i < admin_route_count; i++) {
        if (came_before(i))
            continue;
        belay_json_key(o, admin_routes[i].path);
        belay_json_begin_object(o);
        for (uint32_t j = i; j < admin_route_count; j++)
            if (strcmp(admin_routes[i].path, admin_routes[j].path) == 0)
                put_operation(o, &admin_routes[j]);
        belay_json_end_object(o);
    }
    belay_json_end_object(o);
}

bool answer_openapi(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    (void)e, (void)now;
    q->content_type = "application/vnd.oai.openapi+json;version=3.1"; /* holds nothing to be redacted */
    belay_json_begin_object(&o);
    put(&o, "openapi", "3.1.0");
    belay_json_key(&o, "info");
    belay_json_begin_object(&o);
    put(&o, "title", "Belay's admin API");
    put(&o, "version", BELAY_VERSION_STRING);
    belay_json_end_object(&o);
    belay_json_key(&o, "components");
    belay_json_put_raw(&o, BELAY_STR("{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}}"));
    belay_json_key(&o, "security");
    belay_json_put_raw(&o, BELAY_STR("[{\"token\":[]}]"));
    put_paths(&o);
    belay_json_end_object(&o);
    return true;
}
