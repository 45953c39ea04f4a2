#include "tool/check.h"
#include "tool/workload.h"

#include <fltsim/dump.h>
#include <fltsim/fault.h>
#include <fltsim/verify.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a violation leaves behind ---- */

/* What lets a run go on may come again and again: it must not take the room of others. */
static bool is_known_well(struct check_run *run, const char *rule)
{
    unsigned count = 0, end = atomic_load(&run->violation_count);
    for (unsigned i = 0; i < end && i < CHECK_VIOLATIONS; i++)
        count += run->violations[i].rule && !strcmp(run->violations[i].rule, rule);
    return count >= CHECK_OF_ONE_RULE;
}

static void keep_violation(const struct fltsim_violation *v, void *context)
{
    struct check_run *run = context;
    if (is_known_well(run, v->rule))
        return;
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
    run->started = fltsim_start(&(struct fltsim_options){
        .backend = options->backend && !strcmp(options->backend, "native") ? FLTSIM_NATIVE : FLTSIM_COOP,
        .seed = options->seed,
        .choices = options->choices,
        .special_pool = true,
        .no_ledgers = options->no_ledgers,
        .trace = options->trace,
        .trace_events = 1 << 20,
        .debug_print = options->trace,
        .count_operations = true,
        .quiet = true,
        .on_violation = keep_violation,
        .context = run,
    });
    return run->started;
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

static NTSTATUS load_driver(const struct check *check, struct fltsim_driver **driver)
{
    return fltsim_load(&(struct fltsim_driver_options){.module = check->build->module,
                                                       .inf = check->inf,
                                                       .name = check->name,
                                                       .altitude = check->altitude},
                       driver);
}

static void report_load(const struct check *check, struct check_run *run, struct fltsim_driver *driver, NTSTATUS status)
{
    if (check->inf_error)
        fltsim_violate("bad-inf", "%s. The check goes on without it.", check->inf_error);
    if (!NT_SUCCESS(status)) {
        fltsim_violate("load-failed", "DriverEntry answered %s.", fltsim_status_name(status));
        return;
    }
    run->own_instances = fltsim_wrote_instances(driver);
    if (check->inf && fltsim_given_instances(driver))
        fltsim_violate("bad-inf", "%s gives the service no Instances key with a DefaultInstance. "
                       "The check goes on with an instance at altitude %s.", check->inf, check->altitude);
}

NTSTATUS check_load(const struct check *check, struct check_run *run, struct fltsim_driver **driver)
{
    NTSTATUS status = load_driver(check, driver);
    if (run)
        report_load(check, run, *driver, status);
    return status;
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

enum { VOLUMES = 3 }; /* NTFS-like, FAT-like, and for drivers that know it a cluster's */

static void unload_in_flight(struct fltsim_driver *driver, struct workload *w, size_t volumes)
{
    struct traffic traffic[VOLUMES * SENDERS];
    struct fltsim_thread *threads[VOLUMES * SENDERS];
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
    struct workload w[VOLUMES];
    struct fltsim_volume *volumes[VOLUMES];
    int count; /* of them */
    struct fltsim_driver *driver;
    struct known known;
};

static struct fltsim_volume *mount(struct workload *w, char letter, enum fltsim_volume_kind kind, const struct check_run *run)
{
    static const char *const roots[] = {"C:", "D:", "E:", "F:"};
    bool is_ntfs = kind != FLTSIM_FAT;
    struct fltsim_volume *volume = NULL;
    fltsim_mount(&(struct fltsim_volume_options){.kind = kind,
                                                 .letter = letter,
                                                 .label = is_ntfs ? "System" : "Stick",
                                                 .removable = !is_ntfs,
                                                 .completion = run->kind == CHECK_IDLE ? FLTSIM_COMPLETE_INLINE
                                                               : is_ntfs               ? FLTSIM_COMPLETE_DISPATCH
                                                                                       : FLTSIM_COMPLETE_LATER},
                 &volume);
    w->root = roots[letter - 'C'];
    w->is_ntfs = is_ntfs;
    w->volume = volume;
    return volume;
}

static void mount_all(struct body *body)
{
    static const enum fltsim_volume_kind kinds[VOLUMES] = {FLTSIM_NTFS, FLTSIM_FAT, FLTSIM_CSVFS};
    check_step(body->check, body->run, "mounting");
    body->count = body->check->options->csvfs || body->check->build->knows_csvfs ? 3 : 2;
    for (int i = 0; i < body->count; i++) {
        struct workload *w = &body->w[i];
        body->volumes[i] = mount(w, "CDE"[i], kinds[i], body->run);
        w->is_csvfs = kinds[i] == FLTSIM_CSVFS;
        w->note = check_note;
        w->context = body->run;
        workload_populate(w);
        w->operations = 0;
        w->known = &body->known;
    }
    known_read_module(&body->known, body->check->build->module);
}

static void run_steps(struct body *body, struct workload *w)
{
    for (const struct workload_step *step = workload_steps; step->name; step++) {
        check_step(body->check, body->run, "%s on %s", step->name, w->root);
        step->run(w);
        workload_poll(w);
    }
}

static void detach_and_reattach(struct body *body, int i)
{
    struct workload *w = &body->w[i];
    HANDLE open = workload_open(w, "open across detach", &(struct fltsim_open){.disposition = FILE_OPEN_IF},
                                STATUS_SUCCESS);
    struct workload_pending *pending = workload_begin_pending(w);
    check_step(body->check, body->run, "detaching from %s", w->root);
    NTSTATUS status = fltsim_detach(body->driver, body->volumes[i], NULL);
    if (NT_SUCCESS(status)) {
        workload_cached(w);
        workload_end_pending(w, pending);
        pending = NULL;
        check_step(body->check, body->run, "attaching to %s", w->root);
        fltsim_attach(body->driver, body->volumes[i], NULL, NULL);
        workload_cached(w);
    }
    if (pending)
        workload_end_pending(w, pending);
    workload_close(w, open);
}

static void come_and_go(struct body *body)
{
    struct workload late = body->w[1];

    check_step(body->check, body->run, "a volume that comes and goes");
    struct fltsim_volume *volume = mount(&late, 'F', FLTSIM_FAT, body->run);
    if (!volume)
        return;
    fltsim_make_directory("F:\\work");
    workload_cached(&late);
    HANDLE open = workload_open(&late, "open across dismount", &(struct fltsim_open){.disposition = FILE_OPEN_IF},
                                STATUS_SUCCESS);
    fltsim_dismount(volume);
    workload_close(&late, open);
}

/* The volume that a cluster hides beneath its own: CSVFS opens files on it. */
static void come_and_go_beneath(struct body *body)
{
    struct workload hidden = body->w[0];
    struct fltsim_volume *volume;

    if (body->count < VOLUMES)
        return;
    check_step(body->check, body->run, "a volume beneath a cluster's");
    if (!NT_SUCCESS(fltsim_mount(&(struct fltsim_volume_options){.letter = 'G', .clustered = true}, &volume)))
        return;
    hidden.root = "G:";
    hidden.volume = volume;
    hidden.note = NULL;
    workload_populate(&hidden);
    workload_system_opens(&hidden);
    workload_cached(&hidden);
    fltsim_dismount(volume);
}

static void know(struct body *body)
{
    check_step(body->check, body->run, "attaching");
    known_read_registry(&body->known, fltsim_driver_name(body->driver));
    for (int i = 0; i < body->count; i++) {
        body->w[i].driver = body->driver;
        workload_make_known_folders(&body->w[i], false);
        if (!fltsim_instances(body->driver, body->volumes[i]))
            fltsim_attach(body->driver, body->volumes[i], NULL, NULL);
        workload_make_known_folders(&body->w[i], true);
        attach_by_hand(body->run, body->driver, body->volumes[i]);
    }
}

/* Its own programs run beside all others, and are told nothing of what those are answered: they have a say in it. */
static struct workload_clients *connect_clients(struct body *body)
{
    check_step(body->check, body->run, "connecting to its ports");
    struct workload_clients *clients = workload_connect(&body->w[0]);
    if (workload_has_clients(clients))
        for (int i = 0; i < body->count; i++) {
            body->w[i].note = NULL;
            body->w[i].clients = clients;
        }
    return clients;
}

static void disconnect_clients(struct body *body, struct workload_clients *clients)
{
    for (int i = 0; i < body->count; i++)
        body->w[i].clients = NULL;
    workload_disconnect(clients);
}

static void use_ports(struct body *body)
{
    struct workload_clients *clients = connect_clients(body);

    for (int i = 0; i < body->count && workload_has_clients(clients); i++) {
        check_step(body->check, body->run, "its programs' commands, %s", body->w[i].root);
        workload_commands(&body->w[i], clients);
        workload_transactions(&body->w[i]); /* at once: its log may be full soon */
        workload_cached(&body->w[i]);
        workload_known(&body->w[i]);
        workload_deletes(&body->w[i]);
    }
    check_step(body->check, body->run, "disconnecting from its ports");
    disconnect_clients(body, clients);
}

/* False: it refuses a mandatory unload, too. */
static bool unload_or_insist(struct fltsim_driver *driver)
{
    NTSTATUS status = fltsim_unload(driver);
    if (status == STATUS_FLT_DO_NOT_DETACH)
        status = fltsim_unload_mandatory(driver);
    return NT_SUCCESS(status);
}

static void unload(struct body *body)
{
    check_dump(body->check, body->run);
    check_step(body->check, body->run, "unloading");
    if (body->run->kind == CHECK_IN_FLIGHT)
        unload_in_flight(body->driver, body->w, (size_t)body->count);
    else
        unload_or_insist(body->driver);
}

static void run_all_steps(struct body *body)
{
    for (int i = 0; i < body->count; i++) {
        run_steps(body, &body->w[i]);
        detach_and_reattach(body, i);
    }
}

static void run_normally(struct body *body)
{
    struct workload_clients *clients = NULL;

    fltsim_describe(body->driver, check_keep_line, body->run);
    if (body->run->kind == CHECK_IN_FLIGHT)
        clients = connect_clients(body);
    run_all_steps(body);
    come_and_go(body);
    come_and_go_beneath(body);
    if (clients) {
        check_step(body->check, body->run, "writers that follow each other in transactions");
        workload_follow(&body->w[0]);
    } else {
        use_ports(body);
    }
    check_describe(body->run, body->driver);
    unload(body);
    if (clients)
        disconnect_clients(body, clients);
}

/* ---- failing allocations ---- */

enum { LOADS = 100, ONE_IN = 16, PASSES = 3 };

static bool lacks_a_file(NTSTATUS status)
{
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND ||
           status == STATUS_NO_SUCH_FILE;
}

/* Each allocation of the load fails once, until it gets by without. */
static bool load_short_of_memory(struct body *body)
{
    bool made_files = false;

    for (unsigned n = 1;; n++) {
        check_step(body->check, body->run, "loading while allocation %u fails", n);
        fltsim_fail_allocation(n <= LOADS ? n : 0);
        NTSTATUS status = check_load(body->check, NULL, &body->driver);
        bool failed = fltsim_allocation_failed();
        fltsim_fail_allocation(0);
        if (!failed && !made_files && lacks_a_file(status)) {
            workload_make_known_files(&body->w[0]);
            made_files = true;
            n = 0;
            continue;
        }
        if (!failed)
            return NT_SUCCESS(status);
        if (NT_SUCCESS(status) && !unload_or_insist(body->driver))
            return true; /* it stays: there is no other load */
    }
}

static void run_short_of_memory(struct body *body)
{
    for (int i = 0; i < body->count; i++) {
        body->w[i].note = NULL;
        body->w[i].scarce = true;
    }
    struct workload_clients *clients = connect_clients(body);
    for (int i = 0; i < 2; i++) {
        check_step(body->check, body->run, "each allocation fails once on %s", body->w[i].root);
        workload_each_allocation(&body->w[i]);
    }
    disconnect_clients(body, clients);
    for (unsigned pass = 1; pass <= PASSES; pass++) {
        fltsim_fail_some_allocations(ONE_IN, pass);
        run_all_steps(body);
        use_ports(body);
    }
    fltsim_fail_allocation(0);
    unload(body);
}

/* A driver may read a file of settings as it loads. Where it fails for one, files by the names in its code are made, and it
 * is loaded once more. */
static bool load(struct body *body)
{
    NTSTATUS status = load_driver(body->check, &body->driver);
    if (lacks_a_file(status)) {
        workload_make_known_files(&body->w[0]);
        NTSTATUS again = load_driver(body->check, &body->driver);
        if (again != status && !lacks_a_file(again)) {
            char *line = tool_format("DriverEntry answered %s until there were files by the names in its code, with a line of "
                                     "text in each: %s then", fltsim_status_name(status), fltsim_status_name(again));
            check_keep_line(line, body->run);
            free(line);
        }
        status = NT_SUCCESS(again) ? again : status;
    }
    report_load(body->check, body->run, body->driver, status);
    return NT_SUCCESS(status);
}

static void run_body(void *argument)
{
    struct body *body = argument;
    struct check_run *run = body->run;

    /* Before its volume is there: it holds no file on it open, or the volume could not be locked. */
    struct fltsim_process *other = fltsim_process_create("C:\\Windows\\System32\\notepad.exe");
    mount_all(body);
    for (int i = 0; i < body->count; i++)
        body->w[i].other = other;
    check_step(body->check, run, "loading");
    if (run->kind == CHECK_SHORT ? !load_short_of_memory(body) : !load(body))
        return;
    know(body);
    if (run->kind == CHECK_SHORT)
        run_short_of_memory(body);
    else
        run_normally(body);
    for (int i = 0; i < body->count; i++) {
        body->w[i].driver = NULL;
        workload_cached(&body->w[i]);
    }
    fltsim_process_exit(other);
}

static void load_body(void *argument)
{
    struct body *body = argument;
    mount_all(body);
    check_load(body->check, NULL, &body->driver);
}

void check_load_body(const struct check *check, struct check_run *run)
{
    struct body *body = tool_alloc(sizeof *body);

    body->check = check;
    body->run = run;
    fltsim_watchdog(check->options->timeout);
    if (!check_start(check, run))
        return;
    fltsim_try(load_body, body);
    fltsim_each_noted_status(check_keep_line, run);
    fltsim_abandon();
}

void check_run_body(const struct check *check, struct check_run *run)
{
    struct body *body = tool_alloc(sizeof *body);

    body->check = check;
    body->run = run;
    if (!check_start(check, run))
        return;
    fltsim_set_policy("pool-wrong-tag", FLTSIM_GO_ON);
    fltsim_set_policy("pool-bad-free", FLTSIM_GO_ON);
    fltsim_set_policy("breakpoint", FLTSIM_GO_ON);
    fltsim_set_policy("assertion-failed", run->kind == CHECK_SHORT ? FLTSIM_OFF /* it may say that memory suffices */
                                                                   : FLTSIM_GO_ON);
    run->finished = fltsim_try(run_body, body);
    if (!run->finished)
        check_dump(check, run);
    for (int i = 0; i < body->count; i++) {
        run->operations += body->w[i].operations;
        if (run->kind != CHECK_SHORT)
            run->unexpected += body->w[i].unexpected;
    }
    fltsim_fail_allocation(0); /* wherever it ended: the machine's own end has memory */
    check_step(check, run, "stopping");
    if (check->options->trace)
        fltsim_trace_print(check->options->json ? stderr : stdout);
    run->choices = check_text(run, fltsim_choices());
    fltsim_stop(NULL);
    fltsim_watchdog(0);
}
