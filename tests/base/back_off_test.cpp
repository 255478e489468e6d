// Waits that grow, with chance in them.
#include <hdikafka/detail/base/back_off.hpp>

#include <doctest/doctest.h>

#include <chrono>

using hdikafka::detail::doubled;
using hdikafka::detail::equal_jitter;
using namespace std::chrono_literals;

TEST_CASE("a wait doubles up to the most, however often, without overflow")
{
    CHECK(doubled(50ms, 1000ms, 0) == 50ms);
    CHECK(doubled(50ms, 1000ms, 1) == 100ms);
    CHECK(doubled(50ms, 1000ms, 4) == 800ms);
    CHECK(doubled(50ms, 1000ms, 5) == 1000ms);
    CHECK(doubled(50ms, 1000ms, 4'000'000'000U) == 1000ms);
    CHECK(doubled(50ms, 50ms, 3) == 50ms);
    CHECK(doubled(1ms, std::chrono::milliseconds::max(), 64) == std::chrono::milliseconds::max());
    CHECK(doubled(0ms, 1000ms, 100) == 0ms);
}

TEST_CASE("half of a wait is certain, and of the rest there is as much as was drawn")
{
    CHECK(equal_jitter(1000ms, 0) == 500ms);
    CHECK(equal_jitter(1000ms, 0.5) == 750ms);
    CHECK(equal_jitter(1000ms, 1) == 1000ms);
    CHECK(equal_jitter(5ms, 0) == 2ms);
    CHECK(equal_jitter(5ms, 1) == 5ms);
    CHECK(equal_jitter(0ms, 0.9) == 0ms);
}
