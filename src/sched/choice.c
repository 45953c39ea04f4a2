/* The choice source. With a seed the answers are drawn from a generator; with a recorded string they are read from it;
 * with neither every answer is 0.
 *
 * The string has, for each answer that was not 0: how many 0 answers went before it (decimal, absent for none), then
 * the answer as a letter a-z for 1-26, or as {n}. What a string does not say is 0. One that begins with "-" is of a run
 * that asks only where it is shuffled (sched_shuffle). */
#include "sched/schedp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool seeded, replaying, recording;
    bool parts; /* only where sched_shuffle says so */
    bool off;   /* not now */
    uint64_t state[2];
    const char *at;        /* replay: the next token */
    unsigned long skip;    /* replay: zeros still to answer before the one below */
    unsigned answer;       /* replay: 0: the string has ended */
    unsigned long zeros;   /* recorded since the last answer that was not 0 */
    char *text;
    size_t length, room;
} choice;

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t xoroshiro(void)
{
    uint64_t a = choice.state[0], b = choice.state[1], result = a + b;
    b ^= a;
    choice.state[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    choice.state[1] = (b << 37) | (b >> 27);
    return result;
}

static void next_token(void)
{
    char *end;
    choice.skip = 0;
    choice.answer = 0;
    if (*choice.at >= '0' && *choice.at <= '9') {
        choice.skip = strtoul(choice.at, &end, 10);
        choice.at = end;
    }
    if (*choice.at >= 'a' && *choice.at <= 'z') {
        choice.answer = (unsigned)(*choice.at++ - 'a') + 1;
    } else if (*choice.at == '{') {
        choice.answer = (unsigned)strtoul(choice.at + 1, &end, 10);
        choice.at = *end == '}' ? end + 1 : end;
    }
}

static void append(const char *token, size_t length);

const char *sched_choices_wrong(const char *at)
{
    char *end;
    at += *at == '-';
    while (*at) {
        const char *token = at;
        at += strspn(at, "0123456789");
        if (*at >= 'a' && *at <= 'z') {
            at++;
            continue;
        }
        if (*at != '{' || !(at[1] >= '1' && at[1] <= '9'))
            return token;
        strtoul(at + 1, &end, 10);
        if (*end != '}')
            return token;
        at = end + 1;
    }
    return NULL;
}

static void seed_with(uint64_t seed)
{
    choice.state[0] = splitmix(&seed);
    choice.state[1] = splitmix(&seed);
}

void sched_choice_start(uint64_t seed, const char *choices)
{
    memset(&choice, 0, sizeof choice);
    choice.recording = sched.options.backend == SCHED_COOP;
    if (choices) {
        choice.replaying = true;
        choice.parts = choice.off = *choices == '-';
        choice.at = choices + choice.parts;
        next_token();
    } else if (seed) {
        choice.seeded = true;
        seed_with(seed);
    } else {
        choice.parts = choice.off = true;
    }
    if (choice.replaying && choice.parts)
        append("-", 1);
}

void sched_shuffle(uint64_t seed)
{
    if (sched.options.backend != SCHED_COOP || !choice.parts)
        return;
    if (!choice.replaying && seed) {
        if (!choice.seeded)
            append("-", 1);
        choice.seeded = true;
        seed_with(seed);
    }
    choice.off = !seed;
    sched_listening = sched_choice_active();
}

void sched_choice_stop(void)
{
    free(choice.text);
    memset(&choice, 0, sizeof choice);
}

bool sched_choice_active(void) { return (choice.seeded || choice.replaying) && !choice.off; }

static unsigned replay(unsigned count)
{
    if (choice.skip) {
        choice.skip--;
        return 0;
    }
    if (!choice.answer)
        return 0;
    unsigned answer = choice.answer < count ? choice.answer : 0;
    next_token();
    return answer;
}

/* Half of the questions get the plain answer, so that a run goes on in some direction. */
static unsigned draw(unsigned count)
{
    uint64_t random = xoroshiro();
    if (random >> 63)
        return 0;
    return (unsigned)(((random & 0xffffffffu) * count) >> 32);
}

static void append(const char *token, size_t length)
{
    if (choice.length + length + 1 > choice.room) {
        size_t room = choice.room ? choice.room * 2 : 256;
        char *text = realloc(choice.text, room);
        if (!text)
            return;
        choice.text = text;
        choice.room = room;
    }
    memcpy(choice.text + choice.length, token, length);
    choice.length += length;
    choice.text[choice.length] = 0;
}

static void record(unsigned answer)
{
    char token[48];
    int length;
    if (answer == 0) {
        choice.zeros++;
        return;
    }
    length = choice.zeros ? snprintf(token, sizeof token, "%lu", choice.zeros) : 0;
    length += answer <= 26 ? snprintf(token + length, sizeof token - (size_t)length, "%c", 'a' + (int)answer - 1)
                           : snprintf(token + length, sizeof token - (size_t)length, "{%u}", answer);
    append(token, (size_t)length);
    choice.zeros = 0;
}

unsigned sched_choose(const char *what, unsigned count)
{
    unsigned answer = 0;
    if (count < 2 || !sched_choice_active())
        return 0;
    sched_guard();
    answer = choice.replaying ? replay(count) : draw(count);
    if (choice.recording)
        record(answer);
    sched_unguard();
    return answer;
}

const char *sched_choices(void) { return choice.text ? choice.text : ""; }
