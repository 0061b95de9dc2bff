/* The disk as Linux gives it. Names are resolved against the directory's descriptor, so a moved
 * working directory or a renamed parent changes nothing. */
#include "platform/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "platform/sys.h"

#define LOCK_NAME "LOCK"
#define PROBE_NAME "PROBE"
#define DIR_MODE 0700
#define FILE_MODE 0600

struct disk {
    struct belay_disk base;
    int dir_fd;
    int lock_fd; /* -1: only looking */
    char path[];
};

struct file {
    struct belay_file base;
    int fd;
    void *map;
    size_t map_bytes;
    char name[]; /* for messages */
};

static struct disk *disk_of(struct belay_disk *d)
{
    return BELAY_CONTAINER_OF(d, struct disk, base);
}

static struct file *file_of(struct belay_file *f)
{
    return BELAY_CONTAINER_OF(f, struct file, base);
}

static int fail(const struct belay_disk *d, const char *operation, const char *name,
                struct belay_err *err)
{
    return belay_sys_fail(err, errno, "%s %s%s%s", operation, d->path, *name ? "/" : "", name);
}

/* Cuts the last part off; false: there was none but the root. */
static bool to_parent(char *path)
{
    char *slash = strrchr(path, '/');
    bool more = path[0] != '\0' && strcmp(path, "/") != 0 && strcmp(path, ".") != 0;
    if (!slash)
        memcpy(path, ".", 2); /* of what is not there yet and has no folder before it */
    else
        slash[slash == path] = '\0';
    return more;
}

bool belay_path_within(const char *path, const char *dir)
{
    struct stat wanted, at;
    char part[PATH_MAX], real[PATH_MAX];
    if (stat(dir, &wanted) != 0 || strlen(path) >= sizeof part || !*path)
        return false;
    memcpy(part, path, strlen(path) + 1);
    while (!realpath(part, real)) /* what is not there would be made in its parent */
        if (!to_parent(part))
            return false;
    do {
        if (stat(real, &at) == 0 && at.st_dev == wanted.st_dev && at.st_ino == wanted.st_ino)
            return true;
    } while (to_parent(real));
    return false;
}

static int open_flags(unsigned flags)
{
    return O_CLOEXEC | (flags & BELAY_FILE_WRITE ? O_RDWR : O_RDONLY)
           | (flags & BELAY_FILE_CREATE ? O_CREAT : 0) | (flags & BELAY_FILE_EXCL ? O_EXCL : 0)
           | (flags & BELAY_FILE_TRUNCATE ? O_TRUNC : 0)
           | (flags & BELAY_FILE_DIRECT ? O_DIRECT : 0);
}

static int file_open(struct belay_disk *d, const char *name, unsigned flags,
                     struct belay_file **ret_file, struct belay_err *err)
{
    size_t name_bytes = strlen(name) + 1;
    struct file *f = belay_calloc(1, sizeof *f + name_bytes);
    if (!f)
        return belay_fail(err, BELAY_NOMEM, "open %s: out of memory", name);
    f->base = (struct belay_file){ .disk = d, .flags = flags };
    memcpy(f->name, name, name_bytes);
    f->fd = openat(disk_of(d)->dir_fd, name, open_flags(flags), FILE_MODE);
    if (f->fd < 0) {
        int status = fail(d, "open", name, err);
        belay_free(f);
        return status;
    }
    *ret_file = &f->base;
    return BELAY_OK;
}

static void file_close(struct belay_file *base)
{
    struct file *f = file_of(base);
    if (f->map)
        munmap(f->map, f->map_bytes);
    close(f->fd);
    belay_free(f);
}

static int file_sync(struct belay_file *base, struct belay_err *err)
{
    struct file *f = file_of(base);
    /* No EINTR loop: after any failure the kernel may forget the pages (D5). */
    return fdatasync(f->fd) == 0 ? BELAY_OK : fail(base->disk, "sync", f->name, err);
}

static int file_write(struct belay_file *base, uint64_t offset, const void *p, size_t n,
                      unsigned flags, struct belay_err *err)
{
    struct file *f = file_of(base);
    bool sync = flags & BELAY_WRITE_SYNC, by_flag = sync && base->disk->caps.write_sync;
    const char *at = p;
    while (n) {
        struct iovec part = { .iov_base = (void *)(uintptr_t)at, .iov_len = n };
        ssize_t done = pwritev2(f->fd, &part, 1, (off_t)offset, by_flag ? RWF_DSYNC : 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? EIO : errno;
            return fail(base->disk, "write", f->name, err);
        }
        BELAY_ASSERT((size_t)done <= n);
        at += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    return sync && !by_flag ? file_sync(base, err) : BELAY_OK;
}

static int file_read(struct belay_file *base, uint64_t offset, void *p, size_t n, size_t *ret_n,
                     struct belay_err *err)
{
    struct file *f = file_of(base);
    size_t got = 0;
    while (got < n) {
        ssize_t done = pread(f->fd, (char *)p + got, n - got, (off_t)(offset + got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(base->disk, "read", f->name, err);
        if (done == 0)
            break;
        got += (size_t)done;
        /* A direct read that ends off the alignment has met the end of the file. */
        if ((base->flags & BELAY_FILE_DIRECT) && got % base->disk->caps.align_bytes)
            break;
    }
    BELAY_ASSERT(got <= n);
    *ret_n = got;
    return BELAY_OK;
}

static int file_size(struct belay_file *base, uint64_t *ret_size_bytes, struct belay_err *err)
{
    struct file *f = file_of(base);
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return fail(base->disk, "stat", f->name, err);
    *ret_size_bytes = (uint64_t)st.st_size;
    return BELAY_OK;
}

static int file_reserve(struct belay_file *base, uint64_t size_bytes, struct belay_err *err)
{
    struct file *f = file_of(base);
    if (size_bytes == 0)
        return BELAY_OK;
    int failed;
    do {
        failed = posix_fallocate(f->fd, 0, (off_t)size_bytes);
    } while (failed == EINTR);
    errno = failed;
    return failed ? fail(base->disk, "reserve", f->name, err) : BELAY_OK;
}

static int file_truncate(struct belay_file *base, uint64_t size_bytes, struct belay_err *err)
{
    struct file *f = file_of(base);
    return ftruncate(f->fd, (off_t)size_bytes) == 0 ? BELAY_OK
                                                    : fail(base->disk, "truncate", f->name, err);
}

static int file_map(struct belay_file *base, size_t size_bytes, void **ret_p, struct belay_err *err)
{
    struct file *f = file_of(base);
    BELAY_ASSERT(!f->map);
    /* Reserved, not merely extended: a full disk must fail here and not as SIGBUS later. */
    int status = file_reserve(base, size_bytes, err);
    if (status != BELAY_OK)
        return status;
    void *p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (p == MAP_FAILED)
        return fail(base->disk, "map", f->name, err);
    f->map = p;
    f->map_bytes = size_bytes;
    *ret_p = p;
    return BELAY_OK;
}

static int disk_mkdir(struct belay_disk *d, const char *name, struct belay_err *err)
{
    if (mkdirat(disk_of(d)->dir_fd, name, DIR_MODE) == 0 || errno == EEXIST)
        return BELAY_OK;
    return fail(d, "mkdir", name, err);
}

static int dir_fd_open(struct belay_disk *d, const char *name)
{
    return openat(disk_of(d)->dir_fd, *name ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int disk_sync_dir(struct belay_disk *d, const char *name, struct belay_err *err)
{
    int fd = dir_fd_open(d, name);
    if (fd < 0)
        return fail(d, "open", name, err);
    int status = fsync(fd) == 0 ? BELAY_OK : fail(d, "sync", name, err);
    close(fd);
    return status;
}

static int disk_rename(struct belay_disk *d, const char *from, const char *to,
                       struct belay_err *err)
{
    int fd = disk_of(d)->dir_fd;
    return renameat(fd, from, fd, to) == 0 ? BELAY_OK : fail(d, "rename", from, err);
}

static int disk_unlink(struct belay_disk *d, const char *name, struct belay_err *err)
{
    return unlinkat(disk_of(d)->dir_fd, name, 0) == 0 ? BELAY_OK : fail(d, "unlink", name, err);
}

static int disk_free_bytes(struct belay_disk *d, uint64_t *ret_bytes, struct belay_err *err)
{
    struct statvfs vfs;
    if (fstatvfs(disk_of(d)->dir_fd, &vfs) != 0)
        return fail(d, "statvfs", "", err);
    *ret_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return BELAY_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct belay_dir_entry *)a)->name,
                  ((const struct belay_dir_entry *)b)->name);
}

/* Fills *entry. A file that went away since readdir is skipped: false. */
static bool entry_of(int fd, const char *name, struct belay_dir_entry *entry)
{
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    memset(entry, 0, sizeof *entry);
    memcpy(entry->name, name, strnlen(name, BELAY_FILE_NAME_BYTES_MAX));
    entry->is_dir = S_ISDIR(st.st_mode);
    entry->size_bytes = entry->is_dir ? 0 : (uint64_t)st.st_size;
    return true;
}

static int collect(DIR *dir, struct belay_dir_entry **entries, size_t *count)
{
    size_t cap = 0;
    struct dirent *item;
    while ((item = readdir(dir))) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        if (*count == cap) {
            cap = cap ? cap * 2 : 16;
            struct belay_dir_entry *more = belay_realloc(*entries, cap * sizeof *more);
            if (!more)
                return BELAY_NOMEM;
            *entries = more;
        }
        *count += entry_of(dirfd(dir), item->d_name, &(*entries)[*count]);
    }
    return BELAY_OK;
}

static int disk_list(struct belay_disk *d, const char *name, struct belay_dir_entry **ret_entries,
                     size_t *ret_count, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int fd = dir_fd_open(d, name);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int status = fail(d, "list", name, err);
        if (fd >= 0)
            close(fd);
        return status;
    }
    int status = collect(dir, &entries, &count);
    closedir(dir);
    if (status != BELAY_OK) {
        belay_free(entries);
        return belay_fail(err, status, "list %s: out of memory", name);
    }
    if (count)
        qsort(entries, count, sizeof *entries, by_name);
    *ret_entries = entries;
    *ret_count = count;
    return BELAY_OK;
}

static void disk_close(struct belay_disk *base)
{
    struct disk *d = disk_of(base);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    if (d->dir_fd >= 0)
        close(d->dir_fd);
    belay_free(d);
}

static const struct belay_disk_ops ops = {
    .open = file_open,
    .close = file_close,
    .write = file_write,
    .read = file_read,
    .sync = file_sync,
    .reserve = file_reserve,
    .truncate = file_truncate,
    .size = file_size,
    .map = file_map,
    .mkdir = disk_mkdir,
    .sync_dir = disk_sync_dir,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .list = disk_list,
    .free_bytes = disk_free_bytes,
    .close_disk = disk_close,
};

/* The lock is the flock, not the file: it ends with the process however that ends. The pid in it
 * is only for the message. */
static int take_lock(struct disk *d, struct belay_err *err)
{
    char pid[16] = "";
    d->lock_fd = openat(d->dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (d->lock_fd < 0)
        return fail(&d->base, "open", LOCK_NAME, err);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return fail(&d->base, "lock", LOCK_NAME, err);
        ssize_t n = pread(d->lock_fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        return belay_fail(err, BELAY_LOCKED, "%s is in use by another process (pid %s)", d->path,
                          *pid ? pid : "unknown");
    }
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, pid, (size_t)n, 0) != n) {
        /* A full disk must not stop a start: the lock holds, only the name is missing. */
        return BELAY_OK;
    }
    return BELAY_OK;
}

/* Writes one block as the journal would and reads it back; any surprise means "no". */
static bool direct_works(int fd, uint32_t align)
{
    bool works = false;
    char *block = belay_disk_alloc_aligned(2 * (size_t)align);
    if (!block)
        return false;
    memset(block, 0xa5, align);
    struct iovec part = { .iov_base = block, .iov_len = align };
    if (pwritev2(fd, &part, 1, 0, RWF_DSYNC) == (ssize_t)align
        && pread(fd, block + align, align, 0) == (ssize_t)align)
        works = memcmp(block, block + align, align) == 0;
    belay_disk_free_aligned(block);
    return works;
}

static uint32_t direct_align(int fd)
{
#ifdef STATX_DIOALIGN
    struct statx stx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 && (stx.stx_mask & STATX_DIOALIGN)
        && stx.stx_dio_offset_align) {
        uint32_t offset = stx.stx_dio_offset_align, memory = stx.stx_dio_mem_align;
        return offset > memory ? offset : memory;
    }
#endif
    (void)fd;
    return BELAY_BLOCK_BYTES;
}

static bool write_sync_works(int fd)
{
    char byte = 0;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    return pwritev2(fd, &part, 1, 0, RWF_DSYNC) == 1;
}

static void probe(struct disk *d, unsigned flags)
{
    struct belay_disk_caps *caps = &d->base.caps;
    int fd = openat(d->dir_fd, PROBE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return;
    caps->write_sync = write_sync_works(fd);
    close(fd);
    fd = flags & BELAY_DISK_NO_DIRECT
             ? -1
             : openat(d->dir_fd, PROBE_NAME, O_RDWR | O_CLOEXEC | O_DIRECT, FILE_MODE);
    if (fd >= 0) {
        uint32_t align = direct_align(fd);
        if (align <= BELAY_BLOCK_BYTES && caps->write_sync && direct_works(fd, align)) {
            caps->direct = true;
            caps->align_bytes = align;
        }
        close(fd);
    }
    unlinkat(d->dir_fd, PROBE_NAME, 0);
}

int belay_disk_open_posix(const char *path, unsigned flags, struct belay_disk **ret_disk,
                          struct belay_err *err)
{
    size_t path_bytes = strlen(path) + 1;
    struct disk *d = belay_calloc(1, sizeof *d + path_bytes);
    if (!d)
        return belay_fail(err, BELAY_NOMEM, "open %s: out of memory", path);
    memcpy(d->path, path, path_bytes);
    d->base.ops = &ops;
    d->base.path = d->path;
    d->base.caps.align_bytes = BELAY_BLOCK_BYTES;
    d->base.look = flags & BELAY_DISK_LOOK;
    d->dir_fd = d->lock_fd = -1;
    int status = BELAY_OK;
    if ((flags & BELAY_DISK_CREATE) && mkdir(path, DIR_MODE) != 0 && errno != EEXIST)
        status = fail(&d->base, "mkdir", "", err);
    if (status == BELAY_OK) {
        d->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        status = d->dir_fd >= 0 ? BELAY_OK : fail(&d->base, "open", "", err);
    }
    if (status == BELAY_OK && !(flags & BELAY_DISK_LOOK)) {
        status = take_lock(d, err);
        if (status == BELAY_OK)
            probe(d, flags);
    }
    if (status != BELAY_OK) {
        disk_close(&d->base);
        return status;
    }
    *ret_disk = &d->base;
    return BELAY_OK;
}
