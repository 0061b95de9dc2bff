/* restore.c - a backup verified, and made a store again.
 *
 *   RESTORING -> files, each summed on its way -> RESTORED -> RESTORING goes
 *
 * A start refuses a directory with RESTORING, and one with RESTORED waits for a person (runtime.h).  A restore that
 * was cut off is begun again from nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/backup_files.h"

static int no_manifest(struct belay_disk *from, struct belay_err *err)
{
    struct belay_file *file = NULL;
    int status = belay_file_open(from, BELAY_BACKING_UP_NAME, 0, &file, err);
    belay_file_close(file);
    return belay_fail(err, BELAY_NOTFOUND, status == BELAY_OK
                      ? "the backup into this folder has not ended, or was cut off: make it again with `belay store backup`"
                      : "there is no " MANIFEST_NAME ": this is no backup, or one that was cut off");
}

static int load_manifest(struct belay_disk *from, struct belay_arena *arena, struct manifest *ret_m, struct belay_err *err)
{
    struct belay_file *file = NULL;
    uint64_t size = 0;
    size_t n = 0;
    int status = belay_file_open(from, MANIFEST_NAME, 0, &file, err);
    if (status == BELAY_NOTFOUND)
        return no_manifest(from, err);
    if (status == BELAY_OK)
        status = belay_file_size(file, &size, err);
    if (status == BELAY_OK && size > MANIFEST_BYTES_MAX)
        status = belay_fail(err, BELAY_CORRUPT, MANIFEST_NAME " is too large");
    char *text = status == BELAY_OK ? belay_arena_alloc(arena, (size_t)size + 1) : NULL;
    if (status == BELAY_OK && !text)
        status = belay_fail(err, BELAY_NOMEM, "no memory for " MANIFEST_NAME);
    if (status == BELAY_OK)
        status = belay_file_read(file, 0, text, (size_t)size, &n, err);
    belay_file_close(file);
    return status == BELAY_OK ? manifest_parse(belay_str(text, n), arena, ret_m, err) : status;
}

/* to NULL: only verified. */
static int each_file(struct belay_disk *from, struct belay_disk *to, const struct manifest *m,
                     const struct belay_pace *pace, struct belay_restored *ret_restored, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < m->count && status == BELAY_OK; i++) {
        const struct manifest_file *f = &m->files[i];
        struct manifest_file sum;
        status = to ? backup_copy_file(from, to, f->name, UINT64_MAX, 0, pace, &sum, err)
                    : backup_sum_file(from, f->name, pace, &sum, err);
        if (status == BELAY_NOTFOUND)
            status = belay_fail(err, BELAY_CORRUPT, "%s of the backup is missing", f->name);
        else if (status == BELAY_OK && (sum.crc != f->crc || sum.bytes != f->bytes))
            status = belay_fail(err, BELAY_CORRUPT, "%s of the backup is damaged: it fails its checksum", f->name);
        ret_restored->files++;
        ret_restored->bytes += f->bytes;
    }
    return status;
}

int belay_backup_verify(struct belay_disk *from, const struct belay_pace *pace, struct belay_restored *ret_restored,
                        struct belay_err *err)
{
    struct belay_arena arena;
    struct manifest m = { 0 };
    belay_arena_init(&arena, 0, 4 * MANIFEST_BYTES_MAX);
    int status = load_manifest(from, &arena, &m, err);
    struct belay_restored restored = { .position = m.position, .taken = m.taken };
    if (status == BELAY_OK)
        status = each_file(from, NULL, &m, pace, &restored, err);
    belay_arena_deinit(&arena);
    if (status == BELAY_OK)
        *ret_restored = restored;
    return status;
}

/* ---- the folder to restore into ---- */

/* Nothing but the lock and what an earlier restore left. */
static int begin(struct belay_disk *to, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    bool ours = false;
    int status = belay_disk_list(to, "", &entries, &count, err);
    for (size_t i = 0; i < count; i++)
        ours |= strcmp(entries[i].name, BELAY_RESTORING_NAME) == 0;
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        const char *name = entries[i].name;
        if (strcmp(name, "LOCK") == 0)
            continue;
        if (!ours)
            status = belay_fail(err, BELAY_EXISTS, "the directory is not empty: it holds %s", name);
        else if (backup_is_folder(name))
            status = backup_empty_folder(to, name, err);
    }
    belay_free(entries);
    if (status == BELAY_OK)
        status = backup_put_file(to, BELAY_RESTORING_NAME, BELAY_STR("a restore began here and has not ended\n"), err);
    for (size_t i = 0; backup_folders[i] && status == BELAY_OK; i++)
        status = belay_disk_mkdir(to, backup_folders[i], err);
    return status;
}

static int end(struct belay_disk *to, const struct manifest *m, struct belay_err *err)
{
    char taken[BELAY_TIME_TEXT_BYTES], text[200];
    int status = BELAY_OK;
    for (size_t i = 0; backup_folders[i] && status == BELAY_OK; i++)
        status = belay_disk_sync_dir(to, backup_folders[i], err);
    belay_time_text(m->taken, taken);
    int n = snprintf(text, sizeof text, "restored from a backup of %s as of commit %" PRIu64, taken, m->position);
    if (status == BELAY_OK)
        status = backup_put_file(to, BELAY_RESTORED_NAME, belay_str(text, (size_t)n), err);
    if (status == BELAY_OK)
        status = belay_disk_unlink(to, BELAY_RESTORING_NAME, err);
    return status == BELAY_OK ? belay_disk_sync_dir(to, "", err) : status;
}

int belay_backup_is_whole(struct belay_disk *to, struct belay_err *err)
{
    struct belay_file *file;
    int status = belay_file_open(to, BELAY_RESTORING_NAME, 0, &file, err);
    if (status == BELAY_NOTFOUND) {
        belay_err_clear(err);
        return BELAY_OK;
    }
    if (status != BELAY_OK)
        return status;
    belay_file_close(file);
    return belay_fail(err, BELAY_CORRUPT, "a restore into this directory has not ended: begin it again with `belay store restore`");
}

int belay_backup_restore(struct belay_disk *from, struct belay_disk *to, const struct belay_pace *pace,
                         struct belay_err *err)
{
    struct belay_arena arena;
    struct manifest m;
    struct belay_restored restored = { 0 };
    belay_arena_init(&arena, 0, 4 * MANIFEST_BYTES_MAX);
    int status = load_manifest(from, &arena, &m, err);
    if (status == BELAY_OK)
        status = begin(to, err);
    if (status == BELAY_OK)
        status = each_file(from, to, &m, pace, &restored, err);
    if (status == BELAY_OK)
        status = end(to, &m, err);
    belay_arena_deinit(&arena);
    return status;
}
