// Which topics a client remembers, and for how long.
#include <hdikafka/detail/client/seen_topics.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>

using namespace std::chrono_literals;

namespace {

using seen_topics = hdikafka::detail::seen_topics<>;
constexpr seen_topics::time_point start{1000s};

} // namespace

TEST_CASE("a topic is remembered for a moment, from when it was last seen")
{
    seen_topics seen;
    CHECK_FALSE(seen.contains("orders", start));
    seen.add("orders", start);
    CHECK(seen.contains("orders", start + seen_topics::moment));
    seen.add("orders", start + 5s);
    CHECK(seen.contains("orders", start + seen_topics::moment + 5s));
    CHECK_FALSE(seen.contains("payments", start));
    CHECK_FALSE(seen.contains("orders", start + seen_topics::moment + 5s + 1ns));
    CHECK_FALSE(seen.contains("orders", start)); // forgotten for good
}

TEST_CASE("one that was deleted is not remembered; the others are")
{
    seen_topics seen;
    seen.remove("orders");
    seen.add("orders", start);
    seen.add("payments", start);
    seen.remove("orders");
    CHECK_FALSE(seen.contains("orders", start));
    CHECK(seen.contains("payments", start));
    seen.remove("payments");
    CHECK_FALSE(seen.contains("payments", start));
}

TEST_CASE("of very many the last are remembered")
{
    seen_topics seen;
    for (std::size_t i = 0; i != seen_topics::most + 2; ++i)
        seen.add("topic-" + std::to_string(i), start);
    CHECK_FALSE(seen.contains("topic-0", start));
    CHECK_FALSE(seen.contains("topic-1", start));
    CHECK(seen.contains("topic-2", start));
    CHECK(seen.contains("topic-" + std::to_string(seen_topics::most + 1), start));
}

TEST_CASE("the present is asked when no other time is")
{
    seen_topics seen;
    seen.add("orders", std::chrono::steady_clock::now());
    CHECK(seen.contains("orders"));
    seen_topics older;
    older.add("payments", std::chrono::steady_clock::now() - seen_topics::moment - 1s);
    CHECK_FALSE(older.contains("payments"));
}
