/* A module with a global that each loaded copy has for itself. */
int counter = 10;
int count_up(void);
int count_up(void) { return ++counter; }
