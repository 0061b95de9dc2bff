/* planted.h - bugs compiled in on purpose, to prove that the simulation finds such bugs.
 * Only the preset `planted` has them (BELAY_PLANTED_BUGS); everywhere else a plant is the constant 0
 * and leaves no code behind.  tests/sim/planted.cmake lists them and proves that each is found.
 *
 *     if (!BELAY_PLANTED(3))
 *         forget_nothing();
 *
 * Thread: belay_planted_bug is set once, before anything runs. */
#ifndef BELAY_BASE_PLANTED_H
#define BELAY_BASE_PLANTED_H

#ifdef BELAY_PLANTED_BUGS
extern int belay_planted_bug; /* 0: none */
#define BELAY_PLANTED(n) (belay_planted_bug == (n))
#else
#define BELAY_PLANTED(n) 0
#endif

#endif
