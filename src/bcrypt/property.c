/* What can be asked and said of providers, hashes and keys. */
#include "bcrypt/bcryptp.h"

#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

struct property {
    ULONG size;
    union {
        ULONG number;
        BCRYPT_KEY_LENGTHS_STRUCT lengths;
        BCRYPT_HANDLE handle;
        UCHAR bytes[64];
    };
};

static bool number(struct property *property, ULONG value)
{
    property->size = sizeof value;
    property->number = value;
    return true;
}

static bool text(struct property *property, const WCHAR *value)
{
    property->size = sizeof *value;
    for (const WCHAR *c = value; *c; c++)
        property->size += sizeof *value;
    memcpy(property->bytes, value, property->size);
    return true;
}

static bool lengths(struct property *property, ULONG least, ULONG most, ULONG step)
{
    property->size = sizeof property->lengths;
    property->lengths = (BCRYPT_KEY_LENGTHS_STRUCT){least, most, step};
    return true;
}

static bool of_hash(const struct bcrypt_object *object, LPCWSTR name, struct property *property)
{
    const struct bcrypt_algorithm *algorithm = object->algorithm;

    if (BCryptpSameName(u"HashDigestLength", name))
        return number(property, algorithm->size);
    if (BCryptpSameName(u"HashBlockLength", name))
        return number(property, algorithm->block);
    if (BCryptpSameName(u"IsKeyedHash", name))
        return number(property, BCryptpIsHmac(object));
    if (BCryptpSameName(u"IsReusableHash", name))
        return number(property, (object->flags & BCRYPT_HASH_REUSABLE_FLAG) != 0);
    return false;
}

static bool of_key(const struct bcrypt_object *key, LPCWSTR name, struct property *property)
{
    if (BCryptpSameName(u"KeyLength", name) || BCryptpSameName(u"KeyStrength", name))
        return number(property, key->key_size * 8);
    if (!BCryptpSameName(u"IV", name) || !key->mode->chained)
        return false;
    property->size = sizeof key->vector;
    memcpy(property->bytes, key->vector, sizeof key->vector);
    return true;
}

static bool of_cipher(const struct bcrypt_object *object, LPCWSTR name, struct property *property)
{
    const struct bcrypt_mode *mode = object->mode;

    if (BCryptpSameName(u"ChainingMode", name))
        return text(property, mode->id);
    if (BCryptpSameName(u"BlockLength", name))
        return number(property, object->algorithm->block);
    if (BCryptpSameName(u"KeyLengths", name))
        return lengths(property, 128, 256, 64);
    if (BCryptpSameName(u"AuthTagLength", name) && mode->sealed)
        return !strcmp(mode->name, "GCM") ? lengths(property, 12, 16, 1) : lengths(property, 4, 16, 2);
    if (BCryptpSameName(u"MessageBlockLength", name) && !strcmp(mode->name, "CFB"))
        return number(property, object->feedback);
    return object->kind == BCRYPT_KEY && of_key(object, name, property);
}

static bool find(const struct bcrypt_object *object, LPCWSTR name, struct property *property)
{
    if (BCryptpSameName(u"AlgorithmName", name))
        return text(property, object->algorithm->id);
    if (BCryptpSameName(u"ObjectLength", name))
        return number(property, object->algorithm->object);
    if (BCryptpSameName(u"ProviderHandle", name) && object->provider) {
        property->size = sizeof property->handle;
        property->handle = object->provider;
        return true;
    }
    return object->algorithm->class == BCRYPT_HASHES    ? of_hash(object, name, property)
           : object->algorithm->class == BCRYPT_CIPHERS ? of_cipher(object, name, property)
                                                        : false;
}

enum { ANY = BCRYPT_PROVIDER | BCRYPT_HASH | BCRYPT_KEY };

NTSTATUS BCryptGetProperty(BCRYPT_HANDLE hObject, LPCWSTR pszProperty, PUCHAR pbOutput, ULONG cbOutput, ULONG *pcbResult,
                           ULONG dwFlags)
{
    API_ENTER(BCryptGetProperty, hObject, SCHED_READ);
    struct bcrypt_object *object = BCryptpFind(hObject, ANY, "BCryptGetProperty", VERIFY_CALLER);
    struct property property;

    if (!object)
        return STATUS_INVALID_HANDLE;
    if (!pszProperty || !pcbResult || dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (!find(object, pszProperty, &property))
        return STATUS_NOT_SUPPORTED;
    *pcbResult = property.size;
    if (!pbOutput)
        return STATUS_SUCCESS;
    if (cbOutput < property.size)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(pbOutput, property.bytes, property.size);
    return STATUS_SUCCESS;
}

static NTSTATUS set_mode(struct bcrypt_object *object, const void *input, ULONG size)
{
    const WCHAR *name = input;
    const struct bcrypt_mode *mode;

    if (size < sizeof(WCHAR) || size % sizeof(WCHAR) || name[size / sizeof(WCHAR) - 1])
        return STATUS_INVALID_PARAMETER;
    mode = BCryptpMode(name);
    if (!mode)
        return STATUS_NOT_SUPPORTED;
    object->mode = mode;
    return STATUS_SUCCESS;
}

static NTSTATUS set_feedback(struct bcrypt_object *object, const void *input, ULONG size)
{
    ULONG length;

    if (size != sizeof length)
        return STATUS_INVALID_PARAMETER;
    memcpy(&length, input, sizeof length);
    if (length != 1 && length != object->algorithm->block)
        return STATUS_INVALID_PARAMETER;
    object->feedback = length;
    return STATUS_SUCCESS;
}

NTSTATUS BCryptSetProperty(BCRYPT_HANDLE hObject, LPCWSTR pszProperty, PUCHAR pbInput, ULONG cbInput, ULONG dwFlags)
{
    API_ENTER(BCryptSetProperty, hObject, SCHED_WRITE);
    struct bcrypt_object *object = BCryptpFind(hObject, ANY, "BCryptSetProperty", VERIFY_CALLER);

    if (!object)
        return STATUS_INVALID_HANDLE;
    if (!pszProperty || !pbInput || dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (object->algorithm->class != BCRYPT_CIPHERS || BCryptpPseudo(hObject))
        return STATUS_NOT_SUPPORTED;
    if (BCryptpSameName(u"ChainingMode", pszProperty))
        return set_mode(object, pbInput, cbInput);
    if (BCryptpSameName(u"MessageBlockLength", pszProperty))
        return set_feedback(object, pbInput, cbInput);
    if (!BCryptpSameName(u"IV", pszProperty) || object->kind != BCRYPT_KEY)
        return STATUS_NOT_SUPPORTED;
    if (cbInput != sizeof object->vector)
        return STATUS_INVALID_PARAMETER;
    memcpy(object->vector, pbInput, cbInput);
    return STATUS_SUCCESS;
}
