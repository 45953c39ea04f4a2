/* SeExports: the well-known privileges and SIDs. */
#include "sep.h"

#define LUID_OF(name) {.LowPart = SE_##name##_PRIVILEGE}
#define SID0(label, authority, rid)                                                                                    \
    static struct sep_sid label = {1, 1, {authority}, {rid}}
#define ALIAS(label, rid)                                                                                              \
    static struct sep_sid label = {1, 2, {SECURITY_NT_AUTHORITY}, {SECURITY_BUILTIN_DOMAIN_RID, rid}}

SID0(null_sid, SECURITY_NULL_SID_AUTHORITY, SECURITY_NULL_RID);
SID0(world, SECURITY_WORLD_SID_AUTHORITY, SECURITY_WORLD_RID);
SID0(local, SECURITY_LOCAL_SID_AUTHORITY, SECURITY_LOCAL_RID);
SID0(creator_owner, SECURITY_CREATOR_SID_AUTHORITY, SECURITY_CREATOR_OWNER_RID);
SID0(creator_group, SECURITY_CREATOR_SID_AUTHORITY, SECURITY_CREATOR_GROUP_RID);
SID0(owner_rights, SECURITY_CREATOR_SID_AUTHORITY, 4);
static struct sep_sid nt_authority = {1, 0, {SECURITY_NT_AUTHORITY}, {0}};
SID0(dialup, SECURITY_NT_AUTHORITY, SECURITY_DIALUP_RID);
SID0(network, SECURITY_NT_AUTHORITY, SECURITY_NETWORK_RID);
SID0(batch, SECURITY_NT_AUTHORITY, SECURITY_BATCH_RID);
SID0(interactive, SECURITY_NT_AUTHORITY, SECURITY_INTERACTIVE_RID);
SID0(local_system, SECURITY_NT_AUTHORITY, SECURITY_LOCAL_SYSTEM_RID);
SID0(local_service, SECURITY_NT_AUTHORITY, SECURITY_LOCAL_SERVICE_RID);
SID0(network_service, SECURITY_NT_AUTHORITY, SECURITY_NETWORK_SERVICE_RID);
SID0(authenticated, SECURITY_NT_AUTHORITY, SECURITY_AUTHENTICATED_USER_RID);
SID0(restricted, SECURITY_NT_AUTHORITY, SECURITY_RESTRICTED_CODE_RID);
SID0(anonymous, SECURITY_NT_AUTHORITY, SECURITY_ANONYMOUS_LOGON_RID);
SID0(iuser, SECURITY_NT_AUTHORITY, 17);
SID0(untrusted, SECURITY_MANDATORY_LABEL_AUTHORITY, SECURITY_MANDATORY_UNTRUSTED_RID);
SID0(low, SECURITY_MANDATORY_LABEL_AUTHORITY, SECURITY_MANDATORY_LOW_RID);
SID0(medium, SECURITY_MANDATORY_LABEL_AUTHORITY, SECURITY_MANDATORY_MEDIUM_RID);
SID0(high, SECURITY_MANDATORY_LABEL_AUTHORITY, SECURITY_MANDATORY_HIGH_RID);
SID0(system_label, SECURITY_MANDATORY_LABEL_AUTHORITY, SECURITY_MANDATORY_SYSTEM_RID);
ALIAS(admins, DOMAIN_ALIAS_RID_ADMINS);
ALIAS(users, DOMAIN_ALIAS_RID_USERS);
ALIAS(guests, DOMAIN_ALIAS_RID_GUESTS);
ALIAS(power_users, DOMAIN_ALIAS_RID_POWER_USERS);
ALIAS(account_ops, 0x224);
ALIAS(system_ops, 0x225);
ALIAS(print_ops, 0x226);
ALIAS(backup_ops, DOMAIN_ALIAS_RID_BACKUP_OPS);

/* Longer ones than tokens have. */
#define LONG_SID(label, count, authority, ...)                                                                         \
    static struct {                                                                                                    \
        UCHAR Revision, SubAuthorityCount;                                                                             \
        SID_IDENTIFIER_AUTHORITY IdentifierAuthority;                                                                  \
        ULONG SubAuthority[count];                                                                                     \
    } label = {1, count, {authority}, {__VA_ARGS__}}
#define APP_PACKAGE_AUTHORITY {0, 0, 0, 0, 0, 15}
#define PROCESS_TRUST_AUTHORITY {0, 0, 0, 0, 0, 19}
LONG_SID(all_app_packages, 2, APP_PACKAGE_AUTHORITY, 2, 1);
LONG_SID(user_mode_drivers, 6, SECURITY_NT_AUTHORITY, 84, 0, 0, 0, 0, 0);
LONG_SID(trust_win_tcb, 2, PROCESS_TRUST_AUTHORITY, 1024, 8192);
LONG_SID(trusted_installer, 6, SECURITY_NT_AUTHORITY, 80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464);

static SE_EXPORTS exports = {
    .SeCreateTokenPrivilege = LUID_OF(CREATE_TOKEN),
    .SeAssignPrimaryTokenPrivilege = LUID_OF(ASSIGNPRIMARYTOKEN),
    .SeLockMemoryPrivilege = LUID_OF(LOCK_MEMORY),
    .SeIncreaseQuotaPrivilege = LUID_OF(INCREASE_QUOTA),
    .SeTcbPrivilege = LUID_OF(TCB),
    .SeSecurityPrivilege = LUID_OF(SECURITY),
    .SeTakeOwnershipPrivilege = LUID_OF(TAKE_OWNERSHIP),
    .SeLoadDriverPrivilege = LUID_OF(LOAD_DRIVER),
    .SeCreatePagefilePrivilege = LUID_OF(CREATE_PAGEFILE),
    .SeIncreaseBasePriorityPrivilege = LUID_OF(INC_BASE_PRIORITY),
    .SeSystemProfilePrivilege = LUID_OF(SYSTEM_PROFILE),
    .SeSystemtimePrivilege = LUID_OF(SYSTEMTIME),
    .SeProfileSingleProcessPrivilege = LUID_OF(PROF_SINGLE_PROCESS),
    .SeCreatePermanentPrivilege = LUID_OF(CREATE_PERMANENT),
    .SeBackupPrivilege = LUID_OF(BACKUP),
    .SeRestorePrivilege = LUID_OF(RESTORE),
    .SeShutdownPrivilege = LUID_OF(SHUTDOWN),
    .SeDebugPrivilege = LUID_OF(DEBUG),
    .SeAuditPrivilege = LUID_OF(AUDIT),
    .SeSystemEnvironmentPrivilege = LUID_OF(SYSTEM_ENVIRONMENT),
    .SeChangeNotifyPrivilege = LUID_OF(CHANGE_NOTIFY),
    .SeRemoteShutdownPrivilege = LUID_OF(REMOTE_SHUTDOWN),
    .SeNullSid = &null_sid,
    .SeWorldSid = &world,
    .SeLocalSid = &local,
    .SeCreatorOwnerSid = &creator_owner,
    .SeCreatorGroupSid = &creator_group,
    .SeNtAuthoritySid = &nt_authority,
    .SeDialupSid = &dialup,
    .SeNetworkSid = &network,
    .SeBatchSid = &batch,
    .SeInteractiveSid = &interactive,
    .SeLocalSystemSid = &local_system,
    .SeAliasAdminsSid = &admins,
    .SeAliasUsersSid = &users,
    .SeAliasGuestsSid = &guests,
    .SeAliasPowerUsersSid = &power_users,
    .SeAliasAccountOpsSid = &account_ops,
    .SeAliasSystemOpsSid = &system_ops,
    .SeAliasPrintOpsSid = &print_ops,
    .SeAliasBackupOpsSid = &backup_ops,
    .SeAuthenticatedUsersSid = &authenticated,
    .SeRestrictedSid = &restricted,
    .SeAnonymousLogonSid = &anonymous,
    .SeUndockPrivilege = LUID_OF(UNDOCK),
    .SeSyncAgentPrivilege = LUID_OF(SYNC_AGENT),
    .SeEnableDelegationPrivilege = LUID_OF(ENABLE_DELEGATION),
    .SeLocalServiceSid = &local_service,
    .SeNetworkServiceSid = &network_service,
    .SeManageVolumePrivilege = LUID_OF(MANAGE_VOLUME),
    .SeImpersonatePrivilege = LUID_OF(IMPERSONATE),
    .SeCreateGlobalPrivilege = LUID_OF(CREATE_GLOBAL),
    .SeTrustedCredManAccessPrivilege = LUID_OF(TRUSTED_CREDMAN_ACCESS),
    .SeRelabelPrivilege = LUID_OF(RELABEL),
    .SeIncreaseWorkingSetPrivilege = LUID_OF(INC_WORKING_SET),
    .SeTimeZonePrivilege = LUID_OF(TIME_ZONE),
    .SeCreateSymbolicLinkPrivilege = LUID_OF(CREATE_SYMBOLIC_LINK),
    .SeIUserSid = &iuser,
    .SeUntrustedMandatorySid = &untrusted,
    .SeLowMandatorySid = &low,
    .SeMediumMandatorySid = &medium,
    .SeHighMandatorySid = &high,
    .SeSystemMandatorySid = &system_label,
    .SeOwnerRightsSid = &owner_rights,
    .SeAllAppPackagesSid = &all_app_packages,
    .SeUserModeDriversSid = &user_mode_drivers,
    .SeProcTrustWinTcbSid = &trust_win_tcb,
    .SeTrustedInstallerSid = &trusted_installer,
    .SeDelegateSessionUserImpersonatePrivilege = {.LowPart = 36},
};

PSE_EXPORTS SeExports = &exports;
