/* Network addresses as text. */
#include "rtl_test.h"

#include <nt/net.h>

static PWSTR v4(PIN_ADDR address, USHORT port, ULONG room, NTSTATUS expected, ULONG *length)
{
    static WCHAR text[80];
    *length = room;
    assert_int_equal(RtlIpv4AddressToStringExW(address, port, text, length), expected);
    return text;
}

static void v4_is_four_numbers_and_a_port_in_network_order(void **state)
{
    IN_ADDR address = {.S_un.S_un_b = {192, 168, 0, 1}};
    ULONG length;
    assert_memory_equal(v4(&address, 0, 80, STATUS_SUCCESS, &length), u"192.168.0.1", 24);
    assert_int_equal(length, 12);
    assert_memory_equal(v4(&address, 0x5000, 80, STATUS_SUCCESS, &length), u"192.168.0.1:80", 30);
    v4(&address, 0, 5, STATUS_INVALID_PARAMETER, &length);
    assert_int_equal(length, 12);
    WCHAR text[16];
    assert_ptr_equal(RtlIpv4AddressToStringW(&address, text), text + 11);
}

static void expect_v6(const UCHAR *bytes, ULONG scope, USHORT port, const WCHAR *text)
{
    IN6_ADDR address;
    WCHAR out[80];
    ULONG length = 80;
    memcpy(address.u.Byte, bytes, 16);
    assert_int_equal(RtlIpv6AddressToStringExW(&address, scope, port, out, &length), STATUS_SUCCESS);
    assert_memory_equal(out, text, length * sizeof(WCHAR));
}

static void v6_shortens_its_longest_run_of_zeros(void **state)
{
    static const UCHAR none[16], one[16] = {[15] = 1}, link[16] = {0xfe, 0x80, [15] = 0xab};
    static const UCHAR two_runs[16] = {0x20, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7};
    static const UCHAR full[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    expect_v6(none, 0, 0, u"::");
    expect_v6(one, 0, 0, u"::1");
    expect_v6(link, 0, 0, u"fe80::ab");
    expect_v6(link, 4, 0x5000, u"[fe80::ab%4]:80");
    expect_v6(two_runs, 0, 0, u"2001:0:0:5::7");
    expect_v6(full, 0, 0, u"102:304:506:708:90a:b0c:d0e:f10");
}

static void v6_that_carries_v4_ends_as_v4(void **state)
{
    static const UCHAR mapped[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1}, isatap[16] = {0xfe, 0x80, [10] = 0x5e, 0xfe, 1, 2, 3, 4};
    expect_v6(mapped, 0, 0, u"::ffff:10.0.0.1");
    expect_v6(isatap, 0, 0, u"fe80::5efe:1.2.3.4");
    IN6_ADDR address = {{{0}}};
    WCHAR text[46];
    assert_ptr_equal(RtlIpv6AddressToStringW(&address, text), text + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(v4_is_four_numbers_and_a_port_in_network_order),
        TEST(v6_shortens_its_longest_run_of_zeros),
        TEST(v6_that_carries_v4_ends_as_v4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
