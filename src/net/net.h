/* What other rooms need of this one. */
#ifndef FLTSIM_NET_NET_H
#define FLTSIM_NET_NET_H

/* callout-left-registered and network-leak for what code of the driver (NULL: anybody's) left behind. */
void NetpReportDriver(const char *driver);
/* Those that the test left. */
void NetpCloseConnections(void);

#endif
