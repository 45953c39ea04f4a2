#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "plat/folder.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool plat_folder_make(const char *path)
{
    char *copy = strdup(path);
    bool made = copy != NULL;

    for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && made; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        made = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    made = made && (mkdir(copy, 0777) == 0 || errno == EEXIST);
    free(copy);
    return made;
}

bool plat_link_make(const char *target, const char *path)
{
    unlink(path);
    return symlink(target, path) == 0;
}

char *plat_folder_temporary(const char *name)
{
    const char *root = getenv("TMPDIR");
    if (!root || !*root)
        root = "/tmp";
    size_t size = strlen(root) + strlen(name) + 16;
    char *path = malloc(size);
    if (!path)
        return NULL;
    snprintf(path, size, "%s/%s-XXXXXX", root, name);
    if (mkdtemp(path))
        return path;
    free(path);
    return NULL;
}

static char doomed[1024];

/* A signal handler may not walk folders; a program of its own may. */
static void interrupted(int number)
{
    pid_t child = doomed[0] ? fork() : -1;
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", "--", doomed, (char *)NULL);
        _exit(1);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    signal(number, SIG_DFL);
    raise(number);
}

void plat_folder_remove_on_interrupt(const char *path)
{
    if (path && strlen(path) >= sizeof doomed)
        return;
    strcpy(doomed, path ? path : "");
    signal(SIGINT, path ? interrupted : SIG_DFL);
    signal(SIGTERM, path ? interrupted : SIG_DFL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void plat_folder_remove(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

char *plat_path_absolute(const char *path) { return realpath(path, NULL); }
