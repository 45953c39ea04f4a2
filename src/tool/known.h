/* What a driver knows by name: texts and control codes in its module, and its settings in the registry. Programs that
 * use just these reach the code that is about them. */
#ifndef FLTSIM_TOOL_KNOWN_H
#define FLTSIM_TOOL_KNOWN_H

#include <fltsim/fltsim.h>

#include <stdbool.h>
#include <stddef.h>

enum { KNOWN_PATHS = 32, KNOWN_EXTENSIONS = 24, KNOWN_IMAGES = 12, KNOWN_CODES = 32, KNOWN_TEXT = 120 };

struct known {
    char paths[KNOWN_PATHS][KNOWN_TEXT];           /* "\folder\name", "\name": on any volume */
    char extensions[KNOWN_EXTENSIONS][KNOWN_TEXT]; /* "txt" */
    char images[KNOWN_IMAGES][KNOWN_TEXT];         /* "notepad.exe" */
    ULONG codes[KNOWN_CODES];                      /* control codes, as far as they can be told from other numbers */
    size_t path_count, extension_count, image_count, code_count;
    unsigned volumes;                              /* bit N: \Device\HarddiskVolumeN is named */
};

void known_read_module(struct known *known, const char *path);
/* The texts of the service's key and of its Parameters. */
void known_read_registry(struct known *known, const char *service);

#endif
