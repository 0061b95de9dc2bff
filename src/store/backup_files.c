#include "store/backup_files.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc.h"

#define CHUNK_BYTES BELAY_KIB(256)

const char *const backup_folders[] = { "state", "journal", "archive", NULL };

static int cancelled(struct belay_err *err)
{
    return belay_fail(err, BELAY_CANCELLED, "it was cancelled");
}

/* to NULL: only read. */
static int pump(struct belay_file *from, struct belay_file *to, uint64_t bytes, const struct belay_pace *pace,
                struct manifest_file *sum, struct belay_err *err)
{
    uint8_t *chunk = belay_malloc(CHUNK_BYTES);
    int status = chunk ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "no memory to copy %s", sum->name);
    size_t n = CHUNK_BYTES;
    while (status == BELAY_OK && sum->bytes < bytes && n == CHUNK_BYTES) {
        uint64_t left = bytes - sum->bytes;
        size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        status = belay_file_read(from, sum->bytes, chunk, want, &n, err);
        if (status == BELAY_OK && to && n)
            status = belay_file_write(to, sum->bytes, chunk, n, 0, err);
        if (status != BELAY_OK)
            break;
        sum->crc = belay_crc32c(sum->crc, chunk, n);
        sum->bytes += n;
        if (!pace->go_on(pace->arg, n))
            status = cancelled(err);
    }
    belay_free(chunk);
    return status;
}

int backup_copy_file(struct belay_disk *from, struct belay_disk *to, const char *name, uint64_t bytes, uint64_t size,
                     const struct belay_pace *pace, struct manifest_file *ret_file, struct belay_err *err)
{
    struct belay_file *in = NULL, *out = NULL;
    struct manifest_file sum = { .bytes = 0 };
    snprintf(sum.name, sizeof sum.name, "%s", name);
    int status = belay_file_open(from, name, 0, &in, err);
    if (status == BELAY_OK)
        status = belay_file_open(to, name, BELAY_FILE_WRITE | BELAY_FILE_CREATE | BELAY_FILE_TRUNCATE, &out, err);
    if (status == BELAY_OK)
        status = pump(in, out, bytes, pace, &sum, err);
    if (status == BELAY_OK && size > sum.bytes)
        status = belay_file_truncate(out, size, err);
    if (status == BELAY_OK)
        status = belay_file_sync(out, err);
    belay_file_close(in);
    belay_file_close(out);
    if (status == BELAY_OK)
        *ret_file = sum;
    return status;
}

int backup_put_file(struct belay_disk *to, const char *name, struct belay_str text, struct belay_err *err)
{
    struct belay_file *file = NULL;
    char draft[80];
    snprintf(draft, sizeof draft, "%s.new", name);
    int status = belay_file_open(to, draft, BELAY_FILE_WRITE | BELAY_FILE_CREATE | BELAY_FILE_TRUNCATE, &file, err);
    if (status == BELAY_OK)
        status = belay_file_write(file, 0, text.p, text.n, 0, err);
    if (status == BELAY_OK)
        status = belay_file_sync(file, err);
    belay_file_close(file);
    if (status == BELAY_OK)
        status = belay_disk_rename(to, draft, name, err);
    return status == BELAY_OK ? belay_disk_sync_dir(to, "", err) : status;
}

/* ---- folders ---- */

bool backup_is_folder(const char *name)
{
    for (size_t i = 0; backup_folders[i]; i++)
        if (strcmp(backup_folders[i], name) == 0)
            return true;
    return false;
}

int backup_empty_folder(struct belay_disk *to, const char *folder, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(to, folder, &entries, &count, err);
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        char name[BELAY_FILE_NAME_BYTES_MAX + 16];
        snprintf(name, sizeof name, "%.8s/%s", folder, entries[i].name);
        if (!entries[i].is_dir)
            status = belay_disk_unlink(to, name, err);
    }
    belay_free(entries);
    return status;
}

/* ---- MANIFEST ---- */

int backup_sum_file(struct belay_disk *disk, const char *name, const struct belay_pace *pace, struct manifest_file *ret_sum,
                    struct belay_err *err)
{
    struct belay_file *file = NULL;
    struct manifest_file sum = { .bytes = 0 };
    snprintf(sum.name, sizeof sum.name, "%s", name);
    int status = belay_file_open(disk, name, 0, &file, err);
    if (status == BELAY_OK)
        status = pump(file, NULL, UINT64_MAX, pace, &sum, err);
    belay_file_close(file);
    if (status == BELAY_OK)
        *ret_sum = sum;
    return status;
}

static int list_folder(struct belay_disk *to, const char *folder, struct belay_buf *out, const struct belay_pace *pace,
                       struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(to, folder, &entries, &count, err);
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        struct manifest_file sum;
        char name[BELAY_FILE_NAME_BYTES_MAX + 16];
        if (entries[i].is_dir || strcmp(entries[i].name, "lock.mdb") == 0) /* of LMDB's processes */
            continue;
        if (snprintf(name, sizeof name, "%s/%s", folder, entries[i].name) >= (int)sizeof sum.name)
            continue; /* none of a store's */
        status = backup_sum_file(to, name, pace, &sum, err);
        if (status == BELAY_OK)
            manifest_put(out, &sum);
    }
    belay_free(entries);
    return status == BELAY_OK ? belay_disk_sync_dir(to, folder, err) : status;
}

int backup_put_manifest(struct belay_disk *to, uint64_t position, belay_time now, const struct belay_pace *pace,
                        struct belay_err *err)
{
    struct belay_buf out;
    int status = BELAY_OK;
    belay_buf_init(&out, MANIFEST_BYTES_MAX);
    manifest_begin(&out, position, now);
    for (size_t i = 0; backup_folders[i] && status == BELAY_OK; i++)
        status = list_folder(to, backup_folders[i], &out, pace, err);
    manifest_end(&out);
    if (status == BELAY_OK && belay_buf_status(&out) != BELAY_OK)
        status = belay_fail(err, BELAY_LIMIT, "the backup has too many files");
    if (status == BELAY_OK)
        status = belay_disk_sync_dir(to, "", err);
    if (status == BELAY_OK)
        status = backup_put_file(to, MANIFEST_NAME, belay_buf_view(&out), err);
    belay_buf_deinit(&out);
    return status;
}
