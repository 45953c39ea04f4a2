/* The table of WDK routines (src/api.tsv) as the command asks it. */
#ifndef FLTSIM_TOOL_API_H
#define FLTSIM_TOOL_API_H

/* "absent", "partial", "done", or "unknown": not a routine that the table has. */
const char *api_state(const char *routine);

#endif
