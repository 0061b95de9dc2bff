#include "ledger.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/limits.h"

static const char *const deeds[DEED_KINDS] = { "charge", "decline", "refund", "ship", "cancel" };

#define LINE_BYTES 4096

static struct account *account_of(struct ledger *l, struct belay_str order)
{
    struct account *a = belay_map_get(&l->accounts, order);
    if (a)
        return a;
    a = belay_calloc(1, sizeof *a);
    char *name = a ? belay_memdup0(order.p, order.n) : NULL;
    if (!name) {
        belay_free(a);
        return NULL;
    }
    a->order = belay_str(name, order.n);
    if (belay_map_put(&l->accounts, a->order, a, NULL) != BELAY_OK) {
        belay_free(name);
        belay_free(a);
        return NULL;
    }
    return a;
}

static bool apply(struct ledger *l, struct account *a, enum deed deed, struct belay_str key, double amount)
{
    if (key.n && !belay_map_get(&l->keys, key)) {
        char *copy = belay_memdup0(key.p, key.n);
        if (!copy || belay_map_put(&l->keys, belay_str(copy, key.n), a, NULL) != BELAY_OK) {
            belay_free(copy);
            return false;
        }
    }
    a->done[deed]++;
    if (deed == DEED_CHARGE)
        a->amount = amount;
    if (deed == DEED_SHIP || deed == DEED_CANCEL)
        a->shipped = deed == DEED_SHIP;
    return true;
}

static int replay_line(struct ledger *l, struct belay_str line, struct belay_arena *arena, struct belay_err *err)
{
    const belay_json *root, *member;
    int status = belay_json_parse(line, NULL, arena, &root, NULL, err);
    if (status != BELAY_OK)
        return status;
    const belay_json *order = belay_json_get(root, BELAY_STR("order")), *what = belay_json_get(root, BELAY_STR("deed"));
    if (!order || order->type != BELAY_JSON_STRING || !what || what->type != BELAY_JSON_STRING)
        return belay_fail(err, BELAY_CORRUPT, "the ledger has a line without order or deed");
    member = belay_json_get(root, BELAY_STR("key"));
    struct belay_str key = member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
    member = belay_json_get(root, BELAY_STR("amount"));
    double amount = member && belay_json_is_number(member) ? belay_json_number(member) : 0;
    struct account *a = account_of(l, belay_json_str(order));
    for (int deed = 0; a && deed < DEED_KINDS; deed++)
        if (belay_str_eq(belay_json_str(what), belay_str_c(deeds[deed])))
            return apply(l, a, (enum deed)deed, key, amount) ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "no memory");
    return belay_fail(err, a ? BELAY_CORRUPT : BELAY_NOMEM, "the ledger has a line that cannot be read");
}

static int replay(struct ledger *l, const char *path, struct belay_err *err)
{
    FILE *in = fopen(path, "rb");
    char line[LINE_BYTES];
    struct belay_arena arena;
    int status = BELAY_OK;
    if (!in)
        return BELAY_OK; /* a new one */
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    while (status == BELAY_OK && fgets(line, sizeof line, in)) {
        struct belay_str text = belay_str_trim(belay_str_c(line));
        if (text.n)
            status = replay_line(l, text, &arena, err);
        belay_arena_reset(&arena);
    }
    belay_arena_deinit(&arena);
    fclose(in);
    return status;
}

int ledger_open(struct ledger *l, const char *path, struct belay_err *err)
{
    *l = (struct ledger){ 0 };
    belay_map_init(&l->accounts);
    belay_map_init(&l->keys);
    int status = replay(l, path, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "%s", path);
    l->file = fopen(path, "ab");
    if (!l->file)
        return belay_fail(err, BELAY_IO, "cannot write %s: %s", path, strerror(errno));
    return BELAY_OK;
}

void ledger_close(struct ledger *l)
{
    struct belay_map_slot *slot;
    size_t at = 0;
    if (l->file)
        fclose(l->file);
    while ((slot = belay_map_next(&l->keys, &at)))
        belay_free((char *)(uintptr_t)slot->key.p);
    at = 0;
    while ((slot = belay_map_next(&l->accounts, &at))) {
        belay_free((char *)(uintptr_t)slot->key.p);
        belay_free(slot->value);
    }
    belay_map_deinit(&l->keys);
    belay_map_deinit(&l->accounts);
}

struct account *ledger_find(struct ledger *l, struct belay_str order)
{
    return belay_map_get(&l->accounts, order);
}

struct account *ledger_key(struct ledger *l, struct belay_str key)
{
    struct account *a = key.n ? belay_map_get(&l->keys, key) : NULL;
    if (a)
        l->repeated++;
    return a;
}

static void write_line(struct ledger *l, enum deed deed, struct belay_str order, struct belay_str key, double amount)
{
    struct belay_buf line;
    belay_buf_init(&line, LINE_BYTES);
    struct belay_json_out o = belay_json_out(&line);
    belay_json_begin_object(&o);
    belay_json_key(&o, "deed");
    belay_json_put_c(&o, deeds[deed]);
    belay_json_key(&o, "order");
    belay_json_put_str(&o, order);
    belay_json_key(&o, "key");
    belay_json_put_str(&o, key);
    belay_json_key(&o, "amount");
    belay_json_put_double(&o, amount);
    belay_json_end_object(&o);
    belay_buf_put_c(&line, '\n');
    fwrite(line.p, 1, line.n, l->file);
    fflush(l->file); /* survives this process; the machine is not what is tested here */
    belay_buf_deinit(&line);
}

struct account *ledger_do(struct ledger *l, enum deed deed, struct belay_str order, struct belay_str key,
                          double amount)
{
    struct account *a = account_of(l, order);
    if (!a || !apply(l, a, deed, key, amount))
        return NULL;
    write_line(l, deed, order, key, amount);
    return a;
}

void ledger_write_totals(const struct ledger *l, struct belay_buf *out)
{
    uint64_t charged = 0, declined = 0, refunded = 0, shipped = 0, cancelled = 0, twice = 0, both = 0, unpaid = 0;
    struct belay_map_slot *slot;
    size_t at = 0;
    while ((slot = belay_map_next(&l->accounts, &at))) {
        const struct account *a = slot->value;
        bool paid = a->done[DEED_CHARGE] > a->done[DEED_REFUND];
        charged += a->done[DEED_CHARGE] > 0;
        declined += a->done[DEED_DECLINE] > 0;
        refunded += a->done[DEED_REFUND] > 0;
        shipped += a->shipped;
        cancelled += a->done[DEED_CANCEL] > 0;
        twice += a->done[DEED_CHARGE] > 1;
        both += a->done[DEED_REFUND] > 0 && a->shipped;
        unpaid += a->shipped && !paid;
    }
    belay_buf_printf(out,
                     "{\"orders\":%zu,\"charged\":%llu,\"declined\":%llu,\"refunded\":%llu,\"shipped\":%llu,"
                     "\"cancelled\":%llu,\"charged_twice\":%llu,\"refunded_and_shipped\":%llu,"
                     "\"shipped_unpaid\":%llu,\"repeated\":%llu}",
                     l->accounts.count, (unsigned long long)charged, (unsigned long long)declined,
                     (unsigned long long)refunded, (unsigned long long)shipped, (unsigned long long)cancelled,
                     (unsigned long long)twice, (unsigned long long)both, (unsigned long long)unpaid,
                     (unsigned long long)l->repeated);
}

void account_write(const struct account *a, struct belay_buf *out)
{
    struct belay_json_out o = belay_json_out(out);
    static const char *const names[DEED_KINDS] = { "charges", "declines", "refunds", "shipments", "cancellations" };
    belay_json_begin_object(&o);
    belay_json_key(&o, "order");
    belay_json_put_str(&o, a->order);
    for (int i = 0; i < DEED_KINDS; i++) {
        belay_json_key(&o, names[i]);
        belay_json_put_uint(&o, a->done[i]);
    }
    belay_json_key(&o, "amount");
    belay_json_put_double(&o, a->amount);
    belay_json_key(&o, "shipped");
    belay_json_put_bool(&o, a->shipped);
    belay_json_end_object(&o);
}
