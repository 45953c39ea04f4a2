/* Reading INF files: encodings, strings, and what is said of a malformed one. */
#include "sim/inf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define HEAD "[Version]\r\nSignature=\"$Windows NT$\"\r\n[DefaultInstall.Services]\r\n"
#define SERVICE HEAD "AddService = foo,,Service\r\n[Service]\r\nStartType = 3\r\nAddReg = Reg\r\n[Reg]\r\n"

static const char good[] =
    "; a comment\r\n"
    "[Version]\r\nSignature=\"$Windows NT$\"\r\n"
    "[defaultinstall.ntamd64.services]\r\n"
    "AddService = %Name%,,Service ; the service\r\n"
    "[Service]\r\nDisplayName=%Name%\r\nServiceBinary=%13%\\foo.sys\r\nLoadOrderGroup = \"FSFilter Encryption\"\r\n"
    "StartType = 0x3\r\nAddReg = One, Two\r\n"
    "[One]\r\nHKR,\"Instances\",\"DefaultInstance\",0x00000000,%Instance%\r\n"
    "[Two]\r\nHKR,\"Instances\\\"%Instance%,\"Altitude\",0x0,\"370030.5\"   ; why\r\n"
    "HKR, Instances\\%Instance%, Flags, 0x00010001, \\\r\n   0x2\r\n"
    "HKR,,\"Quoted\",,\"say \"\"hi\"\"; 100%%\"\r\n"
    "HKR,,\"Bytes\",1,0a,FF\r\n"
    "[Strings]\r\nname = \"Foo\"\r\nInstance=\"Foo Instance\"\r\n";

static const struct sim_inf_value *find(const struct sim_inf *inf, const char *key, const char *name)
{
    for (size_t i = 0; i < inf->count; i++)
        if (!strcmp(inf->values[i].key, key) && !strcmp(inf->values[i].name, name))
            return &inf->values[i];
    fail_msg("no value %s\\%s", key, name);
    return NULL;
}

static void read_good(struct sim_inf *inf, const void *bytes, size_t size)
{
    char *error;
    if (!sim_inf_parse("foo.inf", bytes, size, inf, &error))
        fail_msg("%s", error);
    assert_string_equal(inf->service, "Foo");
    assert_string_equal(inf->binary, "foo.sys");
}

static void service_instances_and_values_are_read(void **state)
{
    struct sim_inf inf;
    read_good(&inf, good, sizeof good - 1);
    assert_string_equal(inf.group, "FSFilter Encryption");
    assert_int_equal(inf.start, 3);
    assert_string_equal(find(&inf, "Instances", "DefaultInstance")->text, "Foo Instance");
    assert_string_equal(find(&inf, "Instances\\Foo Instance", "Altitude")->text, "370030.5");
    sim_inf_free(&inf);
}

static void a_backslash_continues_a_line(void **state)
{
    struct sim_inf inf;
    read_good(&inf, good, sizeof good - 1);
    assert_int_equal(find(&inf, "Instances\\Foo Instance", "Flags")->number, 2);
    sim_inf_free(&inf);
}

static void doubled_quotes_and_percents_stand_for_one(void **state)
{
    struct sim_inf inf;
    read_good(&inf, good, sizeof good - 1);
    assert_string_equal(find(&inf, "", "Quoted")->text, "say \"hi\"; 100%");
    sim_inf_free(&inf);
}

static void binary_values_are_hexadecimal_bytes(void **state)
{
    struct sim_inf inf;
    read_good(&inf, good, sizeof good - 1);
    assert_int_equal(find(&inf, "", "Bytes")->size, 2);
    assert_memory_equal(find(&inf, "", "Bytes")->binary, "\x0a\xff", 2);
    sim_inf_free(&inf);
}

static void utf16_with_a_mark_is_read_in_both_orders(void **state)
{
    for (int big = 0; big < 2; big++) {
        size_t size = sizeof good - 1;
        unsigned char *wide = calloc(size + 1, 2);
        wide[big] = 0xFE ^ 1;
        wide[!big] = 0xFE;
        for (size_t i = 0; i < size; i++)
            wide[2 + 2 * i + big] = (unsigned char)good[i];
        struct sim_inf inf;
        read_good(&inf, wide, 2 * size + 2);
        sim_inf_free(&inf);
        free(wide);
    }
}

static void utf8_with_a_mark_is_read(void **state)
{
    char *text = malloc(sizeof good + 3);
    memcpy(text, "\xEF\xBB\xBF", 3);
    memcpy(text + 3, good, sizeof good);
    struct sim_inf inf;
    read_good(&inf, text, sizeof good + 2);
    sim_inf_free(&inf);
    free(text);
}

static void what_is_not_utf8_is_the_ansi_code_page(void **state)
{
    static const char text[] = HEAD "AddService = foo,,S\n[S]\nDisplayName = \"J\xfcrgen \x80\"\n";
    struct sim_inf inf;
    char *error;
    assert_true(sim_inf_parse("foo.inf", text, sizeof text - 1, &inf, &error));
    assert_string_equal(inf.display_name, "J\xc3\xbcrgen \xe2\x82\xac");
    sim_inf_free(&inf);
}

static void a_malformed_inf_is_told_by_file_line_and_rule(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "foo.inf: there is no section in it: this is not an INF"},
        {"hello\n", "foo.inf:1: an INF starts with a section: [Version]"},
        {"[Version\n", "foo.inf:1: a section line needs its closing ]"},
        {"[]\n", "foo.inf:1: a section needs a name between [ and ]"},
        {"[A]\nb = \"c\n", "foo.inf:2: the quotation mark is not closed on its line"},
        {"[A]\nb = c\n", "foo.inf: no AddService line: a driver's INF has one in [DefaultInstall.Services]"},
        {HEAD "AddService = foo\n", "foo.inf:4: AddService needs a name, flags and a service section"},
        {HEAD "AddService = foo,,Bar\n",
         "foo.inf:4: AddService names the section [Bar], which is not in this file"},
        {HEAD "AddService = %foo%,,Bar\n", "foo.inf:4: %foo% is not defined in [Strings]"},
        {HEAD "AddService = foo,,Bar\n[Bar]\nAddReg = Reg\n",
         "foo.inf:6: AddReg names the section [Reg], which is not in this file"},
        {HEAD "AddService = foo,,Bar\n[Bar]\nStartType = soon\n",
         "foo.inf:6: StartType must be a number of 32 bits, not \"soon\""},
        {SERVICE "HKQ,,\"A\",0,\"b\"\n", "foo.inf:9: \"HKQ\" is no registry root: HKR, HKLM, HKCR, HKCU, HKU"},
        {SERVICE "HKR,Instances,DefaultInstance,0,X\n",
         "foo.inf:9: DefaultInstance is \"X\", but no AddReg line gives Instances\\X an Altitude"},
        {SERVICE "HKR,Instances\\X,Altitude,0,high\n",
         "foo.inf:9: the altitude \"high\" is not a decimal number such as 370020 or 370020.5"},
        {SERVICE "HKR,Instances\\X,Altitude,0x00010001,370020\n",
         "foo.inf:9: Altitude must be a string (flags 0x00000000)"},
        {SERVICE "HKR,Instances\\X,Flags,all,0\n",
         "foo.inf:9: the flags of a registry value must be a number of 32 bits, not \"all\""},
        {SERVICE "HKR,Instances\\X,Flags,0,none\n", "foo.inf:9: Flags must be a REG_DWORD (flags 0x00010001)"},
        {SERVICE "HKR,,A,0x00010001,many\n",
         "foo.inf:9: a REG_DWORD value must be a number of 32 bits, not \"many\""},
        {SERVICE "HKR,,A,1,0a,zz\n", "foo.inf:9: a binary value is a list of hexadecimal bytes, not \"zz\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_inf inf;
        char *error;
        assert_false(sim_inf_parse("foo.inf", cases[i].text, strlen(cases[i].text), &inf, &error));
        assert_string_equal(error, cases[i].error);
        assert_null(inf.service);
        sim_inf_free_error(error);
    }
}

static void what_windows_would_not_stumble_over_is_remarked(void **state)
{
    static const struct {
        const char *text, *remarks, *altitude;
    } cases[] = {
        {SERVICE "HKR,DependOnService,0x10000,FltMgr\n",
         "foo.inf:9: the flags of a registry value must be a number of 32 bits; \"FltMgr\" is taken as 0", NULL},
        {SERVICE "HKR,Instances\\X,Altitude,0,_TODO_Change_Altitude_appropriately_\n",
         "foo.inf:9: the altitude is still the template's \"_TODO_Change_Altitude_appropriately_\": 370000 is taken; "
         "Windows would not attach the instance",
         "370000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_inf inf;
        char *error;
        assert_true(sim_inf_parse("foo.inf", cases[i].text, strlen(cases[i].text), &inf, &error));
        assert_string_equal(inf.remarks, cases[i].remarks);
        if (cases[i].altitude)
            assert_string_equal(find(&inf, "Instances\\X", "Altitude")->text, cases[i].altitude);
        sim_inf_free(&inf);
    }
}

static void altitudes_are_decimal_numbers(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {{"370020", true}, {"370020.12345678901234567890", true}, {"0", true}, {"", false}, {".5", false},
                 {"37.", false},   {"-1", false},                         {"3e5", false}, {" 3", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(sim_altitude_is_valid(cases[i].text), cases[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_instances_and_values_are_read),
        cmocka_unit_test(a_backslash_continues_a_line),
        cmocka_unit_test(doubled_quotes_and_percents_stand_for_one),
        cmocka_unit_test(binary_values_are_hexadecimal_bytes),
        cmocka_unit_test(utf16_with_a_mark_is_read_in_both_orders),
        cmocka_unit_test(utf8_with_a_mark_is_read),
        cmocka_unit_test(what_is_not_utf8_is_the_ansi_code_page),
        cmocka_unit_test(a_malformed_inf_is_told_by_file_line_and_rule),
        cmocka_unit_test(what_windows_would_not_stumble_over_is_remarked),
        cmocka_unit_test(altitudes_are_decimal_numbers),
    };
    return cmocka_run_group_tests_name("sim/inf", tests, NULL, NULL);
}
