// What a stream does that goes on from a checkpoint: first it looks whether the topic is still the same.
#include "support/stream/plan_steps.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// A stream that goes on behind a record of this offset and time.
plan_steps resumed(std::int64_t last, std::int64_t time, hk::consume_options options = {})
{
    plan_steps out(options.from(last + 1));
    out.expect(last, time);
    return out;
}

/// The plan looks, the watermarks are these, and it wants to see the record at the offset.
bool asks_for(plan_steps& plan, std::int64_t offset, hk::partition_info const& seen)
{
    if (plan.next() != action::look)
        return false;
    plan.watermarks(seen);
    return probes(plan, offset);
}

} // namespace

TEST_CASE("a stream that goes on looks at the last record first")
{
    auto const options = hk::consume_options().max_records(10);
    SUBCASE("it is there")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(asks_for(plan, 7, marks(0, 20)));
        plan.found(7, 1'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it was compacted away")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(asks_for(plan, 7, marks(0, 20)));
        plan.found(9, 3'000);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it has no time any more")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(asks_for(plan, 7, marks(0, 20)));
        plan.found(7, std::nullopt);
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it is the earliest one left, and another one")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(asks_for(plan, 7, marks(7, 20)));
        plan.found(7, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
    SUBCASE("retention has deleted it")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(8, 20));
        CHECK(reads(plan, 8, 10));
    }
    SUBCASE("it is another one")
    {
        plan_steps plan = resumed(7, 1'000, options);
        REQUIRE(asks_for(plan, 7, marks(0, 20)));
        plan.found(7, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("no answer about the last record is no answer to the question")
{
    plan_steps plan = resumed(7, 1'000);
    REQUIRE(asks_for(plan, 7, marks(0, 20)));
    SUBCASE("a refusal")
    {
        CHECK(plan.refused());
        REQUIRE(asks_for(plan, 7, marks(0, 20)));
        CHECK_FALSE(plan.refused());           // the service's own error is told
        REQUIRE(plan.next() == action::probe); // and whoever goes on asks again
    }
    SUBCASE("silence")
    {
        for (int i = 0; i < 2; ++i) {
            plan.found(std::nullopt);
            REQUIRE(plan.next() == action::pause);
            REQUIRE(plan.next() == action::probe);
        }
    }
    plan.found(7, 2'000);
    CHECK(failed_with(plan, hk::errc::topic_recreated));
}

TEST_CASE("silence about the last record is believed in the end")
{
    plan_steps plan = resumed(7, 1'000, hk::consume_options().max_records(10));
    REQUIRE(asks_for(plan, 7, marks(0, 20)));
    for (int i = 0; i < 2; ++i) {
        plan.found(std::nullopt);
        REQUIRE(plan.next() == action::pause);
        REQUIRE(plan.next() == action::probe);
    }
    plan.found(std::nullopt);
    CHECK(reads(plan, 8, 10));
}

TEST_CASE("a shorter topic that grows past the position is looked at before anything is handed over")
{
    for (bool const ends : {false, true}) {
        hk::consume_options options;
        if (ends)
            options.until(hk::latest);
        plan_steps plan = resumed(5'000, 1'000, options);
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 4'000));
        REQUIRE(plan.next() == action::pause);
        REQUIRE(asks_for(plan, 5'000, marks(0, 6'000)));
        plan.found(5'000, 2'000);
        CHECK(failed_with(plan, hk::errc::topic_recreated));
    }
}

TEST_CASE("a topic that stays shorter than the last record is truncated")
{
    plan_steps plan = resumed(5'000, 1'000);
    hk::milliseconds waited(0);
    action wanted = plan.next();
    for (; wanted == action::look || wanted == action::pause; wanted = plan.next()) {
        if (wanted == action::pause)
            waited += plan.pause();
        else
            plan.watermarks(marks(0, 4'000));
    }
    CHECK(wanted == action::fail);
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(waited >= 10s);
}

TEST_CASE("in a topic that was made anew a stream goes on where its policy says, once the watermarks are new")
{
    auto const options = hk::consume_options().until(hk::latest).max_records(10);
    SUBCASE("at the beginning")
    {
        plan_steps plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::earliest));
        REQUIRE(asks_for(plan, 1'999, marks(1'000, 2'500)));
        plan.found(1'999, 2'000);
        REQUIRE(plan.next() == action::pause);
        CHECK(plan.pause() == 10s); // as long as the service may show those of the topic that was
        REQUIRE(plan.next() == action::look);
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
        plan_steps plan = resumed(1'999, 1'000, hk::consume_options(options).on_out_of_range(hk::latest));
        REQUIRE(asks_for(plan, 1'999, marks(0, 2'500)));
        plan.found(1'999, 2'000);
        REQUIRE(plan.next() == action::pause);
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 2'400));
        CHECK(plan.next() == action::finish);
    }
}
