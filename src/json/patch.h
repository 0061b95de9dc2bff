/* patch.h - JSON Patch, RFC 6902: add, remove, replace, move, copy, test; all or nothing.
 * Each operation writes the document anew, so it is for people's edits, not for streams.  Uses: json.  Thread: any. */
#ifndef BELAY_JSON_PATCH_H
#define BELAY_JSON_PATCH_H

#include "json/json.h"

#define BELAY_JSON_PATCH_OPS_MAX 1000

/* The patched document, a tape in arena (as are the texts between).  Errors: BELAY_INVALID (no patch; a place that is not
 * there; a test that failed: msg names the operation by its index), BELAY_LIMIT, BELAY_NOMEM. */
int belay_json_patch(const belay_json *root, const belay_json *patch, struct belay_arena *arena,
                     const belay_json **ret_root, struct belay_err *err) BELAY_MUST_CHECK;

#endif
