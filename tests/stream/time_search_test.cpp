// The search for a point in time: what it finds, how many reads it takes, and that it ends.
#include "support/stream/plan_steps.hpp"

#include <hdikafka/detail/stream/offset_search.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>

using namespace std::chrono_literals;
using namespace test;
using hk::detail::plan_action;
using hk::detail::time_search;

namespace {

using random_engine = std::mt19937_64;

std::int64_t between(random_engine& random, std::int64_t least, std::int64_t most)
{
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
}

/// A partition: its records' times by offset, and where the service returns nothing.
class pretend_log
{
public:
    /// What a search hears of a read.
    plan_event answer(plan_action const& asked) const
    {
        plan_event out{.what = plan_event::kind::answer};
        auto at = times.lower_bound(asked.offset);
        if (at != times.end() && silent.contains(asked.offset))
            at = times.end();
        for (auto left = std::min(asked.count, most); left > 0 && at != times.end(); --left, ++at) {
            out.first = out.first.value_or(at->first);
            out.last = at->first;
            if (at->first >= asked.horizon || at->second <= 0 || out.hit)
                continue;
            ++out.dated;
            if (at->second >= asked.since)
                out.hit = at->first;
        }
        return out;
    }

    /// Looks until the search has ended; gives how many reads it took, or nothing when it does not end.
    std::optional<int> look(time_search& search) const
    {
        for (int reads = 0; reads != 10'000; ++reads) {
            if (search.done())
                return reads;
            plan_action asked;
            search.ask(asked);
            search.answered(answer(asked));
        }
        return std::nullopt;
    }

    /// The first record from `start` on.
    std::optional<std::int64_t> from(std::int64_t start) const
    {
        auto const found = times.lower_bound(start);
        return found == times.end() ? std::nullopt : std::optional(found->first);
    }

    /// The first record that is known to be as new.
    std::optional<std::int64_t> first_since(std::int64_t time) const
    {
        auto const found = std::ranges::find_if(
            times, [time](auto const& one) { return one.second > 0 && one.second >= time; });
        return found == times.end() ? std::nullopt : std::optional(found->first);
    }

    std::int64_t earliest = 0;
    std::int64_t latest = 0;
    std::map<std::int64_t, std::int64_t> times; ///< 0: without one.
    std::set<std::int64_t> silent;
    std::int32_t most = 500; ///< Records in an answer.
};

/// Times rise with the offsets, but for `disorder`.
pretend_log random_log(random_engine& random, std::int64_t disorder = 0)
{
    pretend_log out;
    out.earliest = out.latest = between(random, 0, 1'000);
    std::int64_t const gaps = between(random, 0, 60);
    std::int64_t time = 1'000;
    for (auto left = between(random, 0, between(random, 0, 9) == 0 ? 5'000 : 900); left > 0; --left) {
        if (between(random, 0, 99) < gaps)
            out.latest += between(random, 1, 30);
        time += between(random, 0, 3);
        out.times[out.latest++] = time + between(random, -disorder, disorder);
    }
    if (between(random, 0, 1) == 0)
        out.latest += between(random, 0, 30); // marks of transactions
    return out;
}

std::int64_t random_time(random_engine& random, pretend_log const& log)
{
    std::int64_t const last = log.times.empty() ? 1'000 : log.times.rbegin()->second;
    return between(random, 990, last + 10);
}

/// The record of this offset was written at that time.
pretend_log plain_log(std::int64_t records)
{
    pretend_log out;
    out.latest = records;
    for (std::int64_t i = 0; i != records; ++i)
        out.times[i] = 1'000 + i;
    return out;
}

std::int64_t found(pretend_log const& log, std::int64_t time)
{
    time_search search(time, log.earliest, log.latest);
    REQUIRE(log.look(search));
    return search.start();
}

} // namespace

TEST_CASE("where times rise the very record is found, whatever answers hold")
{
    random_engine random(1);
    for (int i = 0; i != 3'000; ++i) {
        pretend_log log = random_log(random);
        log.most = static_cast<std::int32_t>(between(random, 1, 500));
        std::int64_t const time = random_time(random, log);
        CAPTURE(i);
        time_search search(time, log.earliest, log.latest);
        REQUIRE(log.look(search));
        REQUIRE(log.from(search.start()) == log.first_since(time));
        REQUIRE(search.start() >= log.earliest);
        REQUIRE(search.start() <= log.latest);
    }
}

TEST_CASE("a million records take some fifteen reads, a few hundred take one")
{
    pretend_log const log = plain_log(1'000'000);
    time_search search(1'000 + 765'432, 0, log.latest);
    auto const reads = log.look(search);
    REQUIRE(reads);
    CHECK(*reads <= 15);
    CHECK(search.start() == 765'432);

    pretend_log const small = plain_log(500);
    time_search one(1'000 + 321, 0, small.latest);
    CHECK(small.look(one) == 1);
    CHECK(one.start() == 321);
}

TEST_CASE("one timestamp that is missing or wrong misleads no search")
{
    for (std::int64_t const wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{5}})
        for (std::int64_t const at : {50, 499, 500, 1'000, 1'250, 1'999}) {
            pretend_log log = plain_log(2'000);
            log.times[at] = wrong;
            for (std::int64_t const time : {1'000, 1'049, 1'499, 1'500, 2'000, 2'250, 2'998}) {
                CAPTURE(wrong);
                CAPTURE(at);
                CAPTURE(time);
                CHECK(found(log, time) == log.first_since(time));
            }
        }
}

TEST_CASE("where records are out of order none that is new enough is passed over")
{
    random_engine random(4);
    for (int i = 0; i != 3'000; ++i) {
        pretend_log log = random_log(random, 50);
        for (auto& [offset, time] : log.times)
            if (between(random, 0, 99) == 0)
                time = between(random, 0, 1) == 0 ? 0 : 3;
        std::int64_t const time = random_time(random, log);
        CAPTURE(i);
        time_search search(time, log.earliest, log.latest);
        REQUIRE(log.look(search));
        auto const expected = log.first_since(time);
        if (expected)
            REQUIRE(search.start() <= *expected);
    }
}

TEST_CASE("without any timestamps a search starts at the beginning")
{
    pretend_log log = plain_log(3'000);
    for (auto& [offset, time] : log.times)
        time = 0;
    CHECK(found(log, 2'000) == 0);
}

TEST_CASE("where nothing can be learned the start is earlier, never later")
{
    random_engine random(3);
    for (int i = 0; i != 3'000; ++i) {
        pretend_log log = random_log(random);
        for (std::int64_t at = log.earliest; at < log.latest; ++at)
            if (between(random, 0, 9) == 0)
                log.silent.insert(at);
        std::int64_t const time = random_time(random, log);
        time_search search(time, log.earliest, log.latest);
        CAPTURE(i);
        REQUIRE(log.look(search));
        auto const expected = log.first_since(time);
        if (expected)
            REQUIRE(search.start() <= *expected);
    }
}

TEST_CASE("any range of offsets is looked at within its bounds, also the largest")
{
    for (std::int64_t const length :
         {std::int64_t{1}, std::int64_t{500}, std::int64_t{501}, std::int64_t{1'001}, max_offset})
        for (bool const older : {false, true}) {
            time_search search(50, 0, length);
            int reads = 0;
            for (; !search.done() && reads < 10'000; ++reads) {
                REQUIRE(search.offset() >= 0);
                REQUIRE(search.offset() < length);
                plan_event seen{.what = plan_event::kind::answer, .first = search.offset()};
                seen.last = search.offset() + std::min<std::int64_t>(63, length - 1 - search.offset());
                seen.dated = 64;
                if (!older)
                    seen.hit = search.offset();
                search.answered(seen);
            }
            CHECK(reads < 100);
            CHECK(search.start() == (older ? length : 0));
        }
    CHECK(time_search(5, 7, 7).done());
    CHECK(time_search(5, 7, 7).start() == 7);
    CHECK(time_search(-5, 7, 9).start() == 7); // everything is as new
}

TEST_CASE("a search ends whatever the answers say")
{
    random_engine random(5);
    for (int i = 0; i != 3'000; ++i) {
        std::int64_t const latest = between(random, 1, 100'000);
        time_search search(50, 0, latest);
        for (int answers = 0; !search.done() && answers < 100'000; ++answers) {
            plan_event seen{.what = plan_event::kind::answer};
            if (between(random, 0, 2) != 0) {
                seen.first = search.offset() + between(random, -2, 20);
                seen.last = *seen.first + between(random, 0, 70);
                seen.dated = static_cast<std::int32_t>(between(random, 0, 70));
                if (between(random, 0, 1) == 0)
                    seen.hit = std::min(*seen.first + between(random, 0, 10), latest - 1);
            }
            search.answered(seen);
        }
        REQUIRE(search.done());
    }
}

TEST_CASE("an answer that would be too large is asked for with fewer records, down to one")
{
    time_search search(50, 0, 100);
    plan_action asked;
    search.ask(asked);
    CHECK(asked.count == 500);
    int halvings = 0;
    while (search.fewer() && halvings < 20)
        ++halvings;
    search.ask(asked);
    CHECK(asked.count == 1);
    CHECK(halvings == 8);
}

TEST_CASE("a plan makes one read of a search at a time, however many connections it has")
{
    for (std::size_t const parallelism : {std::size_t{1}, std::size_t{8}, std::size_t{1000}}) {
        plan_steps plan(hk::consume_options()
                            .from(std::chrono::sys_time<milliseconds>(1'700ms))
                            .parallelism(parallelism)
                            .read_ahead(9));
        pretend_log const log = plain_log(1'000);
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 1'000));
        CHECK_FALSE(plan.position());
        for (int reads = 0; plan.next() == action::probe && reads < 20; ++reads)
            plan.found_block(log.answer(plan.wanted()));
        CHECK(plan.position() == 700);
    }
}

TEST_CASE("a stream until a point in time ends before the first record that is not older")
{
    pretend_log const log = plain_log(1'000);
    auto const at = [](std::int64_t time) { return std::chrono::sys_time<milliseconds>(milliseconds(time)); };
    auto const end_of = [&](hk::consume_options const& options) {
        plan_steps plan(options);
        for (int steps = 0; steps < 50; ++steps)
            switch (plan.next()) {
            case action::look: plan.watermarks(marks(0, 1'000)); break;
            case action::probe: plan.found_block(log.answer(plan.wanted())); break;
            default: return plan.next() == action::finish ? *plan.position() : plan.end();
            }
        return std::int64_t{-1};
    };
    CHECK(end_of(hk::consume_options().until(at(1'600))) == 600);
    CHECK(end_of(hk::consume_options().from(300).until(at(1'600))) == 600);
    CHECK(end_of(hk::consume_options().from(at(1'250)).until(at(1'600))) == 600);
    CHECK(end_of(hk::consume_options().until(at(9'999))) == 1'000); // the high watermark
    CHECK(end_of(hk::consume_options().until(at(-1))) == 0);        // nothing
    CHECK(end_of(hk::consume_options().from(900).until(at(1'600))) == 900);
}

TEST_CASE("a search waits for a service that is silent or refuses, and then starts earlier")
{
    pretend_log const log = plain_log(3'000);
    for (bool const refused : {false, true}) {
        plan_steps plan(hk::consume_options().from(std::chrono::sys_time<milliseconds>(2'700ms)));
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 3'000));
        milliseconds waited{0};
        int steps = 0;
        for (; !plan.position() && steps < 1'000; ++steps)
            switch (plan.next()) {
            case action::look: plan.watermarks(marks(0, 3'000)); break;
            case action::pause: waited += plan.pause(); break;
            default:
                if (refused)
                    CHECK(plan.refused());
                else
                    plan.found(std::nullopt);
            }
        CHECK(plan.position() == 0);
        CHECK(waited >= 300ms);
        CHECK(waited <= 20s);
    }
}

TEST_CASE("a search whose partition loses its beginning meanwhile begins anew")
{
    pretend_log const log = plain_log(3'000);
    plan_steps plan(hk::consume_options().from(std::chrono::sys_time<milliseconds>(1'100ms)));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(0, 3'000));
    REQUIRE(plan.next() == action::probe);
    plan.found_block(log.answer(plan.wanted()));
    REQUIRE(plan.next() == action::probe);
    CHECK(plan.refused());
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(2'900, 3'000));
    for (int steps = 0; plan.next() == action::probe && steps < 20; ++steps)
        plan.found_block(log.answer(plan.wanted()));
    CHECK(plan.position() == 2'900);
}
