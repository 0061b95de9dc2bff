/* disk.h - the port to the disk: one data directory and the files in it.
 * Uses: base.  Thread: any; every call names its file.  Two threads may use one file at once as
 * long as their ranges do not overlap; open and close of a file are its owner's.
 *
 * Everything is synchronous. Implementations: posix (disk_posix.c), a wrapper that makes the nth
 * operation fail (disk_fault.h), and the disk of the simulation, which loses, reorders and tears
 * whatever these rules do not promise.
 *
 * What survives a power loss (kill -9 alone loses nothing that a call returned OK for):
 *  D1  A write without BELAY_WRITE_SYNC promises nothing until a later belay_file_sync of the same
 *      file returns OK. Until then each 512-byte sector of it is there or not, by itself, in any
 *      order; a sector is never half written.
 *  D2  A write with BELAY_WRITE_SYNC that returned OK is durable: its bytes and the file size that
 *      is needed to read them. It says nothing about other writes, earlier ones included.
 *      Cut off in the middle it is torn as in D1.
 *  D3  belay_file_sync that returned OK makes durable every write of that file that had returned
 *      before the call began, and the file's size.
 *  D4  A name (create, rename, unlink, mkdir) is durable once belay_disk_sync_dir of its directory
 *      returned OK; before, each may or may not have happened, by itself. A rename is atomic: the
 *      target names the old file or the new one, never none. A name may become durable before
 *      the content of its file: sync the file first, then rename, then sync the directory.
 *  D5  After a failed sync, or a failed write with BELAY_WRITE_SYNC, nothing is known about the
 *      writes since the last successful one: the kernel may have dropped them and will say OK the
 *      next time. Never retry it: stop, and recover from what is on the disk.
 *
 * Errors, of every function unless it says otherwise: BELAY_NOSPACE (transient; nothing promised
 * about the range), BELAY_NOTFOUND, BELAY_EXISTS, BELAY_DENIED, BELAY_LIMIT (too many open files,
 * file too large), BELAY_NOMEM, BELAY_IO (fatal). Messages name the operation, the file and the
 * system's reason.
 *
 * Names are relative to the directory: "journal/0001.seg". No leading '/', no "." or ".." part, at
 * most BELAY_FILE_NAME_BYTES_MAX bytes (asserted: names are made by the program). "" is the
 * directory itself where a directory is asked for. */
#ifndef BELAY_PLATFORM_DISK_H
#define BELAY_PLATFORM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

struct belay_disk;
struct belay_file;

#define BELAY_SECTOR_BYTES 512

/* How a file is opened. Without WRITE it is only read. CREATE and TRUNCATE need WRITE. */
enum {
    BELAY_FILE_WRITE = 1 << 0,
    BELAY_FILE_CREATE = 1 << 1,   /* make it where it does not exist */
    BELAY_FILE_EXCL = 1 << 2,     /* with CREATE: BELAY_EXISTS where it does */
    BELAY_FILE_TRUNCATE = 1 << 3, /* empty it */
    /* Past the page cache. Offset, size and memory of each read and write are then multiples of
     * caps.align_bytes (asserted). Only where caps.direct says so, else BELAY_UNSUPPORTED. */
    BELAY_FILE_DIRECT = 1 << 4,
};

/* How a write is done. */
enum {
    BELAY_WRITE_SYNC = 1 << 0, /* durable when it returns OK (D2) */
};

/* What the probe found at the place of the directory. */
struct belay_disk_caps {
    bool direct;          /* O_DIRECT writes and reads what it should */
    bool write_sync;      /* RWF_DSYNC is understood; else BELAY_WRITE_SYNC is write + fdatasync */
    uint32_t align_bytes; /* of direct I/O: a power of two, at most BELAY_BLOCK_BYTES */
};

struct belay_dir_entry {
    char name[BELAY_FILE_NAME_BYTES_MAX + 1]; /* last part only */
    uint64_t size_bytes;                      /* of a file */
    bool is_dir;
};

/* What an implementation provides; callers use the functions below. No entry is NULL. */
struct belay_disk_ops {
    int (*open)(struct belay_disk *d, const char *name, unsigned flags,
                struct belay_file **ret_file, struct belay_err *err);
    void (*close)(struct belay_file *f);
    int (*write)(struct belay_file *f, uint64_t offset, const void *p, size_t n, unsigned flags,
                 struct belay_err *err);
    int (*read)(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n,
                struct belay_err *err);
    int (*sync)(struct belay_file *f, struct belay_err *err);
    int (*reserve)(struct belay_file *f, uint64_t size_bytes, struct belay_err *err);
    int (*truncate)(struct belay_file *f, uint64_t size_bytes, struct belay_err *err);
    int (*size)(struct belay_file *f, uint64_t *ret_size_bytes, struct belay_err *err);
    int (*map)(struct belay_file *f, size_t size_bytes, void **ret_p, struct belay_err *err);
    int (*mkdir)(struct belay_disk *d, const char *name, struct belay_err *err);
    int (*sync_dir)(struct belay_disk *d, const char *name, struct belay_err *err);
    int (*rename)(struct belay_disk *d, const char *from, const char *to, struct belay_err *err);
    int (*unlink)(struct belay_disk *d, const char *name, struct belay_err *err);
    int (*list)(struct belay_disk *d, const char *name, struct belay_dir_entry **ret_entries,
                size_t *ret_count, struct belay_err *err);
    int (*free_bytes)(struct belay_disk *d, uint64_t *ret_bytes, struct belay_err *err);
    void (*close_disk)(struct belay_disk *d);
};

/* First member of each implementation's own struct. */
struct belay_disk {
    const struct belay_disk_ops *ops;
    struct belay_disk_caps caps; /* set when opened */
    const char *path;            /* of the directory, for libraries with their own I/O (LMDB);
                                    NULL where there is none (the simulation) */
    bool look;                   /* opened with BELAY_DISK_LOOK: nothing may be changed */
};

/* First member of each implementation's own struct. */
struct belay_file {
    struct belay_disk *disk;
    unsigned flags; /* as opened */
};

/* --- the directory --- */

enum {
    BELAY_DISK_CREATE = 1 << 0,    /* make the directory (its parent exists), mode 0700 */
    BELAY_DISK_LOOK = 1 << 1,      /* only to read: no lock is taken, nothing is written; opening a
                                      file for writing is BELAY_DENIED, other changes a bug */
    BELAY_DISK_NO_DIRECT = 1 << 2, /* do not probe, caps.direct stays false */
};

/* Opens the directory at path, takes its lock (flock on path/LOCK, released by close or the end of
 * the process) and probes what the file system can do. *ret_disk belongs to the caller
 * (belay_disk_close). Errors: also BELAY_LOCKED (fatal; the message names the other's pid). */
int belay_disk_open_posix(const char *path, unsigned flags, struct belay_disk **ret_disk,
                          struct belay_err *err) BELAY_MUST_CHECK;
/* Is path, or would it be once it is made, the directory dir or in it, whatever links lead there? */
bool belay_path_within(const char *path, const char *dir);
/* All files are closed before. NULL is allowed. */
void belay_disk_close(struct belay_disk *d);

/* OK also where it exists already. */
int belay_disk_mkdir(struct belay_disk *d, const char *name, struct belay_err *err) BELAY_MUST_CHECK;
int belay_disk_sync_dir(struct belay_disk *d, const char *name,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* Replaces a file at to. */
int belay_disk_rename(struct belay_disk *d, const char *from, const char *to,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* A file that is open stays readable and writable until it is closed. */
int belay_disk_unlink(struct belay_disk *d, const char *name, struct belay_err *err) BELAY_MUST_CHECK;
/* What is in a directory, sorted by name (byte order), without "." and "..". *ret_entries belongs
 * to the caller (belay_free); NULL when there are none. */
int belay_disk_list(struct belay_disk *d, const char *name, struct belay_dir_entry **ret_entries,
                    size_t *ret_count, struct belay_err *err) BELAY_MUST_CHECK;
/* What an unprivileged process could still write. */
int belay_disk_free_bytes(struct belay_disk *d, uint64_t *ret_bytes,
                          struct belay_err *err) BELAY_MUST_CHECK;

/* --- files --- */

/* *ret_file belongs to the caller (belay_file_close) and does not outlive d. */
int belay_file_open(struct belay_disk *d, const char *name, unsigned flags,
                    struct belay_file **ret_file, struct belay_err *err) BELAY_MUST_CHECK;
/* Promises nothing about what was not synced. NULL is allowed. */
void belay_file_close(struct belay_file *f);

/* All n bytes are written, or it fails (and any part of them may have been). Extends the file. */
int belay_file_write(struct belay_file *f, uint64_t offset, const void *p, size_t n, unsigned flags,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* *ret_n < n only at the end of the file. */
int belay_file_read(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n,
                    struct belay_err *err) BELAY_MUST_CHECK;
/* fdatasync: D3. A failure is final: D5. */
int belay_file_sync(struct belay_file *f, struct belay_err *err) BELAY_MUST_CHECK;
/* Takes the space for the first size_bytes, so that writing there does not meet NOSPACE; the file
 * is at least that long afterwards, what is new reads as zeros. */
int belay_file_reserve(struct belay_file *f, uint64_t size_bytes,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* Reserves and writes zeros over [0, size_bytes), then syncs: the blocks of a journal segment are
 * then really there, and a later write with BELAY_WRITE_SYNC touches no metadata. Works through the
 * other operations, so that a fault or the simulation hits it too. */
int belay_file_prewrite(struct belay_file *f, uint64_t size_bytes,
                        struct belay_err *err) BELAY_MUST_CHECK;
int belay_file_truncate(struct belay_file *f, uint64_t size_bytes,
                        struct belay_err *err) BELAY_MUST_CHECK;
int belay_file_size(struct belay_file *f, uint64_t *ret_size_bytes,
                    struct belay_err *err) BELAY_MUST_CHECK;
/* The first size_bytes of the file (extended to that) as memory that survives the process, though
 * not the power: for notes about the work in hand, never for data. Valid until the file is closed;
 * at most one map a file; not for DIRECT files. */
int belay_file_map(struct belay_file *f, size_t size_bytes, void **ret_p,
                   struct belay_err *err) BELAY_MUST_CHECK;

/* --- memory for direct I/O --- */

/* n bytes aligned to BELAY_BLOCK_BYTES, n rounded up to a multiple of it, zeroed.
 * NULL without memory. Given back by belay_disk_free_aligned (NULL is allowed). */
void *belay_disk_alloc_aligned(size_t n) __attribute__((malloc, warn_unused_result));
void belay_disk_free_aligned(void *p);

#endif
