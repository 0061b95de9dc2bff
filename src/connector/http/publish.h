/* publish.h - an API tells about itself: its document as JSON and YAML, and a page of it for people.
 * Uses: api, exchange.  Thread: the I/O thread.
 *
 * Only what no path of the document matches gets here, so a path of its own hides a published one. Texts
 * are made when first asked for and kept with the API. */
#ifndef BELAY_CONNECTOR_HTTP_PUBLISH_H
#define BELAY_CONNECTOR_HTTP_PUBLISH_H

#include "connector/http/exchange.h"

/* Answers x where its path is a published one. 0: it is not; else the status. */
uint32_t http_publish(struct http_exchange *x);

/* The document as YAML 1.2, in blocks. */
void http_yaml_write(struct belay_buf *out, const belay_json *v);
/* One self-contained page of HTML, without a script and without anything from elsewhere. json_path: "" or
 * where the document is. */
void http_page_write(struct belay_buf *out, const belay_json *document, struct belay_str json_path);

#endif
