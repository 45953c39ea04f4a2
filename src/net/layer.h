/* The layers, and what a classification at each is given. */
#ifndef FLTSIM_NET_LAYER_H
#define FLTSIM_NET_LAYER_H

#include "net/netp.h"

enum net_field {
#define FIELD(name, v4, v6) NET_FIELD_##name,
#include "net/fields.inc"
#undef FIELD
    NET_FIELDS
};

struct net_layer {
    const char *name;
    UINT16 id; // FWPS_LAYER_...
    const GUID *key;
    bool known; // its fields are: classifications are made at it
    bool v6;
    UINT16 count;
    UINT16 index[NET_FIELDS]; // 1 + FWPS_FIELD_..., 0: the layer has no such field
};

const struct net_layer *NetpLayerByKey(const GUID *key);
const struct net_layer *NetpLayerById(UINT16 id);
/* 1 + the layer's index of the field that conditions name so; 0: it has none. An unknown layer has all of them. */
UINT16 NetpFieldOfCondition(const struct net_layer *layer, const GUID *condition, enum net_field *field);
FWP_DATA_TYPE NetpTypeOfField(const struct net_layer *layer, enum net_field field);

/* A condition against the value of its field. */
bool NetpMatches(const FWPS_FILTER_CONDITION0 *condition, const FWP_VALUE0 *value);
/* STATUS_FWP_TYPE_MISMATCH, STATUS_FWP_MATCH_TYPE_MISMATCH: no value of that type can be compared so. FWP_EMPTY: any type. */
NTSTATUS NetpCheckCondition(const FWPM_FILTER_CONDITION0 *condition, FWP_DATA_TYPE type);
void NetpCopyCondition(FWPS_FILTER_CONDITION0 *copy, const FWPM_FILTER_CONDITION0 *condition);
void NetpFreeCondition(FWPS_FILTER_CONDITION0 *condition);

#endif
