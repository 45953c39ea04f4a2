#define _GNU_SOURCE
#include "plat/process.h"

#include "plat/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct capture {
    char *text;
    size_t length, room;
};

static void capture_add(struct capture *capture, const char *data, size_t length)
{
    if (capture->length + length + 1 > capture->room) {
        size_t room = (capture->length + length + 1) * 2;
        char *text = realloc(capture->text, room);
        if (!text)
            return;
        capture->text = text;
        capture->room = room;
    }
    memcpy(capture->text + capture->length, data, length);
    capture->length += length;
    capture->text[capture->length] = 0;
}

static int time_left(uint64_t until)
{
    if (!until)
        return -1;
    uint64_t now = plat_clock_ns();
    return now >= until ? 0 : (int)((until - now) / 1000000) + 1;
}

/* Reads until the writer is gone. False: the time was up before. */
static bool read_all(int descriptor, uint64_t until, struct capture *capture)
{
    char buffer[4096];
    for (;;) {
        struct pollfd poll_for = {.fd = descriptor, .events = POLLIN};
        int ready = poll(&poll_for, 1, time_left(until));
        if (ready == 0)
            return false;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t length = read(descriptor, buffer, sizeof buffer);
        if (length > 0)
            capture_add(capture, buffer, (size_t)length);
        else if (length == 0 || errno != EINTR)
            return true;
    }
}

/* Without a pipe to watch: asks now and then. */
static bool wait_until(pid_t child, uint64_t until, int *status)
{
    for (unsigned pause = 1;; pause = pause < 20 ? pause * 2 : 20) {
        pid_t got = waitpid(child, status, until ? WNOHANG : 0);
        if (got == child)
            return true;
        if (got < 0 && errno != EINTR)
            return true;
        if (until && time_left(until) == 0)
            return false;
        if (until)
            plat_clock_sleep(pause);
    }
}

static void finish(pid_t child, int descriptor, unsigned timeout_ms, struct plat_exit *result, char **output)
{
    struct capture capture = {0};
    uint64_t until = timeout_ms ? plat_clock_ns() + (uint64_t)timeout_ms * 1000000 : 0;
    int status = 0;
    bool in_time = true;

    if (descriptor >= 0) {
        in_time = read_all(descriptor, until, &capture);
        close(descriptor);
    }
    if (!in_time || !wait_until(child, until, &status)) {
        in_time = false;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    *result = (struct plat_exit){
        .timed_out = !in_time,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
    };
    if (output)
        *output = capture.text ? capture.text : strdup("");
}

static pid_t start(int *descriptor, bool captured)
{
    int ends[2] = {-1, -1};
    *descriptor = -1;
    if (captured && pipe(ends) != 0)
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0 && captured) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
    } else if (captured) {
        close(ends[1]);
        if (child < 0)
            close(ends[0]);
        else
            *descriptor = ends[0];
    }
    return child;
}

bool plat_process_start(int (*body)(void *argument), void *argument, bool captured, struct plat_child *child)
{
    child->process = start(&child->output, captured);
    if (child->process == 0) {
        int code = body(argument);
        fflush(NULL);
        _exit(code);
    }
    return child->process > 0;
}

void plat_process_finish(const struct plat_child *child, unsigned timeout_ms, struct plat_exit *result, char **output)
{
    finish(child->process, child->output, timeout_ms, result, output);
}

void plat_process_drop(const struct plat_child *child)
{
    kill(child->process, SIGKILL);
    if (child->output >= 0)
        close(child->output);
    waitpid(child->process, NULL, 0);
}

bool plat_process_fork(int (*body)(void *argument), void *argument, unsigned timeout_ms,
                       struct plat_exit *result, char **output)
{
    struct plat_child child;
    if (!plat_process_start(body, argument, output != NULL, &child))
        return false;
    plat_process_finish(&child, timeout_ms, result, output);
    return true;
}

bool plat_process_run(const char *const argv[], unsigned timeout_ms, struct plat_exit *result, char **output)
{
    int descriptor;
    pid_t child = start(&descriptor, output != NULL);
    if (child < 0)
        return false;
    if (child == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    finish(child, descriptor, timeout_ms, result, output);
    return true;
}
