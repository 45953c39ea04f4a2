/* What hangs off power settings at the end of a driver, and of the machine. */
#ifndef FLTSIM_IO_POWER_SETTING_H
#define FLTSIM_IO_POWER_SETTING_H

/* callback-left-registered for each that the driver (NULL: anybody) left, and forgets it. */
void IopReportPowerSettings(const char *driver);
/* After a fatal end: their memory goes wholesale. */
void IopForgetPowerSettings(void);

#endif
