// Sees what is in memory when it is given back: ours, and what OpenSSL took for us. For one source file of a
// program, as it replaces operator new.
#ifndef HDIKAFKA_TESTS_SUPPORT_FREED_MEMORY_HPP
#define HDIKAFKA_TESTS_SUPPORT_FREED_MEMORY_HPP

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// Looks for secrets in every block of memory that this thread frees while it looks. A block's size stands in
/// front of it.
class freed_memory
{
public:
    static constexpr std::size_t front = alignof(std::max_align_t);

    /// Empty: what another thread, such as a server of the test, has left there is not ours.
    static void* take(std::size_t size) noexcept
    {
        auto* const block = static_cast<char*>(std::calloc(1, front + size));
        if (!block)
            return nullptr;
        std::memcpy(block, &size, sizeof size);
        return block + front;
    }

    static void give_back(void* memory) noexcept
    {
        if (!memory)
            return;
        char* const block = static_cast<char*>(memory) - front;
        if (looking)
            found += holds_secret(std::string_view(block + front, size_of(memory))) ? 1 : 0;
        std::free(block);
    }

    static void* move(void* memory, std::size_t size) noexcept
    {
        void* const to = take(size);
        if (memory && to) {
            std::memcpy(to, memory, std::min(size, size_of(memory)));
            give_back(memory);
        }
        return to;
    }

    static inline thread_local bool looking = false;
    static inline thread_local int found = 0;
    static inline thread_local std::vector<std::string_view> secrets;

private:
    static std::size_t size_of(void* memory) noexcept
    {
        std::size_t size = 0;
        std::memcpy(&size, static_cast<char*>(memory) - front, sizeof size);
        return size;
    }

    static bool holds_secret(std::string_view block) noexcept
    {
        return std::ranges::any_of(secrets, [block](std::string_view secret) {
            return block.find(secret) != std::string_view::npos;
        });
    }
};

// Before OpenSSL takes its first memory.
inline bool const openssl_uses_it =
    CRYPTO_set_mem_functions(
        [](std::size_t size, char const*, int) { return freed_memory::take(size); },
        [](void* memory, std::size_t size, char const*, int) { return freed_memory::move(memory, size); },
        [](void* memory, char const*, int) { freed_memory::give_back(memory); }) == 1;

/// How many blocks were freed with a secret in them while `work` was done.
template <class Work>
int secrets_freed(std::vector<std::string_view> secrets, Work work)
{
    freed_memory::secrets = std::move(secrets);
    freed_memory::found = 0;
    freed_memory::looking = true;
    work();
    freed_memory::looking = false;
    freed_memory::secrets.clear();
    return freed_memory::found;
}

} // namespace test

void* operator new(std::size_t size)
{
    if (void* const memory = test::freed_memory::take(size))
        return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { test::freed_memory::give_back(memory); }
void operator delete[](void* memory) noexcept { test::freed_memory::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { test::freed_memory::give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { test::freed_memory::give_back(memory); }

#endif
