/* alerts: rules, and the channels they are told through.
 *
 * A channel is a connection, a queue and a flow like any other, made here and called alerts.CHANNEL: a notice
 * is a durable message that is retried, goes to the next channel when its retries are exhausted, and becomes a
 * letter when there is none left. */
#include <limits.h>
#include <stdlib.h>

#include "base/events.h"
#include "base/limits.h"
#include "config/grammar.h"
#include "config/parts.h"
#include "config/redact.h"
#include "config/scalar.h"

/* As the table of the section says. */
#define GROUP_WAIT_MS 5000
#define GROUP_INTERVAL_MS 60000

/* ---- rules ---- */

static const struct config_word on_words[] = {
    { "letters", BELAY_ALERT_LETTERS },     { "letters_age", BELAY_ALERT_LETTERS_AGE },
    { "letters_limit", BELAY_ALERT_LETTERS_LIMIT }, { "new_groups", BELAY_ALERT_NEW_GROUPS },
    { "parked_keys", BELAY_ALERT_PARKED },  { "queue_full", BELAY_ALERT_QUEUE_FULL },
    { "certificate", BELAY_ALERT_CERTIFICATE }, { "saga_idle", BELAY_ALERT_SAGA_IDLE },
    { "oldest", BELAY_ALERT_OLDEST },       { "queued", BELAY_ALERT_QUEUED },
    { "waiting", BELAY_ALERT_WAITING },     { "paused", BELAY_ALERT_PAUSED },
    { "sagas_parked", BELAY_ALERT_SAGA_PARKED }, { "disk_free", BELAY_ALERT_DISK_FREE },
    { "breaker", BELAY_ALERT_BREAKER },     { "store_full", BELAY_ALERT_STORE_FULL },
    { "lost", BELAY_ALERT_LOST },           { "stalled_key", BELAY_ALERT_STALLED },
    { "event_waits", BELAY_ALERT_EVENT_WAITS },
    { 0 },
};
static const struct config_word level_words[] = { { "warn", false }, { "error", true }, { 0 } };

struct rule_raw {
    struct belay_alert_def def;
    int on, level;
    struct belay_str event, of;
    const struct config_node *above, *below, *to;
    bool off;
};

static const struct config_key rule_keys[] = {
    { "on", CONFIG_WORD, "The figure it looks at, of each flow, saga, connection, or the whole.", .one_of = 1,
      CONFIG_FIELD(struct rule_raw, on), .words = on_words },
    { "event", CONFIG_STRING, "Or an event of the log that is counted: message.crashed, \"saga.*\" (docs/events.md).", .one_of = 1,
      CONFIG_FIELD(struct rule_raw, event) },
    { "of", CONFIG_STRING, "Of this flow, saga or connection only; \"pay-*\" for those that begin so.",
      CONFIG_FIELD(struct rule_raw, of) },
    { "above", CONFIG_TEXT_NODE, .shape = "number, duration or size",
      .help = "It fires while the figure is above this (0): a number; of oldest, stalled_key, event_waits, letters_age, saga_idle and "
              "certificate a duration, of disk_free a size, of letters_limit percent.",
      .one_of = 2, CONFIG_FIELD(struct rule_raw, above) },
    { "below", CONFIG_TEXT_NODE, .shape = "number, duration or size", .help = "Or while it is below this.",
      .one_of = 2, CONFIG_FIELD(struct rule_raw, below) },
    { "for", CONFIG_DURATION, "How long that must hold before it fires.", .default_ = "0s",
      CONFIG_FIELD(struct rule_raw, def.for_ms) },
    { "within", CONFIG_DURATION, "Of an event: the time in which it is counted.", .default_ = "10m", .min = 1000,
      CONFIG_FIELD(struct rule_raw, def.within_ms) },
    { "repeat", CONFIG_DURATION, "Told again so often while it fires; 0: once.", .default_ = "4h",
      CONFIG_FIELD(struct rule_raw, def.repeat_ms) },
    { "regroup", CONFIG_DURATION, "Where there is more of it, told again after this time.", .default_ = "5m",
      .min = 1000, CONFIG_FIELD(struct rule_raw, def.regroup_ms) },
    { "group_wait", CONFIG_DURATION,
      "How long a notice waits for other subjects that fire, or are over, meanwhile: all go into it. Without it the section's.",
      .max = 3600000, CONFIG_FIELD(struct rule_raw, def.wait_ms) },
    { "group_interval", CONFIG_DURATION, "Between two notices of this rule. Without it the section's.", .max = 86400000,
      CONFIG_FIELD(struct rule_raw, def.interval_ms) },
    { "level", CONFIG_WORD, "warn or error.", .default_ = "warn", CONFIG_FIELD(struct rule_raw, level),
      .words = level_words },
    { "summary", CONFIG_STRING, "One sentence: what it means.", CONFIG_FIELD(struct rule_raw, def.summary) },
    { "hint", CONFIG_STRING, "Command that shows more; {subject} is replaced.",
      CONFIG_FIELD(struct rule_raw, def.hint) },
    { "to", CONFIG_TEXTS_NODE, "Channels: the first is told, the next when it fails. Without it the section's.",
      CONFIG_FIELD(struct rule_raw, to) },
    { "off", CONFIG_BOOL, "Do without this rule, also where it is a built-in one.", .default_ = "false",
      CONFIG_FIELD(struct rule_raw, off) },
    { 0 },
};

static void finish_rule(struct config *c, const struct config_node *node, void *target)
{
    struct rule_raw *raw = target;
    if (raw->off)
        return;
    if (!config_get(node, "on") && !config_get(node, "event"))
        config_error(c->problems, config_place(node), "one-of", "an alert rule needs 'on' or 'event'");
    if (config_get(node, "within") && !raw->event.n)
        config_error(c->problems, config_place(config_get(node, "within")), "goes-with", "'within' goes with 'event'");
}

static const struct config_kind kind_rule = {
    "alert-rule", "When somebody is told.", rule_keys, sizeof(struct rule_raw), .finish = finish_rule,
};

/* What is always there; a rule of the same name takes its place. */
static const struct {
    const char *name, *on, *event, *above, *below, *for_, *within, *level, *summary, *hint;
} built_in[] = {
    { "dead-letters", "letters", NULL, "0", NULL, "0s", NULL, "error",
      "messages could not be handled and wait in the dead-letter queue", "belay dlq ls --flow {subject}" },
    { "new-group", "new_groups", NULL, "0", NULL, "0s", NULL, "warn",
      "messages fail in a way that was not there before", "belay dlq groups --flow {subject}" },
    { "letters-old", "letters_age", NULL, "7d", NULL, "0s", NULL, "warn",
      "letters have waited for somebody for long: replay, settle or discard them", "belay dlq ls --flow {subject}" },
    { "letters-many", "letters", NULL, "10000", NULL, "0s", NULL, "error",
      "the dead-letter queue grows: something fails as a rule", "belay dlq groups --flow {subject}" },
    { "letters-expiring", "letters_limit", NULL, "50", NULL, "0s", NULL, "error",
      "half of the time or the number is used up after which dead_letters: lets letters go", "belay dlq ls --flow {subject}" },
    { "stalled", "oldest", NULL, "15m", NULL, "1m", NULL, "warn", "messages are not handled in time", "belay status" },
    { "stalled-key", "stalled_key", NULL, "5m", NULL, "0s", NULL, "warn",
      "a key stands: the same message has been tried, or waited for its turn, for long",
      "belay lane ls --flow {subject} --state stalled --sort age" },
    { "parked-key", "parked_keys", NULL, "0", NULL, "5m", NULL, "error",
      "keys are parked: their later messages are held until somebody decides",
      "belay lane ls --flow {subject} --state parked" },
    { "flow-paused", "paused", NULL, "0", NULL, "5m", NULL, "warn", "the flow is paused: its messages only queue",
      "belay flow resume {subject}" },
    { "flow-stopped", NULL, "flow.stopped", "0", NULL, "0s", "1h", "error",
      "the flow cannot read on: a file of the store is damaged or missing", "belay status" },
    { "sagas-parked", "sagas_parked", NULL, "0", NULL, "0s", NULL, "error", "sagas wait for a person",
      "belay saga ls {subject} --state parked" },
    { "compensation-failed", NULL, "saga.compensation_failed", "0", NULL, "0s", "1h", "error",
      "a step could not be undone: a person has to do it, or say that it is", "belay saga ls {subject} --state parked" },
    { "saga-stuck", "saga_idle", NULL, "24h", NULL, "0s", NULL, "warn",
      "a saga that is under way has not moved for long: an event that does not come, or a partner that never answers",
      "belay saga ls {subject}" },
    { "event-waits", "event_waits", NULL, "24h", NULL, "0s", NULL, "warn",
      "an event has waited for its saga for long: there is none of its id, or it does not come to that step",
      "belay lane ls --flow {subject} --state stalled" },
    { "queue-full", "queue_full", NULL, "0", NULL, "1m", NULL, "warn",
      "a queue is as full as it may be: who publishes waits or is refused", "belay status" },
    { "certificate-expiring", "certificate", NULL, NULL, "21d", "0s", NULL, "error",
      "a certificate ends soon: renew its file, then reload (SIGHUP)", NULL },
    { "disk-low", "disk_free", NULL, NULL, "512MiB", "0s", NULL, "error",
      "the disk is nearly full: soon nothing new is accepted", "belay status" },
    { "store-full", "store_full", NULL, "0", NULL, "0s", NULL, "error",
      "nothing new is accepted: the disk is full, or what --store-max allows", "belay status" },
    { "breaker-open", "breaker", NULL, "0", NULL, "5s", NULL, "error",
      "the connection fails and is not called for a while; its messages wait", "belay status" },
    { "lost", "lost", NULL, "0", NULL, "0s", NULL, "error", "messages are in no state: a fault of the program",
      "belay status" },
    { "crashed", NULL, "message.crashed", "0", NULL, "0s", "1h", "warn",
      "the process died while messages of this flow were in flight", "belay dlq ls --flow {subject}" },
    { "poison", NULL, "poison.*", "0", NULL, "0s", "1h", "error",
      "messages of this flow are quarantined: they kill, or fail again and again", "belay dlq ls --flow {subject}" },
    { "clock-jumped", NULL, "clock.jumped", "0", NULL, "0s", "10m", "warn", "the machine's clock was set, or it slept", NULL },
    { "reload-failed", NULL, "config.reload_failed", "0", NULL, "0s", "10m", "warn",
      "a changed configuration is wrong and was not taken up", NULL },
};
#define BUILT_IN (sizeof built_in / sizeof built_in[0])

/* ---- channels ---- */

static const struct config_word preset_words[] = { { "none", 0 }, { "slack", 1 }, { "teams", 2 }, { "pagerduty", 3 },
                                                   { "alertmanager", 4 }, { 0 } };
/* What each preset posts; the notice itself without one. */
static const char *const preset_bodies[] = {
    NULL,
    "{% { 'text': (status = 'resolved' ? ':white_check_mark: ' : ':rotating_light: ') & '*' & rule & '* '"
    " & (subject ? subject & ': ' : '') & summary & (value > 1 ? ' (' & $string(value) & ')' : '')"
    " & (hint and status = 'firing' ? '\n`' & hint & '`' : '') } %}",
    "{% { 'type': 'message', 'attachments': [ { 'contentType': 'application/vnd.microsoft.card.adaptive',"
    " 'content': { '$schema': 'http://adaptivecards.io/schemas/adaptive-card.json', 'type': 'AdaptiveCard',"
    " 'version': '1.4', 'body': ["
    " { 'type': 'TextBlock', 'weight': 'bolder', 'wrap': true, 'text': $uppercase(status) & ' ' & rule & ' ' & subject },"
    " { 'type': 'TextBlock', 'wrap': true, 'text': summary & (hint ? '\n\n' & hint : '') } ] } } ] } %}",
    "{% { 'routing_key': $vars.key, 'event_action': status = 'resolved' and firing = 0 ? 'resolve' : 'trigger',"
    " 'dedup_key': application & '/' & rule,"
    " 'payload': { 'summary': (status = 'resolved' ? 'over: ' : '') & rule & (subject ? ' ' & subject : '') & ': ' & summary, 'source': application,"
    " 'severity': level = 'error' ? 'critical' : 'warning', 'timestamp': at, 'component': subject,"
    " 'custom_details': { 'value': value, 'hint': hint, 'since': since } } } %}",
    "{% ( $n := $; $all := count > $count(subjects) ? $append(subjects,"
    " { 'subject': $string(count - $count(subjects)) & ' more', 'since': since }) : subjects;"
    " [ $all.$merge([ { 'labels': { 'alertname': $n.rule, 'subject': subject, 'severity': $n.level,"
    " 'application': $n.application }, 'annotations': { 'summary': $n.summary, 'hint': $n.hint }, 'startsAt': since },"
    " $n.status = 'resolved' ? { 'endsAt': $n.at } : {} ]) ] ) %}",
};

struct webhook_raw {
    const struct config_node *url, *headers, *body, *key, *ca_file;
    int preset;
};
static const struct config_key webhook_keys[] = {
    { "url", CONFIG_TEXT_NODE, .shape = "URL", .help = "Where it is posted; may have a query.",
      CONFIG_FIELD(struct webhook_raw, url) },
    { "preset", CONFIG_WORD, "Shape of the body: slack, teams, pagerduty (Events API v2), alertmanager (API v2).",
      .default_ = "none", CONFIG_FIELD(struct webhook_raw, preset), .words = preset_words },
    { "key", CONFIG_TEXT_NODE, .shape = "text", .help = "PagerDuty's routing key; $vars.key in a body of your own.",
      CONFIG_FIELD(struct webhook_raw, key) },
    { "headers", CONFIG_ANY_NODE, .shape = "mapping of texts", .help = "Headers sent with it, for tokens.",
      CONFIG_FIELD(struct webhook_raw, headers) },
    { "body", CONFIG_VALUE_NODE, .shape = "template",
      .help = "What is posted instead: the notice has rule, subject, status (firing, resolved), level, summary, "
              "hint, value, since, at, application, count, subjects, firing (docs/alerts.md).",
      CONFIG_FIELD(struct webhook_raw, body) },
    { "ca_file", CONFIG_TEXT_NODE, .shape = "path of a file",
      .help = "PEM file with the authorities to trust instead of the system's.",
      CONFIG_FIELD(struct webhook_raw, ca_file) },
    { 0 },
};

static void finish_webhook(struct config *c, const struct config_node *node, void *target)
{
    struct webhook_raw *raw = target;
    bool pagerduty = raw->preset == 3;
    if (!raw->url && !pagerduty)
        config_error(c->problems, config_place(node), "missing-key", "a webhook needs 'url'");
    if (pagerduty && !raw->key)
        config_error(c->problems, config_place(node), "missing-key", "the preset pagerduty needs 'key', its routing key");
    if (raw->preset && raw->body)
        config_error(c->problems, config_place(raw->body), "one-of", "'preset' and 'body' exclude each other");
}

static const struct config_kind kind_webhook = {
    "alert-webhook", "An HTTP POST.", webhook_keys, sizeof(struct webhook_raw), .short_key = "url",
    .finish = finish_webhook,
};

struct email_raw {
    const struct config_node *server, *tls, *username, *password, *from, *to, *subject, *body, *ca_file;
};
static const struct config_key email_keys[] = {
    { "server", CONFIG_TEXT_NODE, .shape = "host:port", .help = "The mail server: mail.example.com:587.", .required = true,
      CONFIG_FIELD(struct email_raw, server) },
    { "tls", CONFIG_TEXT_NODE, .shape = "starttls, tls or none",
      .help = "starttls: required of the server; tls: from the first byte; none: in the clear, without a password (starttls).",
      CONFIG_FIELD(struct email_raw, tls) },
    { "username", CONFIG_TEXT_NODE, .shape = "text", .help = "User of the server.", CONFIG_FIELD(struct email_raw, username) },
    { "password", CONFIG_TEXT_NODE, .shape = "text", .help = "Password of the user.", CONFIG_FIELD(struct email_raw, password) },
    { "from", CONFIG_TEXT_NODE, .shape = "address", .help = "Address of the sender.", .required = true,
      CONFIG_FIELD(struct email_raw, from) },
    { "to", CONFIG_TEXTS_NODE, "Addresses of who gets it.", .required = true, CONFIG_FIELD(struct email_raw, to) },
    { "subject", CONFIG_VALUE_NODE, .shape = "template", .help = "Subject; without it \"[firing] rule subject: summary\".",
      CONFIG_FIELD(struct email_raw, subject) },
    { "body", CONFIG_VALUE_NODE, .shape = "template",
      .help = "Text; without it all that the notice says, a line each. Members of the notice as of a webhook's body.",
      CONFIG_FIELD(struct email_raw, body) },
    { "ca_file", CONFIG_TEXT_NODE, .shape = "path of a file",
      .help = "PEM file with the authorities to trust instead of the system's.", CONFIG_FIELD(struct email_raw, ca_file) },
    { 0 },
};
static const struct config_kind kind_email = {
    "alert-email", "A mail, by SMTP with STARTTLS.", email_keys, sizeof(struct email_raw), .short_key = NULL,
};

struct command_raw {
    const struct config_node *run, *env, *timeout;
};
static const struct config_key command_keys[] = {
    { "run", CONFIG_TEXTS_NODE, "The program, by its absolute path, and its arguments; there is no shell.", .required = true,
      CONFIG_FIELD(struct command_raw, run) },
    { "env", CONFIG_ANY_NODE, .shape = "mapping of texts", .help = "Environment variables for it.",
      CONFIG_FIELD(struct command_raw, env) },
    { "timeout", CONFIG_TEXT_NODE, .shape = "duration", .help = "Then it is ended, and has failed (30s).",
      CONFIG_FIELD(struct command_raw, timeout) },
    { 0 },
};
static const struct config_kind kind_command = {
    "alert-command",
    "A program: the notice as JSON on its standard input, and in BELAY_ALERT_RULE, _SUBJECT, _STATUS, _LEVEL, _SUMMARY.",
    command_keys, sizeof(struct command_raw), .short_key = "run",
};

struct channel_raw {
    const struct config_node *webhook, *email, *command, *log, *retry;
};
static const struct config_key log_keys[] = { { 0 } };
static const struct config_kind kind_log = { "alert-log", "Nothing but the log.", log_keys, 1, .short_key = NULL };

static const struct config_key channel_keys[] = {
    { "webhook", CONFIG_SUB_NODE, "Posts it to a URL.", .one_of = 1, CONFIG_FIELD(struct channel_raw, webhook),
      .kind = &kind_webhook },
    { "email", CONFIG_SUB_NODE, "Sends a mail.", .one_of = 1, CONFIG_FIELD(struct channel_raw, email), .kind = &kind_email },
    { "command", CONFIG_SUB_NODE, "Starts a program; another exit code than 0 is a failure.", .one_of = 1,
      CONFIG_FIELD(struct channel_raw, command), .kind = &kind_command },
    { "log", CONFIG_SUB_NODE, "Only the log, where every notice stands anyway: { }.", .one_of = 1,
      CONFIG_FIELD(struct channel_raw, log), .kind = &kind_log },
    { "retry", CONFIG_SUB_NODE, "How a notice is repeated before the next channel takes over (8 attempts, 1s to 2m).",
      CONFIG_FIELD(struct channel_raw, retry), .kind = &config_kind_retry },
    { 0 },
};
static const struct config_kind kind_channel = {
    "alert-channel", "A way to tell somebody.", channel_keys, sizeof(struct channel_raw), .groups_needed = 1u << 1,
};

struct alerts_raw {
    const struct config_node *node, *channels, *rules, *to;
    uint64_t wait_ms, interval_ms;
    bool built_in;
};
static const struct config_key alerts_keys[] = {
    { "channels", CONFIG_NAMED_NODE, "Ways to tell somebody.", CONFIG_FIELD(struct alerts_raw, channels),
      .kind = &kind_channel },
    { "rules", CONFIG_NAMED_NODE, "When somebody is told.", CONFIG_FIELD(struct alerts_raw, rules), .kind = &kind_rule },
    { "to", CONFIG_TEXTS_NODE, "Channels of rules that name none, the built-in ones too.",
      CONFIG_FIELD(struct alerts_raw, to) },
    { "group_wait", CONFIG_DURATION, "Of rules that say none: how long a notice waits for other subjects of its rule.",
      .default_ = "5s", .max = 3600000, CONFIG_FIELD(struct alerts_raw, wait_ms) },
    { "group_interval", CONFIG_DURATION, "Of rules that say none: the time between two notices of one rule.",
      .default_ = "1m", .max = 86400000, CONFIG_FIELD(struct alerts_raw, interval_ms) },
    { "built_in", CONFIG_BOOL, "Whether the built-in rules hold.", .default_ = "true",
      CONFIG_FIELD(struct alerts_raw, built_in) },
    { 0 },
};
const struct config_kind config_kind_alerts = {
    "alerts", "Who is told when something is wrong.", alerts_keys, sizeof(struct alerts_raw), .short_key = NULL,
};

/* ---- what a channel becomes ---- */

static const char connection_yaml[] =
    "{ http: { base_url: '@URL', headers: '@HEADERS', ca_file: '@CA' }, timeout: 10s, concurrency: 4,\n"
    "  idempotency: { header: Idempotency-Key } }\n";

static const char send_yaml[] =
    "- set: { key: '@KEY' }\n"
    "- name: send\n"
    "  call: { connection: '@NAME', method: POST, path: '', headers: { content-type: application/json }, body: '@BODY' }\n";

/* A notice told twice has the same Message-ID: twice is as once. */
static const char email_connection_yaml[] =
    "{ smtp: { server: '@SERVER', tls: '@TLS', username: '@USER', password: '@PASSWORD', from: '@FROM', to: '@TO', ca_file: '@CA' },\n"
    "  timeout: 30s, concurrency: 4, idempotency: { header: Message-ID } }\n";

static const char email_yaml[] =
    "- name: send\n"
    "  call: { connection: '@NAME', subject: '@SUBJECT', headers: { content-type: text/plain; charset=utf-8 }, body: '@BODY' }\n";

static const char email_subject[] = "[{% status %}] {% rule %} {% subject %}: {% summary %}";
static const char email_body[] =
    "{% summary & '\n\nrule:    ' & rule & (subject ? '\nof:      ' & subject : '') & '\nstatus:  ' & status & ', ' & level"
    " & '\nvalue:   ' & shown & '\nsince:   ' & since & '\ntold:    ' & at & '\nby:      ' & application"
    " & (hint and status = 'firing' ? '\n\nlook:    ' & hint : '') & '\n' %}";

static const char command_connection_yaml[] =
    "{ command: { run: '@RUN', env: '@ENV' }, timeout: '@TIMEOUT', concurrency: 4, response_max: 64KiB,\n"
    "  idempotency: { header: BELAY_IDEMPOTENCY_KEY } }\n";

static const char command_yaml[] =
    "- name: send\n"
    "  call:\n"
    "    connection: '@NAME'\n"
    "    headers: { BELAY_ALERT_RULE: '{% rule %}', BELAY_ALERT_SUBJECT: '{% subject %}', BELAY_ALERT_STATUS: '{% status %}',\n"
    "               BELAY_ALERT_LEVEL: '{% level %}', BELAY_ALERT_SUMMARY: '{% summary %}' }\n";

static const char log_yaml[] = "- log: { level: warn, message: '{% rule %} {% subject %}: {% summary %}' }\n";

static const char flow_yaml[] =
    "from: { queue: '@NAME' }\n"
    "lanes: { key: \"{% rule & '|' & subject %}\", concurrency: 4, on_exhausted: skip }\n"
    "steps: '@STEPS'\n"
    "retry: '@RETRY'\n"
    "on_error: '@ON_ERROR'\n";

static const char retry_yaml[] = "{ max_attempts: 8, initial: 1s, multiplier: 2, max: 2m, jitter: full }\n";

static const char on_error_yaml[] =
    "- when: '*'\n"
    "  steps:\n"
    "    - log:\n"
    "        level: error\n"
    "        message: 'an alert could not be told: {% rule %} {% subject %}: {% summary %}'\n"
    "        fields: { reason: '{% $error.description %}', next: '{% fallback[0] %}' }\n"
    "    - choose:\n"
    "        - when: '{% $count(fallback) > 0 %}'\n"
    "          steps:\n"
    "            - publish: { queue: 'alerts.{% fallback[0] %}', body: \"{% $merge([$, { 'fallback': [fallback[[1..15]]] }]) %}\" }\n"
    "        - otherwise:\n"
    "            - dead_letter: { reason: 'no channel is left to tell this alert through', skip: true }\n";

struct making {
    struct config *c;
    struct config_node *connections, *queues, *flows;
};

static const struct config_node *splice(struct making *m, const char *yaml, const struct config_part *parts,
                                        uint32_t count, const struct config_node *at)
{
    return config_splice(m->c, yaml, parts, count, at);
}

/* Whoever knows them may post there. False: said. */
static bool keep_secret(struct config *c, const struct webhook_raw *raw)
{
    struct belay_str url = BELAY_STR_NONE, key = BELAY_STR_NONE;
    if ((raw->url && !config_text(c, raw->url, &url)) || (raw->key && !config_text(c, raw->key, &key)))
        return false;
    config_secret_url(c, url);
    config_secret(c, key);
    return true;
}

/* NULL: said. */
static const struct config_node *webhook_steps(struct making *m, const struct config_node *name,
                                               const struct config_node *node)
{
    struct webhook_raw raw = { 0 };
    struct config *c = m->c;
    config_parse(c, &kind_webhook, node, &raw);
    if (!keep_secret(c, &raw))
        return NULL;
    const char *preset = preset_bodies[raw.preset];
    const struct config_node *url = raw.url, *body = raw.body;
    if (!url)
        url = config_text_node(c, BELAY_STR("https://events.pagerduty.com/v2/enqueue"), node);
    if (preset)
        body = config_text_node(c, belay_str_c(preset), node);
    const struct config_part parts[] = { { "@NAME", name }, { "@URL", url },   { "@HEADERS", raw.headers },
                                         { "@CA", raw.ca_file }, { "@BODY", body }, { "@KEY", raw.key } };
    const uint32_t count = sizeof parts / sizeof parts[0];
    if (!config_map_add(c, m->connections, name, splice(m, connection_yaml, parts, count, node)))
        config_no_memory(c);
    return splice(m, send_yaml, parts, count, node);
}

/* A text of ours where the file says none. */
static const struct config_node *or_text(struct making *m, const struct config_node *node, const char *text,
                                         const struct config_node *at)
{
    return node ? node : config_text_node(m->c, belay_str_c(text), at);
}

static const struct config_node *email_steps(struct making *m, const struct config_node *name, const struct config_node *node)
{
    struct email_raw raw = { 0 };
    struct config *c = m->c;
    config_parse(c, &kind_email, node, &raw);
    const struct config_part parts[] = { { "@NAME", name },         { "@SERVER", raw.server },     { "@TLS", raw.tls },
                                         { "@USER", raw.username }, { "@PASSWORD", raw.password }, { "@FROM", raw.from },
                                         { "@TO", raw.to },         { "@CA", raw.ca_file },
                                         { "@SUBJECT", or_text(m, raw.subject, email_subject, node) },
                                         { "@BODY", or_text(m, raw.body, email_body, node) } };
    const uint32_t count = sizeof parts / sizeof parts[0];
    if (!raw.server || !raw.from || !raw.to)
        return NULL; /* that was said */
    if (!config_map_add(c, m->connections, name, splice(m, email_connection_yaml, parts, count, node)))
        config_no_memory(c);
    return splice(m, email_yaml, parts, count, node);
}

/* What the connector will say when it starts, said here, where the line is known. */
static void check_program(struct config *c, const struct config_node *name, const struct config_node *run)
{
    const struct config_node *node = run->kind == CONFIG_LIST && run->count ? run->first->value : run;
    struct belay_str path = node->text;
    if (node->kind != CONFIG_SCALAR || !path.n || memmem(path.p, path.n, "${", 2))
        return;
    if (path.p[0] != '/') {
        struct belay_problem *p = config_error(c->problems, config_place(node), "type", "%.*s: '%.*s' is no absolute path",
                                               BELAY_STR_ARG(name->text), BELAY_STR_ARG(path));
        config_suggest(c->problems, p, "write where it is: there is no shell, and no PATH is searched");
    }
}

static const struct config_node *command_steps(struct making *m, const struct config_node *name,
                                               const struct config_node *node)
{
    struct command_raw raw = { 0 };
    struct config *c = m->c;
    config_parse(c, &kind_command, node, &raw);
    const struct config_part parts[] = { { "@NAME", name }, { "@RUN", raw.run }, { "@ENV", raw.env },
                                         { "@TIMEOUT", or_text(m, raw.timeout, "30s", node) } };
    const uint32_t count = sizeof parts / sizeof parts[0];
    if (!raw.run)
        return NULL;
    check_program(c, name, raw.run);
    if (!config_map_add(c, m->connections, name, splice(m, command_connection_yaml, parts, count, node)))
        config_no_memory(c);
    return splice(m, command_yaml, parts, count, node);
}

static void make_channel(struct making *m, const struct config_link *link)
{
    struct config *c = m->c;
    struct channel_raw raw = { 0 };
    struct belay_str text = belay_arena_printf(&c->scratch, "alerts.%.*s", BELAY_STR_ARG(link->key->text));
    if (!text.p || !config_check_name(c, link->key, "channel"))
        return;
    config_parse(c, &kind_channel, link->value, &raw);
    if (!raw.webhook && !raw.log && !raw.email && !raw.command)
        return;
    const struct config_node *name = config_text_node(c, text, link->key);
    const struct config_node *steps = raw.webhook   ? webhook_steps(m, name, raw.webhook)
                                      : raw.email   ? email_steps(m, name, raw.email)
                                      : raw.command ? command_steps(m, name, raw.command)
                                                    : splice(m, log_yaml, NULL, 0, raw.log);
    if (!steps)
        return;
    const struct config_part parts[] = {
        { "@NAME", name },
        { "@STEPS", steps },
        { "@RETRY", raw.retry ? raw.retry : splice(m, retry_yaml, NULL, 0, link->value) },
        { "@ON_ERROR", splice(m, on_error_yaml, NULL, 0, link->value) },
    };
    if (c->status || !steps)
        return;
    const struct config_node *flow = splice(m, flow_yaml, parts, sizeof parts / sizeof parts[0], link->value);
    if (!config_map_add(c, m->queues, name, config_map_node(c, link->value)) || !config_map_add(c, m->flows, name, flow))
        config_no_memory(c);
}

/* ---- rules into the set ---- */

struct rules {
    struct config *c;
    const struct alerts_raw *sections;
    uint32_t section_count, count, max;
    struct belay_alert_def *defs;
};

static bool is_channel(const struct rules *r, struct belay_str name, struct config_guess *g)
{
    for (uint32_t i = 0; i < r->section_count; i++) {
        const struct config_node *channels = r->sections[i].channels;
        for (const struct config_link *l = config_count(channels) ? channels->first : NULL; l; l = l->next) {
            if (belay_str_eq(l->key->text, name))
                return true;
            config_guess_name(g, l->key->text);
        }
    }
    return false;
}

static void take_to(struct rules *r, const struct config_node *node, struct belay_alert_def *def)
{
    struct config *c = r->c;
    if (!node || !config_texts(c, node, &def->to, &def->to_count))
        return;
    if (def->to_count > BELAY_ALERT_CHANNELS_MAX)
        config_error(c->problems, config_place(node), "limit", "at most %d channels", BELAY_ALERT_CHANNELS_MAX);
    for (uint32_t i = 0; i < def->to_count; i++) {
        struct config_guess g = config_guess(def->to[i]);
        if (is_channel(r, def->to[i], &g))
            continue;
        struct belay_problem *p = config_error(c->problems, config_place(node), "unknown-channel",
                                               "there is no alert channel '%.*s'", BELAY_STR_ARG(def->to[i]));
        config_suggest_guess(c->problems, p, &g);
    }
}

/* The section's own `to`, else the first that any section says. */
static const struct config_node *default_to(const struct rules *r, const struct alerts_raw *section)
{
    if (section && section->to)
        return section->to;
    for (uint32_t i = 0; i < r->section_count; i++)
        if (r->sections[i].to)
            return r->sections[i].to;
    return NULL;
}

/* The section's own words, else the first that any section has, else the defaults. node: the rule, or NULL. */
static void take_group(const struct rules *r, const struct alerts_raw *section, const struct config_node *node,
                       struct belay_alert_def *def)
{
    const struct alerts_raw *wait = NULL, *interval = NULL;
    for (uint32_t i = 0; i <= r->section_count; i++) {
        const struct alerts_raw *s = i == 0 ? section : &r->sections[i - 1];
        if (s && !wait && config_get(s->node, "group_wait"))
            wait = s;
        if (s && !interval && config_get(s->node, "group_interval"))
            interval = s;
    }
    if (!node || !config_get(node, "group_wait"))
        def->wait_ms = wait ? wait->wait_ms : GROUP_WAIT_MS;
    if (!node || !config_get(node, "group_interval"))
        def->interval_ms = interval ? interval->interval_ms : GROUP_INTERVAL_MS;
}

/* "0", "15m", "512MiB", "80%", as the figure is one. */
static bool bound_of(enum belay_alert_on on, struct belay_str text, double *ret_bound)
{
    enum belay_alert_unit unit = belay_alert_unit(on);
    uint64_t whole;
    if (unit == BELAY_ALERT_MS || unit == BELAY_ALERT_BYTES) {
        if (!(unit == BELAY_ALERT_MS ? config_duration(text, &whole) : config_size(text, &whole)))
            return false;
        *ret_bound = (double)whole;
        return true;
    }
    if (unit == BELAY_ALERT_PERCENT && belay_str_ends(text, BELAY_STR("%")))
        text.n--;
    return config_number(text, ret_bound);
}

static void take_bound(struct config *c, const struct config_node *node, struct belay_alert_def *def)
{
    static const char *const wanted[] = { [BELAY_ALERT_COUNT] = "a number", [BELAY_ALERT_MS] = "a duration (15m)",
                                          [BELAY_ALERT_BYTES] = "a size (1GiB)", [BELAY_ALERT_PERCENT] = "a percentage (80%)",
                                          [BELAY_ALERT_FLAG] = "a number (0)" };
    struct belay_str text;
    if (!node || !config_text(c, node, &text) || bound_of(def->on, text, &def->bound))
        return;
    config_error(c->problems, config_place(node), "type", "%s is wanted here, not '%.*s'", wanted[belay_alert_unit(def->on)],
                 BELAY_STR_ARG(node->text));
}

static struct belay_alert_def *find_rule(struct rules *r, struct belay_str name)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (belay_str_eq(r->defs[i].name, name))
            return &r->defs[i];
    return NULL;
}

/* Does anything that rules can count begin so? */
static bool begins_one(struct belay_str beginning)
{
    const struct belay_event_def *e;
    for (size_t i = 0; (e = belay_event_at(i)); i++)
        if (e->counted && belay_str_starts(belay_str_c(e->name), beginning))
            return true;
    return false;
}

/* Warns of what no rule can count: no event, or one that only the log tells. */
static void check_event(struct config *c, const struct config_node *node, struct belay_str event)
{
    const struct belay_event_def *e = belay_event_find(event);
    struct config_guess g = config_guess(event);
    struct belay_problem *p;
    bool begins = belay_str_ends(event, BELAY_STR("*"));
    if (c->stored || !node || (begins ? begins_one(belay_str_sub(event, 0, event.n - 1)) : e && e->counted))
        return;
    if (begins)
        p = config_warning(c->problems, config_place(node), "never-fires", "no event that is counted begins with '%.*s'",
                           (int)event.n - 1, event.p);
    else
        p = config_warning(c->problems, config_place(node), "never-fires",
                           e ? "'%.*s' stands in the log and is not counted" : "no event is called '%.*s'", BELAY_STR_ARG(event));
    bool tells = e; /* a like name would be another event */
    for (size_t i = 0; !tells && (e = belay_event_at(i)); i++)
        if (e->counted)
            config_guess_name(&g, belay_str_c(e->name));
    if (g.best.n)
        config_suggest_guess(c->problems, p, &g);
    else
        config_suggest(c->problems, p, "docs/events.md lists those that are");
}

/* A rule that is off takes a built-in one away. */
static void check_off(struct config *c, const struct config_node *name)
{
    struct config_guess g = config_guess(name->text);
    for (size_t i = 0; i < BUILT_IN; i++) {
        if (belay_str_eq(name->text, belay_str_c(built_in[i].name)))
            return;
        config_guess_name(&g, belay_str_c(built_in[i].name));
    }
    if (g.best.n) /* else one of his own that he took off for a while */
        config_suggest_guess(c->problems,
                             config_warning(c->problems, config_place(name), "never-fires",
                                            "no built-in rule is called '%.*s': nothing is off", BELAY_STR_ARG(name->text)),
                             &g);
}

static void take_rule(struct rules *r, const struct alerts_raw *section, const struct config_link *link)
{
    struct config *c = r->c;
    struct rule_raw raw = { 0 };
    if (!config_check_name(c, link->key, "alert rule"))
        return;
    if (find_rule(r, link->key->text)) {
        config_error(c->problems, config_place(link->key), "duplicate-name", "'%.*s' is defined twice",
                     BELAY_STR_ARG(link->key->text));
        return;
    }
    config_parse(c, &kind_rule, link->value, &raw);
    struct belay_alert_def *def = &r->defs[r->count++];
    *def = raw.def;
    def->name = config_keep(c, link->key->text);
    def->on = raw.event.n ? BELAY_ALERT_EVENT : (enum belay_alert_on)raw.on;
    def->event = raw.event;
    check_event(c, config_get(link->value, "event"), raw.event);
    if (raw.off && !raw.event.n && !config_get(link->value, "on"))
        check_off(c, link->key);
    def->subject = raw.of;
    if (raw.of.n)
        def->subject_place = config_place(config_get(link->value, "of"));
    def->urgent = raw.level;
    def->below = raw.below;
    take_bound(c, raw.above ? raw.above : raw.below, def);
    take_to(r, raw.to ? raw.to : default_to(r, section), def);
    take_group(r, section, link->value, def);
    if (!def->summary.n)
        def->summary = config_keep(c, raw.event.n ? raw.event : belay_str_c(on_words[raw.on].name));
    if (raw.off)
        def->on = BELAY_ALERT_ON_COUNT; /* holds the name; taken out at the end */
}

/* What is to be looked at is what this process was given; whoever is called may be in another folder. */
static struct belay_str lint_hint(struct config *c)
{
    struct belay_str hint = BELAY_STR("belay lint");
    for (uint32_t i = 0; i < c->opt->path_count; i++) {
        char full[PATH_MAX];
        const char *path = c->opt->paths[i], *real = realpath(path, full);
        hint = belay_arena_printf(c->arena, "%.*s %s", BELAY_STR_ARG(hint), real ? real : path);
    }
    if (!hint.p)
        config_no_memory(c);
    return hint;
}

static void take_built_in(struct rules *r)
{
    struct config *c = r->c;
    for (size_t i = 0; i < BUILT_IN; i++) {
        struct belay_alert_def def = { .name = belay_str_c(built_in[i].name), .on = BELAY_ALERT_EVENT };
        if (find_rule(r, def.name))
            continue;
        for (const struct config_word *w = on_words; built_in[i].on && w->name; w++)
            if (strcmp(w->name, built_in[i].on) == 0)
                def.on = (enum belay_alert_on)w->value;
        const char *bound = built_in[i].above ? built_in[i].above : built_in[i].below;
        def.below = built_in[i].below;
        bound_of(def.on, belay_str_c(bound), &def.bound);
        config_duration(belay_str_c(built_in[i].for_), &def.for_ms);
        def.within_ms = 600000;
        if (built_in[i].within)
            config_duration(belay_str_c(built_in[i].within), &def.within_ms);
        def.repeat_ms = def.on == BELAY_ALERT_EVENT_WAITS /* nothing is wrong yet */ ? 0 : 4 * 3600000;
        def.regroup_ms = 5 * 60000;
        take_group(r, NULL, NULL, &def);
        def.urgent = strcmp(built_in[i].level, "error") == 0;
        def.event = belay_str_c(built_in[i].event ? built_in[i].event : "");
        def.summary = belay_str_c(built_in[i].summary);
        def.hint = belay_str_c(built_in[i].hint ? built_in[i].hint : "");
        if (belay_str_eq(def.name, BELAY_STR("reload-failed")))
            def.hint = lint_hint(c);
        const struct config_node *to = default_to(r, NULL);
        if (to)
            config_texts(c, to, &def.to, &def.to_count);
        r->defs[r->count++] = def;
    }
}

static void take_rules(struct rules *r)
{
    struct config *c = r->c;
    bool all = true;
    for (uint32_t i = 0; i < r->section_count; i++) {
        const struct alerts_raw *s = &r->sections[i];
        all = all && s->built_in;
        if (s->to) {
            struct belay_alert_def unused = { 0 };
            take_to(r, s->to, &unused);
        }
        for (const struct config_link *l = config_count(s->rules) ? s->rules->first : NULL; l; l = l->next)
            take_rule(r, s, l);
    }
    if (all)
        take_built_in(r);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->defs[i].on < BELAY_ALERT_ON_COUNT)
            r->defs[kept++] = r->defs[i];
    c->set->d.alerts = r->defs;
    c->set->d.alert_count = kept;
}

/* A mapping of names or nothing; says so where it is neither. */
static const struct config_node *names_of(struct config *c, const struct config_node *node)
{
    if (node && node->kind != CONFIG_MAP && !config_is_null(node))
        config_error(c->problems, config_place(node), "type", "a mapping of names is wanted here, not %s",
                     config_kind_text(node));
    return node && node->kind == CONFIG_MAP ? node : NULL;
}

static void make_channels(struct making *m, const struct alerts_raw *sections, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (const struct config_link *l = sections[i].channels ? sections[i].channels->first : NULL;
             l && !m->c->status; l = l->next)
            make_channel(m, l);
}

void config_alerts(struct config *c, const struct config_node *const *sections, uint32_t count,
                   struct config_alerts_made *ret_made)
{
    struct alerts_raw *raw = config_scratch(c, (count + 1) * sizeof *raw);
    struct rules r = { .c = c, .sections = raw };
    const struct config_node *at = NULL;
    if (!raw)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!sections[i] || config_is_null(sections[i]))
            continue;
        struct alerts_raw *to = &raw[r.section_count++];
        at = sections[i];
        config_parse(c, &config_kind_alerts, at, to);
        to->node = at;
        to->channels = names_of(c, to->channels);
        to->rules = names_of(c, to->rules);
        r.max += config_count(to->rules);
    }
    r.defs = CONFIG_ARRAY(c, struct belay_alert_def, r.max + BUILT_IN);
    if (!r.defs)
        return;
    take_rules(&r);
    if (!at)
        return;
    struct making m = { c, config_map_node(c, at), config_map_node(c, at), config_map_node(c, at) };
    if (c->status)
        return;
    make_channels(&m, raw, r.section_count);
    *ret_made = (struct config_alerts_made){ m.connections, m.queues, m.flows };
}
