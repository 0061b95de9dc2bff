#include "alert/alert.h"

#include <string.h>

#include "alert/room.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"

const char *belay_alert_state_name(enum belay_alert_state state)
{
    static const char *const names[] = { "pending", "firing", "resolved" };
    BELAY_ASSERT(state <= BELAY_ALERT_OVER);
    return names[state];
}

const char *belay_alert_on_name(enum belay_alert_on on)
{
    static const char *const names[BELAY_ALERT_ON_COUNT] = {
        [BELAY_ALERT_LETTERS] = "letters",
        [BELAY_ALERT_LETTERS_AGE] = "letters_age",
        [BELAY_ALERT_LETTERS_LIMIT] = "letters_limit",
        [BELAY_ALERT_NEW_GROUPS] = "new_groups",
        [BELAY_ALERT_PARKED] = "parked_keys",
        [BELAY_ALERT_OLDEST] = "oldest",
        [BELAY_ALERT_QUEUED] = "queued",
        [BELAY_ALERT_WAITING] = "waiting",
        [BELAY_ALERT_STALLED] = "stalled_key",
        [BELAY_ALERT_PAUSED] = "paused",
        [BELAY_ALERT_EVENT_WAITS] = "event_waits",
        [BELAY_ALERT_SAGA_PARKED] = "sagas_parked",
        [BELAY_ALERT_SAGA_IDLE] = "saga_idle",
        [BELAY_ALERT_BREAKER] = "breaker",
        [BELAY_ALERT_DISK_FREE] = "disk_free",
        [BELAY_ALERT_STORE_FULL] = "store_full",
        [BELAY_ALERT_QUEUE_FULL] = "queue_full",
        [BELAY_ALERT_CERTIFICATE] = "certificate",
        [BELAY_ALERT_LOST] = "lost",
        [BELAY_ALERT_EVENT] = "event",
    };
    BELAY_ASSERT(on < BELAY_ALERT_ON_COUNT);
    return names[on];
}

bool belay_alert_matches(struct belay_str pattern, struct belay_str name)
{
    if (belay_str_ends(pattern, BELAY_STR("*")))
        return belay_str_starts(name, belay_str_sub(pattern, 0, pattern.n - 1));
    return belay_str_eq(pattern, name);
}

/* ---- life ---- */

int belay_alerts_new(struct belay_alerts **ret_alerts, struct belay_err *err)
{
    struct belay_alerts *a = belay_calloc(1, sizeof *a);
    if (!a)
        return belay_fail(err, BELAY_NOMEM, "alerts: out of memory");
    belay_list_init(&a->alerts);
    belay_list_init(&a->unsaved);
    belay_silences_init(&a->silences);
    belay_map_init(&a->by_key);
    *ret_alerts = a;
    return BELAY_OK;
}

static struct alert *alert_of(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct alert, node);
}

static void forget(struct belay_alerts *a, struct alert *x)
{
    BELAY_ASSERT(a->count > 0);
    void *was = belay_map_del(&a->by_key, x->key);
    BELAY_ASSERT(was == x);
    belay_list_unlink(&x->node);
    a->count--;
    alert_drop(a, x);
}

void belay_alerts_free(struct belay_alerts *a)
{
    if (!a)
        return;
    while (!belay_list_empty(&a->alerts))
        forget(a, alert_of(a->alerts.next));
    alerts_rows_deinit(a);
    belay_silences_deinit(&a->silences);
    belay_map_deinit(&a->by_key);
    belay_free(a->groups);
    belay_free(a);
}

const struct belay_alert_def *alert_rule(const struct belay_alert_def *defs, uint32_t count, struct belay_str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (belay_str_eq(defs[i].name, name))
            return &defs[i];
    return NULL;
}

/* When each was told last is kept by its name. */
static void regroup(struct belay_alerts *a, const struct belay_alert_def *defs, uint32_t count)
{
    struct group *groups = belay_calloc(count + 1, sizeof *groups);
    for (uint32_t i = 0; groups && a->groups && i < a->def_count; i++) {
        const struct belay_alert_def *def = alert_rule(defs, count, a->defs[i].name);
        if (def && def->on == a->defs[i].on)
            groups[def - defs] = a->groups[i];
    }
    belay_free(a->groups);
    a->groups = groups;
}

static int64_t slice_us(const struct belay_alert_def *def)
{
    int64_t us = (int64_t)def->within_ms * BELAY_US_PER_MS / (int64_t)WINDOW_SLICES;
    return us > 0 ? us : 1;
}

static uint64_t counted(const struct alert *x)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WINDOW_SLICES; i++)
        sum += x->slices[i];
    return sum;
}

/* All of them at once, at that time. */
static void count_anew(struct alert *x, uint64_t times, belay_time at)
{
    x->slice = at / slice_us(x->def);
    memset(x->slices, 0, sizeof x->slices);
    x->slices[(uint64_t)x->slice % WINDOW_SLICES] = times < UINT32_MAX ? (uint32_t)times : UINT32_MAX;
}

void alert_count_from(struct alert *x, double times, belay_time at)
{
    count_anew(x, times >= UINT32_MAX ? UINT32_MAX : times > 1 ? (uint64_t)times : 1, at);
}

/* A window's slices are as long as its rule says: under another rule, what is in it came when the last of it did. */
static void define(struct alert *x, const struct belay_alert_def *def)
{
    int64_t old_us = slice_us(x->def);
    x->def = def;
    if (def->on == BELAY_ALERT_EVENT && slice_us(def) != old_us)
        count_anew(x, counted(x), x->slice * old_us);
}

void belay_alerts_configure(struct belay_alerts *a, const struct belay_alert_def *defs, uint32_t count)
{
    for (struct belay_list *n = a->alerts.next; n != &a->alerts;) {
        struct alert *x = alert_of(n);
        const struct belay_alert_def *def = alert_rule(defs, count, x->def->name);
        n = n->next;
        if (def && def->on == x->def->on)
            define(x, def);
        else
            forget(a, x);
    }
    regroup(a, defs, count);
    a->defs = defs;
    a->def_count = count;
}

/* ---- one alert ---- */

static bool is_name(struct belay_str s)
{
    return s.n <= BELAY_NAME_BYTES_MAX;
}

static size_t write_key(const struct belay_alert_def *def, struct belay_str subject, char to[KEY_BYTES_MAX])
{
    BELAY_ASSERT(def->name.n && is_name(def->name) && is_name(subject));
    memcpy(to, def->name.p, def->name.n);
    to[def->name.n] = '\0';
    if (subject.n)
        memcpy(to + def->name.n + 1, subject.p, subject.n);
    return def->name.n + 1 + subject.n;
}

struct alert *alert_find(const struct belay_alerts *a, const struct belay_alert_def *def, struct belay_str subject)
{
    char key[KEY_BYTES_MAX];
    if (!is_name(def->name) || !is_name(subject))
        return NULL;
    return belay_map_get(&a->by_key, belay_str(key, write_key(def, subject, key)));
}

struct alert *alert_begin(struct belay_alerts *a, const struct belay_alert_def *def, struct belay_str subject, belay_time now)
{
    bool fits = a->count < BELAY_ALERTS_MAX && is_name(def->name) && is_name(subject);
    struct alert *x = fits ? belay_calloc(1, sizeof *x + KEY_BYTES_MAX + BELAY_NAME_BYTES_MAX) : NULL;
    if (x) {
        char *text = (char *)(x + 1);
        x->key = belay_str(text, write_key(def, subject, text));
        x->subject = belay_str(text + def->name.n + 1, subject.n);
    }
    if (!x || belay_map_put(&a->by_key, x->key, x, NULL) != BELAY_OK) {
        belay_free(x);
        a->dropped++;
        return NULL;
    }
    belay_list_init(&x->unsaved);
    x->def = def;
    x->state = BELAY_ALERT_PENDING;
    x->since = now;
    belay_list_push(&a->alerts, &x->node);
    a->count++;
    return x;
}

/* What was news of the other state is none of this one: its notice waits for others from now on. */
static void turn(struct alert *x, enum belay_alert_state state)
{
    if (x->state != state)
        x->due_at = 0;
    x->state = state;
}

/* The figure is on the wrong side of the bound. */
static void breach(struct alert *x, belay_time now)
{
    if (x->state == BELAY_ALERT_OVER) /* before anybody was told that it was over: it never was */
        turn(x, BELAY_ALERT_FIRING);
    x->breach = true;
    x->trusted_until = 0; /* its figure is back */
    if (x->state == BELAY_ALERT_PENDING && now >= belay_time_add_ms(x->since, (int64_t)x->def->for_ms))
        turn(x, BELAY_ALERT_FIRING);
}

/* It is on the right side again. */
static void fine(struct belay_alerts *a, struct alert *x, belay_time now)
{
    if (now < x->trusted_until)
        return;
    x->breach = false;
    if (x->state == BELAY_ALERT_PENDING || (x->state == BELAY_ALERT_FIRING && x->told == 0))
        forget(a, x);
    else
        turn(x, BELAY_ALERT_OVER);
}

static bool wrong_side(const struct belay_alert_def *def, double value)
{
    return def->below ? value < def->bound : value > def->bound;
}

static bool is_about(const struct belay_alert_def *def, struct belay_str subject)
{
    return def->subject.n == 0 || belay_alert_matches(def->subject, subject);
}

void belay_alerts_sample(struct belay_alerts *a, enum belay_alert_on on, struct belay_str subject, double value,
                         belay_time now)
{
    BELAY_ASSERT(on != BELAY_ALERT_EVENT);
    for (uint32_t i = 0; i < a->def_count; i++) {
        const struct belay_alert_def *def = &a->defs[i];
        if (def->on != on || !is_about(def, subject))
            continue;
        bool wrong = wrong_side(def, value);
        struct alert *x = a->count || wrong ? alert_find(a, def, subject) : NULL;
        if (wrong && !x)
            x = alert_begin(a, def, subject, now);
        if (!x)
            continue;
        x->seen = true;
        x->value = value;
        if (wrong)
            breach(x, now);
        else
            fine(a, x, now);
    }
}

/* ---- events ---- */

/* Lets the window slide to now; what is left in it. */
static uint64_t slide(struct alert *x, belay_time now)
{
    int64_t newest = now / slice_us(x->def);
    BELAY_ASSERT(x->def->on == BELAY_ALERT_EVENT);
    if (newest - x->slice >= (int64_t)WINDOW_SLICES)
        memset(x->slices, 0, sizeof x->slices);
    else
        for (int64_t s = x->slice + 1; s <= newest; s++)
            x->slices[(uint64_t)s % WINDOW_SLICES] = 0;
    x->slice = newest > x->slice ? newest : x->slice;
    return counted(x);
}

static void count_event(struct belay_alerts *a, const struct belay_alert_def *def, struct belay_str owner, belay_time now)
{
    struct alert *x = alert_find(a, def, owner);
    if (!x)
        x = alert_begin(a, def, owner, now);
    if (!x)
        return;
    double sum = (double)slide(x, now) + 1;
    uint32_t *slice = &x->slices[(uint64_t)x->slice % WINDOW_SLICES];
    *slice += *slice < UINT32_MAX;
    x->value = sum;
    if (wrong_side(def, sum))
        breach(x, now);
}

void belay_alerts_event(struct belay_alerts *a, struct belay_str name, struct belay_str owner, belay_time now)
{
    for (uint32_t i = 0; i < a->def_count; i++) {
        const struct belay_alert_def *def = &a->defs[i];
        if (def->on == BELAY_ALERT_EVENT && belay_alert_matches(def->event, name) && is_about(def, owner))
            count_event(a, def, owner, now);
    }
}

void belay_alerts_event_over(struct belay_alerts *a, struct belay_str name)
{
    for (struct belay_list *n = a->alerts.next; n != &a->alerts;) {
        struct alert *x = alert_of(n);
        n = n->next;
        if (x->def->on != BELAY_ALERT_EVENT || !belay_str_eq(x->def->event, name))
            continue;
        memset(x->slices, 0, sizeof x->slices);
        fine(a, x, BELAY_TIME_NEVER);
    }
}

/* Events are over when their window has become quiet. */
static void look_at_window(struct belay_alerts *a, struct alert *x, belay_time now)
{
    uint64_t sum = slide(x, now);
    if (sum == 0)
        fine(a, x, now);
    else
        x->value = (double)sum;
}

void belay_alerts_sampled(struct belay_alerts *a, belay_time now)
{
    for (struct belay_list *n = a->alerts.next; n != &a->alerts;) {
        struct alert *x = alert_of(n);
        n = n->next;
        x->held = false;
        if (x->def->on == BELAY_ALERT_EVENT)
            look_at_window(a, x, now);
        else if (!x->seen)
            fine(a, x, now);
        else
            x->seen = false;
    }
}

/* ---- telling ---- */

static bool is_own(struct belay_str subject)
{
    return belay_str_starts(subject, BELAY_STR(BELAY_ALERT_OWN));
}

struct belay_str alert_channel(const struct alert *x)
{
    return x->def->to_count && !is_own(x->subject) ? x->def->to[0] : BELAY_STR_NONE;
}

static bool tells_growth(const struct belay_alert_def *def)
{
    return def->on == BELAY_ALERT_LETTERS || def->on == BELAY_ALERT_SAGA_PARKED || def->on == BELAY_ALERT_PARKED
           || def->on == BELAY_ALERT_NEW_GROUPS || def->on == BELAY_ALERT_EVENT;
}

static bool is_due(const struct alert *x, belay_time now)
{
    const struct belay_alert_def *def = x->def;
    if (x->state != BELAY_ALERT_FIRING)
        return x->state == BELAY_ALERT_OVER;
    if (x->told == 0)
        return true;
    if (alert_channel(x).n && !belay_str_eq(alert_channel(x), x->told_to)) /* to whom it is news */
        return true;
    if (tells_growth(def) && x->value > x->told_value
        && now >= belay_time_add_ms(x->told_at, (int64_t)def->regroup_ms))
        return true;
    return def->repeat_ms && now >= belay_time_add_ms(x->told_at, (int64_t)def->repeat_ms);
}

static void show(const struct belay_alerts *a, const struct alert *x, belay_time now, struct belay_alert *ret_alert)
{
    *ret_alert = (struct belay_alert){ .def = x->def, .subject = x->subject, .state = x->state, .since = x->since,
                                       .told_at = x->told_at,
                                       .silent_until = belay_silences_until(&a->silences, x->def, x->subject, now),
                                       .value = x->value, .told = x->told };
}

static int kind_of(const struct alert *x)
{
    return 2 * is_own(x->subject) + (x->state == BELAY_ALERT_OVER);
}

static bool is_told(const struct belay_alerts *a, const struct alert *x, belay_time now)
{
    return x->due_at && !belay_silences_until(&a->silences, x->def, x->subject, now);
}

/* Who has news, since when; what nobody wants to hear of goes. */
static void look_for_news(struct belay_alerts *a, belay_time now)
{
    for (uint32_t i = 0; a->groups && i < a->def_count; i++)
        memset(a->groups[i].due_at, 0, sizeof a->groups[i].due_at);
    for (struct belay_list *n = a->alerts.next; n != &a->alerts;) {
        struct alert *x = alert_of(n);
        n = n->next;
        x->due_at = !is_due(x, now) ? 0 : x->due_at && !BELAY_PLANTED(128) ? x->due_at : now;
        if (!is_told(a, x, now)) {
            if (x->state == BELAY_ALERT_OVER)
                forget(a, x);
            continue;
        }
        belay_time *first = a->groups ? &a->groups[x->def - a->defs].due_at[kind_of(x)] : NULL;
        if (first && (!*first || x->due_at < *first))
            *first = x->due_at;
    }
}

/* May its notice go now? */
static bool is_ripe(const struct belay_alerts *a, const struct alert *x, belay_time now)
{
    const struct group *g = a->groups ? &a->groups[x->def - a->defs] : NULL;
    int kind = kind_of(x);
    if (!g)
        return true;
    BELAY_ASSERT(g->due_at[kind]);
    return now >= belay_time_add_ms(g->due_at[kind], (int64_t)x->def->wait_ms)
           && (!g->told_at[kind] || BELAY_PLANTED(127) || now >= belay_time_add_ms(g->told_at[kind], (int64_t)x->def->interval_ms));
}

static bool is_of(const struct alert *x, const struct belay_alert_notice *n)
{
    return x->def == n->def && is_own(x->subject) == n->own && x->state == n->state;
}

static double worse(const struct belay_alert_def *def, double a, double b)
{
    return (def->below ? a < b : a > b) ? a : b;
}

static void gather(const struct belay_alerts *a, const struct alert *first, belay_time now, struct belay_alert_notice *n)
{
    *n = (struct belay_alert_notice){ .def = first->def, .state = first->state, .own = is_own(first->subject),
                                      .since = first->since, .value = first->value };
    for (const struct belay_list *at = a->alerts.next; at != &a->alerts; at = at->next) {
        const struct alert *x = alert_of((struct belay_list *)at);
        n->firing += x->def == n->def && is_own(x->subject) == n->own && x->state == BELAY_ALERT_FIRING;
        if (!is_of(x, n) || !is_told(a, x, now))
            continue;
        n->count++;
        n->since = x->since < n->since ? x->since : n->since;
        n->value = worse(n->def, x->value, n->value);
    }
    BELAY_ASSERT(n->count > 0);
}

bool belay_alerts_next(struct belay_alerts *a, belay_time now, struct belay_alert_notice *ret_notice)
{
    look_for_news(a, now);
    for (struct belay_list *n = a->alerts.next; n != &a->alerts; n = n->next) {
        const struct alert *x = alert_of(n);
        if (x->held || !is_told(a, x, now) || !is_ripe(a, x, now))
            continue;
        gather(a, x, now, ret_notice);
        return true;
    }
    return false;
}

void belay_alerts_each(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now,
                       void (*each)(void *arg, const struct belay_alert *alert), void *arg)
{
    for (struct belay_list *n = a->alerts.next; n != &a->alerts; n = n->next) {
        const struct alert *x = alert_of(n);
        struct belay_alert shown;
        if (!is_of(x, notice) || !is_told(a, x, now))
            continue;
        show(a, x, now, &shown);
        each(arg, &shown);
    }
}

void belay_alerts_told(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now)
{
    uint32_t count = 0;
    for (struct belay_list *n = a->alerts.next; n != &a->alerts;) {
        struct alert *x = alert_of(n);
        n = n->next;
        if (!is_of(x, notice) || !is_told(a, x, now))
            continue;
        if (count++ == 0 && a->groups)
            a->groups[x->def - a->defs].told_at[kind_of(x)] = now;
        if (x->state == BELAY_ALERT_OVER) {
            forget(a, x);
            continue;
        }
        x->told++;
        x->told_at = now;
        x->told_value = x->value;
        x->due_at = 0;
        alert_remember(a, x);
    }
    BELAY_ASSERT(count == notice->count);
}

void belay_alerts_held(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now)
{
    uint32_t count = 0;
    for (struct belay_list *n = a->alerts.next; n != &a->alerts; n = n->next) {
        struct alert *x = alert_of(n);
        if (!is_of(x, notice) || !is_told(a, x, now))
            continue;
        x->held = true;
        count++;
    }
    BELAY_ASSERT(count == notice->count);
}

/* ---- looking ---- */

struct belay_silences *belay_alerts_silences(struct belay_alerts *a)
{
    return &a->silences;
}

bool belay_alerts_look(const struct belay_alerts *a, uint32_t index, belay_time now, struct belay_alert *ret_alert)
{
    for (struct belay_list *n = a->alerts.next; n != &a->alerts; n = n->next)
        if (index-- == 0) {
            show(a, alert_of(n), now, ret_alert);
            return true;
        }
    return false;
}

uint32_t belay_alerts_firing(const struct belay_alerts *a)
{
    uint32_t firing = 0;
    for (struct belay_list *n = a->alerts.next; n != &a->alerts; n = n->next)
        firing += alert_of(n)->state == BELAY_ALERT_FIRING;
    return firing;
}

uint64_t belay_alerts_dropped(const struct belay_alerts *a)
{
    return a->dropped;
}
