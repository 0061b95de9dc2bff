/* answer_letter_import.c - a letter as `export` wrote it becomes one again, once.
 *
 * Which one it is, is told by where it was (flow, topic, sequence), when it became a letter, and its message.  That is kept
 * as an idempotency key for KEPT_MS, in the commit of the import: who imports a file twice makes nothing twice. */
#include "admin/answer_letter_import.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/answers.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "broker/idempotency.h"
#include "json/redact.h"

#define KEPT_MS (90 * 86400000ull) /* as long as the trail */
#define SCOPE BELAY_STR("dlq import")

/* ---- writing ---- */

static void show_hex(struct belay_json_out *o, const char *name, struct belay_str bytes, struct belay_arena *arena)
{
    char *hex = belay_arena_bytes(arena, 2 * bytes.n + 1);
    if (!hex) {
        o->buf->status = BELAY_NOMEM;
        return;
    }
    belay_hex(bytes.p, bytes.n, hex);
    show_text(o, name, belay_str(hex, 2 * bytes.n));
}

/* Written and read again it is the same bytes. */
static bool is_shown_exactly(struct belay_str body, struct belay_arena *arena)
{
    const belay_json *root;
    struct belay_buf text;
    if (!body.n)
        return true;
    if (belay_json_parse(body, NULL, arena, &root, NULL, NULL) != BELAY_OK)
        return false;
    belay_buf_init(&text, BELAY_MESSAGE_BYTES_MAX * 2);
    belay_json_write(&text, root);
    bool same = belay_buf_status(&text) == BELAY_OK && belay_str_eq(belay_buf_view(&text), body);
    belay_buf_deinit(&text);
    return same;
}

void letter_show_exactly(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena)
{
    struct belay_arena_mark mark = belay_arena_mark(arena);
    if (l->progress.n) {
        show_hex(o, "progress", l->progress, arena);
        show_hash(o, "definition", l->definition);
        show_hash(o, "made_of", l->made_of);
    }
    if (!is_shown_exactly(l->message.body, arena))
        show_hex(o, "body_hex", l->message.body, arena);
    belay_arena_rewind(arena, mark);
}

/* ---- reading ---- */

static struct belay_str text_of(const belay_json *v, const char *name)
{
    const belay_json *member = v && v->type == BELAY_JSON_OBJECT ? belay_json_get(v, belay_str_c(name)) : NULL;
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
}

static uint64_t number_of(const belay_json *v, const char *name)
{
    const belay_json *member = v && v->type == BELAY_JSON_OBJECT ? belay_json_get(v, belay_str_c(name)) : NULL;
    return member && member->type == BELAY_JSON_INT && member->u.i > 0 ? (uint64_t)member->u.i : 0;
}

static belay_time time_of(const belay_json *v, const char *name)
{
    belay_time at;
    return belay_time_parse(text_of(v, name), &at) ? at : 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Absent: *ret stays. Errors: BELAY_INVALID, BELAY_NOMEM. */
static int read_hex(struct question *q, const belay_json *v, const char *name, struct belay_str *ret)
{
    struct belay_str hex = text_of(v, name);
    char *to = hex.p ? belay_arena_bytes(&q->arena, hex.n / 2 + 1) : NULL;
    if (!hex.p || belay_redact_is_marked(hex)) /* that is told of the whole letter */
        return BELAY_OK;
    if (!to)
        return belay_fail(&q->err, BELAY_NOMEM, "no memory for a letter");
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        int high = digit(hex.p[i]), low = digit(hex.p[i + 1]);
        if (high < 0 || low < 0)
            return belay_fail(&q->err, BELAY_INVALID, "'%s' is no hexadecimal", name);
        to[i / 2] = (char)(high << 4 | low);
    }
    if (hex.n % 2)
        return belay_fail(&q->err, BELAY_INVALID, "'%s' is no hexadecimal", name);
    *ret = belay_str(to, hex.n / 2);
    return BELAY_OK;
}

static int read_body(struct question *q, const belay_json *letter, struct belay_message *m)
{
    const belay_json *message = belay_json_get(letter, BELAY_STR("message")), *body = belay_json_get(message, BELAY_STR("body"));
    struct belay_buf text;
    int status = read_hex(q, letter, "body_hex", &m->body);
    if (status != BELAY_OK || m->body.p || !body || body->type == BELAY_JSON_NULL)
        return status;
    belay_buf_init(&text, BELAY_MESSAGE_BYTES_MAX);
    belay_json_write(&text, body);
    m->body = belay_buf_status(&text) == BELAY_OK ? belay_arena_str(&q->arena, belay_buf_view(&text)) : BELAY_STR_NONE;
    belay_buf_deinit(&text);
    return m->body.p ? BELAY_OK : belay_fail(&q->err, BELAY_LIMIT, "its message is too large");
}

static int read_headers(struct question *q, const belay_json *message, struct belay_message *m)
{
    const belay_json *headers = belay_json_get(message, BELAY_STR("headers"));
    uint32_t n = headers && headers->type == BELAY_JSON_OBJECT ? headers->n : 0;
    struct belay_field *fields = BELAY_ARENA_ARRAY(&q->arena, struct belay_field, n + 1);
    if (!fields)
        return belay_fail(&q->err, BELAY_NOMEM, "no memory for a letter");
    const belay_json *key = n ? belay_json_first(headers) : NULL;
    for (uint32_t i = 0; i < n; i++, key = belay_json_next(key + 1)) {
        if (key[1].type != BELAY_JSON_STRING)
            return belay_fail(&q->err, BELAY_INVALID, "a header of its message is no text");
        fields[i] = (struct belay_field){ belay_json_str(key), belay_json_str(key + 1) };
    }
    m->headers = fields;
    m->header_count = n;
    return BELAY_OK;
}

/* A mark would be the truth from now on. */
static bool is_redacted(const belay_json *letter, const struct belay_message *m)
{
    bool marked = belay_redact_is_marked(m->body) || belay_redact_is_marked(text_of(letter, "progress"));
    for (uint32_t i = 0; i < m->header_count; i++)
        marked |= belay_redact_is_marked(m->headers[i].value);
    return marked;
}

static int read_message(struct question *q, const belay_json *letter, struct belay_message *m)
{
    const belay_json *v = belay_json_get(letter, BELAY_STR("message"));
    const struct {
        const char *name;
        struct belay_str *text;
    } texts[] = { { "id", &m->id }, { "source", &m->source }, { "type", &m->type }, { "subject", &m->subject }, { "key", &m->key },
                  { "correlationid", &m->correlationid }, { "causationid", &m->causationid }, { "traceparent", &m->traceparent },
                  { "datacontenttype", &m->datacontenttype } };
    if (!v || v->type != BELAY_JSON_OBJECT)
        return belay_fail(&q->err, BELAY_INVALID, "it has no 'message': `belay dlq export` writes whole letters, a list does not");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i].text = text_of(v, texts[i].name);
    m->time = time_of(v, "time");
    int status = read_headers(q, v, m);
    if (status == BELAY_OK)
        status = read_body(q, letter, m);
    return status == BELAY_OK && is_redacted(letter, m)
               ? belay_fail(&q->err, BELAY_INVALID, "what is redacted is not in it: `belay dlq export --reveal` writes whole messages")
               : status;
}

static bool read_class(struct belay_str name, enum belay_class *ret)
{
    for (int i = BELAY_CLASS_TRANSIENT; i <= BELAY_CLASS_UNKNOWN_OUTCOME; i++)
        if (name.n && belay_str_eq(name, belay_str_c(belay_class_name((enum belay_class)i)))) {
            *ret = (enum belay_class)i;
            return true;
        }
    return false;
}

static int read_attempt(struct question *q, const belay_json *v, struct belay_letter_attempt *a)
{
    char type[sizeof a->fault.type];
    enum belay_class class_ = 0;
    struct belay_str error = text_of(v, "error");
    if (!error.n || error.n >= sizeof type || !read_class(text_of(v, "class"), &class_))
        return belay_fail(&q->err, BELAY_INVALID, "an attempt of its history has no 'error' or no 'class' that is one");
    snprintf(type, sizeof type, "%.*s", BELAY_STR_ARG(error));
    belay_fault_init(&a->fault, type, class_, "%s", "");
    belay_fault_set_description(&a->fault, text_of(v, "description"));
    belay_fault_set_step(&a->fault, text_of(v, "step"));
    belay_fault_set_endpoint(&a->fault, text_of(v, "endpoint"));
    belay_fault_set_excerpt(&a->fault, text_of(v, "excerpt"));
    a->attempt = (uint32_t)number_of(v, "attempt");
    a->fault.status = (uint32_t)number_of(v, "status");
    a->fault.duration_us = number_of(v, "duration_us");
    a->fault.at = time_of(v, "at");
    return BELAY_OK;
}

static int read_history(struct question *q, const belay_json *letter, struct belay_letter *l)
{
    const belay_json *history = belay_json_get(letter, BELAY_STR("history"));
    uint32_t n = history && history->type == BELAY_JSON_ARRAY ? history->n : 0;
    uint32_t kept = n < BELAY_LETTER_ATTEMPTS_MAX ? n : BELAY_LETTER_ATTEMPTS_MAX;
    struct belay_letter_attempt *attempts = BELAY_ARENA_ARRAY(&q->arena, struct belay_letter_attempt, kept + 1);
    int status = attempts ? BELAY_OK : belay_fail(&q->err, BELAY_NOMEM, "no memory for a letter");
    for (uint32_t i = 0; i < kept && status == BELAY_OK; i++)
        status = read_attempt(q, belay_json_at(history, n - kept + i), &attempts[i]);
    l->history = attempts;
    l->history_count = kept;
    return status;
}

/* As belay_hash128_hex writes it: the high half first. Absent: *ret stays. */
static int read_hash(struct question *q, const belay_json *letter, const char *name, struct belay_hash128 *ret)
{
    struct belay_str bytes = BELAY_STR_NONE;
    int status = read_hex(q, letter, name, &bytes);
    if (status == BELAY_OK && bytes.n == 16)
        *ret = (struct belay_hash128){ belay_load_be64(bytes.p), belay_load_be64(bytes.p + 8) };
    return status;
}

static int read_letter(struct question *q, const belay_json *letter, struct belay_letter *l)
{
    *l = (struct belay_letter){ .subscription = text_of(letter, "flow"), .topic = text_of(letter, "topic"),
                                .sequence = number_of(letter, "sequence"), .lane_key = text_of(letter, "key"),
                                .created_at = time_of(letter, "created_at"), .first_attempt_at = time_of(letter, "first_attempt_at"),
                                .attempts = (uint32_t)number_of(letter, "attempts") };
    if (!l->subscription.n || !l->topic.n || !l->sequence || !l->created_at)
        return belay_fail(&q->err, BELAY_INVALID, "it is no letter: 'flow', 'topic', 'sequence' or 'created_at' is missing");
    int status = read_message(q, letter, &l->message);
    if (status == BELAY_OK)
        status = read_history(q, letter, l);
    if (status == BELAY_OK)
        status = read_hex(q, letter, "progress", &l->progress);
    if (status == BELAY_OK)
        status = read_hash(q, letter, "definition", &l->definition);
    return status == BELAY_OK ? read_hash(q, letter, "made_of", &l->made_of) : status;
}

/* ---- importing ---- */

static void identify(const struct belay_letter *l, char ret_key[33])
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MESSAGE_BYTES_MAX);
    belay_buf_printf(&text, "%.*s\n%.*s\n%llu\n%lld\n%.*s", BELAY_STR_ARG(l->subscription), BELAY_STR_ARG(l->topic),
                     (unsigned long long)l->sequence, (long long)(l->created_at / BELAY_US_PER_MS), BELAY_STR_ARG(l->message.id));
    belay_hash128_hex(belay_hash128(belay_buf_view(&text)), ret_key);
    belay_buf_deinit(&text);
}

static bool answer(struct question *q, const char *state, uint64_t sequence)
{
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    show_text(&o, "state", belay_str_c(state));
    if (sequence) {
        belay_json_key(&o, "sequence");
        belay_json_put_uint(&o, sequence);
    }
    belay_json_end_object(&o);
    return true;
}

/* The letter, its key and its entry in the trail: all or none. */
static int import(struct question *q, struct belay_engine *e, struct belay_subscription *sub, const struct belay_letter *l,
                  struct belay_str key, belay_time now, uint64_t *ret_sequence)
{
    struct belay_broker *b = belay_engine_broker(e);
    char detail[64], number[24];
    int n = snprintf(detail, sizeof detail, "was letter %llu", (unsigned long long)l->sequence);
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_LETTER, belay_subscription_name(sub),
                                                    BELAY_STR("18446744073709551615"), "import");
    entry.detail = belay_str(detail, (size_t)n);
    size_t bytes = 4 * l->message.body.n + l->progress.n + (size_t)l->history_count * BELAY_KIB(4) + BELAY_KIB(32);
    int status = belay_trail_begin(b, &entry, bytes, 8, &q->err);
    if (status == BELAY_OK)
        status = belay_broker_letter_import(b, sub, l, now, ret_sequence, &q->err);
    if (status != BELAY_OK)
        return status;
    n = snprintf(number, sizeof number, "%llu", (unsigned long long)*ret_sequence);
    entry.id = belay_str(number, (size_t)n);
    status = belay_broker_idempotency_done(b, SCOPE, key, (struct belay_hash128){ 0 }, entry.id, KEPT_MS, now, &q->err);
    return status == BELAY_OK ? question_did(q, e, &entry, now) : status;
}

bool answer_letter_import(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    const belay_json *letter = question_member(q, "letter");
    struct belay_idempotency before;
    struct belay_letter l;
    char key[33];
    uint64_t sequence = 0;
    if (!letter)
        return question_fail(q, BELAY_INVALID, "which one: \"letter\" is a line of `belay dlq export`");
    int status = read_letter(q, letter, &l);
    if (status != BELAY_OK)
        return question_failed(q, status);
    struct belay_subscription *sub = belay_broker_find(b, l.subscription);
    if (!sub)
        return question_fail(q, BELAY_NOTFOUND, "there is no flow or saga subscription '%.*s' here, whose letter this is",
                             BELAY_STR_ARG(l.subscription));
    if (belay_broker_letter_known(b, sub, l.sequence, l.created_at))
        return answer(q, "there", l.sequence);
    identify(&l, key);
    belay_broker_idempotency_get(b, SCOPE, belay_str(key, 32), &before);
    if (before.state == BELAY_IDEMPOTENCY_DONE && !BELAY_PLANTED(114) && belay_str_to_u64(before.answer, &sequence))
        return answer(q, "there", sequence);
    if (question_flag(q, "dry"))
        return answer(q, "would be imported", 0);
    status = import(q, e, sub, &l, belay_str(key, 32), now, &sequence);
    return status == BELAY_OK ? answer(q, "imported", sequence) : question_failed(q, status);
}
