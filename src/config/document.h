/* document.h - one document, YAML or JSON by its name, as a tape that knows where it was written.
 * Uses: base, json, libfyaml (yaml.c).  Thread: one owner; the tape is immutable and may be read by
 * many.  A document is what people hand us beside flows: a schema, an instance, a contract. */
#ifndef BELAY_CONFIG_DOCUMENT_H
#define BELAY_CONFIG_DOCUMENT_H

#include "config/config.h"
#include "json/json.h"

struct belay_document;

/* Reads path, YAML where it ends in .yaml or .yml (as configuration files: no merge keys, ${} is text),
 * else strict JSON. "-" is standard input, JSON. What is wrong goes to problems with its place.
 * Errors: BELAY_NOTFOUND, BELAY_IO, BELAY_INVALID (no regular file; no YAML or JSON), BELAY_LIMIT (16 MiB,
 * YAML 4 MiB; too deep), BELAY_NOMEM. *ret_document is the caller's (belay_document_free). */
int belay_document_read(const char *path, struct belay_document **ret_document, struct belay_problems *problems)
    BELAY_MUST_CHECK;
void belay_document_free(struct belay_document *d);

const belay_json *belay_document_root(const struct belay_document *d);
/* Where what the pointer names was written, or as near as it leads; line 0: nowhere. */
struct belay_place belay_document_place(const struct belay_document *d, struct belay_str pointer);

#endif
