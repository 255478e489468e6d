// What a stream does next, step by step.
#include "support/stream/plan_steps.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using namespace test;

namespace {

hk::errc refusal(hk::consume_options const& options)
{
    auto const wrong = hk::detail::check_consume(options);
    return wrong ? static_cast<hk::errc>(wrong->code().value()) : hk::errc();
}

} // namespace

TEST_CASE("options that make no sense are refused")
{
    using options = hk::consume_options;
    CHECK(refusal(options()) == hk::errc());
    CHECK(refusal(options().from(hk::latest).until(hk::latest)) == hk::errc());
    CHECK(refusal(options().from(0).until(0).max_records(1).poll(1ms, 1ms)) == hk::errc());
    CHECK(refusal(options().from(-1)) == hk::errc::invalid_offset);
    CHECK(refusal(options().until(-1)) == hk::errc::invalid_offset);
    CHECK(refusal(options().until(hk::earliest)) == hk::errc::invalid_option);
    CHECK(refusal(options().max_records(0)) == hk::errc::invalid_count);
    CHECK(refusal(options().max_records(-7)) == hk::errc::invalid_count);
    CHECK(refusal(options().poll(0ms, 1s)) == hk::errc::invalid_option);
    CHECK(refusal(options().poll(2s, 1s)) == hk::errc::invalid_option);
    CHECK(refusal(options().buffer_bytes(0)) == hk::errc::invalid_option);
    CHECK(refusal(options().share(0, 0)) == hk::errc::invalid_option);
    CHECK(refusal(options().share(-1, 2)) == hk::errc::invalid_option);
    CHECK(refusal(options().share(2, 2)) == hk::errc::invalid_option);
    CHECK(refusal(options().share(1, 2).buffer_bytes(1)) == hk::errc());
    CHECK(refusal(options().unreadable_after(0ms)) == hk::errc::invalid_option);
    CHECK(refusal(options().unreadable_after(milliseconds::max())) == hk::errc());
    CHECK(refusal(options().until(std::chrono::sys_time<milliseconds>(-1ms))) == hk::errc());
    CHECK(refusal(options().from(max_offset).until(max_offset)) == hk::errc());
}

TEST_CASE("a stream from the earliest offset looks where that is, and reads on from there")
{
    plan_steps plan(hk::consume_options().max_records(10));
    CHECK_FALSE(plan.position());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(7, 100));
    CHECK(plan.position() == 7);
    CHECK(reads(plan, 7, 10));
    plan.answered(7, 17);
    CHECK(plan.position() == 7); // until it is handed over
    CHECK(plan.next() == action::deliver);
    CHECK(plan.next() == action::deliver); // a delivery that was not made is still due
    plan.delivered(17);
    CHECK(plan.position() == 17);
    CHECK(reads(plan, 17, 10));
    CHECK(plan.end() == max_offset);
    CHECK_FALSE(plan.caught_up());
}

TEST_CASE("a stream from the latest offset starts at the end")
{
    plan_steps plan(hk::consume_options().from(hk::latest).max_records(10));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(7, 100));
    CHECK(reads(plan, 100, 10));
    CHECK(plan.caught_up());
}

TEST_CASE("a stream from an offset reads at once")
{
    plan_steps plan(hk::consume_options().from(42).max_records(10));
    CHECK(reads(plan, 42, 10));
}

TEST_CASE("a stream until the latest offset ends at what that was at the start")
{
    plan_steps plan(hk::consume_options().until(hk::latest).max_records(10));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(0, 15));
    CHECK(plan.end() == 15);
    hand_over(plan, 0, 10);
    CHECK(reads(plan, 10, 5)); // no more than to the end
    plan.answered(10, 15);
    CHECK(plan.next() == action::deliver);
    plan.delivered(15);
    CHECK(plan.next() == action::finish);
    CHECK(plan.next() == action::finish);
}

TEST_CASE("an empty partition is read until its end at once")
{
    plan_steps plan(hk::consume_options().until(hk::latest));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(5, 5));
    CHECK(plan.next() == action::finish);
}

TEST_CASE("a stream until an offset waits for what is not written yet")
{
    plan_steps plan(hk::consume_options().from(3).until(5));
    CHECK(reads(plan, 3, 2));
    nothing(plan, 3, marks(0, 3));
    CHECK(plan.next() == action::idle);
    hand_over(plan, 3, 5);
    CHECK(plan.next() == action::finish);
}

TEST_CASE("a stream that ends before it starts has nothing to hand over")
{
    plan_steps plan(hk::consume_options().from(5).until(5));
    CHECK(plan.next() == action::finish);
    plan_steps behind(hk::consume_options().from(5).until(3));
    CHECK(behind.next() == action::finish);
}

TEST_CASE("the position never moves backwards")
{
    plan_steps plan(hk::consume_options().from(20).max_records(10));
    hand_over(plan, 20, 25);
    REQUIRE(plan.next() == action::read);
    plan.answered(25, 26);
    REQUIRE(plan.next() == action::deliver);
    plan.delivered(3);
    CHECK(plan.position() == 25);

    // Not with an answer without records either.
    nothing(plan, 3, marks(0, 25));
    CHECK(plan.position() == 25);
    CHECK(plan.next() == action::idle);
    CHECK(reads(plan, 25, 10));
}

TEST_CASE("a watermark of yesterday does not move the start backwards")
{
    plan_steps plan{hk::consume_options()};
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(10, 20));
    nothing(plan, 10, marks(4, 20));
    CHECK(plan.position() == 10);
    CHECK(plan.next() == action::pause);
    REQUIRE(plan.next() == action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(4, 20));
    CHECK(plan.position() == 10);
}

TEST_CASE("a gap from compaction is passed over after a look at the watermarks")
{
    plan_steps plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == action::read);
    plan.answered(90, 95);
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(0, 100));
    CHECK(plan.next() == action::deliver);
    plan.delivered(95);
    CHECK(plan.position() == 95);
}

TEST_CASE("a gap from retention is an error that names the lost offsets")
{
    plan_steps plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == action::read);
    plan.answered(90, 95);
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(90, 100));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest));
    CHECK(cause_of(plan).find("5 to 89") != std::string::npos);
    CHECK(failed_with(plan, hk::errc::offset_below_earliest)); // it stays so
}

TEST_CASE("an answer without records that says where to go on is followed without a pause")
{
    plan_steps plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(5, 100));
    nothing(plan, 80, marks(5, 100));
    CHECK(plan.position() == 80);
    CHECK(reads(plan, 80, 10));
}

TEST_CASE("where nothing was written before the read nothing is skipped")
{
    plan_steps plan(hk::consume_options().from(100).max_records(10));
    nothing(plan, 101, marks(0, 100)); // some count an empty answer as one
    CHECK(plan.position() == 100);
    CHECK(plan.next() == action::idle);
    CHECK(reads(plan, 100, 10));
    nothing(plan, 102, marks(0, 102)); // 100 and 101 came between the read and the look
    CHECK(plan.position() == 100);
    CHECK(plan.next() == action::pause);
    CHECK(reads(plan, 100, 10));
    nothing(plan, 103, marks(0, 103)); // a read after them says that they are no records
    CHECK(plan.position() == 102);
}

TEST_CASE("at the end each further read waits longer, up to a limit, until something arrives")
{
    plan_steps plan(hk::consume_options().from(9).poll(100ms, 500ms));
    for (milliseconds const expected : {100ms, 200ms, 400ms, 500ms, 500ms}) {
        nothing(plan, 9, marks(0, 9));
        CHECK(plan.caught_up());
        REQUIRE(plan.next() == action::idle);
        CHECK(plan.pause() == expected);
    }
    hand_over(plan, 9, 10);
    nothing(plan, 10, marks(0, 10));
    REQUIRE(plan.next() == action::idle);
    CHECK(plan.pause() == 100ms);
}

TEST_CASE("an hour at the end of an idle partition makes the requests that the options promise")
{
    plan_steps plan(hk::consume_options().from(100).poll(100ms, 2s));
    plan.watermarks(marks(0, 100));
    hk::milliseconds now(0);
    int reads = 0;
    int looks = 0;
    while (now < 1h)
        switch (plan.next()) {
        case action::read:
            ++reads;
            plan.answered(std::nullopt, 100);
            break;
        case action::look:
            ++looks;
            plan.watermarks(marks(0, 100));
            break;
        case action::idle: now += plan.pause(); break;
        default: FAIL("nothing else is to be done");
        }
    // 100, 200, 400, 800, 1600 ms, then every two seconds
    CHECK(reads == 5 + (3'600'000 - 3'100 + 1'999) / 2'000);
    CHECK(looks == reads);
    // Whatever arrives now is read next, after at most one pause.
    CHECK(plan.pause() == 2s);
    if (plan.next() == action::idle)
        CHECK(plan.next() == action::read);
    plan.answered(100, 101);
    CHECK(plan.next() == action::deliver);
    plan.delivered(101);
    nothing(plan, 101, marks(0, 101));
    CHECK(plan.next() == action::idle);
    CHECK(plan.pause() == 100ms); // and the pace begins anew
}

TEST_CASE("a pause is up to a fifth shorter")
{
    using hk::detail::jittered;
    CHECK(jittered(100ms, 0.0) == 100ms);
    CHECK(jittered(100ms, 0.5) == 90ms);
    CHECK(jittered(100ms, 0.999) == 81ms);
    CHECK(jittered(1ms, 0.999) == 1ms);
    CHECK(jittered(milliseconds::max(), 0.0) == milliseconds::max());
    CHECK(jittered(milliseconds::max(), 0.999) > milliseconds::max() / 5 * 4);
}

TEST_CASE("the longest pause may be as long as there is")
{
    plan_steps plan(hk::consume_options().from(9).poll(milliseconds::max(), milliseconds::max()));
    for (int i = 0; i < 3; ++i) {
        nothing(plan, 9, marks(0, 9));
        REQUIRE(plan.next() == action::idle);
        CHECK(plan.pause() == milliseconds::max());
    }
}

TEST_CASE("a refused read below the earliest offset says which offsets are lost")
{
    plan_steps plan(hk::consume_options().from(5));
    REQUIRE(plan.next() == action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(30, 40));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest));
    CHECK(cause_of(plan).find("5 to 29") != std::string::npos);
}

TEST_CASE("a refused read above the latest offset says that the topic is another one")
{
    plan_steps plan(hk::consume_options().from(50));
    REQUIRE(plan.next() == action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(0, 40));
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(cause_of(plan).find("50") != std::string::npos);
    CHECK(cause_of(plan).find("40") != std::string::npos);
}

TEST_CASE("a stream from the earliest offset follows it as long as nothing was handed over")
{
    plan_steps plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(5, 100));
    REQUIRE(plan.next() == action::read);
    CHECK(plan.refused()); // retention was faster
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(30, 100));
    CHECK(reads(plan, 30, 10));
    hand_over(plan, 30, 40);
    REQUIRE(plan.next() == action::read);
    CHECK(plan.refused());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(60, 100));
    CHECK(failed_with(plan, hk::errc::offset_below_earliest)); // from now on it would be a loss
    CHECK(cause_of(plan).find("40 to 59") != std::string::npos);
}

TEST_CASE("what was deleted behind the first records is not passed over in silence")
{
    plan_steps plan(hk::consume_options().max_records(10));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(5, 100));
    REQUIRE(plan.next() == action::read);
    plan.answered(8, 16);
    if (plan.next() == action::look)
        plan.watermarks(marks(30, 100)); // meanwhile
    REQUIRE(plan.next() == action::deliver);
    plan.delivered(16);
    CHECK(plan.position() == 16);
}

TEST_CASE("a watermark behind the position is believed only when it stays there for seconds")
{
    plan_steps plan(hk::consume_options().from(10).max_records(10));
    hand_over(plan, 10, 15);
    milliseconds waited{0};
    int steps = 0;
    while (!plan.failure() && steps++ < 1000) {
        switch (plan.next()) {
        case action::pause: waited += plan.pause(); break;
        case action::look: plan.watermarks(marks(0, 12)); break;
        case action::read: plan.answered(std::nullopt, 15); break;
        default: break;
        }
    }
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
    CHECK(waited >= 5s);
    CHECK(waited <= 30s);
}

TEST_CASE("a watermark that is behind for a while does not hinder reading")
{
    plan_steps plan(hk::consume_options().from(10).max_records(10));
    hand_over(plan, 10, 15);
    nothing(plan, 15, marks(0, 12));
    CHECK(plan.next() == action::pause);
    CHECK(reads(plan, 15, 10));
    plan.answered(15, 16);
    CHECK(plan.next() == action::deliver);
    plan.delivered(16);
    nothing(plan, 16, marks(0, 16));
    CHECK(plan.next() == action::idle);
    CHECK(plan.caught_up());
}

TEST_CASE("a start past the end is no end, also when the stream is to end there")
{
    plan_steps plan(hk::consume_options().from(100).until(hk::latest));
    int steps = 0;
    while (!plan.failure() && steps++ < 1000) {
        switch (plan.next()) {
        case action::pause: break;
        case action::look: plan.watermarks(marks(0, 50)); break;
        case action::read: plan.answered(std::nullopt, 100); break;
        default: REQUIRE(plan.failure());
        }
    }
    CHECK(failed_with(plan, hk::errc::offset_above_latest));
}

TEST_CASE("a stream until the latest offset ends also in a topic that became shorter")
{
    plan_steps plan(hk::consume_options().from(20).until(hk::latest).on_out_of_range(hk::earliest));
    action wanted = plan.next();
    for (; wanted == action::look || wanted == action::pause; wanted = plan.next())
        if (wanted == action::look)
            plan.watermarks(marks(0, 8));
    CHECK(wanted == action::read);
    CHECK(plan.offset() == 0);
    CHECK(plan.count() == 8);
    hand_over(plan, 0, 8);
    CHECK(plan.next() == action::finish);
}
