/* Random numbers that follow from the seed alone, and checksums. */
#include "rtl/rtlp.h"

/* nf-ntddk-rtluniform: x' = (0x7FFFFFED * x + 0x7FFFFFC3) mod (2^31 - 1). */
ULONG RtlUniform(PULONG Seed)
{
    *Seed = (ULONG)((0x7FFFFFEDULL * *Seed + 0x7FFFFFC3ULL) % MAXLONG);
    return *Seed;
}

ULONG RtlRandomEx(PULONG Seed)
{
    RTL_IRQL(RtlRandomEx);
    ULONG high = RtlUniform(Seed);
    ULONG low = RtlUniform(Seed);
    return (high << 16 ^ low) & MAXLONG;
}

ULONG RtlRandom(PULONG Seed)
{
    ULONG high = RtlUniform(Seed);
    ULONG low = RtlUniform(Seed);
    return (high << 16 ^ low) & MAXLONG;
}

ULONG RtlCrc32(const void *Buffer, size_t Size, ULONG InitialCrc)
{
    const UCHAR *byte = Buffer;
    ULONG crc = ~InitialCrc;

    for (; Size-- != 0; byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

ULONGLONG RtlCrc64(const void *Buffer, size_t Size, ULONGLONG InitialCrc)
{
    const UCHAR *byte = Buffer;
    ULONGLONG crc = ~InitialCrc;

    for (; Size-- != 0; byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x9A6C9329AC4BC9B5 : 0);
    }
    return ~crc;
}
