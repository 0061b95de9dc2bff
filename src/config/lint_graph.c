/* Circles: topics are nodes, each flow and saga draws arrows from the topic it reads to those it
 * publishes to. What an expression chooses is not known here. An awaited event draws none: it ends
 * a wait, it starts nothing. */
#include "config/lint.h"

struct arrow {
    uint32_t to; /* topic */
    struct arrow *next;
};

struct graph {
    struct config *c;
    const struct belay_definitions *d;
    struct arrow **arrows; /* by topic */
    bool *seen;            /* by topic */
    uint32_t *stack;
};

static bool topic_index(const struct belay_definitions *d, struct belay_str name,
                        uint32_t *ret_index)
{
    const struct belay_topic_def *t = belay_definitions_topic(d, name);
    if (t)
        *ret_index = (uint32_t)(t - d->topics);
    return t;
}

static bool reads_topic(const struct graph *g, const struct belay_source_def *from,
                        uint32_t *ret_index)
{
    return (from->kind == BELAY_SOURCE_TOPIC || from->kind == BELAY_SOURCE_QUEUE)
           && topic_index(g->d, from->name, ret_index);
}

static void draw(void *arg, const struct config_user *user, const struct belay_publish_def *publish)
{
    struct graph *g = arg;
    uint32_t from, to;
    struct belay_str target = config_template_literal(g->c, publish->target);
    if (!target.p || !reads_topic(g, user->from, &from) || !topic_index(g->d, target, &to))
        return;
    struct arrow *a = config_scratch(g->c, sizeof *a);
    if (a) {
        *a = (struct arrow){ to, g->arrows[from] };
        g->arrows[from] = a;
    }
}

/* Do its publishers wait for room in it? */
static bool makes_wait(const struct graph *g, uint32_t topic)
{
    const struct belay_topic_def *t = &g->d->topics[topic];
    return t->on_full == BELAY_ON_FULL_BACKPRESSURE && (t->max_messages || t->max_bytes || t->max_age_ms);
}

/* waiting: only through topics that make their publishers wait. */
static bool leads_to(struct graph *g, uint32_t from, uint32_t wanted, bool waiting)
{
    uint32_t depth = 0;
    memset(g->seen, 0, g->d->topic_count * sizeof *g->seen);
    g->seen[from] = true;
    g->stack[depth++] = from;
    while (depth) {
        uint32_t at = g->stack[--depth];
        if (at == wanted)
            return true;
        for (const struct arrow *a = g->arrows[at]; a; a = a->next) {
            if (g->seen[a->to] || (waiting && !makes_wait(g, a->to)))
                continue;
            g->seen[a->to] = true;
            g->stack[depth++] = a->to;
        }
    }
    return false;
}

static void check(void *arg, const struct config_user *user,
                  const struct belay_publish_def *publish)
{
    struct graph *g = arg;
    uint32_t from, to;
    struct belay_str target = config_template_literal(g->c, publish->target);
    if (!target.p || !reads_topic(g, user->from, &from) || !topic_index(g->d, target, &to))
        return;
    bool waits = to != from && belay_definitions_flow(g->d, user->name) && makes_wait(g, from) && makes_wait(g, to);
    if (waits && leads_to(g, to, from, true))
        config_suggest(g->c->problems,
                       config_warning(g->c->problems, user->place, "circle",
                                      "'%.*s' and '%.*s' lead to each other: both full, they wait for ever",
                                      BELAY_STR_ARG(user->from->name), BELAY_STR_ARG(target)),
                       "let one of them reject (on_full: reject), or have no limit");
    else if (leads_to(g, to, from, false))
        config_warning(g->c->problems, user->place, "circle",
                       "what '%.*s' publishes to '%.*s' comes back to it",
                       BELAY_STR_ARG(user->name), BELAY_STR_ARG(target));
}

void config_lint_circles(struct config *c)
{
    struct graph g = { .c = c, .d = &c->set->d };
    uint32_t count = g.d->topic_count;
    g.arrows = config_scratch(c, count * sizeof *g.arrows);
    g.seen = config_scratch(c, count * sizeof *g.seen);
    g.stack = config_scratch(c, (count + 1) * sizeof *g.stack);
    struct config_visitor drawing = { .arg = &g, .publish = draw };
    struct config_visitor checking = { .arg = &g, .publish = check };
    if (!g.arrows || !g.seen || !g.stack)
        return;
    config_walk(g.d, &drawing);
    if (!c->status)
        config_walk(g.d, &checking);
}
