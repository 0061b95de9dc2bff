#include "config/lint.h"

static void visit_call(const struct config_visitor *v, const struct config_user *user,
                       const struct belay_call_def *call)
{
    if (call && v->call)
        v->call(v->arg, user, call);
}

static void visit_publish(const struct config_visitor *v, const struct config_user *user,
                          const struct belay_publish_def *publish)
{
    if (publish && v->publish)
        v->publish(v->arg, user, publish);
}

static void walk_flow(const struct belay_flow_def *f, const struct config_visitor *v)
{
    for (uint32_t i = 0; i < f->step_count; i++) {
        const struct belay_step_def *step = &f->steps[i];
        struct config_user user = { f->name, &f->from, step->place };
        if (step->kind == BELAY_STEP_CALL) {
            visit_call(v, &user, &step->u.call.call);
            visit_call(v, &user, step->u.call.resolve);
        } else if (step->kind == BELAY_STEP_PUBLISH) {
            visit_publish(v, &user, &step->u.publish);
        }
    }
}

static void walk_saga(const struct belay_saga_def *s, const struct config_visitor *v)
{
    for (uint32_t i = 0; i < s->step_count; i++) {
        const struct belay_saga_step_def *step = &s->steps[i];
        struct config_user user = { s->name, &s->from, step->place };
        visit_call(v, &user, step->call);
        visit_call(v, &user, step->resolve);
        visit_publish(v, &user, step->publish);
        if (step->compensate) {
            visit_call(v, &user, step->compensate->call);
            visit_publish(v, &user, step->compensate->publish);
        }
    }
}

void config_walk(const struct belay_definitions *d, const struct config_visitor *v)
{
    for (uint32_t i = 0; i < d->flow_count; i++)
        walk_flow(&d->flows[i], v);
    for (uint32_t i = 0; i < d->saga_count; i++)
        walk_saga(&d->sagas[i], v);
}

struct belay_str config_template_literal(struct config *c, const struct belay_template *t)
{
    struct belay_expr_env env = { .now = 0 };
    struct belay_str text;
    struct belay_err err = { 0 };
    if (!t || !belay_template_is_literal(t))
        return BELAY_STR_NONE;
    int status
        = belay_template_text(t, belay_value_undefined(), &env, &c->scratch, &text, NULL, &err);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    return status ? BELAY_STR_NONE : text;
}
