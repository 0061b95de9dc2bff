/* lint_vanish.c - ways through a flow on which a message would be gone and nobody would know.  Errors, because
 * conservation is what Belay is for: each says what to write instead.
 *
 *   swallows              a way through an error rule that neither publishes, nor calls, nor gives the message to a
 *                         person, nor says why it is discarded
 *   reply-before-durable  a way to a 202 on which nothing of the request was kept
 *   expires-unseen        a topic that takes failed messages, lets them expire, and nobody reads; dead_letters: with
 *                         no alert that tells somebody before the first letter goes
 *
 * (A filter that does not say what becomes of the others is refused where it is read: verb.c.)  A way is followed
 * until something on it keeps the message; what an expression decides may go either way. */
#include "base/limits.h"
#include "config/lint.h"

struct ways {
    struct config *c;
    const struct belay_flow_def *flow;
    bool seen[BELAY_FLOW_STEPS_MAX];
    uint16_t stack[BELAY_FLOW_STEPS_MAX];
    uint32_t depth;
    const struct belay_step_def *end; /* last step of a way that kept nothing; NULL: none yet */
    const struct belay_step_def *reply; /* a 202 on such a way */
};

static bool accepts(struct config *c, const struct belay_step_def *reply)
{
    return belay_str_eq(config_template_literal(c, reply->u.reply.status), BELAY_STR("202"));
}

/* After it the message is somewhere, or its end has a reason. */
static bool keeps(struct config *c, const struct belay_step_def *step)
{
    switch (step->kind) {
    case BELAY_STEP_PUBLISH:
    case BELAY_STEP_DEAD_LETTER:
        return true;
    case BELAY_STEP_CALL:
        return !config_only_reads(c, &step->u.call.call);
    case BELAY_STEP_FILTER:
        return !step->u.filter.when; /* discard */
    default:
        return false;
    }
}

static void go_to(struct ways *w, uint16_t index, const struct belay_step_def *from)
{
    if (index == BELAY_STEP_END) {
        w->end = w->end ? w->end : from;
    } else if (!w->seen[index]) {
        w->seen[index] = true;
        w->stack[w->depth++] = index;
    }
}

static void follow(struct ways *w, uint16_t first)
{
    if (first == BELAY_STEP_END)
        return;
    go_to(w, first, NULL);
    while (w->depth) {
        const struct belay_step_def *step = &w->flow->steps[w->stack[--w->depth]];
        if (keeps(w->c, step))
            continue;
        if (step->kind == BELAY_STEP_REPLY) {
            w->reply = !w->reply && accepts(w->c, step) ? step : w->reply;
            continue;
        }
        bool otherwise = false;
        for (uint32_t i = 0; step->kind == BELAY_STEP_CHOOSE && i < step->u.choose.count; i++) {
            go_to(w, step->u.choose.choices[i].first, step);
            otherwise |= !step->u.choose.choices[i].when;
        }
        if (!otherwise)
            go_to(w, step->next, step);
    }
}

static void report_end(struct config *c, const struct belay_flow_def *f, const struct belay_step_def *end)
{
    struct belay_problem *p = config_error(
        c->problems, end->place, "swallows",
        "the error rule of '%.*s' ends here, and its message is gone with nobody knowing", BELAY_STR_ARG(f->name));
    config_suggest(c->problems, p,
                   "end with dead_letter, publish what happened, or say why: discard: { reason: ... }");
}

static void check_rules(struct config *c, const struct belay_flow_def *f)
{
    struct ways w = { .c = c, .flow = f };
    for (uint32_t i = 0; i < f->on_error_count; i++) {
        w.end = NULL;
        follow(&w, f->on_error[i].first);
        if (w.end && f->from.kind != BELAY_SOURCE_API) /* an API's caller hears of it */
            report_end(c, f, w.end);
    }
    if (f->from.kind != BELAY_SOURCE_API)
        return;
    follow(&w, f->first);
    if (w.reply)
        config_suggest(c->problems,
                       config_error(c->problems, w.reply->place, "reply-before-durable",
                                    "'%.*s' answers 202 Accepted, and has kept nothing of the request",
                                    BELAY_STR_ARG(f->name)),
                       "publish it before, or answer 200 where everything is done");
}

/* ---- topics of what failed ---- */

struct failures {
    struct config *c;
    const struct belay_flow_def *flow;
    bool *taken; /* by topic: an error rule publishes to it */
    bool *read;
};

static void mark(const struct belay_definitions *d, struct belay_str name, bool *marks)
{
    const struct belay_topic_def *topic = name.p ? belay_definitions_topic(d, name) : NULL;
    if (topic)
        marks[topic - d->topics] = true;
}

/* An error rule's steps lie behind the flow's own. */
static void mark_failures(struct failures *x, const struct belay_definitions *d, const struct belay_flow_def *f)
{
    uint16_t first = BELAY_STEP_END;
    for (uint32_t i = 0; i < f->on_error_count; i++)
        first = f->on_error[i].first < first ? f->on_error[i].first : first;
    for (uint32_t i = first; i < f->step_count; i++)
        if (f->steps[i].kind == BELAY_STEP_PUBLISH)
            mark(d, config_template_literal(x->c, f->steps[i].u.publish.target), x->taken);
}

/* A rule that says before they go that they will, to somebody. */
static bool tells_of_expiry(const struct belay_alert_def *a, struct belay_str flow)
{
    bool looks = a->on == BELAY_ALERT_LETTERS_LIMIT || a->on == BELAY_ALERT_LETTERS_AGE || a->on == BELAY_ALERT_LETTERS;
    struct belay_str begin = belay_str_sub(a->subject, 0, a->subject.n ? a->subject.n - 1 : 0);
    bool fits = !a->subject.n || belay_str_eq(a->subject, flow)
                || (belay_str_ends(a->subject, BELAY_STR("*")) && belay_str_starts(flow, begin));
    return looks && fits && a->to_count > 0;
}

/* name: of the subscription, whose letters the alert's figure is about. */
static void check_letters(struct config *c, const struct belay_definitions *d, struct belay_str name,
                          const struct belay_letters_def *letters, struct belay_place place)
{
    if (!letters->expire_ms && !letters->count_max)
        return;
    for (uint32_t i = 0; i < d->alert_count; i++)
        if (tells_of_expiry(&d->alerts[i], name))
            return;
    struct belay_problem *p = config_error(c->problems, place, "expires-unseen",
                                           "letters of '%.*s' expire, and no alert tells anybody before they go",
                                           BELAY_STR_ARG(name));
    config_suggest(c->problems, p,
                   "name a channel: alerts: { to: ops, channels: { ops: ... } }; the rule letters-expiring is built in");
}

static void check_saga_letters(struct config *c, const struct belay_definitions *d, const struct belay_saga_def *s)
{
    check_letters(c, d, s->name, &s->letters, s->place);
    for (uint32_t i = 0; i < s->step_count; i++) {
        struct belay_str name = belay_arena_printf(&c->scratch, "%.*s/%.*s", BELAY_STR_ARG(s->name), BELAY_STR_ARG(s->steps[i].name));
        if (!name.p)
            config_no_memory(c);
        else if (s->steps[i].await)
            check_letters(c, d, name, &s->letters, s->steps[i].place);
    }
}

static void mark_saga(const struct belay_definitions *d, const struct belay_saga_def *s, bool *read)
{
    mark(d, s->from.name, read);
    for (uint32_t i = 0; i < s->step_count; i++)
        if (s->steps[i].await)
            mark(d, s->steps[i].await->topic, read);
}

static bool is_known(const struct belay_definitions *d, const struct belay_source_def *from)
{
    if (from->kind == BELAY_SOURCE_API)
        return from->name.n;
    return from->kind == BELAY_SOURCE_TIMER || belay_definitions_topic(d, from->name);
}

/* False: what a flow or saga with mistakes reads is not known. Of such a flow nothing else counts. */
static bool mark_all(struct failures *x, const struct belay_definitions *d)
{
    bool known = true;
    for (uint32_t i = 0; i < d->flow_count; i++) {
        const struct belay_source_def *from = &d->flows[i].from;
        if (x->c->sound.flows[i])
            mark_failures(x, d, &d->flows[i]);
        mark(d, from->name, x->read);
        known &= x->c->sound.flows[i] || is_known(d, from);
    }
    for (uint32_t i = 0; i < d->saga_count; i++) {
        mark_saga(d, &d->sagas[i], x->read);
        known &= x->c->sound.sagas[i];
    }
    return known;
}

static void check_topics(struct config *c, const struct belay_definitions *d)
{
    struct failures x = { .c = c };
    x.taken = config_scratch(c, d->topic_count * sizeof *x.taken);
    x.read = config_scratch(c, d->topic_count * sizeof *x.read);
    if (!x.taken || !x.read || !mark_all(&x, d))
        return;
    for (uint32_t i = 0; i < d->topic_count; i++) {
        const struct belay_topic_def *t = &d->topics[i];
        if (!x.taken[i] || x.read[i] || (!t->retain_ms && !t->retain_bytes) || t->discard_reason.n)
            continue;
        struct belay_problem *p
            = config_error(c->problems, t->place, "expires-unseen",
                           "'%.*s' takes messages that failed, nobody reads it, and they expire", BELAY_STR_ARG(t->name));
        config_suggest(c->problems, p,
                       "leave 'retain' out, read it with a flow, or say why: discard: { reason: ... }");
    }
}

/* A mistake hides only what it leaves unknown: others are told of in the same run. */
void config_vanish(struct config *c)
{
    const struct belay_definitions *d = &c->set->d;
    bool whole = !c->incomplete;
    for (uint32_t i = 0; i < d->flow_count; i++)
        if (c->sound.flows[i])
            check_rules(c, &d->flows[i]);
    for (uint32_t i = 0; whole && c->sound.alerts && i < d->flow_count; i++)
        if (c->sound.flows[i])
            check_letters(c, d, d->flows[i].name, &d->flows[i].letters, d->flows[i].place);
    for (uint32_t i = 0; whole && c->sound.alerts && i < d->saga_count; i++)
        if (c->sound.sagas[i])
            check_saga_letters(c, d, &d->sagas[i]);
    if (whole && c->sound.topics)
        check_topics(c, d);
}
