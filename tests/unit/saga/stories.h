/* stories.h - the sagas that the tests tell stories of, and endpoints that answer by a script. */
#ifndef BELAY_TEST_SAGA_STORIES_H
#define BELAY_TEST_SAGA_STORIES_H

#include "model/saga_def.h"
#include "unit/saga/world.h"

#define HOUR_MS 3600000

/* charge (POST, may be asked for), reserve (PUT), book (POST, nobody to ask). */
static inline struct belay_saga_def *three_calls(void)
{
    struct belay_saga_step_def *steps = forever(calloc(3, sizeof *steps));
    steps[0] = (struct belay_saga_step_def){
        .name = BELAY_STR("charge"),
        .status = BELAY_STR("charging"),
        .retry = QUICK,
        .call = call_def(&payments, "POST", "/do/0/{% order_id %}"),
        .resolve = call_def(&payments, "GET", "/resolve/0/{% order_id %}"),
        .compensate = compensate_def(call_def(&keyed, "POST", "/undo/0/{% order_id %}"), QUICK),
    };
    steps[1] = (struct belay_saga_step_def){
        .name = BELAY_STR("reserve"),
        .status = BELAY_STR("reserving"),
        .retry = QUICK,
        .call = call_def(&payments, "PUT", "/do/1/{% order_id %}"),
        .compensate
        = compensate_def(call_def(&payments, "DELETE", "/undo/1/{% order_id %}"), QUICK),
    };
    steps[2] = (struct belay_saga_step_def){
        .name = BELAY_STR("book"),
        .status = BELAY_STR("booking"),
        .retry = QUICK,
        .call = call_def(&payments, "POST", "/do/2/{% order_id %}"),
        .compensate = compensate_def(call_def(&payments, "POST", "/undo/2/{% order_id %}"), QUICK),
    };
    return saga_def(steps, 3, HOUR_MS);
}

/* charge, then ship by a message and wait for what comes of it (design section 7). */
static inline struct belay_saga_def *charge_and_ship(void)
{
    struct belay_saga_step_def *steps = forever(calloc(2, sizeof *steps));
    steps[0] = three_calls()->steps[0];
    steps[1] = (struct belay_saga_step_def){
        .name = BELAY_STR("ship"),
        .status = BELAY_STR("shipping"),
        .retry = QUICK,
        .publish = publish_def("work"),
        .await = await_def("results", "{% order_id %}", "{% outcome = 'failed' %}", 600000),
        .compensate
        = compensate_def(call_def(&payments, "DELETE", "/undo/1/{% order_id %}"), QUICK),
    };
    return saga_def(steps, 2, 2 * HOUR_MS);
}

/* ---- answers ---- */

struct script { /* one answer per verb and step, the rest is OK */
    const char *verb;
    unsigned step;
    enum answer answer;
    unsigned times; /* how often; then OK */
};
static struct script scripts[4];

static inline enum answer scripted(struct world *w, const char *verb, unsigned step, unsigned saga)
{
    (void)w, (void)saga;
    for (size_t n = 0; n < sizeof scripts / sizeof *scripts; n++)
        if (scripts[n].times && strcmp(verb, scripts[n].verb) == 0 && step == scripts[n].step) {
            scripts[n].times--;
            return scripts[n].answer;
        }
    return ANSWER_OK;
}

static inline struct world *scripted_world(const struct belay_saga_def *def, const char *verb,
                                           unsigned step, enum answer answer, unsigned times)
{
    struct world *w = world_new(1, def);
    memset(scripts, 0, sizeof scripts);
    scripts[0] = (struct script){ verb, step, answer, times };
    w->answer = scripted;
    return w;
}

#endif
