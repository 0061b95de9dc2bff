/* Calls that nobody may repeat blindly: `post` knows no idempotency keys.  A mail is asked for without a `resolve`, a text
 * message with one, by a named policy; what stays unknown is a letter, and a person asks `post` and says what is true.
 *
 * What must hold: no order gets two mails or two text messages, whoever died when, whatever a person replays (a word is
 * heard once; a letter of unknown outcome is not replayed); in the end each order is once in `mailed`, which says of both
 * what is true.
 *
 * The order's card is named by `redact`: the log step of the flow, what `post` quotes when it refuses, the letters and
 * their groups, and every answer about them tell nothing of it. */
#include <stdio.h>
#include <string.h>

#include "broker/declare.h"
#include "broker/letter.h"
#include "sim/world.h"

/* ---- the endpoint ---- */

static bool is_mail(const char *path)
{
    return strcmp(path, "/mails") == 0;
}

bool sim_mails_effect(struct sim_world *w, const char *method, const char *path, struct sim_order *o)
{
    uint32_t *count = is_mail(path) ? &o->mails : &o->texts;
    if (!is_mail(path) && strncmp(path, "/texts", 6) != 0)
        return false;
    if (strcmp(method, "POST") == 0 && ++*count > 1)
        sim_violation(w, "G3", "%s is sent %s a second time", o->id, is_mail(path) ? "its mail" : "its text message");
    return true;
}

/* ---- the letters ---- */

struct mail_letter {
    uint64_t sequence;
    struct sim_order *order;
    bool unknown, text; /* of its outcome; which of both */
};

static void look_at(struct sim_world *w, const struct belay_letter *l, struct belay_arena *arena, struct mail_letter *ret)
{
    const belay_json *root = NULL;
    struct belay_err err;
    const struct belay_fault *last = &l->history[l->history_count - 1].fault;
    if (belay_json_parse(l->message.body, NULL, arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "G7", "letter %llu of mail is no JSON", (unsigned long long)l->sequence);
    *ret = (struct mail_letter){ .sequence = l->sequence,
                                 .order = sim_order_by_id(w, belay_json_str(belay_json_get(root, BELAY_STR("order_id")))),
                                 .unknown = last->class_ == BELAY_CLASS_UNKNOWN_OUTCOME,
                                 .text = strcmp(last->step, "text") == 0 };
    if (!ret->order)
        sim_violation(w, "G7", "letter %llu of mail is of no order", (unsigned long long)l->sequence);
}

/* What is stored of a failure holds no card; the message and what it achieved do. */
static void check_texts(struct sim_world *w, const struct belay_letter *l)
{
    for (uint32_t i = 0; i < l->history_count; i++) {
        const struct belay_fault *f = &l->history[i].fault;
        sim_no_canary(w, "the description of an attempt", belay_str_c(f->description));
        sim_no_canary(w, "the endpoint of an attempt", belay_str_c(f->endpoint));
        sim_no_canary(w, "the excerpt of an answer", belay_str(f->excerpt, f->excerpt_n));
    }
}

/* The `skip`-th letter of `mail`, or the last one before it. */
static bool find(struct sim_world *w, uint64_t skip, struct mail_letter *ret)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_subscription *sub = belay_broker_find(b, BELAY_STR("mail"));
    struct belay_arena arena;
    struct belay_letter letter;
    uint32_t id = 0;
    uint64_t sequence = 0;
    bool found = false;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    for (uint64_t i = 0; sub && i <= skip && belay_broker_letter_next(b, sub, &id, &sequence, &arena, &letter); i++) {
        check_texts(w, &letter);
        look_at(w, &letter, &arena, ret);
        found = true;
    }
    belay_arena_deinit(&arena);
    return found;
}

/* ---- people ---- */

static bool was_sent(const struct mail_letter *l)
{
    return (l->text ? l->order->texts : l->order->mails) > 0;
}

static const char *truth(struct sim_world *w, const struct mail_letter *l)
{
    if (was_sent(l))
        return "{\"how\":\"done\",\"result\":{\"n\":0}}";
    return sim_chance(w, 500) ? "{\"how\":\"not-done\"}" : "{\"how\":\"retry\"}";
}

static void ask_about(struct sim_world *w, const struct mail_letter *l, const char *operation, const char *body, bool refused)
{
    char params[48];
    struct belay_err err;
    snprintf(params, sizeof params, "flow=mail&sequence=%llu", (unsigned long long)l->sequence);
    w->killer_words++; /* it may be the one that kills */
    int status = sim_ask(w, operation, params, belay_str_c(body), false, NULL, &err);
    sim_trace(w, "mail/%llu of %s: %s %s: %s", (unsigned long long)l->sequence, l->order->id, operation, body,
              status == BELAY_OK ? "ok" : err.msg);
    bool fits = refused ? status != BELAY_OK && (status == BELAY_CONFLICT || sim_may_fail(w, status)) : sim_may_fail(w, status);
    if (!fits)
        sim_violation(w, "SETTLE", "mail/%llu: %s is answered: %s", (unsigned long long)l->sequence, operation,
                      status == BELAY_OK ? "ok" : err.msg);
}

static void settle(struct sim_world *w, const struct mail_letter *l)
{
    if (!l->unknown) { /* it killed the process: it is tried again */
        ask_about(w, l, "settle", "{\"how\":\"done\"}", true);
        ask_about(w, l, "replay", "{}", false);
        return;
    }
    if (!w->calm && sim_chance(w, 200))
        ask_about(w, l, "replay", "{}", true);
    ask_about(w, l, "settle", truth(w, l), false);
}

static void show(struct sim_world *w, const struct mail_letter *l)
{
    char params[48];
    struct belay_err err;
    snprintf(params, sizeof params, "flow=mail&sequence=%llu", (unsigned long long)l->sequence);
    (void)sim_ask(w, "letter", params, BELAY_STR(""), false, NULL, &err);
    (void)sim_ask(w, "groups", "flow=mail", BELAY_STR(""), false, NULL, &err);
    (void)sim_ask(w, "letters", "flow=mail&whole=true", BELAY_STR(""), false, NULL, &err);
}

bool sim_mails_act(struct sim_world *w)
{
    struct mail_letter l;
    if (!find(w, sim_below(w, 4), &l))
        return false;
    if (!w->calm && sim_chance(w, 300))
        show(w, &l);
    else
        settle(w, &l);
    return true;
}

/* ---- the end ---- */

static bool says(struct sim_world *w, const struct belay_message *m, const char *name)
{
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root = NULL, *v = NULL;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    if (belay_json_parse(m->body, NULL, &arena, &root, NULL, &err) == BELAY_OK)
        v = belay_json_get(root, belay_str_c(name));
    if (!v || (v->type != BELAY_JSON_TRUE && v->type != BELAY_JSON_FALSE))
        sim_violation(w, "G7", "mailed holds: %.*s", BELAY_STR_ARG(m->body));
    bool yes = v->type == BELAY_JSON_TRUE;
    belay_arena_deinit(&arena);
    return yes;
}

void sim_mails_told(struct sim_world *w, const struct sim_order *o, const struct belay_message *m)
{
    bool mail = says(w, m, "mail"), text = says(w, m, "text");
    if (mail != (o->mails == 1) || text != (o->texts == 1))
        sim_violation(w, "SETTLE", "%s got %u mails and %u text messages, and mailed says %d and %d", o->id, o->mails, o->texts,
                      mail, text);
}
