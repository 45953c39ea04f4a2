#include "ex/state.h"

#include "verify/verify.h"

#include <stdio.h>

static void describe(struct verify_violation *v, const struct pool_block *block)
{
    char line[64], tag[8];
    snprintf(line, sizeof line, "%zu bytes tagged '%s' allocated by", block->size, verify_tag(block->tag, tag));
    verify_site(v, line, block->site);
    if (block->free_site)
        verify_site(v, "freed by", block->free_site);
}

static const char *which_end(const struct pool_block *block, long *distance)
{
    const unsigned char *end = (const unsigned char *)pool_body(block) + block->size;
    if (block->guard != POOL_GUARD) {
        *distance = 8;
        for (int i = 0; i < 8 && ((const unsigned char *)&block->guard)[i] == POOL_GUARD_BYTE; i++)
            --*distance;
        return "before its start";
    }
    for (*distance = 0; end[*distance] == POOL_GUARD_BYTE; ++*distance)
        ;
    return "behind its end";
}

void ExpReportOverrun(struct pool_block *block, const char *routine, const void *site)
{
    long distance;
    const char *where = which_end(block, &distance);
    struct verify_violation *v =
        verify_begin(VERIFY_POOL_CORRUPTION, "Something wrote %ld byte%s %s of the pool block %p (%zu bytes).",
                     distance + (block->guard == POOL_GUARD), distance + (block->guard == POOL_GUARD) == 1 ? "" : "s",
                     where, pool_body(block), block->size);
    describe(v, block);
    if (routine) {
        char line[64];
        snprintf(line, sizeof line, "noticed when %s was called by", routine);
        verify_site(v, line, site);
    } else if (v) {
        verify_history(v, "noticed when the machine stopped");
    }
    if (v)
        verify_history(v, "fltsim_options.special_pool stops at the very instruction that writes");
    verify_end_or_go_on(v, 0x19, 0x20, (uintptr_t)block, (uintptr_t)block + block->size, 0);
}

void ExpReportWrittenAfterFree(struct pool_block *block, size_t offset)
{
    struct verify_violation *v =
        verify_begin(VERIFY_POOL_USE_AFTER_FREE,
                     "Something wrote to the pool block %p (%zu bytes) at offset %zu after it was freed.",
                     pool_body(block), block->size, offset);
    describe(v, block);
    if (v)
        verify_history(v, "fltsim_options.special_pool stops at the very instruction that writes");
    verify_end(v);
}

void ExpReportBadFree(void *body, ULONG tag, const char *routine, const void *site)
{
    struct verify_violation *v =
        body ? verify_begin(VERIFY_POOL_BAD_FREE,
                            "%s was given %p, which is not the start of a pool block: it came from elsewhere, or was "
                            "advanced since.",
                            routine, body)
             : verify_begin(VERIFY_POOL_BAD_FREE, "%s was given a null pointer.", routine);
    verify_site(v, "called by", site);
    verify_end_or_go_on(v, 0xC2, 0x46, (uintptr_t)body, tag, 0);
}

void ExpReportWrongTag(struct pool_block *block, void *body, ULONG tag, const char *routine, const void *site)
{
    char is[8], given[8];
    struct verify_violation *v =
        verify_begin(VERIFY_POOL_WRONG_TAG, "%s was given the tag '%s' for the block %p, which is tagged '%s'.", routine,
                     verify_tag(tag, given), body, verify_tag(block->tag, is));
    describe(v, block);
    verify_site(v, "and now freed by", site);
    verify_end_or_go_on(v, 0xC2, 0xA, (uintptr_t)body, block->tag, tag);
}

void ExpReportDoubleFree(struct pool_block *block, const char *routine, const void *site)
{
    struct verify_violation *v =
        verify_begin(VERIFY_DOUBLE_FREE, "%s was given the block %p, which is free already.", routine, pool_body(block));
    describe(v, block);
    verify_site(v, "and again by", site);
    verify_end_or_go_on(v, 0xC2, 0x7, 0, block->tag, (uintptr_t)pool_body(block));
}
