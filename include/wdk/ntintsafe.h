/* Arithmetic and conversions that fail instead of wrapping round.
 *
 * Any IRQL. Each returns STATUS_SUCCESS, or STATUS_INTEGER_OVERFLOW and the type's error value (all ones)
 * in the result.
 */
#ifndef FLTSIM_WDK_NTINTSAFE_H
#define FLTSIM_WDK_NTINTSAFE_H

#include <nt/types.h>

FLTSIM_WDK_BEGIN

/* The ends of the types; those of C's own stand in <limits.h> and <stdint.h>. */
#define SHORT_MIN (-32768)
#define SHORT_MAX 32767
#define LONGLONG_MIN (-9223372036854775807LL - 1)
#define LONGLONG_MAX 9223372036854775807LL
#define LONG64_MIN (-9223372036854775807LL - 1)
#define LONG64_MAX 9223372036854775807LL
#define BYTE_MAX 0xff
#define WORD_MAX 0xffff
#define DWORD_MAX 0xffffffffu
#define ULONGLONG_MAX 0xffffffffffffffffULL
#define DWORDLONG_MAX 0xffffffffffffffffULL
#define ULONG64_MAX 0xffffffffffffffffULL
#define DWORD64_MAX 0xffffffffffffffffULL
#define INT_PTR_MIN LONG64_MIN
#define INT_PTR_MAX LONG64_MAX
#define LONG_PTR_MIN LONG64_MIN
#define LONG_PTR_MAX LONG64_MAX
#define PTRDIFF_T_MIN LONG64_MIN
#define PTRDIFF_T_MAX LONG64_MAX
#define SSIZE_T_MIN LONG64_MIN
#define SSIZE_T_MAX LONG64_MAX
#define UINT_PTR_MAX ULONG64_MAX
#define ULONG_PTR_MAX ULONG64_MAX
#define DWORD_PTR_MAX ULONG64_MAX
#define SIZE_T_MIN 0
#ifndef SIZE_T_MAX
#define SIZE_T_MAX ULONG64_MAX
#endif

#define INTSAFE_E_ARITHMETIC_OVERFLOW STATUS_INTEGER_OVERFLOW
#define FLTSIM_INTSAFE(name, type, op)                                                             \
    FLTSIM_INLINE NTSTATUS name(type Augend, type Addend, type *Result)                            \
    {                                                                                              \
        if (__builtin_##op##_overflow(Augend, Addend, Result)) {                                   \
            *Result = (type)-1;                                                                    \
            return STATUS_INTEGER_OVERFLOW;                                                        \
        }                                                                                          \
        return STATUS_SUCCESS;                                                                     \
    }
#define FLTSIM_INTSAFE_ALL(Name, type)                                                             \
    FLTSIM_INTSAFE(Rtl##Name##Add, type, add)                                                      \
    FLTSIM_INTSAFE(Rtl##Name##Sub, type, sub)                                                      \
    FLTSIM_INTSAFE(Rtl##Name##Mult, type, mul)
#define FLTSIM_INTSAFE_CONVERT(name, from, to)                                                     \
    FLTSIM_INLINE NTSTATUS name(from Operand, to *Result)                                          \
    {                                                                                              \
        if (__builtin_add_overflow(Operand, (from)0, Result)) {                                    \
            *Result = (to)-1;                                                                      \
            return STATUS_INTEGER_OVERFLOW;                                                        \
        }                                                                                          \
        return STATUS_SUCCESS;                                                                     \
    }

/* clang-format off */
#define FLTSIM_INTSAFE_FROM(Name, type)                                                            \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToName, type, type)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUChar, type, UCHAR)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToChar, type, CHAR)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToShort, type, SHORT)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUShort, type, USHORT)                                      \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToInt, type, INT)                                            \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUInt, type, UINT)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToLong, type, LONG)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToULong, type, ULONG)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToLongLong, type, LONGLONG)                                  \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToULongLong, type, ULONGLONG)                                \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToLongPtr, type, LONG_PTR)                                   \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToULongPtr, type, ULONG_PTR)                                 \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToIntPtr, type, INT_PTR)                                     \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUIntPtr, type, UINT_PTR)                                   \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToInt8, type, INT8)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUInt8, type, UINT8)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToInt16, type, INT16)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUInt16, type, UINT16)                                      \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToInt32, type, INT32)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUInt32, type, UINT32)                                      \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToInt64, type, INT64)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToUInt64, type, UINT64)                                      \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToSizeT, type, SIZE_T)                                       \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToSSIZET, type, SSIZE_T)                                     \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToDWord, type, DWORD)                                        \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToWord, type, WORD)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToByte, type, BYTE)                                          \
    FLTSIM_INTSAFE_CONVERT(Rtl##Name##ToDWordPtr, type, DWORD_PTR)

FLTSIM_INTSAFE_ALL(UChar, UCHAR)
FLTSIM_INTSAFE_ALL(Char, CHAR)
FLTSIM_INTSAFE_ALL(Short, SHORT)
FLTSIM_INTSAFE_ALL(UShort, USHORT)
FLTSIM_INTSAFE_ALL(Int, INT)
FLTSIM_INTSAFE_ALL(UInt, UINT)
FLTSIM_INTSAFE_ALL(Long, LONG)
FLTSIM_INTSAFE_ALL(ULong, ULONG)
FLTSIM_INTSAFE_ALL(LongLong, LONGLONG)
FLTSIM_INTSAFE_ALL(ULongLong, ULONGLONG)
FLTSIM_INTSAFE_ALL(LongPtr, LONG_PTR)
FLTSIM_INTSAFE_ALL(ULongPtr, ULONG_PTR)
FLTSIM_INTSAFE_ALL(IntPtr, INT_PTR)
FLTSIM_INTSAFE_ALL(UIntPtr, UINT_PTR)
FLTSIM_INTSAFE_ALL(Int8, INT8)
FLTSIM_INTSAFE_ALL(UInt8, UINT8)
FLTSIM_INTSAFE_ALL(Int16, INT16)
FLTSIM_INTSAFE_ALL(UInt16, UINT16)
FLTSIM_INTSAFE_ALL(Int32, INT32)
FLTSIM_INTSAFE_ALL(UInt32, UINT32)
FLTSIM_INTSAFE_ALL(Int64, INT64)
FLTSIM_INTSAFE_ALL(UInt64, UINT64)
FLTSIM_INTSAFE_ALL(SizeT, SIZE_T)
FLTSIM_INTSAFE_ALL(SSIZET, SSIZE_T)
FLTSIM_INTSAFE_ALL(DWord, DWORD)
FLTSIM_INTSAFE_ALL(Word, WORD)
FLTSIM_INTSAFE_ALL(Byte, BYTE)
FLTSIM_INTSAFE_ALL(DWordPtr, DWORD_PTR)
FLTSIM_INTSAFE_ALL(PtrdiffT, ptrdiff_t)


FLTSIM_INTSAFE_FROM(UChar, UCHAR)
FLTSIM_INTSAFE_FROM(Char, CHAR)
FLTSIM_INTSAFE_FROM(Short, SHORT)
FLTSIM_INTSAFE_FROM(UShort, USHORT)
FLTSIM_INTSAFE_FROM(Int, INT)
FLTSIM_INTSAFE_FROM(UInt, UINT)
FLTSIM_INTSAFE_FROM(Long, LONG)
FLTSIM_INTSAFE_FROM(ULong, ULONG)
FLTSIM_INTSAFE_FROM(LongLong, LONGLONG)
FLTSIM_INTSAFE_FROM(ULongLong, ULONGLONG)
FLTSIM_INTSAFE_FROM(LongPtr, LONG_PTR)
FLTSIM_INTSAFE_FROM(ULongPtr, ULONG_PTR)
FLTSIM_INTSAFE_FROM(IntPtr, INT_PTR)
FLTSIM_INTSAFE_FROM(UIntPtr, UINT_PTR)
FLTSIM_INTSAFE_FROM(Int8, INT8)
FLTSIM_INTSAFE_FROM(UInt8, UINT8)
FLTSIM_INTSAFE_FROM(Int16, INT16)
FLTSIM_INTSAFE_FROM(UInt16, UINT16)
FLTSIM_INTSAFE_FROM(Int32, INT32)
FLTSIM_INTSAFE_FROM(UInt32, UINT32)
FLTSIM_INTSAFE_FROM(Int64, INT64)
FLTSIM_INTSAFE_FROM(UInt64, UINT64)
FLTSIM_INTSAFE_FROM(SizeT, SIZE_T)
FLTSIM_INTSAFE_FROM(SSIZET, SSIZE_T)
FLTSIM_INTSAFE_FROM(DWord, DWORD)
FLTSIM_INTSAFE_FROM(Word, WORD)
FLTSIM_INTSAFE_FROM(Byte, BYTE)
FLTSIM_INTSAFE_FROM(DWordPtr, DWORD_PTR)
/* clang-format on */

FLTSIM_WDK_END

#endif
