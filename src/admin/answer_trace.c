/* answer_trace.c - the whole life of what a key or an id names: its messages in every topic, the state of
 * each in every subscription with its letters, and its sagas.
 *
 * Topics are read twice: first to learn the correlation ids of what the name fits, then to show all
 * that carries one of them. Then the letters, of which the topics may know nothing any more. */
#include "admin/answers.h"

#include "admin/question.h"
#include "admin/read.h"
#include "admin/show.h"
#include "admin/tell.h"
#include "base/limits.h"
#include "broker/by_name.h"
#include "broker/lane.h"
#include "broker/stats.h"

struct trace {
    struct reader reader;
    struct question *q;
    struct belay_engine *engine;
    struct belay_json_out out;
    struct belay_str what;
    struct belay_str correlations[BELAY_TRACE_CORRELATIONS_MAX];
    uint32_t correlation_count, topic_index, shown;
    struct belay_str topic;
    uint32_t letter_subscription, looks;
    uint64_t letter_sequence; /* of the last one seen */
    uint32_t waiting_subscription;
    uint64_t waiting_sequence;
    bool showing, truncated;
};

static bool fits(const struct trace *t, const struct belay_message *m)
{
    return belay_str_eq(t->what, m->key) || belay_str_eq(t->what, m->id) || belay_str_eq(t->what, m->correlationid)
           || belay_str_eq(t->what, m->subject);
}

static bool correlated(const struct trace *t, const struct belay_message *m)
{
    for (uint32_t i = 0; i < t->correlation_count; i++)
        if (m->correlationid.n && belay_str_eq(t->correlations[i], m->correlationid))
            return true;
    return false;
}

static bool each_to_learn(void *arg, uint64_t sequence, const struct belay_message *m)
{
    struct trace *t = arg;
    (void)sequence;
    if (fits(t, m) && !correlated(t, m) && m->correlationid.n && t->correlation_count < BELAY_TRACE_CORRELATIONS_MAX)
        t->correlations[t->correlation_count++] = belay_arena_str(&t->q->kept, m->correlationid);
    return true;
}

/* What failed so far, and when it is tried again. */
static void show_trouble(struct trace *t, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_letter letter;
    belay_time due;
    struct belay_arena_mark mark = belay_arena_mark(&t->q->arena);
    if (belay_broker_trouble(belay_engine_broker(t->engine), sub, sequence, &t->q->arena, &letter, &due)
        == BELAY_OK) {
        if (due != BELAY_TIME_NEVER)
            show_time(&t->out, "again_at", due);
        belay_json_key(&t->out, "history");
        belay_json_begin_array(&t->out);
        for (uint32_t i = 0; i < letter.history_count; i++)
            show_fault(&t->out, &letter.history[i].fault);
        belay_json_end_array(&t->out);
    }
    belay_arena_rewind(&t->q->arena, mark);
}

/* Why its flow does not take it: paused, or its lane is. Of one that is not at its end. */
static void show_hindrance(struct trace *t, struct belay_subscription *sub, uint64_t sequence, const struct belay_message *m)
{
    struct belay_broker *b = belay_engine_broker(t->engine);
    struct belay_subscription_stats stats;
    struct belay_lane lane;
    struct belay_err err;
    if (belay_broker_subscription_stats(b, belay_subscription_id(sub) - 1, &stats) && stats.paused.n)
        show_text(&t->out, "paused", stats.paused);
    struct belay_arena_mark mark = belay_arena_mark(&t->q->arena);
    struct belay_str key = belay_engine_lane_key(t->engine, sub, m, &t->q->arena);
    if (key.n && belay_broker_lane_get(b, sub, key, &t->q->arena, &lane, &err) == BELAY_OK
        && (lane.head || lane.state == BELAY_LANE_HAND)) {
        char why[512];
        belay_engine_lane_why(t->engine, &lane, why, sizeof why);
        belay_json_key(&t->out, "lane");
        belay_json_begin_object(&t->out);
        show_text(&t->out, "key", lane.key);
        show_text(&t->out, "state", belay_str_c(belay_lane_state_name(lane.state)));
        show_uint(&t->out, "head", lane.head);
        belay_json_key(&t->out, "is_head");
        belay_json_put_bool(&t->out, lane.head == sequence);
        show_text(&t->out, "why", belay_str_c(why));
        belay_json_end_object(&t->out);
    }
    belay_arena_rewind(&t->q->arena, mark);
}

static bool is_open(enum belay_message_state state)
{
    return state == BELAY_MESSAGE_QUEUED || state == BELAY_MESSAGE_HELD || state == BELAY_MESSAGE_WAITING;
}

static void show_state(struct trace *t, struct belay_subscription *sub, uint64_t sequence, const struct belay_message *m)
{
    uint32_t attempts = 0;
    enum belay_message_state state = belay_broker_state_of(belay_engine_broker(t->engine), sub, sequence, &attempts);
    belay_json_begin_object(&t->out);
    belay_json_key(&t->out, "name");
    belay_json_put_str(&t->out, belay_subscription_name(sub));
    belay_json_key(&t->out, "state");
    belay_json_put_c(&t->out, belay_message_state_name(state));
    belay_json_key(&t->out, "attempts");
    belay_json_put_uint(&t->out, attempts);
    show_trouble(t, sub, sequence);
    if (is_open(state))
        show_hindrance(t, sub, sequence, m);
    belay_json_end_object(&t->out);
}

static void show_states(struct trace *t, uint64_t sequence, const struct belay_message *m)
{
    struct belay_broker *b = belay_engine_broker(t->engine);
    struct belay_subscription *sub;
    belay_json_key(&t->out, "subscriptions");
    belay_json_begin_array(&t->out);
    for (uint32_t i = 0; (sub = belay_broker_topic_subscription(b, t->topic, i)); i++)
        show_state(t, sub, sequence, m);
    belay_json_end_array(&t->out);
}

/* False: there is no more to show. */
static bool wanted(struct trace *t, const struct belay_message *m, bool *ret_wanted)
{
    *ret_wanted = fits(t, m) || correlated(t, m);
    if (*ret_wanted && t->shown++ == BELAY_TRACE_MESSAGES_MAX)
        t->truncated = true;
    return !t->truncated;
}

static void begin_message(struct trace *t, struct belay_str topic, uint64_t sequence, const struct belay_message *m)
{
    belay_json_begin_object(&t->out);
    belay_json_key(&t->out, "topic");
    belay_json_put_str(&t->out, topic);
    belay_json_key(&t->out, "sequence");
    belay_json_put_uint(&t->out, sequence);
    belay_json_key(&t->out, "message");
    show_message(&t->out, m, &t->q->arena);
}

static bool each_to_show(void *arg, uint64_t sequence, const struct belay_message *m)
{
    struct trace *t = arg;
    bool is_wanted;
    if (!wanted(t, m, &is_wanted))
        return false;
    if (is_wanted) {
        begin_message(t, t->topic, sequence, m);
        show_states(t, sequence, m);
        belay_json_end_object(&t->out);
    }
    return true;
}

/* Is the message there in its topic, where it was shown? */
static bool is_kept(struct trace *t, struct belay_str topic, uint64_t sequence)
{
    struct belay_topic_stats stats;
    for (uint32_t i = 0; belay_broker_topic_stats(belay_engine_broker(t->engine), i, &stats); i++)
        if (belay_str_eq(stats.name, topic))
            return sequence >= stats.first;
    return false;
}

static void end(struct trace *t);
static void show_letters(void *arg, struct belay_engine *e);

static void show_apart(struct trace *t, struct belay_subscription *sub, struct belay_str topic, uint64_t sequence,
                       const struct belay_message *m)
{
    bool is_wanted;
    if (is_kept(t, topic, sequence) || !wanted(t, m, &is_wanted) || !is_wanted)
        return;
    begin_message(t, topic, sequence, m);
    belay_json_key(&t->out, "subscriptions");
    belay_json_begin_array(&t->out);
    show_state(t, sub, sequence, m);
    belay_json_end_array(&t->out);
    belay_json_end_object(&t->out);
}

/* So has a small message that waits for a retry. */
static void show_waiting(void *arg, struct belay_engine *e)
{
    struct trace *t = arg;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_message m;
    bool more = true;
    size_t bytes = 0;
    for (uint32_t i = 0; more && !t->truncated && i < BELAY_ADMIN_BITE && bytes < BELAY_ADMIN_BITE_BYTES; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&t->q->arena);
        more = belay_broker_waiting_next(b, &t->waiting_subscription, &t->waiting_sequence, &t->q->arena, &m);
        if (more) {
            struct belay_subscription *sub = belay_broker_find_id(b, t->waiting_subscription);
            bytes += m.body.n;
            if (sub)
                show_apart(t, sub, belay_subscription_topic(sub), t->waiting_sequence, &m);
            t->truncated |= ++t->looks == BELAY_ADMIN_LOOKS_MAX;
        }
        belay_arena_rewind(&t->q->arena, mark);
    }
    if (more && !t->truncated) {
        question_again(t->q, show_waiting, t);
        return;
    }
    t->looks = 0;
    show_letters(t, e);
}

static void trace_letter(struct trace *t, uint32_t subscription, uint64_t sequence, const struct belay_letter *letter)
{
    struct belay_subscription *sub = belay_broker_find_id(belay_engine_broker(t->engine), subscription);
    show_apart(t, sub, letter->topic, sequence, &letter->message);
}

/* A letter has its message with it: the topic may have let go of it long ago, a queue does so at once. */
static void show_letters(void *arg, struct belay_engine *e)
{
    struct trace *t = arg;
    struct belay_letter letter;
    bool more = true;
    size_t bytes = 0;
    for (uint32_t i = 0; more && !t->truncated && i < BELAY_ADMIN_BITE && bytes < BELAY_ADMIN_BITE_BYTES; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&t->q->arena);
        more = belay_broker_letter_next(belay_engine_broker(e), NULL, &t->letter_subscription, &t->letter_sequence,
                                        &t->q->arena, &letter);
        if (more) {
            bytes += letter.message.body.n;
            trace_letter(t, t->letter_subscription, t->letter_sequence, &letter);
            t->truncated |= ++t->looks == BELAY_ADMIN_LOOKS_MAX;
        }
        belay_arena_rewind(&t->q->arena, mark);
    }
    if (more && !t->truncated)
        question_again(t->q, show_letters, t);
    else
        end(t);
}

static void show_sagas(struct trace *t)
{
    struct belay_sagas *sagas = belay_engine_sagas(t->engine);
    struct belay_str name;
    struct belay_saga_stats stats;
    struct belay_buf view;
    belay_buf_init(&view, BELAY_ADMIN_OUT_BYTES_MAX);
    belay_json_key(&t->out, "sagas");
    belay_json_begin_array(&t->out);
    for (uint32_t i = 0; belay_sagas_stats(sagas, i, &name, &stats); i++) {
        belay_buf_clear(&view);
        if (question_words(t->q))
            belay_sagas_gather(sagas, name, t->what, t->q->words);
        if (belay_sagas_view(sagas, name, t->what, &view, NULL) == BELAY_OK && belay_buf_status(&view) == BELAY_OK)
            belay_json_put_raw(&t->out, belay_buf_view(&view));
    }
    belay_json_end_array(&t->out);
    belay_buf_deinit(&view);
}

/* Whom nobody calls now: what waits for them says only their names. */
static void show_breakers(struct trace *t)
{
    struct belay_connection_stats c;
    belay_json_key(&t->out, "breakers");
    belay_json_begin_array(&t->out);
    for (uint32_t i = 0; belay_engine_connection_stats(t->engine, i, &c); i++) {
        if (c.open_until == BELAY_TIME_NEVER)
            continue;
        belay_json_begin_object(&t->out);
        show_text(&t->out, "connection", c.name);
        show_time(&t->out, "open_until", c.open_until);
        belay_json_end_object(&t->out);
    }
    belay_json_end_array(&t->out);
}

static void end(struct trace *t)
{
    belay_json_end_array(&t->out);
    if (t->q->err.code == BELAY_OK) {
        show_sagas(t);
        show_breakers(t);
    }
    belay_json_key(&t->out, "truncated");
    belay_json_put_bool(&t->out, t->truncated);
    belay_json_end_object(&t->out);
    question_end(t->q);
}

/* Reads the next topic; after the last one shows, or ends. */
static void next_topic(void *arg)
{
    struct trace *t = arg;
    struct belay_topic_stats stats;
    if (t->q->err.code != BELAY_OK || t->truncated) {
        end(t);
        return;
    }
    if (!belay_broker_topic_stats(belay_engine_broker(t->engine), t->topic_index++, &stats)) {
        if (t->showing) {
            show_waiting(t, t->engine);
            return;
        }
        t->showing = true;
        t->topic_index = 0;
        next_topic(t);
        return;
    }
    t->topic = belay_arena_str(&t->q->kept, stats.name); /* a reload may take the definition away */
    t->reader = (struct reader){
        .q = t->q,
        .store = belay_engine_store(t->engine),
        .topic = belay_broker_topic_id(belay_engine_broker(t->engine), stats.name),
        .at = stats.next > BELAY_TRACE_SCAN_MAX ? stats.next - BELAY_TRACE_SCAN_MAX : 1,
        .end = stats.next,
        .each = t->showing ? each_to_show : each_to_learn,
        .over = next_topic,
        .arg = t,
    };
    reader_start(&t->reader);
}

bool answer_trace(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct trace *t = BELAY_ARENA_NEW(&q->arena, struct trace);
    if (!t)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *t = (struct trace){ .q = q, .engine = e, .out = belay_json_out(&q->out), .what = question_param(q, "what") };
    belay_json_begin_object(&t->out);
    belay_json_key(&t->out, "what");
    belay_json_put_str(&t->out, t->what);
    belay_json_key(&t->out, "messages");
    belay_json_begin_array(&t->out);
    next_topic(t);
    return false;
}
