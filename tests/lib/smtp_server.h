/* smtp_server.h - a mail server without TLS for tests of connectors: what it does, the recipient's name says: "ok",
 * "slow" (200 ms), "refused" (550), "busy" (451), "never" (no answer to the mail), "lost" (closes instead). */
#ifndef BELAY_TESTS_SMTP_SERVER_H
#define BELAY_TESTS_SMTP_SERVER_H

#include <stdint.h>

uint16_t smtp_server_start(void);
uint32_t smtp_server_attempts(void); /* mails that came whole, and recipients that were refused */

#endif
