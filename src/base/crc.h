/* crc.h - CRC32C (Castagnoli, RFC 3720 appendix B.4); SSE4.2 where the processor has it.
 * Thread: any. */
#ifndef BELAY_BASE_CRC_H
#define BELAY_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 to begin, or the result so far: crc32c(crc32c(0, a), b) is that of a then b. */
uint32_t belay_crc32c(uint32_t crc, const void *p, size_t n);
/* The same in plain C, for machines without the instruction and to test the other. */
uint32_t belay_crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
