/* aborts.h - whether a piece of code ends in a failed assertion; it runs in a child process. */
#ifndef BELAY_TEST_ABORTS_H
#define BELAY_TEST_ABORTS_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool aborts(void (*run)(void *ctx), void *ctx)
{
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO); /* the message is expected */
        signal(SIGABRT, SIG_DFL);
        run(ctx);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
