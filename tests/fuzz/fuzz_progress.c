/* room: flow */
#include "flow/flow.h"
#include "model/flow_def.h"

#include <stdlib.h>

/* Progress bytes against a flow with each kind of step that they can name: what begins, runs to a
 * verdict. */
#define FIELD(text) BELAY_STR_INIT(text)

static struct belay_template *literal(const char *text)
{
    struct belay_template *t;
    if (belay_template_compile(belay_str_c(text), (struct belay_template_opt){ false }, &t, NULL,
                               NULL))
        abort();
    return t;
}

static struct belay_flow_def def;
static struct belay_step_def steps[6];
static struct belay_connection_def connection;
static struct belay_call_def call, resolve;
static struct belay_named_template params[2];

static void set_up(void)
{
    const struct belay_str names[]
        = { FIELD("a"), FIELD("b"), FIELD("c"), FIELD("d"), FIELD("e"), FIELD("f") };
    const enum belay_step_kind kinds[] = { BELAY_STEP_CALL,    BELAY_STEP_MAP,   BELAY_STEP_CALL,
                                           BELAY_STEP_PUBLISH, BELAY_STEP_REPLY, BELAY_STEP_LOG };
    connection.timeout_ms = 1000;
    params[0] = (struct belay_named_template){ BELAY_STR("method"), literal("POST") };
    params[1] = (struct belay_named_template){ BELAY_STR("path"), literal("/a") };
    call = (struct belay_call_def){ .connection = &connection, .params = params, .param_count = 2 };
    resolve = call;
    for (int i = 0; i < 6; i++)
        steps[i] = (struct belay_step_def){ .kind = kinds[i],
                                            .name = names[i],
                                            .as = names[i],
                                            .next = (uint16_t)(i < 5 ? i + 1 : BELAY_STEP_END) };
    steps[0].u.call.call = steps[2].u.call.call = call;
    steps[0].u.call.resolve = &resolve;
    steps[1].u.map.value = literal("{% { 'v': $vars, 'e': $error, 'a': $a } %}");
    steps[3].u.publish = (struct belay_publish_def){ .target = literal("t") };
    steps[5].u.log.message = literal("{% $vars.x %}");
    def = (struct belay_flow_def){
        .name = BELAY_STR("f"), .steps = steps, .step_count = 6, .retry = BELAY_RETRY_DEFAULT
    };
}

static void run(struct belay_str progress, bool answers_well)
{
    const struct belay_message m = { .id = BELAY_STR("m"), .body = BELAY_STR("{\"x\":1}") };
    const struct belay_call_outcome outcome
        = { .ok = answers_well, .class_ = BELAY_CLASS_UNKNOWN_OUTCOME };
    const struct belay_flow_input in = {
        .def = &def, .message = &m, .attempt = 2, .interrupted = !answers_well, .progress = progress
    };
    struct belay_flow_run *r;
    if (belay_flow_begin(&in, &r, NULL))
        return;
    enum belay_flow_verdict verdict = belay_flow_step(r, 1, NULL);
    for (int i = 0; verdict == BELAY_FLOW_CALL; i++) {
        if (i > 4)
            abort();
        verdict = belay_flow_step(r, 1, &outcome);
    }
    if (verdict != BELAY_FLOW_DONE && !belay_flow_fault(r))
        abort();
    belay_flow_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!def.steps)
        set_up();
    run(belay_str((const char *)data, n), true);
    run(belay_str((const char *)data, n), false);
    return 0;
}
