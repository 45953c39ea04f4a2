#include "tool/known.h"

#include "plat/file.h"
#include "tool/util.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void add(char (*list)[KNOWN_TEXT], size_t *count, size_t room, const char *text)
{
    for (size_t i = 0; i < *count; i++)
        if (!tool_compare(list[i], text))
            return;
    if (*count < room && strlen(text) < KNOWN_TEXT)
        snprintf(list[(*count)++], KNOWN_TEXT, "%s", text);
}

static void add_path(struct known *known, const char *text)
{
    add(known->paths, &known->path_count, KNOWN_PATHS, text);
}

static void add_code(struct known *known, ULONG code)
{
    for (size_t i = 0; i < known->code_count; i++)
        if (known->codes[i] == code)
            return;
    if (known->code_count < KNOWN_CODES)
        known->codes[known->code_count++] = code;
}

/* ---- texts ---- */

static bool is_word(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '_' && *text != '-')
            return false;
    return true;
}

static bool begins(const char *text, const char *head)
{
    for (; *head; text++, head++)
        if (tolower((unsigned char)*text) != tolower((unsigned char)*head))
            return false;
    return true;
}

/* What of a full name is the same on every volume; NULL: it is about something else than files. */
static const char *below_the_volume(const char *text)
{
    static const char *const prefixes[] = {"\\??\\", "\\\\?\\", "\\DosDevices\\", "\\Device\\HarddiskVolume", NULL};

    for (size_t i = 0; prefixes[i]; i++)
        if (begins(text, prefixes[i])) {
            text = strchr(text + strlen(prefixes[i]), '\\');
            return text;
        }
    if (isalpha((unsigned char)text[0]) && text[1] == ':')
        return text + 2;
    static const char *const others[] = {"\\Registry\\", "\\Device\\", "\\Driver\\", "\\FileSystem\\", "\\SystemRoot",
                                         "\\BaseNamed", "\\KernelObjects", "\\Callback\\", "\\Windows\\ApiPort", NULL};
    for (size_t i = 0; others[i]; i++)
        if (begins(text, others[i]))
            return NULL;
    return text;
}

static void note_volume(struct known *known, const char *text)
{
    static const char head[] = "\\Device\\HarddiskVolume";
    const char *digit = text + sizeof head - 1;
    if (begins(text, head) && isdigit((unsigned char)digit[0]) && !isdigit((unsigned char)digit[1]))
        known->volumes |= 1u << (digit[0] - '0');
}

static void add_name(struct known *known, const char *name)
{
    const char *dot = strrchr(name, '.');
    char path[KNOWN_TEXT + 8];

    if (dot && !tool_compare(dot, ".exe"))
        add(known->images, &known->image_count, KNOWN_IMAGES, name);
    snprintf(path, sizeof path, "\\work\\%s", name);
    add_path(known, path);
}

static void read_text(struct known *known, const char *text, bool wide)
{
    size_t length = strlen(text);

    if (length < 2 || length >= KNOWN_TEXT - 8 || strpbrk(text, "<>\"|%=\n\r\t;,()[]{}!/"))
        return;
    if (*text == '*')
        text++;
    note_volume(known, text);
    if (strchr(text, '*') || !(text = below_the_volume(text)) || strpbrk(text, ":?"))
        return;
    const char *dot = strrchr(text, '.');
    if (!wide && *text != '\\' && !(dot && dot != text && !tool_compare(dot, ".exe")))
        return; /* names of sections and sources */
    char folder[KNOWN_TEXT];
    if (length > 2 && text[strlen(text) - 1] == '\\') { /* "\\folder\\" */
        snprintf(folder, sizeof folder, "%.*s", (int)strlen(text) - 1, text);
        text = folder;
    }
    if (*text == '.' && is_word(text + 1) && text[1]) {
        add(known->extensions, &known->extension_count, KNOWN_EXTENSIONS, text + 1);
    } else if (*text == '\\' && text[1] && text[1] != '\\' && text[2]) { /* two letters are chance in most modules */
        add_path(known, text);
    } else if (strchr(text, '\\') || strchr(text, ' ')) {
        return;
    } else if (strchr(text, '.') && text[strlen(text) - 1] != '.') {
        add_name(known, text);
    } else if (is_word(text) && strlen(text) <= 12) {
        add_name(known, text);
        if (strlen(text) <= 5)
            add(known->extensions, &known->extension_count, KNOWN_EXTENSIONS, text);
    }
}

/* ---- the module ---- */

static bool is_code(ULONG value)
{
    ULONG type = value >> 16, function = value >> 2 & 0xFFF;
    return function >= 0x800 && function < 0xA00 &&
           (type == FILE_DEVICE_UNKNOWN || type == FILE_DEVICE_FILE_SYSTEM || type == FILE_DEVICE_DISK_FILE_SYSTEM ||
            (type >= 0x8000 && type < 0xFFF0));
}

/* An immediate operand of a comparison or subtraction, as x86-64 code for a switch has them. */
static bool is_compared(const unsigned char *data, size_t at)
{
    return at >= 3 && (data[at - 1] == 0x3D || data[at - 1] == 0x2D || data[at - 2] == 0x81 || data[at - 3] == 0x81);
}

static void read_codes(struct known *known, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i + 4 <= size; i++) {
        ULONG value = data[i] | (ULONG)data[i + 1] << 8 | (ULONG)data[i + 2] << 16 | (ULONG)data[i + 3] << 24;
        if (is_code(value) && is_compared(data, i))
            add_code(known, value);
    }
}

static void read_texts(struct known *known, const unsigned char *data, size_t size, size_t step)
{
    char text[KNOWN_TEXT];
    size_t length = 0;

    for (size_t i = 0; i + step <= size; i += step) {
        bool good = data[i] >= 0x20 && data[i] < 0x7F && (step == 1 || data[i + 1] == 0);
        if (good && length < sizeof text - 1) {
            text[length++] = (char)data[i];
            continue;
        }
        text[length] = 0;
        if (length && data[i] == 0)
            read_text(known, text, step == 2);
        length = 0;
    }
}

void known_read_module(struct known *known, const char *path)
{
    size_t size;
    char *data = plat_file_read(path, &size);

    if (!data)
        return;
    read_texts(known, (unsigned char *)data, size, 2);
    read_texts(known, (unsigned char *)data, size, 1);
    read_codes(known, (unsigned char *)data, size);
    free(data);
}

/* ---- the registry ---- */

static HANDLE open_key(HANDLE root, const char *name)
{
    WCHAR text[300];
    USHORT length = 0;
    OBJECT_ATTRIBUTES attributes;
    HANDLE key = NULL;

    for (; name[length] && length < 299; length++)
        text[length] = (WCHAR)(unsigned char)name[length];
    UNICODE_STRING path = {.Length = (USHORT)(length * sizeof(WCHAR)), .MaximumLength = sizeof text, .Buffer = text};
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, root, NULL);
    return NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)) ? key : NULL;
}

static bool is_of_the_service(const KEY_VALUE_FULL_INFORMATION *value)
{
    static const char *const own[] = {"ImagePath", "DisplayName", "Group", "Description", "DependOnService",
                                      "DefaultInstance", "DebugFlags"};
    char name[40];
    ULONG i = 0;

    for (; i < value->NameLength / sizeof(WCHAR) && i < sizeof name - 1; i++)
        name[i] = (char)value->Name[i];
    name[i] = 0;
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
        if (!tool_compare(name, own[k]))
            return true;
    return false;
}

/* Settings are paths and names; a list of extensions stands without dots, too. */
static void read_key(struct known *known, HANDLE key)
{
    _Alignas(8) unsigned char buffer[1024];
    KEY_VALUE_FULL_INFORMATION *value = (KEY_VALUE_FULL_INFORMATION *)buffer;
    ULONG length;

    for (ULONG i = 0; NT_SUCCESS(ZwEnumerateValueKey(key, i, KeyValueFullInformation, value, sizeof buffer, &length)); i++)
        if ((value->Type == REG_SZ || value->Type == REG_MULTI_SZ || value->Type == REG_EXPAND_SZ) &&
            !is_of_the_service(value))
            read_texts(known, buffer + value->DataOffset, value->DataLength, 2);
}

void known_read_registry(struct known *known, const char *service)
{
    char path[300];
    snprintf(path, sizeof path, "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\%.200s", service);
    HANDLE key = open_key(NULL, path), parameters = key ? open_key(key, "Parameters") : NULL;

    if (key)
        read_key(known, key);
    if (parameters) {
        read_key(known, parameters);
        ZwClose(parameters);
    }
    if (key)
        ZwClose(key);
}
