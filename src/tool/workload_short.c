/* Memory fails at one place at a time: each allocation of a few small things that programs do, in turn. What fails by chance
 * elsewhere seldom meets a path that is walked once. */
#include "tool/workload.h"

#include <fltsim/fault.h>

enum { MOST = 150 };

static const struct fltsim_open write_open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE, .disposition = FILE_OPEN_IF};

static void create_and_write(struct workload *w)
{
    HANDLE file = workload_open(w, "short new", &write_open, STATUS_SUCCESS);
    char byte = 1;
    if (!file)
        return;
    fltsim_write(file, &byte, 1, 0, NULL);
    fltsim_read(file, &byte, 1, 0, NULL);
    workload_close(w, file);
}

static void open_again(struct workload *w)
{
    HANDLE first = workload_open(w, "short", NULL, STATUS_SUCCESS), second = workload_open(w, "short", NULL, STATUS_SUCCESS);
    char byte;
    if (first)
        fltsim_read(first, &byte, 1, 0, NULL);
    workload_close(w, second);
    workload_close(w, first);
}

static void rename_it(struct workload *w)
{
    HANDLE file = workload_open(w, "short", &write_open, STATUS_SUCCESS);
    if (file)
        fltsim_rename(file, workload_path(w, "short new"), true);
    workload_close(w, file);
}

static void delete_it(struct workload *w)
{
    HANDLE file = workload_open(w, "short", &write_open, STATUS_SUCCESS);
    if (file)
        fltsim_set_delete(file, true);
    workload_close(w, file);
}

static void write_to_a_stream(struct workload *w)
{
    HANDLE file = w->is_ntfs ? workload_open(w, "short:stream", &write_open, STATUS_SUCCESS) : NULL;
    if (file)
        fltsim_write(file, "stream", 6, 0, NULL);
    workload_close(w, file);
}

static void map_it(struct workload *w)
{
    HANDLE file = workload_open(w, "short", &write_open, STATUS_SUCCESS);
    struct fltsim_view view;
    if (file && NT_SUCCESS(fltsim_map(file, true, 0, &view)))
        fltsim_unmap(&view);
    workload_close(w, file);
}

static void (*const things[])(struct workload *w) = {create_and_write,  open_again, rename_it,        delete_it,
                                                      write_to_a_stream, map_it,     workload_transact};

/* With all the memory there is: "short" is there, "short new" is not, and nothing is remembered of either. */
static void prepare(struct workload *w)
{
    HANDLE file = workload_open(w, "short new", &(struct fltsim_open){.access = DELETE, .options = FILE_DELETE_ON_CLOSE},
                                STATUS_SUCCESS);
    workload_close(w, file);
    file = workload_open(w, "short", &write_open, STATUS_SUCCESS);
    if (file)
        fltsim_write(file, "short", 5, 0, NULL);
    workload_close(w, file);
    fltsim_trim(w->volume);
    workload_poll(w);
}

void workload_each_allocation(struct workload *w)
{
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        bool failed = true;
        for (unsigned n = 1; failed && n <= MOST; n++) {
            prepare(w);
            fltsim_fail_allocation(n);
            things[i](w);
            failed = fltsim_allocation_failed();
            fltsim_fail_allocation(0);
        }
    }
}
