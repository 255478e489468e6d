// When a topic that somebody waits for is there, and what is missing as long as it is not.
#include <hdikafka/detail/client/topic_wait_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using hdikafka::detail::topic_wait_plan;
using partitions = std::vector<hdikafka::partition_info>;

namespace {

/// So many partitions, those of `leaderless` without watermarks.
partitions some(std::int32_t count, std::vector<std::int32_t> const& leaderless = {})
{
    partitions out(static_cast<std::size_t>(count));
    for (std::int32_t id = 0; id != count; ++id)
        out[static_cast<std::size_t>(id)].id = id;
    for (std::int32_t const id : leaderless)
        out[static_cast<std::size_t>(id)].earliest_offset = out[static_cast<std::size_t>(id)].latest_offset =
            -1;
    return out;
}

} // namespace

TEST_CASE(
    "a topic is there when three looks in a row have seen it, the later ones from elsewhere and at once")
{
    topic_wait_plan plan;
    CHECK_FALSE(plan.goes_elsewhere());
    for (int look = 1; look <= topic_wait_plan::looks_in_row; ++look) {
        CHECK_FALSE(plan.done());
        plan.saw(some(2));
        CHECK(plan.goes_elsewhere());
        CHECK(plan.pause() == 0ms);
    }
    CHECK(plan.done());
    CHECK(plan.missing().empty());
}

TEST_CASE("one look that misses the topic begins the row again")
{
    topic_wait_plan plan;
    plan.saw(some(1));
    plan.saw(some(1));
    CHECK(plan.missing() == "only 2 of 3 looks in a row have seen the topic");
    plan.missed();
    CHECK(plan.missing() == "the topic does not show over every connection yet");
    CHECK_FALSE(plan.goes_elsewhere());
    CHECK(plan.pause() > 0ms);
    plan.saw(some(1));
    plan.saw(some(1));
    CHECK_FALSE(plan.done());
    plan.saw(some(1));
    CHECK(plan.done());
}

TEST_CASE("pauses grow from a tenth of a second to five seconds, whatever was seen between")
{
    topic_wait_plan plan;
    std::vector<std::chrono::milliseconds> pauses;
    for (int i = 0; i != 8; ++i) {
        plan.missed();
        pauses.push_back(plan.pause());
        plan.saw(some(1));
        CHECK(plan.pause() == 0ms);
    }
    CHECK(pauses ==
          std::vector<std::chrono::milliseconds>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s});
}

TEST_CASE("partitions that cannot be used begin the row again, and are named")
{
    topic_wait_plan plan;
    plan.saw(some(3));
    plan.saw(some(3));
    plan.saw(some(3, {1}));
    CHECK_FALSE(plan.done());
    CHECK_FALSE(plan.goes_elsewhere());
    CHECK(plan.missing() == "partition 1 cannot be used yet: no leader");
    plan.saw(some(3, {0, 2}));
    CHECK(plan.missing() == "partitions 0, 2 cannot be used yet: no leader");
    plan.saw(some(9, {0, 1, 2, 3, 4, 5, 8}));
    CHECK(plan.missing() == "partitions 0, 1, 2, 3, 4 and 2 more cannot be used yet: no leader");
    plan.saw(partitions());
    CHECK(plan.missing() == "the topic shows no partitions yet");
    CHECK(plan.pause() > 0ms);
}

TEST_CASE("of a topic that has never shown it is not said that it shows somewhere")
{
    topic_wait_plan plan;
    CHECK(plan.missing() == "no look was answered");
    plan.missed();
    plan.missed();
    CHECK(plan.missing() == "the topic does not show yet");
}
