/* The lists that contexts hang on: streams, files, file objects. */
#include "unit.h"

#include "fsrtl/fsrtlp.h"

static int freed;

static VOID FreeStream(PVOID context)
{
    freed++;
}

static void a_stream_finds_by_owner_and_instance(void **state)
{
    FAST_MUTEX mutex;
    FSRTL_ADVANCED_FCB_HEADER header = {0};
    FSRTL_PER_STREAM_CONTEXT a, b, c;
    int owner1, owner2, instance1, instance2;
    ExInitializeFastMutex(&mutex);
    assert_null(FsRtlLookupPerStreamContext(&header, NULL, NULL));
    assert_int_equal(FsRtlInsertPerStreamContext(&header, &a), STATUS_INVALID_DEVICE_REQUEST);
    FsRtlSetupAdvancedHeader(&header, &mutex);
    FsRtlInitPerStreamContext(&a, &owner1, &instance1, FreeStream);
    FsRtlInitPerStreamContext(&b, &owner1, &instance2, FreeStream);
    FsRtlInitPerStreamContext(&c, &owner2, NULL, FreeStream);
    assert_int_equal(FsRtlInsertPerStreamContext(&header, &a), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertPerStreamContext(&header, &b), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertPerStreamContext(&header, &c), STATUS_SUCCESS);
    assert_ptr_equal(FsRtlLookupPerStreamContext(&header, &owner1, &instance1), &a);
    assert_ptr_equal(FsRtlLookupPerStreamContext(&header, &owner1, &instance2), &b);
    assert_ptr_equal(FsRtlLookupPerStreamContext(&header, &owner2, NULL), &c);
    assert_null(FsRtlLookupPerStreamContext(&header, &owner2, &instance2));
    assert_ptr_equal(FsRtlLookupPerStreamContextInternal(&header, &owner1, &instance2), &b);
    assert_ptr_equal(FsRtlRemovePerStreamContext(&header, &owner1, &instance1), &a);
    assert_null(FsRtlRemovePerStreamContext(&header, &owner1, &instance1));
    freed = 0;
    FsRtlTeardownPerStreamContexts(&header);
    assert_int_equal(freed, 2);
    assert_null(FsRtlLookupPerStreamContext(&header, NULL, NULL));
}

static void a_file_makes_its_list_when_needed(void **state)
{
    PVOID support = NULL;
    FSRTL_PER_FILE_CONTEXT a;
    int owner;
    assert_int_equal(FsRtlInsertPerFileContext(NULL, &a), STATUS_INVALID_DEVICE_REQUEST);
    FsRtlInitPerFileContext(&a, &owner, NULL, FreeStream);
    assert_null(FsRtlLookupPerFileContext(&support, &owner, NULL));
    assert_int_equal(FsRtlInsertPerFileContext(&support, &a), STATUS_SUCCESS);
    assert_ptr_equal(FsRtlLookupPerFileContext(&support, &owner, NULL), &a);
    assert_null(FsRtlRemovePerFileContext(NULL, &owner, NULL));
    assert_null(FsRtlRemovePerFileContext(&support, &freed, NULL));
    assert_ptr_equal(FsRtlRemovePerFileContext(&support, &owner, NULL), &a);
    assert_null(FsRtlLookupPerFileContext(&support, &owner, NULL));
    assert_null(FsRtlRemovePerFileContext(&support, &owner, NULL));
    assert_int_equal(FsRtlInsertPerFileContext(&support, &a), STATUS_SUCCESS);
    freed = 0;
    FsRtlTeardownPerFileContexts(&support);
    assert_int_equal(freed, 1);
    assert_null(support);
}

static void a_file_object_keeps_its_own(void **state)
{
    FILE_OBJECT file = {0};
    FSRTL_PER_FILEOBJECT_CONTEXT a, b;
    int owner, other;
    FsRtlInitPerFileObjectContext(&a, &owner, NULL);
    FsRtlInitPerFileObjectContext(&b, &other, NULL);
    assert_int_equal(FsRtlInsertPerFileObjectContext(NULL, &a), STATUS_INVALID_PARAMETER);
    assert_int_equal(FsRtlInsertPerFileObjectContext(&file, &a), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertPerFileObjectContext(&file, &b), STATUS_SUCCESS);
    assert_ptr_equal(FsRtlLookupPerFileObjectContext(&file, &owner, NULL), &a);
    assert_ptr_equal(FsRtlRemovePerFileObjectContext(&file, &owner, NULL), &a);
    assert_null(FsRtlLookupPerFileObjectContext(&file, &owner, NULL));
    FsRtlpDeleteFileObjectContexts(&file);
    assert_null(FsRtlLookupPerFileObjectContext(&file, &other, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(a_stream_finds_by_owner_and_instance),
        unit(a_file_makes_its_list_when_needed),
        unit(a_file_object_keeps_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
