/* The registry only grows: a family or series is filled in first and then published by the release
 * of its count, so readers need no lock. */
#include "obs/metric.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

/* The text shows histograms at powers of two only: 64 us to 67 s, or 64 to 2^26 of anything. */
#define TEXT_FROM_BITS 6
#define TEXT_TO_BITS 26

union point {
    struct belay_counter counter;
    struct belay_gauge gauge;
    struct belay_histogram histogram;
};

struct series {
    struct belay_str values[BELAY_METRIC_LABELS_MAX];
    char *text; /* what values point into; NULL for "other" */
    union point *point;
};

struct belay_family {
    struct belay_metric_def def;
    size_t label_count;
    _Atomic uint32_t count;
    _Atomic bool overflowed;
    struct series other; /* what finds no room; the only series where there are no labels */
    struct series series[];
};

struct belay_metrics {
    _Atomic uint32_t count;
    struct belay_family *families[BELAY_METRIC_FAMILIES_MAX];
};

static size_t point_bytes(enum belay_metric_type type)
{
    switch (type) {
    case BELAY_METRIC_COUNTER: return sizeof(struct belay_counter);
    case BELAY_METRIC_GAUGE: return sizeof(struct belay_gauge);
    case BELAY_METRIC_HISTOGRAM: return sizeof(struct belay_histogram);
    }
    BELAY_UNREACHABLE();
}

static union point *point_new(enum belay_metric_type type)
{
    union point *point = belay_malloc_aligned(64, point_bytes(type));
    if (point)
        memset(point, 0, point_bytes(type));
    return point;
}

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n && name[n] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

int belay_metrics_new(struct belay_metrics **ret_metrics, struct belay_err *err)
{
    struct belay_metrics *m = belay_calloc(1, sizeof *m);
    if (!m)
        return belay_fail(err, BELAY_NOMEM, "metrics: out of memory");
    *ret_metrics = m;
    return BELAY_OK;
}

static void family_free(struct belay_family *f)
{
    uint32_t count = atomic_load(&f->count);
    for (uint32_t i = 0; i < count; i++) {
        belay_free(f->series[i].text);
        belay_free(f->series[i].point);
    }
    belay_free(f->other.point);
    belay_free(f);
}

void belay_metrics_free(struct belay_metrics *m)
{
    if (!m)
        return;
    uint32_t count = atomic_load(&m->count);
    for (uint32_t i = 0; i < count; i++)
        family_free(m->families[i]);
    belay_free(m);
}

static struct belay_family *family_new(const struct belay_metric_def *def)
{
    size_t labels = 0;
    while (labels < BELAY_METRIC_LABELS_MAX && def->labels[labels]) {
        BELAY_ASSERT(name_ok(def->labels[labels]));
        labels++;
    }
    uint32_t max = def->series_max ? def->series_max : BELAY_METRIC_SERIES_DEFAULT;
    if (!labels)
        max = 0;
    struct belay_family *f = belay_calloc(1, sizeof *f + max * sizeof f->series[0]);
    if (!f)
        return NULL;
    f->def = *def;
    f->def.series_max = max;
    f->label_count = labels;
    for (size_t i = 0; i < labels; i++)
        f->other.values[i] = BELAY_STR("other");
    f->other.point = point_new(def->type);
    if (!f->other.point) {
        belay_free(f);
        return NULL;
    }
    return f;
}

int belay_metrics_define(struct belay_metrics *m, const struct belay_metric_def *def,
                         struct belay_family **ret_family, struct belay_err *err)
{
    BELAY_ASSERT(name_ok(def->name) && def->help);
    uint32_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(m->families[i]->def.name, def->name) == 0)
            return belay_fail(err, BELAY_EXISTS, "metric %s is defined already", def->name);
    if (count == BELAY_METRIC_FAMILIES_MAX)
        return belay_fail(err, BELAY_LIMIT, "metric %s: no more than %d families", def->name,
                          BELAY_METRIC_FAMILIES_MAX);
    struct belay_family *f = family_new(def);
    if (!f)
        return belay_fail(err, BELAY_NOMEM, "metric %s: out of memory", def->name);
    m->families[count] = f;
    atomic_store_explicit(&m->count, count + 1, memory_order_release);
    *ret_family = f;
    return BELAY_OK;
}

static struct belay_str clipped(struct belay_str value)
{
    return belay_str_sub(value, 0, BELAY_METRIC_LABEL_BYTES_MAX);
}

static bool same(const struct belay_family *f, const struct series *s,
                 const struct belay_str *values)
{
    for (size_t i = 0; i < f->label_count; i++)
        if (!belay_str_eq(s->values[i], clipped(values[i])))
            return false;
    return true;
}

/* Fills in *s with copies of the values; false without memory. */
static bool series_init(const struct belay_family *f, struct series *s,
                        const struct belay_str *values)
{
    size_t bytes = 0;
    for (size_t i = 0; i < f->label_count; i++)
        bytes += clipped(values[i]).n;
    s->text = belay_malloc(bytes);
    s->point = point_new(f->def.type);
    if (!s->text || !s->point) {
        belay_free(s->text);
        belay_free(s->point);
        *s = (struct series){ 0 };
        return false;
    }
    char *at = s->text;
    for (size_t i = 0; i < f->label_count; i++) {
        struct belay_str value = clipped(values[i]);
        if (value.n)
            memcpy(at, value.p, value.n);
        s->values[i] = belay_str(at, value.n);
        at += value.n;
    }
    return true;
}

static union point *point_of(struct belay_family *f, enum belay_metric_type type,
                             const struct belay_str *values)
{
    BELAY_ASSERT(f->def.type == type);
    if (!f->label_count)
        return f->other.point;
    uint32_t count = atomic_load_explicit(&f->count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (same(f, &f->series[i], values))
            return f->series[i].point;
    if (count == f->def.series_max || !series_init(f, &f->series[count], values)) {
        atomic_store(&f->overflowed, true);
        return f->other.point;
    }
    atomic_store_explicit(&f->count, count + 1, memory_order_release);
    return f->series[count].point;
}

struct belay_counter *belay_counter_of(struct belay_family *f, const struct belay_str *values)
{
    return &point_of(f, BELAY_METRIC_COUNTER, values)->counter;
}

struct belay_gauge *belay_gauge_of(struct belay_family *f, const struct belay_str *values)
{
    return &point_of(f, BELAY_METRIC_GAUGE, values)->gauge;
}

struct belay_histogram *belay_histogram_of(struct belay_family *f, const struct belay_str *values)
{
    return &point_of(f, BELAY_METRIC_HISTOGRAM, values)->histogram;
}

/* --- the text --- */

/* Help escapes \ and newline; a label value also ". */
static void put_escaped(struct belay_buf *b, struct belay_str s, bool quotes)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\n')
            belay_buf_put_str(b, BELAY_STR("\\n"));
        else if (c == '\\' || (quotes && c == '"'))
            belay_buf_put(b, (char[]){ '\\', c }, 2);
        else
            belay_buf_put_c(b, c);
    }
}

/* {a="x",le="1"}: the labels, and le where it is not NULL. */
static void put_labels(struct belay_buf *b, const struct belay_family *f, const struct series *s,
                       const char *le)
{
    if (!f->label_count && !le)
        return;
    belay_buf_put_c(b, '{');
    for (size_t i = 0; i < f->label_count; i++) {
        belay_buf_printf(b, "%s%s=\"", i ? "," : "", f->def.labels[i]);
        put_escaped(b, s->values[i], true);
        belay_buf_put_c(b, '"');
    }
    if (le)
        belay_buf_printf(b, "%sle=\"%s\"", f->label_count ? "," : "", le);
    belay_buf_put_c(b, '}');
}

static double scale_of(const struct belay_family *f)
{
    return f->def.unit == BELAY_UNIT_MICROSECONDS ? 1e-6 : 1;
}

static void put_sample(struct belay_buf *b, const struct belay_family *f, const struct series *s,
                       const char *suffix, const char *le)
{
    belay_buf_printf(b, "%s%s", f->def.name, suffix);
    put_labels(b, f, s, le);
    belay_buf_put_c(b, ' ');
}

/* Every number comes from the same pass over the buckets, so that they agree. */
static void put_histogram(struct belay_buf *b, const struct belay_family *f, const struct series *s)
{
    const struct belay_histogram *h = &s->point->histogram;
    uint64_t seen = 0;
    unsigned at = 0;
    for (unsigned bits = TEXT_FROM_BITS; bits <= TEXT_TO_BITS; bits++) {
        unsigned end = (bits - BELAY_HISTOGRAM_SUB_BITS + 1) << BELAY_HISTOGRAM_SUB_BITS;
        for (; at < end; at++)
            seen += atomic_load_explicit(&h->buckets[at], memory_order_relaxed);
        char le[32];
        snprintf(le, sizeof le, "%.9g", (double)(UINT64_C(1) << bits) * scale_of(f));
        put_sample(b, f, s, "_bucket", le);
        belay_buf_printf(b, "%" PRIu64 "\n", seen);
    }
    for (; at < BELAY_HISTOGRAM_BUCKETS; at++)
        seen += atomic_load_explicit(&h->buckets[at], memory_order_relaxed);
    put_sample(b, f, s, "_bucket", "+Inf");
    belay_buf_printf(b, "%" PRIu64 "\n", seen);
    put_sample(b, f, s, "_sum", NULL);
    double sum = (double)atomic_load_explicit(&h->sum, memory_order_relaxed);
    belay_buf_printf(b, "%.17g\n", sum * scale_of(f));
    put_sample(b, f, s, "_count", NULL);
    belay_buf_printf(b, "%" PRIu64 "\n", seen);
}

static void put_series(struct belay_buf *b, const struct belay_family *f, const struct series *s)
{
    bool scaled = f->def.unit == BELAY_UNIT_MICROSECONDS;
    switch (f->def.type) {
    case BELAY_METRIC_HISTOGRAM: put_histogram(b, f, s); return;
    case BELAY_METRIC_COUNTER:
        put_sample(b, f, s, "", NULL);
        if (scaled)
            belay_buf_printf(b, "%.17g\n", (double)belay_counter_get(&s->point->counter) * 1e-6);
        else
            belay_buf_printf(b, "%" PRIu64 "\n", belay_counter_get(&s->point->counter));
        return;
    case BELAY_METRIC_GAUGE:
        put_sample(b, f, s, "", NULL);
        if (scaled)
            belay_buf_printf(b, "%.17g\n", (double)belay_gauge_get(&s->point->gauge) * 1e-6);
        else
            belay_buf_printf(b, "%" PRId64 "\n", belay_gauge_get(&s->point->gauge));
        return;
    }
    BELAY_UNREACHABLE();
}

static void put_family(struct belay_buf *b, const struct belay_family *f)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    belay_buf_printf(b, "# HELP %s ", f->def.name);
    put_escaped(b, belay_str_c(f->def.help), false);
    belay_buf_printf(b, "\n# TYPE %s %s\n", f->def.name, types[f->def.type]);
    uint32_t count = atomic_load_explicit(&f->count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        put_series(b, f, &f->series[i]);
    if (!f->label_count || atomic_load(&f->overflowed))
        put_series(b, f, &f->other);
}

void belay_metrics_write(const struct belay_metrics *m, struct belay_buf *b)
{
    uint32_t count = atomic_load_explicit(&m->count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        put_family(b, m->families[i]);
}
