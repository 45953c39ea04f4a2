/* What MSVC compiles and the compilers here do not, put right in a copy of a driver's source. */
#ifndef FLTSIM_TOOL_MSVC_TEXT_H
#define FLTSIM_TOOL_MSVC_TEXT_H

#include <stdbool.h>

/* Takes the text (malloc) and gives it back, perhaps another one; the lines stay where they are. *changed is set where
 * something was put right:
 *  - typedef unsigned long X: 32 bits there, 64 here; becomes int
 *  - typedef unsigned __int64 size_t, typedef long long ptrdiff_t: what MSVC has already, and another type than this
 *    compiler's; goes
 *  - operator new(unsigned __int64): the size of the operators is this compiler's size_t
 *  - the comma before an empty __VA_ARGS__, which MSVC drops
 *  - extern "C" static: static without the linkage
 *  - extern __declspec(selectany) X x; without a value: a definition there
 *  - "text" ## x: what cannot become one token stays two
 *  - const enum X {...};: the const says nothing
 *  - typename X<Y> that names nothing within X<Y>: without typename
 *  - 5i64, 0xFFui16: the suffixes that these compilers know
 *  - casts that are assigned to or have their address taken: msvc_casts
 *  - long members of structures: msvc_members */
char *msvc_text(char *text, bool *changed);
char *msvc_casts(char *text, bool *changed); /* steps of it */
bool msvc_members(char *text);
char *msvc_skip_quoted(char *p); /* behind a literal or a comment that begins here, else NULL */

struct tree;
/* Of all that was read: `enum X` before a name becomes int where neither the tree nor the WDK defines X, and so does a type
 * that stands for it before its definition. */
void msvc_enums(struct tree *tree);

#endif
