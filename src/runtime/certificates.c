#include "runtime/certificates.h"

#include "base/alloc.h"
#include "belay/connector.h"
#include "connector/common/outcome.h"
#include "connector/http/certificate.h"

#define LOOK_MS 3600000

static void forget(struct certificate *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        belay_free(items[i].path);
    belay_free(items);
}

/* The files are read without the mutex: a disk may be slow. What is set meanwhile is read next. */
static void look_at(struct certificates *c, uint32_t generation, uint32_t index)
{
    belay_time until = BELAY_TIME_NEVER;
    char *path = belay_memdup0(c->items[index].path, strlen(c->items[index].path));
    belay_mutex_unlock(&c->mutex);
    int status = path ? belay_certificate_until(path, &until) : BELAY_NOMEM;
    belay_free(path);
    belay_mutex_lock(&c->mutex);
    if (c->generation == generation)
        c->items[index].until = status == BELAY_OK ? until : BELAY_TIME_NEVER;
}

static void run(void *ctx)
{
    struct certificates *c = ctx;
    belay_mutex_lock(&c->mutex);
    while (!c->ending) {
        uint32_t generation = c->generation;
        for (uint32_t i = 0; i < c->count && c->generation == generation && !c->ending; i++)
            look_at(c, generation, i);
        bool waits = true;
        while (waits && c->generation == generation && !c->ending)
            waits = belay_cond_wait_ms(&c->cond, &c->mutex, LOOK_MS);
    }
    belay_mutex_unlock(&c->mutex);
}

int certificates_init(struct certificates *c, struct belay_err *err)
{
    belay_mutex_init(&c->mutex);
    belay_cond_init(&c->cond);
    c->ready = true;
    return belay_thread_start(&c->thread, "certificates", run, c, err);
}

void certificates_deinit(struct certificates *c)
{
    if (!c->ready)
        return;
    belay_mutex_lock(&c->mutex);
    c->ending = true;
    belay_cond_signal(&c->cond);
    belay_mutex_unlock(&c->mutex);
    belay_thread_join(&c->thread);
    forget(c->items, c->count);
    belay_cond_deinit(&c->cond);
    belay_mutex_deinit(&c->mutex);
    *c = (struct certificates){ .ready = false };
}

static struct belay_str client_cert(const struct belay_connection_def *def)
{
    const struct belay_option_value *v =
        def->config ? belay_connection_option(def->config, BELAY_STR("client_cert")) : NULL;
    return v ? v->text : BELAY_STR_NONE;
}

static bool add(struct certificate *to, struct belay_str path, struct belay_str name)
{
    char *bytes = belay_calloc(1, path.n + 1 + name.n);
    if (!bytes)
        return false;
    memcpy(bytes, path.p, path.n);
    memcpy(bytes + path.n + 1, name.p, name.n);
    *to = (struct certificate){ bytes, belay_str(bytes + path.n + 1, name.n), BELAY_TIME_NEVER };
    return true;
}

void certificates_set(struct certificates *c, const struct belay_definitions *d)
{
    struct certificate *items = belay_calloc(d->connection_count + 1, sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; items && i < d->connection_count; i++) {
        struct belay_str path = client_cert(&d->connections[i]);
        count += path.n && add(&items[count], path, d->connections[i].name);
    }
    belay_mutex_lock(&c->mutex);
    forget(c->items, c->count);
    c->items = items;
    c->count = count;
    c->generation++;
    belay_cond_signal(&c->cond);
    belay_mutex_unlock(&c->mutex);
}

void certificates_each(struct certificates *c, void (*fn)(void *arg, struct belay_str connection, belay_time until),
                       void *arg)
{
    belay_mutex_lock(&c->mutex);
    for (uint32_t i = 0; i < c->count; i++)
        if (c->items[i].until != BELAY_TIME_NEVER)
            fn(arg, c->items[i].name, c->items[i].until);
    belay_mutex_unlock(&c->mutex);
}
