#include "base/pack.h"
#include "unit/test.h"

static const uint64_t numbers[] = {
    0, 1, 127, 128, 255, 256, 16383, 16384, UINT32_MAX, UINT64_C(1) << 53, INT64_MAX,
    UINT64_C(1) << 63, UINT64_MAX,
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

static void pack_all(struct belay_buf *b)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        belay_pack_u8(b, (uint8_t)numbers[i]);
        belay_pack_u32(b, (uint32_t)numbers[i]);
        belay_pack_u64(b, numbers[i]);
        belay_pack_varint(b, numbers[i]);
        belay_pack_svarint(b, (int64_t)numbers[i]);
        belay_pack_svarint(b, -(int64_t)(numbers[i] >> 1));
        belay_pack_str(b, BELAY_STR("abc"));
    }
}

static void what_is_packed_is_unpacked(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 4096);
    pack_all(&b);
    assert_ok(belay_buf_status(&b));
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&b));
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_int_equal(belay_unpack_u8(&u), (uint8_t)numbers[i]);
        assert_int_equal(belay_unpack_u32(&u), (uint32_t)numbers[i]);
        assert_true(belay_unpack_u64(&u) == numbers[i]);
        assert_true(belay_unpack_varint(&u) == numbers[i]);
        assert_true(belay_unpack_svarint(&u) == (int64_t)numbers[i]);
        assert_true(belay_unpack_svarint(&u) == -(int64_t)(numbers[i] >> 1));
        assert_str(belay_unpack_str(&u), "abc");
    }
    assert_true(belay_unpack_done(&u));
    belay_buf_deinit(&b);
}

static void the_bytes_are_these(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 64);
    belay_pack_u32(&b, 0x01020304);
    belay_pack_varint(&b, 300);
    belay_pack_svarint(&b, -1);
    belay_pack_str(&b, BELAY_STR("hi"));
    assert_str(belay_buf_view(&b), "\x04\x03\x02\x01"
                                   "\xac\x02"
                                   "\x01"
                                   "\x02hi");
    belay_buf_deinit(&b);
}

/* Cut off anywhere, a decoder reads zeros and learns of it at the end. */
static void a_prefix_fails_and_stays_failed(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 64);
    belay_pack_u64(&b, 5);
    belay_pack_varint(&b, UINT64_MAX);
    belay_pack_str(&b, BELAY_STR("abcd"));
    for (size_t n = 0; n < b.n; n++) {
        struct belay_unpack u = belay_unpack_init(belay_str(b.p, n));
        belay_unpack_u64(&u);
        belay_unpack_varint(&u);
        belay_unpack_str(&u);
        assert_false(belay_unpack_ok(&u));
        assert_int_equal(belay_unpack_u8(&u), 0);
        assert_int_equal(belay_unpack_left(&u), 0);
        assert_false(belay_unpack_done(&u));
    }
    belay_buf_deinit(&b);
}

static void a_varint_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const struct belay_str bad[] = {
        BELAY_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),
        BELAY_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        BELAY_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct belay_unpack u = belay_unpack_init(bad[i]);
        assert_true(belay_unpack_varint(&u) == 0);
        assert_false(belay_unpack_ok(&u));
    }
}

static void a_length_beyond_the_end_is_refused(void **state)
{
    (void)state;
    struct belay_unpack u = belay_unpack_init(BELAY_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"));
    assert_null(belay_unpack_str(&u).p);
    assert_false(belay_unpack_ok(&u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(the_bytes_are_these),
        cmocka_unit_test(a_prefix_fails_and_stays_failed),
        cmocka_unit_test(a_varint_that_does_not_fit_is_refused),
        cmocka_unit_test(a_length_beyond_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
