#define _GNU_SOURCE
#include "plat/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

size_t plat_page_size(void)
{
    static size_t size;
    size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
    if (!known) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&size, known, __ATOMIC_RELAXED);
    }
    return known;
}

static size_t whole_pages(size_t size)
{
    size_t page = plat_page_size();
    return (size + page - 1) & ~(page - 1);
}

static int protection(enum plat_access access)
{
    switch (access) {
    case PLAT_READ_ONLY:
        return PROT_READ;
    case PLAT_READ_WRITE:
        return PROT_READ | PROT_WRITE;
    default:
        return PROT_NONE;
    }
}

void *plat_pages_alloc(size_t size, enum plat_access access)
{
    void *pages = mmap(NULL, whole_pages(size), protection(access), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void *plat_pages_alloc_aligned(size_t size, size_t alignment, enum plat_access access)
{
    size_t whole = whole_pages(size);
    char *start = whole + alignment > whole ? plat_pages_alloc(whole + alignment, access) : NULL;
    if (!start)
        return NULL;
    size_t before = (size_t)(-(uintptr_t)start & (alignment - 1));
    if (before)
        munmap(start, before);
    munmap(start + before + whole, alignment - before);
    return start + before;
}

void *plat_pages_alloc_at(void *address, size_t size, enum plat_access access)
{
    void *pages = mmap(address, whole_pages(size), protection(access), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == address || pages == MAP_FAILED)
        return pages == address ? pages : NULL;
    munmap(pages, whole_pages(size));
    return NULL;
}

bool plat_pages_protect(void *pages, size_t size, enum plat_access access)
{
    return mprotect(pages, whole_pages(size), protection(access)) == 0;
}

void plat_pages_free(void *pages, size_t size)
{
    if (pages)
        munmap(pages, whole_pages(size));
}

/* Not by the C library's name: a sanitizer answers to that, and would report the very memory that is asked about. */
static ssize_t send_byte(int pipe, const void *byte)
{
#ifdef __linux__
    return syscall(SYS_write, pipe, byte, (size_t)1);
#else
    return write(pipe, byte, 1);
#endif
}

/* The kernel copies one byte of each page into a pipe and answers EFAULT where we would have faulted. */
bool plat_pages_readable(const void *address, size_t size)
{
    int ends[2];
    bool readable = true;
    size_t page = plat_page_size();
    uintptr_t at = (uintptr_t)address, end = at + size;
    char byte;

    if (size == 0)
        return true;
    if (end < at || pipe(ends) != 0)
        return false;
    while (readable && at < end) {
        ssize_t sent;
        do
            sent = send_byte(ends[1], (const void *)at);
        while (sent < 0 && errno == EINTR);
        readable = sent == 1 && read(ends[0], &byte, 1) == 1;
        at = (at | (page - 1)) + 1;
        if (at == 0)
            break;
    }
    close(ends[0]);
    close(ends[1]);
    return readable;
}
