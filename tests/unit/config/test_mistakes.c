/* Every kind of mistake: a file, and all that is said about it, word for word. */
#include "config/config.h"

#include <stdio.h>

#include "unit/config/files.h"

struct mistake {
    const char *what; /* the test's name */
    const char *yaml;
    const char *said; /* without the file's name */
};

#define HEAD "belay: 1\nname: a\n"                          /* lines 1, 2 */
#define TOPIC HEAD "topics: { t: {} }\n"                    /* 3 */
#define FLOW TOPIC "flows:\n  f:\n    from: { topic: t }\n" /* 4 to 6 */
#define STEP FLOW "    steps:\n      - "                    /* 7, 8: column 9 */
#define HTTP                                                                                       \
    HEAD "connections:\n  c: { http: { base_url: http://h } }\ntopics: { t: {} }\n" /* 3 to 5 */
#define CALLS                                                                                      \
    HTTP "flows:\n  f:\n    from: { topic: t }\n    steps:\n      - " /* 6 to 10: column 9 */
#define SAGA                                                                                       \
    HTTP "sagas:\n  s:\n    from: { topic: t }\n    id: \"{% id %}\"\n    steps:\n      - " /* to  \
                                                                                               11  \
                                                                                             */

static const struct mistake yaml_mistakes[] = {
    { "an empty file", "", "1:1: error: a file needs 'belay'; write 'belay: 1' [missing-key]\n" },
    { "a file of comments", "# nothing\n", "1:1: error: a file needs 'belay'; write 'belay: 1' [missing-key]\n" },
    { "a binary file", "belay: 1\nname: \x01\x02\n",
      "2:7: error: a control character: this is no text file [yaml]\n" },
    { "bytes that are no UTF-8", "belay: 1\nname: \xff\n",
      "2:7: error: a byte that is no UTF-8 [yaml]\n" },
    { "a block of nothing but indentation", "belay: 1\nname: |\n  ",
      "1:1: error: the application needs a 'name' [missing-key]\n"
      "3:3: error: a name (letters, digits, '-', '_', '.') is wanted here, not '' [name]\n" },
    { "a list instead of a mapping", "- belay: 1\n",
      "1:1: error: a mapping is wanted here, not a list [type]\n" },
    { "a scalar instead of a mapping", "belay\n",
      "1:1: error: a mapping is wanted here, not a string [type]\n" },
    { "a tab", "belay: 1\ntopics:\n\tt: {}\n",
      "3:1: error: tab character may not be used as indentation; line 3 is indented with a tab; "
      "YAML wants spaces [yaml]\n" },
    { "an open bracket", "belay: 1\ntopics: { a: {}\n",
      "3:1: error: missing comma in flow mapping; is a '}' or a comma missing before? [yaml]\n" },
    { "a key without its space", "belay: 1\nname:a\n",
      "2:1: error: invalid value after mapping; a key is followed by a colon and a space: 'name: value' [yaml]\n" },
    { "an open quote", "belay: 1\nname: a\ntopics: { \"t: {} }\nqueues: {}\n",
      "3:11: error: wrongly indented double-quoted scalar; is the closing quote missing? [yaml]\n" },
    { "keys in two columns", HEAD "topics:\n  t: {}\n u: {}\n",
      "5:2: error: invalid indentation in mapping; keys that belong together begin in the same column [yaml]\n" },
    { "two documents", HEAD "---\nbelay: 1\n",
      "3:1: error: one document a file: remove the '---' or split the file [yaml]\n" },
    { "a duplicate key", HEAD "name: b\n",
      "3:1: error: 'name' is here twice; the first is in line 2 [duplicate-key]\n" },
    { "two pivots",
      HEAD "topics: { t: {} }\nsagas:\n  s:\n    from: { topic: t }\n    id: '{% x %}'\n    steps:\n"
           "      - { name: a, pivot: true, await: { topic: t, match: '{% x %}', timeout: 1s } }\n"
           "      - { name: b, pivot: true, await: { topic: t, match: '{% x %}', timeout: 1s } }\n",
      "10:9: error: 'a' is the pivot already: there is one point of no return [two-pivots]\n" },
    { "a duplicate name", HEAD "topics:\n  t: {}\n  u: {}\n  t: {}\n",
      "6:3: error: 't' is here twice; the first is in line 4 [duplicate-key]\n" },
    { "a tag", HEAD "topics: !!map { t: {} }\n",
      "3:9: error: YAML tags are not used here [yaml]\n" },
    { "a merge key", HEAD "topics:\n  <<: { t: {} }\n",
      "4:3: error: YAML 1.2 has no merge key '<<': name an anchor where the whole value goes "
      "(retry: *patient) [yaml]\n" },
    { "a mapping as a name", HEAD "topics:\n  ? { a: b }\n  : {}\n",
      "4:5: error: a name must be a string, not a list or a mapping [yaml]\n" },
    { "an unknown anchor", HEAD "topics: *none\n",
      "3:10: error: there is no anchor '&none' above; a text that begins with '*' needs quotes [yaml]\n" },
    { "an endless alias", HEAD "topics: &a { t: *a }\n",
      "3:18: error: an alias within its own anchor would have no end [yaml]\n" },
};

static const struct mistake key_mistakes[] = {
    { "another version", "belay: 2\nname: a\n", "1:8: error: 'belay' must be at most 1 [range]\n" },
    { "no name", "belay: 1\n", "1:1: error: the application needs a 'name' [missing-key]\n" },
    { "a mistyped key", HEAD "topcis: {}\n",
      "3:1: error: a file has no key 'topcis'; did you mean 'topics'? [unknown-key]\n" },
    { "a key like no other", HEAD "frobnicate: {}\n",
      "3:1: error: a file has no key 'frobnicate' [unknown-key]\n" },
    { "a policy that is not there", HEAD "policies: { careful: {} }\n"
      "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    retry: carefull\n",
      "8:12: error: there is no policy 'carefull'; did you mean 'careful'? [unknown-policy]\n" },
    { "a policy where there is none", FLOW "    retry: { policy: careful }\n",
      "7:22: error: there is no policy 'careful'; add it: policies: { careful: { max_attempts: 8 } } "
      "[unknown-policy]\n" },
    { "a rule for no error", HEAD "policies: { p: { rules: [ { max_attempts: 2 } ] } }\n",
      "3:27: error: a retry-rule needs 'when' [missing-key]\n" },
    { "a rule whose longest delay is too short",
      HEAD "policies: { p: { initial: 2s, rules: [ { when: HTTP, max: 1s } ] } }\n",
      "3:59: error: 'max' must not be shorter than 'initial' [range]\n" },
    { "a mistyped key deep inside", FLOW "    retry: { max_atempts: 3 }\n",
      "7:14: error: a retry has no key 'max_atempts'; did you mean 'max_attempts'? "
      "[unknown-key]\n" },
    { "a missing key", HEAD "flows:\n  f: { steps: [] }\n",
      "4:6: error: a flow needs 'from' [missing-key]\n" },
    { "a word for later", HEAD "tests: {}\n",
      "3:1: error: 'tests' is not yet supported [not-yet-supported]\n" },
    { "a binding", HEAD "bindings: { orders: { kafka: {} } }\n",
      "3:11: error: 'bindings' is not yet supported: it may only be empty [not-yet-supported]\n" },
    { "a log's field that a line of the log has", STEP "log: { message: x, fields: { event: y, mine: z } }\n",
      "8:14: error: a line of the log has a 'event' of its own: call the field otherwise [taken-name]\n" },
    { "a step for later", STEP "wait: 5m\n",
      "8:9: error: 'wait' is not yet supported [not-yet-supported]\n"
      "8:9: error: a step needs one of: validate, map, filter, choose, set, publish, call, log, "
      "reply, "
      "dead_letter, discard [one-of]\n" },
    { "a list of names", HEAD "topics: [ t ]\n",
      "3:9: error: a mapping of names is wanted here, not a list [type]\n" },
    { "a bad name", HEAD "topics:\n  my topic: {}\n",
      "4:3: error: 'my topic' is no name for a topic: letters, digits, '-', '_' and '.', at most "
      "200 [name]\n" },
    { "a topic and a queue of one name", HEAD "topics:\n  t: {}\nqueues:\n  t: {}\n",
      "6:3: error: 't' is defined twice; the first is in belay.yaml:4:3 [duplicate-name]\n" },
};

static const struct mistake value_mistakes[] = {
    { "text for a whole number", FLOW "    retry: { max_attempts: many }\n",
      "7:28: error: a whole number is wanted here, not 'many' [type]\n" },
    { "a number too small", FLOW "    retry: { max_attempts: 0 }\n",
      "7:28: error: 'max_attempts' must be at least 1 [range]\n" },
    { "a duration without a unit", FLOW "    timeout: 30\n",
      "7:14: error: a duration is wanted here, not '30'; write 200ms, 2s, 5m, 1h or 7d [type]\n" },
    { "a size of no kind", HEAD "topics: { t: { retain_bytes: 5 parsec } }\n",
      "3:30: error: a size is wanted here, not '5 parsec'; write 64KiB, 1MiB or a number of bytes "
      "[type]\n" },
    { "a boolean of YAML 1.1", FLOW "    retry: { respect_retry_after: yes }\n",
      "7:35: error: true or false is wanted here, not 'yes'; write true (YAML 1.2 knows only true "
      "and false) "
      "[type]\n" },
    { "a mistyped word", FLOW "    lanes: { on_exhausted: park }\n",
      "7:28: error: 'on_exhausted' is park_key, skip or stop, not 'park' [type]\n" },
    { "a mistyped word with a near one", FLOW "    retry: { jitter: equall }\n",
      "7:22: error: 'jitter' is full, equal, decorrelated or none, not 'equall'; did you mean "
      "'equal'? [type]\n" },
    { "max below initial", FLOW "    retry: { initial: 5s, max: 1s }\n",
      "7:32: error: 'max' must not be shorter than 'initial' [range]\n" },
    { "a mapping for a string", HEAD "flows:\n  f: { from: { topic: { t: x } } }\n",
      "4:23: error: a string is wanted here, not a mapping [type]\n" },
    { "nothing for a string", HEAD "flows:\n  f: { from: { topic: } }\n",
      "4:16: error: a string is wanted here, not nothing [type]\n" },
    { "a variable that is taken", CALLS "call: { connection: c, path: / }\n        as: headers\n",
      "11:13: error: the name of a variable (letters, digits, '_'; not one that is taken) is "
      "wanted here, not "
      "'headers'; message, headers, params, request, vars, error, steps and saga are taken [name]\n" },
    { "an unset variable", HEAD "topics: { t: { retain: \"${NOPE}\" } }\n",
      "3:25: error: the environment has no variable 'NOPE'; set it, or give it a default: ${NOPE:value} [environment]\n" },
    { "a malformed variable", HEAD "topics: { t: { retain: \"a ${no way}\" } }\n",
      "3:27: error: not ${NAME}, ${NAME:default} or ${file:/path}: 'no way' [environment]\n" },
    { "an open variable", HEAD "topics: { t: { retain: \"${NOPE\" } }\n",
      "3:25: error: '${' without its '}' in '${NOPE' [environment]\n" },
    { "an unreadable secret",
      HEAD "connections:\n  c: { http: { base_url: http://h, bearer: \"${file:/no/x}\" } }\n",
      "4:45: error: the secret cannot be read: /no/x: no such file [environment]\n" },
    { "a program from the environment", STEP "log: \"${EVIL}\"\n",
      "8:15: error: '{%' may not come from the environment: 'EVIL' [environment]\n" },
    { "a secret of the wrong type is not shown", FLOW "    timeout: \"${SECRET}\"\n",
      "7:14: error: a duration is wanted here, not '${SECRET}'; write 200ms, 2s, 5m, 1h or 7d "
      "[type]\n" },
};

static const struct mistake reference_mistakes[] = {
    { "an unknown topic", HEAD "topics: { orders: {} }\nflows: { f: { from: { topic: order } } }\n",
      "4:30: error: there is no topic 'order'; did you mean 'orders'? [unknown-topic]\n" },
    { "a topic that is nowhere", STEP "publish: { topic: nowhere }\n",
      "8:27: error: there is no topic 'nowhere'; add it: topics: { nowhere: {} } "
      "[unknown-topic]\n" },
    { "a topic read as a queue", STEP "publish: { queue: t }\n",
      "8:27: error: there is no queue 't'; 't' is a topic: write topic: t [unknown-queue]\n" },
    { "an unknown connection", CALLS "call: { connection: d, path: / }\n",
      "10:29: error: there is no connection 'd' [unknown-connection]\n" },
    { "a mistyped connection",
      HEAD "connections:\n  warehouse: { http: { base_url: http://h } }\ntopics: { t: {} "
           "}\nflows:\n  f:\n"
           "    from: { topic: t }\n    steps:\n      - call: { connection: warehous, path: / }\n",
      "10:29: error: there is no connection 'warehous'; did you mean 'warehouse'? "
      "[unknown-connection]\n" },
    { "an unknown api", HEAD "flows: { f: { from: { api: a, operation: o } } }\n",
      "3:28: error: there is no api 'a' [unknown-api]\n" },
    { "an unknown connector", HEAD "connections:\n  c: { htp: { base_url: http://h } }\n",
      "4:6: error: a connection needs a connector with its options; for example http: { base_url: "
      "\"https://example.com\" } [one-of]\n"
      "4:8: error: a connection has no key 'htp'; did you mean 'http'? [unknown-key]\n" },
    { "a mistyped option", HEAD "connections:\n  c: { http: { base_ur: http://h } }\n",
      "4:14: error: http needs 'base_url' [missing-key]\n"
      "4:16: error: http has no option 'base_ur'; did you mean 'base_url'? [unknown-key]\n" },
    { "an option of the wrong type",
      HEAD "connections:\n  c: { http: { base_url: http://h, connect_timeout: soon } }\n",
      "4:53: error: 'connect_timeout' is a duration, not 'soon' [type]\n" },
    { "a mistyped parameter beside a mistyped connection", CALLS "call: { connection: d, metod: POST, path: / }\n",
      "10:29: error: there is no connection 'd' [unknown-connection]\n"
      "10:32: error: a call has no key 'metod'; did you mean 'method'? [unknown-key]\n" },
    { "a mistyped method", CALLS "call: { connection: c, method: POTS, path: / }\n",
      "10:40: error: 'method' is no method: 'POTS'; did you mean 'POST'? [type]\n" },
    { "a method in small letters", CALLS "call: { connection: c, method: patch, path: / }\n",
      "10:40: error: 'method' is no method: 'patch'; did you mean 'PATCH'? [type]\n" },
    { "a method that can be none", CALLS "call: { connection: c, method: 'A B', path: / }\n",
      "10:40: error: 'method' is no method: 'A B' [type]\n" },
    { "a path without a slash", CALLS "call: { connection: c, path: 'orders/{% id %}' }\n",
      "10:38: error: 'path' must begin with /: 'orders/{% id %}'; did you mean '/orders/{% id %}'? [type]\n" },
    { "a path that climbs", CALLS "call: { connection: c, path: /a/../b }\n",
      "10:38: error: 'path' must not have . or .. as a segment: '/a/../b' [type]\n" },
    { "a path that is not encoded", CALLS "call: { connection: c, path: '/a b/{% id %}' }\n",
      "10:38: error: 'path' must be percent-encoded: '/a b/{% id %}' [type]\n" },
    { "a header that can be none", CALLS "call: { connection: c, path: /, headers: { 'a b': x } }\n",
      "10:52: error: 'headers' is no name of a header: 'a b' [type]\n" },
    { "a base URL of another scheme", HEAD "connections:\n  c: { http: { base_url: 'ftp://h', headers: { 'a:': b } } }\n",
      "4:26: error: 'base_url' must begin with http:// or https://: 'ftp://h' [type]\n"
      "4:48: error: 'headers' is no name of a header: 'a:' [type]\n" },
    { "a function that is not there", STEP "map: \"{% $summ(a) %}\"\n",
      "8:18: error: no function '$summ' is known here; did you mean '$sum'? [unknown-variable]\n" },
    { "a call without its path", CALLS "call: { connection: c }\n",
      "10:15: error: a call of http needs 'path' [missing-key]\n" },
    { "a mistyped parameter", CALLS "call: { connection: c, pth: /, path: / }\n",
      "10:32: error: a call has no key 'pth'; did you mean 'path'? [unknown-key]\n" },
    { "two readers of a queue",
      HEAD "queues: { q: {} }\nflows:\n  f: { from: { queue: q } }\n  g: { from: { queue: q } }\n",
      "6:3: error: a queue has one reader; another one reads 'q'; the first is in belay.yaml:5:3 "
      "[two-readers]\n" },
    { "a reply that nobody waits for", STEP "reply: {}\n",
      "8:9: error: nobody waits for a reply: the flow does not come from an api "
      "[reply-without-caller]\n" },
};

static const struct mistake step_mistakes[] = {
    { "two verbs", STEP "log: x\n        map: y\n",
      "9:9: error: 'log' and 'map' exclude each other [one-of]\n" },
    { "no verb", STEP "as: x\n",
      "8:9: error: a step needs one of: validate, map, filter, choose, set, publish, call, log, "
      "reply, "
      "dead_letter, discard [one-of]\n" },
    { "a step that is text", STEP "publish\n",
      "8:9: error: a mapping is wanted here, not a string [type]\n" },
    { "steps that are no list", FLOW "    steps: { log: x }\n",
      "7:12: error: a list of steps is wanted here, not a mapping; begin each of them with '- ' "
      "[type]\n" },
    { "equality of another language", STEP "map: \"{% a == 'b' %}\"\n",
      "8:21: error: this cannot begin a value: = (S0211); equality is one '=' [expression]\n" },
    { "a step's key in its call", CALLS "call: { connection: c, path: /, retry: {} }\n",
      "10:41: error: a call has no key 'retry'; it stands in the step, beside 'call' [unknown-key]\n" },
    { "a call's key in its step", CALLS "call: { connection: c, path: / }\n        timeout: 3s\n",
      "11:9: error: a step has no key 'timeout'; a call's stands inside: call: { timeout: 2s, ... }; that of all steps in the "
      "flow [unknown-key]\n" },
    { "an expression without quotes", STEP "map: {% id %}\n",
      "8:15: error: plain scalar cannot start with '%'; an expression stands in quotes: \"{% ... %}\" [yaml]\n" },
    { "a condition without its {% %}", STEP "choose: [ { when: \"text = 'refuse me'\", steps: [ { log: x } ] } ]\n",
      "8:27: error: 'when' is no expression: it is the same for every message; an expression is meant? write \"{% text = "
      "'refuse me' %}\" [no-condition]\n" },
    { "conditions of filters without it", STEP "filter: { when: minutes > 3, reason: r }\n      - filter: { when: a & \"b\", "
      "reason: r }\n",
      "8:25: error: 'when' is no expression: it is the same for every message; an expression is meant? write \"{% minutes > 3 "
      "%}\" [no-condition]\n"
      "9:25: error: 'when' is no expression: it is the same for every message; an expression is meant? put it in {% %} "
      "[no-condition]\n" },
    { "a condition that is a number", STEP "filter: { when: 1, reason: r }\n",
      "8:25: error: 'when' is no expression: it is the same for every message; an expression is meant? write \"{% 1 %}\" "
      "[no-condition]\n" },
    { "a condition in quotes", STEP "filter: { when: 'false', reason: r }\n",
      "8:25: error: 'when' is a text here, and no false; write false without quotes [no-condition]\n" },
    { "a condition of the environment", STEP "filter: { when: '${NOT_SET:false}', reason: r }\n",
      "8:25: error: 'when' is a text here, and no false; declare the variable under 'env' and write {% $env('NAME') = "
      "'false' %} [no-condition]\n" },
    { "text beside a condition", STEP "filter: { when: '{% a %} > 3', reason: r }\n",
      "8:25: error: 'when' has text beside its expression: that makes a text of it, and no condition; put all of it in {% "
      "%} [no-condition]\n" },
    { "a condition with its line break", STEP "filter:\n          reason: r\n          when: |\n            {% a %}\n",
      "11:13: error: 'when' has text beside its expression: that makes a text of it, and no condition; end the block with a "
      "'-' (|-, >-): its line break is text, too [no-condition]\n" },
    { "a filter without a reason", STEP "filter: \"{% x %}\"\n",
      "8:17: error: a filter needs one of: reason, discard, else [one-of]\n" },
    { "resolve without a call", STEP "log: x\n        resolve: { connection: c, path: / }\n",
      "9:9: error: 'resolve' goes with 'call' [goes-with]\n" },
    { "two steps of one name",
      STEP "log: x\n        name: say\n      - log: y\n        name: say\n",
      "10:9: error: two steps are called 'say'; the first is in line 8; give this one another name "
      "[duplicate-name]\n" },
    { "otherwise before the end",
      STEP "choose: [ { otherwise: [] }, { when: \"{% a %}\", steps: [] } ]\n",
      "8:19: error: 'otherwise' is the last branch: those after it are never taken "
      "[unreachable]\n" },
    { "a status that is none",
      HEAD "topics: { t: {} }\nflows: { f: { from: { topic: t }, reply: { status: 99 } } }\n",
      "4:42: error: nobody waits for a reply: the flow does not come from an api "
      "[reply-without-caller]\n"
      "4:52: error: an HTTP status from 200 to 599 is wanted here, not '99' [type]\n" },
    { "an object written in YAML", STEP "map: { id: 1 }\n",
      "8:14: error: a string or an expression is wanted here, not a mapping; an object is made by "
      "an "
      "expression: \"{% { 'name': value } %}\" [type]\n" },
    { "a delay that is none", STEP "publish: { topic: t, delay: soon }\n",
      "8:37: error: a duration is wanted here, not 'soon' [type]\n" },
    { "an empty source", HEAD "flows: { f: { from: {} } }\n",
      "3:21: error: a source needs one of: api, topic, queue, timer [one-of]\n" },
    { "a start of a queue",
      HEAD "queues: { q: {} }\nflows: { f: { from: { queue: q, start: latest } } }\n",
      "4:33: error: 'start' goes with 'topic' [goes-with]\n" },
    { "a start that is none",
      HEAD "topics: { t: {} }\nflows: { f: { from: { topic: t, start: yesterday } } }\n",
      "4:40: error: 'start' is earliest, latest or a time such as 2026-07-01T12:00:00Z, not "
      "'yesterday' [type]\n" },
};

static const char orders_api[]
    = "openapi: 3.1.0\npaths:\n  /o:\n    post: { operationId: placeOrder }\n";
#define API HEAD "apis: { w: { listen: ':80', openapi: api.yaml } }\n" /* line 3 */

static const struct mistake api_mistakes[] = {
    { "an address without a port", HEAD "apis: { w: { listen: localhost, openapi: api.yaml } }\n",
      "3:22: error: 'listen' is an address and a port, not 'localhost'; for example 127.0.0.1:7000 "
      "[type]\n" },
    { "a layer that is none",
      HEAD "apis: { w: { listen: ':80', openapi: api.yaml, layer: proces } }\n",
      "3:55: error: 'layer' is system, process or experience, not 'proces'; did you mean "
      "'process'? [type]\n" },
    { "a document that is not there", HEAD "apis: { w: { listen: ':80', openapi: none.yaml } }\n",
      "3:38: error: the file cannot be read: none.yaml: no such file [file]\n" },
    { "a mistyped operation",
      API "flows: { f: { from: { api: w, operation: placeOrdr }, reply: {} } }\n",
      "4:42: error: api.yaml has no operation 'placeOrdr'; did you mean 'placeOrder'? "
      "[unknown-operation]\n" },
    { "an api without its operation", API "flows: { f: { from: { api: w }, reply: {} } }\n",
      "4:21: error: 'api' needs 'operation' beside it [missing-key]\n" },
    { "a mistyped api",
      HEAD "apis: { store: { listen: ':80', openapi: api.yaml } }\n"
           "flows: { f: { from: { api: stor, operation: placeOrder }, reply: {} } }\n",
      "4:28: error: there is no api 'stor'; did you mean 'store'? [unknown-api]\n" },
    { "one address twice",
      HEAD "apis:\n  v: { listen: ':80', openapi: api.yaml }\n"
           "  w: { listen: ':80', openapi: api.yaml }\n",
      "5:3: error: another api listens on the address of 'w'; the first is in belay.yaml:4:3 "
      "[duplicate-listen]\n" },
#define LIMITED(limits) HEAD "apis: { w: { listen: ':80', openapi: api.yaml, rate_limit: " limits " } }\n"
    { "a rate limit without a rate", LIMITED("{ a: { burst: 3 } }"),
      "3:65: error: a rate-limit needs 'per_second' [missing-key]\n" },
    { "a rate limit of an operation that is not there", LIMITED("{ a: { per_second: 3, operations: [ placeOrder, placOrder ] } }"),
      "3:108: error: api.yaml has no operation 'placOrder'; did you mean 'placeOrder'? [unknown-operation]\n" },
    { "a rate limit of no operation at all", LIMITED("{ a: { per_second: 3, operations: [] } }"),
      "3:94: error: no operation is named: leave 'operations' out for all of them [type]\n" },
    { "a rate limit by somebody else", LIMITED("{ a: { per_second: 3, by: calle } }"),
      "3:86: error: 'by' is all, caller or address, not 'calle'; did you mean 'caller'? [type]\n" },
    { "a rate limit of nothing", LIMITED("{ a: 0 }"), "3:65: error: 'per_second' must be at least 0.0001 [range]\n" },
    { "a burst that comes back after centuries", LIMITED("{ a: { per_second: 0.0001, burst: 1000000 } }"),
      "3:65: error: a burst of 1000000 at 0.0001 a second is back after more than a year: a smaller burst, or more a second "
      "[range]\n" },
    { "a burst of calls that comes back after centuries",
      HEAD "connections: { c: { http: { base_url: 'http://c' }, rate: { per_second: 0.001, burst: 1000000 } } }\n",
      "3:59: error: a burst of 1000000 at 0.001 a second is back after more than a year: a smaller burst, or more a second "
      "[range]\n" },
    { "a rate limit with a name that is none", LIMITED("{ 'a b': 5 }"),
      "3:62: error: 'a b' is no name for a rate limit: letters, digits, '-', '_' and '.', at most 200 [name]\n" },
    { "one operation twice",
      API "flows:\n  f: { from: { api: w, operation: placeOrder }, reply: {} }\n"
          "  g: { from: { api: w, operation: placeOrder }, reply: {} }\n",
      "6:3: error: another flow answers the operation 'placeOrder'; the first is in belay.yaml:5:3 "
      "[duplicate-operation]\n" },
};

static const struct mistake more_mistakes[] = {
    { "an error that would vanish", FLOW "    on_error: [ { when: '*', steps: [] } ]\n",
      "7:37: error: a message whose error is taken here would just vanish; end with dead_letter, "
      "publish "
      "what happened, or say why: discard: { reason: ... } [vanishes]\n" },
    { "a NUL in a string", STEP "log: \"a\\0b\"\n",
      "8:14: error: a string must not hold the character NUL [yaml]\n" },
    { "a number that is none", FLOW "    retry: { multiplier: two }\n",
      "7:26: error: a number is wanted here, not 'two' [type]\n" },
    { "a number out of range", FLOW "    retry: { multiplier: 0.5 }\n",
      "7:26: error: 'multiplier' must be at least 1 [range]\n" },
    { "a duration too long", FLOW "    timeout: 60d\n",
      "7:14: error: 'timeout' must be at most 4294967295ms [range]\n" },
    { "a step's bad name", STEP "log: x\n        name: a b\n",
      "9:15: error: a name (letters, digits, '-', '_', '.') is wanted here, not 'a b' [name]\n" },
    { "headers that are a list", CALLS "call: { connection: c, path: /, headers: [ a ] }\n",
      "10:50: error: a mapping is wanted here, not a list [type]\n" },
    { "a header without a name", CALLS "call: { connection: c, path: /, headers: { '': a } }\n",
      "10:52: error: a name is missing [name]\n" },
    { "fields of a connector that are a list",
      HEAD "connections:\n  c: { http: { base_url: http://h, headers: [] } }\n",
      "4:45: error: a mapping of strings is wanted here, not a list [type]\n" },
    { "a connector without its mapping", HEAD "connections:\n  c: { http: http://h }\n",
      "4:14: error: a mapping is wanted here, not a string [type]\n" },
    { "a schema file that is not there", STEP "validate: { schema: none.json }\n",
      "8:29: error: the file cannot be read: none.json: no such file [file]\n" },
};

static const struct mistake variable_mistakes[] = {
    { "a mistyped result",
      CALLS "call: { connection: c, path: / }\n        as: shipment\n"
            "      - map: \"{% $shipmnt.body %}\"\n",
      "12:18: error: no variable '$shipmnt' is known here; did you mean '$shipment'? "
      "[unknown-variable]\n" },
    { "a result before its step",
      CALLS "map: \"{% $late %}\"\n"
            "      - call: { connection: c, path: / }\n        as: late\n",
      "10:18: error: no variable '$late' is known here; a step's result has the name that its 'as' "
      "says, a variable "
      "made by 'set' is $vars.late [unknown-variable]\n" },
    { "a result in a lane's key", FLOW "    lanes: { key: \"{% $vars.a %}\" }\n",
      "7:23: error: no variable '$vars' is known here; only the body, $message and $headers are "
      "[unknown-variable]\n" },
    { "a saga's step without $steps",
      SAGA "name: x\n        publish: { topic: t, key: \"{% $charge.id %}\" }\n",
      "12:39: error: no variable '$charge' is known here; a step's result is $steps.charge "
      "[unknown-variable]\n" },
    { "a name of the environment that is not declared",
      HEAD "env: { REGION: eu }\ntopics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
           "      - map: \"{% $env('REGIN') %}\"\n",
      "9:23: error: no variable of the environment 'REGIN' is declared; did you mean 'REGION'? [unknown-env]\n" },
    { "a table that is not declared", STEP "map: \"a {% b & $lookupTable('vat', c) %}\"\n",
      "8:37: error: no table 'vat' is declared; declare it under 'tables' [unknown-table]\n" },
    { "a table that cannot be read is declared all the same",
      HEAD "tables: { vat: none.csv }\ntopics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
           "      - map: \"{% $lookupTable('vat', c) %}\"\n",
      "3:16: error: the table cannot be used: none.csv: no such file [table]\n" },
    { "a function that is none", STEP "map: \"{% $lenght(a) %}\"\n",
      "8:18: error: no function '$lenght' is known here; did you mean '$length'? "
      "[unknown-variable]\n" },
};

static const struct mistake saga_mistakes[] = {
    { "conditions of a saga without their {% %}",
      SAGA "name: a\n        when: total > 3\n        await: { topic: t, match: '{% id %}', timeout: 1s, fail_when: no }\n",
      "12:15: error: 'when' is no expression: it is the same for every message; an expression is meant? write \"{% total > 3 "
      "%}\" [no-condition]\n"
      "13:71: error: 'fail_when' is no expression: it is the same for every message; an expression is meant? write \"{% no "
      "%}\" [no-condition]\n" },
    { "a saga from a timer", HEAD "sagas: { s: { from: { timer: 1s }, id: '{% x %}', steps: [] } }\n",
      "3:21: error: a saga starts from a topic or a queue [type]\n" },
    { "a saga step that does nothing", SAGA "name: x\n",
      "11:9: error: a saga-step needs one of: call, publish, await [one-of]\n" },
    { "a saga step without a name", SAGA "publish: { topic: t }\n",
      "11:9: error: a saga-step needs 'name' [missing-key]\n" },
    { "a call and a message",
      SAGA "name: x\n        call: { connection: c, path: / }\n        publish: { topic: t }\n",
      "13:9: error: 'call' and 'publish' exclude each other [one-of]\n" },
    { "two saga steps of one name",
      SAGA
      "name: x\n        publish: { topic: t }\n      - name: x\n        publish: { topic: t }\n",
      "13:9: error: two steps are called 'x' [duplicate-name]\n" },
    { "an event without an end", SAGA "name: x\n        await: { topic: t, match: \"{% id %}\" }\n",
      "12:16: error: an await needs 'timeout' [missing-key]\n" },
};

static const struct mistake expression_mistakes[] = {
    { "an expression in a plain scalar", STEP "map: a {% ) %}\n", "8:19: S0211" },
    { "an expression in double quotes", STEP "map: \"{% ) %}\"\n", "8:18: S0211" },
    { "an expression after an escape", STEP "map: \"\\t\\u0041 {% ) %}\"\n", "8:27: S0211" },
    { "an expression in single quotes", STEP "map: 'it''s {% ) %}'\n", "8:24: S0211" },
    { "an expression in a literal block", STEP "map: |\n          {% { 'a':\n             ) } %}\n",
      "10:14: S0211" },
    { "an expression in a folded block", STEP "map: >-\n          {% { 'a':\n          ) } %}\n",
      "10:11: S0211" },
    { "an expression behind the environment", STEP "map: \"${PORT} {% ) %}\"\n", "8:26: S0211" },
    { "an expression after wide characters", STEP "map: \"\xc3\xa9\xe2\x82\xac {% ) %}\"\n",
      "8:21: S0211" },
    { "an open expression", STEP "map: \"{% a\"\n", "8:15: " },
};

/* All that was said, without the file's name. */
static void write_said(const struct mem_config *m, struct belay_buf *out)
{
    for (uint32_t i = 0; i < m->problems.count; i++) {
        struct belay_buf line;
        belay_buf_init(&line, 1 << 16);
        belay_problem_write(&line, &m->problems.items[i]);
        belay_buf_put_str(out, belay_str_sub(belay_buf_view(&line), strlen("belay.yaml:"), line.n));
        belay_buf_deinit(&line);
    }
    belay_buf_put_c(out, '\0');
}

static void check(const struct mistake *m)
{
    const struct mem_file files[]
        = { { "belay.yaml", m->yaml }, { "api.yaml", orders_api }, { "bad.json", "{" }, { 0 } };
    struct mem_config config;
    struct belay_buf said;
    mem_load(&config, files);
    belay_buf_init(&said, 1 << 20);
    write_said(&config, &said);
    if (strcmp(said.p, m->said))
        print_error("%s\n", m->what);
    assert_string_equal(said.p, m->said);
    assert_int_equal(config.status, BELAY_INVALID);
    assert_null(config.d);
    belay_buf_deinit(&said);
    mem_free(&config);
}

#define CHECK_ALL(table)                                                                           \
    (void)state;                                                                                   \
    for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++)                                  \
    check(&(table)[i])

static void what_YAML_must_not_hold_is_refused(void **state)
{
    CHECK_ALL(yaml_mistakes);
}

static void wrong_keys_are_named_with_the_right_one(void **state)
{
    CHECK_ALL(key_mistakes);
}

static void wrong_values_are_named_as_they_were_written(void **state)
{
    CHECK_ALL(value_mistakes);
}

static void what_is_not_there_is_named_with_what_is(void **state)
{
    CHECK_ALL(reference_mistakes);
}

static void wrong_steps_are_explained(void **state)
{
    CHECK_ALL(step_mistakes);
}

static void wrong_apis_are_explained(void **state)
{
    CHECK_ALL(api_mistakes);
}

static void and_so_are_these(void **state)
{
    CHECK_ALL(more_mistakes);
}

static void variables_that_are_not_known_are_named(void **state)
{
    CHECK_ALL(variable_mistakes);
}

static void wrong_sagas_are_explained(void **state)
{
    CHECK_ALL(saga_mistakes);
}

/* What the compiler says is its own: its code and the place are looked at here. */
static void check_expression(const struct mistake *m)
{
    struct mem_config config;
    char said[256];
    unsigned line, column;
    mem_load_text(&config, m->yaml);
    assert_int_equal(config.problems.count, 1);
    const struct belay_problem *p = &config.problems.items[0];
    line = p->place.line;
    column = p->place.column;
    bool code = memmem(p->message.p, p->message.n, "S0211", 5);
    snprintf(said, sizeof said, "%u:%u: %s", line, column, code ? "S0211" : "");
    if (strcmp(said, m->said))
        print_error("%s: %.*s\n", m->what, BELAY_STR_ARG(p->message));
    assert_string_equal(said, m->said);
    assert_string_equal(p->rule, "expression");
    mem_free(&config);
}

static void an_expression_s_mistake_is_where_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expression_mistakes / sizeof expression_mistakes[0]; i++)
        check_expression(&expression_mistakes[i]);
}

static void all_mistakes_of_all_files_are_told_at_once(void **state)
{
    static const struct mem_file files[] = {
        { "a.belay.yaml", "belay: 1\nname: one\ntopics: { t: { retian: 1d }, t: {} }\n" },
        { "b.belay.yaml", "belay: 1\nname: two\ntopics: { t: {} }\nflows: { f: { from: { topic: t "
                          "}, timeout: x } }\n" },
        { 0 },
    };
    static const char expected[]
        = "a.belay.yaml:3:16: error: a topic has no key 'retian'; did you mean 'retain'? "
          "[unknown-key]\n"
          "a.belay.yaml:3:30: error: 't' is here twice; the first is in line 3 [duplicate-key]\n"
          "b.belay.yaml:2:7: error: another file calls the application 'one' [duplicate-name]\n"
          "b.belay.yaml:3:11: error: 't' is defined twice; the first is in a.belay.yaml:3:11 "
          "[duplicate-name]\n"
          "b.belay.yaml:4:44: error: a duration is wanted here, not 'x'; write 200ms, 2s, 5m, 1h "
          "or 7d [type]\n";
    struct mem_config m;
    struct belay_buf text;
    (void)state;
    mem_load(&m, files);
    belay_buf_init(&text, 1 << 20);
    mem_write_problems(&m, &text);
    assert_string_equal(text.p, expected);
    assert_string_equal(m.err.msg, "the configuration has 5 mistakes");
    belay_buf_deinit(&text);
    mem_free(&m);
}

static const struct mem_file shop[] = {
    { "belay.yaml",
      "belay: 1\nname: a\napis: { w: { listen: ':80', openapi: api.json } }\ntopics: { t: {} }\nflows:\n  f:\n"
      "    from: { topic: t }\n    tiemout: 1s\n    steps:\n      - validate: { schema: order.json }\n"
      "  g:\n    from: { topic: t }\n    on_error: [ { when: 'EXPRESSION:D303', steps: [ { log: x } ] } ]\n" },
    { "order.json", "{\"type\": \"objekt\",\n \"properties\": {\n  \"a\": {\"minimum\": \"x\"}, \"b\": 5,\n"
                    "  \"c\": {\"$ref\": \"#/$defs/Adress\", \"maxLenght\": 3}},\n \"$defs\": {\"Address\": true}}" },
    { "api.json", "{\"openapi\": \"3.1.0\", \"paths\": {\n"
                  "\"/a/{id}\": {\"parameters\": [{\"name\": \"id\", \"in\": \"path\", \"schema\": {\"type\": \"strin\"}}],\n"
                  " \"get\": {\"parameters\": [{\"name\": \"q\", \"in\": \"qurey\"}]},\n"
                  " \"put\": {\"paramters\": [], \"security\": [{\"None\": []}],\n"
                  "  \"responses\": {\"2000\": {}, \"200\": {\"$ref\": \"#/components/responses/Ok\"}}}}},\n"
                  "\"components\": {\"responses\": {\"Ok\": {\"contnet\": {}, \"content\": {\"a/b\": {\"schema\":\n"
                  " {\"nullable\": true, \"pattern\": \"(\"}}}}}}}" },
    { 0 },
};

/* Wherever they are: in the configuration, in a schema, in the contract; none hides another. */
static void mistakes_of_all_languages_are_told_at_once(void **state)
{
    static const char expected[]
        = "api.json:2:57: error: there is no type \"strin\"; did you mean \"string\"? [openapi]\n"
          "api.json:3:25: error: in must be path, query, header or cookie [openapi]\n"
          "api.json:4:10: warning: an operation has no 'paramters'; did you mean 'parameters'? [unknown-field]\n"
          "api.json:4:41: error: names no security scheme of the components [openapi]\n"
          "api.json:5:17: warning: 'responses' has statuses (404), classes (4XX) and default; it has no '2000' [unknown-field]\n"
          "api.json:6:37: warning: a response has no 'contnet'; did you mean 'content'? [unknown-field]\n"
          "api.json:6:72: error: the pattern \"(\": missing closing parenthesis [openapi]\n"
          "api.json:7:3: warning: the keyword 'nullable' is not known and checks nothing; it is OpenAPI 3.0's: write "
          "type: [ ..., \"null\" ] [unknown-keyword]\n"
          "belay.yaml:8:5: error: a flow has no key 'tiemout'; did you mean 'timeout'? [unknown-key]\n"
          "belay.yaml:13:25: warning: no error is called 'EXPRESSION:D303'; did you mean 'EXPRESSION:*'? [unknown-error]\n"
          "belay.yaml:13:53: error: the error rule of 'g' ends here, and its message is gone with nobody knowing; end with "
          "dead_letter, publish what happened, or say why: discard: { reason: ... } [swallows]\n"
          "order.json:1:1: error: there is no type \"objekt\"; did you mean \"object\"? [schema]\n"
          "order.json:3:3: error: minimum must be a number [schema]\n"
          "order.json:3:31: error: a schema is an object, true or false, not number [schema]\n"
          "order.json:4:3: error: the reference #/$defs/Adress leads to nothing; did you mean 'Address'? [schema]\n"
          "order.json:4:35: warning: the keyword 'maxLenght' is not known and checks nothing; did you mean 'maxLength'? "
          "[unknown-keyword]\n";
    struct mem_config m;
    struct belay_buf text;
    (void)state;
    mem_load(&m, shop);
    belay_buf_init(&text, 1 << 20);
    mem_write_problems(&m, &text);
    assert_string_equal(text.p, expected);
    belay_buf_deinit(&text);
    mem_free(&m);
}

static void a_reference_that_leads_back_a_thousand_times_ends(void **state)
{
    struct belay_buf yaml;
    struct mem_config m;
    (void)state;
    belay_buf_init(&yaml, 1 << 20);
    belay_buf_printf(&yaml, "openapi: 3.1.0\npaths: { /a: { get: { responses: { '200': { headers: { a: { $ref: '#/components/headers/H' } } } } } } }\n"
                            "components: { headers: { H: { content: { a/b: { encoding: { f: { headers: {\n");
    for (int i = 0; i < 50; i++)
        belay_buf_printf(&yaml, "  h%d: { $ref: '#/components/headers/H' },\n", i);
    belay_buf_printf(&yaml, "  } } } } } } } }\n");
    belay_buf_put_c(&yaml, '\0');
    const struct mem_file files[] = { { "belay.yaml", HEAD "apis: { w: { listen: ':80', openapi: api.yaml } }\n" },
                                      { "api.yaml", yaml.p }, { 0 } };
    mem_load(&m, files);
    if (m.status)
        for (uint32_t i = 0; i < m.problems.count; i++)
            print_error("%s\n", m.problems.items[i].message.p);
    assert_ok(m.status);
    mem_free(&m);
    belay_buf_deinit(&yaml);
}

static void documents_that_cannot_be_served_are_refused_at_their_own_place(void **state)
{
    static const struct {
        const char *document, *said;
    } cases[] = {
        { "openapi: 2.0\n", "belay.yaml:3:38: error: the file is no OpenAPI 3 document (it has no "
                            "\"openapi\": \"3.1.0\") [openapi]\n" },
        { "[", "api.yaml:2:1: error: flow sequence without a closing bracket [yaml]\n" },
        { "openapi: 3.1.0\npaths:\n  /a/{id}:\n    get:\n      parameters: [ { name: id, in: path, "
          "required: true, schema: { type: objekt } } ]\n",
          "api.yaml:5:59: error: there is no type \"objekt\"; did you mean \"object\"? [openapi]\n" },
        { "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      requestBody:\n        content:\n"
          "          application/json: { schema: { $ref: '#/nowhere' } }\n",
          "api.yaml:7:31: error: the reference #/nowhere leads to nothing [openapi]\n" },
        { "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters:\n      - { name: a, in: "
          "query }\n"
          "      - { name: id, in: cookie, style: matrix }\n",
          "api.yaml:7:9: error: a style that does not go with its place [openapi]\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct mem_file files[] = {
            { "belay.yaml", HEAD "apis: { w: { listen: ':80', openapi: api.yaml } }\n" },
            { "api.yaml", cases[i].document },
            { 0 },
        };
        struct mem_config m;
        struct belay_buf text;
        mem_load(&m, files);
        belay_buf_init(&text, 1 << 16);
        mem_write_problems(&m, &text);
        assert_string_equal(text.p, cases[i].said);
        belay_buf_deinit(&text);
        mem_free(&m);
    }
}

static void schemas_that_cannot_be_used_are_refused(void **state)
{
    static const char *const schemas[]
        = { "{ type: objekt }", "bad.json", "{ $ref: '#/nowhere' }" };
    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct belay_buf yaml;
        belay_buf_init(&yaml, 1 << 16);
        belay_buf_printf(&yaml, STEP "validate: { schema: %s }\n", schemas[i]);
        belay_buf_put_c(&yaml, '\0');
        const struct mem_file files[] = { { "belay.yaml", yaml.p }, { "bad.json", "{" }, { 0 } };
        struct mem_config m;
        mem_load(&m, files);
        assert_int_equal(m.status, BELAY_INVALID);
        assert_int_equal(m.problems.count, 1);
        assert_string_equal(m.problems.items[0].rule, i == 1 ? "json" : "schema");
        assert_int_equal(m.problems.items[0].place.line, i == 1 ? 1 : 8);
        mem_free(&m);
        belay_buf_deinit(&yaml);
    }
}

static void what_is_too_much_is_refused(void **state)
{
    struct belay_buf yaml;
    struct mem_config m;
    (void)state;
    belay_buf_init(&yaml, 1 << 20);
    belay_buf_printf(&yaml, FLOW "    steps:\n");
    for (int i = 0; i < 300; i++)
        belay_buf_printf(&yaml, "      - log: x\n");
    belay_buf_printf(&yaml, "sagas:\n  s:\n    from: { topic: t }\n    id: '{%% x %%}'\n    steps:\n");
    for (int i = 0; i < 65; i++)
        belay_buf_printf(&yaml, "      - { name: n%d, publish: { topic: t } }\n", i);
    belay_buf_put_c(&yaml, '\0');
    mem_load_text(&m, yaml.p);
    assert_int_equal(m.problems.error_count, 2);
    assert_str(m.problems.items[0].message, "a flow has at most 256 steps");
    assert_int_equal(m.problems.items[0].place.line, 8 + 256);
    assert_str(m.problems.items[1].message, "a saga has at most 64 steps");
    belay_buf_deinit(&yaml);
    mem_free(&m);
}

static void a_broken_file_does_not_make_others_look_wrong(void **state)
{
    static const struct mem_file files[] = {
        { "a.belay.yaml", "belay: 1\nname: one\ntopics: { t: {}\n" },
        { "b.belay.yaml", "belay: 1\nflows: { f: { from: { topic: t } } }\n" },
        { 0 },
    };
    struct mem_config m;
    (void)state;
    mem_load(&m, files);
    assert_int_equal(m.problems.count, 1);
    assert_str(m.problems.items[0].place.file, "a.belay.yaml");
    mem_free(&m);
}

static void problems_are_JSON_for_tools(void **state)
{
    struct mem_config m;
    struct belay_buf text;
    (void)state;
    mem_load_text(&m, HEAD "topcis: {}\n");
    belay_buf_init(&text, 1 << 20);
    belay_problems_write_json(&text, &m.problems);
    assert_str(
        belay_buf_view(&text),
        "[{\"file\":\"belay.yaml\",\"line\":3,\"column\":1,\"level\":\"error\",\"rule\":\"unknown-"
        "key\","
        "\"message\":\"a file has no key 'topcis'\",\"suggestion\":\"did you mean 'topics'?\"}]");
    belay_buf_deinit(&text);
    mem_free(&m);
}

static void aliases_that_multiply_end_at_the_limit(void **state)
{
    struct mem_config m;
    struct belay_buf text;
    (void)state;
    belay_buf_init(&text, 1 << 20);
    belay_buf_printf(&text, HEAD "topics:\n  a0: &a0 [ x, x, x, x, x, x, x, x, x, x ]\n");
    for (int i = 1; i < 10; i++) {
        belay_buf_printf(&text, "  a%d: &a%d [ ", i, i);
        for (int k = 0; k < 10; k++)
            belay_buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        belay_buf_printf(&text, " ]\n");
    }
    belay_buf_put_c(&text, '\0');
    mem_load_text(&m, text.p);
    assert_int_equal(m.status, BELAY_INVALID);
    assert_string_equal(m.problems.items[0].rule, "limit");
    belay_buf_deinit(&text);
    mem_free(&m);
}

static void depth_ends_at_the_limit(void **state)
{
    struct mem_config m;
    char text[4096] = HEAD "topics: ";
    (void)state;
    memset(text + strlen(text), '[', 3000);
    mem_load_text(&m, text);
    assert_int_equal(m.status, BELAY_INVALID);
    assert_string_equal(m.problems.items[0].rule, "limit");
    mem_free(&m);
}

static void a_thousand_mistakes_are_counted_and_the_first_shown(void **state)
{
    struct mem_config m;
    struct belay_buf text;
    (void)state;
    belay_buf_init(&text, 1 << 20);
    belay_buf_printf(&text, HEAD "topics:\n");
    for (int i = 0; i < 1000; i++)
        belay_buf_printf(&text, "  t%d: { retian: 1d }\n", i);
    belay_buf_put_c(&text, '\0');
    mem_load_text(&m, text.p);
    assert_int_equal(m.problems.count, 500);
    assert_int_equal(m.problems.error_count, 1000);
    assert_string_equal(m.err.msg, "the configuration has 1000 mistakes");
    belay_buf_deinit(&text);
    mem_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_YAML_must_not_hold_is_refused),
        cmocka_unit_test(wrong_keys_are_named_with_the_right_one),
        cmocka_unit_test(wrong_values_are_named_as_they_were_written),
        cmocka_unit_test(what_is_not_there_is_named_with_what_is),
        cmocka_unit_test(wrong_steps_are_explained),
        cmocka_unit_test(wrong_sagas_are_explained),
        cmocka_unit_test(wrong_apis_are_explained),
        cmocka_unit_test(and_so_are_these),
        cmocka_unit_test(variables_that_are_not_known_are_named),
        cmocka_unit_test(an_expression_s_mistake_is_where_it_was_written),
        cmocka_unit_test(all_mistakes_of_all_files_are_told_at_once),
        cmocka_unit_test(mistakes_of_all_languages_are_told_at_once),
        cmocka_unit_test(a_reference_that_leads_back_a_thousand_times_ends),
        cmocka_unit_test(documents_that_cannot_be_served_are_refused_at_their_own_place),
        cmocka_unit_test(schemas_that_cannot_be_used_are_refused),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_broken_file_does_not_make_others_look_wrong),
        cmocka_unit_test(problems_are_JSON_for_tools),
        cmocka_unit_test(aliases_that_multiply_end_at_the_limit),
        cmocka_unit_test(depth_ends_at_the_limit),
        cmocka_unit_test(a_thousand_mistakes_are_counted_and_the_first_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
