#include "alert/silence.h"

#include <string.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/pack.h"

#define VERSION 1

struct kept {
    struct belay_list node;
    struct belay_silence s; /* texts behind the struct */
};

static struct kept *kept_of(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct kept, node);
}

void belay_silences_init(struct belay_silences *s)
{
    *s = (struct belay_silences){ .count = 0 };
    belay_list_init(&s->list);
}

static void drop(struct belay_silences *s, struct kept *k)
{
    BELAY_ASSERT(s->count > 0);
    belay_list_unlink(&k->node);
    belay_free(k);
    s->count--;
}

void belay_silences_deinit(struct belay_silences *s)
{
    while (!belay_list_empty(&s->list))
        drop(s, kept_of(s->list.next));
}

static struct kept *find(const struct belay_silences *s, uint64_t number)
{
    for (struct belay_list *n = s->list.next; n != &s->list; n = n->next)
        if (kept_of(n)->s.number == number)
            return kept_of(n);
    return NULL;
}

static int check(const struct belay_silence *x, struct belay_err *err)
{
    if (!x->rule.n && !x->subject.n && x->level == BELAY_SILENCE_ANY)
        return belay_fail(err, BELAY_INVALID, "say what is to be silent: a rule (\"*\" is every one), a subject or a level");
    if (belay_str_trim(x->reason).n == 0)
        return belay_fail(err, BELAY_INVALID, "say why: a silence needs a reason");
    if (x->rule.n > BELAY_NAME_BYTES_MAX || x->subject.n > BELAY_NAME_BYTES_MAX || x->who.n > BELAY_TRAIL_WHO_BYTES_MAX
        || x->reason.n > BELAY_SILENCE_TEXT_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "a name of more than %d bytes, or a reason of more than %d", BELAY_NAME_BYTES_MAX,
                          BELAY_SILENCE_TEXT_BYTES_MAX);
    return BELAY_OK;
}

static struct belay_str keep(char **at, struct belay_str text)
{
    char *to = *at;
    if (text.n)
        memcpy(to, text.p, text.n);
    *at += text.n;
    return belay_str(to, text.n);
}

int belay_silences_put(struct belay_silences *s, const struct belay_silence *silence, uint64_t *ret_number,
                       struct belay_err *err)
{
    int status = check(silence, err);
    struct kept *before = silence->number ? find(s, silence->number) : NULL;
    if (status != BELAY_OK)
        return status;
    if (!before && s->count == BELAY_SILENCES_MAX)
        return belay_fail(err, BELAY_LIMIT, "there are %u silences already", s->count);
    struct kept *k = belay_calloc(1, sizeof *k + silence->rule.n + silence->subject.n + silence->who.n + silence->reason.n);
    if (!k)
        return belay_fail(err, BELAY_NOMEM, "alerts: out of memory");
    char *at = (char *)(k + 1);
    k->s = *silence;
    k->s.rule = keep(&at, silence->rule);
    k->s.subject = keep(&at, silence->subject);
    k->s.who = keep(&at, silence->who);
    k->s.reason = keep(&at, silence->reason);
    if (!k->s.number)
        k->s.number = s->last + 1;
    s->last = k->s.number > s->last ? k->s.number : s->last;
    if (before)
        drop(s, before);
    belay_list_push(&s->list, &k->node);
    s->count++;
    if (ret_number)
        *ret_number = k->s.number;
    return BELAY_OK;
}

bool belay_silences_remove(struct belay_silences *s, uint64_t number)
{
    struct kept *k = find(s, number);
    if (k)
        drop(s, k);
    return k;
}

bool belay_silences_look(const struct belay_silences *s, uint32_t index, struct belay_silence *ret_silence)
{
    for (struct belay_list *n = s->list.next; n != &s->list; n = n->next)
        if (index-- == 0) {
            *ret_silence = kept_of(n)->s;
            return true;
        }
    return false;
}

uint64_t belay_silences_over(const struct belay_silences *s, belay_time now)
{
    for (struct belay_list *n = s->list.next; n != &s->list; n = n->next)
        if (kept_of(n)->s.until <= now)
            return kept_of(n)->s.number;
    return 0;
}

static bool fits(const struct belay_silence *s, const struct belay_alert_def *def, struct belay_str subject)
{
    return (s->rule.n == 0 || belay_alert_matches(s->rule, def->name))
           && (s->subject.n == 0 || belay_alert_matches(s->subject, subject))
           && (s->level == BELAY_SILENCE_ANY || (s->level == BELAY_SILENCE_ERROR) == def->urgent);
}

belay_time belay_silences_until(const struct belay_silences *s, const struct belay_alert_def *def,
                                struct belay_str subject, belay_time now)
{
    belay_time until = 0;
    for (struct belay_list *n = s->list.next; n != &s->list; n = n->next) {
        const struct belay_silence *x = &kept_of(n)->s;
        if (x->until > now && x->until > until && fits(x, def, subject))
            until = x->until;
    }
    return until;
}

/* ---- as bytes ---- */

/* u8 version | u64 number, made_at, until | u8 level | rule, subject, who, reason: strings */
void belay_silence_pack(struct belay_buf *out, const struct belay_silence *silence)
{
    belay_pack_u8(out, VERSION);
    belay_pack_u64(out, silence->number);
    belay_pack_u64(out, (uint64_t)silence->made_at);
    belay_pack_u64(out, (uint64_t)silence->until);
    belay_pack_u8(out, (uint8_t)silence->level);
    belay_pack_str(out, silence->rule);
    belay_pack_str(out, silence->subject);
    belay_pack_str(out, silence->who);
    belay_pack_str(out, silence->reason);
}

int belay_silence_unpack(struct belay_str bytes, struct belay_silence *ret_silence)
{
    struct belay_unpack u = belay_unpack_init(bytes);
    struct belay_silence s;
    bool known = belay_unpack_u8(&u) == VERSION;
    s.number = belay_unpack_u64(&u);
    s.made_at = (belay_time)belay_unpack_u64(&u);
    s.until = (belay_time)belay_unpack_u64(&u);
    s.level = (enum belay_silence_level)belay_unpack_u8(&u);
    s.rule = belay_unpack_str(&u);
    s.subject = belay_unpack_str(&u);
    s.who = belay_unpack_str(&u);
    s.reason = belay_unpack_str(&u);
    if (!known || !belay_unpack_done(&u) || s.number == 0 || s.level > BELAY_SILENCE_ERROR)
        return BELAY_CORRUPT;
    *ret_silence = s;
    return BELAY_OK;
}
