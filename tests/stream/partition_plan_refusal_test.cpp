// What a stream does about refusals: too large answers, records that nobody can read, a service out of order.
#include "support/stream/plan_steps.hpp"

#include <hdikafka/detail/stream/read_count.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// Offsets 0 to 99 have records; a read that would return one of these is refused.
class refusing_service
{
public:
    std::map<std::int64_t, cause> refused;
    std::optional<cause> all; ///< Refused, also behind the last record.
    std::int64_t latest = 100;
    std::int32_t most = 1'000; ///< Records in an answer.

    /// Plays the service until the plan wants something else; gives how long the plan has waited.
    milliseconds play(plan_steps& plan)
    {
        milliseconds waited{0};
        for (int steps = 0; steps < 10'000; ++steps)
            switch (plan.next()) {
            case action::look: plan.watermarks(marks(0, latest)); break;
            case action::pause: waited += plan.pause() - plan.pause() / 5; break;
            case action::read:
            case action::probe:
                if (!answer(plan))
                    return waited;
                break;
            default: return waited;
            }
        FAIL("it goes on for ever");
        return waited;
    }

    int reads = 0;
    std::int64_t next = 0; ///< Behind the last answer.

private:
    /// False when the service's own error is told.
    bool answer(plan_steps& plan)
    {
        ++reads;
        if (all)
            return plan.refused(*all);
        std::int64_t const end = std::min({plan.offset() + plan.count(), latest, plan.end()});
        auto bad = refused.lower_bound(plan.offset());
        if (bad != refused.end() && bad->first >= end)
            bad = refused.end();
        if (bad != refused.end() && (bad->second == cause::service || bad->first == plan.offset()))
            return plan.refused(bad->second, "the service's words");
        if (plan.count() > most)
            return plan.refused(cause::too_large);
        next = bad != refused.end() ? bad->first : end; // what is before the bad one is an answer
        plan.answered(plan.offset() < next ? std::optional(plan.offset()) : std::nullopt, next);
        return true;
    }
};

hk::consume_options from(std::int64_t offset) { return hk::consume_options().from(offset).max_records(64); }

/// Takes batches until the plan wants something else.
void take_all(plan_steps& plan, refusing_service& service)
{
    service.play(plan);
    while (plan.next() == action::deliver) {
        plan.delivered(service.next);
        service.play(plan);
    }
}

} // namespace

TEST_CASE("an answer that is too large is asked for with half as many records, and then with more again")
{
    refusing_service service;
    service.most = 10;
    plan_steps plan(from(0));
    service.play(plan);
    REQUIRE(plan.next() == action::deliver);
    CHECK(service.next == 8); // of 64, 32, 16, 8
    CHECK(service.reads == 4);
    take_all(plan, service);
    CHECK(plan.position() == 100);
    CHECK(service.reads < 25);
}

TEST_CASE("what was asked for tells what to halve")
{
    plan_steps plan(from(0));
    REQUIRE(plan.next() == action::read);
    plan.refused_of(cause::too_large, 8); // the reader had asked for no more
    CHECK(reads(plan, 0, 4));
}

TEST_CASE("a count grows back by doubling")
{
    hk::detail::read_count count(100);
    count.one();
    for (int const expected : {2, 4, 8, 16, 32, 64, 100, 100}) {
        count.worked();
        CHECK(count.count() == expected);
    }
    CHECK(count.halve(0));
    CHECK(count.count() == 50);
    count.worked();
    CHECK(count.count() == 50); // the next ones may be as large
    count.one();
    CHECK_FALSE(count.halve(0));
    CHECK(count.count() == 1);
}

TEST_CASE("one bad record is passed over alone, and what is before it is handed over first")
{
    for (cause const why : {cause::service, cause::too_large, cause::unreadable})
        for (bool const last : {false, true}) {
            if (last && why == cause::service)
                continue;
            refusing_service service;
            std::int64_t const bad = last ? 99 : 40;
            service.refused[bad] = why;
            plan_steps plan(from(0).until(hk::latest).on_unreadable(hk::skip));
            CAPTURE(static_cast<int>(why));
            take_all(plan, service);
            CHECK(plan.wanted().what == action::finish);
            CHECK(plan.position() == 100);
            auto const skipped = plan.take_skipped();
            REQUIRE(skipped.size() == 1);
            CHECK(skipped[0].from == bad);
            CHECK(skipped[0].to == bad + 1);
            CHECK(skipped[0].cause == hk::skip_cause::unreadable);
        }
}

TEST_CASE("a record that is bad by itself is named at once, with why")
{
    for (cause const why : {cause::too_large, cause::unreadable}) {
        refusing_service service;
        service.refused[40] = why;
        plan_steps plan(from(40).max_records(1));
        CHECK(service.play(plan) == 0ms);
        CHECK(failed_with(plan, hk::errc::unreadable_record));
        CHECK(cause_of(plan).find("offset 40") != std::string::npos);
        CHECK(cause_of(plan).find(why == cause::unreadable ? "cannot be read" : "larger") !=
              std::string::npos);
        CHECK(cause_of(plan).find("the service's words") != std::string::npos);
        CHECK(service.reads <= 5);
    }
}

TEST_CASE("a record that the service refuses is named when it does so for long, and the next one reads")
{
    refusing_service service;
    service.refused[40] = cause::service;
    plan_steps plan(from(40));
    CHECK(service.play(plan) >= 10s);
    CHECK(failed_with(plan, hk::errc::unreadable_record));
    CHECK(cause_of(plan).find("refuses offset 40,") != std::string::npos);
    CHECK(cause_of(plan).find("the service's words") != std::string::npos);
}

TEST_CASE("a record that the service refuses for a while is handed over")
{
    refusing_service service;
    service.refused[40] = cause::service;
    plan_steps plan(from(40).on_unreadable(hk::skip));
    milliseconds waited{0};
    for (int steps = 0; steps < 1'000 && plan.wanted().what != action::deliver; ++steps)
        switch (plan.next()) {
        case action::look: plan.watermarks(marks(0, 100)); break;
        case action::pause: waited += plan.pause(); break;
        case action::probe: plan.answered(plan.offset(), plan.offset() + 1); break;
        case action::read:
            if (waited < 8s)
                CHECK(plan.refused());
            else
                plan.answered(40, 41);
            break;
        default: break;
        }
    CHECK(plan.wanted().what == action::deliver);
    CHECK(plan.position() == 40);
    CHECK(plan.take_skipped().empty());
}

TEST_CASE("where nothing behind a refused place can be read either the service's own error is told")
{
    for (cause const why : {cause::service, cause::unreadable}) {
        refusing_service service;
        service.all = why;
        plan_steps plan(from(40).on_unreadable(hk::skip));
        for (int times = 0; times < 3; ++times) {
            service.reads = 0;
            service.play(plan);
            CHECK(plan.wanted().what == action::report);
            CHECK(service.reads <= 20);
            CHECK(plan.take_skipped().empty());
        }
        service.all.reset(); // it has recovered
        service.play(plan);
        CHECK(plan.next() == action::deliver);
        CHECK(plan.position() == 40);
    }
}

TEST_CASE("the last record of all may be refused, and is not passed over for that")
{
    refusing_service service;
    service.refused[99] = cause::service;
    plan_steps plan(from(99).until(hk::latest).on_unreadable(hk::skip));
    service.play(plan);
    CHECK(plan.wanted().what == action::report);
    CHECK(plan.take_skipped().empty());
}

TEST_CASE("a refusal while the leader is lost is no failure")
{
    plan_steps plan(from(40));
    for (int times = 0; times < 5; ++times) {
        REQUIRE(plan.next() == action::read);
        CHECK(plan.refused());
        REQUIRE(plan.next() == action::look);
        plan.unavailable();
        REQUIRE(plan.next() == action::idle);
    }
    plan.watermarks(marks(0, 100));
    CHECK(reads(plan, 40, 64));
}

TEST_CASE("a checkpoint's record that can be read no more is no evidence")
{
    for (cause const why : {cause::too_large, cause::unreadable}) {
        plan_steps plan(from(8));
        plan.expect(7, 1'000);
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 20));
        CHECK(probes(plan, 7));
        CHECK(plan.refused(why));
        CHECK(reads(plan, 8, 64));
    }
}

TEST_CASE("a checkpoint whose last record lies behind where it goes on proves nothing")
{
    for (std::int64_t const last : {std::int64_t{8}, std::int64_t{19}, std::int64_t{20}, max_offset}) {
        plan_steps plan(from(8));
        plan.expect(last, 1'000);
        CHECK(reads(plan, 8, 64));
    }
}
