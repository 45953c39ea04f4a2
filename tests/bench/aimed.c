/* (d) A create aimed below the lowest of the instances, against a program's create through all of them. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static const unsigned above[] = {0, 4, 16};
enum { POINTS = sizeof above / sizeof *above };

struct lowest {
    PFLT_VOLUME volume;
    PFLT_INSTANCE instance;
};

static void find_lowest(struct lowest *lowest)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\Device\\HarddiskVolume1");
    name.Length = name.MaximumLength = sizeof u"\\Device\\HarddiskVolume1" - sizeof(WCHAR);
    if (!NT_SUCCESS(FltGetVolumeFromName(BenchFilter, &name, &lowest->volume)) ||
        !NT_SUCCESS(FltGetBottomInstance(lowest->volume, &lowest->instance)))
        abort();
}

static void forget_lowest(struct lowest *lowest)
{
    FltObjectDereference(lowest->instance);
    FltObjectDereference(lowest->volume);
}

static void open_from_above(void *unused, unsigned count)
{
    HANDLE handle;
    while (count--) {
        fltsim_open("C:\\file", NULL, &handle);
        fltsim_close(handle);
    }
}

static void open_below(void *argument, unsigned count)
{
    struct lowest *lowest = argument;
    UNICODE_STRING name = RTL_CONSTANT_STRING((PWSTR)u"\\??\\C:\\file");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    name.Length = name.MaximumLength = sizeof u"\\??\\C:\\file" - sizeof(WCHAR);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    while (count--) {
        if (!NT_SUCCESS(FltCreateFileEx2(BenchFilter, lowest->instance, &handle, NULL, GENERIC_READ | SYNCHRONIZE, &attributes,
                                         &iosb, NULL, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN,
                                         FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0, NULL)))
            abort();
        FltClose(handle);
    }
}

static void keep_least(double *least, double now)
{
    if (!*least || now < *least)
        *least = now;
}

/* By turns: what else the machine does meets both. */
static void measure(struct lowest *lowest, double *program, double *aimed)
{
    *program = *aimed = 0;
    for (int i = 0; i < 8; i++) {
        keep_least(program, bench_time(open_from_above, NULL, 500));
        keep_least(aimed, bench_time(open_below, lowest, 500));
    }
}

void bench_aimed(void)
{
    double program[POINTS], aimed[POINTS];

    for (int i = 0; i < POINTS; i++) {
        struct bench_machine m;
        struct lowest lowest;
        HANDLE file;
        bench_boot(&m, FLTSIM_COOP, above[i] + 1);
        fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &file);
        fltsim_close(file);
        find_lowest(&lowest);
        measure(&lowest, &program[i], &aimed[i]);
        forget_lowest(&lowest);
        bench_halt();
    }
    printf("(d) instances above       ");
    for (int i = 0; i < POINTS; i++)
        printf("%9u", above[i]);
    printf("\n    a program's open+close");
    for (int i = 0; i < POINTS; i++)
        printf("%9.0f", program[i]);
    printf(" ns\n    aimed below them      ");
    for (int i = 0; i < POINTS; i++)
        printf("%9.0f", aimed[i]);
    printf(" ns\n    aimed / program       ");
    for (int i = 0; i < POINTS; i++)
        printf("%9.2f", aimed[i] / program[i]);
    printf("    aimed with 16 / with none: %.2f\n", aimed[POINTS - 1] / aimed[0]);
}
