/* The callers' side of the port: what is true of every implementation is checked here. */
#include "platform/disk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define PREWRITE_BYTES BELAY_MIB(1)

/* "a/b.c": no empty, "." or ".." part, so that nobody leaves the directory. */
static bool name_ok(const char *name)
{
    if (strnlen(name, BELAY_FILE_NAME_BYTES_MAX + 1) > BELAY_FILE_NAME_BYTES_MAX)
        return false;
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0 || strncmp(part, ".", n) == 0 || (n == 2 && strncmp(part, "..", 2) == 0))
            return false;
        part += n;
        if (*part == '\0')
            return true;
    }
}

static bool dir_ok(const char *name)
{
    return name[0] == '\0' || name_ok(name);
}

static bool direct_ok(const struct belay_file *f, uint64_t offset, const void *p, size_t n)
{
    uint64_t mask = (uint64_t)f->disk->caps.align_bytes - 1;
    return !(f->flags & BELAY_FILE_DIRECT)
           || (((offset | (uint64_t)n | (uint64_t)(uintptr_t)p) & mask) == 0);
}

void belay_disk_close(struct belay_disk *d)
{
    if (d)
        d->ops->close_disk(d);
}

int belay_disk_mkdir(struct belay_disk *d, const char *name, struct belay_err *err)
{
    BELAY_ASSERT(name_ok(name) && !d->look);
    return d->ops->mkdir(d, name, err);
}

int belay_disk_sync_dir(struct belay_disk *d, const char *name, struct belay_err *err)
{
    BELAY_ASSERT(dir_ok(name));
    return d->ops->sync_dir(d, name, err);
}

int belay_disk_rename(struct belay_disk *d, const char *from, const char *to, struct belay_err *err)
{
    BELAY_ASSERT(name_ok(from) && name_ok(to) && !d->look);
    return d->ops->rename(d, from, to, err);
}

int belay_disk_unlink(struct belay_disk *d, const char *name, struct belay_err *err)
{
    BELAY_ASSERT(name_ok(name) && !d->look);
    return d->ops->unlink(d, name, err);
}

int belay_disk_list(struct belay_disk *d, const char *name, struct belay_dir_entry **ret_entries,
                    size_t *ret_count, struct belay_err *err)
{
    BELAY_ASSERT(dir_ok(name));
    return d->ops->list(d, name, ret_entries, ret_count, err);
}

int belay_disk_free_bytes(struct belay_disk *d, uint64_t *ret_bytes, struct belay_err *err)
{
    return d->ops->free_bytes(d, ret_bytes, err);
}

int belay_file_open(struct belay_disk *d, const char *name, unsigned flags,
                    struct belay_file **ret_file, struct belay_err *err)
{
    BELAY_ASSERT(name_ok(name));
    BELAY_ASSERT((flags & BELAY_FILE_WRITE)
                 || !(flags & (BELAY_FILE_CREATE | BELAY_FILE_EXCL | BELAY_FILE_TRUNCATE)));
    if ((flags & BELAY_FILE_WRITE) && d->look)
        return belay_fail(err, BELAY_DENIED, "open %s: the directory is only looked at", name);
    if ((flags & BELAY_FILE_DIRECT) && !d->caps.direct)
        return belay_fail(err, BELAY_UNSUPPORTED, "open %s: no direct I/O here", name);
    return d->ops->open(d, name, flags, ret_file, err);
}

void belay_file_close(struct belay_file *f)
{
    if (f)
        f->disk->ops->close(f);
}

int belay_file_write(struct belay_file *f, uint64_t offset, const void *p, size_t n, unsigned flags,
                     struct belay_err *err)
{
    BELAY_ASSERT(f->flags & BELAY_FILE_WRITE);
    BELAY_ASSERT(direct_ok(f, offset, p, n));
    BELAY_ASSERT(offset <= INT64_MAX && n <= (uint64_t)INT64_MAX - offset);
    return n ? f->disk->ops->write(f, offset, p, n, flags, err) : BELAY_OK;
}

int belay_file_read(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n,
                    struct belay_err *err)
{
    BELAY_ASSERT(direct_ok(f, offset, p, n));
    BELAY_ASSERT(offset <= INT64_MAX && n <= (uint64_t)INT64_MAX - offset);
    return f->disk->ops->read(f, offset, p, n, ret_n, err);
}

int belay_file_sync(struct belay_file *f, struct belay_err *err)
{
    return f->disk->ops->sync(f, err);
}

int belay_file_reserve(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    BELAY_ASSERT(f->flags & BELAY_FILE_WRITE);
    return f->disk->ops->reserve(f, size_bytes, err);
}

int belay_file_prewrite(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    int status = belay_file_reserve(f, size_bytes, err);
    if (status != BELAY_OK)
        return status;
    size_t piece = size_bytes < PREWRITE_BYTES ? (size_t)size_bytes : PREWRITE_BYTES;
    void *zeros = belay_disk_alloc_aligned(piece);
    if (!zeros)
        return belay_fail(err, BELAY_NOMEM, "prewrite: %s", belay_status_text(BELAY_NOMEM));
    for (uint64_t at = 0; at < size_bytes && status == BELAY_OK; at += piece) {
        size_t n = size_bytes - at < piece ? (size_t)(size_bytes - at) : piece;
        status = belay_file_write(f, at, zeros, n, 0, err);
    }
    belay_disk_free_aligned(zeros);
    return status == BELAY_OK ? belay_file_sync(f, err) : status;
}

int belay_file_truncate(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    BELAY_ASSERT(f->flags & BELAY_FILE_WRITE);
    return f->disk->ops->truncate(f, size_bytes, err);
}

int belay_file_size(struct belay_file *f, uint64_t *ret_size_bytes, struct belay_err *err)
{
    return f->disk->ops->size(f, ret_size_bytes, err);
}

int belay_file_map(struct belay_file *f, size_t size_bytes, void **ret_p, struct belay_err *err)
{
    BELAY_ASSERT((f->flags & BELAY_FILE_WRITE) && !(f->flags & BELAY_FILE_DIRECT));
    BELAY_ASSERT(size_bytes > 0);
    return f->disk->ops->map(f, size_bytes, ret_p, err);
}

void *belay_disk_alloc_aligned(size_t n)
{
    size_t whole = (n + BELAY_BLOCK_BYTES - 1) & ~(size_t)(BELAY_BLOCK_BYTES - 1);
    void *p = belay_malloc_aligned(BELAY_BLOCK_BYTES, whole);
    if (p)
        memset(p, 0, whole);
    return p;
}

void belay_disk_free_aligned(void *p)
{
    belay_free(p);
}
