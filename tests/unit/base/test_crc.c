#include "base/crc.h"
#include "base/random.h"
#include "unit/test.h"

#include <string.h>

/* RFC 3720, appendix B.4. */
static void the_vectors_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    const uint8_t read_command[48] = {
        0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    const struct {
        const void *p;
        size_t n;
        uint32_t crc;
    } vectors[] = {
        { zeros, 32, 0x8a9136aa }, { ones, 32, 0x62a8ab43 }, { up, 32, 0x46dd794e },
        { down, 32, 0x113fdb5c },  { read_command, 48, 0xd9963a56 }, { "123456789", 9, 0xe3069283 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_int_equal(belay_crc32c(0, vectors[i].p, vectors[i].n), vectors[i].crc);
        assert_int_equal(belay_crc32c_portable(0, vectors[i].p, vectors[i].n), vectors[i].crc);
    }
}

static void both_ways_agree_at_every_length_and_offset(void **state)
{
    (void)state;
    struct belay_random r = { .state = 1 };
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)belay_random_next(&r);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; n + from <= sizeof bytes; n++)
            assert_int_equal(belay_crc32c(7, bytes + from, n),
                             belay_crc32c_portable(7, bytes + from, n));
}

static void it_goes_on_where_it_stopped(void **state)
{
    (void)state;
    const char text[] = "a commit in two parts";
    uint32_t whole = belay_crc32c(0, text, sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++)
        assert_int_equal(belay_crc32c(belay_crc32c(0, text, cut), text + cut, sizeof text - cut),
                         whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_3720),
        cmocka_unit_test(both_ways_agree_at_every_length_and_offset),
        cmocka_unit_test(it_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
