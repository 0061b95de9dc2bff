#include "model/definition.h"

#include "base/assert.h"

/* Elements of an array of structs that begin with their name: found by a walk, which for the few
 * dozen of a configuration costs less than a hash. */
static const void *find(const void *items, uint32_t count, size_t size, struct belay_str name)
{
    const char *at = items;
    for (uint32_t i = 0; i < count; i++, at += size)
        if (belay_str_eq(*(const struct belay_str *)(const void *)at, name))
            return at;
    return NULL;
}

_Static_assert(offsetof(struct belay_policy_def, name) == 0, "find");
_Static_assert(offsetof(struct belay_connection_def, name) == 0, "find");
_Static_assert(offsetof(struct belay_topic_def, name) == 0, "find");
_Static_assert(offsetof(struct belay_flow_def, name) == 0, "find");

const struct belay_policy_def *belay_definitions_policy(const struct belay_definitions *d,
                                                        struct belay_str name)
{
    return find(d->policies, d->policy_count, sizeof *d->policies, name);
}

const struct belay_connection_def *belay_definitions_connection(const struct belay_definitions *d,
                                                                struct belay_str name)
{
    return find(d->connections, d->connection_count, sizeof *d->connections, name);
}

const struct belay_topic_def *belay_definitions_topic(const struct belay_definitions *d,
                                                      struct belay_str name)
{
    return find(d->topics, d->topic_count, sizeof *d->topics, name);
}

const struct belay_flow_def *belay_definitions_flow(const struct belay_definitions *d,
                                                    struct belay_str name)
{
    return find(d->flows, d->flow_count, sizeof *d->flows, name);
}

const struct belay_flow_def *belay_definitions_operation(const struct belay_definitions *d,
                                                         struct belay_str api,
                                                         struct belay_str operation)
{
    for (uint32_t i = 0; i < d->flow_count; i++) {
        const struct belay_source_def *from = &d->flows[i].from;
        if (from->kind == BELAY_SOURCE_API && belay_str_eq(from->name, api)
            && belay_str_eq(from->operation, operation))
            return &d->flows[i];
    }
    return NULL;
}

struct belay_definitions *belay_definitions_ref(struct belay_definitions *d)
{
    BELAY_ASSERT(d->refs && d->refs < UINT32_MAX);
    d->refs++;
    return d;
}

void belay_definitions_unref(struct belay_definitions *d)
{
    if (!d)
        return;
    BELAY_ASSERT(d->refs);
    if (--d->refs == 0)
        d->free(d);
}
