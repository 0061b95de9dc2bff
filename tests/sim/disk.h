/* disk.h - a disk in memory that promises what platform/disk.h promises (D1-D5) and nothing more.
 * Uses: base, platform/disk.h.  Thread: one.  Everything it does follows from its seed.
 *
 * A file has its bytes as the process sees them (`now`) and as the medium has them (`safe`), and a
 * mark for each sector that was written since.  What was not synced is decided when the power fails:
 * each marked sector by itself is there or not, the size is the old one, the new one or between, and
 * each name that no sync_dir made durable happened or did not.  Before that, a marked sector that is
 * written again may reach the medium in between, so that old versions turn up too.
 *
 *   process dies:  sim_disk_stop -> owner closes its files -> sim_disk_restart(KILL)
 *   power fails:   sim_disk_stop -> owner closes its files -> sim_disk_restart(POWER)
 * Between stop and restart every operation fails and changes nothing: the code that runs its jobs to
 * their end in order to be freed cannot touch the medium any more. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "platform/disk.h"

enum sim_death { SIM_KILL, SIM_POWER };

struct sim_disk_opt {
    uint64_t seed;
    uint64_t capacity_bytes; /* 0: no bound */
    bool direct;             /* caps.direct: BELAY_FILE_DIRECT can be asked for */
    bool write_sync;         /* caps.write_sync */
};

/* *ret_disk is closed with belay_disk_close, which forgets everything. Errors: BELAY_NOMEM. */
int sim_disk_new(const struct sim_disk_opt *opt, struct belay_disk **ret_disk,
                 struct belay_err *err) BELAY_MUST_CHECK;

/* Every operation from now on fails with BELAY_IO. */
void sim_disk_stop(struct belay_disk *d);
/* Stops by itself within the operation after the next n: a write in hand gets there in part. */
void sim_disk_stop_after(struct belay_disk *d, uint64_t n);
bool sim_disk_stopped(const struct belay_disk *d);
/* All files are closed. What is on the medium now is all there is. */
void sim_disk_restart(struct belay_disk *d, enum sim_death death);

/* The sync (of a file, or a write with BELAY_WRITE_SYNC) after the next n fails with BELAY_IO, once;
 * what it was about is there, lost or lost later (D5). UINT64_MAX: none. */
void sim_disk_fail_sync_after(struct belay_disk *d, uint64_t n);
void sim_disk_set_capacity(struct belay_disk *d, uint64_t capacity_bytes);
/* Flips a bit of a file on the medium; false where there is no such byte. */
bool sim_disk_flip(struct belay_disk *d, const char *name, uint64_t offset, unsigned bit);

struct sim_disk_stats {
    uint64_t operations, syncs, writes, write_bytes;
    uint64_t used_bytes;     /* taken of the capacity */
    uint64_t sectors_lost;   /* in power failures */
    uint64_t names_lost;
};
void sim_disk_stats(const struct belay_disk *d, struct sim_disk_stats *ret_stats);

#endif
