/* answer_trail.c - what persons did: the newest first, and of one thing. */
#include "admin/answer_trail.h"

#include "admin/answers.h"
#include "admin/question.h"
#include "admin/room.h"
#include "admin/show.h"
#include "base/limits.h"

#define BITE 256 /* entries looked at in one turn of the engine */

struct belay_trail_entry question_entry(const struct question *q, enum belay_trail_kind kind, struct belay_str owner,
                                        struct belay_str id, const char *verb)
{
    return (struct belay_trail_entry){ .kind = kind, .owner = owner, .id = id, .who = q->who,
                                       .verb = belay_str_c(verb), .reason = question_text(q, "reason") };
}

int question_did(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, belay_time now)
{
    struct belay_str what = belay_arena_printf(&q->arena, "%s %s %.*s%s%.*s", entry->verb.p,
                                               belay_trail_kind_name(entry->kind), BELAY_STR_ARG(entry->owner),
                                               entry->id.n ? " " : "", BELAY_STR_ARG(entry->id));
    belay_runtime_audit(q->admin->runtime, now, "operator.did", q->who, what, entry->reason);
    return belay_trail_add(belay_engine_broker(e), entry, now, &q->err);
}

void show_entry(struct belay_json_out *o, const struct belay_trail_entry *entry)
{
    belay_json_begin_object(o);
    show_time(o, "at", entry->at);
    show_text(o, "who", entry->who);
    show_text(o, "did", entry->verb);
    show_text(o, "what", belay_str_c(belay_trail_kind_name(entry->kind)));
    show_text(o, "owner", entry->owner);
    show_text(o, "id", entry->id);
    show_text(o, "reason", entry->reason);
    show_text(o, "detail", entry->detail);
    belay_json_end_object(o);
}

void show_trail(struct belay_json_out *o, struct belay_engine *e, enum belay_trail_kind kind, struct belay_str owner,
                struct belay_str id, struct belay_arena *arena)
{
    struct belay_trail_entry entry;
    uint64_t number = 0;
    belay_json_key(o, "trail");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < BELAY_ADMIN_PAGE_MAX; i++) {
        struct belay_arena_mark mark = belay_arena_mark(arena);
        bool found = belay_trail_about(belay_engine_broker(e), kind, owner, id, &number, arena, &entry);
        if (found)
            show_entry(o, &entry);
        belay_arena_rewind(arena, mark);
        if (!found)
            break;
    }
    belay_json_end_array(o);
}

struct trail_page {
    struct question *q;
    struct belay_json_out out;
    uint64_t before; /* the last number looked at */
    uint32_t left;
};

static bool wanted(const struct question *q, const struct belay_trail_entry *e)
{
    const struct {
        const char *name;
        struct belay_str is;
    } filters[] = { { "what", belay_str_c(belay_trail_kind_name(e->kind)) }, { "owner", e->owner }, { "id", e->id },
                    { "who", e->who } };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        struct belay_str asked = question_param(q, filters[i].name);
        if (asked.n && !belay_str_eq(asked, filters[i].is))
            return false;
    }
    return true;
}

static void end_page(struct trail_page *p, bool more)
{
    belay_json_end_array(&p->out);
    belay_json_key(&p->out, "next");
    if (more)
        belay_json_put_uint(&p->out, p->before);
    else
        belay_json_put_null(&p->out);
    belay_json_end_object(&p->out);
    question_end(p->q);
}

static void fill_page(void *arg, struct belay_engine *e)
{
    struct trail_page *p = arg;
    struct belay_arena *arena = &p->q->arena;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_trail_entry entry;
    uint64_t first, next;
    belay_trail_range(b, &first, &next);
    if (p->before > next)
        p->before = next;
    for (uint32_t i = 0; i < BITE && p->left && p->before > first; i++) {
        struct belay_arena_mark mark = belay_arena_mark(arena);
        if (belay_trail_get(b, --p->before, arena, &entry) && wanted(p->q, &entry)) {
            show_entry(&p->out, &entry);
            p->left--;
        }
        belay_arena_rewind(arena, mark);
    }
    if (p->left && p->before > first)
        question_again(p->q, fill_page, p);
    else
        end_page(p, p->before > first);
}

bool answer_trail(struct question *q, struct belay_engine *e, belay_time now)
{
    struct trail_page *p = BELAY_ARENA_NEW(&q->kept, struct trail_page);
    (void)now;
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for a page");
    *p = (struct trail_page){ .q = q, .out = belay_json_out(&q->out), .left = question_count(q),
                              .before = question_number(q, "after", UINT64_MAX) };
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "trail");
    belay_json_begin_array(&p->out);
    fill_page(p, e);
    return false;
}
