/* replay.c - the life of a replay job: its records START and STATE, its row (replay.h). */
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/window.h"

#define JOB_VERSION 1
#define JOB_BYTES_MAX (BELAY_KIB(1) + TEXT_COUNT * BELAY_REPLAY_TEXT_BYTES_MAX + BELAY_FILTER_SOURCE_MAX)

enum { FLAG_FROM_START = 1, FLAG_ANY_ORDER = 2 };

const char *belay_replay_state_name(enum belay_replay_state state)
{
    static const char *const names[] = { "?", "running", "paused", "done", "cancelled" };
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

bool replay_is_over(const struct replay_job *j)
{
    return j->state == BELAY_REPLAY_DONE || j->state == BELAY_REPLAY_CANCELLED;
}

struct replay_job *replay_find(struct belay_broker *b, uint32_t id)
{
    for (uint32_t i = 0; i < b->replay_count; i++)
        if (b->replays[i]->id == id)
            return b->replays[i];
    return NULL;
}

/* ---- keys ---- */

struct row_key key_replay(uint32_t job)
{
    return key_id(job);
}

static struct row_key key_lane_of(uint32_t job, enum replay_row row, uint32_t sub, struct belay_hash128 lane)
{
    struct row_key k = key_id(job), tail = key_lane(sub, lane);
    k.bytes[k.n++] = (uint8_t)row;
    memcpy(k.bytes + k.n, tail.bytes, tail.n);
    k.n += tail.n;
    return k;
}

struct row_key key_replay_busy(uint32_t job, uint32_t sub, struct belay_hash128 lane)
{
    return key_lane_of(job, REPLAY_BUSY, sub, lane);
}

struct row_key key_replay_aside(uint32_t job, uint32_t sub, struct belay_hash128 lane, uint64_t sequence)
{
    struct row_key k = key_lane_of(job, REPLAY_ASIDE, sub, lane);
    belay_store_be64(k.bytes + k.n, sequence);
    k.n += 8;
    return k;
}

/* ---- a job as bytes ---- */

static void pack_job(struct belay_buf *out, const struct replay_job *j)
{
    const uint64_t numbers[] = { j->concurrency, j->rate, j->rate_seconds, j->under_way, j->total, j->looked, j->taken,
                                 j->skipped, j->aside, j->done, j->failed, j->discarded, j->at_sub, j->at_sequence };
    belay_pack_u8(out, JOB_VERSION);
    belay_pack_varint(out, j->id);
    bool forgets = BELAY_PLANTED(45) && j->state == BELAY_REPLAY_PAUSED;
    belay_pack_u8(out, (uint8_t)(forgets ? BELAY_REPLAY_RUNNING : j->state));
    belay_pack_u8(out, (uint8_t)((j->from_start ? FLAG_FROM_START : 0) | (j->any_order ? FLAG_ANY_ORDER : 0)));
    belay_pack_svarint(out, j->created_at);
    belay_pack_svarint(out, j->changed_at);
    belay_pack_u64(out, j->group);
    belay_pack_svarint(out, j->since);
    belay_pack_svarint(out, j->until);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        belay_pack_varint(out, numbers[i]);
    for (size_t i = 0; i < TEXT_COUNT; i++)
        belay_pack_str(out, belay_str_c(j->texts[i]));
    belay_pack_str(out, belay_str_c(j->changed_by));
}

static void job_free(struct belay_broker *b, struct replay_job *j)
{
    if (j && j->where)
        b->replay_where->release(b->replay_where->arg, j->where);
    for (size_t i = 0; j && i < TEXT_COUNT; i++)
        belay_free(j->texts[i]);
    belay_free(j);
}

/* Into j->texts[text], in place of what was there. */
static int set_text(struct replay_job *j, enum replay_text text, struct belay_str value)
{
    char *copy = belay_memdup0(value.p, value.n);
    if (!copy)
        return BELAY_NOMEM;
    belay_free(j->texts[text]);
    j->texts[text] = copy;
    return BELAY_OK;
}

static void set_changed_by(struct replay_job *j, struct belay_str who)
{
    snprintf(j->changed_by, sizeof j->changed_by, "%.*s", BELAY_STR_ARG(who));
}

static int unpack_job(struct belay_unpack *u, struct replay_job *j)
{
    uint32_t *const small[] = { &j->concurrency, &j->rate, &j->rate_seconds, &j->under_way };
    uint64_t *const large[] = { &j->total, &j->looked, &j->taken, &j->skipped, &j->aside, &j->done, &j->failed,
                                &j->discarded };
    if (belay_unpack_u8(u) != JOB_VERSION)
        return BELAY_VERSION;
    j->id = (uint32_t)belay_unpack_varint(u);
    j->state = belay_unpack_u8(u);
    uint8_t flags = belay_unpack_u8(u);
    j->from_start = flags & FLAG_FROM_START;
    j->any_order = flags & FLAG_ANY_ORDER;
    j->created_at = belay_unpack_svarint(u);
    j->changed_at = belay_unpack_svarint(u);
    j->group = belay_unpack_u64(u);
    j->since = belay_unpack_svarint(u);
    j->until = belay_unpack_svarint(u);
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++)
        *small[i] = (uint32_t)belay_unpack_varint(u);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        *large[i] = belay_unpack_varint(u);
    j->at_sub = (uint32_t)belay_unpack_varint(u);
    j->at_sequence = belay_unpack_varint(u);
    int status = BELAY_OK;
    for (size_t i = 0; i < TEXT_COUNT && status == BELAY_OK; i++)
        status = set_text(j, i, belay_unpack_str(u));
    set_changed_by(j, belay_unpack_str(u));
    bool sound = belay_unpack_ok(u) && j->id && j->state >= BELAY_REPLAY_RUNNING && j->state <= BELAY_REPLAY_CANCELLED;
    return sound ? status : BELAY_CORRUPT;
}

static int job_decode(struct belay_broker *b, struct belay_unpack *u, struct replay_job **ret_job)
{
    struct replay_job *j = belay_calloc(1, sizeof *j);
    int status = j ? unpack_job(u, j) : BELAY_NOMEM;
    if (status == BELAY_OK)
        *ret_job = j;
    else
        job_free(b, j);
    return status;
}

/* ---- all of them ---- */

static int jobs_reserve(struct belay_broker *b)
{
    if (!b->replays)
        b->replays = belay_calloc(BELAY_REPLAYS_KEPT_MAX, sizeof(struct replay_job *));
    return b->replays ? BELAY_OK : BELAY_NOMEM;
}

static void drop(struct belay_broker *b, uint32_t index)
{
    struct row_key key = key_replay(b->replays[index]->id);
    belay_state_del(b->state, BELAY_TABLE_REPLAY, row_key_str(&key));
    job_free(b, b->replays[index]);
    b->replay_count--;
    memmove(b->replays + index, b->replays + index + 1, (b->replay_count - index) * sizeof *b->replays);
}

/* The oldest that nothing points to: it has ended, and so has all it took. */
static bool make_room(const struct belay_broker *b, uint32_t *ret_oldest)
{
    for (uint32_t i = 0; i < b->replay_count; i++) {
        const struct replay_job *j = b->replays[i];
        if (replay_is_over(j) && !j->under_way && !j->aside) {
            *ret_oldest = i;
            return true;
        }
    }
    return false;
}

int replays_load(struct belay_broker *b)
{
    const struct row_key all = { .n = 0 };
    struct row_key from = key_id(0);
    struct belay_str key, value;
    int status = BELAY_OK;
    while (status == BELAY_OK && rows_seek(b, BELAY_TABLE_REPLAY, row_key_str(&from), false, row_key_str(&all), &key, &value)) {
        struct replay_job *j = NULL;
        struct belay_unpack u = belay_unpack_init(value);
        uint32_t id = belay_load_be32(key.p);
        status = key.n == 4 ? jobs_reserve(b) : BELAY_CORRUPT;
        if (status == BELAY_OK)
            status = b->replay_count == BELAY_REPLAYS_KEPT_MAX ? BELAY_CORRUPT : job_decode(b, &u, &j);
        if (status != BELAY_OK)
            break;
        b->replays[b->replay_count++] = j;
        b->replays_open += !replay_is_over(j);
        from = key_id(id + 1); /* past what it put aside */
    }
    return status;
}

/* What ended before is no news. */
void replays_recovered(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->replay_count; i++)
        b->replays[i]->untold = false;
    b->replay_news = false;
}

void replays_save(struct belay_broker *b, struct belay_state *state)
{
    for (uint32_t i = 0; i < b->replay_count; i++) {
        struct replay_job *j = b->replays[i];
        struct row_key key = key_replay(j->id);
        if (!j->dirty)
            continue;
        belay_buf_clear(&b->message);
        pack_job(&b->message, j);
        BELAY_ASSERT(belay_buf_status(&b->message) == BELAY_OK); /* as the subscriptions' rows */
        belay_state_put(state, BELAY_TABLE_REPLAY, row_key_str(&key), belay_buf_view(&b->message));
        j->dirty = false;
    }
}

void replays_free(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->replay_count; i++)
        job_free(b, b->replays[i]);
    job_free(b, b->spare_replay);
    belay_free(b->replays);
}

/* ---- start ---- */

static uint64_t letters_in_reach(const struct belay_broker *b, const struct belay_subscription *sub)
{
    uint64_t n = sub ? sub->n.parked + sub->n.dead : 0;
    for (uint32_t i = 0; !sub && i < b->sub_count; i++)
        n += b->subs[i]->n.parked + b->subs[i]->n.dead;
    return n;
}

static int check_opt(const struct belay_broker *b, const struct belay_replay_opt *opt, struct belay_err *err)
{
    const struct belay_str texts[] = { opt->flow, opt->error, opt->key, opt->who };
    uint32_t oldest;
    if (opt->where.n > BELAY_FILTER_SOURCE_MAX || (opt->where.n && !b->replay_where))
        return belay_fail(err, BELAY_INVALID, "where: nobody can tell it, or more than %d bytes", BELAY_FILTER_SOURCE_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].n > BELAY_REPLAY_TEXT_BYTES_MAX)
            return belay_fail(err, BELAY_INVALID, "a filter is longer than %d bytes", BELAY_REPLAY_TEXT_BYTES_MAX);
    if (opt->concurrency > BELAY_REPLAY_CONCURRENCY_MAX)
        return belay_fail(err, BELAY_INVALID, "concurrency is at most %d", BELAY_REPLAY_CONCURRENCY_MAX);
    if (opt->rate && !opt->rate_seconds)
        return belay_fail(err, BELAY_INVALID, "a rate is so many in so many seconds");
    if (b->replays_open >= BELAY_REPLAYS_MAX || (b->replay_count == BELAY_REPLAYS_KEPT_MAX && !make_room(b, &oldest)))
        return belay_fail(err, BELAY_LIMIT, "%u replay jobs have not ended: cancel one", b->replays_open);
    return BELAY_OK;
}

static int make_job(struct belay_broker *b, const struct belay_replay_opt *opt, const struct belay_subscription *sub,
                    struct replay_job **ret_job, struct belay_err *err)
{
    const struct belay_str texts[TEXT_COUNT] = { opt->flow, opt->error, opt->key, opt->where, opt->who };
    struct replay_job *j = belay_calloc(1, sizeof *j);
    int status = j ? jobs_reserve(b) : BELAY_NOMEM;
    for (size_t i = 0; i < TEXT_COUNT && status == BELAY_OK; i++)
        status = set_text(j, i, texts[i].n ? texts[i] : BELAY_STR(""));
    if (status != BELAY_OK)
        (void)belay_fail(err, status, "no memory for a replay job");
    else if (opt->where.n)
        status = b->replay_where->compile(b->replay_where->arg, opt->where, &j->where, err);
    if (status != BELAY_OK) {
        job_free(b, j);
        return status;
    }
    j->id = b->replay_count ? b->replays[b->replay_count - 1]->id + 1 : 1;
    j->state = BELAY_REPLAY_RUNNING;
    j->from_start = opt->from_start;
    j->any_order = opt->any_order;
    j->concurrency = opt->concurrency ? opt->concurrency : BELAY_REPLAY_CONCURRENCY_DEFAULT;
    j->rate = opt->rate;
    j->rate_seconds = opt->rate_seconds;
    j->group = opt->group;
    j->since = opt->since;
    j->until = opt->until ? opt->until : BELAY_TIME_NEVER;
    j->created_at = j->changed_at = b->now;
    j->total = letters_in_reach(b, sub);
    j->at_sub = sub ? sub->id : 0;
    *ret_job = j;
    return BELAY_OK;
}

int belay_replay_start(struct belay_broker *b, const struct belay_replay_opt *opt, belay_time now, uint32_t *ret_id,
                       struct belay_err *err)
{
    struct belay_subscription *sub = opt->flow.n ? belay_broker_find(b, opt->flow) : NULL;
    broker_advance(b, now);
    if (opt->flow.n && !sub)
        return belay_fail(err, BELAY_NOTFOUND, "there is no subscription '%.*s'", BELAY_STR_ARG(opt->flow));
    int status = check_opt(b, opt, err);
    if (status != BELAY_OK)
        return status;
    status = make_job(b, opt, sub, &b->spare_replay, err);
    if (status != BELAY_OK)
        return status;
    uint32_t id = b->spare_replay->id;
    pack_job(record_begin(b), b->spare_replay);
    status = record_commit(b, RECORD_REPLAY_START, (struct cost){ JOB_BYTES_MAX, 4 }, true, err);
    if (status == BELAY_OK) {
        *ret_id = id;
    } else {
        job_free(b, b->spare_replay);
        b->spare_replay = NULL;
    }
    return status;
}

int apply_replay_start(struct belay_broker *b, struct belay_unpack *u)
{
    struct replay_job *j = b->spare_replay;
    uint32_t oldest = 0;
    int status = BELAY_OK;
    if (j)
        u->p = u->end; /* as it is told */
    else
        status = job_decode(b, u, &j);
    if (status == BELAY_OK)
        status = jobs_reserve(b);
    bool room = b->replay_count < BELAY_REPLAYS_KEPT_MAX || make_room(b, &oldest);
    if (status != BELAY_OK || !room || replay_find(b, j->id)) {
        job_free(b, j);
        b->spare_replay = NULL;
        return status != BELAY_OK ? status : BELAY_CORRUPT;
    }
    b->spare_replay = NULL;
    if (b->replay_count == BELAY_REPLAYS_KEPT_MAX)
        drop(b, oldest);
    b->replays[b->replay_count++] = j;
    b->replays_open++;
    j->dirty = true;
    return BELAY_OK;
}

/* ---- pause, resume, cancel, end ---- */

static int commit_state(struct belay_broker *b, const struct replay_job *j, enum belay_replay_state state,
                        struct belay_str who, struct belay_err *err)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, j->id);
    belay_pack_u8(r, (uint8_t)state);
    belay_pack_svarint(r, b->now);
    belay_pack_str(r, who);
    return record_commit(b, RECORD_REPLAY_STATE, (struct cost){ JOB_BYTES_MAX, 1 }, true, err);
}

/* What was put aside needs no rows any more once the job has ended: they go in bites (replay_take.c). */
int apply_replay_state(struct belay_broker *b, struct belay_unpack *u)
{
    struct replay_job *j = replay_find(b, (uint32_t)belay_unpack_varint(u));
    enum belay_replay_state state = belay_unpack_u8(u);
    belay_time now = belay_unpack_svarint(u);
    struct belay_str who = belay_unpack_str(u);
    if (!j || !belay_unpack_ok(u) || replay_is_over(j) || state < BELAY_REPLAY_RUNNING || state > BELAY_REPLAY_CANCELLED)
        return BELAY_CORRUPT;
    BELAY_ASSERT(state != BELAY_REPLAY_DONE || (!j->under_way && !j->aside));
    j->state = state;
    j->changed_at = now;
    set_changed_by(j, who);
    j->dirty = true;
    b->replays_open -= replay_is_over(j);
    if (replay_is_over(j))
        j->untold = b->replay_news = true;
    return BELAY_OK;
}

int replay_end(struct belay_broker *b, struct replay_job *j, struct belay_err *err)
{
    BELAY_ASSERT(!replay_is_over(j) && !j->under_way && !j->aside);
    return commit_state(b, j, BELAY_REPLAY_DONE, BELAY_STR_NONE, err);
}

int replay_give_up(struct belay_broker *b, struct replay_job *j, struct belay_err *err)
{
    BELAY_ASSERT(!replay_is_over(j));
    return commit_state(b, j, BELAY_REPLAY_CANCELLED, BELAY_STR("belay: its where does not compile any more"), err);
}

void belay_replay_set_where(struct belay_broker *b, const struct belay_replay_where *where)
{
    b->replay_where = where;
}

static int no_job(uint32_t id, struct belay_err *err)
{
    return belay_fail(err, BELAY_NOTFOUND, "there is no replay job %u; `belay dlq jobs` lists them", id);
}

static int change(struct belay_broker *b, uint32_t id, enum belay_replay_state state, struct belay_str who,
                  belay_time now, struct belay_err *err)
{
    struct replay_job *j = replay_find(b, id);
    broker_advance(b, now);
    if (!j)
        return no_job(id, err);
    if (replay_is_over(j) || j->state == state)
        return belay_fail(err, BELAY_CONFLICT, "replay job %u is %s", id, belay_replay_state_name(j->state));
    return commit_state(b, j, state, who, err);
}

int belay_replay_pause(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now, struct belay_err *err)
{
    return change(b, id, BELAY_REPLAY_PAUSED, who, now, err);
}

int belay_replay_resume(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now, struct belay_err *err)
{
    return change(b, id, BELAY_REPLAY_RUNNING, who, now, err);
}

int belay_replay_cancel(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now, struct belay_err *err)
{
    return change(b, id, BELAY_REPLAY_CANCELLED, who, now, err);
}

/* ---- looking ---- */

static struct belay_replay view_of(const struct replay_job *j)
{
    return (struct belay_replay){
        .id = j->id,
        .state = j->state,
        .opt = { .flow = belay_str_c(j->texts[TEXT_FLOW]),
                 .error = belay_str_c(j->texts[TEXT_ERROR]),
                 .key = belay_str_c(j->texts[TEXT_KEY]),
                 .where = belay_str_c(j->texts[TEXT_WHERE]),
                 .group = j->group,
                 .since = j->since,
                 .until = j->until,
                 .who = belay_str_c(j->texts[TEXT_WHO]),
                 .from_start = j->from_start,
                 .any_order = j->any_order,
                 .concurrency = j->concurrency,
                 .rate = j->rate,
                 .rate_seconds = j->rate_seconds },
        .changed_by = belay_str_c(j->changed_by),
        .created_at = j->created_at,
        .changed_at = j->changed_at,
        .total = j->total,
        .looked = j->looked,
        .taken = j->taken,
        .skipped = j->skipped,
        .aside = j->aside,
        .done = j->done,
        .failed = j->failed,
        .discarded = j->discarded,
        .under_way = j->under_way,
    };
}

int belay_replay_get(struct belay_broker *b, uint32_t id, struct belay_replay *ret_replay, struct belay_err *err)
{
    const struct replay_job *j = replay_find(b, id);
    if (!j)
        return no_job(id, err);
    *ret_replay = view_of(j);
    return BELAY_OK;
}

bool belay_replay_at(struct belay_broker *b, uint32_t index, struct belay_replay *ret_replay)
{
    if (index >= b->replay_count)
        return false;
    *ret_replay = view_of(b->replays[index]);
    return true;
}

bool belay_replay_news(struct belay_broker *b, struct belay_replay *ret_replay)
{
    for (uint32_t i = 0; b->replay_news && i < b->replay_count; i++)
        if (b->replays[i]->untold) {
            b->replays[i]->untold = false;
            *ret_replay = view_of(b->replays[i]);
            return true;
        }
    b->replay_news = false;
    return false;
}

void belay_replay_stop(struct belay_broker *b)
{
    b->replay_stopped = true;
}

/* ---- a step's share ---- */

void replays_tick(struct belay_broker *b)
{
    for (uint32_t n = 0; n < b->replay_count && !b->replay_stopped; n++)
        if (replay_bite(b, b->replays[b->replay_turn++ % b->replay_count]))
            return; /* one a step: jobs take turns */
}

belay_time replays_wake_at(const struct belay_broker *b)
{
    belay_time at = BELAY_TIME_NEVER;
    for (uint32_t i = 0; i < b->replay_count && !b->replay_stopped; i++) {
        belay_time job = replay_wake_at(b, b->replays[i]);
        at = job < at ? job : at;
    }
    return at;
}
