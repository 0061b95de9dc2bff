/* upgrade.h - a data directory of an older format made one of this version's: a table of migrations.
 *
 *   format F --migration F -> F+1--> ... --> BELAY_STORE_FORMAT
 *
 * Each step changes rows of the state and the format in one commit of it: a directory is of one format or of the next.
 * The journal must hold nothing behind the checkpoint (the older version was stopped in order), so that no record of
 * an older form is left to be applied.
 * Uses: base, state.h, platform/disk.h.  Thread: one owner; nobody serves the directory. */
#ifndef BELAY_STORE_UPGRADE_H
#define BELAY_STORE_UPGRADE_H

#include "platform/disk.h"
#include "store/state.h"

struct belay_migration {
    uint32_t from;    /* the format it takes; 0: the end of the table */
    const char *what; /* one sentence for whoever upgrades */
    /* All changes, in table, key order. old: the state as it is, to be read. *ret_next is called with *ret_arg until it
     * returns false. Where begin returned BELAY_OK, and only there, end is called once with the status of the commit; it
     * frees arg. Errors: why the step cannot be done. */
    int (*begin)(const struct belay_state_backend *old, bool (**ret_next)(void *arg, struct belay_state_change *ret),
                 void **ret_arg, struct belay_err *err);
    int (*end)(void *arg, int status, struct belay_err *err);
};

/* This version's: empty as long as there was only one format. */
extern const struct belay_migration belay_migrations[];

struct belay_upgraded {
    uint32_t before, now, steps;
};
/* state_path: the folder of the checkpoint. told: each step that was made; may be NULL. Errors: BELAY_VERSION (newer
 * than `current`), BELAY_UNSUPPORTED (no way from there), BELAY_CONFLICT (the journal is not empty), the state's; steps
 * that were made stay made. */
int belay_store_upgrade(struct belay_disk *disk, const char *state_path, const struct belay_migration *table, uint32_t current,
                        void (*told)(const struct belay_migration *step), struct belay_upgraded *ret_upgraded,
                        struct belay_err *err) BELAY_MUST_CHECK;

#endif
