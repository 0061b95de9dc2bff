#include "connector/command/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"

#define GRACE_MS 1000 /* between SIGTERM and SIGKILL */
#define BITE 16384

enum { IN, OUT, DEAD, WAKE, FDS };

struct process {
    pid_t pid;
    int fds[FDS]; /* of our ends; -1: closed */
    struct belay_str input;
    struct belay_buf *out;
    bool truncated, terminated;
    enum process_end why; /* it is being ended */
    belay_time kill_at;   /* and has no more time then */
};

static belay_time now(void)
{
    return belay_clock_monotonic(belay_clock_posix());
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Standard input and output are pipes, errors go where the output goes; a group of its own, so that what it starts can be
 * ended with it; no signal blocked or ignored; no other file of ours open. */
static int start(struct process *p, char *const *argv, char *const *envp)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        int failed = errno;
        shut(&in[0]), shut(&in[1]), shut(&out[0]), shut(&out[1]);
        return failed;
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    posix_spawn_file_actions_adddup2(&files, out[1], 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&how);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(&p->pid, argv[0], &files, &how, argv, envp); /* allow: posix_spawn - what this room is for */
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    shut(&in[0]), shut(&out[1]);
    p->fds[IN] = in[1];
    p->fds[OUT] = out[0];
    if (failed)
        shut(&p->fds[IN]), shut(&p->fds[OUT]);
    return failed;
}

static void end(struct process *p, enum process_end why, int signal)
{
    if (!p->terminated)
        p->why = why;
    p->terminated = true;
    p->kill_at = belay_time_add_ms(now(), GRACE_MS);
    kill(-p->pid, signal);
}

static void feed(struct process *p)
{
    while (p->input.n) {
        ssize_t n = write(p->fds[IN], p->input.p, p->input.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) /* it does not want it */
            break;
        p->input = belay_str_sub(p->input, (size_t)n, p->input.n);
    }
    shut(&p->fds[IN]);
}

/* False: there is nothing more now, or for good. */
static bool drink(struct process *p)
{
    char bytes[BITE];
    ssize_t n = read(p->fds[OUT], bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        shut(&p->fds[OUT]);
        return false;
    }
    size_t room = p->out->size_bytes_max - p->out->n, keep = (size_t)n < room ? (size_t)n : room;
    belay_buf_put(p->out, bytes, keep);
    p->truncated = p->truncated || keep < (size_t)n;
    return true;
}

static int wait_ms(const struct process *p, const struct belay_work *work)
{
    belay_time grace = (p->kill_at - now()) / BELAY_US_PER_MS + 1;
    uint32_t left = p->terminated ? (grace > 0 ? (uint32_t)grace : 0) : belay_work_left_ms(work);
    return left > 60000 ? 60000 : (int)left;
}

/* Its time is over, or it is not wanted any more: first it is told, then it has no choice. */
static void look_at_time(struct process *p, const struct belay_work *work)
{
    if (p->terminated && now() >= p->kill_at)
        end(p, p->why, SIGKILL);
    else if (!p->terminated && belay_work_cancelled(work))
        end(p, PROCESS_CANCELLED, SIGTERM);
    else if (!p->terminated && belay_work_left_ms(work) == 0)
        end(p, PROCESS_TIMEOUT, SIGTERM);
    if (p->terminated)
        p->fds[WAKE] = -1; /* it says nothing new */
}

/* Until it is dead. */
static void go_on(struct process *p, const struct belay_work *work)
{
    for (;;) {
        struct pollfd look[FDS];
        for (int i = 0; i < FDS; i++)
            look[i] = (struct pollfd){ .fd = p->fds[i], .events = i == IN ? POLLOUT : POLLIN };
        if (poll(look, FDS, wait_ms(p, work)) < 0)
            continue; /* EINTR */
        if (look[IN].revents)
            feed(p);
        if (look[OUT].revents)
            drink(p);
        if (look[DEAD].revents)
            return;
        look_at_time(p, work);
    }
}

static void reap(const struct process *p, struct process_result *ret_result)
{
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    bool exited = WIFEXITED(status);
    *ret_result = (struct process_result){ .end = p->terminated ? p->why : exited ? PROCESS_EXITED : PROCESS_KILLED,
                                           .code = exited ? WEXITSTATUS(status) : WTERMSIG(status),
                                           .truncated = p->truncated };
}

int process_run(char *const *argv, char *const *envp, struct belay_str input, const struct belay_work *work,
                struct belay_buf *out, struct process_result *ret_result)
{
    struct process p = { .fds = { -1, -1, -1, work->wake_fd }, .input = input, .out = out };
    int failed = start(&p, argv, envp);
    if (failed)
        return failed;
    p.fds[DEAD] = (int)syscall(SYS_pidfd_open, p.pid, 0);
    if (p.fds[DEAD] < 0) {
        failed = errno;
        end(&p, PROCESS_CANCELLED, SIGKILL);
        reap(&p, ret_result);
    } else {
        fcntl(p.fds[IN], F_SETFL, O_NONBLOCK);
        fcntl(p.fds[OUT], F_SETFL, O_NONBLOCK);
        feed(&p);
        go_on(&p, work);
        while (p.fds[OUT] >= 0 && drink(&p)) /* what it printed last; not what its children still will */
            ;
        reap(&p, ret_result);
    }
    shut(&p.fds[IN]), shut(&p.fds[OUT]), shut(&p.fds[DEAD]);
    return failed;
}
