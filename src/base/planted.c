#include "base/planted.h"

#ifdef BELAY_PLANTED_BUGS
int belay_planted_bug;
#else
_Static_assert(BELAY_PLANTED(1) == 0, "a plant leaves no code behind");
#endif
