/* store.c - belay store: verifies a data directory that nobody serves. */
#include <stdio.h>
#include <string.h>

#include "cli/store.h"
#include "platform/disk.h"
#include "store/store.h"

static const char help[] =
    "belay store: the data directory itself\n\n"
    "usage: belay store check [--json] [DIR]\n"
    "       belay store backup FOLDER [--data DIR] [--rate BYTES] [--json]\n"
    "       belay store restore FOLDER DIR [--json]\n\n"
    "  check    verifies every record and file of DIR (belay-data) without changing anything, and says what it found\n"
    "  backup   copies the store into FOLDER (empty or not there), consistent as of one commit; a running Belay goes on\n"
    "           meanwhile, --rate bounds the bytes a second; without MANIFEST, which comes last, FOLDER is no backup\n"
    "  restore  verifies the backup in FOLDER and makes DIR (empty or not there) a store again; says which outside\n"
    "           effects may repeat. It starts paused, so that a person looks first: then `belay resume`\n\n"
    "Exit: 0 sound or done, 1 corrupt (it says where), not empty or no backup, 74 cannot be read or in use.\n\n"
    "example: belay store backup /backup/monday --data /var/lib/belay --rate 50000000\n";

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
    const char *data = NULL, *rate = NULL;
    bool json = false;
    const struct option_spec specs[] = { { "json", NULL, &json }, { "data", &data, NULL }, { "rate", &rate, NULL } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, 3, &operands, &count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "";
    if (strcmp(verb, "check") == 0 && count <= 2)
        return check(count == 2 ? operands[1] : data ? data : "belay-data", json);
    if (strcmp(verb, "backup") == 0 && count == 2)
        return store_backup(data, operands[1], rate, json);
    if (strcmp(verb, "restore") == 0 && count == 3)
        return store_restore(operands[1], operands[2], json);
    return usage_error("store", "say `check [DIR]`, `backup FOLDER` or `restore FOLDER DIR`");
}

const struct command command_store = { "store", "verify, back up or restore a data directory", help, run };
