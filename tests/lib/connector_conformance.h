/* connector_conformance.h - what any connector must do, whatever protocol it speaks.
 *
 * A connector's test fills a target: how to open a connection to a remote side it controls, and
 * requests that make this side behave. belay_conformance_tests then run as cmocka tests. */
#ifndef BELAY_TESTS_CONNECTOR_CONFORMANCE_H
#define BELAY_TESTS_CONNECTOR_CONFORMANCE_H

#include "belay/connector.h"
#include "unit/test.h"

enum conformance_wish {
    CONFORMANCE_OK,      /* the remote side does it and says so at once */
    CONFORMANCE_SLOW,    /* the same after about 200 ms */
    CONFORMANCE_REFUSED, /* it refuses for good */
    CONFORMANCE_BUSY,    /* it asks to come again later */
    CONFORMANCE_NEVER,   /* it takes the request and says nothing */
    CONFORMANCE_LOST     /* it takes the request and breaks the connection */
};

struct conformance_target {
    const struct belay_connector *connector;
    const struct belay_option_value *options; /* of a connection to the remote side */
    uint32_t option_count;
    const struct belay_option_value *nobody;  /* of one to a place where nobody listens */
    uint32_t nobody_count;
    /* Fills params, headers, body of a request that is not idempotent by itself. */
    void (*wish)(void *arg, enum conformance_wish wish, struct belay_call_request *request);
    /* Attempts that reached the remote side so far. */
    uint32_t (*attempts)(void *arg);
    void *arg;
};

/* Before the tests run. */
void conformance_use(const struct conformance_target *target);

/* ---- a recorder of outcomes, for other tests of connectors too ---- */

struct recorder;
struct recorder *recorder_new(void);
/* All connections that use it are closed. */
void recorder_free(struct recorder *r);
belay_call_done recorder_done;       /* arg: the recorder */
void recorder_closed(void *recorder);
/* Waits until the outcome of id is there (10 s at most), and gives it away. Fails the test when it
 * does not come, or came twice. */
struct belay_call_outcome *recorder_wait(struct recorder *r, uint64_t id);
void recorder_wait_closed(struct recorder *r);
uint32_t recorder_count(struct recorder *r); /* outcomes so far */
bool recorder_is_closed(struct recorder *r);
bool recorder_came_from_this_thread(struct recorder *r);

void conformance_one_call_is_one_attempt(void **state);
void conformance_a_refusal_is_permanent_and_not_repeated(void **state);
void conformance_a_request_to_come_later_is_transient(void **state);
void conformance_no_answer_in_time_is_an_unknown_outcome(void **state);
void conformance_a_lost_answer_is_an_unknown_outcome_and_not_repeated(void **state);
void conformance_nobody_there_is_transient(void **state);
void conformance_cancelling_in_flight_is_an_unknown_outcome(void **state);
void conformance_cancelling_while_waiting_never_happened(void **state);
void conformance_a_timeout_while_waiting_never_happened(void **state);
void conformance_back_pressure_when_slots_and_queue_are_full(void **state);
void conformance_close_lets_calls_in_flight_end(void **state);
void conformance_close_cancels_after_the_drain_time(void **state);
void conformance_close_of_an_idle_connection(void **state);
void conformance_many_calls_each_end_once(void **state);

#define CONFORMANCE_TESTS                                                                  \
    cmocka_unit_test(conformance_one_call_is_one_attempt),                                 \
        cmocka_unit_test(conformance_a_refusal_is_permanent_and_not_repeated),             \
        cmocka_unit_test(conformance_a_request_to_come_later_is_transient),                \
        cmocka_unit_test(conformance_no_answer_in_time_is_an_unknown_outcome),             \
        cmocka_unit_test(conformance_a_lost_answer_is_an_unknown_outcome_and_not_repeated), \
        cmocka_unit_test(conformance_nobody_there_is_transient),                           \
        cmocka_unit_test(conformance_cancelling_in_flight_is_an_unknown_outcome),          \
        cmocka_unit_test(conformance_cancelling_while_waiting_never_happened),             \
        cmocka_unit_test(conformance_a_timeout_while_waiting_never_happened),              \
        cmocka_unit_test(conformance_back_pressure_when_slots_and_queue_are_full),         \
        cmocka_unit_test(conformance_close_lets_calls_in_flight_end),                      \
        cmocka_unit_test(conformance_close_cancels_after_the_drain_time),                  \
        cmocka_unit_test(conformance_close_of_an_idle_connection),                         \
        cmocka_unit_test(conformance_many_calls_each_end_once)

#endif
