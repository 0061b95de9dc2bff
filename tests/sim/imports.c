/* Letters of `see` by the handful: people discard those that a filter names, some of them out of a file that they exported
 * first, and import that file, also twice, also after a crash.
 *
 * What must hold: a filter discards what a naive walk over the letters finds, and nothing else; what was discarded for sure
 * stays so (it is seen by nobody) until it is imported; an import that is sure has made one letter, however often the file
 * is given again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "broker/declare.h"
#include "broker/letter.h"
#include "sim/world.h"

#define SEEN_LETTERS_MAX 32

struct seen_letter {
    uint64_t sequence;
    belay_time created_at;
    int64_t n;
    bool late; /* else the flow did not want it */
    char lane[16];
};

/* ---- a naive look ---- */

static uint32_t list(struct sim_world *w, struct seen_letter *to)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_subscription *sub = belay_broker_find(b, BELAY_STR("see"));
    struct belay_arena arena;
    struct belay_letter letter;
    struct belay_err err;
    uint32_t id = 0, count = 0;
    uint64_t sequence = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    while (sub && count < SEEN_LETTERS_MAX && belay_broker_letter_next(b, sub, &id, &sequence, &arena, &letter)) {
        const belay_json *root = NULL;
        if (belay_json_parse(letter.message.body, NULL, &arena, &root, NULL, &err) != BELAY_OK)
            sim_violation(w, "G7", "a letter of see is no JSON");
        struct seen_letter *l = &to[count++];
        *l = (struct seen_letter){ .sequence = sequence, .created_at = letter.created_at,
                                   .n = belay_json_get(root, BELAY_STR("n"))->u.i,
                                   .late = strcmp(letter.history[letter.history_count - 1].fault.type, "EXPIRED:TTL") == 0 };
        snprintf(l->lane, sizeof l->lane, "%.*s", BELAY_STR_ARG(belay_json_str(belay_json_get(root, BELAY_STR("lane")))));
    }
    belay_arena_deinit(&arena);
    return count;
}

static struct sim_event *event_of(struct sim_world *w, const struct seen_letter *l)
{
    struct sim_lane *lane;
    return sim_event_by_n(w, belay_str_c(l->lane), l->n, &lane);
}

/* ---- discarding many ---- */

/* By a predicate, by what went wrong, by time, or by all of them. */
struct filter {
    bool some, late, since;
    belay_time from;
    char text[120];
};

static void choose_filter(struct sim_world *w, const struct seen_letter *letters, uint32_t count, struct filter *f)
{
    char from[BELAY_TIME_TEXT_BYTES];
    *f = (struct filter){ .some = sim_chance(w, 600), .late = sim_chance(w, 300), .since = sim_chance(w, 500) };
    belay_time_text(letters[sim_below(w, count)].created_at, from);
    (void)belay_time_parse(belay_str_c(from), &f->from);
    snprintf(f->text, sizeof f->text, "flow=see%s%s%s%s", f->some ? "&where=message.body.n % 8 = 3" : "",
             f->late ? "&error=EXPIRED:*" : "", f->since ? "&since=" : "", f->since ? from : "");
}

static bool is_wanted(const struct filter *f, const struct seen_letter *l)
{
    return (!f->some || l->n % 8 == 3) && (!f->late || l->late) && (!f->since || l->created_at >= f->from);
}

static bool is_in(const struct seen_letter *letters, uint32_t count, uint64_t sequence)
{
    for (uint32_t i = 0; i < count; i++)
        if (letters[i].sequence == sequence)
            return true;
    return false;
}

/* Of what was there before: gone or there, as the filter says. A letter may have gone by itself since. */
static void compare(struct sim_world *w, const struct filter *f, const struct seen_letter *before, uint32_t count)
{
    struct seen_letter after[SEEN_LETTERS_MAX];
    uint32_t left = list(w, after);
    for (uint32_t i = 0; i < count; i++)
        if (is_in(after, left, before[i].sequence) == is_wanted(f, &before[i]))
            sim_violation(w, "DLQ", "a discard of %s %s letter %llu", f->text, is_wanted(f, &before[i]) ? "left" : "took",
                          (unsigned long long)before[i].sequence);
}

static void discard(struct sim_world *w, const struct seen_letter *letters, uint32_t count)
{
    struct filter f;
    struct belay_err err;
    choose_filter(w, letters, count, &f);
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(&f, &letters[i]))
            event_of(w, &letters[i])->hint_open = true;
    struct belay_buf answer;
    belay_buf_init(&answer, BELAY_MIB(1));
    int status = sim_ask(w, "lettersDiscard", f.text, BELAY_STR("{\"reason\":\"of no use\"}"), false, &answer, &err);
    bool whole = status == BELAY_OK && strstr(answer.p, "\"busy\":false");
    sim_trace(w, "discard %s: %.*s", f.text, status == BELAY_OK ? (int)answer.n : (int)strlen(err.msg),
              status == BELAY_OK ? answer.p : err.msg);
    belay_buf_deinit(&answer);
    if (!sim_may_fail(w, status))
        sim_violation(w, "DLQ", "discard %s: %s", f.text, err.msg);
    if (!whole)
        return;
    compare(w, &f, letters, count);
    if (!sim_make_sure(w))
        return;
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(&f, &letters[i])) {
            event_of(w, &letters[i])->hint_gone = true;
            event_of(w, &letters[i])->hint_open = false;
        }
}

/* ---- a file ---- */

static void forget_file(struct sim_world *w)
{
    w->file.event = NULL;
    w->file.text[0] = 0;
}

/* The letter as `dlq export --reveal` writes it. */
static bool export(struct sim_world *w, const struct seen_letter *l)
{
    struct belay_buf answer;
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root = NULL, *one = NULL;
    bool found = false;
    belay_buf_init(&answer, BELAY_MIB(1));
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    if (sim_ask(w, "letters", "flow=see&whole=true", BELAY_STR(""), true, &answer, &err) == BELAY_OK
        && belay_json_parse(belay_buf_view(&answer), NULL, &arena, &root, NULL, &err) == BELAY_OK)
        one = belay_json_get(root, BELAY_STR("letters"));
    for (uint32_t i = 0; one && i < one->n && !found; i++) {
        struct belay_buf text;
        const belay_json *letter = belay_json_at(one, i);
        if (belay_json_get(letter, BELAY_STR("sequence"))->u.i != (int64_t)l->sequence)
            continue;
        belay_buf_init(&text, sizeof w->file.text - 1);
        belay_buf_put_str(&text, BELAY_STR("{\"letter\":"));
        belay_json_write(&text, letter);
        belay_buf_put_str(&text, BELAY_STR("}"));
        found = belay_buf_status(&text) == BELAY_OK;
        if (found)
            snprintf(w->file.text, sizeof w->file.text, "%.*s", BELAY_STR_ARG(belay_buf_view(&text)));
        belay_buf_deinit(&text);
    }
    belay_arena_deinit(&arena);
    belay_buf_deinit(&answer);
    return found;
}

/* Only what is gone for sure is imported: else there would be two, and rightly. */
static void take_out(struct sim_world *w, const struct seen_letter *l)
{
    char params[64];
    struct belay_err err;
    struct sim_event *ev = event_of(w, l);
    if (!export(w, l))
        return;
    snprintf(params, sizeof params, "flow=see&sequence=%llu", (unsigned long long)l->sequence);
    ev->hint_open = true;
    int status = sim_ask(w, "discard", params, BELAY_STR("{\"reason\":\"exported\"}"), false, NULL, &err);
    sim_trace(w, "%s-%lld is exported and discarded: %s", l->lane, (long long)l->n, status == BELAY_OK ? "ok" : err.msg);
    if (!sim_may_fail(w, status))
        sim_violation(w, "DLQ", "discard: %s", err.msg);
    if (status != BELAY_OK || !sim_make_sure(w)) {
        forget_file(w);
        return;
    }
    ev->hint_open = false;
    ev->hint_gone = true;
    w->file.event = ev;
}

static void import(struct sim_world *w)
{
    struct seen_letter before[SEEN_LETTERS_MAX], after[SEEN_LETTERS_MAX];
    struct belay_buf answer;
    struct belay_err err;
    bool was_sure = w->file.sure;
    uint32_t count = list(w, before);
    belay_buf_init(&answer, BELAY_MIB(1));
    int status = sim_ask(w, "lettersImport", "", belay_str_c(w->file.text), false, &answer, &err);
    bool there = status == BELAY_OK && strstr(answer.p, "\"there\"");
    sim_trace(w, "import: %s", status == BELAY_OK ? (there ? "there" : "a letter") : err.msg);
    belay_buf_deinit(&answer);
    if (!sim_may_fail(w, status))
        sim_violation(w, "IMPORT", "%s", err.msg);
    if (status != BELAY_OK)
        return;
    uint32_t made = list(w, after) - count;
    if (made != !there || (was_sure && !there))
        sim_violation(w, "IMPORT", "what was%s imported before is %s, and %u letters were made", was_sure ? "" : " perhaps",
                      there ? "there" : "imported", made);
    w->file.event->hint_open = true;
    w->file.event->imported = true;
    if (!sim_make_sure(w))
        return;
    w->file.event->hint_open = w->file.event->hint_gone = false;
    w->file.sure = true;
}

/* A letter of `see` does not wait long for a person: somebody looks. */
void sim_imports_event(struct sim_world *w, const struct belay_action_event *e)
{
    bool letter = strcmp(e->name, "message.expired") == 0 || strcmp(e->name, "message.dead_letter") == 0;
    w->imports_due |= letter && belay_str_eq(e->owner, BELAY_STR("see"));
}

void sim_imports_act(struct sim_world *w)
{
    struct seen_letter letters[SEEN_LETTERS_MAX];
    w->imports_due = false;
    if (w->file.event && !(w->file.sure && sim_chance(w, 300))) {
        import(w);
        return;
    }
    forget_file(w);
    w->file.sure = false;
    uint32_t count = list(w, letters);
    if (!count)
        return;
    if (sim_chance(w, 400))
        take_out(w, &letters[sim_below(w, count)]);
    else
        discard(w, letters, count);
}

void sim_imports_clear(struct sim_world *w)
{
    if (w->file.event && !w->file.sure)
        import(w);
}

bool sim_imports_done(const struct sim_world *w)
{
    return !w->file.event || w->file.sure;
}
