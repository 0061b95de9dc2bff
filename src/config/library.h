/* library.h - documents that refer to one another, found on the disk.
 * Uses: document.  Thread: one owner; what it gave out is immutable and lives as long as it.
 *
 * A reference leads to the URI of another document.  file: is read where it lies.  Any other is looked for
 * in the folder of remotes: as HOST/PATH, as PATH, each with .json, .yaml and .yml behind it, too; then by
 * the $id at the root of each document there.  Nothing is fetched from the network. */
#ifndef BELAY_CONFIG_LIBRARY_H
#define BELAY_CONFIG_LIBRARY_H

#include "config/document.h"

struct belay_library;

/* remotes may be NULL: there are none. problems outlives the library and is told of documents that are
 * found and cannot be read. NULL: no memory. */
struct belay_library *belay_library_new(const char *remotes, struct belay_problems *problems);
void belay_library_free(struct belay_library *l);

/* Reads a document by its path; its URI is file:///... ("-": none, it refers to the current folder).
 * Errors: belay_document_read's. */
int belay_library_open(struct belay_library *l, const char *path, const struct belay_document **ret_document,
                       struct belay_str *ret_uri) BELAY_MUST_CHECK;
/* For belay_schema_opt.resolve: arg is the library. NULL: there is none, or problems say why. */
const belay_json *belay_library_resolve(void *arg, struct belay_str uri);
/* The path of a document among the remotes, for who reads it himself; lives as long as the library. p NULL: there is none. */
struct belay_str belay_library_find(struct belay_library *l, struct belay_str uri);
/* Where a place of a schema was written, "/pointer" of main or "URI#/pointer"; line 0: nobody knows. */
struct belay_place belay_library_place(const struct belay_library *l, const struct belay_document *main,
                                       struct belay_str place);

#endif
