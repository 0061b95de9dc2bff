#include "platform/mailbox.h"
#include "base/alloc.h"
#include "platform/thread.h"
#include "unit/test.h"

#define SENDERS 3
#define ITEMS 20000

static struct belay_mailbox *box_new(size_t capacity)
{
    struct belay_mailbox *box = NULL;
    assert_ok(belay_mailbox_new(capacity, &box, NULL));
    return box;
}

static void a_full_box_refuses_and_the_item_stays_the_senders(void **state)
{
    (void)state;
    struct belay_mailbox *box = box_new(3); /* becomes 4 */
    int items[5];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            assert_ok(belay_mailbox_post(box, &items[i]));
        assert_int_equal(belay_mailbox_post(box, &items[4]), BELAY_BUSY);
        assert_int_equal(belay_mailbox_depth(box), 4);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(belay_mailbox_take(box), &items[i]);
        assert_null(belay_mailbox_take(box));
    }
    belay_mailbox_free(box);
}

static void a_closed_box_refuses_but_gives_what_it_has(void **state)
{
    (void)state;
    struct belay_mailbox *box = box_new(4);
    int item;
    assert_ok(belay_mailbox_post(box, &item));
    assert_false(belay_mailbox_closed(box));
    belay_mailbox_close(box);
    assert_int_equal(belay_mailbox_post(box, &item), BELAY_CANCELLED);
    assert_true(belay_mailbox_closed(box));
    belay_mailbox_wait(box, -1); /* does not sleep */
    assert_ptr_equal(belay_mailbox_take(box), &item);
    belay_mailbox_wait(box, -1);
    belay_mailbox_free(box);
}

static void a_wait_ends_with_its_timeout(void **state)
{
    (void)state;
    struct belay_mailbox *box = box_new(2);
    belay_mailbox_wait(box, 1);
    assert_null(belay_mailbox_take(box));
    belay_mailbox_free(box);
}

struct sender {
    struct belay_mailbox *box;
    struct belay_thread thread;
    uint32_t items[ITEMS];
    uint32_t id;
};

static void send_all(void *ctx)
{
    struct sender *s = ctx;
    for (uint32_t i = 0; i < ITEMS; i++) {
        s->items[i] = s->id * ITEMS + i;
        bool last = i % 7 == 6 || i == ITEMS - 1; /* of those that are put together */
        while ((last ? belay_mailbox_post : belay_mailbox_put)(s->box, &s->items[i]) == BELAY_BUSY) {
            belay_mailbox_wake(s->box);
            sched_yield();
        }
    }
}

/* Nothing is lost, nothing comes twice, and each sender's items come in its order; a lost wake-up
 * would hang here. */
static void many_senders_one_sleeping_receiver(void **state)
{
    (void)state;
    static struct sender senders[SENDERS];
    struct belay_mailbox *box = box_new(64);
    uint32_t next[SENDERS] = { 0 };
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i].box = box;
        senders[i].id = i;
        assert_ok(belay_thread_start(&senders[i].thread, "sender", send_all, &senders[i], NULL));
    }
    for (size_t got = 0; got < (size_t)SENDERS * ITEMS;) {
        uint32_t *item;
        while ((item = belay_mailbox_take(box))) {
            assert_int_equal(*item % ITEMS, next[*item / ITEMS]);
            next[*item / ITEMS]++;
            got++;
        }
        if (got < (size_t)SENDERS * ITEMS)
            belay_mailbox_wait(box, -1);
    }
    for (int i = 0; i < SENDERS; i++)
        belay_thread_join(&senders[i].thread);
    assert_null(belay_mailbox_take(box));
    belay_mailbox_free(box);
}

/* Whether it came before the receiver slept or after: the wake-up is not lost. */
static void what_is_put_is_there_and_wakes_when_the_sender_says_so(void **state)
{
    (void)state;
    struct belay_mailbox *box;
    int item;
    assert_int_equal(belay_mailbox_new(2, &box, NULL), BELAY_OK);
    assert_int_equal(belay_mailbox_put(box, &item), BELAY_OK);
    assert_int_equal(belay_mailbox_put(box, &item), BELAY_OK);
    assert_int_equal(belay_mailbox_put(box, &item), BELAY_BUSY);
    belay_mailbox_wait(box, -1); /* not empty: does not sleep */
    belay_mailbox_wake(box);
    assert_ptr_equal(belay_mailbox_take(box), &item);
    assert_ptr_equal(belay_mailbox_take(box), &item);
    assert_null(belay_mailbox_take(box));
    belay_mailbox_free(box);
}

static void without_memory_there_is_no_box(void **state)
{
    (void)state;
    struct belay_mailbox *box = NULL;
    for (uint64_t granted = 0; granted < 2; granted++) {
        belay_alloc_fail_after(granted);
        assert_int_equal(belay_mailbox_new(4, &box, NULL), BELAY_NOMEM);
        belay_alloc_fail_after(UINT64_MAX);
        assert_null(box);
    }
    belay_mailbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_box_refuses_and_the_item_stays_the_senders),
        cmocka_unit_test(a_closed_box_refuses_but_gives_what_it_has),
        cmocka_unit_test(a_wait_ends_with_its_timeout),
        cmocka_unit_test(many_senders_one_sleeping_receiver),
        cmocka_unit_test(what_is_put_is_there_and_wakes_when_the_sender_says_so),
        cmocka_unit_test(without_memory_there_is_no_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
