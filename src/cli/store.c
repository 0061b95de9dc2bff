/* store.c - belay store: check, backup, restore and upgrade of a data directory. */
#include <stdio.h>
#include <string.h>

#include "cli/store.h"
#include "platform/disk.h"
#include "store/backup.h"
#include "store/store.h"
#include "store/upgrade.h"

static const char help[] =
    "belay store: the data directory itself\n\n"
    "usage: belay store check [--json] [DIR]\n"
    "       belay store backup FOLDER [--data DIR] [--rate BYTES] [--json]\n"
    "       belay store restore FOLDER DIR [--json]\n"
    "       belay store upgrade [DIR]\n\n"
    "  check    verifies every record and file of DIR (belay-data) without changing anything, and says what it found\n"
    "  backup   copies the store into FOLDER (empty or not there), consistent as of one commit; a running Belay goes on\n"
    "           meanwhile, --rate bounds the bytes a second; without MANIFEST, which comes last, FOLDER is no backup.\n"
    "           Ctrl-C cancels it: what was copied goes, and the next one may go into the same FOLDER; the second Ctrl-C\n"
    "           ends the command, however slow the disk is\n"
    "  restore  verifies the backup in FOLDER and makes DIR (empty or not there) a store again; says which outside\n"
    "           effects may repeat. It starts paused, so that a person looks first: then `belay resume`\n"
    "  upgrade  makes DIR, written by an older version and stopped in order, one of this version's format; says so and\n"
    "           does nothing where it is one. Make a backup before\n\n"
    "Exit: 0 sound or done, 1 corrupt (it says where), not empty, within DIR, no backup or cancelled, 74 cannot be read or\n"
    "in use.\n\n"
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
    if (status == BELAY_OK)
        status = belay_backup_is_whole(disk, &err);
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

static void tell_step(const struct belay_migration *step)
{
    printf("format %u to %u: %s\n", (unsigned)step->from, (unsigned)step->from + 1, step->what);
}

static int upgrade(const char *dir)
{
    struct belay_disk *disk = NULL;
    struct belay_upgraded u;
    struct belay_err err;
    char path[4096];
    snprintf(path, sizeof path, "%s/state", dir);
    int status = belay_disk_open_posix(dir, 0, &disk, &err);
    if (status == BELAY_OK)
        status = belay_store_upgrade(disk, path, belay_migrations, BELAY_STORE_FORMAT, tell_step, &u, &err);
    belay_disk_close(disk);
    if (status == BELAY_OK) {
        if (u.steps)
            printf("%s: is of format %u now\n", dir, (unsigned)u.now);
        else
            printf("%s: format %u is this version's: there is nothing to do\n", dir, (unsigned)u.now);
        return EXIT_OK;
    }
    fprintf(stderr, "belay store upgrade: %s\n", err.msg);
    bool no = status == BELAY_VERSION || status == BELAY_UNSUPPORTED || status == BELAY_CONFLICT || status == BELAY_CORRUPT;
    return no ? EXIT_NO : EXIT_IO_;
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
    if (strcmp(verb, "upgrade") == 0 && count <= 2)
        return upgrade(count == 2 ? operands[1] : data ? data : "belay-data");
    return usage_error("store", "say `check [DIR]`, `backup FOLDER`, `restore FOLDER DIR` or `upgrade [DIR]`");
}

const struct command command_store = { "store", "verify, back up, restore or upgrade a data directory", help, run };
