#include "base/alloc.h"
#include "base/heap.h"
#include "base/random.h"
#include "unit/test.h"

#include "unit/aborts.h"

#define COUNT 500

static void the_smallest_leaves_first(void **state)
{
    (void)state;
    struct belay_random r = { .state = 7 };
    struct belay_heap h;
    static struct belay_heap_node nodes[COUNT];
    belay_heap_init(&h);
    assert_null(belay_heap_min(&h));
    for (int i = 0; i < COUNT; i++) {
        belay_heap_node_init(&nodes[i]);
        assert_ok(belay_heap_insert(&h, &nodes[i], (int64_t)belay_random_below(&r, 100) - 50));
    }
    int64_t last = INT64_MIN;
    for (int i = 0; i < COUNT; i++) {
        struct belay_heap_node *min = belay_heap_min(&h);
        assert_true(min->key >= last);
        last = min->key;
        belay_heap_remove(&h, min);
        assert_true(min->index == BELAY_HEAP_OUT);
    }
    assert_null(belay_heap_min(&h));
    belay_heap_deinit(&h);
}

static void equal_keys_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct belay_heap h;
    struct belay_heap_node nodes[20];
    belay_heap_init(&h);
    for (int i = 0; i < 20; i++) {
        belay_heap_node_init(&nodes[i]);
        assert_ok(belay_heap_insert(&h, &nodes[i], i % 2));
    }
    for (int i = 0; i < 20; i++) {
        struct belay_heap_node *min = belay_heap_min(&h);
        assert_ptr_equal(min, &nodes[i < 10 ? 2 * i : 2 * (i - 10) + 1]);
        belay_heap_remove(&h, min);
    }
    belay_heap_deinit(&h);
}

/* Against a plain array, with removals from anywhere. */
static void any_node_may_leave_at_any_time(void **state)
{
    (void)state;
    struct belay_random r = { .state = 3 };
    struct belay_heap h;
    static struct belay_heap_node nodes[COUNT];
    belay_heap_init(&h);
    for (int i = 0; i < COUNT; i++)
        belay_heap_node_init(&nodes[i]);
    for (int step = 0; step < 5000; step++) {
        struct belay_heap_node *node = &nodes[belay_random_below(&r, COUNT)];
        if (node->index == BELAY_HEAP_OUT)
            assert_ok(belay_heap_insert(&h, node, (int64_t)belay_random_below(&r, 1000)));
        else
            belay_heap_remove(&h, node);
        const struct belay_heap_node *min = belay_heap_min(&h), *best = NULL;
        for (int i = 0; i < COUNT; i++) {
            const struct belay_heap_node *n = &nodes[i];
            if (n->index != BELAY_HEAP_OUT
                && (!best || n->key < best->key || (n->key == best->key && n->order < best->order)))
                best = n;
        }
        assert_ptr_equal(min, best);
    }
    belay_heap_remove(&h, &nodes[0]);
    belay_heap_remove(&h, &nodes[0]); /* out already: nothing happens */
    belay_heap_deinit(&h);
}

static void without_memory_the_node_stays_out(void **state)
{
    (void)state;
    struct belay_heap h;
    struct belay_heap_node node;
    belay_heap_init(&h);
    belay_heap_node_init(&node);
    belay_alloc_fail_after(0);
    assert_int_equal(belay_heap_insert(&h, &node, 1), BELAY_NOMEM);
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(node.index == BELAY_HEAP_OUT && h.count == 0);
    assert_ok(belay_heap_insert(&h, &node, 1));
    belay_heap_deinit(&h);
}

static void insert_twice(void *ctx)
{
    struct belay_heap h;
    struct belay_heap_node node;
    (void)ctx;
    belay_heap_init(&h);
    belay_heap_node_init(&node);
    (void)!belay_heap_insert(&h, &node, 1);
    (void)!belay_heap_insert(&h, &node, 2);
}

static void a_node_in_two_places_is_a_bug(void **state)
{
    (void)state;
    assert_true(aborts(insert_twice, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_leaves_first),
        cmocka_unit_test(equal_keys_leave_in_the_order_they_came),
        cmocka_unit_test(any_node_may_leave_at_any_time),
        cmocka_unit_test(without_memory_the_node_stays_out),
        cmocka_unit_test(a_node_in_two_places_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
