/* store.h - the verbs of belay store.  Uses: command, store.  Thread: main. */
#ifndef BELAY_CLI_STORE_H
#define BELAY_CLI_STORE_H

#include "cli/command.h"

/* Of a running belay through its admin API, else by itself. rate: bytes a second, NULL: any. */
int store_backup(const char *data_dir, const char *to, const char *rate, bool json);
int store_restore(const char *from, const char *to, bool json);

#endif
