/* problem.h - how config reports.  Private to config (belay_problems is in config.h).
 * Thread: one owner.  A problem that finds no memory still counts. */
#ifndef BELAY_CONFIG_PROBLEM_H
#define BELAY_CONFIG_PROBLEM_H

#include "config/config.h"

/* Texts are copied. rule is static. Returns the problem, so that a suggestion can be put to it;
 * NULL where it is only counted. */
struct belay_problem *config_error(struct belay_problems *p, struct belay_place place,
                                   const char *rule, const char *fmt, ...) BELAY_PRINTF(4, 5);
struct belay_problem *config_warning(struct belay_problems *p, struct belay_place place,
                                     const char *rule, const char *fmt, ...) BELAY_PRINTF(4, 5);
/* problem may be NULL. */
void config_suggest(struct belay_problems *p, struct belay_problem *problem, const char *fmt, ...)
    BELAY_PRINTF(3, 4);
/* Was this told at this place under this rule? message "": anything. */
bool config_was_told(const struct belay_problems *p, struct belay_place place, const char *rule, struct belay_str message);
/* Puts them in the order of place. */
void config_problems_sort(struct belay_problems *p);

/* The best of some names for what was written: feed each candidate, then ask. */
struct config_guess {
    struct belay_str wrong, best;
    unsigned distance;
};
struct config_guess config_guess(struct belay_str wrong);
void config_guess_name(struct config_guess *g, struct belay_str candidate);
/* Suggests "did you mean 'best'?" where something is near enough. */
void config_suggest_guess(struct belay_problems *p, struct belay_problem *problem,
                          const struct config_guess *g);

#endif
