#include "ob/state.h"

POBJECT_TYPE ObpEventType, ObpSemaphoreType;
POBJECT_TYPE *ExEventObjectType = &ObpEventType;
POBJECT_TYPE *ExSemaphoreObjectType = &ObpSemaphoreType;

bool ObpStartTypes(void)
{
    ObpEventType = ObpCreateType(&(struct ob_type_info){
        .name = "Event",
        .valid_access = EVENT_ALL_ACCESS,
        .mapping = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE, STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS}});
    ObpSemaphoreType = ObpCreateType(&(struct ob_type_info){
        .name = "Semaphore",
        .valid_access = SEMAPHORE_ALL_ACCESS,
        .mapping = {STANDARD_RIGHTS_READ | SEMAPHORE_QUERY_STATE, STANDARD_RIGHTS_WRITE | SEMAPHORE_MODIFY_STATE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, SEMAPHORE_ALL_ACCESS}});
    return true;
}
