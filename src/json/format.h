/* format.h - what `format` asserts.  Private to json.  Thread: any (pure).
 * RFC 3339 dates and times with leap seconds, RFC 5321 mailboxes, RFC 1123 host names, RFC 4291
 * addresses, RFC 3986/3987 references, RFC 6570 templates, RFC 6901 pointers, RFC 4122 UUIDs, ISO
 * 8601 durations, ECMA-262 expressions; OpenAPI's int32, int64, byte.  IDNA 2008 by libidn2,
 * which takes heap memory for a label; all others take none. */
#ifndef BELAY_JSON_FORMAT_H
#define BELAY_JSON_FORMAT_H

#include "json/json.h"

/* 0 for one that asserts nothing. */
unsigned format_find(struct belay_str name);
/* "date-time" */
const char *format_name(unsigned format);
/* True as well where the format speaks of another type. */
bool format_string(unsigned format, struct belay_str s);
bool format_number(unsigned format, const belay_json *v);

/* format_time.c, format_uri.c, format_net.c, format_idn.c */
bool format_date(struct belay_str s);
bool format_time(struct belay_str s);
bool format_date_time(struct belay_str s);
bool format_duration(struct belay_str s);
bool format_uri(struct belay_str s);
bool format_uri_reference(struct belay_str s);
bool format_iri(struct belay_str s);
bool format_iri_reference(struct belay_str s);
bool format_uri_template(struct belay_str s);
bool format_ipv4(struct belay_str s);
bool format_ipv6(struct belay_str s);
bool format_hostname(struct belay_str s);
bool format_idn_hostname(struct belay_str s);
/* "xn--...": of a host name. */
bool format_a_label(struct belay_str s);
bool format_email(struct belay_str s);
bool format_idn_email(struct belay_str s);

#endif
