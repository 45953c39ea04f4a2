/* Share access: who may open a file that others have open. The caller holds the file's lock. */
#include "iop.h"

struct wish {
    bool read, write, remove;
    bool any;
    bool share_read, share_write, share_remove;
};

static struct wish Wish(ACCESS_MASK access, ULONG share)
{
    struct wish w = {
        .read = (access & (FILE_EXECUTE | FILE_READ_DATA)) != 0,
        .write = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0,
        .remove = (access & DELETE) != 0,
        .share_read = (share & FILE_SHARE_READ) != 0,
        .share_write = (share & FILE_SHARE_WRITE) != 0,
        .share_remove = (share & FILE_SHARE_DELETE) != 0,
    };
    w.any = w.read || w.write || w.remove;
    return w;
}

static void Store(PFILE_OBJECT file, const struct wish *w)
{
    file->ReadAccess = w->read;
    file->WriteAccess = w->write;
    file->DeleteAccess = w->remove;
    if (w->any) {
        file->SharedRead = w->share_read;
        file->SharedWrite = w->share_write;
        file->SharedDelete = w->share_remove;
    }
}

static bool Has(PFILE_OBJECT file)
{
    return (file->ReadAccess || file->WriteAccess || file->DeleteAccess) && !IopFile(file)->ignore_sharing;
}

static void Count(PFILE_OBJECT file, PSHARE_ACCESS share, ULONG by)
{
    share->OpenCount += by;
    share->Readers += file->ReadAccess ? by : 0;
    share->Writers += file->WriteAccess ? by : 0;
    share->Deleters += file->DeleteAccess ? by : 0;
    share->SharedRead += file->SharedRead ? by : 0;
    share->SharedWrite += file->SharedWrite ? by : 0;
    share->SharedDelete += file->SharedDelete ? by : 0;
}

static bool Violates(const struct wish *w, const SHARE_ACCESS *s)
{
    return (w->read && s->SharedRead < s->OpenCount) || (w->write && s->SharedWrite < s->OpenCount) ||
           (w->remove && s->SharedDelete < s->OpenCount) || (s->Readers && !w->share_read) ||
           (s->Writers && !w->share_write) || (s->Deleters && !w->share_remove);
}

static NTSTATUS Check(ACCESS_MASK access, ULONG desired, PFILE_OBJECT file, PSHARE_ACCESS share, BOOLEAN update,
                      const BOOLEAN *write_permission)
{
    struct wish w = Wish(access, desired);
    if (write_permission)
        w.share_read |= w.read && !*write_permission; /* who may not write keeps no reader out */
    Store(file, &w);
    if (!w.any || IopFile(file)->ignore_sharing)
        return STATUS_SUCCESS;
    if (Violates(&w, share))
        return STATUS_SHARING_VIOLATION;
    if (update)
        Count(file, share, 1);
    return STATUS_SUCCESS;
}

NTSTATUS IoCheckShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                            PSHARE_ACCESS ShareAccess, BOOLEAN Update)
{
    API_ENTER(IoCheckShareAccess, ShareAccess, SCHED_WRITE);
    return Check(DesiredAccess, DesiredShareAccess, FileObject, ShareAccess, Update, NULL);
}

NTSTATUS IoCheckShareAccessEx(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                              PSHARE_ACCESS ShareAccess, BOOLEAN Update, PBOOLEAN WritePermission)
{
    sched_point("IoCheckShareAccessEx", ShareAccess, SCHED_WRITE);
    return Check(DesiredAccess, DesiredShareAccess, FileObject, ShareAccess, Update, WritePermission);
}

VOID IoSetShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                      PSHARE_ACCESS ShareAccess)
{
    API_ENTER(IoSetShareAccess, ShareAccess, SCHED_WRITE);
    struct wish w = Wish(DesiredAccess, DesiredShareAccess);
    Store(FileObject, &w);
    *ShareAccess = (SHARE_ACCESS){0};
    if (Has(FileObject))
        Count(FileObject, ShareAccess, 1);
}

VOID IoUpdateShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess)
{
    API_ENTER(IoUpdateShareAccess, ShareAccess, SCHED_WRITE);
    if (Has(FileObject))
        Count(FileObject, ShareAccess, 1);
}

VOID IoRemoveShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess)
{
    API_ENTER(IoRemoveShareAccess, ShareAccess, SCHED_WRITE);
    if (Has(FileObject))
        Count(FileObject, ShareAccess, (ULONG)-1);
}

/* -- links: deleting through one name of a file that has several ----------------------------------------------- */

static bool LinkViolates(const struct wish *w, const LINK_SHARE_ACCESS *link)
{
    return (w->remove && link->SharedDelete < link->OpenCount) || (link->Deleters && !w->share_remove);
}

static void CountLink(PFILE_OBJECT file, PLINK_SHARE_ACCESS link, ULONG by)
{
    link->OpenCount += by;
    link->Deleters += file->DeleteAccess ? by : 0;
    link->SharedDelete += file->SharedDelete ? by : 0;
}

#define UPDATE_SHARE_ACCESS 0x1u
#define CHECK_SHARE_ACCESS 0x4u

NTSTATUS IoCheckLinkShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                                PSHARE_ACCESS ShareAccess, PLINK_SHARE_ACCESS LinkShareAccess,
                                ULONG IoShareAccessFlags)
{
    sched_point("IoCheckLinkShareAccess", ShareAccess, SCHED_WRITE);
    struct wish w = Wish(DesiredAccess, DesiredShareAccess);
    bool update = IoShareAccessFlags & UPDATE_SHARE_ACCESS;
    if (FileObject)
        Store(FileObject, &w);
    if (!w.any || (FileObject && IopFile(FileObject)->ignore_sharing))
        return STATUS_SUCCESS;
    if ((ShareAccess && Violates(&w, ShareAccess)) || (LinkShareAccess && LinkViolates(&w, LinkShareAccess)))
        return STATUS_SHARING_VIOLATION;
    if (update && FileObject && ShareAccess)
        Count(FileObject, ShareAccess, 1);
    if (update && FileObject && LinkShareAccess)
        CountLink(FileObject, LinkShareAccess, 1);
    return STATUS_SUCCESS;
}

VOID IoSetLinkShareAccess(ACCESS_MASK DesiredAccess, ULONG DesiredShareAccess, PFILE_OBJECT FileObject,
                          PSHARE_ACCESS ShareAccess, PLINK_SHARE_ACCESS LinkShareAccess, ULONG IoShareAccessFlags)
{
    sched_point("IoSetLinkShareAccess", ShareAccess, SCHED_WRITE);
    struct wish w = Wish(DesiredAccess, DesiredShareAccess);
    Store(FileObject, &w);
    if (ShareAccess)
        *ShareAccess = (SHARE_ACCESS){0};
    if (LinkShareAccess)
        *LinkShareAccess = (LINK_SHARE_ACCESS){0};
    IoUpdateLinkShareAccess(FileObject, ShareAccess, LinkShareAccess);
}

VOID IoUpdateLinkShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess, PLINK_SHARE_ACCESS LinkShareAccess)
{
    sched_point("IoUpdateLinkShareAccess", ShareAccess, SCHED_WRITE);
    if (!Has(FileObject))
        return;
    if (ShareAccess)
        Count(FileObject, ShareAccess, 1);
    if (LinkShareAccess)
        CountLink(FileObject, LinkShareAccess, 1);
}

VOID IoRemoveLinkShareAccess(PFILE_OBJECT FileObject, PSHARE_ACCESS ShareAccess, PLINK_SHARE_ACCESS LinkShareAccess)
{
    sched_point("IoRemoveLinkShareAccess", ShareAccess, SCHED_WRITE);
    if (!Has(FileObject))
        return;
    if (ShareAccess)
        Count(FileObject, ShareAccess, (ULONG)-1);
    if (LinkShareAccess)
        CountLink(FileObject, LinkShareAccess, (ULONG)-1);
}
