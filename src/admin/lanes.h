/* lanes.h - which lanes a question is about, one after the other.  Uses: engine.  Thread: engine. */
#ifndef BELAY_ADMIN_LANES_H
#define BELAY_ADMIN_LANES_H

#include "admin/question.h"
#include "broker/lane.h"

struct lane_filter {
    struct question *q;
    struct belay_str flow, key;    /* key: a pattern, * and ?; empty: all */
    bool any_state, stalled;
    enum belay_lane_state state;
    int64_t older_ms;              /* its head has been the head for so long */
};
/* A lane by its place: of the subscription `sub_id`, after `at`. Zero: before the first. */
struct lane_place {
    uint32_t sub_id;
    struct belay_hash128 at;
};

/* From the query: flow, key, state, older_ms. False: the question has failed. */
bool lane_filter_read(struct lane_filter *f, struct question *q);
/* Does text match the pattern? */
bool lane_key_matches(struct belay_str pattern, struct belay_str text);
/* The next that is wanted, among the next `looks` (counted down). False: none among those; at the end *ret_end. *before:
 * the place from which it was the next. Its texts are from the question's arena. */
bool lane_filter_next(const struct lane_filter *f, struct belay_engine *e, belay_time now, struct lane_place *place,
                      struct lane_place *before, uint32_t *looks, struct belay_lane *ret_lane, bool *ret_end);

/* {"flow","key","state",...,"why"} without the closing brace. */
void show_lane_open(struct belay_json_out *o, struct belay_engine *e, const struct belay_lane *lane, belay_time now);

#endif
