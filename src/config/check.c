/* Mistakes that lie between two definitions. */
#include "base/map.h"
#include "config/lint.h"

/* Who was there first under each name. */
struct firsts {
    struct config *c;
    struct belay_map map; /* text -> struct belay_place */
};

/* The place that took text before; NULL where it was free, and then it is taken. */
static const struct belay_place *taken(struct firsts *f, struct belay_str text,
                                       const struct belay_place *place)
{
    const struct belay_place *before = belay_map_get(&f->map, text);
    if (!before && belay_map_put(&f->map, text, (void *)place, NULL))
        config_no_memory(f->c);
    return before;
}

static void report(struct config *c, const struct belay_place *place, const char *rule,
                   const char *what, struct belay_str name, const struct belay_place *before)
{
    struct belay_problem *p
        = config_error(c->problems, *place, rule, "%s '%.*s'", what, BELAY_STR_ARG(name));
    config_suggest(c->problems, p, "the first is in %.*s:%u:%u", BELAY_STR_ARG(before->file),
                   before->line, before->column);
}

static void check_listen(struct config *c)
{
    struct firsts f = { .c = c };
    belay_map_init(&f.map);
    for (uint32_t i = 0; i < c->set->d.api_count; i++) {
        const struct belay_api_def *api = &c->set->d.apis[i];
        const struct belay_place *before
            = api->listen.n ? taken(&f, api->listen, &api->place) : NULL;
        if (before && !belay_str_ends(api->listen, BELAY_STR(":0")))
            report(c, &api->place, "duplicate-listen", "another api listens on the address of",
                   api->name, before);
    }
    belay_map_deinit(&f.map);
}

static void check_queue_reader(struct firsts *f, const struct belay_source_def *from,
                               const struct belay_place *place)
{
    if (from->kind != BELAY_SOURCE_QUEUE || !from->name.n)
        return;
    const struct belay_place *before = taken(f, from->name, place);
    if (before)
        report(f->c, place, "two-readers", "a queue has one reader; another one reads", from->name,
               before);
}

static void check_operation(struct firsts *f, const struct belay_flow_def *flow)
{
    if (flow->from.kind != BELAY_SOURCE_API || !flow->from.operation.n)
        return;
    struct belay_str text
        = belay_arena_printf(&f->c->scratch, "%.*s\n%.*s", BELAY_STR_ARG(flow->from.name),
                             BELAY_STR_ARG(flow->from.operation));
    const struct belay_place *before = text.p ? taken(f, text, &flow->place) : NULL;
    if (!text.p)
        config_no_memory(f->c);
    if (before)
        report(f->c, &flow->place, "duplicate-operation", "another flow answers the operation",
               flow->from.operation, before);
}

static void check_reply(struct config *c, const struct belay_flow_def *flow)
{
    if (flow->from.kind == BELAY_SOURCE_API || !flow->replies)
        return;
    for (uint32_t i = 0; i < flow->step_count; i++)
        if (flow->steps[i].kind == BELAY_STEP_REPLY)
            config_error(c->problems, flow->steps[i].place, "reply-without-caller",
                         "nobody waits for a reply: the flow does not come from an api");
}

void config_check(struct config *c)
{
    struct firsts queues = { .c = c }, operations = { .c = c };
    const struct belay_definitions *d = &c->set->d;
    belay_map_init(&queues.map);
    belay_map_init(&operations.map);
    check_listen(c);
    for (uint32_t i = 0; i < d->flow_count; i++) {
        check_queue_reader(&queues, &d->flows[i].from, &d->flows[i].place);
        check_operation(&operations, &d->flows[i]);
        check_reply(c, &d->flows[i]);
    }
    for (uint32_t i = 0; i < d->saga_count; i++)
        check_queue_reader(&queues, &d->sagas[i].from, &d->sagas[i].place);
    belay_map_deinit(&queues.map);
    belay_map_deinit(&operations.map);
}
