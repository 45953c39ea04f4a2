/* What the filter engine needs of network buffers. */
#ifndef FLTSIM_NET_NBL_H
#define FLTSIM_NET_NBL_H

#include "net/netp.h"

#include <string.h>

/* Sets CurrentMdl and CurrentMdlOffset by DataOffset. */
void NetpSeek(NET_BUFFER *buffer);
/* Frees what NDIS put in front of the data. */
void NetpFreeCovers(NET_BUFFER *buffer);
/* Up to `length` bytes of the data, behind the first `skip`; answers how many there were. */
SIZE_T NetpCopyData(const NET_BUFFER *buffer, SIZE_T skip, UCHAR *target, SIZE_T length);

#endif
