/* metric.h - counters, gauges and histograms, and the Prometheus text that shows them.
 * Uses: base.  Thread: define and the *_of functions by the one that owns the registry (set-up and
 * reload); adding, setting, recording and writing the text by any, at the same time, without locks.
 *
 * A family has a name, a help text and label names; a series is a family with label values.
 * Invariant: a family never has more than series_max series. What comes beyond is counted in the
 * series whose label values are all "other", so a flood of names costs no memory and loses no sum.
 * Series live as long as the registry. */
#ifndef BELAY_OBS_METRIC_H
#define BELAY_OBS_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/str.h"

struct belay_metrics;
struct belay_family;

enum belay_metric_type {
    BELAY_METRIC_COUNTER,
    BELAY_METRIC_GAUGE,
    BELAY_METRIC_HISTOGRAM
};

/* What the program counts in, and how the text shows it. */
enum belay_metric_unit {
    BELAY_UNIT_ONE,
    BELAY_UNIT_BYTES,
    BELAY_UNIT_MICROSECONDS /* shown in seconds */
};

struct belay_metric_def {
    const char *name; /* belay_accepted_total: [a-z_][a-z0-9_]*; counters end in _total */
    const char *help;
    enum belay_metric_type type;
    enum belay_metric_unit unit;
    const char *labels[BELAY_METRIC_LABELS_MAX]; /* up to the first NULL */
    uint32_t series_max;                         /* 0: BELAY_METRIC_SERIES_DEFAULT */
};

/* The owner adds without a bus lock (belay_counter_add_owned); who shares uses belay_counter_add.
 * One series is used in one of the two ways. */
struct belay_counter {
    _Alignas(64) _Atomic uint64_t value;
};

struct belay_gauge {
    _Alignas(64) _Atomic int64_t value;
};

/* Log-linear: 16 buckets for each power of two, so a quantile is at most 1/16 too high; exact to 16.
 * Bucket bounds are inclusive. What is above 2^36 counts as 2^36 (19 hours in microseconds). */
#define BELAY_HISTOGRAM_SUB_BITS 4
#define BELAY_HISTOGRAM_MAX_BITS 36
#define BELAY_HISTOGRAM_BUCKETS \
    ((BELAY_HISTOGRAM_MAX_BITS - BELAY_HISTOGRAM_SUB_BITS + 1) << BELAY_HISTOGRAM_SUB_BITS)

struct belay_histogram {
    _Alignas(64) _Atomic uint64_t sum;
    _Atomic uint64_t buckets[BELAY_HISTOGRAM_BUCKETS];
};

/* *ret_metrics belongs to the caller (belay_metrics_free).  Errors: BELAY_NOMEM. */
int belay_metrics_new(struct belay_metrics **ret_metrics, struct belay_err *err) BELAY_MUST_CHECK;
/* Also frees every series: nobody may hold one any more. NULL is allowed. */
void belay_metrics_free(struct belay_metrics *m);

/* Strings of def are borrowed for the registry's life (literals).
 * Errors: BELAY_EXISTS (the name), BELAY_LIMIT (BELAY_METRIC_FAMILIES_MAX), BELAY_NOMEM. */
int belay_metrics_define(struct belay_metrics *m, const struct belay_metric_def *def,
                         struct belay_family **ret_family, struct belay_err *err) BELAY_MUST_CHECK;

/* The series with these label values (as many as the family has labels; copied, at most
 * BELAY_METRIC_LABEL_BYTES_MAX each). Never NULL: without room it is the "other" series. Keep the
 * pointer: finding it again is a search. The type must fit the family's (asserted). */
struct belay_counter *belay_counter_of(struct belay_family *f, const struct belay_str *values);
struct belay_gauge *belay_gauge_of(struct belay_family *f, const struct belay_str *values);
struct belay_histogram *belay_histogram_of(struct belay_family *f, const struct belay_str *values);

static inline void belay_counter_add(struct belay_counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->value, n, memory_order_relaxed);
}

static inline uint64_t belay_counter_get(const struct belay_counter *c)
{
    return atomic_load_explicit(&c->value, memory_order_relaxed);
}

static inline void belay_counter_add_owned(struct belay_counter *c, uint64_t n)
{
    atomic_store_explicit(&c->value, belay_counter_get(c) + n, memory_order_relaxed);
}

static inline void belay_gauge_set(struct belay_gauge *g, int64_t value)
{
    atomic_store_explicit(&g->value, value, memory_order_relaxed);
}

static inline void belay_gauge_add(struct belay_gauge *g, int64_t n)
{
    atomic_fetch_add_explicit(&g->value, n, memory_order_relaxed);
}

static inline int64_t belay_gauge_get(const struct belay_gauge *g)
{
    return atomic_load_explicit(&g->value, memory_order_relaxed);
}

void belay_histogram_record(struct belay_histogram *h, uint64_t value);
uint64_t belay_histogram_count(const struct belay_histogram *h);
/* The bound below or at which a share q (0..1) of the values lies; 0 when there are none. */
uint64_t belay_histogram_quantile(const struct belay_histogram *h, double q);

/* Prometheus text format 0.0.4, families in the order they were defined. Check b's status. */
void belay_metrics_write(const struct belay_metrics *m, struct belay_buf *b);

#endif
