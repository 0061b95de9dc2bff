/* tempdir.h - a folder of its own for a test, on the disk of the build (not tmpfs). */
#ifndef BELAY_TEST_TEMPDIR_H
#define BELAY_TEST_TEMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Fills path with a new folder under the working directory; NULL when that fails. */
static inline char *tempdir_make(char path[32])
{
    snprintf(path, 32, "%s", "tmp.XXXXXX");
    return mkdtemp(path);
}

static inline int tempdir_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void tempdir_remove(const char *path)
{
    nftw(path, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
