// What a producer learns from requests that the service finds too large.
#include <hdikafka/detail/producer/lane.hpp>

#include <doctest/doctest.h>

#include <cstddef>

using hdikafka::detail::body_limit;

TEST_CASE("a refusal halves, as often as it comes, down to a floor")
{
    body_limit limit(100'000);
    CHECK(limit.value() == 100'000);
    limit.refused(100'000, 50'000);
    CHECK(limit.value() == 50'000);
    limit.refused(50'000, 25'000);
    CHECK(limit.value() == 25'000);
    limit.refused(60'000, 30'000); // one that was on its way already
    CHECK(limit.value() == 25'000);
    limit.refused(40, 20);
    CHECK(limit.value() == body_limit::least);
}

TEST_CASE("what was taken is not too large for the next, unless it is refused itself")
{
    body_limit limit(100'000);
    limit.taken(40'000);
    limit.refused(60'000, 30'000);
    CHECK(limit.value() == 40'000);
    limit.refused(40'000, 20'000);
    CHECK(limit.value() == 20'000);
}

TEST_CASE("after many bodies of about the limit it goes up again, never beyond what the options allow")
{
    body_limit limit(100'000);
    limit.refused(60'000, 30'000);
    for (int i = 0; i != 1'000; ++i)
        limit.taken(10'000); // says nothing of larger ones
    CHECK(limit.value() == 30'000);
    for (int i = 0; i != 99; ++i)
        limit.taken(29'000);
    CHECK(limit.value() == 30'000);
    limit.taken(29'000);
    CHECK(limit.value() == 60'000);
    limit.refused(60'000, 30'000);
    CHECK(limit.value() == 30'000);
    for (int i = 0; i != 300; ++i)
        limit.taken(limit.value());
    CHECK(limit.value() == 100'000);
}
