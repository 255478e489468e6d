// What a stream does about silence: it waits, and only what lies behind a place can tell what it means.
#include "support/stream/plan_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// A service that returns these records, from a partition with these watermarks.
class quiet_service
{
public:
    std::set<std::int64_t> records;
    std::set<std::int64_t> hidden; ///< Of these, and where one of them is next, it says nothing.
    std::int64_t latest = 0;
    std::optional<std::int64_t> told_next; ///< What it says where it has nothing.
    milliseconds silent_for{0};            ///< And until then it says nothing at all.

    /// Plays the service until the plan wants something else; gives how long the plan has waited.
    milliseconds play(plan_steps& plan)
    {
        milliseconds waited{0};
        for (int steps = 0; steps < 10'000; ++steps)
            switch (plan.next()) {
            case action::look: plan.watermarks(marks(0, latest)); break;
            case action::pause: waited += plan.pause() - plan.pause() / 5; break;
            case action::read:
            case action::probe: answer(plan, waited); break;
            default: return waited;
            }
        FAIL("it goes on for ever");
        return waited;
    }

private:
    std::int64_t next(plan_steps const& plan) const
    {
        return told_next ? std::min(*told_next, plan.end()) : plan.offset();
    }

    void answer(plan_steps& plan, milliseconds now)
    {
        bool const reads = plan.next() == action::read;
        auto const first = records.lower_bound(plan.offset());
        bool const none = first == records.end() || hidden.contains(*first) || now < silent_for;
        if (none || (reads && *first >= plan.end()))
            return plan.answered(std::nullopt, none ? next(plan) : plan.end());
        std::int64_t last = *first;
        for (auto at = first; at != records.end() && !hidden.contains(*at) && *at < plan.end() &&
                              *at < plan.offset() + plan.count();
             ++at)
            last = *at;
        plan.answered(*first, last + 1);
    }
};

quiet_service of(std::int64_t records, std::int64_t latest)
{
    quiet_service out;
    for (std::int64_t i = 0; i != records; ++i)
        out.records.insert(i);
    out.latest = latest;
    return out;
}

} // namespace

TEST_CASE("a hiccup loses nothing and is told to nobody")
{
    for (bool const skips : {false, true})
        for (milliseconds const length : {1'000ms, 5'000ms, 9'900ms}) {
            auto service = of(3'000, 3'000);
            service.silent_for = length;
            hk::consume_options options = hk::consume_options().from(100).until(hk::latest);
            if (skips)
                options.on_unreadable(hk::skip);
            plan_steps plan(options);
            CAPTURE(length.count());
            CHECK(service.play(plan) >= length);
            REQUIRE(plan.next() == action::deliver);
            CHECK(plan.position() == 100);
            CHECK(plan.take_skipped().empty());
            CHECK_FALSE(plan.failure());
        }
}

TEST_CASE("a hiccup in which the service says to go on behind everything loses nothing either")
{
    for (std::int64_t const next : {max_offset - 1, std::int64_t{1} << 50}) {
        auto service = of(3'000, 3'000);
        service.silent_for = 3s;
        service.told_next = next;
        plan_steps plan(hk::consume_options().from(100).on_unreadable(hk::skip));
        service.play(plan);
        CHECK((plan.next() == action::deliver && plan.position() == 100));
    }
}

TEST_CASE(
    "a record that stays silent while the next one reads is unreadable, after a time that no hiccup lasts")
{
    auto service = of(100, 100);
    service.hidden = {40};
    SUBCASE("which is an error that names it")
    {
        plan_steps plan(hk::consume_options().from(40));
        CHECK(service.play(plan) >= 10s);
        CHECK(failed_with(plan, hk::errc::unreadable_record));
        CHECK(cause_of(plan).find("offset 40:") != std::string::npos);
        CHECK(plan.position() == 40);
    }
    SUBCASE("and with skip it alone is passed over")
    {
        plan_steps plan(hk::consume_options().from(40).on_unreadable(hk::skip));
        CHECK(service.play(plan) >= 10s);
        auto const skipped = plan.take_skipped();
        REQUIRE(skipped.size() == 1);
        CHECK(skipped[0].from == 40);
        CHECK(skipped[0].to == 41);
        CHECK(skipped[0].cause == hk::skip_cause::unreadable);
        CHECK(plan.position() == 41);
    }
    SUBCASE("as long as the options say")
    {
        plan_steps plan(hk::consume_options().from(40).unreadable_after(60s));
        CHECK(service.play(plan) >= 60s);
        CHECK(failed_with(plan, hk::errc::unreadable_record));
    }
}

TEST_CASE("only what is silent is skipped, where several records are, and none between them")
{
    auto service = of(100, 100);
    service.hidden = {40, 41, 42, 44};
    plan_steps plan(hk::consume_options().from(40).max_records(1).on_unreadable(hk::skip));
    service.play(plan);
    CHECK(plan.position() == 43);
    REQUIRE(plan.next() == action::deliver);
    plan.delivered(44);
    service.play(plan);
    CHECK(plan.position() == 45);
    auto const skipped = plan.take_skipped();
    REQUIRE(skipped.size() == 2);
    CHECK(skipped[0].to == 43);
    CHECK(skipped[1].from == 44);
    CHECK(skipped[1].to == 45);
}

TEST_CASE("markers at the end are the end for a stream until the latest offset, after a bounded wait")
{
    for (std::optional<std::int64_t> const told :
         {std::optional<std::int64_t>(), std::optional<std::int64_t>(10), std::optional(max_offset - 1)}) {
        auto service = of(10, 11);
        service.told_next = told;
        plan_steps plan(hk::consume_options().from(10).until(hk::latest));
        auto const waited = service.play(plan);
        CHECK(plan.next() == action::finish);
        CHECK(waited >= 10s);
        CHECK(waited <= 30s);
        CHECK_FALSE(plan.failure());
    }
}

TEST_CASE("a partition that holds markers alone ends, and so does a start within the last gap")
{
    auto markers = of(0, 5);
    plan_steps all(hk::consume_options().until(hk::latest));
    markers.play(all);
    CHECK(all.next() == action::finish);

    auto gap = of(10, 15);
    plan_steps within(hk::consume_options().from(12).until(hk::latest));
    gap.play(within);
    CHECK(within.next() == action::finish);

    plan_steps offset(hk::consume_options().from(12).until(14));
    gap.play(offset);
    CHECK(offset.next() == action::finish);
}

TEST_CASE("a stream that follows rests at such an end, and says up to where it is silent")
{
    auto service = of(10, 11);
    plan_steps plan(hk::consume_options().from(10).max_records(10));
    service.play(plan);
    REQUIRE(plan.wanted().what == action::idle);
    CHECK(plan.silent_to() == 11);
    CHECK(plan.caught_up());
    CHECK(plan.position() == 10);
    CHECK_FALSE(plan.failure());

    SUBCASE("ever longer, up to the interval between looks for partitions")
    {
        milliseconds longest{0};
        for (int i = 0; i < 20; ++i) {
            REQUIRE(reads(plan, 10, 10));
            service.play(plan);
            REQUIRE(plan.wanted().what == action::idle);
            longest = plan.pause();
        }
        CHECK(longest == 60s);
    }
    SUBCASE("until something is written, which is read at once")
    {
        service.records.insert(11);
        plan.watermarks(marks(0, service.latest = 12));
        CHECK_FALSE(plan.caught_up());
        CHECK(reads(plan, 10, 10));
        service.play(plan);
        REQUIRE(plan.next() == action::deliver);
        plan.delivered(12);
        CHECK(plan.position() == 12);
        CHECK_FALSE(plan.silent_to());
    }
    SUBCASE("and is not woken by watermarks that are no news, or old")
    {
        milliseconds const pause = plan.pause();
        for (std::int64_t const latest : {11, 10}) {
            plan.watermarks(marks(0, latest));
            CHECK(plan.next() == action::idle);
            CHECK(plan.pause() == pause);
        }
    }
    SUBCASE("and loses nothing where retention deletes the markers")
    {
        plan.watermarks(marks(11, 11));
        CHECK_FALSE(plan.failure());
        CHECK(plan.position() == 11);
    }
}

TEST_CASE("a hiccup that is longer than promised is the end for nobody who follows")
{
    auto service = of(100, 100);
    service.silent_for = 60s;
    plan_steps plan(hk::consume_options().from(50));
    service.play(plan);
    REQUIRE(plan.wanted().what == action::idle);
    service.silent_for = 0s;
    service.play(plan);
    CHECK(plan.next() == action::deliver);
    CHECK(plan.position() == 50);
}

TEST_CASE("markers that go on being written are no unreadable records")
{
    auto service = of(10, 11);
    plan_steps plan(hk::consume_options().from(10));
    milliseconds waited{0};
    for (int steps = 0; steps < 20'000 && waited < 1'000s; ++steps)
        switch (plan.next()) {
        case action::look: plan.watermarks(marks(0, ++service.latest)); break;
        case action::read:
        case action::probe: plan.answered(std::nullopt, plan.offset()); break;
        case action::idle:
        case action::pause: waited += plan.pause(); break;
        default: FAIL("nothing else is to be done");
        }
    CHECK(waited >= 1'000s); // and it is not busy
    service.records.insert(service.latest++);
    service.play(plan);
    if (plan.wanted().what == action::idle)
        service.play(plan);
    CHECK(plan.next() == action::deliver);
}

TEST_CASE("records that retention has deleted meanwhile are not called unreadable")
{
    auto service = of(100, 100);
    service.hidden = {40};
    plan_steps plan(hk::consume_options().from(40));
    for (int steps = 0; steps < 1'000 && !plan.failure(); ++steps)
        switch (plan.next()) {
        case action::look: plan.watermarks(steps < 100 ? marks(0, 100) : marks(60, 100)); break;
        case action::read: plan.answered(std::nullopt, plan.offset()); break;
        case action::probe: plan.answered(std::nullopt, plan.offset()); break;
        default: break;
        }
    CHECK(failed_with(plan, hk::errc::offset_below_earliest));
}

TEST_CASE("where the service says to go on is believed up to the watermark and no further")
{
    plan_steps plan(hk::consume_options().from(5));
    nothing(plan, 5, marks(0, 100)); // known from here on
    REQUIRE(plan.next() == action::pause);
    REQUIRE(plan.next() == action::read);
    std::int64_t told = 0;
    std::int64_t position = 0;
    SUBCASE("behind a gap") { told = position = 20; }
    SUBCASE("at the watermark") { told = position = 100; }
    SUBCASE("past it")
    {
        told = 101;
        position = 10;
    }
    SUBCASE("absurdly far")
    {
        told = max_offset;
        position = 10;
    }
    plan.answered(5, 10, told);
    REQUIRE(plan.next() == action::deliver);
    plan.delivered(told);
    CHECK(plan.position() == position);
}

TEST_CASE("an empty answer that reaches the stream's end is believed only when something is behind it")
{
    auto const options = hk::consume_options().from(50).until(80).on_unreadable(hk::skip);
    SUBCASE("a record is")
    {
        auto service = of(50, 100);
        service.records.insert(90);
        plan_steps plan(options);
        service.play(plan);
        CHECK(plan.next() == action::finish);
        CHECK(plan.take_skipped().empty());
    }
    SUBCASE("a busy service says so")
    {
        auto service = of(100, 100);
        service.silent_for = 2s;
        service.told_next = max_offset - 1; // of which the stream's end is left
        plan_steps plan(options);
        service.play(plan);
        CHECK(plan.next() == action::deliver);
        CHECK(plan.position() == 50);
    }
}

TEST_CASE("at the end of all offsets nothing overflows")
{
    for (std::int64_t const start : {max_offset, max_offset - 1, max_offset - 40}) {
        for (std::int64_t const latest : {max_offset, max_offset - 1, std::int64_t{5}}) {
            plan_steps plan(hk::consume_options().from(start).on_unreadable(hk::skip));
            int pauses = 0;
            for (int steps = 0; steps < 2'000 && !plan.failure() && pauses < 50; ++steps)
                switch (plan.next()) {
                case action::look: plan.watermarks(marks(0, latest)); break;
                case action::read:
                    CHECK(plan.count() >= 1);
                    CHECK(plan.count() <= max_offset - plan.offset());
                    plan.answered(std::nullopt, max_offset);
                    break;
                case action::probe: plan.answered(std::nullopt, max_offset); break;
                default: ++pauses;
                }
            CHECK((plan.failure() || pauses == 50));
        }
    }
    CHECK(plan_steps(hk::consume_options().from(max_offset).until(max_offset)).next() == action::finish);
}

TEST_CASE("a partition without a leader is waited for, and is not caught up")
{
    plan_steps plan(hk::consume_options().max_records(10).poll(100ms, 400ms));
    for (milliseconds const pause : {100ms, 200ms, 400ms, 400ms}) {
        REQUIRE(plan.next() == action::look);
        plan.unavailable();
        REQUIRE(plan.next() == action::idle);
        CHECK(plan.pause() == pause);
        CHECK_FALSE(plan.position());
        CHECK_FALSE(plan.caught_up());
    }
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(3, 10));
    CHECK(reads(plan, 3, 10));

    SUBCASE("when it is lost later on")
    {
        CHECK(plan.refused());
        REQUIRE(plan.next() == action::look);
        plan.unavailable();
        REQUIRE(plan.next() == action::idle);
        CHECK(plan.position() == 3);
        plan.watermarks(marks(3, 10)); // the list of partitions shows that it is back
        CHECK(reads(plan, 3, 10));
    }
    SUBCASE("when it is lost at the end")
    {
        hand_over(plan, 3, 10);
        nothing(plan, 10, marks(3, 10));
        CHECK(plan.caught_up());
        plan.unavailable();
        CHECK(plan.next() == action::idle);
        CHECK_FALSE(plan.caught_up());
        plan.watermarks(marks(3, 10));
        CHECK(plan.next() == action::idle);
        CHECK(plan.caught_up());
    }
}
