#include "ob/state.h"

POBJECT_TYPE ObpEventType, ObpSemaphoreType, ObpTimerType;

void ObpDeleteTimer(PVOID timer); /* timer.c */

POBJECT_TYPE *ExEventObjectType = &ObpEventType;
POBJECT_TYPE *ExSemaphoreObjectType = &ObpSemaphoreType;
POBJECT_TYPE *ExTimerObjectType = &ObpTimerType;

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
    ObpTimerType = ObpCreateType(&(struct ob_type_info){
        .name = "Timer",
        .delete = ObpDeleteTimer,
        .valid_access = TIMER_ALL_ACCESS,
        .mapping = {STANDARD_RIGHTS_READ | TIMER_QUERY_STATE, STANDARD_RIGHTS_WRITE | TIMER_MODIFY_STATE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, TIMER_ALL_ACCESS}});
    return true;
}
