/* text.h - the small grammar of HTTP: percent-encoding, tokens, media types, UTF-8.
 * Uses: base.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_TEXT_H
#define BELAY_CONNECTOR_HTTP_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* %41 -> A; plus: '+' is a space (queries). Views s itself when there is nothing to decode.
 * Errors: BELAY_INVALID (bad %, or what comes out is no UTF-8), BELAY_NOMEM. */
int http_decode(struct belay_arena *arena, struct belay_str s, bool plus,
                struct belay_str *ret_text) BELAY_MUST_CHECK;
/* Undoes only the escapes that need not be there: of letters, digits, '-', '.', '_', '~'.
 * Errors: BELAY_NOMEM. */
int http_normalize(struct belay_arena *arena, struct belay_str s, struct belay_str *ret_text) BELAY_MUST_CHECK;
bool http_is_utf8(struct belay_str s);
/* RFC 9110 token: a field name, a method. */
bool http_is_token(struct belay_str s);
/* Without controls other than tab: a field value. */
bool http_is_field_value(struct belay_str s);
/* "application/json; charset=utf-8" -> "application/json", spaces trimmed. */
struct belay_str http_media_type(struct belay_str content_type);
/* The value of a parameter of a content type, without quotes; BELAY_STR_NONE when absent. */
struct belay_str http_media_param(struct belay_str content_type, struct belay_str name);
/* type is in range: equal, "application/" + "*", or "*" + "/" + "*". */
bool http_media_matches(struct belay_str range, struct belay_str type);
/* application/json, or +json. */
bool http_media_is_json(struct belay_str type);

/* What a body of this type becomes. The last two are forms. */
enum http_media_kind { HTTP_MEDIA_BYTES, HTTP_MEDIA_JSON, HTTP_MEDIA_TEXT, HTTP_MEDIA_FORM, HTTP_MEDIA_MULTIPART };
enum http_media_kind http_media_kind(struct belay_str type);

#endif
