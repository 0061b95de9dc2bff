/* The message in hand, noted in a page of memory that outlives the process: what is found there when
 * the store is opened is what crashed it.  One note costs three stores; a run without calls needs no
 * record of its attempt.  It stays there until the crash is counted and that is durable; nothing is
 * delivered before: or a message that kills the process at once would do so for ever. */
#include "engine/impl.h"

#include <stdatomic.h>

#include "platform/disk.h"

#define HAND_MAGIC 0x31444e4148594c42u /* "BLYHAND1" */
#define HAND_BYTES 4096

struct engine_hand {
    uint64_t magic;
    uint64_t sequence;
    uint32_t sub;
    uint32_t check; /* of both, so that a page torn by a power failure says nothing */
};

static uint32_t check_of(uint32_t sub, uint64_t sequence)
{
    return (uint32_t)(sequence * 0x9e3779b97f4a7c15u >> 32) ^ sub * 0x85ebca6bu ^ 0x42454c59u;
}

int engine_hand_open(struct belay_engine *e, uint32_t *ret_sub, uint64_t *ret_sequence,
                     struct belay_err *err)
{
    void *page;
    int status = belay_file_open(e->opt.disk, "hand", BELAY_FILE_WRITE | BELAY_FILE_CREATE,
                                 &e->hand_file, err);
    if (status == BELAY_OK)
        status = belay_file_map(e->hand_file, HAND_BYTES, &page, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "the page of the message in hand");
    e->hand = page;
    const struct engine_hand *h = e->hand;
    bool found = h->magic == HAND_MAGIC && h->sub && h->check == check_of(h->sub, h->sequence);
    *ret_sub = found ? h->sub : 0;
    *ret_sequence = found ? h->sequence : 0;
    if (!found)
        *e->hand = (struct engine_hand){ .magic = HAND_MAGIC };
    return BELAY_OK;
}

void engine_hand_take(struct belay_engine *e, uint32_t sub, uint64_t sequence)
{
    struct engine_hand *h = e->hand;
    h->sequence = sequence;
    h->check = check_of(sub, sequence);
    h->sub = sub;
    atomic_signal_fence(memory_order_seq_cst); /* before what may crash */
}

void engine_hand_empty(struct belay_engine *e)
{
    atomic_signal_fence(memory_order_seq_cst);
    e->hand->sub = 0;
}

bool engine_hand_is_known(struct belay_engine *e)
{
    if (e->crash_position == 0)
        return true;
    if (belay_store_durable(e->store) < e->crash_position)
        return false;
    engine_hand_empty(e);
    e->crash_position = 0;
    return true;
}

void engine_hand_close(struct belay_engine *e)
{
    belay_file_close(e->hand_file);
    e->hand_file = NULL;
    e->hand = NULL;
}
