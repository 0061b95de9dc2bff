/* A directory verified without changing it: every commit that is there, and every row that says
 * where messages lie. */
#include <inttypes.h>
#include <stdio.h>

#include "store/store_impl.h"

struct check {
    struct journal journal;
    struct belay_state *state;
    struct belay_buf *report;
    bool json;
    uint64_t commits, records, messages, first;
    uint64_t findings;
};

/* One finding or figure a line. text: plain words, no quotes or control characters of its own. */
static void say(struct check *c, bool sound, const char *part, const char *text)
{
    c->findings += !sound;
    if (c->json)
        belay_buf_printf(c->report, "{\"part\":\"%s\",\"sound\":%s,\"text\":\"%s\"}\n", part,
                         sound ? "true" : "false", text);
    else
        belay_buf_printf(c->report, "%s: %s%s\n", part, sound ? "" : "DAMAGED: ", text);
}

static int visit(void *arg, const struct commit *commit, const uint8_t *p, uint64_t where,
                 struct belay_err *err)
{
    struct check *c = arg;
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    uint32_t records = 0;
    int status = BELAY_OK;
    (void)where;
    while (commit_record_next(p, commit->length_bytes, &at, &record, &status)) {
        records++;
        c->messages += record.type == RECORD_MESSAGE;
    }
    if (status == BELAY_OK && records != commit->records)
        status = BELAY_CORRUPT;
    if (status != BELAY_OK)
        return belay_fail(err, status, "commit %" PRIu64 ": its records make no sense", commit->number);
    c->first = c->first ? c->first : commit->number;
    c->commits++;
    c->records += records;
    return BELAY_OK;
}

static void check_journal(struct check *c, uint64_t position)
{
    struct belay_err err = { 0 };
    char text[192];
    int status = journal_look(&c->journal, position, visit, c, &err);
    if (status != BELAY_OK)
        say(c, false, "journal", err.msg);
    snprintf(text, sizeof text, "commits %" PRIu64 " to %" PRIu64 ", %" PRIu64 " records, %" PRIu64
             " messages, checkpoint at %" PRIu64, c->first, c->first ? c->first + c->commits - 1 : 0,
             c->records, c->messages, position);
    say(c, true, "journal", text);
}

static void find_trimmed(struct check *c)
{
    struct topic_logs topics;
    struct belay_err err = { 0 };
    if (topic_logs_init(&topics) != BELAY_OK)
        return;
    if (topic_logs_load(&topics, c->state, &err) == BELAY_OK)
        c->journal.trimmed = store_trimmed(&topics, c->state);
    else
        say(c, false, "topics", err.msg);
    topic_logs_deinit(&topics);
}

int belay_store_check(struct belay_disk *disk, const struct belay_state_backend *state,
                      struct belay_buf *report, bool json, struct belay_err *err)
{
    struct check c = { .report = report, .json = json };
    int status = belay_state_new(state, BELAY_OVERLAY_BYTES_MAX, &c.state, err);
    if (status != BELAY_OK)
        return status;
    journal_init(&c.journal, &(struct journal_opt){ .disk = disk,
                                                    .segment_bytes = BELAY_SEGMENT_BYTES_DEFAULT,
                                                    .limit_bytes = UINT64_MAX });
    find_trimmed(&c);
    check_journal(&c, belay_state_position(c.state));
    journal_deinit(&c.journal);
    belay_state_free(c.state);
    if (belay_buf_status(report) != BELAY_OK)
        return belay_fail(err, belay_buf_status(report), "check: the report is too long");
    return c.findings ? belay_fail(err, BELAY_CORRUPT, "%" PRIu64 " findings", c.findings) : BELAY_OK;
}
