/* Generic tables over splay trees. An element lies after the tree's links and the insertion order's. */
#include "rtl/rtlp.h"

struct element {
    RTL_SPLAY_LINKS links;
    LIST_ENTRY order; // Table->InsertOrderList
    LONGLONG data[];
};

#define ELEMENT_OF(data_pointer) CONTAINING_RECORD(data_pointer, struct element, data)
#define OF_LINKS(links_pointer) CONTAINING_RECORD(links_pointer, struct element, links)

VOID RtlInitializeGenericTable(PRTL_GENERIC_TABLE Table, PRTL_GENERIC_COMPARE_ROUTINE CompareRoutine,
                               PRTL_GENERIC_ALLOCATE_ROUTINE AllocateRoutine,
                               PRTL_GENERIC_FREE_ROUTINE FreeRoutine, PVOID TableContext)
{
    RTL_IRQL(RtlInitializeGenericTable);
    memset(Table, 0, sizeof *Table);
    InitializeListHead(&Table->InsertOrderList);
    Table->OrderedPointer = &Table->InsertOrderList;
    Table->CompareRoutine = CompareRoutine;
    Table->AllocateRoutine = AllocateRoutine;
    Table->FreeRoutine = FreeRoutine;
    Table->TableContext = TableContext;
}

static TABLE_SEARCH_RESULT Search(PRTL_GENERIC_TABLE table, PVOID buffer, PRTL_SPLAY_LINKS *found)
{
    PRTL_SPLAY_LINKS node = table->TableRoot;
    TABLE_SEARCH_RESULT result = TableEmptyTree;

    *found = NULL;
    while (node != NULL) {
        *found = node;
        switch (table->CompareRoutine(table, buffer, OF_LINKS(node)->data)) {
        case GenericLessThan:
            result = TableInsertAsLeft;
            node = node->LeftChild;
            break;
        case GenericGreaterThan:
            result = TableInsertAsRight;
            node = node->RightChild;
            break;
        default:
            return TableFoundNode;
        }
    }
    return result;
}

PVOID RtlLookupElementGenericTableFull(PRTL_GENERIC_TABLE Table, PVOID Buffer, PVOID *NodeOrParent,
                                       TABLE_SEARCH_RESULT *SearchResult)
{
    PRTL_SPLAY_LINKS node;

    *SearchResult = Search(Table, Buffer, &node);
    *NodeOrParent = node;
    if (*SearchResult != TableFoundNode)
        return NULL;
    Table->TableRoot = RtlSplay(node);
    return OF_LINKS(node)->data;
}

PVOID RtlLookupElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer)
{
    PVOID node;
    TABLE_SEARCH_RESULT result;
    return RtlLookupElementGenericTableFull(Table, Buffer, &node, &result);
}

PVOID RtlInsertElementGenericTableFull(PRTL_GENERIC_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                       PBOOLEAN NewElement, PVOID NodeOrParent, TABLE_SEARCH_RESULT SearchResult)
{
    PRTL_SPLAY_LINKS node = NodeOrParent;

    if (SearchResult != TableFoundNode) {
        struct element *element = Table->AllocateRoutine(Table, (CLONG)(BufferSize + sizeof(struct element)));
        if (element == NULL) {
            if (NewElement != NULL)
                *NewElement = FALSE;
            return NULL;
        }
        RtlInitializeSplayLinks(&element->links);
        InsertTailList(&Table->InsertOrderList, &element->order);
        Table->NumberGenericTableElements++;
        if (SearchResult == TableInsertAsLeft)
            RtlInsertAsLeftChild(node, &element->links);
        else if (SearchResult == TableInsertAsRight)
            RtlInsertAsRightChild(node, &element->links);
        memcpy(element->data, Buffer, BufferSize);
        node = &element->links;
    }
    Table->TableRoot = RtlSplay(node);
    if (NewElement != NULL)
        *NewElement = SearchResult != TableFoundNode;
    return OF_LINKS(node)->data;
}

PVOID RtlInsertElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer, CLONG BufferSize, PBOOLEAN NewElement)
{
    RTL_IRQL(RtlInsertElementGenericTable);
    PRTL_SPLAY_LINKS node;
    TABLE_SEARCH_RESULT result = Search(Table, Buffer, &node);
    return RtlInsertElementGenericTableFull(Table, Buffer, BufferSize, NewElement, node, result);
}

BOOLEAN RtlDeleteElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer)
{
    PRTL_SPLAY_LINKS node;

    if (Search(Table, Buffer, &node) != TableFoundNode)
        return FALSE;
    struct element *element = OF_LINKS(node);
    Table->TableRoot = RtlDelete(node);
    RemoveEntryList(&element->order);
    Table->NumberGenericTableElements--;
    Table->WhichOrderedElement = 0;
    Table->OrderedPointer = &Table->InsertOrderList;
    Table->FreeRoutine(Table, element);
    return TRUE;
}

static PRTL_SPLAY_LINKS First(PRTL_GENERIC_TABLE table)
{
    PRTL_SPLAY_LINKS node = table->TableRoot;

    while (node != NULL && node->LeftChild != NULL)
        node = node->LeftChild;
    return node;
}

/* Goes on from the root, which is where the last element was splayed to. */
PVOID RtlEnumerateGenericTable(PRTL_GENERIC_TABLE Table, BOOLEAN Restart)
{
    if (Table->TableRoot == NULL)
        return NULL;
    PRTL_SPLAY_LINKS node = Restart ? First(Table) : RtlRealSuccessor(Table->TableRoot);
    if (node == NULL)
        return NULL;
    Table->TableRoot = RtlSplay(node);
    return OF_LINKS(node)->data;
}

PVOID RtlEnumerateGenericTableWithoutSplaying(PRTL_GENERIC_TABLE Table, PVOID *RestartKey)
{
    if (Table->TableRoot == NULL)
        return NULL;
    PRTL_SPLAY_LINKS node = *RestartKey == NULL ? First(Table) : RtlRealSuccessor(*RestartKey);
    if (node == NULL)
        return NULL;
    *RestartKey = node;
    return OF_LINKS(node)->data;
}

/* By order of insertion; goes on from the element asked for last. */
PVOID RtlGetElementGenericTable(PRTL_GENERIC_TABLE Table, ULONG I)
{
    if (I >= Table->NumberGenericTableElements)
        return NULL;
    PLIST_ENTRY entry = Table->OrderedPointer;
    ULONG at = Table->WhichOrderedElement; /* of `entry`, from 1; 0 is the head */
    for (; at < I + 1; at++)
        entry = entry->Flink;
    for (; at > I + 1; at--)
        entry = entry->Blink;
    Table->OrderedPointer = entry;
    Table->WhichOrderedElement = at;
    return CONTAINING_RECORD(entry, struct element, order)->data;
}

ULONG RtlNumberGenericTableElements(PRTL_GENERIC_TABLE Table)
{
    return Table->NumberGenericTableElements;
}

BOOLEAN RtlIsGenericTableEmpty(PRTL_GENERIC_TABLE Table)
{
    return Table->TableRoot == NULL;
}
