/* The balance out of the rows: after a crash, as an operator would see it before anybody starts the process, and
 * of the engine that runs. */
#include <string.h>

#include "sim/world.h"

void sim_audit(struct sim_world *w, struct belay_engine *e)
{
    struct belay_buf report;
    struct belay_err err;
    uint64_t findings = 0;
    belay_buf_init(&report, BELAY_MIB(4));
    int status = belay_engine_audit(e, NULL, NULL, &report, &findings, &err);
    if (status != BELAY_OK)
        sim_violation(w, "G4", "the audit failed: %s", err.msg);
    if (findings) {
        const char *at = strstr(report.p, "\"findings\"");
        sim_violation(w, "G4", "the audit: %.600s", at ? at : report.p);
    }
    belay_buf_deinit(&report);
}

void sim_audit_look(struct sim_world *w)
{
    struct belay_engine *e = NULL;
    struct belay_err err;
    if (!sim_chance(w, 300))
        return;
    const struct belay_engine_opt opt = { .disk = w->disk, .jobs = &w->jobs.port, .state = &w->state,
                                          .now = sim_clock(w), .segment_bytes = w->segment_bytes, .look = true };
    w->disk->look = true;
    int status = belay_engine_open(&opt, &e, &err);
    w->disk->look = false;
    if (status == BELAY_NOTFOUND && w->state.position(w) == 0 /* the first start got nowhere */)
        return;
    if (status != BELAY_OK)
        sim_violation(w, "G8", "it cannot be looked at: %s", err.msg);
    sim_audit(w, e);
    belay_engine_close(e);
    sim_trace(w, "audited");
}
