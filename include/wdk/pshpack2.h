/* No guard: acts at every inclusion. */
#pragma pack(push, 2)
