// A stream's plan taken step by step, by a test that plays the service.
#ifndef HDIKAFKA_TESTS_SUPPORT_PLAN_STEPS_HPP
#define HDIKAFKA_TESTS_SUPPORT_PLAN_STEPS_HPP

#include <hdikafka/detail/stream/partition_plan.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace test {

namespace hk = hdikafka;
using hdikafka::detail::stream_action;
using hdikafka::detail::partition_plan;
using hk::milliseconds;

inline constexpr std::int64_t max_offset = std::numeric_limits<std::int64_t>::max();

inline hk::partition_info marks(std::int64_t earliest, std::int64_t latest)
{
    hk::partition_info out;
    out.earliest_offset = earliest;
    out.latest_offset = latest;
    return out;
}

/// The plan wants to read there, that many.
inline bool reads(partition_plan& plan, std::int64_t offset, std::int32_t count)
{
    return plan.next() == stream_action::read && plan.offset() == offset && plan.count() == count;
}

/// Answers the read with records [first, end) and takes them.
inline void hand_over(partition_plan& plan, std::int64_t first, std::int64_t end)
{
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(first, end);
    REQUIRE(plan.next() == stream_action::deliver);
    plan.delivered(end);
}

/// Answers the read with nothing; then the watermarks are these.
inline void nothing(partition_plan& plan, std::int64_t next, hk::partition_info const& seen)
{
    REQUIRE(plan.next() == stream_action::read);
    plan.answered(std::nullopt, next);
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(seen);
}

inline bool failed_with(partition_plan& plan, hk::errc code)
{
    return plan.next() == stream_action::fail && plan.failure() && plan.failure()->code() == code;
}

inline std::string cause_of(partition_plan const& plan)
{
    return plan.failure() ? plan.failure()->cause() : std::string();
}

} // namespace test

#endif
