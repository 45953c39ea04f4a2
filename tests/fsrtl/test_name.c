/* Names, wildcards and the 8.3 rules. */
#include "unit.h"

static bool Matches(const char *expression, const char *name)
{
    UNICODE_STRING e = Text(expression), n = Text(name);
    return FsRtlIsNameInExpression(&e, &n, TRUE, NULL);
}

static void wildcards_match_as_on_dos(void **state)
{
    static const struct {
        const char *expression, *name;
        bool matches;
    } cases[] = {
        {"*", "anything", true},          {"*.TXT", "a.txt", true},      {"*.TXT", "a.txt.bak", false},
        {"A?C", "abc", true},             {"A?C", "ac", false},          {"A*C", "abbbc", true},
        {"A*C", "abbbcd", false},         {"<.TXT", "a.b.txt", true},    {"<.TXT", "a.txt", true},
        {"<.", "noperiod", false},        {"<\"", "noperiod", true},     {"<\"*", "a.b", true},
        {"A>>>", "a", true},              {"A>>>", "abc", true},         {"A>>>", "abcde", false},
        {">>>>.TXT", "ab.txt", true},     {"\"", "x", false},            {"A\"", "a", true},
        {"A\"B", "a.b", true},            {"*A*B*C*", "xxaxxbxxc", true}, {"*A*B*C*", "xxaxxcxxb", false},
        {"FILE", "file", true},           {"", "", true},                {"", "x", false},
        {"*.", "a", false},               {"*", "a.b.c", true},          {"?", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (Matches(cases[i].expression, cases[i].name) != cases[i].matches)
            fail_msg("\"%s\" on \"%s\" is not %d", cases[i].expression, cases[i].name, cases[i].matches);
}

static void a_long_expression_matches_in_time(void **state)
{
    char expression[401], name[301];
    for (int i = 0; i < 400; i++)
        expression[i] = i % 2 ? 'A' : '*';
    memset(name, 'a', 300);
    expression[400] = name[300] = 0;
    assert_true(Matches(expression, name));
    name[299] = 'b';
    assert_false(Matches(expression, name));
}

static void case_counts_when_asked(void **state)
{
    UNICODE_STRING e = Text("Ab*"), n = Text("abc");
    assert_false(FsRtlIsNameInExpression(&e, &n, FALSE, NULL));
    assert_true(FsRtlIsNameInUnUpcasedExpression(&e, &n, TRUE, NULL));
}

static void paths_are_dissected(void **state)
{
    UNICODE_STRING first, rest;
    FsRtlDissectName(Text("\\one\\two\\three"), &first, &rest);
    assert_text(&first, "one");
    assert_text(&rest, "two\\three");
    FsRtlDissectName(Text("last"), &first, &rest);
    assert_text(&first, "last");
    assert_int_equal(rest.Length, 0);
    FsRtlDissectName(Text(""), &first, &rest);
    assert_int_equal(first.Length, 0);
}

static void wildcards_are_noticed(void **state)
{
    UNICODE_STRING wild = Text("\\dir\\a*b"), above = Text("\\d*r\\ab"), plain = Text("ab.c");
    assert_true(FsRtlDoesNameContainWildCards(&wild));
    assert_false(FsRtlDoesNameContainWildCards(&above)); /* only the last component counts */
    assert_false(FsRtlDoesNameContainWildCards(&plain));
}

static void names_are_compared(void **state)
{
    UNICODE_STRING a = Text("ABC"), b = Text("abc"), c = Text("abcd");
    assert_true(FsRtlAreNamesEqual(&a, &b, TRUE, NULL));
    assert_false(FsRtlAreNamesEqual(&a, &b, FALSE, NULL));
    assert_false(FsRtlAreNamesEqual(&b, &c, TRUE, NULL));
}

static bool Fat(char *name, bool wild)
{
    ANSI_STRING text = {.Buffer = name, .Length = (USHORT)strlen(name), .MaximumLength = (USHORT)strlen(name)};
    return FsRtlIsFatDbcsLegal(text, wild, FALSE, FALSE);
}

static void fat_names_are_eight_and_three(void **state)
{
    assert_true(Fat("README.TXT", false));
    assert_true(Fat("NOEXT", false));
    assert_true(Fat("..", false));
    assert_false(Fat("TOOLONGNAME.TXT", false));
    assert_false(Fat("A.LONG", false));
    assert_false(Fat("A.B.C", false));
    assert_false(Fat("A+B", false));
    assert_false(Fat("A*", false));
    assert_true(Fat("A*", true));
    assert_false(Fat("", false));
}

static void dots_are_removed_from_paths(void **state)
{
    WCHAR path[] = u"\\a\\.\\b\\..\\c";
    USHORT length;
    assert_int_equal(FsRtlRemoveDotsFromPath(path, sizeof path - sizeof *path, &length), STATUS_SUCCESS);
    UNICODE_STRING result = {.Buffer = path, .Length = length};
    assert_text(&result, "\\a\\c");
    WCHAR above[] = u"\\..\\a";
    assert_int_equal(FsRtlRemoveDotsFromPath(above, sizeof above - sizeof *above, &length),
                     STATUS_IO_REPARSE_DATA_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(wildcards_match_as_on_dos), unit(a_long_expression_matches_in_time), unit(case_counts_when_asked),
        unit(paths_are_dissected),       unit(wildcards_are_noticed),             unit(names_are_compared),
        unit(fat_names_are_eight_and_three), unit(dots_are_removed_from_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
