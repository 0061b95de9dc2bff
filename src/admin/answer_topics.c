/* answer_topics.c - the messages of a topic, and what is done to its subscriptions. */
#include "admin/answers.h"

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/read.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/stats.h"

struct page {
    struct reader reader;
    struct question *q;
    struct belay_json_out out;
    struct belay_str key;  /* only of this key; empty: all */
    uint32_t left;
    uint64_t next;
};

static bool each_message(void *arg, uint64_t sequence, const struct belay_message *m)
{
    struct page *p = arg;
    p->next = sequence + 1;
    if (p->key.n && !belay_str_eq(p->key, m->key))
        return true;
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "sequence");
    belay_json_put_uint(&p->out, sequence);
    belay_json_key(&p->out, "message");
    show_message(&p->out, m, &p->q->arena);
    belay_json_end_object(&p->out);
    return --p->left > 0;
}

static void page_over(void *arg)
{
    struct page *p = arg;
    belay_json_end_array(&p->out);
    belay_json_key(&p->out, "next");
    belay_json_put_uint(&p->out, p->next);
    belay_json_end_object(&p->out);
    question_end(p->q);
}

bool answer_messages(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_str topic = question_param(q, "topic");
    uint32_t id = belay_broker_topic_id(belay_engine_broker(e), topic);
    if (id == 0)
        return question_fail(q, BELAY_NOTFOUND, "there is no topic or queue '%.*s'; `belay topic ls` lists them",
                             BELAY_STR_ARG(topic));
    struct page *p = BELAY_ARENA_NEW(&q->arena, struct page);
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    struct belay_store *store = belay_engine_store(e);
    uint64_t next = belay_store_next_sequence(store, id), last = question_number(q, "last", 0);
    uint64_t from = question_number(q, "from", last ? (next > last ? next - last : 1) : 1);
    *p = (struct page){ .q = q, .out = belay_json_out(&q->out), .key = question_param(q, "key"),
                        .left = question_count(q), .next = from };
    p->reader = (struct reader){ .q = q, .store = store, .topic = id, .at = from, .end = next,
                                 .each = each_message, .over = page_over, .arg = p };
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "messages");
    belay_json_begin_array(&p->out);
    reader_start(&p->reader);
    return false;
}

/* What a person does to a subscription: it and its entry in the trail happen both or neither. */
static bool do_to_flow(struct question *q, struct belay_engine *e, belay_time now, const char *verb,
                       int (*act)(struct question *q, struct belay_broker *b, struct belay_subscription *sub,
                                  belay_time now))
{
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_subscription *sub = question_subscription(q, e);
    if (!sub)
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_FLOW, belay_subscription_name(sub), BELAY_STR(""), verb);
    int status = belay_trail_begin(b, &entry, BELAY_KIB(1), 1, &q->err);
    if (status == BELAY_OK)
        status = act(q, b, sub, now);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_done(q, status);
}

static int pause_it(struct question *q, struct belay_broker *b, struct belay_subscription *sub, belay_time now)
{
    (void)now;
    return belay_broker_pause(b, sub, question_text(q, "reason"), &q->err);
}

static int resume_it(struct question *q, struct belay_broker *b, struct belay_subscription *sub, belay_time now)
{
    (void)now;
    return belay_broker_resume(b, sub, &q->err);
}

static int seek_it(struct question *q, struct belay_broker *b, struct belay_subscription *sub, belay_time now)
{
    return belay_broker_seek(b, sub, (uint64_t)question_member(q, "sequence")->u.i, question_text(q, "reason"), now,
                             &q->err);
}

bool answer_pause(struct question *q, struct belay_engine *e, belay_time now)
{
    if (question_text(q, "reason").n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a pause needs a \"reason\"");
    return do_to_flow(q, e, now, "pause", pause_it);
}

bool answer_resume(struct question *q, struct belay_engine *e, belay_time now)
{
    return do_to_flow(q, e, now, "resume", resume_it);
}

bool answer_seek(struct question *q, struct belay_engine *e, belay_time now)
{
    const belay_json *to = question_member(q, "sequence");
    if (!to || to->type != BELAY_JSON_INT || to->u.i < 1)
        return question_fail(q, BELAY_INVALID, "where to: \"sequence\" must be a number from 1");
    if (question_text(q, "reason").n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a seek needs a \"reason\"");
    return do_to_flow(q, e, now, "seek", seek_it);
}
