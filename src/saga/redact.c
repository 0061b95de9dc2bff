/* redact.c - what a saga's texts may not tell: the named values of its start message and of its results.  The instance
 * keeps its fault as it is, for $error; the history's texts, the news and the view do not. */
#include "saga/redact.h"

#include "flow/redact.h"
#include "saga/room.h"

static const struct belay_redact *rules(const struct belay_sagas *s)
{
    return s->opt.redact ? *s->opt.redact : NULL;
}

static void gather_result(struct belay_sagas *s, struct belay_str result, struct belay_redact_words *words)
{
    const belay_json *root;
    if (!result.n)
        return;
    if (belay_json_parse(result, NULL, &s->arena, &root, NULL, NULL) != BELAY_OK) {
        words->lost = true;
        return;
    }
    belay_redact_gather(rules(s), words, root, false);
    belay_redact_gather_answer(rules(s), words, root);
}

void saga_gather(struct belay_sagas *s, const struct saga *i, struct belay_redact_words *words)
{
    struct belay_message input;
    if (belay_message_decode(saga_input(i), &s->arena, &input, NULL) == BELAY_OK)
        belay_message_gather(&input, rules(s), words);
    for (uint32_t n = 0; n < i->step_count; n++)
        gather_result(s, saga_range(i, i->steps[n].result), words);
}

void saga_redact_fault(struct belay_sagas *s, const struct saga *i, struct belay_fault *fault)
{
    struct belay_redact_words words;
    if (!rules(s))
        return;
    belay_redact_words_init(&words, &s->arena);
    saga_gather(s, i, &words);
    belay_fault_redact(fault, rules(s), &words, &s->arena);
}

void saga_redact_letter(struct belay_sagas *s, const struct belay_message *m, struct belay_fault *fault)
{
    struct belay_redact_words words;
    if (!rules(s))
        return;
    belay_redact_words_init(&words, &s->arena);
    belay_message_gather(m, rules(s), &words);
    belay_fault_redact(fault, rules(s), &words, &s->arena);
}
