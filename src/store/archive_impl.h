/* archive_impl.h - the bytes of an archive file, for its writer and its reader.
 *
 * header, 128:  0 u32 "BLYA"  4 u32 CRC32C of 8..127  8 u32 format  12 u32 topic  16 u64 first
 *              24 u64 last  32 u32 codec  36 u32 key id  40 u32 tenant  44.. zero
 * block, 32:    0 u32 "BLYB"  4 u32 CRC32C of 8..end of the block  8 u32 length, header included
 *              12 u32 count  16 u64 first sequence  24 i64 time of the first
 * message, 12:  0 u32 length of the encoded message  4 i64 accepted_at, then the encoded message
 * index, 32:    0 u64 first sequence  8 u64 offset  16 u32 length  20 u32 count  24 i64 time of the first
 * footer, 64:   0 u32 "BLYE"  4 u32 CRC32C of 8..63  8 u64 offset of the index  16 u32 blocks
 *              20 u32 CRC32C of the index  24 u64 bytes of all encoded messages  32.. zero */
#ifndef BELAY_STORE_ARCHIVE_IMPL_H
#define BELAY_STORE_ARCHIVE_IMPL_H

enum {
    ARCHIVE_MAGIC = 0x41594c42,
    ARCHIVE_BLOCK_MAGIC = 0x42594c42,
    ARCHIVE_END_MAGIC = 0x45594c42,
    ARCHIVE_HEADER_BYTES = 128,
    ARCHIVE_BLOCK_HEADER_BYTES = 32,
    ARCHIVE_MESSAGE_HEADER_BYTES = 12,
    ARCHIVE_INDEX_BYTES = 32,
    ARCHIVE_FOOTER_BYTES = 64,
};

#endif
