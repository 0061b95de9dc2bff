/* tell.c - the one place where answers leave the engine: named values are hidden, or shown to who asked for them and may,
 * which is in the trail then.  Whatever a route writes goes through here, so that none can forget it. */
#include "admin/tell.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/routes.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "json/redact.h"

#define TAPE_BYTES_MAX BELAY_MIB(256)
#define WORDS_OF_FEW 128

static const struct belay_redact *rules(const struct question *q)
{
    return belay_engine_definitions(q->engine)->redact;
}

/* What somebody saw is about what the path names; else about messages: of a topic, of a trace, letters. */
static struct belay_trail_entry entry_of(const struct question *q)
{
    struct belay_str flow = question_param(q, "flow"), saga = question_param(q, "saga"), topic = question_param(q, "topic");
    struct belay_str sequence = question_param(q, "sequence");
    bool letter = flow.n && sequence.n, lane = flow.n && !sequence.n && belay_str_starts(belay_str_c(q->route->path), BELAY_STR("/lanes/"));
    struct belay_trail_entry e = { .kind = BELAY_TRAIL_MESSAGES, .who = q->who, .verb = BELAY_STR("reveal"),
                                   .reason = question_param(q, "reason") };
    if (letter || lane) {
        e.kind = letter ? BELAY_TRAIL_LETTER : BELAY_TRAIL_LANE;
        e.owner = flow;
        e.id = letter ? sequence : question_param(q, "key");
    } else if (saga.n) {
        e.kind = BELAY_TRAIL_SAGA;
        e.owner = saga;
        e.id = question_param(q, "id");
    } else if (topic.n) {
        e.owner = topic;
    } else {
        e.owner = belay_str_c(q->route->operation);
        e.id = belay_str_sub(question_param(q, "what"), 0, BELAY_KEY_BYTES_MAX);
    }
    return e;
}

/* Before it is told: the answer waits until the entry is durable. */
static int put_in_trail(struct question *q, uint64_t count)
{
    char detail[48];
    struct belay_trail_entry entry = entry_of(q);
    int n = snprintf(detail, sizeof detail, "%llu values", (unsigned long long)count);
    entry.detail = belay_str(detail, (size_t)n);
    int status = belay_trail_begin(belay_engine_broker(q->engine), &entry, 0, 0, &q->err);
    return status == BELAY_OK ? question_did(q, q->engine, &entry, q->now) : status;
}

/* An answer about few things hides their named values wherever in it they stand; a page of many, where paths say. */
static const struct belay_redact_words *words_of(struct question *q, const belay_json *root)
{
    struct belay_redact_words *words = question_words(q);
    if (!words)
        return NULL;
    if (!words->count && !words->lost) {
        belay_redact_gather_view(rules(q), words, root);
        if (words->count > WORDS_OF_FEW)
            belay_redact_words_init(words, &q->kept);
    } else {
        belay_redact_gather_view(rules(q), words, root);
    }
    return words;
}

static int hide(struct question *q)
{
    struct belay_redact_view view = { .reveal = q->reveal, .places = q->places, .answer = true, .everywhere = true };
    const struct belay_json_limits limits = { .depth_max = BELAY_JSON_DEPTH_MAX, .size_bytes_max = BELAY_ADMIN_OUT_BYTES_MAX };
    struct belay_arena tape;
    struct belay_buf shown;
    const belay_json *root;
    belay_arena_init(&tape, 0, TAPE_BYTES_MAX);
    belay_buf_init(&shown, BELAY_ADMIN_OUT_BYTES_MAX);
    int status = belay_json_parse(belay_buf_view(&q->out), &limits, &tape, &root, NULL, &q->err);
    BELAY_ASSERT(status != BELAY_SYNTAX); /* it is our own */
    if (status == BELAY_OK && !q->reveal)
        view.words = words_of(q, root);
    if (status == BELAY_OK)
        status = belay_redact_write(rules(q), &view, root, &tape, &shown);
    if (status == BELAY_OK && q->reveal && view.hidden)
        status = put_in_trail(q, view.hidden);
    belay_arena_deinit(&tape);
    if (status == BELAY_OK) {
        belay_buf_deinit(&q->out);
        q->out = shown;
    } else {
        belay_buf_deinit(&shown);
    }
    return status;
}

/* Why it failed may quote what somebody looked at. */
static void hide_error(struct question *q)
{
    struct belay_str text = belay_str_c(q->err.msg), shown = belay_redact_text(rules(q), q->words, text, &q->kept);
    if (shown.p != text.p)
        snprintf(q->err.msg, sizeof q->err.msg, "%.*s", BELAY_STR_ARG(shown));
}

void question_tell(struct question *q)
{
    bool json = belay_str_eq(belay_str_c(q->content_type), BELAY_STR("application/json"));
    if (q->err.code == BELAY_OK && json && !BELAY_PLANTED(119) && belay_buf_status(&q->out) == BELAY_OK && q->out.n) {
        int status = hide(q);
        if (status != BELAY_OK)
            (void)question_failed(q, status);
    }
    if (q->err.code != BELAY_OK)
        hide_error(q);
}

bool question_may_reveal(const struct question *q)
{
    return q->role >= BELAY_ROLE_OPERATOR;
}

struct belay_redact_words *question_words(struct question *q)
{
    if (!q->words) {
        q->words = belay_arena_alloc(&q->kept, sizeof *q->words);
        if (q->words)
            belay_redact_words_init(q->words, &q->kept);
    }
    return q->words;
}

/* ---- a letter as a predicate may look at it ---- */

bool question_hide_letter(struct question *q, struct belay_letter *l)
{
    const struct belay_redact *r = rules(q);
    struct belay_redact_view view = { 0 };
    struct belay_message *m = &l->message;
    struct belay_field *headers = BELAY_ARENA_ARRAY(&q->arena, struct belay_field, m->header_count + 1);
    if (!headers)
        return false;
    for (uint32_t i = 0; i < m->header_count; i++) {
        headers[i] = m->headers[i];
        if (belay_redact_header(r, headers[i].name))
            headers[i].value = BELAY_STR(BELAY_REDACTED);
        else
            headers[i].value = belay_redact_text(r, NULL, headers[i].value, &q->arena);
    }
    m->headers = headers;
    m->body = belay_redact_bytes(r, &view, m->body, &q->arena);
    return true;
}
