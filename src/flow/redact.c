/* redact.c - texts that leave a run, without what may not be told (redact.h). */
#include "flow/redact.h"

#include "base/planted.h"
#include "flow/run.h"

/* ---- faults ---- */

/* A text that fills its room was longer. */
static struct belay_str hidden(const struct belay_redact *r, struct belay_redact_words *words, const char *text, size_t room,
                               struct belay_arena *arena)
{
    struct belay_str s = belay_str_c(text);
    words->cut = s.n + 4 >= room ? BELAY_REDACT_CUT : BELAY_REDACT_QUOTED; /* at a code point */
    return belay_redact_text(r, words, s, arena);
}

void belay_fault_redact(struct belay_fault *f, const struct belay_redact *r, struct belay_redact_words *words,
                        struct belay_arena *arena)
{
    struct belay_str excerpt = belay_str(f->excerpt, f->excerpt_n), text;
    if (!r)
        return;
    words->cut = f->excerpt_n + 4 >= BELAY_FAULT_EXCERPT_MAX ? BELAY_REDACT_CUT : BELAY_REDACT_QUOTED;
    text = belay_redact_words_in(r, words, excerpt, arena);
    if (text.p != excerpt.p)
        belay_fault_set_excerpt(f, text);
    belay_redact_gather_bytes(r, words, belay_str(f->excerpt, f->excerpt_n));
    text = hidden(r, words, f->description, sizeof f->description, arena);
    if (text.p != f->description)
        belay_fault_set_description(f, text);
    text = hidden(r, words, f->endpoint, sizeof f->endpoint, arena);
    if (text.p != f->endpoint)
        belay_fault_set_endpoint(f, text);
}

void belay_message_gather(const struct belay_message *m, const struct belay_redact *r, struct belay_redact_words *words)
{
    belay_redact_gather_fields(r, words, m->headers, m->header_count);
    belay_redact_gather_bytes(r, words, m->body);
}

/* ---- of a run ---- */

static const struct belay_redact *rules(const struct belay_flow_run *run)
{
    return run->m.in.redact ? *run->m.in.redact : NULL;
}

/* By way of its text: what a value is made of is expr's own. */
static void gather_value(struct belay_flow_run *run, struct belay_value v, struct belay_redact_words *words)
{
    const struct belay_redact *r = rules(run);
    const belay_json *tape = v.type == BELAY_VALUE_TAPE ? v.u.tape : NULL;
    if (v.type == BELAY_VALUE_OBJECT || v.type == BELAY_VALUE_ARRAY) {
        struct belay_str text = BELAY_STR_NONE;
        belay_buf_clear(&run->scratch);
        belay_value_write(&run->scratch, v);
        if (belay_buf_status(&run->scratch) == BELAY_OK)
            text = belay_arena_str(&run->arena, belay_buf_view(&run->scratch));
        if (!text.p || belay_json_parse(text, NULL, &run->arena, &tape, NULL, NULL) != BELAY_OK) {
            words->lost = true; /* what cannot be looked into may hold anything */
            return;
        }
    }
    if (!tape)
        return;
    belay_redact_gather(r, words, tape, false);
    belay_redact_gather_answer(r, words, tape);
}

static void gather_state(struct belay_flow_run *run, const struct flow_state *at, struct belay_redact_words *words)
{
    if (at->body.known && at->body.mapped)
        gather_value(run, at->body.value, words);
    for (uint32_t i = 0; i < at->results.count; i++)
        gather_value(run, at->results.items[i].value, words);
    for (uint32_t i = 0; i < at->vars.count; i++)
        gather_value(run, at->vars.items[i].value, words);
}

static void gather_run(struct belay_flow_run *run, struct belay_redact_words *words)
{
    const struct belay_message *m = run->m.in.message;
    const struct belay_redact *r = rules(run);
    belay_redact_words_init(words, &run->arena);
    belay_redact_gather_fields(r, words, m->headers, m->header_count);
    if (run->m.in.body)
        belay_redact_gather(r, words, run->m.in.body, false);
    else
        belay_redact_gather_bytes(r, words, m->body);
    gather_state(run, run->m.at, words);
    if (run->m.error)
        belay_redact_gather_bytes(r, words, belay_str(run->m.error->excerpt, run->m.error->excerpt_n));
}

void run_redact_fault(struct belay_flow_run *run, struct belay_fault *f)
{
    struct belay_redact_words words;
    if (!rules(run) || BELAY_PLANTED(118))
        return;
    gather_run(run, &words);
    belay_fault_redact(f, rules(run), &words, &run->arena);
}

void run_redact_log(struct belay_flow_run *run, struct belay_flow_log *log, struct belay_field *fields)
{
    const struct belay_redact *r = rules(run);
    struct belay_redact_words words;
    if (!r || !run->m.sees || BELAY_PLANTED(117)) /* no expression: what the file says is told, but for secrets, which the log hides */
        return;
    gather_run(run, &words);
    log->message = belay_redact_words_in(r, &words, log->message, &run->arena);
    for (uint32_t i = 0; i < log->field_count; i++)
        fields[i].value = belay_redact_words_in(r, &words, fields[i].value, &run->arena);
}
