/* ACCESS_STATE of a create. */
#include "sep.h"

void SepInitializeAccessState(PACCESS_STATE state, struct sep_access_data *data, ACCESS_MASK access,
                              KPROCESSOR_MODE mode)
{
    PKTHREAD thread = KiCurrentThread();
    struct sep_impersonation *impersonation = thread->se;
    *state = (ACCESS_STATE){
        .RemainingDesiredAccess = access,
        .OriginalDesiredAccess = access,
        .AuxData = data,
    };
    data->privileges = &state->Privileges.PrivilegeSet;
    state->SubjectSecurityContext.PrimaryToken = SepPrimaryToken((PEPROCESS)KiCurrentProcess());
    if (impersonation && !impersonation->disabled) {
        state->SubjectSecurityContext.ClientToken = impersonation->token;
        state->SubjectSecurityContext.ImpersonationLevel = impersonation->level;
    }
}
