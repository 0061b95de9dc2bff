/* Files -> one set: first what can be referred to (policies, connections, topics, queues, apis), then what
 * refers (flows, sagas), so that the order of files and keys does not matter. */
#include "base/limits.h"
#include "base/map.h"
#include "config/admin.h"
#include "config/grammar.h"
#include "config/library.h"
#include "config/lint.h"
#include "config/parts.h"
#include "config/redact.h"

struct file_raw {
    uint32_t belay;
    struct belay_str name;
    const struct config_node *env, *tables, *policies, *connections, *topics, *queues, *apis, *flows, *sagas,
        *alerts, *redact, *admin;
    struct belay_str remotes;
    uint32_t crash_after;
    struct belay_poison_def poison;
};

static const struct config_key file_keys[] = {
    { "belay", CONFIG_INT, "Version of the language: 1.", .required = true, .min = 1, .max = 1,
      CONFIG_FIELD(struct file_raw, belay) },
    { "name", CONFIG_NAME, "Name of the application; one of its files says it.",
      CONFIG_FIELD(struct file_raw, name) },
    { "env", CONFIG_NAMED_NODE, "What expressions may read by $env('NAME').",
      CONFIG_FIELD(struct file_raw, env), .kind = &config_kind_env },
    { "tables", CONFIG_NAMED_NODE, "Tables that expressions look things up in: $lookupTable('NAME', key).",
      CONFIG_FIELD(struct file_raw, tables), .kind = &config_kind_table },
    { "remotes", CONFIG_PATH,
      "Folder of schemas and contracts that others name by a URL: they lie there as HOST/PATH or PATH, or have it as their $id.",
      CONFIG_FIELD(struct file_raw, remotes) },
    { "policies", CONFIG_NAMED_NODE, "Retry policies that connections, flows and steps name.",
      CONFIG_FIELD(struct file_raw, policies), .kind = &config_kind_policy },
    { "connections", CONFIG_NAMED_NODE, "Outside systems.",
      CONFIG_FIELD(struct file_raw, connections), .kind = &config_kind_connection },
    { "topics", CONFIG_NAMED_NODE, "Topics.", CONFIG_FIELD(struct file_raw, topics),
      .kind = &config_kind_topic },
    { "queues", CONFIG_NAMED_NODE, "Queues.", CONFIG_FIELD(struct file_raw, queues),
      .kind = &config_kind_queue },
    { "apis", CONFIG_NAMED_NODE, "HTTP servers.", CONFIG_FIELD(struct file_raw, apis),
      .kind = &config_kind_api },
    { "flows", CONFIG_NAMED_NODE, "Flows.", CONFIG_FIELD(struct file_raw, flows),
      .kind = &config_kind_flow },
    { "sagas", CONFIG_NAMED_NODE, "Sagas.", CONFIG_FIELD(struct file_raw, sagas),
      .kind = &config_kind_saga },
    { "bindings", CONFIG_EMPTY, "Topics and queues on outside systems; not there yet.",
      .required = false },
    { "choreographies", CONFIG_RESERVED, .help = "" },
    { "tests", CONFIG_RESERVED, .help = "" },
    { "alerts", CONFIG_SUB_NODE, "Who is told when something is wrong, and of what; some rules are always there.",
      CONFIG_FIELD(struct file_raw, alerts), .kind = &config_kind_alerts },
    { "redact", CONFIG_SUB_NODE, "What may not be told in logs, letters, traces and answers of the admin API.",
      CONFIG_FIELD(struct file_raw, redact), .kind = &config_kind_redact },
    { "admin", CONFIG_SUB_NODE, "Who may do what by the admin API.", CONFIG_FIELD(struct file_raw, admin),
      .kind = &config_kind_admin },
    { "crash_loop", CONFIG_SUB, "When messages that kill the process are quarantined; of flows that say nothing, and sagas.",
      CONFIG_FIELD(struct file_raw, crash_after), .kind = &config_kind_crash_loop },
    { "poison", CONFIG_SUB, "What is done about messages that fail again and again; of flows that say nothing.",
      CONFIG_FIELD(struct file_raw, poison), .kind = &config_kind_poison },
    { "schedule", CONFIG_RESERVED, .help = "" },
    { 0 },
};

const struct config_kind config_kind_file = {
    "file",
    "A configuration file. Several are merged into one application.",
    file_keys,
    sizeof(struct file_raw),
    .short_key = NULL,
};

/* ---- merging ---- */

enum part { POLICIES, ENV, TABLES, CONNECTIONS, TOPICS, QUEUES, APIS, FLOWS, SAGAS, PARTS };

struct merge {
    struct config *c;
    struct file_raw *files;
    uint32_t count;
    struct belay_expr_data *data;
    struct belay_map
        names[PARTS]; /* name -> its key's node; queues with topics, sagas with flows */
};

static const struct config_node *part_of(const struct file_raw *f, enum part part)
{
    const struct config_node *nodes[PARTS]
        = { f->policies, f->env,  f->tables, f->connections, f->topics, f->queues,
            f->apis,     f->flows, f->sagas };
    return nodes[part];
}

static uint32_t part_count(const struct merge *m, enum part part)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->count; i++)
        count += config_count(part_of(&m->files[i], part));
    return count;
}

static enum part space_of(enum part part)
{
    return part == QUEUES ? TOPICS : part == SAGAS ? FLOWS : part;
}

/* True where the name is new in its space; says so where it is not. */
static bool is_new(struct merge *m, enum part part, const struct config_node *key)
{
    struct belay_map *names = &m->names[space_of(part)];
    const struct config_node *before = belay_map_get(names, key->text);
    if (!before) {
        if (belay_map_put(names, key->text, (void *)key, NULL))
            config_no_memory(m->c);
        return true;
    }
    bool same_mapping = before->file == key->file && part == space_of(part);
    if (same_mapping) /* the file's reader has said so */
        return false;
    struct belay_problem *p = config_error(m->c->problems, config_place(key), "duplicate-name",
                                           "'%.*s' is defined twice", BELAY_STR_ARG(key->text));
    config_suggest(m->c->problems, p, "the first is in %.*s:%u:%u",
                   BELAY_STR_ARG(before->file->path), before->line, before->column);
    return false;
}

static void take_flow(struct config *c, const struct config_link *link)
{
    struct belay_definitions *d = &c->set->d;
    uint32_t errors = c->problems->error_count;
    config_flow(c, link, &d->flows[d->flow_count]);
    c->sound.flows[d->flow_count++] = c->problems->error_count == errors;
}

static void take_saga(struct config *c, const struct config_link *link)
{
    struct belay_definitions *d = &c->set->d;
    uint32_t errors = c->problems->error_count;
    config_saga(c, link, &d->sagas[d->saga_count]);
    c->sound.sagas[d->saga_count++] = c->problems->error_count == errors;
}

static void take_topic(struct config *c, const struct config_link *link, bool queue)
{
    struct belay_definitions *d = &c->set->d;
    uint32_t errors = c->problems->error_count;
    config_topic(c, link, queue, &d->topics[d->topic_count++]);
    c->sound.topics &= c->problems->error_count == errors;
}

static void take_member(struct merge *m, enum part part, const struct config_link *link)
{
    struct config *c = m->c;
    struct belay_definitions *d = &c->set->d;
    switch (part) {
    case POLICIES: config_policy(c, link, &d->policies[d->policy_count++]); break;
    case ENV: config_env(c, link, m->data); break;
    case TABLES: config_table(c, link, m->data); break;
    case CONNECTIONS: config_connection(c, link, &d->connections[d->connection_count++]); break;
    case TOPICS:
    case QUEUES: take_topic(c, link, part == QUEUES); break;
    case APIS: config_api(c, link, &d->apis[d->api_count++]); break;
    case FLOWS: take_flow(c, link); break;
    case SAGAS: take_saga(c, link); break;
    case PARTS: break;
    }
}

static void take_part(struct merge *m, enum part part)
{
    for (uint32_t i = 0; i < m->count && !m->c->status; i++) {
        const struct config_node *node = part_of(&m->files[i], part);
        if (node && node->kind != CONFIG_MAP && !config_is_null(node))
            config_error(m->c->problems, config_place(node), "type",
                         "a mapping of names is wanted here, not %s", config_kind_text(node));
        if (!config_count(node))
            continue;
        for (const struct config_link *link = node->first; link && !m->c->status; link = link->next)
            if (is_new(m, part, link->key))
                take_member(m, part, link);
    }
}

static bool make_room(struct merge *m)
{
    struct config *c = m->c;
    struct belay_definitions *d = &c->set->d;
    d->policies = CONFIG_ARRAY(c, struct belay_policy_def, part_count(m, POLICIES));
    d->expr_data = m->data = belay_expr_data_new(c->arena);
    if (!m->data)
        config_no_memory(c);
    d->connections = CONFIG_ARRAY(c, struct belay_connection_def, part_count(m, CONNECTIONS));
    d->topics
        = CONFIG_ARRAY(c, struct belay_topic_def, part_count(m, TOPICS) + part_count(m, QUEUES));
    d->apis = CONFIG_ARRAY(c, struct belay_api_def, part_count(m, APIS));
    d->flows = CONFIG_ARRAY(c, struct belay_flow_def, part_count(m, FLOWS));
    c->sound.flows = config_scratch(c, (part_count(m, FLOWS) + 1) * sizeof *c->sound.flows);
    c->sound.sagas = config_scratch(c, (part_count(m, SAGAS) + 1) * sizeof *c->sound.sagas);
    c->sound.topics = true;
    d->sagas = CONFIG_ARRAY(c, struct belay_saga_def, part_count(m, SAGAS));
    return !c->status;
}

static void check_counts(struct merge *m, const struct config_tree *trees)
{
    uint32_t topics = part_count(m, TOPICS) + part_count(m, QUEUES);
    if (topics > BELAY_TOPICS_MAX)
        config_error(m->c->problems, (struct belay_place){ trees->root->file->path, 0, 0 }, "limit",
                     "%u topics and queues: at most %d", topics, BELAY_TOPICS_MAX);
}

/* An application has one name, whichever of its files says it. */
static void take_name(struct merge *m, const struct config_tree *trees)
{
    struct belay_str *name = &m->c->set->d.name;
    const struct config_tree *tree = trees;
    for (uint32_t i = 0; i < m->count; i++, tree = tree->next) {
        if (!m->files[i].name.n)
            continue;
        if (name->n && !belay_str_eq(*name, m->files[i].name))
            config_error(m->c->problems, config_place(config_get(tree->root, "name")),
                         "duplicate-name", "another file calls the application '%.*s'",
                         BELAY_STR_ARG(*name));
        *name = m->files[i].name;
    }
    if (!name->n && config_count(trees ? trees->root : NULL) && !m->c->incomplete)
        config_error(m->c->problems, config_place(trees->root), "missing-key",
                     "the application needs a 'name'");
}

/* What holds for the whole application: one of its files says it. False: another one did. */
static bool is_only(struct merge *m, const struct config_tree *tree, const char *key, bool said)
{
    if (said)
        config_error(m->c->problems, config_place(config_get(tree->root, key)), "duplicate-name",
                     "another file has '%s' already", key);
    return !said;
}

static void take_defaults(struct merge *m, const struct config_tree *trees)
{
    struct belay_definitions *d = &m->c->set->d;
    const struct config_tree *tree = trees;
    for (uint32_t i = 0; i < m->count; i++, tree = tree->next) {
        const struct file_raw *f = &m->files[i];
        if (f->crash_after && is_only(m, tree, "crash_loop", d->crash_after))
            d->crash_after = f->crash_after;
        if (f->remotes.n && is_only(m, tree, "remotes", m->c->library != NULL))
            config_remotes(m->c, f->remotes, config_place(config_get(tree->root, "remotes")));
        if (f->poison.same_payload && is_only(m, tree, "poison", d->poison.same_payload))
            d->poison = f->poison;
    }
}

/* What the alerts of all files need comes as one more file. */
static void take_alerts(struct merge *m, struct file_raw *to)
{
    struct config_alerts_made made = { 0 };
    const struct config_node **nodes = config_scratch(m->c, (m->count + 1) * sizeof *nodes);
    if (!nodes)
        return;
    for (uint32_t i = 0; i < m->count; i++)
        nodes[i] = m->files[i].alerts;
    uint32_t errors = m->c->problems->error_count;
    config_alerts(m->c, nodes, m->count, &made);
    m->c->sound.alerts = m->c->problems->error_count == errors;
    *to = (struct file_raw){ .connections = made.connections, .queues = made.queues, .flows = made.flows };
    m->count++;
}

static void take_admin(struct merge *m)
{
    const struct config_node **nodes = config_scratch(m->c, (m->count + 1) * sizeof *nodes);
    for (uint32_t i = 0; nodes && i < m->count; i++)
        nodes[i] = m->files[i].admin;
    if (nodes)
        config_admin(m->c, nodes, m->count);
}

static void merge(struct merge *m, const struct config_tree *trees)
{
    for (const struct config_tree *tree = trees; tree; tree = tree->next)
        m->count++;
    m->files = config_scratch(m->c, (m->count + 1) * sizeof *m->files);
    if (!m->files)
        return;
    struct file_raw *to = m->files;
    for (const struct config_tree *tree = trees; tree; tree = tree->next)
        config_parse(m->c, &config_kind_file, tree->root, to++);
    for (uint32_t i = 0; i < m->count; i++)
        config_redact_read(m->c, m->files[i].redact);
    take_name(m, trees);
    take_defaults(m, trees);
    take_admin(m);
    take_alerts(m, to);
    if (trees)
        check_counts(m, trees);
    if (m->c->status || !make_room(m))
        return;
    for (enum part part = POLICIES; part < PARTS; part++)
        take_part(m, part);
    config_redact_end(m->c);
}

static void load_files(struct config *c)
{
    struct merge m = { .c = c };
    for (enum part part = POLICIES; part < PARTS; part++)
        belay_map_init(&m.names[part]);
    struct config_tree *trees = config_read_all(c);
    if (!c->status)
        merge(&m, trees);
    for (enum part part = POLICIES; part < PARTS; part++)
        belay_map_deinit(&m.names[part]);
}

/* ---- the outcome of a load ---- */

int config_finish(struct config *c, struct belay_definitions **ret_definitions,
                  struct belay_err *err)
{
    int status = c->status;
    if (status)
        status = belay_fail(err, BELAY_NOMEM, "configuration: out of memory");
    else if (c->problems->error_count)
        status = belay_fail(err, BELAY_INVALID, "the configuration has %u mistake%s",
                            c->problems->error_count, c->problems->error_count == 1 ? "" : "s");
    config_problems_sort(c->problems);
    if (status)
        belay_definitions_unref(&c->set->d);
    else
        *ret_definitions = &c->set->d;
    belay_library_free(c->library);
    belay_arena_deinit(&c->scratch);
    return status;
}

int config_begin(struct config *c, const struct belay_config_opt *opt,
                 struct belay_problems *problems, struct belay_err *err)
{
    *c = (struct config){ .opt = opt, .problems = problems, .set = config_set_new() };
    if (!c->set)
        return belay_fail(err, BELAY_NOMEM, "configuration: out of memory");
    c->arena = &c->set->d.arena;
    c->scope = &c->set->d;
    belay_arena_init(&c->scratch, 0, BELAY_CONFIG_BYTES_MAX);
    return BELAY_OK;
}

int belay_config_load(const struct belay_config_opt *opt,
                      struct belay_definitions **ret_definitions, struct belay_problems *problems,
                      struct belay_err *err)
{
    struct config c;
    int status = config_begin(&c, opt, problems, err);
    if (status)
        return status;
    load_files(&c);
    if (!c.status)
        config_check(&c);
    if (!c.status)
        config_vanish(&c);
    if (!c.status && !c.problems->error_count)
        config_lint(&c);
    return config_finish(&c, ret_definitions, err);
}
