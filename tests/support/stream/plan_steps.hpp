// A stream's plan taken step by step, by a test that plays the service.
#ifndef HDIKAFKA_TESTS_SUPPORT_PLAN_STEPS_HPP
#define HDIKAFKA_TESTS_SUPPORT_PLAN_STEPS_HPP

#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/metadata.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

namespace hk = hdikafka;
using hk::milliseconds;
using hk::detail::plan_event;
using action = hk::detail::plan_action::kind;
using cause = plan_event::refusal_cause;

inline constexpr std::int64_t max_offset = std::numeric_limits<std::int64_t>::max();

inline hk::partition_info marks(std::int64_t earliest, std::int64_t latest)
{
    hk::partition_info out;
    out.earliest_offset = earliest;
    out.latest_offset = latest;
    return out;
}

/// Tells the plan what happens, and remembers what it wants then.
class plan_steps
{
public:
    explicit plan_steps(hk::consume_options const& options) : plan_(options) {}

    void expect(std::int64_t offset, std::int64_t time) { plan_.expect(offset, time); }

    /// What is to be done: what the last event has led to, and after that what the plan says when nothing
    /// came of it.
    action next()
    {
        if (!std::exchange(told_, true))
            return now_.what;
        resume(plan_event());
        told_ = true;
        return now_.what;
    }

    void watermarks(hk::partition_info const& seen)
    {
        resume({.what = plan_event::kind::watermarks,
                .earliest = seen.earliest_offset,
                .latest = seen.latest_offset});
    }

    /// The partition has no leader.
    void unavailable() { resume({.what = plan_event::kind::unavailable}); }

    /// The answer to a read: records from `first` up to `next`, or none; and where the service says to go on,
    /// if that is somewhere else.
    void answered(std::optional<std::int64_t> first, std::int64_t next,
                  std::optional<std::int64_t> told = std::nullopt)
    {
        resume({.what = plan_event::kind::answer,
                .first = first,
                .last = first ? std::max(*first, next - 1) : 0,
                .next = told.value_or(next)});
    }

    /// The answer to a probe: a record's offset and time, or none.
    void found(std::optional<std::int64_t> first, std::optional<std::int64_t> time = std::nullopt)
    {
        resume({.what = plan_event::kind::answer, .first = first, .time = time, .last = first.value_or(0)});
    }

    /// The answer to a read of a search for a point in time.
    void found_block(plan_event const& block) { resume(block); }

    /// Whether the plan goes on after a refusal; if not, the service's own error is told.
    bool refused(cause why = cause::service, std::string const& words = "")
    {
        resume({.what = plan_event::kind::refusal, .why = why, .words = words});
        told_ = now_.what == action::report;
        return !told_;
    }

    /// A read of so many records was refused.
    void refused_of(cause why, std::int32_t count)
    {
        resume({.what = plan_event::kind::refusal, .why = why, .count = count});
    }

    void delivered(std::int64_t next) { resume({.what = plan_event::kind::delivery, .next = next}); }

    std::int64_t offset() const { return now_.offset; }
    std::int32_t count() const { return now_.count; }
    milliseconds pause() const { return now_.pause; }

    /// Where the stream ends, as far as the plan knows; max_offset when it does not.
    std::int64_t end() const { return now_.end; }

    /// All of what it wants now.
    hk::detail::plan_action const& wanted() const { return now_; }

    std::vector<hk::records_skipped> take_skipped() { return std::exchange(skipped_, {}); }
    std::optional<std::int64_t> position() const { return plan_.position(); }
    bool caught_up() const { return plan_.caught_up(); }
    std::optional<std::int64_t> silent_to() const { return plan_.silent_to(); }
    std::optional<hk::error> const& failure() const { return plan_.failure(); }

private:
    void resume(plan_event const& event)
    {
        now_ = plan_.resume(event);
        told_ = false;
        if (now_.skipped)
            skipped_.push_back(*now_.skipped);
    }

    hk::detail::partition_plan plan_;
    hk::detail::plan_action now_;
    bool told_ = true; ///< next() has said so.
    std::vector<hk::records_skipped> skipped_;
};

/// The plan wants to read there, that many.
inline bool reads(plan_steps& plan, std::int64_t offset, std::int32_t count)
{
    return plan.next() == action::read && plan.offset() == offset && plan.count() == count;
}

/// The plan wants to see a record there, which it will not hand over.
inline bool probes(plan_steps& plan, std::int64_t offset)
{
    return plan.next() == action::probe && plan.offset() == offset && plan.count() == 1;
}

/// Answers the read with records [first, end) and takes them.
inline void hand_over(plan_steps& plan, std::int64_t first, std::int64_t end)
{
    REQUIRE(plan.next() == action::read);
    plan.answered(first, end);
    REQUIRE(plan.next() == action::deliver);
    plan.delivered(end);
}

/// Answers the read with nothing; then the watermarks are these.
inline void nothing(plan_steps& plan, std::int64_t next, hk::partition_info const& seen)
{
    REQUIRE(plan.next() == action::read);
    plan.answered(std::nullopt, next);
    REQUIRE(plan.next() == action::look);
    plan.watermarks(seen);
}

inline bool failed_with(plan_steps& plan, hk::errc code)
{
    return plan.next() == action::fail && plan.failure() && plan.failure()->code() == code;
}

inline std::string cause_of(plan_steps const& plan)
{
    return plan.failure() ? plan.failure()->cause() : std::string();
}

} // namespace test

#endif
