/* store.c - belay store: verifies a data directory that nobody serves. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "platform/disk.h"
#include "store/store.h"

static const char help[] =
    "belay store: the data directory itself\n\n"
    "usage: belay store check [--json] [DIR]\n\n"
    "Verifies every record and file of DIR (belay-data) without changing anything, and says what it found.\n"
    "Exit: 0 sound, 1 corrupt (it says where), 74 cannot be read or in use.\n\n"
    "example: belay store check /var/lib/belay\n";


static int check(const char *dir, bool json)
{
    struct belay_disk *disk = NULL;
    struct belay_state_backend state;
    struct belay_buf report;
    struct belay_err err;
    char path[4096];
    bool open = false;
    belay_err_clear(&err);
    belay_buf_init(&report, BELAY_MIB(16));
    int status = belay_disk_open_posix(dir, 0, &disk, &err); /* takes the lock: nobody writes meanwhile */
    snprintf(path, sizeof path, "%s/state", dir);
    if (status == BELAY_OK) {
        status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &state, &err);
        open = status == BELAY_OK;
    }
    if (status == BELAY_OK)
        status = belay_store_check(disk, &state, &report, json, &err);
    write_buf(stdout, &report);
    if (status != BELAY_OK)
        fprintf(stderr, "belay store check: %s\n", err.msg);
    else if (!json)
        printf("%s: sound\n", dir);
    if (open)
        state.close(state.self);
    belay_disk_close(disk);
    belay_buf_deinit(&report);
    return status == BELAY_OK ? EXIT_OK : status == BELAY_CORRUPT ? EXIT_NO : EXIT_IO_;
}

static int run(int argc, char **argv)
{
    bool json = false;
    const struct option_spec specs[] = { { "json", NULL, &json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, 1, &operands, &count))
        return EXIT_USAGE_;
    if (count < 1 || count > 2 || strcmp(operands[0], "check") != 0)
        return usage_error("store", "say `belay store check DIR`");
    return check(count == 2 ? operands[1] : "belay-data", json);
}

const struct command command_store = { "store", "verify a data directory", help, run };
