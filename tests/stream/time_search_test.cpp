// The search for a point in time: what it finds, how many rounds it takes, and that it ends.
#include "support/stream/plan_steps.hpp"

#include <hdikafka/detail/stream/time_search.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

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
    /// The answer to a read of one record.
    void answer(time_search& search, std::int64_t asked) const
    {
        auto const found = times.lower_bound(asked);
        if (silent.contains(asked) || found == times.end())
            search.answered(asked, std::nullopt, std::nullopt);
        else
            search.answered(asked, found->first, found->second);
    }

    /// Looks until the search has ended; gives how many rounds it took, or nothing when it does not end.
    std::optional<int> look(time_search& search, random_engine& random) const
    {
        for (int rounds = 0; rounds != 10'000; ++rounds) {
            if (search.done())
                return rounds;
            std::vector<std::int64_t> offsets = search.offsets();
            std::ranges::shuffle(offsets, random);
            for (std::int64_t const offset : offsets)
                answer(search, offset);
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

/// How many rounds `length` offsets take at most.
int most_rounds(std::int64_t length, std::size_t at_a_time)
{
    int out = 0;
    for (; length > 0; length /= static_cast<std::int64_t>(at_a_time) + 1)
        ++out;
    return out;
}

} // namespace

TEST_CASE("the first record that is not older is found in the rounds promised, whatever the order of answers")
{
    random_engine random(1);
    for (int i = 0; i != 20'000; ++i) {
        pretend_log const log = random_log(random, true);
        std::int64_t const time = between(random, -5, 320);
        auto const at_a_time = static_cast<std::size_t>(between(random, 1, 16));
        CAPTURE(i);
        time_search search(time, log.earliest, log.latest, at_a_time);
        auto const rounds = log.look(search, random);
        REQUIRE(rounds);
        if (log.times.contains(log.latest - 1)) // else it is silent at the end, and looked through
            REQUIRE(*rounds <= most_rounds(log.latest - log.earliest, at_a_time));
        auto const expected =
            std::ranges::find_if(log.times, [time](auto const& one) { return *one.second >= time; });
        REQUIRE(log.from(search.start()) ==
                (expected == log.times.end() ? std::nullopt : std::optional(expected->first)));
        REQUIRE(search.start() >= log.earliest);
        REQUIRE(search.start() <= log.latest);
    }
}

TEST_CASE("a million offsets take five rounds of sixteen records, and twenty of one")
{
    random_engine random(2);
    pretend_log log;
    log.latest = 1'000'000;
    log.times[765'432] = 7;
    for (auto const& [at_a_time, expected] : std::map<std::size_t, int>{{1, 20}, {3, 10}, {16, 5}}) {
        time_search search(7, 0, log.latest, at_a_time);
        CHECK(search.offsets().size() == at_a_time);
        auto const rounds = log.look(search, random);
        REQUIRE(rounds);
        CHECK(*rounds <= expected);
        CHECK(log.from(search.start()) == 765'432);
        CHECK(search.start() <= 765'432);
    }
}

TEST_CASE("any range of offsets is cut at different places, also the largest")
{
    constexpr std::int64_t most = max_offset;
    for (std::size_t at_a_time = 1; at_a_time <= 16; ++at_a_time)
        for (std::int64_t const length : {std::int64_t{1}, std::int64_t{2}, std::int64_t{15},
                                          std::int64_t{16}, std::int64_t{17}, std::int64_t{1000}, most}) {
            auto const offsets = time_search(0, 0, length, at_a_time).offsets();
            CHECK(offsets.size() == std::min(at_a_time, static_cast<std::size_t>(length)));
            CHECK(std::ranges::is_sorted(offsets));
            CHECK(std::ranges::adjacent_find(offsets) == offsets.end());
            CHECK(offsets.front() >= 0);
            CHECK(offsets.back() < length);
        }
    CHECK(time_search(0, 7, 7, 4).done());
    CHECK(time_search(0, 7, 7, 4).start() == 7);
    CHECK(time_search(0, 0, 10, 0).offsets().size() == 1);
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
        time_search search(time, log.earliest, log.latest, static_cast<std::size_t>(between(random, 1, 16)));
        CAPTURE(i);
        REQUIRE(log.look(search, random));
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
        time_search search(time, log.earliest, log.latest, static_cast<std::size_t>(between(random, 1, 16)));
        CAPTURE(i);
        REQUIRE(log.look(search, random));
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
        time_search search(50, 0, latest, static_cast<std::size_t>(between(random, 1, 16)));
        int answers = 0;
        while (!search.done() && answers < 100'000)
            for (std::int64_t const offset : search.offsets()) {
                ++answers;
                auto const found =
                    between(random, 0, 2) == 0
                        ? std::nullopt
                        : std::optional(between(random, 0, 2) == 0 ? between(random, -10, latest + 10)
                                                                   : offset + between(random, 0, 20));
                search.answered(offset, found, between(random, 0, 100));
            }
        REQUIRE(search.done());
        REQUIRE(search.start() >= 0);
        REQUIRE(search.start() <= latest);
    }
}

TEST_CASE("an answer that was not asked for changes nothing")
{
    time_search search(50, 0, 100, 3);
    auto const asked = search.offsets();
    REQUIRE(asked.size() == 3);
    search.answered(asked[1] + 1, asked[1] + 1, 99);
    CHECK(search.offsets() == asked);
    search.answered(asked[1], asked[1], 99);
    search.answered(asked[1], asked[1], 0); // again
    CHECK(search.offsets() == std::vector{asked[0], asked[2]});
    search.answered(asked[2], asked[2], 99);
    search.answered(asked[0], asked[0], 0);
    for (std::int64_t const offset : search.offsets()) {
        CHECK(offset > asked[0]);
        CHECK(offset < asked[1]);
    }
}

TEST_CASE("a plan looks at as many records at a time as it has connections")
{
    using std::chrono::sys_time;
    auto const from = [](std::size_t parallelism, std::size_t read_ahead, std::size_t connections) {
        partition_plan plan(hk::consume_options()
                             .from(sys_time<milliseconds>(milliseconds(50)))
                             .parallelism(parallelism)
                             .read_ahead(read_ahead),
                         connections);
        REQUIRE(plan.next() == stream_action::look);
        plan.watermarks(marks(0, 1000));
        REQUIRE(plan.next() == stream_action::seek);
        return plan.seeks().size();
    };
    CHECK(from(1, 0, 100) == 1);
    CHECK(from(1, 1, 100) == 2);
    CHECK(from(1, 9, 100) == 2);
    CHECK(from(8, 1, 100) == 8);
    CHECK(from(8, 1, 3) == 3);
    CHECK(from(8, 1, 0) == 1);
    CHECK(from(1000, 1, 1000) == 16);
}

TEST_CASE("a search that is refused begins anew where the watermarks are then")
{
    partition_plan plan(
        hk::consume_options().from(std::chrono::sys_time<milliseconds>(milliseconds(50))).parallelism(3));
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(0, 400));
    REQUIRE(plan.next() == stream_action::seek);
    CHECK(plan.seeks() == std::vector<std::int64_t>{100, 200, 300});
    plan.sought(300, 300, 60);
    CHECK(plan.seek_refused()); // at 100, say: retention has struck
    REQUIRE(plan.next() == stream_action::look);
    plan.watermarks(marks(200, 600));
    REQUIRE(plan.next() == stream_action::seek);
    CHECK(plan.seeks() == std::vector<std::int64_t>{300, 400, 500});
    CHECK_FALSE(plan.seek_refused()); // the service's own error is told
}
