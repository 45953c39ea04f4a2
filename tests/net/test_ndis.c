/* NDIS for drivers of other kinds: pools, lists, the data in them, objects, memory, events, locks. */
#include <ndis.h>
#include <fwpsk.h>
#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

static UCHAR first[] = "0123456789", second[] = "abcdefghij";

static PMDL mdl_of(PVOID bytes, ULONG length, PMDL next)
{
    PMDL mdl = IoAllocateMdl(bytes, length, FALSE, FALSE, NULL);
    assert_non_null(mdl);
    MmBuildMdlForNonPagedPool(mdl);
    mdl->Next = next;
    return mdl;
}

static PMDL two_mdls(void) { return mdl_of(first, 10, mdl_of(second, 10, NULL)); }

static void free_mdls(PMDL mdl)
{
    while (mdl) {
        PMDL next = mdl->Next;
        IoFreeMdl(mdl);
        mdl = next;
    }
}

static NET_BUFFER_LIST_POOL_PARAMETERS parameters(BOOLEAN buffer)
{
    return (NET_BUFFER_LIST_POOL_PARAMETERS){
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1},
        .ProtocolId = NDIS_PROTOCOL_ID_DEFAULT,
        .fAllocateNetBuffer = buffer,
        .PoolTag = 'tseT',
    };
}

static NDIS_HANDLE list_pool(BOOLEAN buffer)
{
    NET_BUFFER_LIST_POOL_PARAMETERS of = parameters(buffer);
    NDIS_HANDLE pool = NdisAllocateNetBufferListPool(NULL, &of);
    assert_non_null(pool);
    return pool;
}

static void a_pool_wants_parameters_that_agree(void)
{
    NET_BUFFER_LIST_POOL_PARAMETERS of = parameters(FALSE);
    of.DataSize = 100;
    assert_null(NdisAllocateNetBufferListPool(NULL, &of));
    of = parameters(TRUE);
    of.ContextSize = 3;
    assert_null(NdisAllocateNetBufferListPool(NULL, &of));
    of = parameters(TRUE);
    of.Header.Type = 0;
    assert_null(NdisAllocateNetBufferListPool(NULL, &of));
    of = parameters(TRUE);
    fltsim_fail_allocation(1);
    assert_null(NdisAllocateNetBufferListPool(NULL, &of));
}

static void a_list_describes_the_data_it_is_given(void)
{
    NDIS_HANDLE pool = list_pool(TRUE);
    PMDL mdl = two_mdls();
    PNET_BUFFER_LIST list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 12, 5);
    PNET_BUFFER buffer = NET_BUFFER_LIST_FIRST_NB(list);
    assert_null(NET_BUFFER_LIST_NEXT_NBL(list));
    assert_null(NET_BUFFER_NEXT_NB(buffer));
    assert_int_equal(NET_BUFFER_DATA_LENGTH(buffer), 5);
    assert_int_equal(NET_BUFFER_DATA_OFFSET(buffer), 12);
    assert_ptr_equal(NET_BUFFER_FIRST_MDL(buffer), mdl);
    assert_ptr_equal(NET_BUFFER_CURRENT_MDL(buffer), mdl->Next);
    assert_int_equal(NET_BUFFER_CURRENT_MDL_OFFSET(buffer), 2);
    assert_ptr_equal(list->NdisPoolHandle, pool);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    free_mdls(mdl);
}

static void a_context_is_the_callers_behind_the_backfill(void)
{
    NDIS_HANDLE pool = list_pool(FALSE);
    PNET_BUFFER_LIST list = NdisAllocateNetBufferList(pool, 16, 32);
    assert_null(NET_BUFFER_LIST_FIRST_NB(list));
    assert_int_equal(list->Context->Size, 48);
    assert_int_equal(list->Context->Offset, 32);
    memset(NET_BUFFER_LIST_CONTEXT_DATA_START(list), 0xAA, 16);
    assert_int_equal(list->Context->ContextData[31], 0);
    assert_int_equal(list->Context->ContextData[32], 0xAA);
    assert_null(NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, NULL, 0, 0));
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
}

static void contiguous_data_are_given_where_they_are_others_are_copied(void)
{
    NDIS_HANDLE pool = list_pool(TRUE);
    PMDL mdl = two_mdls();
    PNET_BUFFER_LIST list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 4, 10);
    PNET_BUFFER buffer = NET_BUFFER_LIST_FIRST_NB(list);
    UCHAR storage[16] = "";
    assert_ptr_equal(NdisGetDataBuffer(buffer, 6, storage, 1, 0), first + 4);
    assert_null(NdisGetDataBuffer(buffer, 7, NULL, 1, 0));
    assert_null(NdisGetDataBuffer(buffer, 11, storage, 1, 0));
    assert_ptr_equal(NdisGetDataBuffer(buffer, 10, storage, 1, 0), storage);
    assert_memory_equal(storage, "456789abcd", 10);
    /* aligned differently: a copy */
    assert_ptr_equal(NdisGetDataBuffer(buffer, 2, storage, 4, (ULONG)((ULONG_PTR)(first + 4) + 1) % 4), storage);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    free_mdls(mdl);
}

static void the_start_of_the_data_moves_within_the_chain(void)
{
    NDIS_HANDLE pool = list_pool(TRUE);
    PMDL mdl = two_mdls();
    PNET_BUFFER_LIST list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 4, 10);
    PNET_BUFFER buffer = NET_BUFFER_LIST_FIRST_NB(list);
    NdisAdvanceNetBufferDataStart(buffer, 8, FALSE, NULL);
    assert_ptr_equal(NET_BUFFER_CURRENT_MDL(buffer), mdl->Next);
    assert_int_equal(NET_BUFFER_DATA_LENGTH(buffer), 2);
    assert_int_equal(NdisRetreatNetBufferDataStart(buffer, 9, 0, NULL), NDIS_STATUS_SUCCESS);
    assert_ptr_equal(NdisGetDataBuffer(buffer, 7, NULL, 1, 0), first + 3);
    assert_ptr_equal(NET_BUFFER_FIRST_MDL(buffer), mdl);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    free_mdls(mdl);
}

static void space_that_is_not_there_is_allocated_and_freed(void)
{
    NDIS_HANDLE pool = list_pool(TRUE);
    PMDL mdl = two_mdls();
    PNET_BUFFER_LIST list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 4, 10);
    PNET_BUFFER buffer = NET_BUFFER_LIST_FIRST_NB(list);
    assert_int_equal(NdisRetreatNetBufferDataStart(buffer, 20, 8, NULL), NDIS_STATUS_SUCCESS);
    assert_ptr_not_equal(NET_BUFFER_FIRST_MDL(buffer), mdl);
    assert_int_equal(NET_BUFFER_DATA_LENGTH(buffer), 30);
    assert_int_equal(NET_BUFFER_DATA_OFFSET(buffer), 8);
    UCHAR storage[32];
    assert_memory_equal((UCHAR *)NdisGetDataBuffer(buffer, 30, storage, 1, 0) + 16, "0123456789abcd", 14);
    NdisAdvanceNetBufferDataStart(buffer, 20, TRUE, NULL);
    assert_ptr_equal(NET_BUFFER_FIRST_MDL(buffer), mdl);
    assert_int_equal(NET_BUFFER_DATA_OFFSET(buffer), 4);
    fltsim_fail_allocation(1);
    assert_int_equal(NdisRetreatNetBufferDataStart(buffer, 20, 0, NULL), NDIS_STATUS_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(NdisRetreatNetBufferDataStart(buffer, 5, 0, NULL), NDIS_STATUS_SUCCESS);
    NdisFreeNetBufferList(list); /* takes along what is still in front */
    NdisFreeNetBufferListPool(pool);
    free_mdls(mdl);
}

static ULONG handed_out;
static UCHAR given[64];

static PMDL give_mdl(PULONG size)
{
    handed_out++;
    *size = sizeof given;
    return mdl_of(given, sizeof given, NULL);
}

static VOID take_mdl(PMDL mdl)
{
    handed_out--;
    IoFreeMdl(mdl);
}

static void handlers_allocate_and_free_in_its_stead(void)
{
    NDIS_HANDLE pool = list_pool(TRUE);
    PMDL mdl = two_mdls();
    PNET_BUFFER_LIST list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, 20);
    PNET_BUFFER buffer = NET_BUFFER_LIST_FIRST_NB(list);
    handed_out = 0;
    assert_int_equal(NdisRetreatNetBufferDataStart(buffer, 4, 0, give_mdl), NDIS_STATUS_SUCCESS);
    assert_int_equal(handed_out, 1);
    assert_ptr_equal(NdisGetDataBuffer(buffer, 4, NULL, 1, 0), given + 60);
    NdisAdvanceNetBufferDataStart(buffer, 4, TRUE, take_mdl);
    assert_int_equal(handed_out, 0);
    assert_ptr_equal(NdisGetDataBuffer(buffer, 4, NULL, 1, 0), first);
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    free_mdls(mdl);
}

static void buffers_come_from_pools_of_their_own(void)
{
    NET_BUFFER_POOL_PARAMETERS of = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                                                NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1},
                                     .PoolTag = 'tseT'};
    NDIS_HANDLE pool = NdisAllocateNetBufferPool(NULL, &of), lists = list_pool(FALSE);
    PMDL mdl = two_mdls();
    PNET_BUFFER buffer = NdisAllocateNetBuffer(pool, mdl, 1, 19);
    assert_null(NdisAllocateNetBuffer(lists, mdl, 0, 0));
    assert_ptr_equal(NdisGetDataBuffer(buffer, 9, NULL, 1, 0), first + 1);
    assert_ptr_equal(buffer->NdisPoolHandle, pool);
    NdisFreeNetBuffer(buffer);
    NdisFreeNetBufferPool(pool);
    NdisFreeNetBufferListPool(lists);
    free_mdls(mdl);
}

static void the_filter_engine_allocates_lists_of_its_own(void)
{
    NDIS_HANDLE pool = list_pool(TRUE), bare = list_pool(FALSE);
    PMDL mdl = two_mdls();
    NET_BUFFER_LIST *list;
    assert_int_equal(FwpsAllocateNetBufferAndNetBufferList0(pool, 0, 0, mdl, 0, 20, &list), STATUS_SUCCESS);
    assert_int_equal(NET_BUFFER_LIST_FIRST_NB(list)->DataLength, 20);
    FwpsFreeNetBufferList0(list);
    assert_int_equal(FwpsAllocateNetBufferAndNetBufferList0(bare, 0, 0, mdl, 0, 20, &list), STATUS_INVALID_PARAMETER);
    assert_null(list);
    fltsim_fail_allocation(1);
    assert_int_equal(FwpsAllocateNetBufferAndNetBufferList0(pool, 0, 0, mdl, 0, 20, &list),
                     STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    NdisFreeNetBufferListPool(pool);
    NdisFreeNetBufferListPool(bare);
    free_mdls(mdl);
}

static void a_generic_object_has_room_for_its_maker(void)
{
    PNDIS_GENERIC_OBJECT object = NdisAllocateGenericObject(NULL, 'tseT', 100);
    NET_BUFFER_LIST_POOL_PARAMETERS of = parameters(TRUE);
    assert_int_equal(object->Header.Type, NDIS_OBJECT_TYPE_DEFAULT);
    memset(object + 1, 1, 100);
    NDIS_HANDLE pool = NdisAllocateNetBufferListPool(object, &of);
    assert_non_null(pool);
    NdisFreeNetBufferListPool(pool);
    NdisFreeGenericObject(object);
    fltsim_fail_allocation(1);
    assert_null(NdisAllocateGenericObject(NULL, 'tseT', 0));
    fltsim_fail_allocation(0);
}

static void memory_is_nonpaged_pool(void)
{
    PVOID one = NdisAllocateMemoryWithTagPriority(NULL, 100, 'tseT', NormalPoolPriority), two = NULL;
    assert_non_null(one);
    assert_int_equal(NdisAllocateMemoryWithTag(&two, 100, 'tseT'), NDIS_STATUS_SUCCESS);
    NdisZeroMemory(one, 100);
    NdisMoveMemory(two, one, 100);
    assert_true(NdisEqualMemory(one, two, 100));
    NdisFreeMemory(one, 100, 0);
    NdisFreeMemoryWithTag(two, 'tseT');
    fltsim_fail_allocation(1);
    assert_int_equal(NdisAllocateMemoryWithTag(&two, 100, 'tseT'), NDIS_STATUS_RESOURCES);
    fltsim_fail_allocation(1);
    assert_null(NdisAllocateMemoryWithTagPriority(NULL, 100, 'tseT', NormalPoolPriority));
    fltsim_fail_allocation(0);
}

static NDIS_EVENT event;

static int set_later(void *argument)
{
    fltsim_sleep(50);
    NdisSetEvent(&event);
    return 0;
}

static void an_event_is_waited_for_in_milliseconds(void)
{
    NdisInitializeEvent(&event);
    assert_false(NdisWaitEvent(&event, 10));
    struct fltsim_thread *thread = fltsim_thread_create(NULL, set_later, NULL);
    assert_true(NdisWaitEvent(&event, 0));
    assert_true(NdisWaitEvent(&event, 1));
    NdisResetEvent(&event);
    assert_false(NdisWaitEvent(&event, 1));
    fltsim_thread_join(thread);
}

static void a_spin_lock_keeps_the_irql_it_came_from(void)
{
    NDIS_SPIN_LOCK lock;
    NdisAllocateSpinLock(&lock);
    NdisAcquireSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NdisReleaseSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisFreeSpinLock(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_pool_wants_parameters_that_agree),
        fltsim_unit_test(a_list_describes_the_data_it_is_given),
        fltsim_unit_test(a_context_is_the_callers_behind_the_backfill),
        fltsim_unit_test(contiguous_data_are_given_where_they_are_others_are_copied),
        fltsim_unit_test(the_start_of_the_data_moves_within_the_chain),
        fltsim_unit_test(space_that_is_not_there_is_allocated_and_freed),
        fltsim_unit_test(handlers_allocate_and_free_in_its_stead),
        fltsim_unit_test(buffers_come_from_pools_of_their_own),
        fltsim_unit_test(the_filter_engine_allocates_lists_of_its_own),
        fltsim_unit_test(a_generic_object_has_room_for_its_maker),
        fltsim_unit_test(memory_is_nonpaged_pool),
        fltsim_unit_test(an_event_is_waited_for_in_milliseconds),
        fltsim_unit_test(a_spin_lock_keeps_the_irql_it_came_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
