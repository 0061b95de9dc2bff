/* routes.c - the resources of the admin API, in one table. */
#include "admin/impl.h"

#define ROUTE(m, p, name, fn) .method = (m), .path = (p), .operation = (name), .answer = (fn)
#define GET(p, name, fn) ROUTE("GET", p, name, fn), .role = BELAY_ROLE_VIEWER
#define POST(p, name, fn) ROUTE("POST", p, name, fn), .role = BELAY_ROLE_OPERATOR
#define ADMIN_POST(p, name, fn) ROUTE("POST", p, name, fn), .role = BELAY_ROLE_ADMIN
#define VIEWER_POST(p, name, fn) ROUTE("POST", p, name, fn), .role = BELAY_ROLE_VIEWER
#define MEMBERS(...) (const struct admin_member[]){ __VA_ARGS__, { NULL, ADMIN_ANY } }
#define TEXT(name) { name, ADMIN_TEXT }
#define NAME(name) { name, ADMIN_NAME }
#define NUMBER(name) { name, ADMIN_NUMBER }
#define FLAG(name) { name, ADMIN_FLAG }
#define ANY(name) { name, ADMIN_ANY }

/* What several have. */
#define REVEAL FLAG("reveal"), TEXT("reason") /* what is redacted too, and why; an operator's */
#define REASON TEXT("reason")
#define PAGE TEXT("after"), NUMBER("count") /* after "": from the begin */
#define LETTERS NAME("flow"), NAME("group"), NAME("error"), NAME("key"), NAME("since"), NAME("until"), NAME("where")
#define LANES NAME("flow"), NAME("state"), NAME("key"), NUMBER("older_ms")
#define POISON NAME("flow"), NAME("hash"), NAME("signature")

const struct admin_route admin_routes[] = {
    { GET("/ping", "ping", NULL), .health = true },
    { GET("/ready", "ready", answer_ready), .health = true },
    { GET("/metrics", "metrics", answer_metrics), .health = true },
    { GET("/status", "status", answer_status) },
    { GET("/topics", "topics", answer_topics) },
    { GET("/topics/{topic}/messages", "messages", answer_messages),
      .query = MEMBERS(NUMBER("from"), NUMBER("last"), NAME("key"), NUMBER("count"), REVEAL) },
    { GET("/subscriptions", "subscriptions", answer_subscriptions) },
    { POST("/subscriptions/{flow}/pause", "pause", answer_pause),
      .body = MEMBERS(REASON) },
    { POST("/subscriptions/{flow}/resume", "resume", answer_resume),
      .body = MEMBERS(REASON) },
    { ADMIN_POST("/subscriptions/{flow}/seek", "seek", answer_seek),
      .body = MEMBERS(NUMBER("sequence"), REASON) },
    { GET("/letters", "letters", answer_letters),
      .query = MEMBERS(LETTERS, PAGE, FLAG("whole"), REVEAL) },
    { POST("/letters/discard", "lettersDiscard", answer_letters_discard),
      .query = MEMBERS(LETTERS, TEXT("after")),
      .body = MEMBERS(FLAG("dry"), REASON) },
    { POST("/letters/import", "lettersImport", answer_letter_import),
      .body = MEMBERS({ "letter", ADMIN_OBJECT }, FLAG("dry"), REASON) },
    { GET("/groups", "groups", answer_groups),
      .query = MEMBERS(NAME("flow"), NAME("error"), NAME("since"), NAME("until"), NAME("sort"), NUMBER("count")) },
    { GET("/letters/{flow}/{sequence}", "letter", answer_letter),
      .query = MEMBERS(FLAG("places"), REVEAL) },
    { POST("/letters/{flow}/{sequence}/replay", "replay", answer_letter_replay),
      .body = MEMBERS(FLAG("from_start"), REASON) },
    { POST("/letters/{flow}/{sequence}/edit", "edit", answer_letter_edit),
      .body = MEMBERS(NUMBER("version"), ANY("body"), TEXT("text"), FLAG("restore"), TEXT("how"), REASON) },
    { POST("/letters/{flow}/{sequence}/settle", "settle", answer_letter_settle),
      .body = MEMBERS(NAME("how"), ANY("result"), REASON) },
    { POST("/letters/{flow}/{sequence}/release", "release", answer_letter_release),
      .body = MEMBERS(REASON) },
    { POST("/letters/{flow}/{sequence}/discard", "discard", answer_letter_discard),
      .body = MEMBERS(REASON) },
    { VIEWER_POST("/letters/{flow}/{sequence}/rehearse", "rehearse", answer_letter_rehearse),
      .query = MEMBERS(REVEAL),
      .body = MEMBERS(FLAG("from_start"), { "answers", ADMIN_OBJECT }) },
    { GET("/replays", "replays", answer_replays) },
    { POST("/replays", "replayStart", answer_job_start),
      .body = MEMBERS(LETTERS, NAME("rate"), NUMBER("concurrency"), FLAG("from_start"), FLAG("any_order"), REASON) },
    { GET("/replays/{job}", "replayJob", answer_job) },
    { POST("/replays/{job}/pause", "replayPause", answer_job_pause),
      .body = MEMBERS(REASON) },
    { POST("/replays/{job}/resume", "replayResume", answer_job_resume),
      .body = MEMBERS(REASON) },
    { POST("/replays/{job}/cancel", "replayCancel", answer_job_cancel),
      .body = MEMBERS(REASON) },
    { GET("/lanes", "lanes", answer_lanes),
      .query = MEMBERS(LANES, PAGE, NAME("sort")) },
    { POST("/lanes/release", "lanesRelease", answer_lane_release),
      .query = MEMBERS(LANES),
      .body = MEMBERS(REASON) },
    { POST("/lanes/retry", "lanesRetry", answer_lane_retry),
      .query = MEMBERS(LANES),
      .body = MEMBERS(REASON) },
    { POST("/lanes/skip", "lanesSkip", answer_lane_skip),
      .query = MEMBERS(LANES),
      .body = MEMBERS(REASON) },
    { POST("/lanes/move", "lanesMove", answer_lane_move),
      .query = MEMBERS(LANES),
      .body = MEMBERS(NAME("to"), FLAG("force"), REASON) },
    { GET("/lanes/{flow}/{key}", "lane", answer_lane),
      .query = MEMBERS(NUMBER("after"), NUMBER("count"), REVEAL) },
    { POST("/lanes/{flow}/{key}/park", "lanePark", answer_lane_park),
      .body = MEMBERS(REASON) },
    { POST("/lanes/{flow}/{key}/release", "laneRelease", answer_lane_release),
      .body = MEMBERS(REASON) },
    { POST("/lanes/{flow}/{key}/retry", "laneRetry", answer_lane_retry),
      .body = MEMBERS(REASON) },
    { POST("/lanes/{flow}/{key}/skip", "laneSkip", answer_lane_skip),
      .body = MEMBERS(REASON) },
    { POST("/lanes/{flow}/{key}/move", "laneMove", answer_lane_move),
      .body = MEMBERS(NAME("to"), FLAG("force"), REASON) },
    { GET("/sagas", "sagas", answer_sagas) },
    { GET("/sagas/{saga}", "sagaList", answer_saga_list),
      .query = MEMBERS(NAME("state"), PAGE) },
    { GET("/sagas/{saga}/{id}", "saga", answer_saga),
      .query = MEMBERS(REVEAL) },
    { POST("/sagas/{saga}/{id}/settle", "sagaSettle", answer_saga_settle),
      .body = MEMBERS(NAME("how"), ANY("result"), REASON) },
    { POST("/sagas/{saga}/{id}/retry", "sagaRetry", answer_saga_retry),
      .body = MEMBERS(REASON) },
    { POST("/sagas/{saga}/{id}/skip", "sagaSkip", answer_saga_skip),
      .body = MEMBERS(REASON) },
    { POST("/sagas/{saga}/{id}/abort", "sagaAbort", answer_saga_abort),
      .body = MEMBERS(REASON) },
    { GET("/alerts", "alerts", answer_alerts) },
    { POST("/alerts/silences", "alertSilence", answer_alert_silence),
      .body = MEMBERS(TEXT("rule"), TEXT("subject"), TEXT("level"), NUMBER("for_ms"), REASON) },
    { POST("/alerts/silences/{number}/remove", "alertUnsilence", answer_alert_unsilence),
      .body = MEMBERS(REASON) },
    { POST("/alerts/channels/{channel}/test", "alertTest", answer_alert_test) },
    { GET("/poison", "poison", answer_poison),
      .query = MEMBERS(POISON, FLAG("all"), NUMBER("count")) },
    { POST("/poison/clear", "poisonClear", answer_poison_clear),
      .body = MEMBERS(POISON, REASON) },
    { GET("/trail", "trail", answer_trail),
      .query = MEMBERS(NAME("what"), NAME("owner"), NAME("id"), NAME("who"), NUMBER("after"), NUMBER("count")) },
    { POST("/audit", "auditStart", answer_audit_start) },
    { GET("/audit", "audit", answer_audit) },
    { ADMIN_POST("/backup", "backupStart", answer_backup_start),
      .body = MEMBERS(NAME("to"), NUMBER("bytes_per_s"), REASON) },
    { GET("/backup", "backup", answer_backup) },
    { ADMIN_POST("/resume", "resumeAll", answer_resume_all),
      .body = MEMBERS(REASON) },
    { GET("/trace/{what}", "trace", answer_trace),
      .query = MEMBERS(REVEAL) },
};

const uint32_t admin_route_count = sizeof admin_routes / sizeof admin_routes[0];
