/* clock, random, thread, socket, sys: the thin ones. */
#include "platform/clock.h"
#include "platform/random.h"
#include "platform/socket.h"
#include "platform/sys.h"
#include "platform/thread.h"
#include "unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/tempdir.h"

static void clocks_run(void **state)
{
    (void)state;
    const struct belay_clock *c = belay_clock_posix();
    assert_true(belay_clock_wall(c) > INT64_C(1700000000) * BELAY_US_PER_S);
    belay_time before = belay_clock_monotonic(c), after = before;
    for (int i = 0; i < 1000; i++) {
        after = belay_clock_monotonic(c);
        assert_true(after >= before);
    }
}

static void entropy_differs(void **state)
{
    (void)state;
    uint8_t a[300] = { 0 }, zeros[300] = { 0 };
    belay_entropy_fill(belay_entropy_posix(), a, sizeof a);
    assert_memory_not_equal(a, zeros, sizeof a);
    assert_true(belay_entropy_u64(belay_entropy_posix())
                != belay_entropy_u64(belay_entropy_posix()));
}

struct pair {
    struct belay_mutex m;
    struct belay_cond c;
    int turn;
};

static void answer(void *ctx)
{
    struct pair *p = ctx;
    belay_mutex_lock(&p->m);
    while (p->turn != 1)
        belay_cond_wait(&p->c, &p->m);
    p->turn = 2;
    belay_cond_broadcast(&p->c);
    belay_mutex_unlock(&p->m);
}

static void threads_take_turns(void **state)
{
    (void)state;
    struct pair p = { .turn = 0 };
    struct belay_thread t;
    belay_mutex_init(&p.m);
    belay_cond_init(&p.c);
    assert_ok(belay_thread_start(&t, "a name that is too long", answer, &p, NULL));
    assert_string_equal(t.name, "a name that is ");
    belay_mutex_lock(&p.m);
    assert_false(belay_cond_wait_ms(&p.c, &p.m, 1));
    p.turn = 1;
    belay_cond_signal(&p.c);
    while (p.turn != 2)
        assert_true(belay_cond_wait_ms(&p.c, &p.m, 60999) || p.turn == 2);
    belay_mutex_unlock(&p.m);
    belay_thread_join(&t);
    belay_thread_join(&t); /* joined already: nothing happens */
    belay_cond_deinit(&p.c);
    belay_mutex_deinit(&p.m);
}

struct place {
    int policy, nice;
    struct sched_param param;
};

static struct place place_here(void)
{
    struct place p = { .policy = -1 };
    (void)pthread_getschedparam(pthread_self(), &p.policy, &p.param);
    p.nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    return p;
}

static void wish(void *ctx)
{
    struct place *place = ctx;
    place[0] = place_here();
    belay_thread_wish_turn_us(100);
    place[1] = place_here();
}

/* Whether the kernel listens or not. */
static void a_wish_for_short_turns_changes_neither_policy_nor_nice(void **state)
{
    (void)state;
    struct place place[2];
    struct belay_thread t;
    assert_ok(belay_thread_start(&t, "wish", wish, place, NULL));
    belay_thread_join(&t);
    assert_true(place[0].policy >= 0);
    assert_int_equal(place[1].policy, place[0].policy);
    assert_int_equal(place[1].param.sched_priority, place[0].param.sched_priority);
    assert_int_equal(place[1].nice, place[0].nice);
}

static void the_system_says_why_in_our_words(void **state)
{
    (void)state;
    const struct {
        int number, status;
    } cases[] = {
        { ENOSPC, BELAY_NOSPACE }, { EDQUOT, BELAY_NOSPACE }, { ENOENT, BELAY_NOTFOUND },
        { EEXIST, BELAY_EXISTS },  { EACCES, BELAY_DENIED },  { EMFILE, BELAY_LIMIT },
        { ENOMEM, BELAY_NOMEM },   { EIO, BELAY_IO },         { EINVAL, BELAY_IO },
        { EAGAIN, BELAY_BUSY },    { EOPNOTSUPP, BELAY_UNSUPPORTED },
    };
    struct belay_err err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(belay_sys_status(cases[i].number), cases[i].status);
    assert_int_equal(belay_sys_fail(&err, ENOSPC, "write %s", "x"), BELAY_NOSPACE);
    assert_string_equal(err.msg, "write x: No space left on device");
}

/* A server's side of a unix socket. */
static int listener(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, path, strlen(path));
    assert_ok(bind(fd, (struct sockaddr *)&at, sizeof at));
    assert_ok(listen(fd, 1));
    return fd;
}

static void a_unix_socket_is_connected_to_where_somebody_listens(void **state)
{
    (void)state;
    char dir[32], path[64], longer[200];
    struct belay_err err;
    int client = -1;
    assert_non_null(tempdir_make(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    assert_int_equal(belay_connect_unix(path, &client, &err), BELAY_NOTFOUND);
    int fd = listener(path);
    assert_ok(belay_connect_unix(path, &client, &err));
    belay_socket_close(client);
    belay_socket_close(fd);
    client = -1;
    assert_int_equal(belay_connect_unix(path, &client, &err), BELAY_UNAVAILABLE);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(belay_connect_unix(longer, &client, &err), BELAY_LIMIT);
    assert_int_equal(client, -1);
    belay_socket_close(client);
    tempdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(entropy_differs),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(a_wish_for_short_turns_changes_neither_policy_nor_nice),
        cmocka_unit_test(the_system_says_why_in_our_words),
        cmocka_unit_test(a_unix_socket_is_connected_to_where_somebody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
