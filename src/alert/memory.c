/* memory.c - what was told, as rows that outlive the process.
 *
 * An alert gets a row, with a number, when it is told for the first time; each notice changes it, and it goes when the alert
 * does. One that is gone before its row was ever written leaves nothing: a full disk must not collect them.  Rows that are not as they should be stand in a list until somebody has written them; an alert that is gone stays
 * there, as a number, until its row is. So rows and alerts agree in the end whatever fails meanwhile. */
#include <string.h>

#include "alert/room.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/pack.h"
#include "base/planted.h"

#define VERSION 1
#define BACK_US (10 * BELAY_US_PER_S)       /* figures that begin anew with the process are back by then */
#define LATEST_US (INT64_C(3600) * BELAY_US_PER_S)

static struct alert *row_of(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct alert, unsaved);
}

void alert_remember(struct belay_alerts *a, struct alert *x)
{
    struct belay_str to = alert_channel(x);
    BELAY_ASSERT(x->told > 0 && to.n <= BELAY_NAME_BYTES_MAX);
    char *text = (char *)(x + 1) + KEY_BYTES_MAX;
    if (to.n)
        memcpy(text, to.p, to.n);
    x->told_to = belay_str(text, to.n);
    if (!x->row)
        x->row = ++a->row_last;
    if (belay_list_empty(&x->unsaved))
        belay_list_push(&a->unsaved, &x->unsaved);
}

/* To the front: a row that goes makes room. */
static void condemn(struct belay_alerts *a, struct alert *x)
{
    BELAY_ASSERT(x->row > 0);
    x->gone = true;
    belay_list_unlink(&x->unsaved);
    belay_list_push_front(&a->unsaved, &x->unsaved);
}

void alert_drop(struct belay_alerts *a, struct alert *x)
{
    if (x->written && !BELAY_PLANTED(131)) {
        condemn(a, x);
        return;
    }
    belay_list_unlink(&x->unsaved);
    belay_free(x);
}

void alerts_rows_deinit(struct belay_alerts *a)
{
    while (!belay_list_empty(&a->unsaved)) {
        struct alert *x = row_of(a->unsaved.next);
        BELAY_ASSERT(x->gone);
        belay_list_unlink(&x->unsaved);
        belay_free(x);
    }
}

/* ---- as bytes ---- */

struct row {
    struct belay_str rule, on, subject, channel;
    belay_time since, told_at;
    uint64_t told;
    double value;
};

/* u8 version | rule, on, subject, channel: strings | u64 since, told at, notices, bits of the value */
static void write_row(struct belay_buf *out, const struct alert *x)
{
    uint64_t bits;
    memcpy(&bits, &x->told_value, sizeof bits);
    belay_pack_u8(out, VERSION);
    belay_pack_str(out, x->def->name);
    belay_pack_str(out, belay_str_c(belay_alert_on_name(x->def->on)));
    belay_pack_str(out, x->subject);
    belay_pack_str(out, x->told_to);
    belay_pack_u64(out, (uint64_t)x->since);
    belay_pack_u64(out, (uint64_t)x->told_at);
    belay_pack_u64(out, x->told);
    belay_pack_u64(out, bits);
}

static int read_row(struct belay_str bytes, struct row *ret_row)
{
    struct belay_unpack u = belay_unpack_init(bytes);
    struct row r;
    bool known = belay_unpack_u8(&u) == VERSION;
    r.rule = belay_unpack_str(&u);
    r.on = belay_unpack_str(&u);
    r.subject = belay_unpack_str(&u);
    r.channel = belay_unpack_str(&u);
    r.since = (belay_time)belay_unpack_u64(&u);
    r.told_at = (belay_time)belay_unpack_u64(&u);
    r.told = belay_unpack_u64(&u);
    uint64_t bits = belay_unpack_u64(&u);
    memcpy(&r.value, &bits, sizeof bits);
    if (!known || !belay_unpack_done(&u) || r.told == 0 || r.channel.n > BELAY_NAME_BYTES_MAX)
        return BELAY_CORRUPT;
    *ret_row = r;
    return BELAY_OK;
}

uint64_t belay_alerts_unsaved(struct belay_alerts *a, struct belay_buf *out)
{
    if (belay_list_empty(&a->unsaved))
        return 0;
    const struct alert *x = row_of(a->unsaved.next);
    if (!x->gone)
        write_row(out, x);
    return x->row;
}

void belay_alerts_saved(struct belay_alerts *a, uint64_t number)
{
    BELAY_ASSERT(!belay_list_empty(&a->unsaved));
    struct alert *x = row_of(a->unsaved.next);
    BELAY_ASSERT(x->row == number);
    belay_list_unlink(&x->unsaved);
    x->written = true;
    if (x->gone)
        belay_free(x);
}

/* ---- after a restart ---- */

/* Most figures are as old as the store. These are not there at once: nobody is told that they are over meanwhile. */
static belay_time trusted_until(const struct belay_alert_def *def, belay_time now)
{
    switch (def->on) {
    case BELAY_ALERT_STALLED: { /* found by a walk; a lane without a row stands since the start */
        double ms = def->bound + (double)def->for_ms;
        return now + BACK_US + (ms < (double)(LATEST_US / BELAY_US_PER_MS) ? (int64_t)ms * BELAY_US_PER_MS : LATEST_US);
    }
    case BELAY_ALERT_NEW_GROUPS: /* counted by a walk over the groups */
    case BELAY_ALERT_BREAKER:
    case BELAY_ALERT_QUEUE_FULL:
    case BELAY_ALERT_CERTIFICATE:
        return now + BACK_US;
    default:
        return 0;
    }
}

static void take(struct alert *x, const struct row *r, uint64_t number, belay_time now)
{
    x->state = BELAY_ALERT_FIRING;
    x->breach = true;
    x->since = r->since < now ? r->since : now;
    x->told_at = r->told_at < now ? r->told_at : now; /* the clock may have been set back */
    x->told = BELAY_PLANTED(122) ? 0 : r->told;
    x->value = x->told_value = r->value;
    x->trusted_until = trusted_until(x->def, now);
    x->row = number;
    x->written = true;
    char *text = (char *)(x + 1) + KEY_BYTES_MAX;
    if (r->channel.n)
        memcpy(text, r->channel.p, r->channel.n);
    x->told_to = belay_str(text, r->channel.n);
    if (x->def->on == BELAY_ALERT_EVENT)
        alert_count_from(x, r->value, x->told_at);
}

/* Only its row is left of it. Without memory the row stays until the next start. */
static void condemn_row(struct belay_alerts *a, uint64_t number)
{
    struct alert *x = belay_calloc(1, sizeof *x);
    if (!x)
        return;
    x->row = number;
    belay_list_init(&x->unsaved);
    condemn(a, x);
}

int belay_alerts_restore(struct belay_alerts *a, uint64_t number, struct belay_str bytes, belay_time now)
{
    struct row r;
    struct alert *x = NULL;
    BELAY_ASSERT(number > a->row_last);
    a->row_last = number;
    int status = read_row(bytes, &r);
    if (status == BELAY_OK) {
        const struct belay_alert_def *def = alert_rule(a->defs, a->def_count, r.rule);
        bool same = def && belay_str_eq(r.on, belay_str_c(belay_alert_on_name(def->on)));
        x = same ? alert_find(a, def, r.subject) : NULL;
        if (same && !x)
            x = alert_begin(a, def, r.subject, now);
        status = x ? BELAY_OK : same ? BELAY_NOMEM : BELAY_NOTFOUND;
    }
    if (status != BELAY_OK) {
        condemn_row(a, number);
        return status;
    }
    if (x->row) /* of an incident that was over; its row could not go */
        condemn_row(a, x->row);
    take(x, &r, number, now);
    return BELAY_OK;
}
