/* answer_letters.c - the dead-letter queue: look, replay, release, discard. */
#include <stdio.h>

#include "admin/impl.h"

/* whole: with its message, history and trail; NULL: a line of a list. */
static void show_letter(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena,
                        struct belay_engine *whole)
{
    char fingerprint[17];
    const struct belay_fault *last = l->history_count ? &l->history[l->history_count - 1].fault : NULL;
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)l->fingerprint);
    belay_json_begin_object(o);
    belay_json_key(o, "flow");
    belay_json_put_str(o, l->subscription);
    belay_json_key(o, "sequence");
    belay_json_put_uint(o, l->sequence);
    belay_json_key(o, "topic");
    belay_json_put_str(o, l->topic);
    belay_json_key(o, "state");
    belay_json_put_c(o, l->parked ? "parked" : "dead");
    belay_json_key(o, "held");
    belay_json_put_uint(o, l->held);
    belay_json_key(o, "key");
    belay_json_put_str(o, l->lane_key);
    belay_json_key(o, "attempts");
    belay_json_put_uint(o, l->attempts);
    show_time(o, "first_attempt_at", l->first_attempt_at);
    show_time(o, "created_at", l->created_at);
    belay_json_key(o, "fingerprint");
    belay_json_put_c(o, fingerprint);
    show_hash(o, "payload_hash", l->payload_hash);
    belay_json_key(o, "error");
    belay_json_put_c(o, last ? last->type : "");
    belay_json_key(o, "description");
    belay_json_put_c(o, last ? last->description : "");
    belay_json_key(o, "step");
    belay_json_put_c(o, last ? last->step : "");
    belay_json_key(o, "message_id");
    belay_json_put_str(o, l->message.id);
    belay_json_key(o, "correlationid");
    belay_json_put_str(o, l->message.correlationid);
    if (whole) {
        belay_json_key(o, "message");
        show_message(o, &l->message, arena);
        belay_json_key(o, "history");
        belay_json_begin_array(o);
        for (uint32_t i = 0; i < l->history_count; i++)
            show_fault(o, &l->history[i].fault);
        belay_json_end_array(o);
        char id[24];
        int n = snprintf(id, sizeof id, "%llu", (unsigned long long)l->sequence);
        show_trail(o, whole, BELAY_TRAIL_LETTER, l->subscription, belay_str(id, (size_t)n), arena);
    }
    belay_json_end_object(o);
}

static bool wanted(const struct question *q, const struct belay_letter *l)
{
    struct belay_str error = question_param(q, "error"), key = question_param(q, "key");
    if (key.n && !belay_str_eq(key, l->lane_key) && !belay_str_eq(key, l->message.key))
        return false;
    return error.n == 0
           || (l->history_count && belay_fault_matches(&l->history[l->history_count - 1].fault, error));
}

/* "SUBSCRIPTION-SEQUENCE" of the last one seen. */
static bool page_start(const struct question *q, uint32_t *sub_id, uint64_t *sequence)
{
    struct belay_str rest = question_param(q, "after");
    uint64_t id;
    *sub_id = 0;
    *sequence = 0;
    if (rest.n == 0)
        return true;
    struct belay_str first = belay_str_split(&rest, '-');
    if (!belay_str_to_u64(first, &id) || !belay_str_to_u64(rest, sequence) || id > UINT32_MAX)
        return false;
    *sub_id = (uint32_t)id;
    return true;
}

struct page {
    struct question *q;
    struct belay_json_out out;
    uint32_t left, looks, id; /* id, sequence: of the last one seen */
    uint64_t sequence;
    bool more;
};

static void end_page(struct page *p)
{
    belay_json_end_array(&p->out);
    belay_json_key(&p->out, "next");
    if (p->more) {
        char next[48];
        snprintf(next, sizeof next, "%u-%llu", p->id, (unsigned long long)p->sequence);
        belay_json_put_c(&p->out, next);
    } else {
        belay_json_put_null(&p->out);
    }
    belay_json_end_object(&p->out);
    question_end(p->q);
}

/* The subscription that the page is of: looked up anew each turn, a reload may have taken it away. */
static bool page_of(struct question *q, struct belay_engine *e, struct belay_subscription **ret_sub)
{
    *ret_sub = NULL;
    return question_param(q, "flow").n == 0 || (*ret_sub = question_subscription(q, e)) != NULL;
}

/* Looks at more letters than BELAY_ADMIN_LOOKS_MAX, to find those that are wanted, are left to the next page. */
static void fill_page(void *arg, struct belay_engine *e)
{
    struct page *p = arg;
    struct question *q = p->q;
    struct belay_subscription *sub;
    struct belay_letter letter;
    size_t bytes = 0;
    p->more = page_of(q, e, &sub);
    for (uint32_t i = 0; p->more && p->left && p->looks && i < BELAY_ADMIN_BITE && bytes < BELAY_ADMIN_BITE_BYTES; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&q->arena);
        p->more = belay_broker_letter_next(belay_engine_broker(e), sub, &p->id, &p->sequence, &q->arena, &letter);
        if (p->more) {
            p->looks--;
            bytes += letter.message.body.n;
            if (wanted(q, &letter)) {
                show_letter(&p->out, &letter, &q->arena, NULL);
                p->left--;
            }
        }
        belay_arena_rewind(&q->arena, mark);
    }
    if (p->more && p->left && p->looks)
        question_again(q, fill_page, p);
    else
        end_page(p);
}

bool answer_letters(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_subscription *sub;
    struct page *p = BELAY_ARENA_NEW(&q->kept, struct page);
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    if (!page_of(q, e, &sub))
        return true;
    *p = (struct page){ .q = q, .out = belay_json_out(&q->out), .left = question_count(q),
                        .looks = BELAY_ADMIN_LOOKS_MAX };
    if (!page_start(q, &p->id, &p->sequence))
        return question_fail(q, BELAY_INVALID, "after is what \"next\" of the page before said");
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "letters");
    belay_json_begin_array(&p->out);
    fill_page(p, e);
    return false;
}

struct belay_subscription *question_letter(struct question *q, struct belay_engine *e, uint64_t *ret_sequence)
{
    struct belay_subscription *sub = question_subscription(q, e);
    if (sub && !belay_str_to_u64(question_param(q, "sequence"), ret_sequence)) {
        question_fail(q, BELAY_INVALID, "a letter is named FLOW and SEQUENCE, a number");
        return NULL;
    }
    return sub;
}

bool answer_letter(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    uint64_t sequence;
    struct belay_letter letter;
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    int status = belay_broker_letter_get(belay_engine_broker(e), sub, sequence, &q->arena, &letter, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    struct belay_json_out o = belay_json_out(&q->out);
    show_letter(&o, &letter, &q->arena, e);
    return true;
}

/* What a person does to one letter: it and its entry in the trail happen both or neither. */
static bool do_to_letter(struct question *q, struct belay_engine *e, belay_time now, const char *verb,
                         int (*act)(struct question *q, struct belay_broker *b, struct belay_subscription *sub,
                                    uint64_t sequence, belay_time now))
{
    uint64_t sequence;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_LETTER, belay_subscription_name(sub),
                                                    question_param(q, "sequence"), verb);
    int status = belay_trail_begin(b, &entry, 0, 0, &q->err);
    if (status == BELAY_OK)
        status = act(q, b, sub, sequence, now);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_done(q, status);
}

static int replay(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                  belay_time now)
{
    const belay_json *from_start = question_member(q, "from_start");
    bool anew = from_start && from_start->type == BELAY_JSON_TRUE;
    return belay_broker_letter_replay(b, sub, sequence, anew, now, &q->err);
}

static int release(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   belay_time now)
{
    return belay_broker_letter_release(b, sub, sequence, now, &q->err);
}

static int discard(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   belay_time now)
{
    return belay_broker_letter_discard(b, sub, sequence, question_text(q, "reason"), q->who, now, &q->err);
}

bool answer_letter_replay(struct question *q, struct belay_engine *e, belay_time now)
{
    return do_to_letter(q, e, now, "replay", replay);
}

bool answer_letter_release(struct question *q, struct belay_engine *e, belay_time now)
{
    return do_to_letter(q, e, now, "release", release);
}

bool answer_letter_discard(struct question *q, struct belay_engine *e, belay_time now)
{
    if (question_text(q, "reason").n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a discard needs a \"reason\"");
    return do_to_letter(q, e, now, "discard", discard);
}
