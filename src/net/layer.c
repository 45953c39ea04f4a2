#include "net/layer.h"

#include <string.h>

#define F(layer, field) [NET_FIELD_##field] = 1 + FWPS_FIELD_##layer##_##field,
#define LAYER(name, v6, ...)                                                                                           \
    {#name, FWPS_LAYER_##name, &FWPM_LAYER_##name, true, v6, FWPS_FIELD_##name##_MAX, {__VA_ARGS__}},
#define OTHER(name) {#name, FWPS_LAYER_##name, &FWPM_LAYER_##name, false, false, 0, {0}},
static const struct net_layer layers[] = {
#include "net/layers.inc"
};
enum { LAYERS = sizeof layers / sizeof *layers };

static const struct {
    const GUID *key;
    FWP_DATA_TYPE v4, v6;
} conditions[] = {
#define FIELD(name, v4, v6) {&FWPM_CONDITION_##name, v4, v6},
#include "net/fields.inc"
#undef FIELD
};

const struct net_layer *NetpLayerByKey(const GUID *key)
{
    for (size_t i = 0; i < LAYERS; i++)
        if (!memcmp(layers[i].key, key, sizeof *key))
            return &layers[i];
    return NULL;
}

const struct net_layer *NetpLayerById(UINT16 id)
{
    for (size_t i = 0; i < LAYERS; i++)
        if (layers[i].id == id)
            return &layers[i];
    return NULL;
}

UINT16 NetpFieldOfCondition(const struct net_layer *layer, const GUID *condition, enum net_field *field)
{
    for (int i = 0; i < NET_FIELDS; i++)
        if (!memcmp(conditions[i].key, condition, sizeof *condition)) {
            *field = (enum net_field)i;
            return layer->known ? layer->index[i] : 1;
        }
    return 0;
}

FWP_DATA_TYPE NetpTypeOfField(const struct net_layer *layer, enum net_field field)
{
    if (!layer->known)
        return FWP_EMPTY;
    return layer->v6 ? conditions[field].v6 : conditions[field].v4;
}
