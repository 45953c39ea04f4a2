#include "tool/check.h"
#include "tool/workload.h"

#include <fltsim/dump.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a violation leaves behind ---- */

static void keep_violation(const struct fltsim_violation *v, void *context)
{
    struct check_run *run = context;
    unsigned i = atomic_fetch_add(&run->violation_count, 1);
    if (i >= CHECK_VIOLATIONS)
        return;
    struct fltsim_violation *kept = &run->violations[i];
    *kept = *v;
    kept->rule = check_text(run, v->rule);
    kept->what = check_text(run, v->what);
    kept->history = check_text(run, v->history);
    kept->why = check_text(run, v->why);
    kept->windows = check_text(run, v->windows);
    kept->driver = check_text(run, v->driver);
}

bool check_start(const struct check *check, struct check_run *run)
{
    const struct tool_options *options = check->options;
    return fltsim_start(&(struct fltsim_options){
        .backend = options->backend && !strcmp(options->backend, "native") ? FLTSIM_NATIVE : FLTSIM_COOP,
        .seed = options->seed,
        .choices = options->choices,
        .special_pool = true,
        .trace = options->trace,
        .trace_events = 1 << 20,
        .debug_print = options->trace,
        .count_operations = true,
        .quiet = true,
        .on_violation = keep_violation,
        .context = run,
    });
}

void check_keep_line(const char *text, void *context)
{
    struct check_run *run = context;
    if (run->line_count < CHECK_LINES)
        run->lines[run->line_count++] = check_text(run, text);
}

static void keep_operation(const char *name, unsigned long pre, unsigned long post, void *context)
{
    struct check_run *run = context;
    if (run->operation_count == CHECK_OPERATIONS)
        return;
    unsigned i = run->operation_count++;
    snprintf(run->seen[i].name, sizeof run->seen[i].name, "%s", name);
    run->seen[i].pre = pre;
    run->seen[i].post = post;
}

void check_dump(const struct check *check, struct check_run *run)
{
    char *text = NULL;
    size_t size;
    FILE *out;

    if (!check->options->dump || run->dump || !(out = open_memstream(&text, &size)))
        return;
    FILE *before = fltsim_dump_to(out);
    fltsim_dump_all();
    fltsim_dump_to(before);
    fclose(out);
    run->dump = check_text(run, text);
    free(text);
}

NTSTATUS check_load(const struct check *check, struct check_run *run, struct fltsim_driver **driver)
{
    run->load_status = fltsim_load(&(struct fltsim_driver_options){.module = check->build->module,
                                                                   .inf = check->inf,
                                                                   .name = check->name,
                                                                   .altitude = check->inf ? NULL : check->altitude},
                                   driver);
    if (!NT_SUCCESS(run->load_status))
        fltsim_violate("load-failed", "DriverEntry answered %s.", fltsim_status_name(run->load_status));
    return run->load_status;
}

/* An INF may leave attaching to the administrator (Flags 1); then the check does what he would. */
static void attach_by_hand(struct check_run *run, struct fltsim_driver *driver, struct fltsim_volume *volume)
{
    if (fltsim_instances(driver, volume))
        return;
    NTSTATUS status = fltsim_attach(driver, volume, NULL, NULL);
    char *line = tool_format("attached by hand to %s: %s", fltsim_volume_dos_name(volume), fltsim_status_name(status));
    check_keep_line(line, run);
    free(line);
}

void check_describe(struct check_run *run, struct fltsim_driver *driver)
{
    run->operation_count = 0;
    fltsim_each_operation(driver, keep_operation, run);
}

/* ---- requests in flight ---- */

enum { SENDERS = 3, ROUNDS = 400 };

struct traffic {
    struct workload w;
    atomic_bool stop;
    atomic_uint rounds;
};

static int make_traffic(void *argument)
{
    struct traffic *traffic = argument;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE,
                               .disposition = FILE_OPEN_IF,
                               .options = FILE_NO_INTERMEDIATE_BUFFERING};
    char *block = calloc(1, 8192);
    char path[64];
    HANDLE file;

    /* The end is bounded: an unload that waits for something lost is found when nobody else has anything to do. */
    while (!traffic->stop && traffic->rounds < ROUNDS) {
        unsigned round = traffic->rounds++;
        snprintf(path, sizeof path, "%s\\work\\traffic %u", traffic->w.root, round % 3);
        if (NT_SUCCESS(fltsim_open(path, &open, &file))) {
            fltsim_write(file, block, 8192, 0, NULL);
            fltsim_read(file, block, 8192, 0, NULL);
            fltsim_close(file);
        }
        fltsim_yield();
    }
    free(block);
    return 0;
}

static void unload_in_flight(struct fltsim_driver *driver, struct workload *w, size_t volumes)
{
    struct traffic traffic[2 * SENDERS];
    struct fltsim_thread *threads[2 * SENDERS];
    size_t count = volumes * SENDERS;

    for (size_t i = 0; i < count; i++) {
        memset(&traffic[i], 0, sizeof traffic[i]);
        traffic[i].w = w[i / SENDERS];
        threads[i] = fltsim_thread_create(i % 2 ? w->other : NULL, make_traffic, &traffic[i]);
    }
    for (size_t i = 0; i < count; i++)
        while (traffic[i].rounds < 2)
            fltsim_yield();
    NTSTATUS status = fltsim_unload(driver);
    if (status == STATUS_FLT_DO_NOT_DETACH)
        fltsim_unload_mandatory(driver);
    for (size_t i = 0; i < count; i++)
        traffic[i].stop = true;
    for (size_t i = 0; i < count; i++)
        fltsim_thread_join(threads[i]);
}

/* ---- a run ---- */

struct body {
    const struct check *check;
    struct check_run *run;
};

static struct fltsim_volume *mount(struct workload *w, char letter, bool is_ntfs, bool in_flight, char *root)
{
    struct fltsim_volume *volume = NULL;
    fltsim_mount(&(struct fltsim_volume_options){.kind = is_ntfs ? FLTSIM_NTFS : FLTSIM_FAT,
                                                 .letter = letter,
                                                 .label = is_ntfs ? "System" : "Stick",
                                                 .removable = !is_ntfs,
                                                 .completion = !in_flight ? FLTSIM_COMPLETE_INLINE
                                                               : is_ntfs  ? FLTSIM_COMPLETE_DISPATCH
                                                                          : FLTSIM_COMPLETE_LATER},
                 &volume);
    snprintf(root, 3, "%c:", letter);
    w->root = root;
    w->is_ntfs = is_ntfs;
    return volume;
}

static void run_steps(const struct check *check, struct check_run *run, struct workload *w)
{
    for (const struct workload_step *step = workload_steps; step->name; step++) {
        check_step(check, run, "%s on %s", step->name, w->root);
        step->run(w);
    }
}

static void detach_and_reattach(const struct check *check, struct check_run *run, struct fltsim_driver *driver,
                                struct fltsim_volume *volume, struct workload *w)
{
    HANDLE open = workload_open(w, "open across detach", &(struct fltsim_open){.disposition = FILE_OPEN_IF},
                                STATUS_SUCCESS);
    check_step(check, run, "detaching from %s", w->root);
    NTSTATUS status = fltsim_detach(driver, volume, NULL);
    if (NT_SUCCESS(status)) {
        workload_cached(w);
        check_step(check, run, "attaching to %s", w->root);
        fltsim_attach(driver, volume, NULL, NULL);
        workload_cached(w);
    }
    workload_close(w, open);
}

static void run_body(void *argument)
{
    const struct check *check = ((struct body *)argument)->check;
    struct check_run *run = ((struct body *)argument)->run;
    struct workload w[2] = {0};
    struct fltsim_volume *volumes[3];
    struct fltsim_driver *driver;
    char roots[3][4];

    check_step(check, run, "mounting");
    for (int i = 0; i < 2; i++) {
        volumes[i] = mount(&w[i], "CD"[i], i == 0, run->in_flight, roots[i]);
        w[i].note = check_note;
        w[i].context = run;
        workload_populate(&w[i]);
        w[i].operations = 0;
    }

    check_step(check, run, "loading");
    if (!NT_SUCCESS(check_load(check, run, &driver)))
        return;
    w[0].other = w[1].other = fltsim_process_create("C:\\Windows\\System32\\notepad.exe");
    for (int i = 0; i < 2; i++)
        attach_by_hand(run, driver, volumes[i]);
    fltsim_describe(driver, check_keep_line, run);
    for (int i = 0; i < 2; i++) {
        run_steps(check, run, &w[i]);
        detach_and_reattach(check, run, driver, volumes[i], &w[i]);
    }

    check_step(check, run, "a volume that comes and goes");
    struct workload late = w[1];
    volumes[2] = mount(&late, 'E', false, run->in_flight, roots[2]);
    fltsim_make_directory("E:\\work");
    workload_cached(&late);
    HANDLE open = workload_open(&late, "open across dismount", &(struct fltsim_open){.disposition = FILE_OPEN_IF},
                                STATUS_SUCCESS);
    fltsim_dismount(volumes[2]);
    workload_close(&late, open);

    check_describe(run, driver);
    check_dump(check, run);
    check_step(check, run, "unloading");
    if (run->in_flight)
        unload_in_flight(driver, w, 2);
    else if (fltsim_unload(driver) == STATUS_FLT_DO_NOT_DETACH)
        fltsim_unload_mandatory(driver);
    for (int i = 0; i < 2; i++) {
        workload_cached(&w[i]);
        run->operations += w[i].operations;
        run->unexpected += w[i].unexpected;
    }
    fltsim_process_exit(w[0].other);
}

void check_run_body(const struct check *check, struct check_run *run)
{
    struct body body = {check, run};

    if (!check_start(check, run))
        return;
    if (!fltsim_try(run_body, &body))
        check_dump(check, run);
    check_step(check, run, "stopping");
    if (check->options->trace)
        fltsim_trace_print(stdout);
    run->choices = check_text(run, fltsim_choices());
    fltsim_stop(NULL);
    fltsim_watchdog(0);
}
