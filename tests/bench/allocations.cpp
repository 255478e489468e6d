// A shim for LD_PRELOAD that counts the allocations of a whole process, OpenSSL's and the C++ library's among
// them, on their way to glibc. At the end it writes "allocations=N bytes=M" to the file that
// BENCH_ALLOCATIONS names. A realloc counts as one, with its new size.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

std::atomic<unsigned long> allocations = 0;
std::atomic<unsigned long> bytes = 0;

void count(std::size_t size)
{
    allocations.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
}

class reporter
{
public:
    reporter() = default;
    reporter(reporter const&) = delete;
    reporter& operator=(reporter const&) = delete;
    ~reporter()
    {
        unsigned long const seen = allocations;
        unsigned long const seen_bytes = bytes;
        char const* const name = std::getenv("BENCH_ALLOCATIONS");
        if (std::FILE* const out = name ? std::fopen(name, "w") : nullptr) {
            std::fprintf(out, "allocations=%lu bytes=%lu\n", seen, seen_bytes);
            std::fclose(out);
        }
    }
} const at_the_end;

} // namespace

extern "C" {

void* malloc(std::size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size)
{
    count(number * size);
    return __libc_calloc(number, size);
}

void* realloc(void* old, std::size_t size)
{
    count(size);
    return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, std::size_t alignment, std::size_t size)
{
    *out = memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}
}
