/* A directory verified without changing it: every commit that is there, every archive file that has a
 * row, and that together they hold every message that somebody needs. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "store/store_impl.h"

struct place { /* of a commit */
    uint64_t where;
    uint32_t length_bytes;
};

struct check {
    struct belay_disk *disk;
    const struct belay_state_backend *backend;
    struct journal journal;
    struct belay_state *state;
    struct topic_logs topics;
    struct belay_buf *report;
    bool json;
    uint64_t checkpoint;
    uint64_t commits, records, messages, first; /* of the journal */
    uint64_t archive_files, archive_messages, archive_bytes;
    struct place *places; /* by number, from first on */
    uint64_t places_cap;
    uint64_t findings;
};

/* One finding or figure a line. */
static void say(struct check *c, bool sound, const char *part, const char *fmt, ...) BELAY_PRINTF(4, 5);

static void say(struct check *c, bool sound, const char *part, const char *fmt, ...)
{
    char text[BELAY_ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (char *p = text; *p; p++) /* what a damaged name or an error may bring into JSON */
        *p = *p == '"' || *p == '\\' || (unsigned char)*p < ' ' || (unsigned char)*p >= 127 ? '?' : *p;
    c->findings += !sound;
    if (c->json)
        belay_buf_printf(c->report, "{\"part\":\"%s\",\"sound\":%s,\"text\":\"%s\"}\n", part,
                         sound ? "true" : "false", text);
    else
        belay_buf_printf(c->report, "%s: %s%s\n", part, sound ? "" : "DAMAGED: ", text);
}

/* ---- the journal ---- */

static int remember(struct check *c, const struct commit *commit, uint64_t where, struct belay_err *err)
{
    if (c->commits == c->places_cap) {
        uint64_t cap = c->places_cap ? c->places_cap * 2 : 1024;
        struct place *more = belay_realloc(c->places, cap * sizeof *more);
        if (!more)
            return belay_fail(err, BELAY_NOMEM, "check: out of memory");
        c->places = more;
        c->places_cap = cap;
    }
    c->places[c->commits++] = (struct place){ where, commit->length_bytes };
    c->first = c->first ? c->first : commit->number;
    return BELAY_OK;
}

/* Behind the checkpoint sequences go on where the state has them. */
static int count_message(struct check *c, const struct commit *commit, struct belay_str body)
{
    struct message_record m;
    if (!commit_message_of(body, &m) || m.topic == 0 || m.topic > BELAY_TOPICS_MAX)
        return BELAY_CORRUPT;
    c->messages++;
    if (commit->number <= c->checkpoint)
        return BELAY_OK;
    struct topic_log *t = topic_logs_at(&c->topics, m.topic);
    return m.sequence == t->next++ ? BELAY_OK : BELAY_CORRUPT;
}

static int visit(void *arg, const struct commit *commit, const uint8_t *p, uint64_t where,
                 struct belay_err *err)
{
    struct check *c = arg;
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    uint32_t records = 0;
    int status = remember(c, commit, where, err);
    if (status != BELAY_OK)
        return status;
    while (status == BELAY_OK && commit_record_next(p, commit->length_bytes, &at, &record, &status)) {
        records++;
        if (record.type == RECORD_MESSAGE)
            status = count_message(c, commit, record.body);
    }
    if (status == BELAY_OK && records != commit->records)
        status = BELAY_CORRUPT;
    if (status != BELAY_OK)
        return belay_fail(err, status, "commit %" PRIu64 ": its records make no sense", commit->number);
    c->records += records;
    return BELAY_OK;
}

static void check_journal(struct check *c)
{
    struct belay_err err = { 0 };
    int status = journal_look(&c->journal, c->checkpoint, true, visit, c, &err);
    if (status != BELAY_OK)
        say(c, false, "journal", "%s", err.msg);
    say(c, true, "journal",
        "commits %" PRIu64 " to %" PRIu64 ", %" PRIu64 " records, %" PRIu64 " messages, checkpoint at %" PRIu64,
        c->first, c->first ? c->first + c->commits - 1 : 0, c->records, c->messages, c->checkpoint);
}

/* ---- where the rows say that messages are ---- */

static void check_archive(struct check *c, uint32_t topic, const struct archived *a)
{
    struct archive_reader r;
    struct belay_err err = { 0 };
    uint64_t expected = a->first;
    archive_reader_init(&r, c->disk);
    int status = archive_reader_open(&r, topic, a, &err);
    for (uint32_t b = 0; status == BELAY_OK && b < r.block_count; b++) {
        struct archive_message m;
        uint64_t sequence = 0;
        size_t at = 0;
        status = archive_read_block(&r, b, &err);
        while (status == BELAY_OK && archive_next(&r, &at, &sequence, &m))
            if (m.sequence != expected++)
                status = belay_fail(&err, BELAY_CORRUPT, "archive of topic %u: message %" PRIu64 " follows %" PRIu64,
                                    (unsigned)topic, m.sequence, expected - 2);
    }
    if (status == BELAY_OK && expected != a->last + 1)
        status = belay_fail(&err, BELAY_CORRUPT, "archive of topic %u: it ends before message %" PRIu64,
                            (unsigned)topic, a->last);
    archive_reader_deinit(&r);
    c->archive_files++;
    c->archive_messages += expected - a->first;
    c->archive_bytes += a->file_bytes;
    if (status != BELAY_OK)
        say(c, false, "archive", "%s", err.msg);
}

static bool in_journal(const struct check *c, const struct extent *e)
{
    if (c->commits == 0 || e->position < c->first || e->position - c->first >= c->commits)
        return false;
    const struct place *p = &c->places[e->position - c->first];
    return p->where == e->where && p->length_bytes == e->length_bytes;
}

/* Every message from low to what the checkpoint knows lies where a row says. */
static void check_topic(struct check *c, uint32_t topic, uint64_t next)
{
    struct topic_log *t = &c->topics.all[topic];
    uint64_t at = t->low;
    while (at < next) {
        struct archived a;
        struct extent e;
        uint64_t last;
        if (at <= t->archived && archived_find(c->state, topic, at, &a) && a.first <= at) {
            check_archive(c, topic, &a);
            last = a.last;
        } else if (at > t->archived && extent_find(c->state, topic, at, &e) && e.first <= at) {
            last = extent_last(&e);
            if (!in_journal(c, &e))
                say(c, false, "topic", "topic %u: messages %" PRIu64 " to %" PRIu64 " should be in commit %" PRIu64
                    ", which is not there", (unsigned)topic, at, last, e.position);
        } else {
            say(c, false, "topic", "topic %u: nothing says where message %" PRIu64 " is", (unsigned)topic, at);
            return;
        }
        at = last + 1;
    }
}

static int check_topics(struct check *c, struct belay_err *err)
{
    /* As the checkpoint has them: the journal behind it was counted on in c->topics. */
    struct topic_logs stored;
    int status = topic_logs_init(&stored);
    if (status != BELAY_OK)
        return belay_fail(err, status, "check: out of memory");
    status = topic_logs_load(&stored, c->state, err);
    uint32_t topics = 0;
    for (uint32_t i = 1; status == BELAY_OK && i < stored.count; i++) {
        if (!stored.all[i].known)
            continue;
        topics++;
        check_topic(c, i, stored.all[i].next);
    }
    topic_logs_deinit(&stored);
    if (status == BELAY_OK)
        status = belay_state_error(c->state, err);
    say(c, true, "archive", "%" PRIu64 " files, %" PRIu64 " messages, %" PRIu64 " bytes", c->archive_files,
        c->archive_messages, c->archive_bytes);
    say(c, true, "topic", "%u topics", (unsigned)topics);
    return status;
}

/* ---- ---- */

static void check_all(struct check *c)
{
    struct belay_err err = { 0 };
    if (topic_logs_load(&c->topics, c->state, &err) == BELAY_OK)
        c->journal.trimmed = store_trimmed(&c->topics, c->state);
    else
        say(c, false, "state", "%s", err.msg);
    if (c->backend->verify && c->backend->verify(c->backend->self, &err) != BELAY_OK)
        say(c, false, "state", "%s", err.msg);
    check_journal(c);
    if (check_topics(c, &err) != BELAY_OK)
        say(c, false, "state", "%s", err.msg);
}

int belay_store_check(struct belay_disk *disk, const struct belay_state_backend *state,
                      struct belay_buf *report, bool json, struct belay_err *err)
{
    struct check c = { .disk = disk, .backend = state, .report = report, .json = json };
    int status = topic_logs_init(&c.topics);
    if (status != BELAY_OK)
        return belay_fail(err, status, "check: out of memory");
    status = belay_state_new(state, BELAY_OVERLAY_BYTES_MAX, &c.state, err);
    if (status == BELAY_OK) {
        journal_init(&c.journal, &(struct journal_opt){ .disk = disk,
                                                        .segment_bytes = BELAY_SEGMENT_BYTES_DEFAULT,
                                                        .limit_bytes = UINT64_MAX });
        c.checkpoint = belay_state_position(c.state);
        check_all(&c);
        journal_deinit(&c.journal);
        belay_state_free(c.state);
        status = belay_buf_status(report);
        if (status != BELAY_OK)
            belay_fail(err, status, "check: the report is too long");
        else if (c.findings)
            status = belay_fail(err, BELAY_CORRUPT, "%" PRIu64 " findings", c.findings);
    }
    belay_free(c.places);
    topic_logs_deinit(&c.topics);
    return status;
}
