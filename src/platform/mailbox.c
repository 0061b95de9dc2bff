/* Vyukov's bounded queue: each cell carries a turn that says whose it is. The turn counts from the start of its
 * round and not from the cell's position, so that memory of zeros is an empty queue: a mailbox for the worst day
 * takes no page before it needs it.
 *
 *   turn == round            free for the sender that claims position `at`, with round = at - at % capacity
 *   turn == round + 1        filled, for the receiver at position `at`
 *   turn == round + capacity free again, for the next round
 *
 * The wake-up is Dekker's: the sender fills, then reads `asleep`; the receiver sets `asleep`, then
 * reads the cell. All four are sequentially consistent, so one of them sees the other. */
#include "platform/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/sys.h"

#define CACHE_LINE 64

struct cell {
    atomic_size_t turn;
    void *item;
};

struct belay_mailbox {
    struct cell *cells; /* zeros at first */
    size_t mask;
    int fd;
    _Alignas(CACHE_LINE) atomic_size_t tail; /* senders */
    atomic_bool closed;
    _Alignas(CACHE_LINE) atomic_size_t head; /* written by the receiver only */
    _Alignas(CACHE_LINE) atomic_bool asleep;
};

/* The round of position at. */
static size_t round_of(const struct belay_mailbox *box, size_t at)
{
    return at & ~box->mask;
}

int belay_mailbox_new(size_t capacity, struct belay_mailbox **ret_box, struct belay_err *err)
{
    size_t size = 2;
    BELAY_ASSERT(capacity <= BELAY_MAILBOX_CAPACITY_MAX);
    while (size < capacity)
        size *= 2;
    struct belay_mailbox *box = belay_malloc_aligned(CACHE_LINE, sizeof *box);
    struct cell *cells = belay_calloc(size, sizeof *cells);
    int fd = box && cells ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
    if (fd < 0) {
        int failed = errno;
        bool no_memory = !box || !cells;
        belay_free(cells);
        belay_free(box);
        return no_memory ? belay_fail(err, BELAY_NOMEM, "mailbox of %zu: out of memory", size)
                         : belay_sys_fail(err, failed, "eventfd");
    }
    box->cells = cells;
    box->mask = size - 1;
    box->fd = fd;
    atomic_init(&box->tail, 0);
    atomic_init(&box->head, 0);
    atomic_init(&box->closed, false);
    atomic_init(&box->asleep, false);
    *ret_box = box;
    return BELAY_OK;
}

void belay_mailbox_free(struct belay_mailbox *box)
{
    if (!box)
        return;
    BELAY_ASSERT(belay_mailbox_depth(box) == 0);
    close(box->fd);
    belay_free(box->cells);
    belay_free(box);
}

void belay_mailbox_wake(struct belay_mailbox *box)
{
    if (!atomic_load(&box->asleep) || !atomic_exchange(&box->asleep, false))
        return;
    uint64_t one = 1;
    ssize_t n = write(box->fd, &one, sizeof one);
    /* EAGAIN: the counter is full, so it is readable already. */
    BELAY_ASSERT(n == (ssize_t)sizeof one || errno == EAGAIN);
}

int belay_mailbox_put(struct belay_mailbox *box, void *item)
{
    BELAY_ASSERT(item);
    if (atomic_load_explicit(&box->closed, memory_order_acquire))
        return BELAY_CANCELLED;
    size_t at = atomic_load_explicit(&box->tail, memory_order_relaxed);
    struct cell *cell;
    for (;;) {
        cell = &box->cells[at & box->mask];
        size_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == round_of(box, at)) {
            if (atomic_compare_exchange_weak_explicit(&box->tail, &at, at + 1,
                                                      memory_order_relaxed, memory_order_relaxed))
                break;
        } else if ((ptrdiff_t)(turn - round_of(box, at)) < 0) {
            return BELAY_BUSY;
        } else {
            at = atomic_load_explicit(&box->tail, memory_order_relaxed);
        }
    }
    cell->item = item;
    atomic_store(&cell->turn, round_of(box, at) + 1);
    return BELAY_OK;
}

int belay_mailbox_post(struct belay_mailbox *box, void *item)
{
    int status = belay_mailbox_put(box, item);
    if (status == BELAY_OK)
        belay_mailbox_wake(box);
    return status;
}

void belay_mailbox_close(struct belay_mailbox *box)
{
    atomic_store(&box->closed, true);
    belay_mailbox_wake(box);
}

bool belay_mailbox_closed(struct belay_mailbox *box)
{
    return atomic_load(&box->closed);
}

size_t belay_mailbox_depth(struct belay_mailbox *box)
{
    size_t head = atomic_load_explicit(&box->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&box->tail, memory_order_relaxed);
    return (ptrdiff_t)(tail - head) > 0 ? tail - head : 0;
}

static struct cell *filled(struct belay_mailbox *box, size_t head)
{
    struct cell *cell = &box->cells[head & box->mask];
    return atomic_load(&cell->turn) == round_of(box, head) + 1 ? cell : NULL;
}

void *belay_mailbox_take(struct belay_mailbox *box)
{
    size_t head = atomic_load_explicit(&box->head, memory_order_relaxed);
    struct cell *cell = filled(box, head);
    if (!cell)
        return NULL;
    void *item = cell->item;
    atomic_store_explicit(&box->head, head + 1, memory_order_relaxed);
    atomic_store_explicit(&cell->turn, round_of(box, head) + box->mask + 1, memory_order_release);
    BELAY_ASSERT(item);
    return item;
}

static void woken(struct belay_mailbox *box)
{
    uint64_t count;
    ssize_t n = read(box->fd, &count, sizeof count);
    BELAY_ASSERT(n == (ssize_t)sizeof count || errno == EAGAIN || errno == EINTR);
}

/* True: empty, and the next post makes the descriptor readable. */
static bool arm(struct belay_mailbox *box)
{
    atomic_store(&box->asleep, true);
    size_t head = atomic_load_explicit(&box->head, memory_order_relaxed);
    if (!filled(box, head) && !atomic_load(&box->closed))
        return true;
    atomic_store(&box->asleep, false);
    return false;
}

void belay_mailbox_wait(struct belay_mailbox *box, int timeout_ms)
{
    if (!arm(box))
        return;
    struct pollfd wait = { .fd = box->fd, .events = POLLIN };
    int n = poll(&wait, 1, timeout_ms);
    BELAY_ASSERT(n >= 0 || errno == EINTR);
    atomic_store(&box->asleep, false);
    if (n > 0)
        woken(box);
}
