/* limits.h - every cap in one place.  A limit that users may set has its default here and its
 * hard bound beside it. */
#ifndef BELAY_BASE_LIMITS_H
#define BELAY_BASE_LIMITS_H

#define BELAY_KIB(n) ((size_t)(n) * 1024)
#define BELAY_MIB(n) ((size_t)(n) * 1024 * 1024)

/* messages */
#define BELAY_MESSAGE_BYTES_DEFAULT BELAY_MIB(1)
#define BELAY_MESSAGE_BYTES_MAX BELAY_MIB(16)
#define BELAY_HEADERS_MAX 100
#define BELAY_NAME_BYTES_MAX 200 /* of a topic, flow, saga, connection, step */
#define BELAY_KEY_BYTES_MAX 1024 /* of a message key, saga id, idempotency key */

/* json */
#define BELAY_JSON_DEPTH_DEFAULT 512
#define BELAY_JSON_DEPTH_MAX 1024
#define BELAY_JSON_BYTES_MAX BELAY_MIB(16)
#define BELAY_SCHEMA_BYTES_MAX BELAY_MIB(64)    /* compiled */
#define BELAY_SCHEMA_NODES_MAX 100000           /* subschemas of one compiled schema and its documents */
#define BELAY_SCHEMA_DEPTH_MAX 200              /* schemas for one value, one within the other */
#define BELAY_SCHEMA_STEPS_MIN 2000000           /* schemas asked in one validation, and so many more ... */
#define BELAY_SCHEMA_STEPS_PER_VALUE 100         /* ... for each value in the instance */
#define BELAY_SCHEMA_COSTLY_MAX 8               /* patterns that are tried in vain in one validation */
#define BELAY_SCHEMA_KEYWORDS_MAX 10000          /* members of one schema */
#define BELAY_SCHEMA_RESOURCES_MAX 4096          /* documents, $ids and anchors of one compiled schema */
#define BELAY_SCHEMA_STACK_MAX BELAY_KIB(512)    /* that a validation may use */
#define BELAY_SCHEMA_NAMES_MAX 1024             /* members that one schema names */
#define BELAY_SCHEMA_FAULTS_DEFAULT 100
#define BELAY_PATTERN_BYTES_MAX BELAY_KIB(16)
#define BELAY_PATTERN_SHORT_BYTES 512           /* a longer text is matched with each step counted */
#define BELAY_PATTERN_MATCH_MAX 100000          /* steps of one match, as PCRE2 counts them; counted: so many ... */
#define BELAY_PATTERN_STEPS_PER_BYTE 4          /* ... and these */
#define BELAY_PATTERN_STACK_MAX BELAY_MIB(32)   /* of one match: a megabyte in groups of four */
#define BELAY_REDACT_SEGMENTS_MAX 512           /* names in the paths of what is redacted */
#define BELAY_REDACT_WORDS_MAX 4096             /* values hidden in texts; beyond it every text is hidden whole */
#define BELAY_REDACT_WORD_MIN 6                 /* bytes; a shorter one only where it stands alone */

/* expr */
#define BELAY_EXPR_STEPS_DEFAULT 1000000
#define BELAY_EXPR_DEPTH_DEFAULT 1024 /* nested evaluations; about five to a call of a lambda */
#define BELAY_EXPR_DEPTH_MAX 4096     /* what a thread's stack is sure to hold */
#define BELAY_EXPR_NESTING_MAX 500    /* of an expression's syntax */
#define BELAY_EXPR_PATTERN_BYTES_MAX 4096
#define BELAY_EXPR_MATCH_STEPS_DEFAULT 100000 /* of all regular expressions of an evaluation: 4 ms or so, ... */
#define BELAY_EXPR_MATCH_STEPS_PER_CALL 32 /* ... and so many more with each call, and one for each byte of its text */
#define BELAY_EXPR_MATCH_STEPS_MAX 2000000 /* of one match, ... */
#define BELAY_EXPR_MATCH_STEPS_PER_STEP 4  /* ... of which so many cost a step: what is left bounds the match too */
#define BELAY_EXPR_MATCH_DEPTH_MAX 100000
#define BELAY_EXPR_MATCH_KIB_MAX 8192
#define BELAY_EXPR_XML_DEPTH_MAX 256 /* elements of $parse and $serialize, one within the other */
#define BELAY_EXPR_BYTES_DEFAULT BELAY_MIB(16)
#define BELAY_EXPR_SOURCE_BYTES_MAX BELAY_KIB(256)
#define BELAY_EXPR_COMPILED_BYTES_MAX BELAY_MIB(128) /* nodes are larger than their text */

/* platform */
#define BELAY_FILE_NAME_BYTES_MAX 255
#define BELAY_MAILBOX_CAPACITY_MAX (1u << 20)

/* store */
#define BELAY_BLOCK_BYTES 4096
#define BELAY_SEGMENT_BYTES_DEFAULT BELAY_MIB(16)
#define BELAY_COMMIT_BYTES_MAX BELAY_MIB(20)  /* one commit: a hard-size message and its records */
#define BELAY_COMMIT_BYTES_SOFT BELAY_MIB(1)  /* a commit closes beyond this */
#define BELAY_JOURNAL_TAIL_BYTES_MAX BELAY_MIB(64) /* that recovery applies */
#define BELAY_JOURNAL_RESERVE_BYTES BELAY_MIB(8)   /* for acks, dead letters, checkpoints when full */
#define BELAY_JOURNAL_BYTES_DEFAULT BELAY_MIB(256)  /* beyond it what is still needed goes to the archive */
#define BELAY_SEGMENT_BYTES_FIRST BELAY_MIB(1)      /* made while a start waits for it */
#define BELAY_DISK_KEEP_BYTES BELAY_MIB(32)         /* no segment takes the disk's last: checkpoint, archive */
#define BELAY_LOOK_OVERLAY_BYTES BELAY_MIB(512) /* of who only looks: all of the tail is applied in memory */
#define BELAY_OVERLAY_BYTES_MAX BELAY_MIB(8)       /* the active overlay; the frozen one as much */
#define BELAY_OVERLAY_CHANGES_MAX 6144             /* of each: a checkpoint dirties a page for each */
#define BELAY_TAIL_CACHE_BYTES BELAY_MIB(8)        /* bodies kept in memory behind the append */
#define BELAY_STATE_KEY_BYTES_MAX 511
#define BELAY_STATE_VERIFY_ROWS_MAX 20000          /* a start looks at all rows of a state up to here */
#define BELAY_STATE_MAP_BYTES ((size_t)128 << 30) /* address space of the checkpoint, not memory */

/* broker */
#define BELAY_TOPICS_MAX 4096
#define BELAY_SUBSCRIPTIONS_MAX 4096
#define BELAY_LANE_CONCURRENCY_DEFAULT 32
#define BELAY_LANE_READ_AHEAD_MAX 1024
#define BELAY_TRAIL_ENTRIES_MAX 100000                 /* what persons did: the last so many ... */
#define BELAY_TRAIL_KEEP_MS (90ull * 24 * 3600 * 1000) /* ... of so long */
#define BELAY_TRAIL_WHO_BYTES_MAX 256
#define BELAY_TRAIL_TEXT_BYTES_MAX 1024                /* of a reason, of a detail */
#define BELAY_CRASH_AFTER_DEFAULT 2  /* deaths while a message ran alone, then it is quarantined */
#define BELAY_CRASH_AFTER_MAX 100
#define BELAY_LANE_STALLED_MS 60000     /* with the same head: it is told */
#define BELAY_LANE_MOVE_MAX 64          /* messages moved in one commit */
#define BELAY_LANE_REASON_BYTES_MAX 200 /* why, and who, of one that is parked by hand */
#define BELAY_IDEMPOTENCY_PART_KEYS 49152u /* keys that lie together; 480 such parts are told apart */
#define BELAY_POISON_ROWS_MAX 10000        /* payloads and errors that failed lately */
#define BELAY_POISON_SAMPLE_BYTES_MAX 300
#define BELAY_GROUP_NEW_MS 3600000 /* a group of letters is new for so long after its first */
#define BELAY_GROUP_NEW_SLICES 12  /* in which that is counted: it ends up to one of them earlier */
#define BELAY_LETTER_ATTEMPTS_MAX 50 /* of the history; the first and the last are kept */
#define BELAY_REPLAYS_MAX 16         /* replay jobs that have not ended */
#define BELAY_REPLAYS_KEPT_MAX 64    /* all of them */
#define BELAY_REPLAY_CONCURRENCY_DEFAULT 256
#define BELAY_REPLAY_CONCURRENCY_MAX 100000
#define BELAY_REPLAY_TEXT_BYTES_MAX 512 /* each of its filter's, and who */

/* policy */
#define BELAY_RETRY_AFTER_MS_MAX 3600000 /* of what an other side may ask for; a longer `max` counts more */

/* flow and saga */
#define BELAY_FLOW_STEPS_MAX 256
#define BELAY_SAGA_STEPS_MAX 64
#define BELAY_SAGAS_IN_MEMORY 1024           /* instances; calls in flight are not counted out */
#define BELAY_SAGAS_BYTES_IN_MEMORY BELAY_MIB(2)
#define BELAY_SAGAS_POOLED 256               /* empty ones kept for the next */
#define BELAY_SAGA_HISTORY_BYTES_MAX BELAY_KIB(16) /* beyond it attempts are no longer written down */
#define BELAY_SAGA_DATA_BYTES_MAX BELAY_MIB(20) /* start message and results of one */
#define BELAY_SAGA_KEEP_MS (7ull * 24 * 3600 * 1000) /* an ended one; and an event without a deadline */
#define BELAY_SAGA_TURN_BYTES_MAX BELAY_MIB(48) /* memory of one turn's expressions */
#define BELAY_PROGRESS_BYTES_MAX BELAY_MIB(1) /* body and variables kept between the calls of a run */
#define BELAY_PUBLISH_PER_RUN_MAX 1024
#define BELAY_LOGS_PER_RUN_MAX 256
#define BELAY_RUN_BYTES_MAX BELAY_MIB(64) /* memory of one run: parsed body, values, effects */
#define BELAY_RUNS_KEPT_MAX 64            /* ended runs whose memory waits for the next */
#define BELAY_OLD_DEFINITIONS_MAX 64      /* compiled ones that are not current */
#define BELAY_CALL_TIMEOUT_MS_DEFAULT 30000
#define BELAY_CALL_RESPONSE_BYTES_DEFAULT BELAY_MIB(1)

/* engine */
#define BELAY_RUNS_MAX 8192u      /* deliveries in hand; requests come on top */
#define BELAY_CALLS_MAX 8192u     /* outside calls under way */
#define BELAY_ACTIONS_MAX 32768u  /* a power of two, above runs and calls: a reply or a call always has room */
#define BELAY_EVENTS_MAX 4096u    /* for the log, not yet fetched */

#define BELAY_NOTE_NAME_BYTES_MAX 128
#define BELAY_NOTE_BYTES_MAX BELAY_KIB(4)

/* runtime */
#define BELAY_MAIL_CAPACITY (1u << 16)
/* Requests and visits are refused beyond it. The rest of the room is for what must get in and is bounded
 * elsewhere: outcomes by the engine's calls, jobs by the store. */
#define BELAY_MAIL_OFFERED_MAX (BELAY_MAIL_CAPACITY / 2)
#define BELAY_MAIL_BITE 512   /* taken between two steps */
#define BELAY_JOBS_MAX 65536  /* of a lane: one commit, one checkpoint, some segments, the fetches are few */

/* admin */
#define BELAY_ADMIN_TOKEN_BYTES_MIN 16
#define BELAY_ADMIN_OUT_BYTES_MAX BELAY_MIB(32) /* of an answer */
#define BELAY_ADMIN_PAGE_DEFAULT 50
#define BELAY_ADMIN_PAGE_MAX 1000
#define BELAY_ADMIN_PAGE_BYTES BELAY_MIB(1)    /* a page that has so many ends: it is looked through in one turn */
#define BELAY_ADMIN_BITE 64                    /* messages or letters looked at in one turn of the engine */
#define BELAY_ADMIN_BITE_BYTES BELAY_KIB(256)  /* and of theirs */
#define BELAY_ADMIN_LOOKS_MAX 5000             /* letters for one page or trace */
#define BELAY_FILTER_BITE_US 2000               /* of the engine's time, for letters looked at in one turn */
#define BELAY_FILTER_LOOKS_MAX 20000           /* letters looked at for one page; the next one goes on */
#define BELAY_FILTER_SOURCE_MAX 8192           /* of a JSONata predicate */
#define BELAY_FILTER_STEPS_MAX 50000           /* of one evaluation of it */
#define BELAY_FILTER_COSTLY_MAX 16             /* letters that used all of them: then the question is refused */
#define BELAY_ADMIN_SAGA_LOOKS_MAX 20000       /* instances for one page */
#define BELAY_TRACE_CORRELATIONS_MAX 16
#define BELAY_TRACE_MESSAGES_MAX 500
#define BELAY_TRACE_SCAN_MAX 200000            /* of the newest messages of a topic */

/* config */
#define BELAY_CONFIG_FILE_BYTES_MAX BELAY_MIB(4) /* of a YAML file, a schema, an OpenAPI document */
#define BELAY_CONFIG_FILES_MAX 256
#define BELAY_CONFIG_NODES_MAX 200000 /* of a file, aliases followed */
#define BELAY_CONFIG_DEPTH_MAX 64
#define BELAY_CONFIG_BYTES_MAX BELAY_MIB(256) /* of a whole set in memory */
#define BELAY_CONFIG_SECRET_BYTES_MAX BELAY_KIB(64)
#define BELAY_CONFIG_PROBLEMS_MAX 500

/* http */
#define BELAY_HTTP_HEADER_BYTES_MAX BELAY_KIB(32)
#define BELAY_HTTP_TARGET_BYTES_MAX BELAY_KIB(8)
#define BELAY_HTTP_CONNECTIONS_DEFAULT 1024
#define BELAY_HTTP_REQUESTS_DEFAULT 4096 /* handed over and not yet answered */
#define BELAY_HTTP_BODIES_BYTES_DEFAULT BELAY_MIB(64) /* of all requests a server holds */
#define BELAY_HTTP_PIPELINE_MAX 32       /* requests of one connection in flight */
#define BELAY_HTTP_PARAMS_MAX 128
#define BELAY_HTTP_FORM_FIELDS_MAX 1024 /* of a form, parts of a multipart body */
#define BELAY_HTTP_PART_HEAD_BYTES_MAX BELAY_KIB(8)
#define BELAY_HTTP_KEYS_MAX 256          /* of a JWKS */
#define BELAY_HTTP_LIMITS_MAX 16         /* rate limits of an API */
#define BELAY_HTTP_SEGMENTS_MAX 32       /* of a path that can match a template */
#define BELAY_HTTP_OUTPUT_BYTES_SOFT BELAY_KIB(256) /* unsent answers; beyond, reading stops */
#define BELAY_HTTP_HEADER_TIMEOUT_MS 10000
#define BELAY_HTTP_BODY_TIMEOUT_MS 30000
#define BELAY_HTTP_BODY_BYTES_PER_S BELAY_KIB(16) /* a slower body runs into its timeout */
#define BELAY_HTTP_IDLE_TIMEOUT_MS 60000
#define BELAY_HTTP_WRITE_TIMEOUT_MS 30000
#define BELAY_STOP_ANSWERS_MS 2000       /* connections stay open for the last answers, once the drain is over */
#define BELAY_HTTP_LINGER_MS 2000        /* reading on after a refusal, so that it is not reset away */

/* connectors */
#define BELAY_WORKERS_MAX 64                   /* threads of one connection whose calls block them */
#define BELAY_COMMAND_OUTPUT_BYTES_MAX BELAY_KIB(64) /* of a program that are kept */
#define BELAY_SMTP_RECIPIENTS_MAX 100

/* obs */
#define BELAY_ALERTS_MAX 4096             /* rules times subjects that are in trouble at once */
#define BELAY_SILENCES_MAX 256
#define BELAY_SILENCE_TEXT_BYTES_MAX 512  /* of a reason */
#define BELAY_ALERT_NAMED_MAX 100         /* subjects that a notice names; the others it counts */
#define BELAY_ALERT_CHANNELS_MAX 16       /* of one rule: the first and its fallbacks */
#define BELAY_METRIC_FAMILIES_MAX 256
#define BELAY_METRIC_LABELS_MAX 4
#define BELAY_METRIC_LABEL_BYTES_MAX 200
#define BELAY_METRIC_SERIES_DEFAULT 256 /* of a family; beyond it they are counted as "other" */
#define BELAY_LOG_LINE_BYTES_MAX BELAY_KIB(16)
#define BELAY_LOG_STRING_BYTES_MAX BELAY_KIB(4)
#define BELAY_LOG_EVENTS_MAX 256  /* event names that are limited */
#define BELAY_LOG_EVENTS_PER_S 20 /* of one name */

#endif
