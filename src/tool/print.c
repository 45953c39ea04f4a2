#include "tool/api.h"
#include "tool/check.h"

#include <fltsim/verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A violation that several runs found is one finding. */
struct finding {
    const struct fltsim_violation *violation;
    unsigned runs; /* bit i: check->runs[i] */
    unsigned times; /* at most CHECK_OF_ONE_RULE in a run */
};

/* "12 bytes allocated by f (a.c:3)": the place; a line without one: all of it. */
static const char *place_of(const char *line, size_t *length)
{
    const char *end = line + strcspn(line, "\n"), *place = line;
    for (const char *at = line; (at = strstr(at, " by ")) && at < end; at++)
        place = at;
    *length = (size_t)(end - place);
    return place;
}

static bool same_place(const char *a, const char *b)
{
    size_t one, other;
    a = place_of(a, &one);
    b = place_of(b, &other);
    return one == other && !strncmp(a, b, one);
}

static bool same(const struct fltsim_violation *a, const struct fltsim_violation *b)
{
    if (!strcmp(a->rule, "scenario-expectation")) /* each line of the scenario is a thing of its own */
        return !strcmp(a->rule, b->rule) && !strcmp(a->what, b->what);
    /* Addresses and counts differ from run to run; what a sentence says before the first one is what it is about, and the
     * history begins with where it came from. */
    size_t length = strcspn(a->what, "0123456789");
    return !strcmp(a->rule, b->rule) && !strcmp(a->driver, b->driver) && !strncmp(a->what, b->what, length) &&
           same_place(a->history, b->history);
}

static size_t kept(const struct check_run *run)
{
    return run->violation_count < CHECK_VIOLATIONS ? run->violation_count : CHECK_VIOLATIONS;
}

static bool is_of_machine(const struct fltsim_violation *v) { return !strcmp(v->driver, "fltsim"); }

static bool has_drivers_own(const struct check_run *run, const char *rule)
{
    bool has = false;
    for (size_t i = 0; i < kept(run); i++)
        has |= !is_of_machine(&run->violations[i]) && !strcmp(run->violations[i].rule, rule);
    return has;
}

/* What of the machine's own is left at its end, or is called too high inside of a routine, because of something that the
 * driver did wrong: that is told already. */
static bool is_consequence(const struct check_run *run, const struct fltsim_violation *v)
{
    static const char *const leaks[] = {"pool-leak", "object-leak", "not-deleted", "device-leak"};
    bool leak = false, cause = false;

    for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++)
        leak |= !strcmp(v->rule, leaks[i]);
    for (size_t i = 0; i < kept(run); i++)
        cause |= !is_of_machine(&run->violations[i]);
    return is_of_machine(v) && ((leak && cause) || (!strcmp(v->rule, "irql-too-high") && has_drivers_own(run, v->rule)));
}

static struct finding *collect(const struct check *check, size_t *count)
{
    struct finding *list = tool_alloc(check->run_count * CHECK_VIOLATIONS * sizeof *list);

    *count = 0;
    for (size_t r = 0; r < check->run_count; r++) {
        for (size_t i = 0; i < kept(check->runs[r]); i++) {
            const struct fltsim_violation *v = &check->runs[r]->violations[i];
            if (is_consequence(check->runs[r], v))
                continue;
            size_t at = 0;
            while (at < *count && !same(list[at].violation, v))
                at++;
            if (at == *count)
                list[(*count)++] = (struct finding){.violation = v};
            list[at].runs |= 1u << r;
            list[at].times++;
        }
    }
    return list;
}

/* ---- text ---- */

static void print_indented(const char *text, const char *indent)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        printf("%s%.*s\n", indent, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_what_ran(const struct check *check)
{
    const struct check_run *run = check->runs[0];

    printf("fltsim check: %s", check->name ? check->name : check->build->name);
    if (check->build->sources)
        printf(", %zu source%s", check->build->sources, check->build->sources == 1 ? "" : "s");
    if (check->inf)
        printf(", %s\n", check->inf);
    else if (run->own_instances)
        printf(", no %sINF: the driver writes its Instances key itself%s\n", check->inf_error ? "usable " : "",
               check->altitude_by_default ? "" : ", --altitude does not apply");
    else
        printf(", no %sINF: altitude %s%s\n", check->inf_error ? "usable " : "", check->altitude,
               check->altitude_by_default ? " by default (--altitude says another)" : "");
    if (check->remarks)
        print_indented(check->remarks, "    ");
    for (size_t i = 0; i < check->build->missing_count; i++)
        printf("    not in the library: %s, needed by %s; a run ends where it is called\n", check->build->missing[i].name,
               check->build->missing[i].where);
    for (unsigned i = 0; i < run->line_count; i++)
        printf("    %s\n", run->lines[i]);
    for (size_t r = 0; r < check->run_count; r++) {
        run = check->runs[r];
        printf("run %zu: %s, %s", r + 1, run->label, check->options->backend ? check->options->backend : "coop");
        if (check->options->seed)
            printf(", seed %llu", (unsigned long long)check->options->seed);
        printf(": %lu calls of programs%s\n", run->operations, run->finished ? "" : "; it did not get to its end");
    }
}

static void print_operations(const struct check *check)
{
    const struct check_run *run = check->runs[0];
    for (size_t r = 1; r < check->run_count && !run->operation_count; r++)
        run = check->runs[r];
    if (!run->operation_count)
        return;
    bool attached = false;
    for (unsigned i = 0; i < run->operation_count; i++)
        attached |= run->seen[i].pre || run->seen[i].post;
    if (!attached) {
        printf("the driver saw no operation: none of its instances is attached, or it watches nothing that was done\n");
        return;
    }
    printf("operations that the driver saw (run 1):\n");
    for (unsigned i = 0; i < run->operation_count; i++)
        printf("    %-48s pre %8lu   post %8lu\n", run->seen[i].name, run->seen[i].pre, run->seen[i].post);
}

static void print_notes(const struct check *check)
{
    for (size_t r = 0; r < check->run_count; r++) {
        const struct check_run *run = check->runs[r];
        if (!run->note_count)
            continue;
        unsigned shown = run->note_count < 8 ? run->note_count : 8;
        printf("run %zu: %u calls were answered otherwise than without the driver%s:\n", r + 1, run->note_count,
               run->note_count > shown ? "; the first of them" : "");
        for (unsigned i = 0; i < shown; i++)
            printf("    %s\n", run->notes[i] ? run->notes[i] : "");
    }
}

static void print_finding(const struct check *check, const struct finding *finding, size_t number, size_t count)
{
    const struct fltsim_violation *v = finding->violation;

    printf("\nviolation %zu of %zu: %s", number, count, v->rule);
    if (*v->driver)
        printf(" [%s]", v->driver);
    if (v->bugcheck)
        printf(" bug check 0x%X", v->bugcheck);
    if (v->parameters[0] | v->parameters[1] | v->parameters[2] | v->parameters[3])
        printf(" (0x%llX, 0x%llX, 0x%llX, 0x%llX)", (unsigned long long)v->parameters[0],
               (unsigned long long)v->parameters[1], (unsigned long long)v->parameters[2],
               (unsigned long long)v->parameters[3]);
    printf("\n");
    print_indented(v->what, "    ");
    if (*v->history) {
        printf("  history, newest last:\n");
        print_indented(v->history, "    ");
    }
    printf("  why: %s\n", v->why);
    if (*v->windows)
        printf("  on Windows: %s\n", v->windows);
    printf("  seen %u time%s%s, in", finding->times, finding->times == 1 ? "" : "s",
           finding->times < CHECK_OF_ONE_RULE ? "" : " or more");
    for (size_t r = 0; r < check->run_count; r++)
        if (finding->runs & 1u << r)
            printf(" run %zu (%s)", r + 1, check->runs[r]->label);
    printf("\n");
}

static void print_replay(const struct check *check)
{
    for (size_t r = 0; r < check->run_count; r++)
        if (check->runs[r]->choices && *check->runs[r]->choices && *check->runs[r]->choices != '-' && check->runs[r]->violation_count &&
            strlen(check->runs[r]->choices) < 4000)
            printf("schedule of run %zu: --choices %s\n", r + 1, check->runs[r]->choices);
}

static void print_dumps(const struct check *check)
{
    for (size_t r = 0; r < check->run_count; r++) {
        if (!check->runs[r]->dump)
            continue;
        printf("objects of run %zu, before the unload or where it broke off:\n", r + 1);
        print_indented(check->runs[r]->dump, "    ");
    }
}

int check_print(const struct check *check)
{
    size_t count;
    struct finding *list = collect(check, &count);

    print_what_ran(check);
    print_operations(check);
    print_notes(check);
    print_dumps(check);
    for (size_t i = 0; i < count; i++)
        print_finding(check, &list[i], i + 1, count);
    if (count) {
        printf("\n%zu violation%s\n", count, count == 1 ? "" : "s");
        print_replay(check);
    } else {
        printf("clean: no violations\n");
    }
    free(list);
    return count ? 1 : 0;
}

/* ---- JSON ---- */

static void json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++) {
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20)
            printf("\\u%04x", *p);
        else
            putchar(*p);
    }
    putchar('"');
}

static void json_member(const char *name, const char *text, const char *end)
{
    json_text(name);
    printf(": ");
    json_text(text);
    printf("%s", end);
}

static void json_lines(const char *text)
{
    const char *comma = "";
    printf("[");
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = tool_format("%.*s", (int)length, text);
        printf("%s", comma);
        json_text(line);
        free(line);
        comma = ", ";
        text += length + (text[length] == '\n');
    }
    printf("]");
}

static void json_runs(const struct check *check)
{
    printf("  \"runs\": [");
    for (size_t r = 0; r < check->run_count; r++) {
        const struct check_run *run = check->runs[r];
        printf("%s\n    {", r ? "," : "");
        json_member("name", run->label, ", ");
        json_member("backend", check->options->backend ? check->options->backend : "coop", ", ");
        printf("\"seed\": %llu, \"calls\": %lu, \"finished\": %s, \"answered_otherwise\": [",
               (unsigned long long)check->options->seed, run->operations, run->finished ? "true" : "false");
        for (unsigned i = 0; i < run->note_count && i < CHECK_NOTES; i++) {
            printf("%s", i ? ", " : "");
            json_text(run->notes[i]);
        }
        printf("]");
        if (run->dump) {
            printf(", \"dump\": ");
            json_lines(run->dump);
        }
        printf("}");
    }
    printf("\n  ],\n  \"operations\": {");
    for (unsigned i = 0; i < check->runs[0]->operation_count; i++) {
        printf("%s\n    ", i ? "," : "");
        json_text(check->runs[0]->seen[i].name);
        printf(": {\"pre\": %lu, \"post\": %lu}", check->runs[0]->seen[i].pre, check->runs[0]->seen[i].post);
    }
    printf("\n  },\n  \"registered\": [");
    for (unsigned i = 0; i < check->runs[0]->line_count; i++) {
        printf("%s\n    ", i ? "," : "");
        json_text(check->runs[0]->lines[i]);
    }
    printf("\n  ],\n");
}

static void json_finding(const struct check *check, const struct finding *finding)
{
    const struct fltsim_violation *v = finding->violation;

    printf("\n    {");
    json_member("rule", v->rule, ",\n     ");
    json_member("driver", v->driver, ",\n     ");
    json_member("what", v->what, ",\n     ");
    json_text("history");
    printf(": ");
    json_lines(v->history);
    printf(",\n     ");
    json_member("why", v->why, ",\n     ");
    json_member("windows", v->windows, ",\n     ");
    if (v->bugcheck)
        printf("\"bugcheck\": {\"code\": %u, \"parameters\": [%llu, %llu, %llu, %llu]},\n     ", v->bugcheck,
               (unsigned long long)v->parameters[0], (unsigned long long)v->parameters[1],
               (unsigned long long)v->parameters[2], (unsigned long long)v->parameters[3]);
    printf("\"times\": %u, \"runs\": [", finding->times);
    const char *comma = "";
    for (size_t r = 0; r < check->run_count; r++) {
        if (!(finding->runs & 1u << r))
            continue;
        printf("%s", comma);
        json_text(check->runs[r]->label);
        comma = ", ";
    }
    printf("]}");
}

int check_print_json(const struct check *check)
{
    size_t count;
    struct finding *list = collect(check, &count);

    printf("{\n  ");
    json_member("driver", check->name ? check->name : check->build->name, ",\n  ");
    if (check->inf)
        json_member("inf", check->inf, ",\n");
    else
        json_member("altitude", check->runs[0]->own_instances ? "the driver's own" : check->altitude, ",\n");
    if (check->remarks) {
        printf("  \"remarks\": ");
        json_lines(check->remarks);
        printf(",\n");
    }
    json_runs(check);
    printf("  \"violations\": [");
    for (size_t i = 0; i < count; i++) {
        json_finding(check, &list[i]);
        printf("%s", i + 1 < count ? "," : "");
    }
    printf("\n  ]\n}\n");
    free(list);
    return count ? 1 : 0;
}

void check_print_json_error(const struct build_result *build)
{
    printf("{\n  ");
    json_member("driver", build ? build->name : "", ",\n  ");
    json_member("error", tool_errors(), ",\n");
    printf("  \"missing\": [");
    for (size_t i = 0; build && i < build->missing_count; i++) {
        printf("%s\n    {", i ? "," : "");
        json_member("routine", build->missing[i].name, ", ");
        json_member("state", api_state(build->missing[i].name), ", ");
        json_member("needed_by", build->missing[i].where, "}");
    }
    printf("\n  ]\n}\n");
}

void check_print_json_built(const struct build_result *build)
{
    printf("{\n  ");
    json_member("driver", build->name, ",\n  ");
    json_member("module", build->module, ",\n");
    printf("  \"sources\": %zu\n}\n", build->sources);
}

/* ---- rules ---- */

int check_print_rules(const struct tool_options *options)
{
    const char *name, *why, *windows;

    for (size_t i = 0; (name = fltsim_rule(i, &why, &windows)) != NULL; i++) {
        if (options->json) {
            printf(i ? ",\n {" : "[{");
            json_member("rule", name, ", ");
            json_member("why", why, ", ");
            json_member("windows", windows, "}");
            continue;
        }
        printf("%s\n    %s\n", name, why);
        if (*windows)
            printf("    On Windows: %s\n", windows);
    }
    if (options->json)
        printf("]\n");
    return 0;
}
