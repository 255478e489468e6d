// How much memory a process has in use.
#ifndef HDIKAFKA_TESTS_SUPPORT_LIVE_MEMORY_HPP
#define HDIKAFKA_TESTS_SUPPORT_LIVE_MEMORY_HPP

#include <malloc.h>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define HDIKAFKA_TESTS_HAVE_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HDIKAFKA_TESTS_HAVE_ADDRESS_SANITIZER
#endif
#endif
#ifdef HDIKAFKA_TESTS_HAVE_ADDRESS_SANITIZER
// Its header does not come with every compiler.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace test {

/// What this process has from malloc and not given back; of small pieces those of its first thread.
inline std::size_t live_bytes()
{
#ifdef HDIKAFKA_TESTS_HAVE_ADDRESS_SANITIZER
    return __sanitizer_get_current_allocated_bytes();
#else
    auto const now = mallinfo2();
    return now.uordblks + now.hblkhd;
#endif
}

} // namespace test

#endif
