/* openapi.h - an OpenAPI document of one or several files, read as one.  Private to config.
 * Thread: one owner.
 *
 * A $ref to another file becomes one within: the file's tree is put under "x-files", by its path as seen from
 * the document, and references in it are made to lead there, too. So router, schemas and whoever reads the
 * published document see a single one. What lies under an $id of its own keeps its references; nothing is
 * fetched from a network. */
#ifndef BELAY_CONFIG_OPENAPI_H
#define BELAY_CONFIG_OPENAPI_H

#include "config/load.h"
#include "connector/http/openapi.h"

/* NULL: a problem was told. */
const struct config_node *config_openapi_tree(struct config *c, struct belay_str path, const struct config_node *from);

/* Warns of members that OpenAPI does not know (openapi_fields.c). */
void config_openapi_fields(struct config *c, const struct config_node *tree);

/* Compiles the document only to learn of its mistakes, which are told at their places: the server compiles it again
 * for itself. False: it is no OpenAPI document at all (told at `from`). */
bool config_openapi_check(struct config *c, const belay_json *root, const struct config_node *tree,
                          const struct config_node *from, const struct belay_openapi_opt *opt);

#endif
