/* backup.h - a copy of a store, consistent as of one commit, and back again.
 *
 *   pin -> copy the state as of a checkpoint P -> plan: durable D >= P, the segments and archives of now
 *       -> copy them -> MANIFEST -> unpin
 *
 * A store is its checkpoint and the journal behind it, and a prefix of the journal is a store: what is copied later
 * than the state is only a longer prefix.  While a store is pinned no segment is used again and no archive file goes.
 * A backup is a folder of the same files, and MANIFEST, written last (manifest.h, docs/format/backup.md).
 *
 * Uses: base, model, platform/disk.h.  Thread: plan and pin the engine's; the copying any, one owner. */
#ifndef BELAY_STORE_BACKUP_H
#define BELAY_STORE_BACKUP_H

#include "platform/disk.h"
#include "store/manifest.h"
#include "store/store.h"

/* Asked after each piece that was read or written: may sleep; false: no more (BELAY_CANCELLED). */
struct belay_pace {
    bool (*go_on)(void *arg, uint64_t bytes);
    void *arg;
};

struct belay_backup_file {
    uint32_t segment;       /* its id */
    uint64_t bytes, size;   /* what is copied of it; how long it is then, zeros behind */
};

struct belay_backup_plan {
    uint64_t position;      /* the last commit that is durable */
    struct belay_backup_file *segments;
    uint32_t count;
    uint64_t newest_incarnation, newest_first; /* of the last segment */
    uint64_t bytes;         /* of all segments */
};

/* Nothing that is needed now is given up until it is unpinned. */
void belay_store_pin(struct belay_store *s, bool pinned);
/* The journal is about to have no room: who pinned it should let go. */
bool belay_store_short(const struct belay_store *s);
/* Also of a store that only looks. Errors: BELAY_NOMEM, why the store failed. */
int belay_store_backup_plan(struct belay_store *s, struct belay_backup_plan *ret_plan, struct belay_err *err) BELAY_MUST_CHECK;
void belay_backup_plan_free(struct belay_backup_plan *plan);

/* All rows of `from` (a snapshot) into the empty backend `to`, as of from's position. */
int belay_state_copy(const struct belay_state_backend *from, const struct belay_state_backend *to,
                     const struct belay_pace *pace, struct belay_err *err) BELAY_MUST_CHECK;
/* A folder that a backup has begun to fill, and not ended. */
#define BELAY_BACKING_UP_NAME "BACKING-UP"
/* The folder of a backup of `from` that begins: made when it is not there; what a backup left that did not end goes. The
 * caller closes *ret_disk, also after a failure where it is not NULL any more. Errors: BELAY_EXISTS (something else is in
 * it), BELAY_INVALID (it lies in the directory of `from`), the disk's. */
int belay_backup_open_target(const struct belay_disk *from, const char *to, struct belay_disk **ret_disk,
                             struct belay_err *err) BELAY_MUST_CHECK;
/* It failed, or was cancelled: what was copied goes, as far as that can be, and the folder still says what it is. */
void belay_backup_discard(struct belay_disk *to);
/* belay_state_copy into the folder `to`. Errors: also the backend's. */
int belay_backup_copy_state(const struct belay_state_backend *from, const char *to, const struct belay_pace *pace,
                            struct belay_err *err) BELAY_MUST_CHECK;
/* How much belay_backup_copy tells its pace, all in all, where no archive comes meanwhile: what it copies, and what it reads
 * again for MANIFEST, the state that is in `to` already with it. Errors: the disks', BELAY_NOMEM. */
int belay_backup_bytes(struct belay_disk *from, struct belay_disk *to, const struct belay_backup_plan *plan,
                       uint64_t *ret_bytes, struct belay_err *err) BELAY_MUST_CHECK;
/* Segments and archives, then MANIFEST over all that is in `to` (state/data.mdb is there and closed). Errors: the
 * disks', BELAY_CANCELLED. */
int belay_backup_copy(struct belay_disk *from, struct belay_disk *to, const struct belay_backup_plan *plan, belay_time now,
                      const struct belay_pace *pace, struct belay_err *err) BELAY_MUST_CHECK;

/* A folder that a restore has begun to fill, and not ended; and one that it has, and nobody has looked at. */
#define BELAY_RESTORING_NAME "RESTORING"
#define BELAY_RESTORED_NAME "RESTORED"

struct belay_restored {
    uint64_t position, files, bytes;
    belay_time taken;
};
/* Is every file of the backup what MANIFEST says? Errors: BELAY_CORRUPT (which file), BELAY_NOTFOUND (no backup),
 * BELAY_VERSION, BELAY_CANCELLED. */
int belay_backup_verify(struct belay_disk *from, const struct belay_pace *pace, struct belay_restored *ret_restored,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* Verifies again while it copies. `to` is empty, or was left by a restore that did not end. At the end there is
 * RESTORED, which makes a start wait for a person. Errors: also BELAY_EXISTS (`to` holds something). */
int belay_backup_restore(struct belay_disk *from, struct belay_disk *to, const struct belay_pace *pace,
                         struct belay_err *err) BELAY_MUST_CHECK;
/* Half a restored directory is none, however sound its files. Errors: BELAY_CORRUPT (a restore has not ended). */
int belay_backup_is_whole(struct belay_disk *to, struct belay_err *err) BELAY_MUST_CHECK;

#endif
