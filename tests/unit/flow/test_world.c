/* Random worlds: services that fail, lose answers after the work was done, and a process that dies.
 * Whatever happens, what was done outside is what the flow's guarantees allow:
 *
 *   W1 a call that may not be repeated is never done twice
 *   W2 a step has one key, in its calls and in the questions about them
 *   W3 DONE: every call was done; its publications are those of a run in which nothing failed
 *   W4 a letter of known outcome: the step that failed was not done (unless it may be repeated)
 *   W5 it ends, within the attempts that the policy allows */
#include "unit/flow/fixture.h"

#define CALLS 3
#define SEEDS 3000

enum trait { PLAIN, WITH_RESOLVE, HONOURS_KEY, TRAITS };

struct world {
    struct belay_random random;
    unsigned trouble; /* of 100 */
    enum trait traits[CALLS];
    uint32_t done[CALLS]; /* how often the work was done */
    char keys[CALLS][33];
    bool other_key[CALLS];
    bool rule;
};

static bool happens(struct world *w, unsigned of_100)
{
    return belay_random_below(&w->random, 100) < of_100;
}

static struct belay_connection_def honouring, plain;
static const char *const paths[CALLS] = { "/a", "/b", "/c" };
static const char *const asks[CALLS] = { "/ask/a", "/ask/b", "/ask/c" };

static void build(struct fixture *f, struct world *w)
{
    static const char *const names[CALLS] = { "a", "b", "c" };
    f->def.retry.max_attempts = 6;
    plain = honouring = f->payments;
    honouring.honours_key = true;
    add_publish(f, "p0", "before", NULL, "{% total %}");
    for (int i = 0; i < CALLS; i++) {
        w->traits[i] = (enum trait)belay_random_below(&w->random, TRAITS);
        struct belay_step_def *step = add_call(f, names[i], "POST", paths[i], "{% total %}");
        step->u.call.call.connection = w->traits[i] == HONOURS_KEY ? &honouring : &plain;
        if (w->traits[i] == WITH_RESOLVE)
            add_resolve(f, step, asks[i]);
    }
    add_publish(f, "p1", "after", NULL, "{% [$a.body.n, $b.body.n, $c.body.n] %}");
    w->rule = happens(w, 50);
    if (!w->rule)
        return;
    on_error(f, "HTTP"); /* its own call is one of a service that honours the key */
    struct belay_step_def *tell = add_apart(f, BELAY_STEP_CALL, "e");
    tell->u.call.call = call_def(f, "POST", "/tell", "{% $error.step %}");
    tell->u.call.call.connection = &honouring;
    add_publish(f, "p2", "errors", NULL, "{% $error.step %}");
    add(f, BELAY_STEP_DEAD_LETTER, "dl");
}

/* Of a call, and of the question about it. */
static void see_key(struct world *w, int i, const struct belay_call_request *r)
{
    char key[33];
    assert_int_equal(r->idempotency_key.n, 32);
    snprintf(key, sizeof key, "%.*s", BELAY_STR_ARG(r->idempotency_key));
    if (w->keys[i][0] && strcmp(w->keys[i], key) != 0)
        w->other_key[i] = true;
    memcpy(w->keys[i], key, sizeof key);
}

static struct belay_call_outcome done_answer(int i)
{
    static const char *const answers[CALLS] = { "{\"n\":1}", "{\"n\":2}", "{\"n\":3}" };
    return ok(answers[i]);
}

/* What the outside makes of a request; false: the process dies before it learns. */
static bool serve(struct world *w, const struct belay_call_request *r,
                  struct belay_call_outcome *ret)
{
    struct belay_str path = r->params[1].value;
    for (int i = 0; i < CALLS; i++) {
        if (belay_str_eq(path, belay_str_c(asks[i]))) {
            see_key(w, i, r);
            *ret = happens(w, w->trouble) ? transient() : w->done[i] ? done_answer(i) : not_found();
            return !happens(w, w->trouble / 2);
        }
        if (!belay_str_eq(path, belay_str_c(paths[i])))
            continue;
        if (happens(w, w->trouble)) {
            *ret = happens(w, 20) ? refused() : transient();
            return !happens(w, w->trouble / 2);
        }
        bool reached = !happens(w, w->trouble);
        see_key(w, i, r);
        w->done[i] += reached;
        *ret = !reached || happens(w, w->trouble) ? unknown() : done_answer(i);
        return !happens(w, w->trouble / 2);
    }
    if (belay_str_eq(path, BELAY_STR("/tell"))) {
        *ret = happens(w, w->trouble) ? unknown() : ok("");
        return !happens(w, w->trouble / 2);
    }
    fail_msg("nobody serves %.*s", BELAY_STR_ARG(path));
    return false;
}

static enum belay_flow_verdict live(struct fixture *f, struct world *w, struct drive *d,
                                    uint32_t *ret_step)
{
    enum belay_flow_verdict verdict = BELAY_FLOW_RETRY;
    for (d->attempt = 1; verdict == BELAY_FLOW_RETRY || d->interrupted; d->attempt++) {
        assert_true(d->attempt <= 6 * (CALLS + 1)); /* W5 */
        struct belay_flow_run *run = drive_begin(f, d);
        d->interrupted = false;
        verdict = belay_flow_step(run, f->now, NULL);
        while (verdict == BELAY_FLOW_CALL && !d->interrupted) {
            struct belay_call_outcome outcome;
            keep(d, run, false);
            d->interrupted = !serve(w, belay_flow_request(run), &outcome);
            if (!d->interrupted)
                verdict = belay_flow_step(run, f->now, &outcome);
        }
        if (!d->interrupted) {
            keep(d, run, true);
            trace_effects(f, run);
            if (belay_flow_fault(run))
                d->fault = *belay_flow_fault(run);
        }
        belay_flow_free(run);
    }
    *ret_step = (uint32_t)(d->fault.step[0] - 'a');
    return verdict;
}

static void check(struct fixture *f, struct world *w, struct drive *d,
                  enum belay_flow_verdict verdict, uint32_t step)
{
    for (int i = 0; i < CALLS; i++) {
        if (w->traits[i] != HONOURS_KEY)
            assert_true(w->done[i] <= 1); /* W1 */
        assert_false(w->other_key[i]);    /* W2 */
        if (verdict == BELAY_FLOW_DONE)
            assert_true(w->done[i] >= 1); /* W3 */
    }
    if (verdict == BELAY_FLOW_DONE) {
        assert_trace_of(f, "publish before key=k 12\npublish after key=k [1,2,3]\n");
        return;
    }
    if (f->trace.n) { /* a letter publishes what its rule says, once, and nothing else */
        char said[64];
        assert_true(w->rule && step < CALLS);
        snprintf(said, sizeof said, "publish errors key=k \"%c\"\n", (int)('a' + step));
        assert_trace_of(f, said);
    }
    if (step >= CALLS) { /* the rule's own call failed */
        assert_true(w->rule);
        return;
    }
    if (d->fault.class_ != BELAY_CLASS_UNKNOWN_OUTCOME && w->traits[step] != HONOURS_KEY)
        assert_int_equal(w->done[step], 0); /* W4 */
}

/* A person replays a letter whose outcome is known, until it is done. */
static void one_world(uint64_t seed, uint32_t counts[2])
{
    struct fixture *f = malloc(sizeof *f);
    struct world w = { .random = { seed } };
    struct drive d;
    uint32_t step;
    fixture_init(f);
    w.trouble = (unsigned)belay_random_below(&w.random, 60);
    build(f, &w);
    drive_init(&d, f, NULL, 0);
    for (int replays = 0;; replays++) {
        enum belay_flow_verdict verdict = live(f, &w, &d, &step);
        check(f, &w, &d, verdict, step);
        counts[verdict == BELAY_FLOW_DONE]++;
        if (verdict == BELAY_FLOW_DONE || replays > 20
            || (d.fault.class_ == BELAY_CLASS_UNKNOWN_OUTCOME && step < CALLS
                && w.traits[step] == PLAIN))
            break;
    }
    drive_deinit(&d);
    fixture_deinit(f);
    free(f);
}

static void whatever_fails_the_outside_is_consistent(void **state)
{
    (void)state;
    uint32_t counts[2] = { 0 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        one_world(seed, counts);
    }
    assert_true(counts[0] > SEEDS / 10); /* letters and done: both ends are seen */
    assert_true(counts[1] > SEEDS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_the_outside_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
