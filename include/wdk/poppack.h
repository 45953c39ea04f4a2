/* No guard: acts at every inclusion. */
#pragma pack(pop)
