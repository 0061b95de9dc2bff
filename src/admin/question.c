/* question.c - looking at a question and failing it. */
#include "admin/question.h"

#include <stdarg.h>
#include <stdio.h>

#include "admin/room.h"
#include "admin/tell.h"
#include "base/assert.h"
#include "base/limits.h"
#include "broker/declare.h"

bool question_fail(struct question *q, int status, const char *fmt, ...)
{
    char text[BELAY_ERR_MSG_MAX];
    va_list args;
    BELAY_ASSERT(status != BELAY_OK);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)belay_fail(&q->err, status, "%s", text);
    return true;
}

bool question_failed(struct question *q, int status)
{
    BELAY_ASSERT(status != BELAY_OK);
    q->err.code = status;
    if (!q->err.msg[0])
        (void)belay_fail(&q->err, status, "%s", belay_status_text(status));
    return true;
}

bool question_again(struct question *q, void (*go_on)(void *arg, struct belay_engine *e), void *arg)
{
    BELAY_ASSERT(!q->go_on);
    q->go_on = go_on;
    q->go_on_arg = arg;
    belay_visit_again(q->admin->runtime, &q->visit);
    return false;
}

void question_end(struct question *q)
{
    question_tell(q);
    belay_visit_finish(q->admin->runtime, &q->visit);
}

bool question_done(struct question *q, int status)
{
    if (status != BELAY_OK)
        return question_failed(q, status);
    belay_buf_put_str(&q->out, BELAY_STR("{\"done\":true}"));
    return true;
}

struct belay_str question_param(const struct question *q, const char *name)
{
    const struct belay_http_param *p = belay_http_param(q->http, belay_str_c(name));
    return p ? p->text : BELAY_STR_NONE;
}

uint64_t question_number(const struct question *q, const char *name, uint64_t otherwise)
{
    uint64_t value;
    return belay_str_to_u64(question_param(q, name), &value) ? value : otherwise;
}

uint32_t question_count(const struct question *q)
{
    uint64_t count = question_number(q, "count", BELAY_ADMIN_PAGE_DEFAULT);
    return (uint32_t)(count > BELAY_ADMIN_PAGE_MAX ? BELAY_ADMIN_PAGE_MAX : count == 0 ? 1 : count);
}

const belay_json *question_member(const struct question *q, const char *name)
{
    return belay_json_get(q->http->body_json, belay_str_c(name));
}

struct belay_str question_text(const struct question *q, const char *name)
{
    const belay_json *member = question_member(q, name);
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
}

bool question_flag(const struct question *q, const char *name)
{
    const belay_json *member = question_member(q, name);
    return member && member->type == BELAY_JSON_TRUE;
}

bool question_key(struct question *q, struct belay_str *ret_key)
{
    struct belay_str key = question_param(q, "key");
    if (!key.n || key.n > BELAY_KEY_BYTES_MAX)
        return !question_fail(q, BELAY_INVALID, "a lane's key has 1 to %d bytes, this one has %zu: GET /lanes?key=PATTERN (belay "
                              "lane ls --key 'BEGIN*') finds the ones there are", BELAY_KEY_BYTES_MAX, key.n);
    *ret_key = key;
    return true;
}

struct belay_subscription *question_subscription(struct question *q, struct belay_engine *e)
{
    struct belay_str name = question_param(q, "flow");
    struct belay_subscription *sub = belay_broker_find(belay_engine_broker(e), name);
    if (!sub)
        question_fail(q, BELAY_NOTFOUND, "there is no flow or saga subscription '%.*s'; `belay status` lists them",
                      BELAY_STR_ARG(name));
    return sub;
}
