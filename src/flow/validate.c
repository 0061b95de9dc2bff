/* validate.c - the `validate` step: the body against a JSON Schema. */
#include <stdio.h>

#include "flow/run.h"
#include "json/schema.h"

/* The body as a tape: as parsed, or for what map made, by way of its text. */
static bool body_tape(struct belay_flow_run *run, const belay_json **ret_tape)
{
    const struct eval e = run_eval(run);
    struct belay_value v = run->m.at->body.value;
    struct belay_str text;
    if (v.type == BELAY_VALUE_TAPE) {
        *ret_tape = v.u.tape;
        return true;
    }
    if (v.type == BELAY_VALUE_UNDEFINED)
        return eval_fail(&e, "VALIDATION:SCHEMA", "there is no body");
    if (!eval_json(&e, v, &text))
        return false;
    if (belay_json_parse(text, NULL, &run->arena, ret_tape, NULL, NULL)) {
        run_no_memory(run); /* what we wrote ourselves parses */
        return false;
    }
    return true;
}

/* The faults as JSON into the excerpt, as far as they fit whole. */
static void excerpt_faults(struct belay_fault *f, const struct belay_schema_faults *faults)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_FAULT_EXCERPT_MAX);
    for (size_t n = faults->count; n > 0; n /= 2) {
        struct belay_json_out o = belay_json_out(&text);
        belay_buf_clear(&text);
        belay_json_begin_array(&o);
        for (size_t i = 0; i < n; i++) {
            belay_json_begin_object(&o);
            belay_json_key(&o, "pointer");
            belay_json_put_str(&o, faults->items[i].instance);
            belay_json_key(&o, "detail");
            belay_json_put_str(&o, faults->items[i].message);
            belay_json_end_object(&o);
        }
        belay_json_end_array(&o);
        if (belay_buf_status(&text) == BELAY_OK) {
            belay_fault_set_excerpt(f, belay_buf_view(&text));
            break;
        }
    }
    belay_buf_deinit(&text);
}

enum move validate_run(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    struct belay_schema_faults faults = { .arena = &run->arena, .count_max = 20 };
    const belay_json *tape;
    scope_begin(run);
    run->m.sees |= SEES_BODY;
    if (!scope_ready(run) || !body_tape(run, &tape))
        return MOVE_FAILED;
    if (belay_schema_valid(step->u.validate.schema, tape, NULL))
        return MOVE_ON;
    (void)belay_schema_valid(step->u.validate.schema, tape, &faults);
    if (!faults.count)
        return run_no_memory(run);
    eval_fail(&e, "VALIDATION:SCHEMA", "%.*s%s%.*s", BELAY_STR_ARG(faults.items[0].instance),
              faults.items[0].instance.n ? ": " : "", BELAY_STR_ARG(faults.items[0].message));
    if (faults.count + faults.dropped > 1) {
        size_t n = strlen(run->fault.description);
        snprintf(run->fault.description + n, sizeof run->fault.description - n, " (and %zu more)",
                 faults.count + faults.dropped - 1);
    }
    excerpt_faults(&run->fault, &faults);
    return MOVE_FAILED;
}
