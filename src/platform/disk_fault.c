#include "platform/disk_fault.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"

struct fault_disk {
    struct belay_disk base;
    struct belay_disk *inner;
    struct belay_fault_plan plan;
    atomic_uint_fast64_t count;
};

struct fault_file {
    struct belay_file base;
    struct belay_file *inner;
};

static const struct belay_disk_ops ops;

static struct fault_disk *disk_of(struct belay_disk *d)
{
    BELAY_ASSERT(d->ops == &ops);
    return BELAY_CONTAINER_OF(d, struct fault_disk, base);
}

static struct belay_file *inner_of(struct belay_file *f)
{
    return BELAY_CONTAINER_OF(f, struct fault_file, base)->inner;
}

static bool due(struct fault_disk *d, unsigned operations)
{
    if (!(d->plan.operations & operations))
        return false;
    uint64_t before = atomic_fetch_add(&d->count, 1);
    return d->plan.once ? before == d->plan.after : before >= d->plan.after;
}

static int refuse(const struct fault_disk *d, const char *operation, struct belay_err *err)
{
    int status = d->plan.kind == BELAY_FAULT_ENOSPC ? BELAY_NOSPACE : BELAY_IO;
    return belay_fail(err, status, "%s: injected fault: %s", operation, belay_status_text(status));
}

/* Whether the operation fails here; a flip is not a refusal. */
static bool hit(struct fault_disk *d, unsigned operations)
{
    return due(d, operations) && d->plan.kind != BELAY_FAULT_FLIP;
}

static int fault_open(struct belay_disk *base, const char *name, unsigned flags,
                      struct belay_file **ret_file, struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    if (hit(d, BELAY_FAULT_OPEN))
        return refuse(d, "open", err);
    struct fault_file *f = belay_calloc(1, sizeof *f);
    if (!f)
        return belay_fail(err, BELAY_NOMEM, "open %s: out of memory", name);
    int status = belay_file_open(d->inner, name, flags, &f->inner, err);
    if (status != BELAY_OK) {
        belay_free(f);
        return status;
    }
    f->base = (struct belay_file){ .disk = base, .flags = flags };
    *ret_file = &f->base;
    return BELAY_OK;
}

static void fault_close(struct belay_file *f)
{
    belay_file_close(inner_of(f));
    belay_free(BELAY_CONTAINER_OF(f, struct fault_file, base));
}

static int fault_write(struct belay_file *f, uint64_t offset, const void *p, size_t n,
                       unsigned flags, struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    unsigned operation = BELAY_FAULT_WRITE | (flags & BELAY_WRITE_SYNC ? BELAY_FAULT_SYNC : 0);
    if (!hit(d, operation))
        return belay_file_write(inner_of(f), offset, p, n, flags, err);
    uint64_t align = f->flags & BELAY_FILE_DIRECT ? d->base.caps.align_bytes : 1;
    size_t half = (size_t)(n / 2 / align * align);
    if (d->plan.kind == BELAY_FAULT_SHORT && half) {
        int status = belay_file_write(inner_of(f), offset, p, half, 0, err);
        if (status != BELAY_OK)
            return status;
    }
    return refuse(d, "write", err);
}

static int fault_read(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n,
                      struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    bool hits = due(d, BELAY_FAULT_READ);
    if (hits && d->plan.kind != BELAY_FAULT_FLIP)
        return refuse(d, "read", err);
    int status = belay_file_read(inner_of(f), offset, p, n, ret_n, err);
    if (status == BELAY_OK && hits && *ret_n)
        ((uint8_t *)p)[*ret_n / 2] ^= 1;
    return status;
}

static int fault_sync(struct belay_file *f, struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    return hit(d, BELAY_FAULT_SYNC) ? refuse(d, "sync", err) : belay_file_sync(inner_of(f), err);
}

static int fault_reserve(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    return hit(d, BELAY_FAULT_SPACE) ? refuse(d, "reserve", err)
                                     : belay_file_reserve(inner_of(f), size_bytes, err);
}

static int fault_truncate(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    return hit(d, BELAY_FAULT_SPACE) ? refuse(d, "truncate", err)
                                     : belay_file_truncate(inner_of(f), size_bytes, err);
}

static int fault_size(struct belay_file *f, uint64_t *ret_size_bytes, struct belay_err *err)
{
    return belay_file_size(inner_of(f), ret_size_bytes, err);
}

static int fault_map(struct belay_file *f, size_t size_bytes, void **ret_p, struct belay_err *err)
{
    struct fault_disk *d = disk_of(f->disk);
    return hit(d, BELAY_FAULT_SPACE) ? refuse(d, "map", err)
                                     : belay_file_map(inner_of(f), size_bytes, ret_p, err);
}

static int fault_mkdir(struct belay_disk *base, const char *name, struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    return hit(d, BELAY_FAULT_NAMES) ? refuse(d, "mkdir", err)
                                     : belay_disk_mkdir(d->inner, name, err);
}

static int fault_sync_dir(struct belay_disk *base, const char *name, struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    return hit(d, BELAY_FAULT_NAMES) ? refuse(d, "sync directory", err)
                                     : belay_disk_sync_dir(d->inner, name, err);
}

static int fault_rename(struct belay_disk *base, const char *from, const char *to,
                        struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    return hit(d, BELAY_FAULT_NAMES) ? refuse(d, "rename", err)
                                     : belay_disk_rename(d->inner, from, to, err);
}

static int fault_unlink(struct belay_disk *base, const char *name, struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    return hit(d, BELAY_FAULT_NAMES) ? refuse(d, "unlink", err)
                                     : belay_disk_unlink(d->inner, name, err);
}

static int fault_list(struct belay_disk *base, const char *name,
                      struct belay_dir_entry **ret_entries, size_t *ret_count,
                      struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    return hit(d, BELAY_FAULT_NAMES) ? refuse(d, "list", err)
                                     : belay_disk_list(d->inner, name, ret_entries, ret_count, err);
}

static int fault_free_bytes(struct belay_disk *base, uint64_t *ret_bytes, struct belay_err *err)
{
    struct fault_disk *d = disk_of(base);
    int status = belay_disk_free_bytes(d->inner, ret_bytes, err);
    /* A full disk also says so. */
    if (status == BELAY_OK && d->plan.operations && d->plan.kind == BELAY_FAULT_ENOSPC
        && atomic_load(&d->count) > d->plan.after && !d->plan.once)
        *ret_bytes = 0;
    return status;
}

static void fault_close_disk(struct belay_disk *base)
{
    belay_free(disk_of(base));
}

static const struct belay_disk_ops ops = {
    .open = fault_open,
    .close = fault_close,
    .write = fault_write,
    .read = fault_read,
    .sync = fault_sync,
    .reserve = fault_reserve,
    .truncate = fault_truncate,
    .size = fault_size,
    .map = fault_map,
    .mkdir = fault_mkdir,
    .sync_dir = fault_sync_dir,
    .rename = fault_rename,
    .unlink = fault_unlink,
    .list = fault_list,
    .free_bytes = fault_free_bytes,
    .close_disk = fault_close_disk,
};

int belay_disk_fault_new(struct belay_disk *inner, struct belay_disk **ret_disk,
                         struct belay_err *err)
{
    struct fault_disk *d = belay_calloc(1, sizeof *d);
    if (!d)
        return belay_fail(err, BELAY_NOMEM, "fault disk: out of memory");
    d->base = (struct belay_disk){ .ops = &ops, .caps = inner->caps, .path = inner->path,
                                   .look = inner->look };
    d->inner = inner;
    *ret_disk = &d->base;
    return BELAY_OK;
}

void belay_disk_fault_plan(struct belay_disk *base, const struct belay_fault_plan *plan)
{
    struct fault_disk *d = disk_of(base);
    d->plan = *plan;
    atomic_store(&d->count, 0);
}

uint64_t belay_disk_fault_count(struct belay_disk *base)
{
    return atomic_load(&disk_of(base)->count);
}
