// The search for where reading works again: what it finds, and that it ends.
#include <hdikafka/detail/stream/silence_search.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <set>

using hdikafka::detail::silence_search;

namespace {

using random_engine = std::mt19937_64;

std::int64_t between(random_engine& random, std::int64_t least, std::int64_t most)
{
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
}

/// Looks on until the search has ended, where nothing works but these places; gives how many reads it took.
int look(silence_search& search, std::set<std::int64_t> const& readable)
{
    int reads = 0;
    for (; !search.done() && reads != 1000; ++reads)
        search.answered(readable.contains(search.offset()));
    return reads;
}

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

} // namespace

TEST_CASE("what is to be skipped ends at the first place that can be read, if that is near")
{
    random_engine random(1);
    for (int i = 0; i != 20'000; ++i) {
        std::set<std::int64_t> readable;
        for (auto left = between(random, 0, 20); left > 0; --left)
            readable.insert(between(random, 101, 199));
        silence_search search(100, 200, true);
        CAPTURE(i);
        REQUIRE(look(search, readable) <= 100);
        auto const first = readable.empty() ? 200 : *readable.begin();
        if (first <= 164)
            REQUIRE(search.found() == first);
        else if (search.found())
            REQUIRE((readable.contains(*search.found()) && !readable.contains(*search.found() - 1)));
    }
}

TEST_CASE("a record nearby is not overlooked, also when nothing is to be skipped")
{
    for (std::int64_t place = 101; place <= 164; ++place) {
        silence_search search(100, 10'000, false);
        look(search, {place});
        CHECK(search.found() == place);
    }
    for (std::int64_t place = 9'999; place >= 9'936; --place) {
        silence_search search(100, 10'000, false); // nor is one near the end
        look(search, {place});
        CHECK(search.found() == place);
    }
}

TEST_CASE("a search ends at the limit where there is nothing behind the place")
{
    for (std::int64_t const place : {std::int64_t{5}, std::int64_t{6}, std::int64_t{9}, most}) {
        silence_search const search(place, 6, true);
        CHECK(search.done());
        CHECK(search.found() == std::nullopt);
    }
}

TEST_CASE("the longest of silences takes sixty-three reads, and the places near its ends")
{
    for (bool const thorough : {false, true}) {
        silence_search search(0, most, thorough);
        CHECK(look(search, {}) <= 63 + 128);
        CHECK(search.found() == std::nullopt);
    }
}

TEST_CASE("a few reads find what is at any distance up to thousands, and no more are made")
{
    for (std::int64_t const wide : {1, 7, 60, 500, 4'000}) {
        std::set<std::int64_t> readable;
        for (std::int64_t place = wide; place <= 5'000; ++place)
            readable.insert(place);
        silence_search search(0, 5'000, false, 8);
        CAPTURE(wide);
        CHECK(look(search, readable) <= 8);
        CHECK(search.found().has_value());
    }
    silence_search nothing(0, most, true, 8);
    CHECK(look(nothing, {}) == 8);
    CHECK(nothing.found() == std::nullopt);
}

TEST_CASE("a search ends whatever the answers say")
{
    random_engine random(2);
    for (int i = 0; i != 20'000; ++i) {
        int const few = between(random, 0, 1) == 0 ? 0 : static_cast<int>(between(random, 1, 20));
        silence_search search(50, between(random, 0, 10'000), between(random, 0, 1) == 0, few);
        int reads = 0;
        for (; !search.done() && reads != 1000; ++reads) {
            CHECK(search.offset() > 50);
            CHECK(search.offset() < search.limit());
            search.answered(between(random, 0, 3) == 0);
        }
        CAPTURE(i);
        REQUIRE(search.done());
    }
}
