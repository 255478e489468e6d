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

using namespace test;
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
    /// Looks until the search has ended; gives how many reads it took, or nothing when it does not end.
    std::optional<int> look(time_search& search) const
    {
        for (int reads = 0; reads != 10'000; ++reads) {
            if (search.done())
                return reads;
            std::int64_t const asked = search.offset();
            auto const found = times.lower_bound(asked);
            if (silent.contains(asked) || found == times.end())
                search.answered(std::nullopt, std::nullopt);
            else
                search.answered(found->first, found->second);
        }
        return std::nullopt;
    }

    /// The first record from `start` on.
    std::optional<std::int64_t> from(std::int64_t start) const
    {
        auto const found = times.lower_bound(start);
        return found == times.end() ? std::nullopt : std::optional(found->first);
    }

    std::int64_t earliest = 0;
    std::int64_t latest = 0;
    std::map<std::int64_t, std::optional<std::int64_t>> times;
    std::set<std::int64_t> silent;
};

pretend_log random_log(random_engine& random, bool rising)
{
    pretend_log out;
    out.earliest = out.latest = between(random, 0, 1000);
    std::int64_t const gaps = between(random, 0, 60);
    std::int64_t time = 0;
    for (auto left = between(random, 0, 200); left > 0; --left) {
        if (between(random, 0, 99) < gaps)
            out.latest += between(random, 1, 30);
        time = rising ? time + between(random, 0, 3) : between(random, -1, 300);
        out.times[out.latest++] = time;
    }
    if (between(random, 0, 1) == 0)
        out.latest += between(random, 0, 30); // marks of transactions
    return out;
}

/// How many reads `length` offsets take at most.
int most_reads(std::int64_t length)
{
    int out = 0;
    for (; length > 0; length /= 2)
        ++out;
    return out;
}

} // namespace

TEST_CASE("the first record that is not older is found with the reads promised")
{
    random_engine random(1);
    for (int i = 0; i != 20'000; ++i) {
        pretend_log const log = random_log(random, true);
        std::int64_t const time = between(random, -5, 320);
        CAPTURE(i);
        time_search search(time, log.earliest, log.latest);
        auto const reads = log.look(search);
        REQUIRE(reads);
        if (log.times.contains(log.latest - 1)) // else it is silent at the end, and looked through
            REQUIRE(*reads <= most_reads(log.latest - log.earliest));
        auto const expected =
            std::ranges::find_if(log.times, [time](auto const& one) { return *one.second >= time; });
        REQUIRE(log.from(search.start()) ==
                (expected == log.times.end() ? std::nullopt : std::optional(expected->first)));
        REQUIRE(search.start() >= log.earliest);
        REQUIRE(search.start() <= log.latest);
    }
}

TEST_CASE("a million offsets take twenty reads")
{
    pretend_log log;
    log.latest = 1'000'000;
    log.times[765'432] = 7;
    time_search search(7, 0, log.latest);
    auto const reads = log.look(search);
    REQUIRE(reads);
    CHECK(*reads <= 20);
    CHECK(log.from(search.start()) == 765'432);
    CHECK(search.start() <= 765'432);
}

TEST_CASE("any range of offsets is looked at within its bounds, also the largest")
{
    for (std::int64_t const length : {std::int64_t{1}, std::int64_t{2}, std::int64_t{15}, std::int64_t{16},
                                      std::int64_t{17}, std::int64_t{1000}, max_offset})
        for (bool const older : {false, true}) {
            time_search search(0, 0, length);
            int reads = 0;
            for (; !search.done() && reads < 100; ++reads) {
                REQUIRE(search.offset() >= 0);
                REQUIRE(search.offset() < length);
                search.answered(search.offset(), older ? -1 : 1);
            }
            CHECK(reads <= 63);
            CHECK(search.start() == (older ? length : 0));
        }
    CHECK(time_search(0, 7, 7).done());
    CHECK(time_search(0, 7, 7).start() == 7);
}

TEST_CASE("where the service is silent nothing that is wanted is passed over")
{
    random_engine random(3);
    for (int i = 0; i != 20'000; ++i) {
        pretend_log log = random_log(random, true);
        // Within gaps, at records that are too large, or both.
        bool const gaps = between(random, 0, 1) == 0;
        std::int64_t const large = between(random, 0, 1) == 0 ? between(random, 0, 40) : 0;
        for (std::int64_t at = log.earliest; at < log.latest; ++at)
            if (log.times.contains(at) ? between(random, 0, 99) < large : gaps)
                log.silent.insert(at);
        std::int64_t const time = between(random, -5, 320);
        time_search search(time, log.earliest, log.latest);
        CAPTURE(i);
        REQUIRE(log.look(search));
        auto const expected = std::ranges::find_if(log.times, [&](auto const& one) {
            return *one.second >= time && !log.silent.contains(one.first);
        });
        if (expected != log.times.end())
            REQUIRE(search.start() <= expected->first);
    }
}

TEST_CASE("a search ends between an older record and one that is not, also where times do not rise")
{
    random_engine random(4);
    for (int i = 0; i != 20'000; ++i) {
        pretend_log log = random_log(random, false);
        for (auto& [offset, time] : log.times)
            if (between(random, 0, 9) == 0)
                time.reset();
        std::int64_t const time = between(random, -5, 320);
        time_search search(time, log.earliest, log.latest);
        CAPTURE(i);
        REQUIRE(log.look(search));
        auto const is_older = [time](auto const& one) { return !one.second || *one.second < time; };
        auto const first = log.times.lower_bound(search.start());
        if (first != log.times.end())
            REQUIRE_FALSE(is_older(*first));
        if (first != log.times.begin())
            REQUIRE(is_older(*std::prev(first)));
    }
}

TEST_CASE("a search ends whatever the answers say")
{
    random_engine random(5);
    for (int i = 0; i != 5'000; ++i) {
        std::int64_t const latest = between(random, 1, 100'000);
        time_search search(50, 0, latest);
        for (int answers = 0; !search.done() && answers < 100'000; ++answers) {
            auto const found =
                between(random, 0, 2) == 0
                    ? std::nullopt
                    : std::optional(between(random, 0, 2) == 0 ? between(random, -10, latest + 10)
                                                               : search.offset() + between(random, 0, 20));
            search.answered(found, between(random, 0, 100));
        }
        REQUIRE(search.done());
        REQUIRE(search.start() >= 0);
        REQUIRE(search.start() <= latest);
    }
}

TEST_CASE("a plan looks at one record at a time, however many connections it has")
{
    using std::chrono::sys_time;
    for (std::size_t const parallelism : {std::size_t{1}, std::size_t{8}, std::size_t{1000}}) {
        plan_steps plan(hk::consume_options()
                            .from(sys_time<milliseconds>(milliseconds(50)))
                            .parallelism(parallelism)
                            .read_ahead(9));
        REQUIRE(plan.next() == action::look);
        plan.watermarks(marks(0, 1000));
        CHECK_FALSE(plan.position());
        CHECK(probes(plan, 500));
        plan.found(500, 60);
        CHECK(probes(plan, 250));
        plan.found(260, 40);
        CHECK(probes(plan, 380));
    }
}

TEST_CASE("a search that is refused begins anew where the watermarks are then")
{
    plan_steps plan(
        hk::consume_options().from(std::chrono::sys_time<milliseconds>(milliseconds(50))).parallelism(3));
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(0, 400));
    CHECK(probes(plan, 200));
    plan.found(200, 60);
    CHECK(probes(plan, 100));
    CHECK(plan.refused()); // retention has struck
    REQUIRE(plan.next() == action::look);
    plan.watermarks(marks(200, 600));
    CHECK(probes(plan, 400));
    CHECK_FALSE(plan.refused());        // the service's own error is told
    CHECK(plan.next() == action::look); // and whoever goes on begins anew
}
