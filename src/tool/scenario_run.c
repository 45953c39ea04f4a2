#include "tool/scenario_run.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 32, LETTERS = 26 };

struct open_file {
    const char *name; /* NULL: free */
    HANDLE handle;
    struct fltsim_view view;
};

/* What all threads of a run share. */
struct stage {
    const struct check *check;
    struct check_run *run;
    const struct scenario *scenario;
    struct fltsim_driver *driver;
    struct fltsim_volume *volumes[LETTERS];
    struct program {
        const char *name;
        struct fltsim_process *process; /* NULL: a free place */
    } programs[NAMES];
};

/* One thread's: its open files, and those it found when it started. */
struct scenario_state {
    struct stage *stage;
    struct open_file files[NAMES];
};

static void run_lines(struct scenario_state *state, const struct scenario_line *line);

/* ---- looking things up ---- */

static struct open_file *find_file(struct scenario_state *state, const char *name)
{
    for (int i = 0; i < NAMES; i++)
        if (state->files[i].name && (!name || !strcmp(state->files[i].name, name)))
            return &state->files[i];
    return NULL;
}

static struct open_file *new_file(struct scenario_state *state, const char *name)
{
    for (int i = 0; i < NAMES; i++)
        if (!state->files[i].name) {
            state->files[i] = (struct open_file){.name = name};
            return &state->files[i];
        }
    return NULL;
}

static HANDLE handle_of(struct scenario_state *state, const struct scenario_line *line)
{
    struct open_file *file = find_file(state, line->words[1]);
    return file ? file->handle : NULL;
}

static bool has(const struct scenario_line *line, int from, const char *word)
{
    for (int i = from; i < line->count; i++)
        if (!strcmp(line->words[i], word))
            return true;
    return false;
}

static int64_t offset_of(const char *word)
{
    if (!strcmp(word, "end"))
        return FLTSIM_APPEND;
    if (!strcmp(word, "current"))
        return FLTSIM_CURRENT;
    return (int64_t)strtoull(word, NULL, 0);
}

static struct fltsim_volume **volume_of(struct scenario_state *state, const struct scenario_line *line)
{
    return &state->stage->volumes[toupper((unsigned char)line->words[1][0]) - 'A'];
}

/* ---- the machine ---- */

static NTSTATUS run_mount(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_mount(&(struct fltsim_volume_options){
                            .kind = has(line, 2, "fat")     ? FLTSIM_FAT
                                    : has(line, 2, "csvfs") ? FLTSIM_CSVFS
                                                            : FLTSIM_NTFS,
                            .clustered = has(line, 2, "clustered"),
                            .letter = (char)toupper((unsigned char)line->words[1][0]),
                            .completion = has(line, 2, "later")      ? FLTSIM_COMPLETE_LATER
                                          : has(line, 2, "dispatch") ? FLTSIM_COMPLETE_DISPATCH
                                          : has(line, 2, "choice")   ? FLTSIM_COMPLETE_CHOICE
                                                                     : FLTSIM_COMPLETE_INLINE,
                            .read_only = has(line, 2, "readonly"),
                            .no_fast_io = has(line, 2, "nofastio"),
                        },
                        volume_of(state, line));
}

static NTSTATUS run_dismount(struct scenario_state *state, const struct scenario_line *line)
{
    struct fltsim_volume **volume = volume_of(state, line);
    NTSTATUS status = *volume ? fltsim_dismount(*volume) : STATUS_NO_SUCH_DEVICE;
    if (NT_SUCCESS(status))
        *volume = NULL;
    return status;
}

static NTSTATUS run_trim(struct scenario_state *state, const struct scenario_line *line)
{
    struct fltsim_volume **volume = volume_of(state, line);
    if (!*volume)
        return STATUS_NO_SUCH_DEVICE;
    fltsim_trim(*volume);
    return STATUS_SUCCESS;
}

static NTSTATUS run_load(struct scenario_state *state, const struct scenario_line *line)
{
    if (state->stage->driver)
        return STATUS_IMAGE_ALREADY_LOADED;
    NTSTATUS status = check_load(state->stage->check, state->stage->run, &state->stage->driver);
    if (NT_SUCCESS(status))
        fltsim_describe(state->stage->driver, check_keep_line, state->stage->run);
    return status;
}

static NTSTATUS run_unload(struct scenario_state *state, const struct scenario_line *line)
{
    struct stage *stage = state->stage;
    if (!stage->driver)
        return STATUS_FLT_FILTER_NOT_FOUND;
    check_describe(stage->run, stage->driver);
    check_dump(stage->check, stage->run);
    NTSTATUS status = has(line, 1, "mandatory") ? fltsim_unload_mandatory(stage->driver) : fltsim_unload(stage->driver);
    if (NT_SUCCESS(status))
        stage->driver = NULL;
    return status;
}

static NTSTATUS run_attach(struct scenario_state *state, const struct scenario_line *line)
{
    struct fltsim_volume **volume = volume_of(state, line);
    if (!state->stage->driver || !*volume)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    return fltsim_attach(state->stage->driver, *volume, line->count > 2 ? line->words[2] : NULL,
                         line->count > 3 ? line->words[3] : NULL);
}

static NTSTATUS run_detach(struct scenario_state *state, const struct scenario_line *line)
{
    struct fltsim_volume **volume = volume_of(state, line);
    if (!state->stage->driver || !*volume)
        return STATUS_FLT_VOLUME_NOT_FOUND;
    return fltsim_detach(state->stage->driver, *volume, line->count > 2 ? line->words[2] : NULL);
}

static NTSTATUS run_sleep(struct scenario_state *state, const struct scenario_line *line)
{
    fltsim_sleep((unsigned)strtoul(line->words[1], NULL, 0));
    return STATUS_SUCCESS;
}

/* NULL: none of that name; of none, a free place. */
static struct program *find_program(struct stage *stage, const char *name)
{
    for (int i = 0; i < NAMES; i++) {
        struct program *program = &stage->programs[i];
        if (name ? program->process && !strcmp(program->name, name) : !program->process)
            return program;
    }
    return NULL;
}

static NTSTATUS run_process(struct scenario_state *state, const struct scenario_line *line)
{
    struct program *program = find_program(state->stage, NULL);
    if (!program)
        return STATUS_INSUFFICIENT_RESOURCES;
    program->name = line->words[1];
    return fltsim_process_start(&(struct fltsim_program){.image = line->words[2]}, &program->process);
}

static NTSTATUS run_as(struct scenario_state *state, const struct scenario_line *line)
{
    struct program *program = find_program(state->stage, line->words[1]);
    bool test = !strcmp(line->words[1], "test");
    if (!program && !test)
        return STATUS_INVALID_CID;
    fltsim_impersonate(test ? NULL : program->process);
    return STATUS_SUCCESS;
}

static void end_program(struct program *program)
{
    fltsim_process_exit(program->process);
    program->process = NULL;
}

static NTSTATUS run_exit(struct scenario_state *state, const struct scenario_line *line)
{
    struct program *program = find_program(state->stage, line->words[1]);
    if (!program)
        return STATUS_INVALID_CID;
    end_program(program);
    return STATUS_SUCCESS;
}

/* ---- files ---- */

static ULONG disposition_of(const struct scenario_line *line)
{
    static const struct {
        const char *word;
        ULONG disposition;
    } words[] = {{"create", FILE_CREATE},           {"openif", FILE_OPEN_IF},
                 {"overwrite", FILE_OVERWRITE},     {"overwriteif", FILE_OVERWRITE_IF},
                 {"supersede", FLTSIM_SUPERSEDE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(line, 3, words[i].word))
            return words[i].disposition;
    return FILE_OPEN;
}

static struct fltsim_open open_of(const struct scenario_line *line)
{
    struct fltsim_open open = {.disposition = disposition_of(line)};

    if (has(line, 3, "read"))
        open.access |= GENERIC_READ;
    if (has(line, 3, "write"))
        open.access |= GENERIC_WRITE;
    if (has(line, 3, "append"))
        open.access |= FILE_APPEND_DATA;
    if (has(line, 3, "delete") || has(line, 3, "deleteonclose"))
        open.access |= DELETE;
    if (has(line, 3, "attributes"))
        open.access |= FILE_READ_ATTRIBUTES;
    if (has(line, 3, "directory"))
        open.options |= FILE_DIRECTORY_FILE;
    if (has(line, 3, "nocache"))
        open.options |= FILE_NO_INTERMEDIATE_BUFFERING;
    if (has(line, 3, "writethrough"))
        open.options |= FILE_WRITE_THROUGH;
    if (has(line, 3, "deleteonclose"))
        open.options |= FILE_DELETE_ON_CLOSE;
    if (has(line, 3, "byid"))
        open.options |= FILE_OPEN_BY_FILE_ID;
    if (has(line, 3, "exclusive"))
        open.share = FLTSIM_SHARE_NONE;
    open.asynchronous = has(line, 3, "asynchronous");
    open.paging_file = has(line, 3, "pagingfile");
    return open;
}

static NTSTATUS run_open(struct scenario_state *state, const struct scenario_line *line)
{
    struct fltsim_open open = open_of(line);
    HANDLE handle;

    if (find_file(state, line->words[1]))
        return STATUS_OBJECT_NAME_COLLISION;
    NTSTATUS status = fltsim_open(line->words[2], &open, &handle);
    if (NT_SUCCESS(status)) {
        struct open_file *file = new_file(state, line->words[1]);
        if (file)
            file->handle = handle;
        else
            fltsim_close(handle);
    }
    return status;
}

static NTSTATUS run_close(struct scenario_state *state, const struct scenario_line *line)
{
    struct open_file *file = find_file(state, line->words[1]);
    if (!file)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = fltsim_close(file->handle);
    file->name = NULL;
    return status;
}

enum { MOST_BYTES = 1 << 30 }; /* of one read or write */

static NTSTATUS run_read(struct scenario_state *state, const struct scenario_line *line)
{
    size_t length = strtoull(line->words[3], NULL, 0), done = 0;
    char *buffer = length <= MOST_BYTES ? calloc(1, length + 1) : NULL;
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = fltsim_read(handle_of(state, line), buffer, length, offset_of(line->words[2]), &done);

    if (NT_SUCCESS(status) && line->count > 4 &&
        (done < strlen(line->words[4]) || memcmp(buffer, line->words[4], strlen(line->words[4]))))
        status = STATUS_DATA_ERROR;
    free(buffer);
    return status;
}

static NTSTATUS run_write(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_write(handle_of(state, line), line->words[3], strlen(line->words[3]), offset_of(line->words[2]), NULL);
}

static NTSTATUS run_fill(struct scenario_state *state, const struct scenario_line *line)
{
    size_t length = strtoull(line->words[3], NULL, 0);
    char *buffer = length <= MOST_BYTES ? malloc(length + 1) : NULL;
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(buffer, 'f', length);
    NTSTATUS status = fltsim_write(handle_of(state, line), buffer, length, offset_of(line->words[2]), NULL);
    free(buffer);
    return status;
}

static NTSTATUS run_flush(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_flush(handle_of(state, line));
}

static NTSTATUS run_size(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_set_size(handle_of(state, line), strtoull(line->words[2], NULL, 0));
}

static NTSTATUS run_lock(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_lock(handle_of(state, line), strtoull(line->words[2], NULL, 0), strtoull(line->words[3], NULL, 0),
                       !has(line, 4, "shared"), has(line, 4, "wait"));
}

static NTSTATUS run_unlock(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_unlock(handle_of(state, line), strtoull(line->words[2], NULL, 0), strtoull(line->words[3], NULL, 0));
}

static NTSTATUS run_set_delete(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_set_delete(handle_of(state, line), has(line, 2, "on"));
}

static NTSTATUS run_delete(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_delete(line->words[1]);
}

static NTSTATUS run_rename(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_rename(handle_of(state, line), line->words[2], has(line, 3, "replace"));
}

static NTSTATUS run_link(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_link(handle_of(state, line), line->words[2], has(line, 3, "replace"));
}

static NTSTATUS run_mkdir(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_make_directory(line->words[1]);
}

static bool every_entry(const char *name, ULONG attributes, uint64_t size, void *context) { return true; }

static NTSTATUS run_enumerate(struct scenario_state *state, const struct scenario_line *line)
{
    return fltsim_enumerate(handle_of(state, line), line->count > 2 ? line->words[2] : NULL, every_entry, NULL);
}

static NTSTATUS run_map(struct scenario_state *state, const struct scenario_line *line)
{
    struct open_file *file = find_file(state, line->words[1]);
    return file ? fltsim_map(file->handle, has(line, 2, "write"), 0, &file->view) : STATUS_INVALID_HANDLE;
}

static NTSTATUS run_poke(struct scenario_state *state, const struct scenario_line *line)
{
    struct open_file *file = find_file(state, line->words[1]);
    size_t at = strtoull(line->words[2], NULL, 0), length = strlen(line->words[3]);
    if (!file || !file->view.base || at + length > file->view.size)
        return STATUS_INVALID_PARAMETER;
    memcpy((char *)file->view.base + at, line->words[3], length);
    return STATUS_SUCCESS;
}

static NTSTATUS run_unmap(struct scenario_state *state, const struct scenario_line *line)
{
    struct open_file *file = find_file(state, line->words[1]);
    if (!file || !file->view.base)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = fltsim_unmap(&file->view);
    file->view.base = NULL;
    return status;
}

/* ---- blocks ---- */

struct crew {
    struct scenario_state state;
    const struct scenario_line *block;
};

static void close_files(struct scenario_state *state)
{
    for (struct open_file *file = find_file(state, NULL); file; file = find_file(state, NULL)) {
        if (file->view.base)
            fltsim_unmap(&file->view);
        fltsim_close(file->handle);
        file->name = NULL;
    }
}

static int run_crew(void *argument)
{
    struct crew *crew = argument;
    run_lines(&crew->state, crew->block);
    close_files(&crew->state);
    return 0;
}

static NTSTATUS run_threads(struct scenario_state *state, const struct scenario_line *line)
{
    unsigned count = (unsigned)strtoul(line->words[1], NULL, 0);
    if (count < 1 || count > 64)
        return STATUS_INVALID_PARAMETER;
    struct crew *crew = calloc(count, sizeof *crew);
    struct fltsim_thread **threads = calloc(count, sizeof *threads);
    for (unsigned i = 0; i < count; i++) {
        crew[i].state.stage = state->stage;
        crew[i].block = line->block;
        threads[i] = fltsim_thread_create(NULL, run_crew, &crew[i]);
    }
    for (unsigned i = 0; i < count; i++)
        fltsim_thread_join(threads[i]);
    free(threads);
    free(crew);
    return STATUS_SUCCESS;
}

static NTSTATUS run_repeat(struct scenario_state *state, const struct scenario_line *line)
{
    for (unsigned long n = strtoul(line->words[1], NULL, 0); n; n--)
        run_lines(state, line->block);
    return STATUS_SUCCESS;
}

/* ---- the table ---- */

#define OPEN_WORDS                                                                                                     \
    "read|write|append|delete|attributes|open|create|openif|overwrite|overwriteif|supersede|directory|nocache|"        \
    "writethrough|deleteonclose|byid|exclusive|asynchronous|pagingfile"

static const struct scenario_command commands[] = {
    {"mount", "LETTER ntfs|fat|csvfs inline|later|dispatch|choice|readonly|nofastio|clustered...", false, run_mount},
    {"dismount", "LETTER", false, run_dismount},
    {"trim", "LETTER", false, run_trim},
    {"load", "", false, run_load},
    {"unload", "[mandatory]", false, run_unload},
    {"attach", "LETTER [INSTANCE] [ALTITUDE]", false, run_attach},
    {"detach", "LETTER [INSTANCE]", false, run_detach},
    {"process", "NAME IMAGE", false, run_process},
    {"as", "NAME", false, run_as},
    {"exit", "NAME", false, run_exit},
    {"sleep", "NUMBER", false, run_sleep},
    {"mkdir", "PATH", false, run_mkdir},
    {"open", "NAME PATH " OPEN_WORDS "...", false, run_open},
    {"close", "NAME", false, run_close},
    {"read", "NAME NUMBER NUMBER [TEXT]", false, run_read},
    {"write", "NAME NUMBER TEXT", false, run_write},
    {"fill", "NAME NUMBER NUMBER", false, run_fill},
    {"size", "NAME NUMBER", false, run_size},
    {"flush", "NAME", false, run_flush},
    {"lock", "NAME NUMBER NUMBER shared|wait...", false, run_lock},
    {"unlock", "NAME NUMBER NUMBER", false, run_unlock},
    {"setdelete", "NAME on|off", false, run_set_delete},
    {"delete", "PATH", false, run_delete},
    {"rename", "NAME TARGET [replace]", false, run_rename},
    {"link", "NAME TARGET [replace]", false, run_link},
    {"enumerate", "NAME [PATTERN]", false, run_enumerate},
    {"map", "NAME [write]", false, run_map},
    {"poke", "NAME NUMBER TEXT", false, run_poke},
    {"unmap", "NAME", false, run_unmap},
    {"threads", "NUMBER", true, run_threads},
    {"repeat", "NUMBER", true, run_repeat},
};

const struct scenario_command *scenario_find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void run_line(struct scenario_state *state, const struct scenario_line *line)
{
    struct stage *stage = state->stage;

    check_step(stage->check, stage->run, "%s:%u: %s", stage->scenario->path, line->number, line->words[0]);
    NTSTATUS status = line->command->run(state, line);
    stage->run->operations++;
    if (line->has_expectation && status != line->expected)
        fltsim_violate("scenario-expectation", "%s:%u: %s answered %s, the scenario expects %s.", stage->scenario->path,
                       line->number, line->words[0], fltsim_status_name(status), fltsim_status_name(line->expected));
}

static void run_lines(struct scenario_state *state, const struct scenario_line *line)
{
    for (; line; line = line->next)
        run_line(state, line);
}

static void run_stage(void *argument)
{
    struct scenario_state *state = argument;
    run_lines(state, state->stage->scenario->lines);
    close_files(state);
    for (int i = 0; i < NAMES; i++)
        end_program(&state->stage->programs[i]);
    if (state->stage->driver)
        check_describe(state->stage->run, state->stage->driver);
    check_dump(state->stage->check, state->stage->run);
}

void scenario_run(const struct check *check, struct check_run *run, const struct scenario *scenario)
{
    struct stage stage = {.check = check, .run = run, .scenario = scenario};
    struct scenario_state state = {.stage = &stage};

    if (!check_start(check, run))
        return;
    run->finished = fltsim_try(run_stage, &state);
    if (!run->finished)
        check_dump(check, run);
    check_step(check, run, "stopping");
    if (check->options->trace)
        fltsim_trace_print(check->options->json ? stderr : stdout);
    run->choices = check_text(run, fltsim_choices());
    fltsim_stop(NULL);
    fltsim_watchdog(0);
}
