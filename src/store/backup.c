#include "store/backup.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crc.h"
#include "store/backup_files.h"
#include "store/store_impl.h"
#include "store/state_overlay.h"

#define PACE_ROWS 256
#define STATE_PATH_BYTES 4128

/* ---- the running store ---- */

void belay_store_pin(struct belay_store *s, bool pinned)
{
    s->pinned = pinned;
}

bool belay_store_short(const struct belay_store *s)
{
    return s->journal.is_short;
}

static struct segment *segment_at(const struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct segment, node);
}

/* Of the active one as much as is durable: behind it a commit may be under way. */
static uint64_t bytes_of(const struct belay_store *s, const struct segment *seg)
{
    const struct journal *j = &s->journal;
    if (s->opt.look || seg != journal_active(j))
        return seg->size_bytes;
    return j->writing && j->write.segment == seg ? j->write.offset : seg->used_bytes;
}

int belay_store_backup_plan(struct belay_store *s, struct belay_backup_plan *ret_plan, struct belay_err *err)
{
    const struct journal *j = &s->journal;
    struct belay_backup_plan plan = { .position = j->durable };
    uint32_t n = 0;
    int status = belay_store_failed(s, err); /* what it wrote last may be there or not */
    if (status != BELAY_OK)
        return status;
    for (const struct belay_list *at = j->live.next; at != &j->live; at = at->next)
        n++;
    plan.segments = belay_calloc(n ? n : 1, sizeof *plan.segments);
    if (!plan.segments)
        return belay_fail(err, BELAY_NOMEM, "no memory for a backup");
    for (const struct belay_list *at = j->live.next; at != &j->live; at = at->next) {
        const struct segment *seg = segment_at(at);
        struct belay_backup_file file = { seg->id, bytes_of(s, seg), seg->size_bytes };
        plan.segments[plan.count++] = file;
        plan.bytes += file.bytes;
        plan.newest_incarnation = seg->incarnation;
        plan.newest_first = seg->first ? seg->first : seg->restart;
    }
    *ret_plan = plan;
    return BELAY_OK;
}

void belay_backup_plan_free(struct belay_backup_plan *plan)
{
    belay_free(plan->segments);
    *plan = (struct belay_backup_plan){ 0 };
}

/* ---- the state ---- */

struct rows {
    const struct belay_state_backend *from;
    const struct belay_pace *pace;
    uint32_t table, count;
    uint64_t bytes; /* since the pace was asked last */
    char key[BELAY_STATE_KEY_BYTES_MAX];
    size_t key_n;
    bool begun; /* key was told */
    int status;
    struct belay_err err;
};

static bool may_go_on(struct rows *r)
{
    if (++r->count % PACE_ROWS)
        return true;
    bool on = r->pace->go_on(r->pace->arg, r->bytes);
    r->bytes = 0;
    if (!on)
        r->status = belay_fail(&r->err, BELAY_CANCELLED, "it was cancelled");
    return on;
}

/* An error ends the rows; it is found in r->status. */
static bool next_row(void *arg, struct belay_state_change *ret)
{
    struct rows *r = arg;
    struct belay_str key, value;
    while (r->table < STATE_TABLES && r->status == BELAY_OK && may_go_on(r)) {
        int status = r->from->seek(r->from->self, r->table, belay_str(r->key, r->key_n), r->begun, &key, &value, &r->err);
        if (status == BELAY_OK) {
            memcpy(r->key, key.p, key.n);
            r->key_n = key.n;
            r->begun = true;
            r->bytes += key.n + value.n;
            *ret = (struct belay_state_change){ .table = r->table, .key = key, .value = value };
            return true;
        }
        if (status != BELAY_NOTFOUND) {
            r->status = status;
            return false;
        }
        r->table++;
        r->key_n = 0;
        r->begun = false;
    }
    return false;
}

int belay_state_copy(const struct belay_state_backend *from, const struct belay_state_backend *to,
                     const struct belay_pace *pace, struct belay_err *err)
{
    struct rows *r = belay_calloc(1, sizeof *r);
    if (!r)
        return belay_fail(err, BELAY_NOMEM, "no memory to copy the state");
    r->from = from;
    r->pace = pace;
    int status = to->commit(to->self, from->position(from->self), next_row, r, err);
    if (r->status != BELAY_OK) {
        status = r->status;
        if (err)
            *err = r->err;
    }
    belay_free(r);
    return status;
}

/* ---- the files ---- */

static int copy_segments(struct belay_disk *from, struct belay_disk *to, const struct belay_backup_plan *plan,
                         const struct belay_pace *pace, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < plan->count && status == BELAY_OK; i++) {
        struct manifest_file ignored;
        char name[SEGMENT_NAME_BYTES];
        segment_name(plan->segments[i].segment, name);
        status = backup_copy_file(from, to, name, plan->segments[i].bytes, plan->segments[i].size, pace, &ignored, err);
    }
    return status;
}

static int copy_archives(struct belay_disk *from, struct belay_disk *to, const struct belay_pace *pace,
                         struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(from, ARCHIVE_DIR, &entries, &count, err);
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        struct manifest_file ignored;
        uint32_t topic;
        uint64_t last;
        char name[ARCHIVE_NAME_BYTES];
        if (entries[i].is_dir || !archive_name_of(entries[i].name, &topic, &last))
            continue;
        archive_name(topic, last, name);
        status = backup_copy_file(from, to, name, UINT64_MAX, 0, pace, &ignored, err);
    }
    belay_free(entries);
    return status;
}

static int add_file(struct belay_disk *disk, const char *name, uint64_t *bytes, struct belay_err *err)
{
    struct belay_file *file = NULL;
    uint64_t size = 0;
    int status = belay_file_open(disk, name, 0, &file, err);
    if (status == BELAY_OK)
        status = belay_file_size(file, &size, err);
    belay_file_close(file);
    *bytes += size;
    return status;
}

static bool is_archive(const struct belay_dir_entry *entry)
{
    uint32_t topic;
    uint64_t last;
    return archive_name_of(entry->name, &topic, &last);
}

static bool is_summed(const struct belay_dir_entry *entry)
{
    return strcmp(entry->name, "lock.mdb") != 0;
}

static int add_folder(struct belay_disk *disk, const char *folder, bool (*counts)(const struct belay_dir_entry *entry),
                      uint64_t *bytes, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(disk, folder, &entries, &count, err);
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        char name[BELAY_FILE_NAME_BYTES_MAX + 16];
        int n = snprintf(name, sizeof name, "%s/%s", folder, entries[i].name);
        if (!entries[i].is_dir && n <= BELAY_FILE_NAME_BYTES_MAX && counts(&entries[i]))
            status = add_file(disk, name, bytes, err);
    }
    belay_free(entries);
    return status;
}

int belay_backup_bytes(struct belay_disk *from, struct belay_disk *to, const struct belay_backup_plan *plan,
                       uint64_t *ret_bytes, struct belay_err *err)
{
    uint64_t archives = 0, state = 0, segments = plan->bytes + (plan->count ? BELAY_SECTOR_BYTES : 0); /* the witness */
    for (uint32_t i = 0; i < plan->count; i++) {
        BELAY_ASSERT(plan->segments[i].bytes <= plan->segments[i].size);
        segments += plan->segments[i].size; /* read again with the zeros behind */
    }
    int status = add_folder(from, ARCHIVE_DIR, is_archive, &archives, err);
    if (status == BELAY_OK)
        status = add_folder(to, backup_folders[0], is_summed, &state, err);
    if (status == BELAY_OK)
        *ret_bytes = segments + 2 * archives + state;
    return status;
}

static int put_witness(struct belay_disk *to, const struct belay_backup_plan *plan, struct belay_err *err)
{
    if (plan->count == 0)
        return BELAY_OK;
    struct witness w = { 0 };
    const struct segment newest = { .id = plan->segments[plan->count - 1].segment,
                                    .incarnation = plan->newest_incarnation };
    int status = witness_write(&w, to, &newest, plan->newest_first, err);
    witness_close(&w);
    return status;
}

static int end_backup(struct belay_disk *to, struct belay_err *err)
{
    int status = belay_disk_unlink(to, BELAY_BACKING_UP_NAME, err);
    if (status == BELAY_NOTFOUND) {
        belay_err_clear(err);
        status = BELAY_OK;
    }
    return status == BELAY_OK ? belay_disk_sync_dir(to, "", err) : status;
}

int belay_backup_copy(struct belay_disk *from, struct belay_disk *to, const struct belay_backup_plan *plan, belay_time now,
                      const struct belay_pace *pace, struct belay_err *err)
{
    int status = belay_disk_mkdir(to, JOURNAL_DIR, err);
    if (status == BELAY_OK)
        status = belay_disk_mkdir(to, ARCHIVE_DIR, err);
    if (status == BELAY_OK)
        status = copy_segments(from, to, plan, pace, err);
    if (status == BELAY_OK)
        status = copy_archives(from, to, pace, err);
    if (status == BELAY_OK)
        status = put_witness(to, plan, err);
    if (status == BELAY_OK)
        status = backup_put_manifest(to, plan->position, now, pace, err);
    return status == BELAY_OK ? end_backup(to, err) : status;
}

/* ---- the folder ---- */

static bool holds(const struct belay_dir_entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0)
            return true;
    return false;
}

/* Of a backup that did not end: with a MANIFEST it is one, whatever else is there. */
static int clear_target(struct belay_disk *disk, const char *to, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(disk, "", &entries, &count, err);
    bool ours = holds(entries, count, BELAY_BACKING_UP_NAME) && !holds(entries, count, MANIFEST_NAME);
    for (size_t i = 0; i < count && status == BELAY_OK; i++) {
        const char *name = entries[i].name;
        if (strcmp(name, "LOCK") == 0)
            continue;
        if (!ours)
            status = belay_fail(err, BELAY_EXISTS, "%s is not empty: it holds %s", to, name);
        else if (backup_is_folder(name))
            status = backup_empty_folder(disk, name, err);
    }
    belay_free(entries);
    return status;
}

int belay_backup_open_target(const struct belay_disk *from, const char *to, struct belay_disk **ret_disk,
                             struct belay_err *err)
{
    if (from->path && belay_path_within(to, from->path))
        return belay_fail(err, BELAY_INVALID, "%s lies in the store's own directory: a backup needs a folder of its own", to);
    int status = belay_disk_open_posix(to, BELAY_DISK_CREATE | BELAY_DISK_NO_DIRECT, ret_disk, err);
    if (status == BELAY_OK)
        status = clear_target(*ret_disk, to, err);
    if (status == BELAY_OK)
        status = backup_put_file(*ret_disk, BELAY_BACKING_UP_NAME,
                                 BELAY_STR("a backup into this folder has begun and has not ended\n"), err);
    return status;
}

void belay_backup_discard(struct belay_disk *to)
{
    struct belay_dir_entry *entries = NULL;
    struct belay_err err;
    size_t count = 0;
    bool ours = belay_disk_list(to, "", &entries, &count, &err) == BELAY_OK
                && holds(entries, count, BELAY_BACKING_UP_NAME) && !holds(entries, count, MANIFEST_NAME);
    for (size_t i = 0; backup_folders[i] && ours; i++) /* where it cannot be, the next one into it tries again */
        ours = !holds(entries, count, backup_folders[i]) || backup_empty_folder(to, backup_folders[i], &err) == BELAY_OK;
    belay_free(entries);
}

int belay_backup_copy_state(const struct belay_state_backend *from, const char *to, const struct belay_pace *pace,
                            struct belay_err *err)
{
    struct belay_state_backend copy;
    char path[STATE_PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/state", to) >= sizeof path)
        return belay_fail(err, BELAY_LIMIT, "the path of the backup is too long");
    int status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &copy, err);
    if (status != BELAY_OK)
        return status;
    status = belay_state_copy(from, &copy, pace, err);
    copy.close(copy.self);
    return status;
}
