/* backup_files.h - the files of a backup: copied, summed, listed.  Private to store.
 * Uses: base, platform/disk.h.  Thread: one owner. */
#ifndef BELAY_STORE_BACKUP_FILES_H
#define BELAY_STORE_BACKUP_FILES_H

#include "store/backup.h"

/* The first `bytes` of the file (UINT64_MAX: all), synced; then it is `size` long where that is more, zeros behind.
 * ret_file: what was read. */
int backup_copy_file(struct belay_disk *from, struct belay_disk *to, const char *name, uint64_t bytes, uint64_t size,
                     const struct belay_pace *pace, struct manifest_file *ret_file, struct belay_err *err) BELAY_MUST_CHECK;
/* Reads all of a file. */
int backup_sum_file(struct belay_disk *disk, const char *name, const struct belay_pace *pace,
                    struct manifest_file *ret_sum, struct belay_err *err) BELAY_MUST_CHECK;
/* Sums every file of the store's folders in `to` and writes MANIFEST, durable with all of them. */
int backup_put_manifest(struct belay_disk *to, uint64_t position, belay_time now, const struct belay_pace *pace,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* A whole small file, made durable under its name at once. */
int backup_put_file(struct belay_disk *to, const char *name, struct belay_str text, struct belay_err *err) BELAY_MUST_CHECK;

/* The folders of a store that a backup holds: NULL at the end. */
extern const char *const backup_folders[];
bool backup_is_folder(const char *name);
/* The files in it go. */
int backup_empty_folder(struct belay_disk *to, const char *folder, struct belay_err *err) BELAY_MUST_CHECK;

#endif
