#include "config/rules.h"

#include <stddef.h>
#include <string.h>

const struct config_rule config_rules[] = {
    { "file", false, "A file or folder cannot be read, or a folder holds no configuration." },
    { "yaml", false,
      "The file is no YAML 1.2, or holds what a configuration must not: tags, merge keys, "
      "several documents, names that are no strings, control characters." },
    { "json", false, "A JSON file that is named in the configuration is malformed." },
    { "limit", false, "Something is larger, deeper or more than a limit allows." },
    { "duplicate-key", false, "A key is in its mapping twice." },
    { "duplicate-name", false,
      "Two things have one name: topics and queues share their names, and so do "
      "flows and sagas; steps of one flow." },
    { "unknown-key", false, "A key that its mapping does not have." },
    { "missing-key", false, "A key that its mapping needs." },
    { "type", false, "A value of another type than its key has." },
    { "range", false, "A number or duration outside of what is allowed." },
    { "name", false,
      "Not a name: letters, digits, '-', '_' and '.', beginning with a letter or digit." },
    { "one-of", false, "Keys that exclude each other, or none of which is there." },
    { "goes-with", false, "A key that makes sense only beside another one." },
    { "environment", false,
      "A ${} that stands for nothing, or for what must not come from outside." },
    { "expression", false, "An expression that does not compile." },
    { "no-condition", false,
      "A condition that is a text and no expression: it would hold for every message. Expressions stand in {% %}." },
    { "unknown-variable", false,
      "An expression reads a variable that is not known where it stands." },
    { "unknown-env", false, "$env('NAME') of a name that 'env' does not declare." },
    { "unknown-table", false, "$lookupTable('NAME', key) of a name that 'tables' does not declare." },
    { "table", false, "A table for expressions that cannot be used." },
    { "schema", false, "A JSON Schema that does not compile." },
    { "openapi", false, "An OpenAPI document that cannot be served." },
    { "redact", false, "What is to be redacted is no path into a message, or no name of a header." },
    { "security", false, "A secret that is empty, or a security scheme that cannot be checked." },
    { "unknown-topic", false, "A topic that is not defined." },
    { "unknown-queue", false, "A queue that is not defined." },
    { "unknown-policy", false, "A policy that is not defined." },
    { "unknown-connection", false, "A connection that is not defined." },
    { "unknown-api", false, "An API that is not defined." },
    { "unknown-channel", false, "An alert channel that is not defined." },
    { "unknown-operation", false, "An operation that its OpenAPI document does not have." },
    { "not-yet-supported", false, "A word that is reserved for a later version." },
    { "two-readers", false, "Two flows or sagas read one queue." },
    { "duplicate-operation", false, "Two flows answer one operation." },
    { "duplicate-listen", false, "Two APIs listen on one address." },
    { "two-pivots", false, "A saga with two points of no return." },
    { "taken-name", false, "A field of a log line that the line has already." },
    { "reply-without-caller", false, "A reply in a flow that does not come from an API." },
    { "vanishes", false,
      "An error rule, or the else of a filter, without steps: the message would be gone without a trace." },
    { "swallows", false,
      "An error rule with a way on which the message is neither published, nor sent, nor given to a person, nor "
      "discarded with a reason." },
    { "reply-before-durable", false, "A 202 on a way where nothing of the request was kept." },
    { "expires-unseen", false, "A topic of failed messages, or letters, that expire with nobody told." },
    { "stored-definition", false, "A stored definition that this version cannot read." },
    { "token-in-file", true, "A token of the admin API that stands in the configuration itself." },
    { "same-for-all", true,
      "A key or id that is a text and no expression, and so the same for every message." },
    { "braces", true, "{name} or {{ name }} in a text: it stands for nothing and is sent as it is." },
    { "never-fires", true, "An alert rule of an event or a subject that there is not, or one taken off that is not on." },
    { "unreachable", true, "Steps, rules or compensations that are never reached." },
    { "unknown-keyword", true, "A member of a JSON Schema that its dialect does not know: it checks nothing." },
    { "unknown-field", true, "A member of an OpenAPI document that OpenAPI does not know: it says nothing." },
    { "unknown-error", true, "A pattern in `when` that names no error." },
    { "does-nothing", true, "A flow without steps: its messages are read and gone." },
    { "unread", true, "A topic or queue that nothing reads." },
    { "unused-connection", true, "A connection that nothing calls." },
    { "cannot-run", true, "A program that is not there, or cannot be executed: belay run refuses it." },
    { "callers-unknown", true, "A rate limit by caller, and nobody has to prove who he is." },
    { "storm", true, "A connection with neither a retry budget nor a breaker." },
    { "unanswered-operation", true, "An operation of an API that no flow answers." },
    { "missing-reply", true, "A flow from an API that never replies." },
    { "unknown-outcome", true,
      "A call that may not be repeated blindly and has no `resolve`: where no "
      "answer comes, only a person can find out whether it was done." },
    { "publish-without-compensate", true,
      "A message of a saga that nothing undoes once it is handled." },
    { "call-without-compensate", true,
      "A call of a saga, not its last step, that nothing undoes." },
    { "deadline", true, "A step of a saga that may take longer than the saga, or its event longer than the step." },
    { "circle", true, "Flows whose messages come back to them." },
    { 0 },
};

const struct config_rule *config_rule(const char *name)
{
    for (const struct config_rule *r = config_rules; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}
