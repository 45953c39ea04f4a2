/* Text by Windows' printf rules: %wZ %Z %ws %S %I64x; `l` is 32 bits; %p is sixteen capital digits. */
#include "rtl/rtlp.h"

#include <stdio.h>

enum size { SIZE_INT, SIZE_CHAR, SIZE_SHORT, SIZE_LONG, SIZE_INT64, SIZE_POINTER };

struct directive {
    BOOLEAN left, zero, plus, blank, alternate;
    int width, precision; /* precision -1: none given */
    enum size size;
    BOOLEAN narrow, wide; /* h; l or w: which kind of text is meant */
    WCHAR conversion;
};

/* A va_list that can be passed by address on every host. */
struct arguments {
    va_list list;
    bool structures; /* some came by value */
};

struct reader {
    PCSTR narrow;
    PCWSTR wide;
};

static WCHAR Peek(const struct reader *format, int ahead)
{
    return format->wide != NULL ? format->wide[ahead] : (WCHAR)(UCHAR)format->narrow[ahead];
}

static void Skip(struct reader *format, int count)
{
    if (format->wide != NULL)
        format->wide += count;
    else
        format->narrow += count;
}

static void Put(struct rtlp_output *out, WCHAR c)
{
    if (out->length < out->room) {
        if (out->wide != NULL)
            out->wide[out->length] = c;
        else if (out->narrow != NULL)
            out->narrow[out->length] = (CHAR)RtlpWideToByte(RTLP_ANSI, c);
    }
    out->length++;
}

/* A narrow byte stays as it is in narrow text. */
static void PutByte(struct rtlp_output *out, UCHAR c)
{
    if (out->wide == NULL && out->narrow != NULL && out->length < out->room)
        out->narrow[out->length++] = (CHAR)c;
    else
        Put(out, RtlpByteToWide(RTLP_ANSI, c));
}

static void Pad(struct rtlp_output *out, WCHAR c, LONG_PTR count)
{
    while (count-- > 0)
        Put(out, c);
}

/* -- parsing ------------------------------------------------------------------------------------- */

static int ReadNumber(struct reader *format, struct arguments *arguments)
{
    int value = 0;

    if (Peek(format, 0) == '*') {
        Skip(format, 1);
        return va_arg(arguments->list, int);
    }
    while (Peek(format, 0) >= '0' && Peek(format, 0) <= '9') {
        if (value < 100000)
            value = value * 10 + (Peek(format, 0) - '0');
        Skip(format, 1);
    }
    return value;
}

static void ReadFlags(struct reader *format, struct directive *d)
{
    for (;; Skip(format, 1)) {
        switch (Peek(format, 0)) {
        case '-':
            d->left = TRUE;
            break;
        case '0':
            d->zero = TRUE;
            break;
        case '+':
            d->plus = TRUE;
            break;
        case ' ':
            d->blank = TRUE;
            break;
        case '#':
            d->alternate = TRUE;
            break;
        default:
            return;
        }
    }
}

/* One size prefix; 0 when there is none. */
static int ReadSizePrefix(const struct reader *format, struct directive *d)
{
    WCHAR c = Peek(format, 0), next = c != 0 ? Peek(format, 1) : 0;

    switch (c) {
    case 'h':
        d->size = d->size == SIZE_SHORT ? SIZE_CHAR : SIZE_SHORT;
        d->narrow = TRUE;
        return 1;
    case 'l':
        d->size = next == 'l' || d->size == SIZE_LONG ? SIZE_INT64 : SIZE_LONG;
        d->wide = TRUE;
        return next == 'l' ? 2 : 1;
    case 'w':
        d->wide = TRUE;
        return 1;
    case 'L':
    case 'j':
        d->size = SIZE_INT64;
        return 1;
    case 'z':
    case 't':
        d->size = SIZE_POINTER;
        return 1;
    case 'I':
        if (next == '6' && Peek(format, 2) == '4') {
            d->size = SIZE_INT64;
            return 3;
        }
        if (next == '3' && Peek(format, 2) == '2') {
            d->size = SIZE_INT;
            return 3;
        }
        d->size = SIZE_POINTER;
        return 1;
    default:
        return 0;
    }
}

static struct directive ReadDirective(struct reader *format, struct arguments *arguments)
{
    struct directive d = {.precision = -1};
    int prefix;

    ReadFlags(format, &d);
    d.width = ReadNumber(format, arguments);
    if (d.width < 0) {
        d.left = TRUE;
        d.width = -d.width;
    }
    if (Peek(format, 0) == '.') {
        Skip(format, 1);
        d.precision = ReadNumber(format, arguments);
    }
    while ((prefix = ReadSizePrefix(format, &d)) != 0)
        Skip(format, prefix);
    d.conversion = Peek(format, 0);
    if (d.conversion != 0)
        Skip(format, 1);
    return d;
}

/* -- integers ------------------------------------------------------------------------------------ */

static LONGLONG NextInteger(const struct directive *d, struct arguments *arguments, BOOLEAN is_signed)
{
    ULONGLONG value;

    if (d->size == SIZE_INT64 || d->size == SIZE_POINTER)
        return va_arg(arguments->list, LONGLONG);
    value = va_arg(arguments->list, ULONG);
    if (d->size == SIZE_SHORT)
        return is_signed ? (SHORT)value : (USHORT)value;
    if (d->size == SIZE_CHAR)
        return is_signed ? (signed char)value : (UCHAR)value;
    return is_signed ? (LONG)value : (LONGLONG)value;
}

/* sign and prefix, zeros, digits, each side padded to the width. */
static void PutDigits(struct rtlp_output *out, const struct directive *d, const char *sign, const char *digits,
                      int count)
{
    int zeros = d->precision > count ? d->precision - count : 0;
    int total = (int)strlen(sign) + zeros + count;

    if (d->zero && !d->left && d->precision < 0 && d->width > total) {
        zeros += d->width - total;
        total = d->width;
    }
    if (!d->left)
        Pad(out, ' ', d->width - total);
    while (*sign != 0)
        Put(out, (WCHAR)*sign++);
    Pad(out, '0', zeros);
    for (int i = 0; i < count; i++)
        Put(out, (WCHAR)digits[i]);
    if (d->left)
        Pad(out, ' ', d->width - total);
}

static void PutUnsigned(struct rtlp_output *out, const struct directive *d, ULONGLONG value, ULONG base,
                        const char *sign)
{
    const char *alphabet = d->conversion == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    char digits[64];
    int count = 0;

    for (ULONGLONG rest = value; rest != 0 || (count == 0 && d->precision != 0); rest /= base)
        digits[63 - count++] = alphabet[rest % base];
    if (d->alternate && base == 8 && (count == 0 || digits[64 - count] != '0'))
        digits[63 - count++] = '0';
    if (d->alternate && base == 16 && value != 0)
        sign = d->conversion == 'x' ? "0x" : "0X";
    PutDigits(out, d, sign, digits + 64 - count, count);
}

static void PutSigned(struct rtlp_output *out, const struct directive *d, LONGLONG value)
{
    const char *sign = value < 0 ? "-" : d->plus ? "+" : d->blank ? " " : "";
    PutUnsigned(out, d, value < 0 ? 0 - (ULONGLONG)value : (ULONGLONG)value, 10, sign);
}

static void PutPointer(struct rtlp_output *out, struct directive *d, const void *value)
{
    d->precision = 16;
    d->alternate = FALSE;
    PutUnsigned(out, d, (ULONG_PTR)value, 16, "");
}

/* -- text ---------------------------------------------------------------------------------------- */

static void PutText(struct rtlp_output *out, const struct directive *d, PCSTR narrow, PCWSTR wide, SIZE_T length)
{
    if (wide != NULL && out->wide == NULL)
        out->wide_text = TRUE;
    if (d->precision >= 0 && length > (SIZE_T)d->precision)
        length = (SIZE_T)d->precision;
    if (!d->left)
        Pad(out, d->zero ? '0' : ' ', d->width - (LONG_PTR)length);
    for (SIZE_T i = 0; i < length; i++) {
        if (wide != NULL)
            Put(out, wide[i]);
        else
            PutByte(out, (UCHAR)narrow[i]);
    }
    if (d->left)
        Pad(out, ' ', d->width - (LONG_PTR)length);
}

/* %s is the format's own kind of text, %S the other; h, l and w say which. */
static BOOLEAN IsWide(const struct directive *d, BOOLEAN wide_format)
{
    if (d->narrow)
        return FALSE;
    if (d->wide)
        return TRUE;
    return d->conversion == 'S' || d->conversion == 'C' ? !wide_format : wide_format;
}

static void PutString(struct rtlp_output *out, const struct directive *d, struct arguments *arguments,
                      BOOLEAN wide_format)
{
    const void *text = va_arg(arguments->list, const void *);
    SIZE_T limit = d->precision >= 0 ? (SIZE_T)d->precision : (SIZE_T)-1, length = 0;

    if (text == NULL) {
        PutText(out, d, "(null)", NULL, 6);
    } else if (IsWide(d, wide_format)) {
        while (length < limit && ((PCWSTR)text)[length] != 0)
            length++;
        PutText(out, d, NULL, text, length);
    } else {
        while (length < limit && ((PCSTR)text)[length] != 0)
            length++;
        PutText(out, d, text, NULL, length);
    }
}

static void PutCharacter(struct rtlp_output *out, const struct directive *d, struct arguments *arguments,
                         BOOLEAN wide_format)
{
    int value = va_arg(arguments->list, int);
    WCHAR wide = (WCHAR)value;
    CHAR narrow = (CHAR)value;
    struct directive whole = *d;

    whole.precision = -1;
    if (IsWide(d, wide_format))
        PutText(out, &whole, NULL, &wide, 1);
    else
        PutText(out, &whole, &narrow, NULL, 1);
}

/* Where fewer arguments stand than a structure has words, what lies behind them is looked at, and not used. */
#define LOOKS_AHEAD __attribute__((no_sanitize("address")))

/* A structure may stand behind one register that it does not fit into. */
LOOKS_AHEAD static bool IsNext(struct arguments *arguments, uintptr_t word)
{
    va_list ahead;
    va_copy(ahead, arguments->list);
    bool is = va_arg(ahead, uintptr_t) == word;
    va_end(ahead);
    return is;
}

/* Where MSVC hands over a structure by value, it passes a pointer to a copy, and drivers that forget the `&` work. Here
 * both words of the structure stand among the arguments; the first one, two lengths, is no address. */
LOOKS_AHEAD static const void *NextString(struct arguments *arguments, UNICODE_STRING *copy)
{
    struct words {
        uintptr_t lengths, buffer;
    } words;
    va_list ahead;

    va_copy(ahead, arguments->list);
    words = va_arg(ahead, struct words);
    USHORT length = (USHORT)words.lengths, room = (USHORT)(words.lengths >> 16);
    bool by_value = words.lengths <= UINT32_MAX && sizeof words.lengths > 4 && length <= room &&
                    (arguments->structures || (words.lengths && IsNext(arguments, words.lengths)));
    if (by_value) {
        va_end(arguments->list);
        va_copy(arguments->list, ahead);
        arguments->structures = true;
        *copy = (UNICODE_STRING){.Length = length, .MaximumLength = room, .Buffer = (PWCH)words.buffer};
    }
    va_end(ahead);
    return by_value ? copy : va_arg(arguments->list, const void *);
}

/* %Z is an ANSI_STRING, %wZ a UNICODE_STRING. */
static void PutCounted(struct rtlp_output *out, const struct directive *d, struct arguments *arguments)
{
    UNICODE_STRING copy;
    const void *string = NextString(arguments, &copy);
    PCUNICODE_STRING wide = string;
    const STRING *narrow = string;

    if (string == NULL || wide->Buffer == NULL)
        PutText(out, d, "(null)", NULL, 6);
    else if (d->wide)
        PutText(out, d, NULL, wide->Buffer, wide->Length / sizeof(WCHAR));
    else
        PutText(out, d, narrow->Buffer, NULL, narrow->Length);
}

static void PutDouble(struct rtlp_output *out, const struct directive *d, double value)
{
    char format[16], text[400];
    int at = 0;

    format[at++] = '%';
    if (d->plus)
        format[at++] = '+';
    if (d->blank)
        format[at++] = ' ';
    if (d->alternate)
        format[at++] = '#';
    strcpy(format + at, ".*");
    format[at + 2] = (char)d->conversion;
    format[at + 3] = 0;
    int length = snprintf(text, sizeof text, format, d->precision < 0 ? 6 : d->precision > 60 ? 60 : d->precision,
                          value);
    struct directive whole = *d;
    whole.precision = -1;
    PutText(out, &whole, text, NULL, (SIZE_T)length);
}

/* -- the loop ------------------------------------------------------------------------------------ */

static void Convert(struct rtlp_output *out, struct directive *d, struct arguments *arguments, BOOLEAN wide_format)
{
    switch (d->conversion) {
    case 'd':
    case 'i':
        PutSigned(out, d, NextInteger(d, arguments, TRUE));
        break;
    case 'u':
        PutUnsigned(out, d, (ULONGLONG)NextInteger(d, arguments, FALSE), 10, "");
        break;
    case 'x':
    case 'X':
        PutUnsigned(out, d, (ULONGLONG)NextInteger(d, arguments, FALSE), 16, "");
        break;
    case 'o':
        PutUnsigned(out, d, (ULONGLONG)NextInteger(d, arguments, FALSE), 8, "");
        break;
    case 'p':
        PutPointer(out, d, va_arg(arguments->list, void *));
        break;
    case 's':
    case 'S':
        PutString(out, d, arguments, wide_format);
        break;
    case 'c':
    case 'C':
        PutCharacter(out, d, arguments, wide_format);
        break;
    case 'Z':
        PutCounted(out, d, arguments);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        PutDouble(out, d, va_arg(arguments->list, double));
        break;
    case 'n':
        (void)va_arg(arguments->list, void *); /* Windows refuses to write there */
        break;
    case 0:
        break;
    default:
        Put(out, d->conversion);
    }
}

static void Format(struct rtlp_output *out, struct reader *format, struct arguments *arguments)
{
    BOOLEAN wide_format = format->wide != NULL;

    for (WCHAR c; (c = Peek(format, 0)) != 0;) {
        Skip(format, 1);
        if (c != '%') {
            if (wide_format)
                Put(out, c);
            else
                PutByte(out, (UCHAR)c);
            continue;
        }
        struct directive d = ReadDirective(format, arguments);
        Convert(out, &d, arguments, wide_format);
    }
}

void RtlpFormatA(struct rtlp_output *out, PCSTR format, va_list arguments)
{
    struct reader reader = {.narrow = format};
    struct arguments copy = {.structures = false};

    va_copy(copy.list, arguments);
    Format(out, &reader, &copy);
    va_end(copy.list);
}

void RtlpFormatW(struct rtlp_output *out, PCWSTR format, va_list arguments)
{
    struct reader reader = {.wide = format};
    struct arguments copy = {.structures = false};

    va_copy(copy.list, arguments);
    Format(out, &reader, &copy);
    va_end(copy.list);
}
