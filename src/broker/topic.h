/* topic.h - topics and queues: found, appended to, limited.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_TOPIC_H
#define BELAY_BROKER_TOPIC_H

#include "broker/resident.h"
#include "broker/stats.h"

struct topic *topic_find(struct belay_broker *b, struct belay_str name);
struct topic *topic_by_id(struct belay_broker *b, uint32_t id);
int topics_load(struct belay_broker *b, struct belay_state *state);
void topics_save(struct belay_broker *b, struct belay_state *state);
void topics_free(struct belay_broker *b);
/* Row 0; parts_load comes behind it. Errors: BELAY_VERSION, BELAY_CORRUPT, BELAY_NOMEM. */
int broker_row_load(struct belay_broker *b, struct belay_state *state) BELAY_MUST_CHECK;
void broker_row_save(struct belay_broker *b, struct belay_state *state);
/* Into b->message, stamped with b->now, and with the time that t (NULL: not there yet) gives it to live. Errors:
 * BELAY_LIMIT, BELAY_NOMEM. */
int broker_encode(struct belay_broker *b, const struct topic *t, const struct belay_message *m,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* Appends an encoded message (room was reserved), tells the subscriptions. */
uint64_t topic_append(struct belay_broker *b, struct topic *t, struct belay_str encoded);

/* How much it may hold (limit.c); def is borrowed for the call. */
void topic_limit(struct topic *t, const struct belay_topic_def *def);
void topic_limit_stats(struct belay_broker *b, struct topic *t, struct belay_topic_stats *s);
/* What the slowest subscription has yet to handle, but for what waits for a person. */
uint64_t topic_length(struct belay_broker *b, struct topic *t);

#endif
