/* Splay trees over links in the caller's structures. The root is its own parent. */
#include "rtl/rtlp.h"

static void Replace(PRTL_SPLAY_LINKS old, PRTL_SPLAY_LINKS new)
{
    PRTL_SPLAY_LINKS parent = old->Parent;

    if (parent == old) {
        if (new != NULL)
            new->Parent = new;
        return;
    }
    if (parent->LeftChild == old)
        parent->LeftChild = new;
    else
        parent->RightChild = new;
    if (new != NULL)
        new->Parent = parent;
}

/* Turns the edge between x and its parent round, so that x is above. */
static void RotateUp(PRTL_SPLAY_LINKS x)
{
    PRTL_SPLAY_LINKS parent = x->Parent;
    PRTL_SPLAY_LINKS middle;

    Replace(parent, x);
    if (parent->LeftChild == x) {
        middle = x->RightChild;
        parent->LeftChild = middle;
        x->RightChild = parent;
    } else {
        middle = x->LeftChild;
        parent->RightChild = middle;
        x->LeftChild = parent;
    }
    if (middle != NULL)
        middle->Parent = parent;
    parent->Parent = x;
}

PRTL_SPLAY_LINKS RtlSplay(PRTL_SPLAY_LINKS Links)
{
    while (!RtlIsRoot(Links)) {
        PRTL_SPLAY_LINKS parent = Links->Parent;
        if (!RtlIsRoot(parent))
            RotateUp(RtlIsLeftChild(parent) == RtlIsLeftChild(Links) ? parent : Links);
        RotateUp(Links);
    }
    return Links;
}

PRTL_SPLAY_LINKS RtlSubtreeSuccessor(PRTL_SPLAY_LINKS Links)
{
    PRTL_SPLAY_LINKS x = Links->RightChild;

    while (x != NULL && x->LeftChild != NULL)
        x = x->LeftChild;
    return x;
}

PRTL_SPLAY_LINKS RtlSubtreePredecessor(PRTL_SPLAY_LINKS Links)
{
    PRTL_SPLAY_LINKS x = Links->LeftChild;

    while (x != NULL && x->RightChild != NULL)
        x = x->RightChild;
    return x;
}

PRTL_SPLAY_LINKS RtlRealSuccessor(PRTL_SPLAY_LINKS Links)
{
    PRTL_SPLAY_LINKS x = RtlSubtreeSuccessor(Links);

    if (x != NULL)
        return x;
    for (x = Links; RtlIsRightChild(x) && !RtlIsRoot(x);)
        x = x->Parent;
    return RtlIsRoot(x) ? NULL : x->Parent;
}

PRTL_SPLAY_LINKS RtlRealPredecessor(PRTL_SPLAY_LINKS Links)
{
    PRTL_SPLAY_LINKS x = RtlSubtreePredecessor(Links);

    if (x != NULL)
        return x;
    for (x = Links; RtlIsLeftChild(x) && !RtlIsRoot(x);)
        x = x->Parent;
    return RtlIsRoot(x) ? NULL : x->Parent;
}

/* Puts `replacement` where `links` is, with its children. */
static void TakePlace(PRTL_SPLAY_LINKS links, PRTL_SPLAY_LINKS replacement)
{
    replacement->LeftChild = links->LeftChild;
    replacement->RightChild = links->RightChild;
    if (replacement->LeftChild != NULL)
        replacement->LeftChild->Parent = replacement;
    if (replacement->RightChild != NULL)
        replacement->RightChild->Parent = replacement;
    Replace(links, replacement);
}

/* Unlinks without splaying; the node from which a splay would go on, or NULL for an empty tree. */
static PRTL_SPLAY_LINKS Unlink(PRTL_SPLAY_LINKS links)
{
    PRTL_SPLAY_LINKS heir;

    if (links->LeftChild != NULL && links->RightChild != NULL) {
        heir = RtlSubtreePredecessor(links);
        Replace(heir, heir->LeftChild);
        TakePlace(links, heir);
        return heir;
    }
    heir = links->LeftChild != NULL ? links->LeftChild : links->RightChild;
    PRTL_SPLAY_LINKS parent = RtlIsRoot(links) ? NULL : links->Parent;
    Replace(links, heir);
    return parent != NULL ? parent : heir;
}

PRTL_SPLAY_LINKS RtlDelete(PRTL_SPLAY_LINKS Links)
{
    PRTL_SPLAY_LINKS from = Unlink(Links);
    return from != NULL ? RtlSplay(from) : NULL;
}

VOID RtlDeleteNoSplay(PRTL_SPLAY_LINKS Links, PRTL_SPLAY_LINKS *Root)
{
    PRTL_SPLAY_LINKS from = Unlink(Links);

    while (from != NULL && !RtlIsRoot(from))
        from = from->Parent;
    *Root = from;
}
