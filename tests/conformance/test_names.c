/* FsRtl's names: wildcards and paths. What is said of each was seen on Windows by published kernel test suites. */
#include "stage.h"

static const struct match {
    const WCHAR *expression, *name;
    bool upcased, plain; // with IgnoreCase (the expression is in capitals); without
} matches[] = {
    // Nothing matches only nothing, and a star wants something.
    {L"", L"", true, true},
    {L"", L"X", false, false},
    {L"*", L"X", true, true},
    {L"*", L"", false, false},
    {L"**", L"", false, false},
    {L"**", L"X", true, true},
    {L"*?", L"", false, false},
    {L"?*?", L"X", false, false},
    {L"?*?", L"XY", true, true},
    // Stars run over dots, and a dot is a dot.
    {L"*", L"..", true, true},
    {L".*", L".profile", true, true},
    {L".*", L"profile", false, false},
    {L".", L"A.B", false, false},
    {L"LOG_*.*", L"log_1", false, false},
    {L"LOG_*.*", L"log_1.", true, false},
    {L"LOG_*.*", L"LOG_1.TXT", true, true},
    {L"LOG_*.", L"LOG_1.TXT", false, false},
    {L"LOG_*.", L"LOG_", false, false},
    {L"*.*.*", L"1.2.3", true, true},
    {L"*.GZ", L"A.TAR.GZ", true, true},
    {L"A.**.GZ", L"A.TAR.GZ", true, true},
    {L"*A*AB*ABC", L"XAAABABDABC", true, true},
    {L"*A*AB*ABC", L"XAAABABDABD", false, false},
    // DOS_STAR runs up to the last dot; DOS_QM is a character or the end; DOS_DOT is a dot or the end.
    {L"RE<TXT", L"README.TXT", true, true},
    {L"RE<TXT", L"RE.TXT", true, true},
    {L"RE<TXT", L"REXTXT", true, true},
    {L"RE<TXT", L"RAT.TXT", false, false},
    {L"A<B.TXT", L"A.BCD.TXT", false, false},
    {L"FI<<<<<", L"FILE", true, true},
    {L"<.TXT", L"readme.txt", true, false},
    {L"F<", L"FILE.TXT", false, false},
    {L"LOG_<\"*", L"LOG_1", true, true},
    {L"LOG_<\"*", L"log_1.txt", true, false},
    {L"LOG_<\"*", L"SETUP.EXE", false, false},
    {L"R>AD.ME", L"READ.ME", true, true},
    {L"R>D.ME", L"RD.ME", false, false},
    {L"R>>>ME", L"RD.ME", false, false},
    {L"READ\"ME", L"READ.ME", true, true},
    {L"READ.ME\"", L"READ.ME", true, true},
    {L"\"READ.ME", L"READ.ME", false, false},
    {L"READ.\"ME", L"READ.ME", false, false},
};

static void wildcards_match_what_they_match_on_windows(void)
{
    for (ULONG i = 0; i < ARRAYSIZE(matches); i++) {
        const struct match *m = &matches[i];
        if (FsRtlIsNameInExpression(text(m->expression), text(m->name), TRUE, NULL) != m->upcased ||
            FsRtlIsNameInExpression(text(m->expression), text(m->name), FALSE, NULL) != m->plain)
            fail_msg("row %u", i);
    }
}

static void bytes_match_as_characters_do(void)
{
    for (ULONG i = 0; i < ARRAYSIZE(matches); i++) {
        const struct match *m = &matches[i];
        ANSI_STRING expression, name;
        if (!m->expression[0] || !m->name[0])
            continue; // the routine wants both
        succeeds(RtlUnicodeStringToAnsiString(&expression, text(m->expression), TRUE));
        succeeds(RtlUnicodeStringToAnsiString(&name, text(m->name), TRUE));
        bool found = FsRtlIsDbcsInExpression(&expression, &name);
        RtlFreeAnsiString(&expression);
        RtlFreeAnsiString(&name);
        if (found != m->plain)
            fail_msg("row %u", i);
    }
}

/* Where the first part and the rest begin, and how long they are; -1: there is none. */
static const struct split {
    const WCHAR *path;
    int first, first_length, rest, rest_length;
} splits[] = {
    {L"", -1, 0, -1, 0},
    {L"one", 0, 3, -1, 0},
    {L"one\\two", 0, 3, 4, 3},
    {L"one\\", 0, 3, 4, 0},
    {L"\\two", 1, 3, -1, 0},
    {L"\\", 1, 0, -1, 0},
    {L"\\one\\two\\three", 1, 3, 5, 9},
    {L"one/two", 0, 7, -1, 0},
    {L"\\\\", 1, 0, 2, 0},
    {L"one\\\\", 0, 3, 4, 1},
    {L"\\\\two", 1, 0, 2, 3},
    {L"one\\\\\\two", 0, 3, 4, 5},
};

static void check_part(const void *buffer, USHORT length, USHORT maximum, const void *base, int at, int characters, int size)
{
    assert_ptr_equal(buffer, at < 0 ? NULL : (const char *)base + at * size);
    assert_int_equal(length, characters * size);
    assert_int_equal(maximum, characters * size);
}

static void a_path_is_cut_behind_its_first_part(void)
{
    for (ULONG i = 0; i < ARRAYSIZE(splits); i++) {
        const struct split *s = &splits[i];
        UNICODE_STRING path = *text(s->path), first, rest;
        FsRtlDissectName(path, &first, &rest);
        check_part(first.Buffer, first.Length, first.MaximumLength, path.Buffer, s->first, s->first_length, sizeof(WCHAR));
        check_part(rest.Buffer, rest.Length, rest.MaximumLength, path.Buffer, s->rest, s->rest_length, sizeof(WCHAR));
    }
}

static void a_path_of_bytes_is_cut_alike(void)
{
    for (ULONG i = 0; i < ARRAYSIZE(splits); i++) {
        const struct split *s = &splits[i];
        ANSI_STRING path, first, rest;
        succeeds(RtlUnicodeStringToAnsiString(&path, text(s->path), TRUE));
        FsRtlDissectDbcs(path, &first, &rest);
        check_part(first.Buffer, first.Length, first.MaximumLength, path.Buffer, s->first, s->first_length, 1);
        check_part(rest.Buffer, rest.Length, rest.MaximumLength, path.Buffer, s->rest, s->rest_length, 1);
        RtlFreeAnsiString(&path);
    }
}

static void wildcards_are_told_from_names(void)
{
    ANSI_STRING name;
    RtlInitAnsiString(&name, "A*");
    assert_true(FsRtlDoesDbcsContainWildCards(&name));
    RtlInitAnsiString(&name, "A<");
    assert_true(FsRtlDoesDbcsContainWildCards(&name));
    RtlInitAnsiString(&name, "A.B");
    assert_false(FsRtlDoesDbcsContainWildCards(&name));
    RtlInitAnsiString(&name, "A.B");
    assert_true(FsRtlIsHpfsDbcsLegal(name, FALSE, FALSE, FALSE));
    RtlInitAnsiString(&name, "A|B");
    assert_false(FsRtlIsHpfsDbcsLegal(name, FALSE, FALSE, FALSE));
    RtlInitAnsiString(&name, "A*");
    assert_false(FsRtlIsHpfsDbcsLegal(name, FALSE, FALSE, FALSE));
    assert_true(FsRtlIsHpfsDbcsLegal(name, TRUE, FALSE, FALSE));
    assert_true(((*FsRtlLegalAnsiCharacterArray)['A'] & FSRTL_FAT_LEGAL) && !((*FsRtlLegalAnsiCharacterArray)['|'] & FSRTL_FAT_LEGAL));
    assert_true(((*FsRtlLegalAnsiCharacterArray)['+'] & FSRTL_HPFS_LEGAL) && !((*FsRtlLegalAnsiCharacterArray)['+'] & FSRTL_FAT_LEGAL));
    assert_true((*FsRtlLegalAnsiCharacterArray)['*'] & FSRTL_WILD_CHARACTER);
    assert_false((*FsRtlLegalAnsiCharacterArray)[7] & (FSRTL_FAT_LEGAL | FSRTL_HPFS_LEGAL | FSRTL_NTFS_LEGAL));
}

static void dots_are_taken_out_of_paths(void)
{
    static const struct {
        const WCHAR *path, *left; /* NULL: it leads above the beginning */
    } rows[] = {
        {L"\\..", NULL},
        {L"..", NULL},
        {L"..\\anyOtherContent", NULL},
        {L"\\\\..", L"\\"},
        {L"\\dir1\\dir2\\..\\dir3\\.\\file.txt", L"\\dir1\\dir3\\file.txt"},
    };
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        WCHAR path[64];
        UNICODE_STRING left = {0, sizeof path, path};
        wcscpy(path, rows[i].path);
        answers(rows[i].left ? STATUS_SUCCESS : STATUS_IO_REPARSE_DATA_INVALID,
                FsRtlRemoveDotsFromPath(path, (USHORT)(wcslen(path) * sizeof(WCHAR)), &left.Length));
        if (rows[i].left)
            assert_true(same_text(&left, rows[i].left));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(wildcards_match_what_they_match_on_windows),
        fltsim_unit_test(bytes_match_as_characters_do),
        fltsim_unit_test(a_path_is_cut_behind_its_first_part),
        fltsim_unit_test(a_path_of_bytes_is_cut_alike),
        fltsim_unit_test(wildcards_are_told_from_names),
        fltsim_unit_test(dots_are_taken_out_of_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
