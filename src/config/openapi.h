/* openapi.h - an OpenAPI document, or a schema, of one or several files, read as one.  Private to config.
 * Thread: one owner.
 *
 * A $ref to another file becomes one within: the file's tree is put under "x-files", by its path as seen from
 * the document, and references in it are made to lead there, too. So router, schemas and whoever reads the
 * published document see a single one. The $id at a file's root stands for the file's place: what is relative to it is
 * looked for beside the file. What lies under an $id further down keeps its references; nothing is fetched from a
 * network. */
#ifndef BELAY_CONFIG_OPENAPI_H
#define BELAY_CONFIG_OPENAPI_H

#include "config/load.h"
#include "connector/http/openapi.h"

/* NULL: a problem was told. Where only a file that it refers to cannot be read, that is told, c->unread is set and the
 * rest is there to be looked at. */
const struct config_node *config_openapi_tree(struct config *c, struct belay_str path, const struct config_node *from);

/* The same of a JSON Schema: the file at path or, path NULL, the mapping `from` itself. */
const struct config_node *config_schema_tree(struct config *c, struct belay_str path, const struct config_node *from);

/* Warns of members that OpenAPI does not know (openapi_fields.c). */
void config_openapi_fields(struct config *c, const struct config_node *tree);

/* Compiles the document only to learn of its mistakes, which are told at their places: the server compiles it again
 * for itself. False: it is no OpenAPI document at all (told at `from`). */
bool config_openapi_check(struct config *c, const belay_json *root, const struct config_node *tree,
                          const struct config_node *from, const struct belay_openapi_opt *opt);

#endif
