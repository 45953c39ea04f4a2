/* Generic text: wide with _UNICODE, else narrow. */
#ifndef FLTSIM_WDK_TCHAR_H
#define FLTSIM_WDK_TCHAR_H

#include <nt/crt.h>

#ifdef _UNICODE
typedef WCHAR _TCHAR, _TSCHAR, _TUCHAR, _TXCHAR;
#define __T(x) L##x
#define _tcscpy wcscpy
#define _tcsncpy wcsncpy
#define _tcscat wcscat
#define _tcsncat wcsncat
#define _tcslen wcslen
#define _tcsnlen wcsnlen
#define _tcscmp wcscmp
#define _tcsncmp wcsncmp
#define _tcsicmp _wcsicmp
#define _tcsnicmp _wcsnicmp
#define _tcschr wcschr
#define _tcsrchr wcsrchr
#define _tcsstr wcsstr
#else
typedef char _TCHAR, _TSCHAR, _TUCHAR, _TXCHAR;
#define __T(x) x
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcslen strlen
#define _tcsnlen strnlen
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp _stricmp
#define _tcsnicmp _strnicmp
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#endif

#ifndef _T
#define _T(x) __T(x)
#define _TEXT(x) __T(x)
#endif

#endif
