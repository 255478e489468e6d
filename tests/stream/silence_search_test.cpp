// The search for the end of a service's silence: what it finds, and that it ends.
#include <hdikafka/detail/stream/offset_search.hpp>

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

/// Looks on until the search has ended, in a log that says nothing within gaps; gives how many reads it took.
int look(silence_search& search, std::set<std::int64_t> const& readable, std::int64_t limit)
{
    int reads = 0;
    for (; !search.done() && reads != 1000; ++reads) {
        std::int64_t const asked = search.offset();
        search.answered(readable.contains(asked) ? std::optional(asked) : std::nullopt, limit);
    }
    return reads;
}

} // namespace

TEST_CASE("what is to be skipped ends at the first record that can be read, if that is near")
{
    random_engine random(1);
    for (int i = 0; i != 20'000; ++i) {
        std::set<std::int64_t> readable;
        for (auto left = between(random, 0, 20); left > 0; --left)
            readable.insert(between(random, 101, 200));
        silence_search search(100, 200, true);
        CAPTURE(i);
        REQUIRE(look(search, readable, 200) < 100);
        auto const first = readable.empty() ? 200 : *readable.begin();
        if (first <= 132)
            REQUIRE(search.offset() == first);
        else if (search.found())
            REQUIRE((readable.contains(search.offset()) && !readable.contains(search.offset() - 1)));
        REQUIRE((search.found() || search.offset() == 200));
    }
}

TEST_CASE("a search ends at the limit where there is nothing behind the place")
{
    silence_search search(5, 6, true);
    CHECK(search.done());
    CHECK(search.offset() == 6);
    CHECK_FALSE(search.found());
}

TEST_CASE("the longest of silences takes sixty-four reads, and thirty-two more when it is to be skipped")
{
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    for (bool const thorough : {false, true}) {
        silence_search search(0, most, thorough);
        CHECK(look(search, {}, most) <= (thorough ? 96 : 64));
        CHECK(search.offset() == most);
    }
}

TEST_CASE("a search ends whatever the answers say")
{
    random_engine random(2);
    for (int i = 0; i != 20'000; ++i) {
        silence_search search(50, 10'000, between(random, 0, 1) == 0);
        int reads = 0;
        for (; !search.done() && reads != 1000; ++reads) {
            std::int64_t const limit = between(random, 0, 20'000);
            search.answered(between(random, 0, 3) == 0 ? std::optional(between(random, -10, 20'000))
                                                       : std::nullopt,
                            limit);
        }
        CAPTURE(i);
        REQUIRE(search.done());
    }
}
