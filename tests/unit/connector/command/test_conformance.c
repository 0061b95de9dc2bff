/* Programs that behave as they are told, by an environment variable. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/command/command.h"
#include "lib/connector_conformance.h"

static const char script[] = "cat > /dev/null; echo x >> \"$COUNT\"\n"
                             "case $WISH in\n"
                             "ok) echo done;;\n"
                             "slow) sleep 0.2;;\n"
                             "refused) exit 65;;\n"
                             "busy) exit 75;;\n"
                             "never) exec sleep 60;;\n"
                             "lost) kill -9 $$;;\n"
                             "esac\n";

static char folder[] = "/tmp/belay-command-XXXXXX";
static char count_path[64], busy_path[64];

static void wish(void *arg, enum conformance_wish wish, struct belay_call_request *request)
{
    static const char *const words[] = {
        [CONFORMANCE_OK] = "ok",       [CONFORMANCE_SLOW] = "slow",   [CONFORMANCE_REFUSED] = "refused",
        [CONFORMANCE_BUSY] = "busy",   [CONFORMANCE_NEVER] = "never", [CONFORMANCE_LOST] = "lost",
    };
    static struct belay_field headers[6];
    (void)arg;
    headers[wish] = (struct belay_field){ BELAY_STR("WISH"), belay_str_c(words[wish]) };
    request->headers = &headers[wish];
    request->header_count = 1;
    request->body = BELAY_STR("{\"order\":\"o-1\"}");
}

static uint32_t attempts(void *arg)
{
    struct stat st;
    (void)arg;
    return stat(count_path, &st) ? 0 : (uint32_t)st.st_size / 2;
}

/* A program that somebody is writing cannot be started now. */
static int make_busy(void)
{
    char bytes[65536];
    int from = open("/bin/true", O_RDONLY | O_CLOEXEC), to = open(busy_path, O_CREAT | O_RDWR | O_CLOEXEC, 0700);
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
        if (write(to, bytes, (size_t)n) != n)
            abort();
    close(from);
    return to;
}

int main(void)
{
    const struct CMUnitTest tests[] = { CONFORMANCE_TESTS };
    if (!mkdtemp(folder))
        return 1;
    snprintf(count_path, sizeof count_path, "%s/count", folder);
    snprintf(busy_path, sizeof busy_path, "%s/busy", folder);
    int busy = make_busy();
    const struct belay_option *run = &belay_connector_command.options[0], *env = run + 1;
    const struct belay_field argv[] = { { .value = BELAY_STR("/bin/sh") }, { .value = BELAY_STR("-c") },
                                        { .value = belay_str_c(script) } },
                             count = { BELAY_STR("COUNT"), belay_str_c(count_path) },
                             nobody_argv = { .value = belay_str_c(busy_path) };
    const struct belay_option_value there[] = { { .option = run, .fields = argv, .field_count = 3 },
                                                { .option = env, .fields = &count, .field_count = 1 } },
                                    nobody = { .option = run, .fields = &nobody_argv, .field_count = 1 };
    conformance_use(&(struct conformance_target){ .connector = &belay_connector_command, .options = there, .option_count = 2,
                                                  .nobody = &nobody, .nobody_count = 1, .wish = wish, .attempts = attempts });
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(busy);
    unlink(count_path);
    unlink(busy_path);
    rmdir(folder);
    return failed;
}
