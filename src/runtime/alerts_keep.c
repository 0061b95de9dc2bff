/* alerts_keep.c - what alerts have to know after a restart: notes of the engine.
 *
 *   silence/NUMBER   what people want no word of (alert/silence.h)
 *   told/NUMBER      what was told, and is told as over (alert/memory.c) */
#include "runtime/alerts_keep.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

#define NOTE_NAME_BYTES 40

static const struct belay_str silences = BELAY_STR_INIT("silence/");
static const struct belay_str told = BELAY_STR_INIT("told/");

/* Of numbers with as many digits, so that the order of names is theirs. */
static struct belay_str note_name(struct belay_str prefix, uint64_t number, char name[NOTE_NAME_BYTES])
{
    int n = snprintf(name, NOTE_NAME_BYTES, "%.*s%020llu", BELAY_STR_ARG(prefix), (unsigned long long)number);
    return belay_str(name, (size_t)n);
}

/* 0: it is none. */
static uint64_t number_of(struct belay_str prefix, struct belay_str name)
{
    uint64_t number;
    return belay_str_to_u64(belay_str_sub(name, prefix.n, name.n), &number) ? number : 0;
}

static void load_silence(struct alerts *a, struct belay_str name, struct belay_str value, belay_time now)
{
    struct belay_silence s;
    struct belay_err err;
    belay_err_clear(&err);
    int status = belay_silence_unpack(value, &s);
    if (status == BELAY_OK)
        status = belay_silences_put(belay_alerts_silences(a->rules), &s, NULL, &err);
    if (status != BELAY_OK) /* then it is told: the safe side */
        BELAY_LOG(a->log, BELAY_LOG_ERROR, now, "alert.silence_lost", belay_f_str("note", name), belay_f_err(&err));
}

static void load_told(struct alerts *a, struct belay_str name, struct belay_str value, belay_time now)
{
    uint64_t number = number_of(told, name);
    int status = number ? belay_alerts_restore(a->rules, number, value, now) : BELAY_CORRUPT;
    if (status != BELAY_OK) /* who opened an incident closes it by hand */
        BELAY_LOG(a->log, status == BELAY_NOTFOUND ? BELAY_LOG_WARN : BELAY_LOG_ERROR, now, "alert.forgotten",
                  belay_f_str("note", name),
                  belay_f_c("why", status == BELAY_NOTFOUND ? "its rule is not there any more" : belay_status_name(status)));
}

static void load_each(struct alerts *a, struct belay_engine *e, struct belay_str prefix, belay_time now,
                      void (*load)(struct alerts *a, struct belay_str name, struct belay_str value, belay_time now))
{
    struct belay_str name, value;
    char last[BELAY_NOTE_NAME_BYTES_MAX];
    struct belay_str after = BELAY_STR_NONE;
    while (belay_engine_note_next(e, prefix, after, &name, &value)) {
        memcpy(last, name.p, name.n);
        after = belay_str(last, name.n);
        load(a, after, value, now);
    }
}

void alerts_load(struct alerts *a, struct belay_engine *e, belay_time now)
{
    load_each(a, e, silences, now, load_silence);
    load_each(a, e, told, now, load_told);
    alerts_reload(a, false); /* a start takes up what a reload would not */
}

int alerts_silence(struct alerts *a, struct belay_engine *e, const struct belay_silence *silence, uint64_t *ret_number,
                   struct belay_err *err)
{
    struct belay_silences *all = belay_alerts_silences(a->rules);
    char name[NOTE_NAME_BYTES];
    struct belay_silence s = *silence;
    struct belay_buf text;
    int status = belay_silences_put(all, &s, &s.number, err);
    if (status != BELAY_OK)
        return status;
    belay_buf_init(&text, BELAY_NOTE_BYTES_MAX);
    belay_silence_pack(&text, &s);
    status = belay_buf_status(&text);
    status = status == BELAY_OK ? belay_engine_note(e, note_name(silences, s.number, name), belay_buf_view(&text), err)
                                : belay_fail(err, status, "a silence");
    belay_buf_deinit(&text);
    if (status != BELAY_OK)
        belay_silences_remove(all, s.number);
    else
        *ret_number = s.number;
    return status;
}

int alerts_unsilence(struct alerts *a, struct belay_engine *e, uint64_t number, struct belay_err *err)
{
    char name[NOTE_NAME_BYTES];
    struct belay_silence s;
    struct belay_silences *all = belay_alerts_silences(a->rules);
    for (uint32_t i = 0; belay_silences_look(all, i, &s); i++)
        if (s.number == number) {
            int status = belay_engine_note(e, note_name(silences, number, name), BELAY_STR_NONE, err);
            if (status == BELAY_OK)
                belay_silences_remove(all, number);
            return status;
        }
    return belay_fail(err, BELAY_NOTFOUND, "there is no silence %llu", (unsigned long long)number);
}

/* Those that are over go; where there is no room for that now, in a later round. */
void alerts_forget_silences(struct alerts *a, struct belay_engine *e, belay_time now)
{
    struct belay_err err;
    for (uint64_t n; (n = belay_silences_over(belay_alerts_silences(a->rules), now));)
        if (alerts_unsilence(a, e, n, &err) != BELAY_OK)
            return;
}

void alerts_keep_told(struct alerts *a, struct belay_engine *e)
{
    char name[NOTE_NAME_BYTES];
    struct belay_err err;
    struct belay_buf row;
    belay_buf_init(&row, BELAY_NOTE_BYTES_MAX);
    for (uint64_t number; (number = belay_alerts_unsaved(a->rules, &row));) {
        if (belay_buf_status(&row) != BELAY_OK
            || belay_engine_note(e, note_name(told, number, name), belay_buf_view(&row), &err) != BELAY_OK)
            break;
        belay_alerts_saved(a->rules, number);
        belay_buf_clear(&row);
    }
    belay_buf_deinit(&row);
}
