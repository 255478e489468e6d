// What a stream does that goes on from a checkpoint: first it looks whether the topic is still the same.
#include "support/stream/plan_steps.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// A stream that goes on behind a record of this offset and time.
partition_plan resumed(std::int64_t last, std::int64_t time, hk::consume_options options = {})
{
    partition_plan out(options.from(last + 1));
    out.expect(last, time);
    return out;
}

/// The plan looks, the watermarks are these, and it wants to see the record at the offset.
bool seeks(partition_plan& plan, std::int64_t offset, hk::partition_info const& seen)
{
    if (plan.next() != stream_action::look)
        return false;
    plan.watermarks(seen);
    return plan.next() == stream_action::seek && plan.seeks() == std::vector{offset};
}

} // namespace

TEST_CASE("a stream that goes on looks at the last record first")
{
    auto const options = hk::consume_options().max_records(10);
    SUBCASE("it is there")
    {
        partition_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 7, 1'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it was compacted away")
    {
        partition_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 9, 3'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it has no time any more")
    {
        partition_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 7, std::nullopt);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("retention has deleted it")
    {
        partition_plan plan = resumed(7, 1'000, options);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(8, 20));
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it is another one")
    {
        partition_plan plan = resumed(7, 1'000, options);
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        plan.sought(7, 7, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("no answer about the last record is no answer to the question")
{
    partition_plan plan = resumed(7, 1'000);
    REQUIRE(seeks(plan, 7, marks(0, 20)));
    SUBCASE("a refusal")
    {
        CHECK(plan.seek_refused());
        REQUIRE(seeks(plan, 7, marks(0, 20)));
        CHECK_FALSE(plan.seek_refused());            // the service's own error is told
        REQUIRE(plan.next() == stream_action::seek); // and whoever goes on asks again
    }
    SUBCASE("silence")
    {
        for (int i = 0; i < 2; ++i) {
            plan.sought(7, std::nullopt, std::nullopt);
            REQUIRE(plan.next() == stream_action::pause);
            REQUIRE(plan.next() == stream_action::seek);
        }
    }
    plan.sought(7, 7, 2'000);
    CHECK(failed_with(plan, hk::errc::topic_recreated));
}

TEST_CASE("silence about the last record is believed in the end")
{
    partition_plan plan = resumed(7, 1'000, hk::consume_options().max_records(10));
    REQUIRE(seeks(plan, 7, marks(0, 20)));
    for (int i = 0; i < 2; ++i) {
        plan.sought(7, std::nullopt, std::nullopt);
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(plan.next() == stream_action::seek);
    }
    plan.sought(7, std::nullopt, std::nullopt);
    CHECK(reads(plan, 8, 10));
}

TEST_CASE("a shorter topic that grows past the position is looked at before anything is handed over")
{
    for (bool const ends : {false, true}) {
        hk::consume_options options;
        if (ends)
            options.until(hk::latest);
        partition_plan plan = resumed(5'000, 1'000, options);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 4'000));
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(seeks(plan, 5'000, marks(0, 6'000)));
        plan.sought(5'000, 5'000, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("a topic that stays shorter than the last record is truncated")
{
    partition_plan plan = resumed(5'000, 1'000);
    hk::milliseconds waited(0);
    stream_action action = plan.next();
    for (; action == stream_action::look || action == stream_action::pause; action = plan.next()) {
        if (action == stream_action::pause)
            waited += plan.pause();
        else
            plan.watermarks(marks(0, 4'000));
    }
    CHECK(action == stream_action::fail);
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(waited >= 10s);
}

TEST_CASE("in a topic that was made anew a stream goes on where its policy says, once the watermarks are new")
{
    auto const options = hk::consume_options().until(hk::latest).max_records(10);
    SUBCASE("at the beginning")
    {
        partition_plan plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::earliest));
        REQUIRE(seeks(plan, 1'999, marks(1'000, 2'500)));
        plan.sought(1'999, 1'999, 2'000);
        REQUIRE(plan.next() == stream_action::pause);
        CHECK(plan.pause() == 10s); // as long as the service may show those of the topic that was
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 2'400));
        CHECK(reads(plan, 0, 10));
        CHECK(plan.end() == 2'400);
        auto const skipped = plan.take_skipped();
        REQUIRE(skipped.size() == 1);
        CHECK(skipped[0].from == 2'000);
        CHECK(skipped[0].to == 0);
        CHECK(skipped[0].cause == hk::skip_cause::recreated);
    }
    SUBCASE("at the end")
    {
        partition_plan plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::latest));
        REQUIRE(seeks(plan, 1'999, marks(0, 2'500)));
        plan.sought(1'999, 1'999, 2'000);
        REQUIRE(plan.next() == stream_action::pause);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 2'400));
        CHECK(plan.next() == stream_action::finish);
    }
}
