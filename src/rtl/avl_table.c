/* Generic tables over AVL trees. The tree hangs from the right child of Table->BalancedRoot; Balance is the
 * right side's height less the left's. An element lies after its links. */
#include "rtl/rtlp.h"

typedef RTL_BALANCED_LINKS LINKS;

#define DATA_OF(links) ((PVOID)((LINKS *)(links) + 1))

VOID RtlInitializeGenericTableAvl(PRTL_AVL_TABLE Table, PRTL_AVL_COMPARE_ROUTINE CompareRoutine,
                                  PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine, PRTL_AVL_FREE_ROUTINE FreeRoutine,
                                  PVOID TableContext)
{
    RTL_IRQL(RtlInitializeGenericTableAvl);
    memset(Table, 0, sizeof *Table);
    Table->BalancedRoot.Parent = &Table->BalancedRoot;
    Table->CompareRoutine = CompareRoutine;
    Table->AllocateRoutine = AllocateRoutine;
    Table->FreeRoutine = FreeRoutine;
    Table->TableContext = TableContext;
}

static TABLE_SEARCH_RESULT Search(PRTL_AVL_TABLE table, PVOID buffer, LINKS **found)
{
    LINKS *node = table->BalancedRoot.RightChild;
    TABLE_SEARCH_RESULT result = TableEmptyTree;

    *found = NULL;
    while (node != NULL) {
        *found = node;
        switch (table->CompareRoutine(table, buffer, DATA_OF(node))) {
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

/* -- balance -------------------------------------------------------------------------------------- */

static void SetChild(LINKS *parent, LINKS *old, LINKS *new)
{
    if (parent->LeftChild == old)
        parent->LeftChild = new;
    else
        parent->RightChild = new;
    if (new != NULL)
        new->Parent = parent;
}

static void RotateUp(LINKS *x)
{
    LINKS *parent = x->Parent;

    SetChild(parent->Parent, parent, x);
    if (parent->LeftChild == x) {
        parent->LeftChild = x->RightChild;
        if (x->RightChild != NULL)
            x->RightChild->Parent = parent;
        x->RightChild = parent;
    } else {
        parent->RightChild = x->LeftChild;
        if (x->LeftChild != NULL)
            x->LeftChild->Parent = parent;
        x->LeftChild = parent;
    }
    parent->Parent = x;
}

/* `top` leans to `side` (1 right, -1 left) by two. Returns the subtree's new top; *shorter: it lost height. */
static LINKS *Rebalance(LINKS *top, CHAR side, BOOLEAN *shorter)
{
    LINKS *child = side > 0 ? top->RightChild : top->LeftChild;

    *shorter = TRUE;
    if (child->Balance == -side) {
        LINKS *middle = side > 0 ? child->LeftChild : child->RightChild;
        RotateUp(middle);
        RotateUp(middle);
        top->Balance = middle->Balance == side ? (CHAR)-side : 0;
        child->Balance = middle->Balance == -side ? side : 0;
        middle->Balance = 0;
        return middle;
    }
    RotateUp(child);
    if (child->Balance == 0) {
        top->Balance = side;
        child->Balance = (CHAR)-side;
        *shorter = FALSE;
    } else {
        top->Balance = child->Balance = 0;
    }
    return child;
}

static CHAR SideOf(const LINKS *node)
{
    return node->Parent->LeftChild == node ? -1 : 1;
}

static void GrownAt(PRTL_AVL_TABLE table, LINKS *node)
{
    for (; node->Parent != &table->BalancedRoot; node = node->Parent) {
        CHAR side = SideOf(node);
        LINKS *parent = node->Parent;
        if (parent->Balance == side) {
            BOOLEAN shorter;
            Rebalance(parent, side, &shorter);
            return;
        }
        parent->Balance = (CHAR)(parent->Balance + side);
        if (parent->Balance == 0)
            return;
    }
    table->DepthOfTree++;
}

/* The subtree at `side` of `parent` became one lower. */
static void ShrunkAt(PRTL_AVL_TABLE table, LINKS *parent, CHAR side)
{
    while (parent != &table->BalancedRoot) {
        LINKS *above = parent->Parent;
        CHAR above_side = SideOf(parent);
        if (parent->Balance == 0) {
            parent->Balance = (CHAR)-side;
            return;
        }
        BOOLEAN shorter = TRUE;
        if (parent->Balance == side)
            parent->Balance = 0;
        else
            Rebalance(parent, (CHAR)-side, &shorter);
        if (!shorter)
            return;
        parent = above;
        side = above_side;
    }
    table->DepthOfTree--;
}

/* -- insert, delete, look up ------------------------------------------------------------------------ */

static void Attach(PRTL_AVL_TABLE table, LINKS *node, LINKS *parent, TABLE_SEARCH_RESULT where)
{
    memset(node, 0, sizeof *node);
    if (where == TableEmptyTree) {
        node->Parent = &table->BalancedRoot;
        table->BalancedRoot.RightChild = node;
    } else {
        node->Parent = parent;
        if (where == TableInsertAsLeft)
            parent->LeftChild = node;
        else
            parent->RightChild = node;
    }
    table->NumberGenericTableElements++;
    GrownAt(table, node);
}

PVOID RtlInsertElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                          PBOOLEAN NewElement, PVOID NodeOrParent,
                                          TABLE_SEARCH_RESULT SearchResult)
{
    LINKS *node = NodeOrParent;

    if (NewElement != NULL)
        *NewElement = FALSE;
    if (SearchResult == TableFoundNode)
        return DATA_OF(node);
    node = Table->AllocateRoutine(Table, (CLONG)(BufferSize + sizeof(LINKS)));
    if (node == NULL)
        return NULL;
    Attach(Table, node, NodeOrParent, SearchResult);
    memcpy(DATA_OF(node), Buffer, BufferSize);
    Table->OrderedPointer = NULL;
    Table->WhichOrderedElement = 0;
    if (NewElement != NULL)
        *NewElement = TRUE;
    return DATA_OF(node);
}

PVOID RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize, PBOOLEAN NewElement)
{
    RTL_IRQL(RtlInsertElementGenericTableAvl);
    LINKS *node;
    TABLE_SEARCH_RESULT result = Search(Table, Buffer, &node);
    return RtlInsertElementGenericTableFullAvl(Table, Buffer, BufferSize, NewElement, node, result);
}

static LINKS *Leftmost(LINKS *node)
{
    while (node != NULL && node->LeftChild != NULL)
        node = node->LeftChild;
    return node;
}

static LINKS *Next(PRTL_AVL_TABLE table, LINKS *node)
{
    if (node->RightChild != NULL)
        return Leftmost(node->RightChild);
    while (node->Parent != &table->BalancedRoot && node->Parent->RightChild == node)
        node = node->Parent;
    return node->Parent == &table->BalancedRoot ? NULL : node->Parent;
}

static LINKS *Previous(PRTL_AVL_TABLE table, LINKS *node)
{
    if (node->LeftChild != NULL) {
        node = node->LeftChild;
        while (node->RightChild != NULL)
            node = node->RightChild;
        return node;
    }
    while (node->Parent != &table->BalancedRoot && node->Parent->LeftChild == node)
        node = node->Parent;
    return node->Parent == &table->BalancedRoot ? NULL : node->Parent;
}

/* `heir` has no left child; it leaves its place for `node`'s. */
static void ReplaceByHeir(PRTL_AVL_TABLE table, LINKS *node, LINKS *heir)
{
    LINKS *from = heir->Parent;
    CHAR side = SideOf(heir);

    SetChild(from, heir, heir->RightChild);
    heir->LeftChild = node->LeftChild;
    heir->RightChild = node->RightChild;
    heir->Balance = node->Balance;
    SetChild(node->Parent, node, heir);
    if (heir->LeftChild != NULL)
        heir->LeftChild->Parent = heir;
    if (heir->RightChild != NULL)
        heir->RightChild->Parent = heir;
    ShrunkAt(table, from == node ? heir : from, side);
}

static void Detach(PRTL_AVL_TABLE table, LINKS *node)
{
    if (table->RestartKey == node)
        table->RestartKey = Previous(table, node);
    table->OrderedPointer = NULL;
    table->WhichOrderedElement = 0;
    table->DeleteCount++;
    table->NumberGenericTableElements--;
    if (node->LeftChild != NULL && node->RightChild != NULL) {
        ReplaceByHeir(table, node, Leftmost(node->RightChild));
        return;
    }
    LINKS *parent = node->Parent;
    CHAR side = SideOf(node);
    SetChild(parent, node, node->LeftChild != NULL ? node->LeftChild : node->RightChild);
    ShrunkAt(table, parent, side);
}

VOID RtlDeleteElementGenericTableAvlEx(PRTL_AVL_TABLE Table, PVOID NodeOrParent)
{
    Detach(Table, NodeOrParent);
    Table->FreeRoutine(Table, NodeOrParent);
}

BOOLEAN RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    LINKS *node;

    if (Search(Table, Buffer, &node) != TableFoundNode)
        return FALSE;
    RtlDeleteElementGenericTableAvlEx(Table, node);
    return TRUE;
}

PVOID RtlLookupElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *NodeOrParent,
                                          TABLE_SEARCH_RESULT *SearchResult)
{
    LINKS *node;

    *SearchResult = Search(Table, Buffer, &node);
    *NodeOrParent = node;
    return *SearchResult == TableFoundNode ? DATA_OF(node) : NULL;
}

PVOID RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    RTL_IRQL(RtlLookupElementGenericTableAvl);
    LINKS *node;
    return Search(Table, Buffer, &node) == TableFoundNode ? DATA_OF(node) : NULL;
}

PVOID RtlLookupFirstMatchingElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *RestartKey)
{
    LINKS *node, *before;

    if (Search(Table, Buffer, &node) != TableFoundNode) {
        *RestartKey = NULL;
        return NULL;
    }
    while ((before = Previous(Table, node)) != NULL &&
           Table->CompareRoutine(Table, Buffer, DATA_OF(before)) == GenericEqual)
        node = before;
    *RestartKey = node;
    return DATA_OF(node);
}

/* -- enumeration ------------------------------------------------------------------------------------ */

PVOID RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE Table, PVOID *RestartKey)
{
    LINKS *node = *RestartKey == NULL ? Leftmost(Table->BalancedRoot.RightChild) : Next(Table, *RestartKey);

    if (node == NULL)
        return NULL;
    *RestartKey = node;
    return DATA_OF(node);
}

PVOID RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE Table, BOOLEAN Restart)
{
    PVOID key = Restart ? NULL : Table->RestartKey;
    PVOID data = RtlEnumerateGenericTableWithoutSplayingAvl(Table, &key);

    if (data != NULL)
        Table->RestartKey = key;
    return data;
}

PVOID RtlGetElementGenericTableAvl(PRTL_AVL_TABLE Table, ULONG I)
{
    LINKS *node = Table->OrderedPointer;
    ULONG at = Table->WhichOrderedElement;

    if (I >= Table->NumberGenericTableElements)
        return NULL;
    if (node == NULL || I < at) {
        node = Leftmost(Table->BalancedRoot.RightChild);
        at = 0;
    }
    for (; at < I; at++)
        node = Next(Table, node);
    Table->OrderedPointer = node;
    Table->WhichOrderedElement = at;
    return DATA_OF(node);
}

ULONG RtlNumberGenericTableElementsAvl(PRTL_AVL_TABLE Table)
{
    return Table->NumberGenericTableElements;
}

BOOLEAN RtlIsGenericTableEmptyAvl(PRTL_AVL_TABLE Table)
{
    return Table->NumberGenericTableElements == 0;
}
