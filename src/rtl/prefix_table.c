/* Prefix tables: which of the inserted paths is the longest prefix of a name, by whole components.
 *
 * Entries form a list from longest to shortest, linked by NextPrefixTree from the table; the splay links
 * that the structure has room for are not used. */
#include "rtl/rtlp.h"

static BOOLEAN SameName(PCUNICODE_STRING a, PCUNICODE_STRING b, BOOLEAN ignore_case)
{
    return a->Length == b->Length && RtlpCompare(a->Buffer, a->Length / sizeof(WCHAR), b->Buffer,
                                                 b->Length / sizeof(WCHAR), ignore_case) == 0;
}

/* `prefix` ends at a component's end of `name`, or is the root. */
static BOOLEAN IsPrefix(PCUNICODE_STRING prefix, PCUNICODE_STRING name, BOOLEAN ignore_case)
{
    SIZE_T length = prefix->Length / sizeof(WCHAR), whole = name->Length / sizeof(WCHAR);

    if (length > whole || RtlpCompare(prefix->Buffer, length, name->Buffer, length, ignore_case) != 0)
        return FALSE;
    return length == whole || length == 0 || prefix->Buffer[length - 1] == '\\' || name->Buffer[length] == '\\';
}

VOID RtlInitializeUnicodePrefix(PUNICODE_PREFIX_TABLE PrefixTable)
{
    RTL_IRQL(RtlInitializeUnicodePrefix);
    PrefixTable->NodeTypeCode = 0x800;
    PrefixTable->NameLength = 0;
    PrefixTable->NextPrefixTree = NULL;
    PrefixTable->LastNextEntry = NULL;
}

BOOLEAN RtlInsertUnicodePrefix(PUNICODE_PREFIX_TABLE PrefixTable, PUNICODE_STRING Prefix,
                               PUNICODE_PREFIX_TABLE_ENTRY PrefixTableEntry)
{
    RTL_IRQL(RtlInsertUnicodePrefix);
    PUNICODE_PREFIX_TABLE_ENTRY *at = &PrefixTable->NextPrefixTree;

    for (PUNICODE_PREFIX_TABLE_ENTRY entry = *at; entry != NULL; entry = entry->NextPrefixTree)
        if (SameName(entry->Prefix, Prefix, FALSE))
            return FALSE;
    PrefixTableEntry->NodeTypeCode = 0x801;
    PrefixTableEntry->NameLength = (CSHORT)(Prefix->Length / sizeof(WCHAR));
    PrefixTableEntry->CaseMatch = PrefixTableEntry;
    PrefixTableEntry->Prefix = Prefix;
    RtlInitializeSplayLinks(&PrefixTableEntry->Links);
    while (*at != NULL && (*at)->Prefix->Length > Prefix->Length)
        at = &(*at)->NextPrefixTree;
    PrefixTableEntry->NextPrefixTree = *at;
    *at = PrefixTableEntry;
    return TRUE;
}

VOID RtlRemoveUnicodePrefix(PUNICODE_PREFIX_TABLE PrefixTable, PUNICODE_PREFIX_TABLE_ENTRY PrefixTableEntry)
{
    RTL_IRQL(RtlRemoveUnicodePrefix);
    PUNICODE_PREFIX_TABLE_ENTRY *at = &PrefixTable->NextPrefixTree;

    while (*at != NULL && *at != PrefixTableEntry)
        at = &(*at)->NextPrefixTree;
    if (*at != NULL)
        *at = PrefixTableEntry->NextPrefixTree;
    PrefixTable->LastNextEntry = NULL;
}

/* Of names that differ in case only, characters from CaseInsensitiveIndex on may differ in case. */
PUNICODE_PREFIX_TABLE_ENTRY RtlFindUnicodePrefix(PUNICODE_PREFIX_TABLE PrefixTable, PCUNICODE_STRING FullName,
                                                 ULONG CaseInsensitiveIndex)
{
    RTL_IRQL(RtlFindUnicodePrefix);
    for (PUNICODE_PREFIX_TABLE_ENTRY entry = PrefixTable->NextPrefixTree; entry != NULL;
         entry = entry->NextPrefixTree) {
        SIZE_T exact = entry->Prefix->Length / sizeof(WCHAR);
        if (exact > CaseInsensitiveIndex)
            exact = CaseInsensitiveIndex;
        if (IsPrefix(entry->Prefix, FullName, TRUE) &&
            RtlpCompare(entry->Prefix->Buffer, exact, FullName->Buffer, exact, FALSE) == 0)
            return entry;
    }
    return NULL;
}

PUNICODE_PREFIX_TABLE_ENTRY RtlNextUnicodePrefix(PUNICODE_PREFIX_TABLE PrefixTable, BOOLEAN Restart)
{
    RTL_IRQL(RtlNextUnicodePrefix);
    PUNICODE_PREFIX_TABLE_ENTRY last = Restart ? NULL : PrefixTable->LastNextEntry;

    if (!Restart && last == NULL)
        return NULL;
    PrefixTable->LastNextEntry = last != NULL ? last->NextPrefixTree : PrefixTable->NextPrefixTree;
    return PrefixTable->LastNextEntry;
}
