// Random numbers for jitter and request ids; not for secrets.
#ifndef HDIKAFKA_DETAIL_BASE_RANDOM_HPP
#define HDIKAFKA_DETAIL_BASE_RANDOM_HPP

#include <hdikafka/version.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// SplitMix64 over a shared counter: safe to draw from on any thread.
class random_source
{
public:
    explicit random_source(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept
    {
        constexpr std::uint64_t step = 0x9e3779b97f4a7c15;
        std::uint64_t z = state_.fetch_add(step, std::memory_order_relaxed) + step;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// Evenly from [0, 1).
    double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    /// A version 4 UUID (RFC 9562) as text.
    std::string uuid()
    {
        std::uint64_t const high = (next() & ~0xf000ULL) | 0x4000ULL;
        std::uint64_t const low = (next() >> 2) | 0x8000000000000000ULL;
        std::string out(36, '-');
        char* at = out.data();
        auto const put = [&at](std::uint64_t bits, int digits) {
            for (int i = digits - 1; i >= 0; --i, bits >>= 4)
                at[i] = "0123456789abcdef"[bits & 15];
            at += digits + 1;
        };
        put(high >> 32, 8);
        put(high >> 16, 4);
        put(high, 4);
        put(low >> 48, 4);
        put(low, 12);
        return out;
    }

private:
    std::atomic<std::uint64_t> state_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
