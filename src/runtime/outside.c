#include "runtime/outside.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "connector/registry.h"

struct outside_connection {
    struct outside_connection *next;
    struct outside *owner;
    const struct belay_connector *connector;
    struct belay_connection *connection;
    struct belay_str name;
    char name_bytes[];
};

void outside_init(struct outside *o, belay_call_done *done, void *done_arg)
{
    *o = (struct outside){ .done = done, .done_arg = done_arg };
}

/* On the connector's thread. */
static void on_closed(void *arg)
{
    struct outside_connection *c = arg;
    struct outside *owner = c->owner;
    belay_free(c);
    uint32_t before = atomic_fetch_sub(&owner->alive, 1);
    BELAY_ASSERT(before > 0);
}

static void close_list(struct outside_connection *list, uint32_t drain_ms)
{
    while (list) {
        struct outside_connection *c = list;
        list = c->next;
        c->connector->close(c->connection, drain_ms, on_closed, c);
    }
}

static int open_one(struct outside *o, const struct belay_connection_def *def,
                    struct outside_connection **list, struct belay_err *err)
{
    struct outside_connection *c = belay_calloc(1, sizeof *c + def->name.n);
    if (!c)
        return belay_fail(err, BELAY_NOMEM, "no memory for a connection");
    if (def->name.n)
        memcpy(c->name_bytes, def->name.p, def->name.n);
    c->name = belay_str(c->name_bytes, def->name.n);
    c->owner = o;
    c->connector = belay_connector_find(def->connector);
    BELAY_ASSERT(c->connector); /* config knows the registry */
    int status = c->connector->open(def->config, o->done, o->done_arg, &c->connection, err);
    if (status != BELAY_OK) {
        belay_free(c);
        return belay_wrap(err, status, "connection '%.*s'", BELAY_STR_ARG(def->name));
    }
    atomic_fetch_add(&o->alive, 1);
    c->next = *list;
    *list = c;
    return BELAY_OK;
}

int outside_set(struct outside *o, const struct belay_definitions *d, uint32_t drain_ms,
                struct belay_err *err)
{
    struct outside_connection *list = NULL;
    for (uint32_t i = 0; i < d->connection_count; i++) {
        int status = open_one(o, &d->connections[i], &list, err);
        if (status != BELAY_OK) {
            close_list(list, 0);
            return status;
        }
    }
    struct outside_connection *before = o->open;
    o->open = list;
    close_list(before, drain_ms);
    return BELAY_OK;
}

static struct outside_connection *find(struct outside *o, struct belay_str name)
{
    struct outside_connection *c = o->open;
    while (c && !belay_str_eq(c->name, name))
        c = c->next;
    return c;
}

static int gone(struct belay_str connection, struct belay_err *err)
{
    return belay_fail(err, BELAY_NOTFOUND, "there is no connection '%.*s' in the configuration any more",
                      BELAY_STR_ARG(connection));
}

int outside_preview(struct outside *o, struct belay_str connection, const struct belay_call_request *request,
                    struct belay_arena *arena, struct belay_call_preview *ret_preview, struct belay_err *err)
{
    struct outside_connection *c = find(o, connection);
    if (!c)
        return gone(connection, err);
    if (c->connector->preview)
        return c->connector->preview(c->connection, request, arena, ret_preview, err);
    *ret_preview = (struct belay_call_preview){ .headers = request->headers, .header_count = request->header_count,
                                                .body = request->body };
    return BELAY_OK;
}

int outside_call(struct outside *o, struct belay_str connection, const struct belay_call_request *request,
                 struct belay_err *err)
{
    struct outside_connection *c = find(o, connection);
    if (!c)
        return gone(connection, err);
    return c->connector->call(c->connection, request, err);
}

void outside_cancel(struct outside *o, struct belay_str connection, uint64_t id)
{
    struct outside_connection *c = find(o, connection);
    if (c)
        c->connector->cancel(c->connection, id);
}

void outside_close(struct outside *o, uint32_t drain_ms)
{
    struct outside_connection *list = o->open;
    o->open = NULL;
    close_list(list, drain_ms);
}

bool outside_closed(const struct outside *o)
{
    return atomic_load(&o->alive) == 0;
}
