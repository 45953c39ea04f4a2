/* Names in the OEM code page: which characters are legal where, and the 8.3 rules of FAT. */
#include "fsrtlp.h"

#include <string.h>

#define F FSRTL_FAT_LEGAL
#define H FSRTL_HPFS_LEGAL
#define N FSRTL_NTFS_LEGAL
#define W FSRTL_WILD_CHARACTER
#define O FSRTL_OLE_LEGAL
#define ALL (F | H | N | O)
#define LONG_ONLY (H | N | O)
#define WILD (W | O)

static const UCHAR legal[128] = {
    [1 ... 31] = O,     [' '] = ALL,        ['!'] = F | H | N, ['"'] = WILD,       ['#' ... ')'] = ALL,
    ['*'] = WILD,       ['+'] = LONG_ONLY,  [','] = LONG_ONLY, ['-'] = ALL,        ['.'] = ALL,
    ['/'] = 0,          ['0' ... '9'] = ALL, [':'] = N,        [';'] = LONG_ONLY,  ['<'] = WILD,
    ['='] = LONG_ONLY,  ['>'] = WILD,       ['?'] = WILD,      ['@' ... 'Z'] = ALL, ['['] = LONG_ONLY,
    ['\\'] = 0,         [']'] = LONG_ONLY,  ['^' ... '{'] = ALL, ['|'] = O,        ['}' ... 127] = ALL,
};

static const UCHAR *const table = legal;
const UCHAR *const *FsRtlLegalAnsiCharacterArray = &table;

static bool Legal(UCHAR unit, UCHAR flags)
{
    return unit >= 128 || (legal[unit] & flags) != 0;
}

/* A character a byte: of no code page here is a wildcard a part of another character. */
static UNICODE_STRING Widened(PANSI_STRING text)
{
    UNICODE_STRING wide = {(USHORT)(text->Length * sizeof(WCHAR)), 0, sim_alloc((text->Length + 1) * sizeof(WCHAR))};
    for (USHORT i = 0; i < text->Length; i++)
        wide.Buffer[i] = (UCHAR)text->Buffer[i];
    return wide;
}

BOOLEAN FsRtlIsDbcsInExpression(PANSI_STRING Expression, PANSI_STRING Name)
{
    API_IRQL(FsRtlIsDbcsInExpression);
    UNICODE_STRING expression = Widened(Expression), name = Widened(Name);
    BOOLEAN matches = FsRtlIsNameInExpression(&expression, &name, FALSE, NULL);
    sim_free(expression.Buffer);
    sim_free(name.Buffer);
    return matches;
}

BOOLEAN FsRtlDoesDbcsContainWildCards(PANSI_STRING Name)
{
    API_IRQL(FsRtlDoesDbcsContainWildCards);
    for (USHORT i = 0; i < Name->Length; i++) {
        UCHAR unit = (UCHAR)Name->Buffer[i];
        if (unit < 128 && (legal[unit] & FSRTL_WILD_CHARACTER))
            return TRUE;
    }
    return FALSE;
}

VOID FsRtlDissectDbcs(ANSI_STRING Path, PANSI_STRING FirstName, PANSI_STRING RemainingName)
{
    API_IRQL(FsRtlDissectDbcs);
    *FirstName = *RemainingName = (ANSI_STRING){0};
    if (Path.Length == 0)
        return;
    USHORT start = Path.Buffer[0] == '\\';
    USHORT end = start;
    while (end < Path.Length && Path.Buffer[end] != '\\')
        end++;
    FirstName->Buffer = Path.Buffer + start;
    FirstName->Length = FirstName->MaximumLength = end - start;
    if (end < Path.Length) {
        RemainingName->Buffer = Path.Buffer + end + 1;
        RemainingName->Length = RemainingName->MaximumLength = Path.Length - end - 1;
    }
}

static bool FatComponentLegal(const char *name, USHORT length, UCHAR flags)
{
    if (length == 0 || length > 12)
        return false;
    if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    USHORT base = 0, extension = 0;
    bool period = false;
    for (USHORT i = 0; i < length; i++) {
        if (!Legal((UCHAR)name[i], flags))
            return false;
        if (name[i] == '.') {
            if (period || i == 0 || name[i - 1] == ' ')
                return false;
            period = true;
        } else if (period ? ++extension > 3 : ++base > 8) {
            return false;
        }
    }
    return name[length - 1] != ' ' && name[length - 1] != '.';
}

static bool HpfsComponentLegal(const char *name, USHORT length, UCHAR flags)
{
    if (length == 0 || length > 255)
        return false;
    if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    for (USHORT i = 0; i < length; i++)
        if (!Legal((UCHAR)name[i], flags))
            return false;
    return name[length - 1] != ' ' && name[length - 1] != '.';
}

static BOOLEAN PathLegal(ANSI_STRING name, bool path, bool leadingBackslash, UCHAR flags,
                         bool (*component)(const char *, USHORT, UCHAR))
{
    if (name.Length > 0 && name.Buffer[0] == '\\') {
        if (!leadingBackslash)
            return FALSE;
        name.Buffer++;
        name.Length--;
        if (name.Length == 0)
            return TRUE;
    }
    if (!path)
        return component(name.Buffer, name.Length, flags);
    for (USHORT start = 0, end; start <= name.Length; start = end + 1) {
        for (end = start; end < name.Length && name.Buffer[end] != '\\'; end++)
            ;
        if (!component(name.Buffer + start, end - start, flags))
            return FALSE;
    }
    return TRUE;
}

BOOLEAN FsRtlIsFatDbcsLegal(ANSI_STRING DbcsName, BOOLEAN WildCardsPermissible, BOOLEAN PathNamePermissible,
                            BOOLEAN LeadingBackslashPermissible)
{
    API_IRQL(FsRtlIsFatDbcsLegal);
    UCHAR flags = FSRTL_FAT_LEGAL | (WildCardsPermissible ? FSRTL_WILD_CHARACTER : 0);
    return PathLegal(DbcsName, PathNamePermissible, LeadingBackslashPermissible, flags, FatComponentLegal);
}

BOOLEAN FsRtlIsHpfsDbcsLegal(ANSI_STRING DbcsName, BOOLEAN WildCardsPermissible, BOOLEAN PathNamePermissible,
                             BOOLEAN LeadingBackslashPermissible)
{
    API_IRQL(FsRtlIsHpfsDbcsLegal);
    UCHAR flags = FSRTL_HPFS_LEGAL | (WildCardsPermissible ? FSRTL_WILD_CHARACTER : 0);
    return PathLegal(DbcsName, PathNamePermissible, LeadingBackslashPermissible, flags, HpfsComponentLegal);
}
