/* definition.h - what a configuration means: connections, topics, apis, flows, sagas, compiled.
 * config makes it from YAML; engine, flow and saga run it.  Uses: base; expressions and schemas are
 * opaque here.  Thread: immutable once made; reference-counted by its set (definitions).
 * Memory: everything lives in the set's arena. */
#ifndef BELAY_MODEL_DEFINITION_H
#define BELAY_MODEL_DEFINITION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/rate.h"
#include "base/time.h"

struct belay_template; /* expr/expr.h */
struct belay_expr_data;
struct belay_schema;   /* json/schema.h */
struct belay_redact;   /* json/redact.h */
struct belay_call_request; /* belay/connector.h */

struct belay_place { /* where the user wrote it */
    struct belay_str file;
    uint32_t line, column;
};

enum belay_jitter { BELAY_JITTER_FULL, BELAY_JITTER_EQUAL, BELAY_JITTER_DECORRELATED, BELAY_JITTER_NONE };

struct belay_retry_rule;

struct belay_retry_def {
    uint32_t max_attempts;    /* counts the first try; >= 1 */
    uint64_t max_elapsed_ms;  /* since the first try; 0: no bound */
    uint64_t initial_ms, max_ms;
    double multiplier;        /* >= 1 */
    enum belay_jitter jitter;
    bool respect_retry_after;
    uint32_t immediate;       /* tries made at once after the first, besides max_attempts */
    const struct belay_retry_rule *rules; /* of certain errors: the first that names it counts instead */
    uint32_t rule_count;
};

struct belay_retry_rule {
    const struct belay_str *when; /* patterns (belay_fault_matches) */
    uint32_t when_count;
    struct belay_retry_def def;   /* whole, without rules */
};

/* Safe default: 5 attempts, 200 ms doubling up to 30 s, full jitter, Retry-After honoured. */
#define BELAY_RETRY_DEFAULT                                                                    \
    ((struct belay_retry_def){ 5, 0, 200, 30000, 2.0, BELAY_JITTER_FULL, true, 0, NULL, 0 })

/* ---- what a connection lets through (policy/gate.h); zero: everything ---- */

struct belay_budget_def {
    double share;             /* retries to first tries at most (0.2); 0: no bound */
    double floor;             /* retries a second that are always allowed */
    uint32_t window_ms;       /* over which first tries are counted; 0: 10 s */
    double concurrency;       /* share of the slots that retries may hold, one at least; 0: all of them */
};

struct belay_breaker_def {
    bool enabled;
    double failure_rate;      /* opens at this share of failed calls; 0: never */
    double slow_rate;         /* and at this share of slow ones */
    uint32_t slow_ms;         /* a call is slow beyond; 0: none is */
    uint32_t calls_min;       /* of the window, before it is judged */
    uint32_t window_ms;
    uint32_t open_ms, open_max_ms; /* open for so long, twice that after each probe that failed, up to */
    uint32_t probes;          /* calls that must succeed before it closes */
};

struct belay_gate_def {
    uint32_t concurrency;     /* calls at once; 0 is 1. AUTO: at most */
    bool concurrency_auto;    /* found by latency */
    struct belay_rate_def rate;
    struct belay_budget_def budget;
    struct belay_breaker_def breaker;
};

struct belay_policy_def {
    struct belay_str name;
    struct belay_retry_def retry;
    struct belay_place place;
};

struct belay_named_template { /* a call parameter, a header, a variable */
    struct belay_str name;
    const struct belay_template *value;
};

/* ---- connections, topics, apis ---- */

struct belay_connection_def {
    struct belay_str name;
    struct belay_str connector;         /* "http": descriptor and options are config's and runtime's */
    struct belay_str namespace_;        /* of its errors: "HTTP" */
    const void *config;                 /* struct belay_connection_config, opaque to the core */
    bool honours_key;                   /* the service honours the idempotency key */
    uint32_t timeout_ms;
    struct belay_gate_def gate;         /* how many calls, how fast, and whether at all */
    const struct belay_retry_def *retry; /* of calls whose step, and flow or saga, say nothing; NULL: none */
    struct belay_place place;
    bool (*idempotent)(const struct belay_call_request *request); /* the connector's own word */
};

enum belay_on_full { BELAY_ON_FULL_BACKPRESSURE, BELAY_ON_FULL_REJECT };

struct belay_topic_def {
    struct belay_str name;
    bool queue;                         /* one subscription, messages go once handled */
    uint64_t retain_ms;                 /* 0: only until every subscription has finished it */
    uint64_t retain_bytes;              /* 0: no bound */
    struct belay_str discard_reason;    /* why what expires may go unseen; empty: it may not */
    uint64_t max_messages, max_bytes;   /* not yet handled; 0: no bound */
    uint64_t max_age_ms;                /* full while the oldest has waited longer; 0: however long */
    uint64_t ttl_ms;                    /* of a message from when it appears here; 0: no bound */
    enum belay_on_full on_full;
    struct belay_place place;
};

/* How callers prove who they are: what the configuration says about one security scheme of the document. */
struct belay_security_def {
    struct belay_str name;                    /* of the scheme */
    const struct belay_field *keys; uint32_t key_count;   /* who -> key (apiKey) */
    const struct belay_field *users; uint32_t user_count; /* user -> password (http basic) */
    struct belay_str jwks_text, jwks_url;     /* tokens: one of both */
    struct belay_str issuer;
    const struct belay_str *audiences; uint32_t audience_count;
    uint32_t leeway_ms, refresh_ms;
    const struct belay_str *subjects; uint32_t subject_count; /* of certificates; none: any */
};

/* How many requests a second the edge takes; those beyond are told 429. */
enum belay_limit_by {
    BELAY_LIMIT_BY_ALL,     /* one bucket for whoever comes */
    BELAY_LIMIT_BY_CALLER,  /* one for each who proved who he is; of the others one for each address */
    BELAY_LIMIT_BY_ADDRESS  /* one for each address, before anybody proves anything */
};

struct belay_limit_def {
    struct belay_str name;
    struct belay_rate_def rate;
    enum belay_limit_by by;
    const struct belay_str *operations; uint32_t operation_count; /* together; none: all of the API */
    uint32_t callers_max; /* told apart at once; those beyond share buckets */
    struct belay_place place;
};

struct belay_api_def {
    struct belay_str name;
    struct belay_str listen;            /* "127.0.0.1:7000" */
    struct belay_str openapi_path;
    const void *openapi;                /* root of the document's tape (const belay_json *) */
    struct belay_str layer;             /* system | process | experience | "" */
    struct belay_str tls_cert, tls_key; /* paths, "" without TLS */
    struct belay_str tls_client_ca;     /* path; "": clients show no certificate */
    bool tls_client_optional;
    const struct belay_security_def *security;
    uint32_t security_count;
    int responses;                      /* enum belay_responses (connector/http) */
    struct belay_str document_path, page_path; /* published there; "": not */
    size_t body_bytes_max;
    uint32_t in_flight_max;             /* beyond it the server refuses */
    uint32_t max_concurrent;            /* whose flows are at work at once; 0: all. The others wait ... */
    uint64_t max_wait_ms;               /* ... so long for that, or for room in a queue, then 503 */
    const struct belay_limit_def *limits; uint32_t limit_count;
    struct belay_place place;
};

/* ---- steps ---- */

enum belay_step_kind {
    BELAY_STEP_VALIDATE, BELAY_STEP_MAP, BELAY_STEP_FILTER, BELAY_STEP_CHOOSE, BELAY_STEP_SET,
    BELAY_STEP_PUBLISH, BELAY_STEP_CALL, BELAY_STEP_LOG, BELAY_STEP_REPLY, BELAY_STEP_DEAD_LETTER
};

#define BELAY_STEP_END UINT16_MAX /* `next` of the last step */

enum belay_answer_kind { BELAY_ANSWER_AUTO, BELAY_ANSWER_TEXT }; /* what its body is: as its type says, or a string */

struct belay_call_def {
    const struct belay_connection_def *connection;
    const struct belay_named_template *params;  /* method, path, ... */
    uint32_t param_count;
    const struct belay_named_template *headers;
    uint32_t header_count;
    const struct belay_template *body;          /* NULL: the body as it is (none for GET, DELETE) */
    uint32_t timeout_ms;                        /* 0: the connection's */
    enum belay_answer_kind answer;
};

struct belay_publish_def {
    const struct belay_template *target;        /* name of a topic or queue; usually literal */
    const struct belay_template *key;           /* NULL: the message's key */
    const struct belay_template *body;          /* NULL: the body as it is */
    const struct belay_template *type, *delay;  /* NULL; delay: a duration text or milliseconds */
    const struct belay_template *ttl;           /* NULL: the topic's; as delay */
    const struct belay_named_template *headers;
    uint32_t header_count;
};

struct belay_choice_def {
    const struct belay_template *when;          /* NULL: otherwise (the last) */
    uint16_t first;                             /* index of the branch's first step */
};

struct belay_step_def {
    enum belay_step_kind kind;
    struct belay_str name;  /* `name`, else `as`, else kind + ordinal ("call-2"); unique in its flow */
    struct belay_str as;    /* variable of the result; may be empty */
    uint16_t next;          /* flat array: choose branches jump back to what follows */
    struct belay_place place;
    union {
        struct { const struct belay_schema *schema; } validate;
        struct { const struct belay_template *value; } map;
        struct { const struct belay_template *when; struct belay_str reason; } filter; /* false: discarded; when NULL: always */
        struct { const struct belay_choice_def *choices; uint32_t count; } choose;
        struct { const struct belay_named_template *vars; uint32_t count; } set;
        struct belay_publish_def publish;
        struct {
            struct belay_call_def call;
            const struct belay_call_def *resolve;   /* NULL: none */
            const struct belay_retry_def *retry;    /* NULL: the flow's */
        } call;
        struct { uint8_t level; const struct belay_template *message;
                 const struct belay_named_template *fields; uint32_t field_count; } log;
        struct { const struct belay_template *status, *body; /* body NULL: the body as it is */
                 bool body_none;
                 const struct belay_named_template *headers; uint32_t header_count; } reply;
        struct { bool skip; const struct belay_template *reason; } dead_letter;
    } u;
};

/* ---- flows ---- */

enum belay_source_kind { BELAY_SOURCE_API, BELAY_SOURCE_TOPIC, BELAY_SOURCE_QUEUE, BELAY_SOURCE_TIMER };
enum belay_start { BELAY_START_UNSAID, BELAY_START_EARLIEST, BELAY_START_LATEST, BELAY_START_TIME };
enum belay_exhausted { BELAY_EXHAUSTED_PARK_KEY, BELAY_EXHAUSTED_SKIP, BELAY_EXHAUSTED_STOP };

struct belay_source_def {
    enum belay_source_kind kind;
    struct belay_str name;       /* api, topic or queue */
    struct belay_str operation;  /* API: operationId */
    enum belay_start start;
    belay_time start_time;
    uint64_t every_ms;           /* TIMER */
};

/* What a request gets whose key is being handled: 409, or, after that one, its answer. */
enum belay_concurrent { BELAY_CONCURRENT_CONFLICT, BELAY_CONCURRENT_WAIT };

struct belay_idempotency_def {
    const struct belay_template *key; /* NULL: none asked for */
    uint64_t window_ms;
    bool required;
    enum belay_concurrent concurrent;
};

struct belay_lanes_def {
    const struct belay_template *key; /* NULL: the message's key */
    uint32_t concurrency;
    uint32_t prefetch;                /* read ahead of those at work at most; 0: BELAY_LANE_READ_AHEAD_MAX */
    enum belay_exhausted on_exhausted;
};

/* When a flow's or saga's letters go by themselves; 0, 0: never. */
struct belay_letters_def {
    uint64_t expire_ms, count_max;
    struct belay_str reason;
};

struct belay_error_rule {
    const struct belay_str *when; /* patterns (belay_fault_matches) */
    uint32_t when_count;
    uint16_t first;               /* index of its first step */
};

enum belay_poison_action { BELAY_POISON_DEAD_LETTER, BELAY_POISON_PARK_FLOW, BELAY_POISON_ALERT };
/* What fails again and again (broker/poison.h). */
struct belay_poison_def {
    uint32_t same_payload;        /* distinct messages with one payload that failed; 0: not said at all */
    uint32_t same_signature;      /* distinct messages that failed alike */
    uint64_t window_ms;
    enum belay_poison_action action;
};
#define BELAY_POISON_DEFAULT ((struct belay_poison_def){ 3, 50, 3600000, BELAY_POISON_DEAD_LETTER })

struct belay_flow_def {
    struct belay_str name;
    struct belay_hash128 hash;    /* of `text` */
    struct belay_str text;        /* canonical JSON of the definition, ${} unexpanded */
    struct belay_source_def from;
    struct belay_idempotency_def idempotency;
    struct belay_lanes_def lanes;
    struct belay_letters_def letters;
    struct belay_retry_def retry;
    uint32_t timeout_ms;          /* of one run without its waits; 0: none */
    uint32_t crash_after;         /* deaths while a message ran alone, then it is quarantined; 0: the set's */
    struct belay_poison_def poison; /* same_payload 0: the set's */
    uint16_t first;               /* BELAY_STEP_END: no steps */
    const struct belay_step_def *steps;
    uint32_t step_count;
    const struct belay_error_rule *on_error;
    uint32_t on_error_count;
    bool has_calls, replies;
    struct belay_place place;
};

/* ---- sagas ---- */

struct belay_compensate_def {
    const struct belay_call_def *call;        /* one of both, or neither */
    const struct belay_publish_def *publish;
    struct belay_retry_def retry;
};

struct belay_await_def {
    struct belay_str topic;
    const struct belay_template *match;       /* yields the saga's id from the event */
    const struct belay_template *fail_when;   /* NULL: any event is success */
    uint64_t timeout_ms;
};

struct belay_saga_step_def {
    struct belay_str name;
    struct belay_str status;                  /* word shown while it runs; empty: "running" */
    const struct belay_call_def *call;        /* call and publish exclude each other */
    const struct belay_call_def *resolve;
    const struct belay_publish_def *publish;
    const struct belay_await_def *await;      /* after call or publish, or alone */
    const struct belay_compensate_def *compensate;
    struct belay_retry_def retry;
    const struct belay_template *when;        /* NULL: always; false skips the step */
    uint64_t timeout_ms;                      /* of all attempts, their waits and the event; 0: none */
    bool pivot;                               /* done, the saga only goes forward */
    struct belay_place place;
};

struct belay_saga_def {
    struct belay_str name;
    struct belay_hash128 hash;
    struct belay_str text;
    struct belay_source_def from;             /* a topic or queue */
    const struct belay_template *id;
    uint64_t deadline_ms;                     /* 0: none */
    struct belay_letters_def letters;         /* of messages that started none, and of events that none came for */
    const struct belay_saga_step_def *steps;
    uint32_t step_count;
    /* words for the saga's states; empty: the state's own name */
    struct belay_str word_started, word_completed, word_compensating, word_compensated, word_failed,
        word_parked;
    struct belay_place place;
};

/* ---- who may do what by the admin API ---- */

enum belay_role { BELAY_ROLE_NONE, BELAY_ROLE_VIEWER, BELAY_ROLE_OPERATOR, BELAY_ROLE_ADMIN }; /* each may what those before it may */
/* "none", "viewer", "operator", "admin". Static. */
const char *belay_role_name(enum belay_role role);
/* False: none of that name; BELAY_ROLE_NONE has none. */
bool belay_role_parse(struct belay_str name, enum belay_role *ret_role);

struct belay_caller_def {
    struct belay_str name;
    struct belay_str token;      /* of a user of the unix socket: "" */
    enum belay_role role;
};

/* ---- alerts ---- */

/* What a rule looks at. All but EVENT are figures of one subject, looked up about once a second. */
enum belay_alert_on {
    BELAY_ALERT_LETTERS,     /* of a flow or saga: parked and dead; grows are told again */
    BELAY_ALERT_LETTERS_AGE, /* of a flow: ms since its oldest letter became one */
    BELAY_ALERT_LETTERS_LIMIT, /* of a flow whose letters expire: percent of what lets the first of them go */
    BELAY_ALERT_NEW_GROUPS,  /* of a flow: kinds of failure that made their first letter within the last hour; grows ... */
    BELAY_ALERT_PARKED,      /* of a flow: keys that wait behind a letter */
    BELAY_ALERT_OLDEST,      /* of a flow: ms since its oldest unfinished message was accepted */
    BELAY_ALERT_QUEUED,      /* of a flow: messages not yet handled */
    BELAY_ALERT_WAITING,     /* of a flow: messages waiting for a retry */
    BELAY_ALERT_STALLED,     /* of a flow: ms since a key that is not parked has had the same head */
    BELAY_ALERT_PAUSED,      /* of a flow: 1 while it is paused */
    BELAY_ALERT_SAGA_PARKED, /* of a saga: instances that wait for a person; grows are told again */
    BELAY_ALERT_SAGA_IDLE,   /* of a saga: ms since the instance under way that has not moved for longest moved */
    BELAY_ALERT_BREAKER,     /* of a connection: 1 while its breaker is not closed */
    BELAY_ALERT_DISK_FREE,   /* bytes; subject "" */
    BELAY_ALERT_STORE_FULL,  /* 1 while nothing new is accepted for want of room; subject "" */
    BELAY_ALERT_QUEUE_FULL,  /* of a queue or topic: 1 while a limit is reached, or a producer has just met it */
    BELAY_ALERT_CERTIFICATE, /* of "api NAME", "connection NAME": ms until its certificate ends; below 0: it has */
    BELAY_ALERT_LOST,        /* messages in no state: a bug; subject "" */
    BELAY_ALERT_EVENT        /* of the log: how often within `within_ms`; its owner is the subject */
};
#define BELAY_ALERT_ON_COUNT (BELAY_ALERT_EVENT + 1)

/* How the figure is written: "3", "15m", "512MiB", "80%", "yes". */
enum belay_alert_unit { BELAY_ALERT_COUNT, BELAY_ALERT_MS, BELAY_ALERT_BYTES, BELAY_ALERT_PERCENT, BELAY_ALERT_FLAG };
enum belay_alert_unit belay_alert_unit(enum belay_alert_on on);

struct belay_alert_def {
    struct belay_str name;
    enum belay_alert_on on;
    struct belay_str event;      /* EVENT: a name, or a beginning and "*" */
    struct belay_str subject;    /* of this one only, or a beginning and "*"; "": of any */
    bool below;                  /* fires below the bound, else above it */
    double bound;
    uint64_t for_ms;             /* it must hold so long before it fires */
    uint64_t within_ms;          /* EVENT: the window that is counted; it is over when that was quiet */
    uint64_t repeat_ms;          /* told again while it fires; 0: never */
    uint64_t regroup_ms;         /* where grows are told: not more often than this */
    uint64_t wait_ms;            /* from the first news to the notice, so that others come into it */
    uint64_t interval_ms;        /* between two notices of the rule */
    bool urgent;                 /* level error, else warn */
    struct belay_str summary;    /* one sentence: what it means */
    struct belay_str hint;       /* a command that shows more; "{subject}" is replaced */
    const struct belay_str *to;  /* channels: the first, and who takes over when it fails */
    uint32_t to_count;           /* 0: the log only */
};

/* ---- the set ---- */

struct belay_definitions {
    const struct belay_expr_data *expr_data; /* $env and $lookupTable; opaque here */
    const struct belay_redact *redact;        /* what may not be told; NULL: of one that was compiled again */
    struct belay_arena arena;
    struct belay_str name;                    /* of the application */
    uint32_t crash_after;                     /* of flows and sagas that say nothing; 0: the default */
    struct belay_poison_def poison;           /* likewise */
    struct belay_policy_def *policies; uint32_t policy_count;
    struct belay_connection_def *connections; uint32_t connection_count;
    struct belay_topic_def *topics; uint32_t topic_count;     /* queues too */
    struct belay_api_def *apis; uint32_t api_count;
    struct belay_flow_def *flows; uint32_t flow_count;
    struct belay_saga_def *sagas; uint32_t saga_count;
    const struct belay_alert_def *alerts; uint32_t alert_count;
    const struct belay_caller_def *tokens; uint32_t token_count; /* of the admin API over TCP */
    const struct belay_caller_def *users; uint32_t user_count;   /* of its unix socket, besides its owner and root */
    _Atomic uint32_t refs;                    /* any thread: the last one frees */
    void (*free)(struct belay_definitions *); /* by who made it: expressions, schemas, then the arena */
};

/* NULL where there is none of that name. */
const struct belay_policy_def *belay_definitions_policy(const struct belay_definitions *d, struct belay_str name);
const struct belay_connection_def *belay_definitions_connection(const struct belay_definitions *d, struct belay_str name);
const struct belay_topic_def *belay_definitions_topic(const struct belay_definitions *d, struct belay_str name);
const struct belay_flow_def *belay_definitions_flow(const struct belay_definitions *d, struct belay_str name);
/* The flow that answers an operation of an API. */
const struct belay_flow_def *belay_definitions_operation(const struct belay_definitions *d,
                                                         struct belay_str api, struct belay_str operation);
struct belay_definitions *belay_definitions_ref(struct belay_definitions *d);
void belay_definitions_unref(struct belay_definitions *d);

#endif
