/* room.h - the room itself: all sagas, those in memory, their turn.  Private to saga.
 *
 * An instance is in one place at a time:
 *
 *   row only --load--> ready --turn--> in flight --outcome--> ready ...
 *      ^                 |  `--no free slot--> gate of its connection
 *      |                 `--later--> idle (timer) --due--> ready
 *      `--evict-- idle, ready or gate, oldest first, beyond BELAY_SAGAS_IN_MEMORY
 *
 * Its row is written with each move.  Its entry in SAGA_DUE, which leads to it when it has to do
 * something, is written when it leaves memory and before a checkpoint: a saga that ends between two
 * checkpoints costs one of each, and after a crash the records behind the checkpoint lead to it.
 * So every row that is not in memory has its entry at `due` (a parked one has none); while an
 * instance is in memory its timer counts, not the entry.
 *
 *   kinds.h   names, numbers, counters       cache.h   instances in memory     queue.h  who is next
 *   turn.h    what an instance does next     apply.h   records change it       kept.h   events before their saga
 *   scope.h   what expressions see           redact.h  what may be told        record.h, instance.h, machine.h
 *
 * Thread: engine. */
#ifndef BELAY_SAGA_ROOM_H
#define BELAY_SAGA_ROOM_H

#include "base/arena.h"
#include "base/map.h"
#include "base/random.h"
#include "saga/queue.h"
#include "saga/saga.h"
#include "saga/turn.h"

struct saga_kind;

struct belay_sagas {
    struct belay_sagas_opt opt;
    struct belay_state *state;
    struct belay_random random;

    struct saga_kind **kinds; /* by number - 1 */
    uint32_t kind_count, kind_cap;
    uint32_t watch_from;      /* index of the kind whose rows are looked at first */
    struct belay_map kind_by_name;

    struct belay_map sagas; /* in memory, by key */
    size_t bytes;
    struct belay_list ready, idle, pool;
    uint32_t pool_count;
    struct belay_heap timers;
    struct gate **gates;
    uint32_t gate_count, gate_cap;
    struct flight_slot *flights;
    uint32_t flight_cap, flight_free;

    belay_time now;         /* of the call that came last */
    belay_time rows_due;    /* no row outside memory is due before */
    belay_time pass_due;    /* the same of what became a row since the scan began */
    uint32_t gated;         /* instances that wait for a slot */
    bool gates_overflowed;  /* some of them were evicted */
    belay_time pause_until; /* there was no room: nothing goes on before */
    char scan_key[DUE_KEY_BYTES_MAX];
    size_t scan_key_n;

    struct saga_turn turn;
    const struct belay_saga_word *word; /* of the person whose move is being made */
    struct belay_arena arena; /* of one turn */
    struct belay_buf record, row, kind_row, fault, text, json, scratch;
    struct saga *look; /* views of instances that are not in memory */
    struct belay_buf list_id;
};

#endif
