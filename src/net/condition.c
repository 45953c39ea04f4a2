/* Conditions of filters: which make sense, and which hold. */
#include "net/layer.h"

#include <string.h>

/* ---- which make sense ---- */

static bool is_comparable(FWP_DATA_TYPE condition, FWP_DATA_TYPE type)
{
    switch ((int)condition) {
    case FWP_RANGE_TYPE: return true;
    case FWP_V4_ADDR_MASK: return type == FWP_UINT32;
    case FWP_V6_ADDR_MASK: return type == FWP_BYTE_ARRAY16_TYPE;
    default: return condition == type;
    }
}

static bool is_number(FWP_DATA_TYPE type)
{
    return type >= FWP_UINT8 && type <= FWP_UINT64;
}

NTSTATUS NetpCheckCondition(const FWPM_FILTER_CONDITION0 *condition, FWP_DATA_TYPE type)
{
    FWP_DATA_TYPE given = condition->conditionValue.type;
    const FWP_RANGE0 *range = condition->conditionValue.rangeValue;

    if (condition->matchType >= FWP_MATCH_TYPE_MAX)
        return STATUS_FWP_MATCH_TYPE_MISMATCH;
    if ((condition->matchType == FWP_MATCH_RANGE) != (given == FWP_RANGE_TYPE))
        return STATUS_FWP_MATCH_TYPE_MISMATCH;
    if (type == FWP_EMPTY)
        return STATUS_SUCCESS;
    if (given == FWP_RANGE_TYPE)
        return range->valueLow.type == type && range->valueHigh.type == type ? STATUS_SUCCESS : STATUS_FWP_TYPE_MISMATCH;
    if (!is_comparable(given, type))
        return STATUS_FWP_TYPE_MISMATCH;
    if (condition->matchType >= FWP_MATCH_FLAGS_ALL_SET && condition->matchType <= FWP_MATCH_FLAGS_NONE_SET && !is_number(type))
        return STATUS_FWP_MATCH_TYPE_MISMATCH;
    return STATUS_SUCCESS;
}

/* ---- which hold ---- */

static UINT64 number_of(FWP_DATA_TYPE type, const FWP_VALUE0 *value)
{
    switch ((int)type) {
    case FWP_UINT8: return value->uint8;
    case FWP_UINT16: return value->uint16;
    case FWP_UINT64: return *value->uint64;
    default: return value->uint32;
    }
}

/* The union of a condition's value begins with that of a plain one. */
static const FWP_VALUE0 *plain(const FWP_CONDITION_VALUE0 *value)
{
    return (const FWP_VALUE0 *)value;
}

/* < 0, 0, > 0; of types that have no order only 0 counts. */
static int compare(const FWP_VALUE0 *a, const FWP_VALUE0 *b)
{
    if (a->type == FWP_BYTE_ARRAY16_TYPE)
        return memcmp(a->byteArray16, b->byteArray16, sizeof *a->byteArray16);
    if (a->type == FWP_BYTE_BLOB_TYPE) {
        if (a->byteBlob->size != b->byteBlob->size)
            return a->byteBlob->size < b->byteBlob->size ? -1 : 1;
        return memcmp(a->byteBlob->data, b->byteBlob->data, a->byteBlob->size);
    }
    if (!is_number(a->type))
        return 1;
    UINT64 x = number_of(a->type, a), y = number_of(b->type, b);
    return (x > y) - (x < y);
}

static bool is_in_v6_prefix(const UINT8 *address, const FWP_V6_ADDR_AND_MASK *prefix)
{
    UINT8 whole = prefix->prefixLength / 8, rest = prefix->prefixLength % 8;
    if (whole > FWP_V6_ADDR_SIZE || memcmp(address, prefix->addr, whole))
        return false;
    return !rest || whole == FWP_V6_ADDR_SIZE || (address[whole] ^ prefix->addr[whole]) >> (8 - rest) == 0;
}

static bool is_equal(const FWP_VALUE0 *value, const FWP_CONDITION_VALUE0 *with)
{
    if (with->type == FWP_V4_ADDR_MASK)
        return value->type == FWP_UINT32 && ((value->uint32 ^ with->v4AddrMask->addr) & with->v4AddrMask->mask) == 0;
    if (with->type == FWP_V6_ADDR_MASK)
        return value->type == FWP_BYTE_ARRAY16_TYPE && is_in_v6_prefix(value->byteArray16->byteArray16, with->v6AddrMask);
    return value->type == with->type && compare(value, plain(with)) == 0;
}

static UINT16 folded(const UINT8 *bytes)
{
    return RtlUpcaseUnicodeChar((WCHAR)(bytes[0] | bytes[1] << 8));
}

static bool is_equal_folded(const FWP_VALUE0 *value, const FWP_CONDITION_VALUE0 *with)
{
    if (value->type != FWP_BYTE_BLOB_TYPE || with->type != FWP_BYTE_BLOB_TYPE || value->byteBlob->size != with->byteBlob->size)
        return false;
    for (UINT32 i = 0; i + 1 < with->byteBlob->size; i += 2)
        if (folded(value->byteBlob->data + i) != folded(with->byteBlob->data + i))
            return false;
    return true;
}

bool NetpMatches(const FWPS_FILTER_CONDITION0 *condition, const FWP_VALUE0 *value)
{
    const FWP_CONDITION_VALUE0 *with = &condition->conditionValue;

    if (value->type == FWP_EMPTY)
        return false;
    if (condition->matchType == FWP_MATCH_RANGE)
        return with->rangeValue->valueLow.type == value->type && compare(value, &with->rangeValue->valueLow) >= 0 &&
               compare(value, &with->rangeValue->valueHigh) <= 0;
    if (condition->matchType == FWP_MATCH_EQUAL)
        return is_equal(value, with);
    if (condition->matchType == FWP_MATCH_NOT_EQUAL)
        return !is_equal(value, with);
    if (condition->matchType == FWP_MATCH_EQUAL_CASE_INSENSITIVE)
        return is_equal_folded(value, with);
    if (value->type != with->type)
        return false;
    switch ((int)condition->matchType) {
    case FWP_MATCH_GREATER: return compare(value, plain(with)) > 0;
    case FWP_MATCH_LESS: return compare(value, plain(with)) < 0;
    case FWP_MATCH_GREATER_OR_EQUAL: return compare(value, plain(with)) >= 0;
    case FWP_MATCH_LESS_OR_EQUAL: return compare(value, plain(with)) <= 0;
    default: break;
    }
    if (!is_number(value->type))
        return false;
    UINT64 flags = number_of(value->type, value), asked = number_of(with->type, plain(with));
    switch ((int)condition->matchType) {
    case FWP_MATCH_FLAGS_ALL_SET: return (flags & asked) == asked;
    case FWP_MATCH_FLAGS_ANY_SET: return (flags & asked) != 0;
    case FWP_MATCH_FLAGS_NONE_SET: return (flags & asked) == 0;
    default: return false;
    }
}

/* ---- copies: the filter's own, of all that a condition points to ---- */

static void *copy_of(const void *bytes, size_t size)
{
    return memcpy(sim_alloc(size ? size : 1), bytes, size);
}

static FWP_BYTE_BLOB *copy_blob(const FWP_BYTE_BLOB *blob)
{
    FWP_BYTE_BLOB *copy = copy_of(blob, sizeof *blob);
    copy->data = copy_of(blob->data, blob->size);
    return copy;
}

static bool is_blob(FWP_DATA_TYPE type)
{
    return type == FWP_BYTE_BLOB_TYPE || type == FWP_SECURITY_DESCRIPTOR_TYPE || type == FWP_TOKEN_ACCESS_INFORMATION_TYPE;
}

static size_t size_behind(FWP_DATA_TYPE type, const FWP_VALUE0 *value)
{
    switch ((int)type) {
    case FWP_UINT64:
    case FWP_INT64:
    case FWP_DOUBLE: return 8;
    case FWP_BYTE_ARRAY16_TYPE: return sizeof(FWP_BYTE_ARRAY16);
    case FWP_BYTE_ARRAY6_TYPE: return sizeof(FWP_BYTE_ARRAY6);
    case FWP_V4_ADDR_MASK: return sizeof(FWP_V4_ADDR_AND_MASK);
    case FWP_V6_ADDR_MASK: return sizeof(FWP_V6_ADDR_AND_MASK);
    case FWP_SID: return RtlLengthSid(value->sid);
    default: return 0;
    }
}

static void copy_value(FWP_VALUE0 *copy, const FWP_VALUE0 *value)
{
    *copy = *value;
    size_t size = size_behind(value->type, value);
    if (is_blob(value->type))
        copy->byteBlob = copy_blob(value->byteBlob);
    else if (size)
        copy->byteArray16 = copy_of(value->byteArray16, size);
}

static void free_value(FWP_VALUE0 *value)
{
    if (is_blob(value->type)) {
        sim_free(value->byteBlob->data);
        sim_free(value->byteBlob);
    } else if (size_behind(value->type, value)) {
        sim_free(value->byteArray16);
    }
}

void NetpCopyCondition(FWPS_FILTER_CONDITION0 *copy, const FWPM_FILTER_CONDITION0 *condition)
{
    copy->matchType = condition->matchType;
    copy->conditionValue.type = condition->conditionValue.type;
    if (condition->conditionValue.type != FWP_RANGE_TYPE) {
        copy_value((FWP_VALUE0 *)&copy->conditionValue, plain(&condition->conditionValue));
        return;
    }
    copy->conditionValue.rangeValue = sim_alloc(sizeof(FWP_RANGE0));
    copy_value(&copy->conditionValue.rangeValue->valueLow, &condition->conditionValue.rangeValue->valueLow);
    copy_value(&copy->conditionValue.rangeValue->valueHigh, &condition->conditionValue.rangeValue->valueHigh);
}

void NetpFreeCondition(FWPS_FILTER_CONDITION0 *condition)
{
    if (condition->conditionValue.type != FWP_RANGE_TYPE) {
        free_value((FWP_VALUE0 *)&condition->conditionValue);
        return;
    }
    free_value(&condition->conditionValue.rangeValue->valueLow);
    free_value(&condition->conditionValue.rangeValue->valueHigh);
    sim_free(condition->conditionValue.rangeValue);
}
