/* Making and removing what the host's folders hold. */
#ifndef FLTSIM_PLAT_FOLDER_H
#define FLTSIM_PLAT_FOLDER_H

#include <stdbool.h>

/* With its parents; true when it is there already. */
bool plat_folder_make(const char *path);
/* A symbolic link at `path`; one that is there is replaced. */
bool plat_link_make(const char *target, const char *path);
/* A new folder "<name>-XXXXXX" in the system's temporary folder; malloc. NULL with errno set. */
char *plat_folder_temporary(const char *name);
/* Of one folder: it goes, too, when SIGINT or SIGTERM ends the process. NULL: not any more. */
void plat_folder_remove_on_interrupt(const char *path);
/* With everything in it; symbolic links are removed, not followed. */
void plat_folder_remove(const char *path);
/* Absolute, links resolved; malloc. NULL: there is no such file. */
char *plat_path_absolute(const char *path);

#endif
