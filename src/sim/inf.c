#include "sim/inf.h"
#include "sim/inf_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REG_SZ_ = 1, REG_EXPAND_SZ_ = 2, REG_BINARY_ = 3, REG_DWORD_ = 4, REG_MULTI_SZ_ = 7 };

bool sim_altitude_is_valid(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    if (!whole)
        return false;
    if (text[whole] == 0)
        return true;
    if (text[whole] != '.')
        return false;
    size_t fraction = strspn(text + whole + 1, "0123456789");
    return fraction && text[whole + 1 + fraction] == 0;
}

static bool parse_number(struct inf_text *text, unsigned line, const char *field, const char *what, uint32_t *number)
{
    char *end;
    unsigned long long value = strtoull(field, &end, 0);
    if (!*field || *end || value > UINT32_MAX)
        return inf_text_fail(text, line, "%s must be a number of 32 bits, not \"%s\"", what, field);
    *number = (uint32_t)value;
    return true;
}

/* Field i with its %strings% replaced; "" when the line is shorter. NULL: error recorded. */
static char *field(struct inf_text *text, const struct inf_line *line, size_t i)
{
    return inf_text_expand(text, i < line->count ? line->fields[i] : "", line->number);
}

static uint32_t registry_type(uint32_t flags)
{
    switch (flags & 0xFFFF0001u) {
    case 0x00010001: return REG_DWORD_;
    case 0x00020000: return REG_EXPAND_SZ_;
    case 0x00010000: return REG_MULTI_SZ_;
    case 0x00000001: return REG_BINARY_;
    default: return REG_SZ_;
    }
}

static bool read_binary(struct inf_text *text, const struct inf_line *line, struct sim_inf_value *value)
{
    value->binary = malloc(line->count + 1);
    for (size_t i = 4; i < line->count; i++) {
        char *end;
        unsigned long byte = strtoul(line->fields[i], &end, 16);
        if (!line->fields[i][0] || *end || byte > 255)
            return inf_text_fail(text, line->number, "a binary value is a list of hexadecimal bytes, not \"%s\"",
                                 line->fields[i]);
        value->binary[value->size++] = (unsigned char)byte;
    }
    return true;
}

static bool read_value_data(struct inf_text *text, const struct inf_line *line, struct sim_inf_value *value)
{
    if (value->type == REG_BINARY_)
        return read_binary(text, line, value);
    char *data = field(text, line, 4);
    if (!data)
        return false;
    if (value->type == REG_DWORD_) {
        bool good = parse_number(text, line->number, data, "a REG_DWORD value", &value->number);
        free(data);
        return good;
    }
    value->text = data;
    for (size_t i = 5; value->type == REG_MULTI_SZ_ && i < line->count; i++) {
        char *more = field(text, line, i);
        if (!more)
            return false;
        size_t length = strlen(value->text);
        value->text = realloc(value->text, length + strlen(more) + 2);
        value->text[length] = '\n';
        strcpy(value->text + length + 1, more);
        free(more);
    }
    return true;
}

static struct sim_inf_value *add_value(struct sim_inf *inf)
{
    inf->values = realloc(inf->values, (inf->count + 1) * sizeof *inf->values);
    struct sim_inf_value *value = &inf->values[inf->count++];
    *value = (struct sim_inf_value){0};
    return value;
}

static bool is_instances_key(const char *key)
{
    return !inf_compare(key, "Instances") || !inf_compare(key, "Parameters\\Instances");
}

static const char *instance_name(const char *key)
{
    if (!inf_compare_prefix(key, "Instances\\"))
        return key + strlen("Instances\\");
    if (!inf_compare_prefix(key, "Parameters\\Instances\\"))
        return key + strlen("Parameters\\Instances\\");
    return NULL;
}

/* Windows takes flags that are no number as none. Where an instance is described, a slip is the driver not attaching. */
static bool read_flags(struct inf_text *text, unsigned line, const struct sim_inf_value *value, const char *field,
                       uint32_t *flags)
{
    char *end;
    *flags = (uint32_t)strtoul(field, &end, 0);
    if (!*end || is_instances_key(value->key) || instance_name(value->key))
        return parse_number(text, line, field, "the flags of a registry value", flags);
    *flags = 0;
    inf_text_remark(text, line, "the flags of a registry value must be a number of 32 bits; \"%s\" is taken as 0",
                    field);
    return true;
}

/* reg-root, subkey, value-name, flags, value */
static bool read_add_reg_line(struct inf_text *text, struct sim_inf *inf, const struct inf_line *line)
{
    static const char *const other_roots[] = {"HKLM", "HKCR", "HKCU", "HKU"};
    char *root = field(text, line, 0);
    if (!root)
        return false;
    bool relative = !inf_compare(root, "HKR"), other = false;
    for (size_t i = 0; i < sizeof other_roots / sizeof *other_roots; i++)
        other |= !inf_compare(root, other_roots[i]);
    bool known = relative || other ||
                 inf_text_fail(text, line->number, "\"%s\" is no registry root: HKR, HKLM, HKCR, HKCU, HKU", root);
    free(root);
    if (!known || other)
        return known;

    struct sim_inf_value *value = add_value(inf);
    uint32_t flags = 0;
    value->line = line->number;
    value->key = field(text, line, 1);
    value->name = value->key ? field(text, line, 2) : NULL;
    char *flag_text = value->name ? field(text, line, 3) : NULL;
    if (!flag_text)
        return false;
    bool good = !*flag_text || read_flags(text, line->number, value, flag_text, &flags);
    free(flag_text);
    if (!good)
        return false;
    value->type = registry_type(flags);
    if (flags & 0x10) { /* FLG_ADDREG_KEYONLY */
        free(value->name);
        value->name = NULL;
        return true;
    }
    return read_value_data(text, line, value);
}

static bool read_add_reg(struct inf_text *text, struct sim_inf *inf, const struct inf_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        struct inf_section *section = inf_text_section(text->sections, line->fields[i]);
        if (!section)
            return inf_text_fail(text, line->number, "AddReg names the section [%s], which is not in this file",
                                 line->fields[i]);
        for (; section; section = inf_text_section(section->next, line->fields[i]))
            for (struct inf_line *entry = section->lines; entry; entry = entry->next)
                if (!read_add_reg_line(text, inf, entry))
                    return false;
    }
    return true;
}

static bool replace(struct inf_text *text, const struct inf_line *line, char **slot)
{
    free(*slot);
    return (*slot = field(text, line, 0)) != NULL;
}

static bool read_number(struct inf_text *text, const struct inf_line *line, const char *what, uint32_t *number)
{
    char *value = field(text, line, 0);
    bool good = value && parse_number(text, line->number, value, what, number);
    free(value);
    return good;
}

static bool read_service_line(struct inf_text *text, struct sim_inf *inf, const struct inf_line *line)
{
    if (!line->key)
        return true;
    if (!inf_compare(line->key, "DisplayName"))
        return replace(text, line, &inf->display_name);
    if (!inf_compare(line->key, "LoadOrderGroup"))
        return replace(text, line, &inf->group);
    if (!inf_compare(line->key, "StartType"))
        return read_number(text, line, "StartType", &inf->start);
    if (!inf_compare(line->key, "ServiceType"))
        return read_number(text, line, "ServiceType", &inf->type);
    if (!inf_compare(line->key, "AddReg"))
        return read_add_reg(text, inf, line);
    if (!inf_compare(line->key, "ServiceBinary")) {
        char *path = inf_text_expand(text, line->fields[0], line->number);
        if (!path)
            return false;
        const char *name = strrchr(path, '\\');
        free(inf->binary);
        inf->binary = strdup(name ? name + 1 : path);
        free(path);
    }
    return true;
}

/* AddService = name, flags, service-install-section */
static bool read_service(struct inf_text *text, struct sim_inf *inf, const struct inf_line *line)
{
    if (line->count < 3 || !line->fields[2][0])
        return inf_text_fail(text, line->number, "AddService needs a name, flags and a service section");
    if (!replace(text, line, &inf->service))
        return false;
    if (!*inf->service)
        return inf_text_fail(text, line->number, "AddService needs a service name");
    struct inf_section *section = inf_text_section(text->sections, line->fields[2]);
    if (!section)
        return inf_text_fail(text, line->number, "AddService names the section [%s], which is not in this file",
                             line->fields[2]);
    for (; section; section = inf_text_section(section->next, line->fields[2]))
        for (struct inf_line *entry = section->lines; entry; entry = entry->next)
            if (!read_service_line(text, inf, entry))
                return false;
    return true;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length > size && !inf_compare(text + length - size, tail);
}

static const struct inf_line *find_add_service(struct inf_text *text, bool default_install)
{
    for (struct inf_section *s = text->sections; s; s = s->next) {
        if (!ends_with(s->name, ".Services"))
            continue;
        if (default_install && inf_compare_prefix(s->name, "DefaultInstall"))
            continue;
        for (struct inf_line *line = s->lines; line; line = line->next)
            if (line->key && !inf_compare(line->key, "AddService"))
                return line;
    }
    return NULL;
}

/* ---- what a minifilter's values must say ---- */

static const struct sim_inf_value *instance_value(const struct sim_inf *inf, const char *instance, const char *name)
{
    for (size_t i = 0; i < inf->count; i++) {
        const char *of = instance_name(inf->values[i].key);
        if (of && !inf_compare(of, instance) && inf->values[i].name && !inf_compare(inf->values[i].name, name))
            return &inf->values[i];
    }
    return NULL;
}

/* What the template's INF says until its author writes a number. */
static void fill_placeholder(struct inf_text *text, struct sim_inf_value *value)
{
    if (!instance_name(value->key) || inf_compare(value->name, "Altitude") || !value->text ||
        inf_compare_prefix(value->text, "_TODO_"))
        return;
    inf_text_remark(text, value->line, "the altitude is still the template's \"%s\": " SIM_INF_DEFAULT_ALTITUDE
                    " is taken; Windows would not attach the instance", value->text);
    free(value->text);
    value->text = strdup(SIM_INF_DEFAULT_ALTITUDE);
}

static bool check_value(struct inf_text *text, const struct sim_inf *inf, struct sim_inf_value *value)
{
    if (!value->name)
        return true;
    fill_placeholder(text, value);
    if (is_instances_key(value->key) && !inf_compare(value->name, "DefaultInstance")) {
        if (!value->text)
            return inf_text_fail(text, value->line, "DefaultInstance must be a string");
        if (!instance_value(inf, value->text, "Altitude"))
            return inf_text_fail(text, value->line,
                                 "DefaultInstance is \"%s\", but no AddReg line gives Instances\\%s an Altitude",
                                 value->text, value->text);
    }
    if (instance_name(value->key) && !inf_compare(value->name, "Altitude")) {
        if (!value->text)
            return inf_text_fail(text, value->line, "Altitude must be a string (flags 0x00000000)");
        if (!sim_altitude_is_valid(value->text))
            return inf_text_fail(text, value->line,
                                 "the altitude \"%s\" is not a decimal number such as 370020 or 370020.5", value->text);
    }
    if (instance_name(value->key) && !inf_compare(value->name, "Flags") && value->type != REG_DWORD_)
        return inf_text_fail(text, value->line, "Flags must be a REG_DWORD (flags 0x00010001)");
    return true;
}

static bool read_inf(struct inf_text *text, struct sim_inf *inf)
{
    const struct inf_line *add = find_add_service(text, true);
    if (!add)
        add = find_add_service(text, false);
    if (!add)
        return inf_text_fail(text, 0, "no AddService line: a driver's INF has one in [DefaultInstall.Services]");
    if (!read_service(text, inf, add))
        return false;
    for (size_t i = 0; i < inf->count; i++)
        if (!check_value(text, inf, &inf->values[i]))
            return false;
    return true;
}

bool sim_inf_parse(const char *path, const void *bytes, size_t size, struct sim_inf *inf, char **error)
{
    struct inf_text text;
    *inf = (struct sim_inf){.start = 3, .type = 2};
    *error = NULL;
    bool good = inf_text_parse(&text, path, bytes, size) && read_inf(&text, inf);
    if (!good) {
        *error = text.error;
        text.error = NULL;
        sim_inf_free(inf);
    }
    if (good) {
        inf->remarks = text.remarks;
        text.remarks = NULL;
    }
    inf_text_free(&text);
    return good;
}

enum { LARGEST = 16 << 20 };

static bool cannot_read(const char *path, const char *why, char **error)
{
    size_t size = strlen(path) + strlen(why) + 64;
    *error = malloc(size);
    snprintf(*error, size, "%s: the file cannot be read: %s", path, why);
    return false;
}

bool sim_inf_read(const char *path, struct sim_inf *inf, char **error)
{
    char *bytes = NULL;
    size_t size = 0, got;
    *inf = (struct sim_inf){0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return cannot_read(path, strerror(errno), error);
    do {
        bytes = realloc(bytes, size + 65536);
        got = fread(bytes + size, 1, 65536, file);
        size += got;
    } while (got && size <= LARGEST);
    const char *why = ferror(file) ? strerror(errno) : size > LARGEST ? "it has more than 16 MB" : NULL;
    fclose(file);
    bool good = why ? cannot_read(path, why, error) : sim_inf_parse(path, bytes, size, inf, error);
    free(bytes);
    return good;
}

void sim_inf_free(struct sim_inf *inf)
{
    for (size_t i = 0; i < inf->count; i++) {
        free(inf->values[i].key);
        free(inf->values[i].name);
        free(inf->values[i].text);
        free(inf->values[i].binary);
    }
    free(inf->values);
    free(inf->service);
    free(inf->display_name);
    free(inf->binary);
    free(inf->group);
    free(inf->remarks);
    *inf = (struct sim_inf){0};
}

void sim_inf_free_error(char *error) { free(error); }
