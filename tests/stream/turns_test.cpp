// Whose turn it is, and who is to be followed, without a network.
#include <hdikafka/detail/stream/turns.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using hdikafka::detail::standing;
using hdikafka::detail::turns;

namespace {

using ids = std::vector<std::int32_t>;

turns::time_point const start{};

turns of(std::int32_t partitions)
{
    turns out;
    for (std::int32_t id = 0; id != partitions; ++id)
        out.add(id);
    return out;
}

} // namespace

TEST_CASE("who is new is followed, once")
{
    turns all = of(3);
    CHECK(all.at_work());
    CHECK(all.to_follow(start, std::nullopt) == ids{0, 1, 2});
    CHECK(all.to_follow(start, std::nullopt).empty());
    CHECK(all.at_work());
    CHECK_FALSE(all.next());
    all.stands(1, standing::due);
    CHECK(all.to_follow(start, std::nullopt) == ids{1});
}

TEST_CASE("those who have something hand over one after the other, from the one behind the last on")
{
    turns all = of(4);
    for (std::int32_t const id : {0, 1, 3})
        all.stands(id, standing::holding);
    CHECK(all.next() == 0);
    CHECK(all.next() == 1); // though the first has something again
    CHECK(all.next() == 3);
    CHECK(all.next() == 0);
    all.stands(3, standing::failed);
    all.stands(1, standing::due);
    CHECK(all.next() == 3);
}

TEST_CASE("what is left of a batch comes before another's, unless it is paused")
{
    turns all = of(3);
    all.stands(0, standing::holding);
    all.stands(1, standing::holding);
    CHECK(all.next() == 0);
    all.keeps_rest(0, true);
    CHECK(all.next() == 0);
    CHECK(all.next_rest() == 0);
    all.pause(0, true);
    CHECK_FALSE(all.next_rest());
    CHECK(all.next() == 1);
    all.stands(1, standing::finished);
    CHECK_FALSE(all.next());
    all.stands(0, standing::finished);
    all.stands(2, standing::finished);
    CHECK_FALSE(all.all_finished()); // that rest is still to come
    all.pause(0, false);
    CHECK(all.next() == 0);
    all.keeps_rest(0, false);
    CHECK(all.all_finished());
}

TEST_CASE("a paused one is not followed, does not hand over, and wakes nobody")
{
    turns all = of(2);
    all.pause(0, true);
    CHECK(all.to_follow(start, std::nullopt) == ids{1});
    all.stands(0, standing::resting, start + 1s);
    CHECK(all.wake_at() == turns::never);
    all.stands(0, standing::holding);
    CHECK_FALSE(all.next());
    all.pause(0, false);
    CHECK(all.next() == 0);
}

TEST_CASE("who rests goes on when it is time, and who is idle may do so as well")
{
    turns all = of(3);
    all.stands(0, standing::resting, start + 2s);
    all.stands(1, standing::idle);
    all.stands(2, standing::idle, start + 3s);
    CHECK(all.any_idle());
    CHECK_FALSE(all.at_work());
    CHECK(all.wake_at() == start + 2s);
    CHECK(all.to_follow(start + 1s, std::nullopt).empty());
    CHECK(all.to_follow(start + 2s, std::nullopt) == ids{0});
    CHECK(all.wake_at() == start + 3s);
    CHECK(all.to_follow(start + 5s, std::nullopt) == ids{2});
    CHECK(all.wake_at() == turns::never);
}

TEST_CASE("who stands in line is followed when there is room")
{
    turns all = of(3);
    for (std::int32_t const id : {0, 1, 2})
        all.stands(id, standing::in_line);
    CHECK_FALSE(all.at_work());
    CHECK(all.to_follow(start, 1) == ids{1});
    CHECK_FALSE(all.follow_from_line(1));
    CHECK(all.follow_from_line(2));
    CHECK(all.to_follow(start, std::nullopt).empty());
}

TEST_CASE("who was paused while in line asks for room once more")
{
    turns all = of(1);
    all.stands(0, standing::in_line);
    all.pause(0, true);
    CHECK(all.to_follow(start, 0).empty());
    all.pause(0, false);
    CHECK(all.to_follow(start, std::nullopt) == ids{0});
}

TEST_CASE("a failure that stays is told once more only when asked for again")
{
    turns all = of(2);
    all.stands(1, standing::failed);
    CHECK(all.next() == 1);
    all.told(1);
    CHECK_FALSE(all.next());
    all.stands(0, standing::holding);
    CHECK(all.next(true) == 0);
    CHECK(all.next(true) == 0 + 1);
}

TEST_CASE("nothing comes any more when all have failed or finished, but who is paused")
{
    turns all = of(3);
    all.stands(0, standing::failed);
    CHECK_FALSE(all.all_over());
    all.told(0);
    all.stands(1, standing::finished);
    for (standing const how : {standing::due, standing::followed, standing::holding, standing::resting,
                               standing::idle, standing::in_line}) {
        all.stands(2, how, start);
        CHECK_FALSE(all.all_over());
    }
    all.keeps_rest(1, true);
    all.pause(2, true);
    CHECK_FALSE(all.all_over());
    all.keeps_rest(1, false);
    CHECK(all.all_over());
}

TEST_CASE("whatever the load, who has a batch waits for each of the others once at most")
{
    for (unsigned seed = 0; seed != 200; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        auto const below = [&random](unsigned most) { return random() % most; };
        auto const partitions = static_cast<std::int32_t>(1 + below(30));
        turns all = of(partitions);
        std::map<std::int32_t, std::int32_t> waited;
        for (int step = 0; step != 1000; ++step) {
            for (std::int32_t id = 0; id != partitions; ++id) {
                bool const always_full = id % 3 == 0;
                if (all.standing_of(id) != standing::holding && (always_full || below(20) == 0)) {
                    all.stands(id, standing::holding);
                    waited[id] = 0;
                }
            }
            auto const whose = all.next();
            if (!whose)
                continue;
            for (auto& [id, batches] : waited)
                if (all.standing_of(id) == standing::holding)
                    CHECK(batches++ < partitions);
            all.stands(*whose, standing::due);
        }
    }
}
