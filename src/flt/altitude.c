/* Altitudes: decimal numbers of any length, with an optional fraction. */
#include "flt/core.h"

struct parts {
    const WCHAR *Integer, *Fraction;
    size_t IntegerLength, FractionLength;
};

static struct parts Split(PCUNICODE_STRING Altitude)
{
    struct parts parts = {.Integer = Altitude->Buffer};
    size_t length = Altitude->Length / sizeof(WCHAR), dot = 0;

    while (dot < length && Altitude->Buffer[dot] != '.')
        dot++;
    parts.IntegerLength = dot;
    if (dot < length) {
        parts.Fraction = Altitude->Buffer + dot + 1;
        parts.FractionLength = length - dot - 1;
    }
    while (parts.IntegerLength && *parts.Integer == '0') {
        parts.Integer++;
        parts.IntegerLength--;
    }
    while (parts.FractionLength && parts.Fraction[parts.FractionLength - 1] == '0')
        parts.FractionLength--;
    return parts;
}

static int CompareDigits(const WCHAR *Left, const WCHAR *Right, size_t Count)
{
    for (size_t i = 0; i < Count; i++)
        if (Left[i] != Right[i])
            return Left[i] < Right[i] ? -1 : 1;
    return 0;
}

int FltpCompareAltitudes(PCUNICODE_STRING Left, PCUNICODE_STRING Right)
{
    struct parts left = Split(Left), right = Split(Right);

    if (left.IntegerLength != right.IntegerLength)
        return left.IntegerLength < right.IntegerLength ? -1 : 1;
    int order = CompareDigits(left.Integer, right.Integer, left.IntegerLength);
    if (order)
        return order;
    size_t common = left.FractionLength < right.FractionLength ? left.FractionLength : right.FractionLength;
    order = CompareDigits(left.Fraction, right.Fraction, common);
    if (order || left.FractionLength == right.FractionLength)
        return order;
    return left.FractionLength < right.FractionLength ? -1 : 1;
}

bool FltpAltitudeIsValid(PCUNICODE_STRING Altitude)
{
    size_t length = Altitude ? Altitude->Length / sizeof(WCHAR) : 0, digits = 0, dots = 0;

    for (size_t i = 0; i < length; i++) {
        if (Altitude->Buffer[i] >= '0' && Altitude->Buffer[i] <= '9')
            digits++;
        else if (Altitude->Buffer[i] == '.')
            dots++;
        else
            return false;
    }
    return digits > 0 && dots <= 1;
}
