/* Requests whose flow makes two calls that nobody may repeat blindly, each with a `resolve`: a transfer takes money here
 * and brings it there.  Their callers ask under the same key until it is done, whatever they are answered.
 *
 * What must hold: no transfer is debited or credited twice, whoever died when and whatever its caller was told before; it
 * is credited only after it was debited; whoever is told that it is done has both.
 *
 * They are in every fourth world, so that the others stay what they were. */
#include <stdio.h>
#include <string.h>

#include "sim/world.h"

void sim_transfers_init(struct sim_world *w)
{
    if (w->seed % 4 != 2)
        return;
    w->transfer_count = 1 + (uint32_t)sim_below(w, SIM_TRANSFERS_MAX);
    for (uint32_t i = 0; i < w->transfer_count; i++) {
        struct sim_transfer *t = &w->transfers[i];
        struct sim_wish *wish = &t->wish;
        snprintf(t->id, sizeof t->id, "t%u", i);
        snprintf(wish->operation, sizeof wish->operation, "transfer");
        snprintf(wish->key, sizeof wish->key, "key-t%u", i);
        snprintf(wish->body, sizeof wish->body, "{\"transfer\":\"t%u\"}", i);
        t->bad = sim_chance(w, 200);
    }
}

struct sim_wish *sim_transfers_wish(struct sim_world *w)
{
    return w->transfer_count && sim_chance(w, 350) ? &w->transfers[sim_below(w, w->transfer_count)].wish : NULL;
}

bool sim_transfers_content(const struct sim_world *w)
{
    for (uint32_t i = 0; i < w->transfer_count; i++)
        if (w->transfers[i].wish.state != SIM_ANSWERED)
            return false;
    return true;
}

/* ---- the bank ---- */

static bool is_debit(const char *path)
{
    return strncmp(path, "/debits", 7) == 0;
}

bool sim_transfers_concern(const char *path)
{
    return is_debit(path) || strncmp(path, "/credits", 8) == 0;
}

/* In its body, or at the end of its path. */
static struct sim_transfer *transfer_of(struct sim_world *w, const struct sim_call *c)
{
    for (uint32_t i = 0; i < w->transfer_count; i++) {
        const char *slash = strrchr(c->path, '/');
        char text[24];
        snprintf(text, sizeof text, "\"%s\"", w->transfers[i].id);
        if (strcmp(slash + 1, w->transfers[i].id) == 0 || strstr(c->body, text))
            return &w->transfers[i];
    }
    sim_violation(w, "G7", "%s %s (%s) is of no transfer", c->method, c->path, c->body);
}

bool sim_transfers_effect(struct sim_world *w, const struct sim_call *c)
{
    if (!sim_transfers_concern(c->path))
        return false;
    struct sim_transfer *t = transfer_of(w, c);
    bool debit = is_debit(c->path);
    if (strcmp(c->method, "POST") != 0)
        return true;
    if (!debit && !t->debits)
        sim_violation(w, "G3", "%s is credited before it was debited", t->id);
    if (++*(debit ? &t->debits : &t->credits) > 1)
        sim_violation(w, "G3", "%s is %s a second time", t->id, debit ? "debited" : "credited");
    return true;
}

uint32_t sim_transfers_refuse(struct sim_world *w, const struct sim_call *c)
{
    if (!sim_transfers_concern(c->path))
        return 0;
    const struct sim_transfer *t = transfer_of(w, c);
    uint32_t made = is_debit(c->path) ? t->debits : t->credits;
    if (strcmp(c->method, "GET") == 0)
        return made ? 0 : 404;
    return t->bad && !w->calm && !is_debit(c->path) ? 422 : 0;
}

/* ---- what callers are told ---- */

void sim_transfers_told(struct sim_world *w, const struct sim_wish *wish)
{
    for (uint32_t i = 0; i < w->transfer_count; i++) {
        const struct sim_transfer *t = &w->transfers[i];
        if (wish == &t->wish && (t->debits != 1 || t->credits != 1))
            sim_violation(w, "G3", "%s is said to be done, with %u debits and %u credits", t->id, t->debits, t->credits);
    }
}
