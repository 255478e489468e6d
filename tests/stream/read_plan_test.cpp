// Which reads are under way at a time, and which answer serves a stream.
#include <hdikafka/detail/stream/read_plan.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

using namespace hdikafka::detail;

namespace {

using plan = read_plan<std::string>;

/// A stream that waits at a position, and knows of records up to 1000.
plan_action waiting_at(std::int64_t position, std::int32_t count = 10)
{
    plan_action out;
    out.offset = position;
    out.known_end = 1000;
    out.count = count;
    return out;
}

/// The offsets and counts of all reads that are due.
std::vector<std::pair<std::int64_t, int>> due(plan& ranges, plan_action const& wanted, bool demanded = true)
{
    std::vector<std::pair<std::int64_t, int>> out;
    while (auto const one = ranges.next(wanted, demanded))
        out.emplace_back(one->offset, one->count);
    return out;
}

/// Whether a read that is under way will do for a stream at the position.
bool awaits(plan& ranges, std::int64_t position)
{
    plan_action nothing_ahead = waiting_at(position);
    nothing_ahead.known_end = position;
    return !ranges.next(nothing_ahead, true);
}

using reads = std::vector<std::pair<std::int64_t, int>>;

} // namespace

TEST_CASE("as many reads are under way as there are connections, one after the other")
{
    plan ranges(3, 4);
    CHECK(due(ranges, waiting_at(100)) == reads{{100, 10}, {110, 10}, {120, 10}});
    ranges.arrived(2, 120, "second");
    CHECK(due(ranges, waiting_at(100)) == reads{{130, 10}});
    ranges.arrived(3, 130, "third");
    CHECK(due(ranges, waiting_at(100)).empty()); // two answers in store, two reads under way
    CHECK(awaits(ranges, 100));
    CHECK(awaits(ranges, 130));
    CHECK(ranges.take(100) == std::nullopt);
    ranges.arrived(1, 110, "first");
    CHECK(ranges.take(100) == "first");
    CHECK(ranges.take(110) == "second");
    CHECK(due(ranges, waiting_at(120)) == reads{{140, 10}, {150, 10}});
}

TEST_CASE("without a place for what comes ahead only what is waited for is read")
{
    plan ranges(0, 0);
    CHECK(due(ranges, waiting_at(5)) == reads{{5, 10}});
    CHECK(due(ranges, waiting_at(5)).empty());
    ranges.arrived(1, 15, "answer");
    CHECK(ranges.take(5) == "answer");
    CHECK(due(ranges, waiting_at(15), false).empty());
    CHECK(due(ranges, waiting_at(15)) == reads{{15, 10}}); // nothing is in its way
}

TEST_CASE("nothing is read ahead behind what is known to be there, or to be wanted")
{
    plan ranges(8, 8);
    CHECK(due(ranges, waiting_at(985)) == reads{{985, 10}, {995, 10}});
    plan at_end(8, 8);
    CHECK(due(at_end, waiting_at(1000)) == reads{{1000, 10}}); // waited for: there may be news
    plan bounded(8, 8);
    plan_action wanted = waiting_at(100);
    wanted.end = 115;
    CHECK(due(bounded, wanted) == reads{{100, 10}, {110, 5}});
}

TEST_CASE("an answer that falls short leaves a hole, which is read next and no further than it is wide")
{
    plan ranges(4, 8);
    CHECK(due(ranges, waiting_at(0)).size() == 4);
    ranges.arrived(2, 13, "10 to 12");
    CHECK(due(ranges, waiting_at(0)) == reads{{13, 7}});
    ranges.arrived(1, 10, "0 to 9");
    CHECK(ranges.take(0) == "0 to 9");
    CHECK(ranges.take(10) == "10 to 12");
    CHECK(ranges.take(13) == std::nullopt);
    CHECK(awaits(ranges, 13));
    ranges.arrived(5, 20, "13 to 19");
    CHECK(ranges.take(13) == "13 to 19");
}

TEST_CASE("where an answer's header says to go on, the next read begins at once")
{
    plan ranges(2, 3);
    plan_action wanted = waiting_at(0);
    wanted.known_end = 1000;
    CHECK(due(ranges, wanted) == reads{{0, 10}, {10, 10}});
    ranges.arrived(2, 20, "10 to 19");
    ranges.told(1, 4);
    CHECK(due(ranges, wanted) == reads{{4, 6}});
    ranges.told(1, 0); // says nothing
    CHECK(due(ranges, wanted).empty());
}

TEST_CASE(
    "an answer that reaches beyond the next one's beginning is used whole, the next one's rest after it")
{
    plan ranges(3, 3);
    CHECK(due(ranges, waiting_at(0)).size() == 3);
    ranges.arrived(1, 14, "0 to 13");
    ranges.arrived(2, 20, "10 to 19");
    ranges.arrived(3, 30, "20 to 29");
    CHECK(ranges.take(0) == "0 to 13");
    CHECK(ranges.take(14) == "10 to 19");
    CHECK(ranges.take(20) == "20 to 29");
}

TEST_CASE("answers that lie behind the stream are dropped")
{
    plan ranges(3, 3);
    CHECK(due(ranges, waiting_at(0)).size() == 3);
    ranges.arrived(1, 10, "0 to 9");
    ranges.arrived(2, 20, "10 to 19");
    CHECK(ranges.take(25) == std::nullopt);
    CHECK(awaits(ranges, 25)); // 20 to 29, under way
    ranges.arrived(3, 22, "20 and 21");
    CHECK(ranges.take(25) == std::nullopt);
    CHECK(due(ranges, waiting_at(25)).size() == 3); // there is room for as many as at first
}

TEST_CASE(
    "behind a failure, or an answer that does not lead on, nothing more is read until the stream is there")
{
    plan ranges(2, 8);
    CHECK(due(ranges, waiting_at(0)) == reads{{0, 10}, {10, 10}});
    ranges.arrived(2, 10, "nothing");
    CHECK(due(ranges, waiting_at(0)).empty());
    ranges.arrived(1, 10, "0 to 9");
    CHECK(ranges.take(0) == "0 to 9");
    CHECK(ranges.take(10) == "nothing"); // for the stream to judge
    CHECK(due(ranges, waiting_at(10)) == reads{{10, 10}, {20, 10}});
    CHECK(ranges.take(12) == std::nullopt);
}

TEST_CASE("a read that was given up is made again, and what it brings home after all is not looked at")
{
    plan ranges(2, 2);
    CHECK(due(ranges, waiting_at(0)) == reads{{0, 10}, {10, 10}});
    ranges.forgotten(1);
    CHECK(due(ranges, waiting_at(0)) == reads{{0, 10}});
    ranges.arrived(1, 10, "late");
    CHECK(ranges.take(0) == std::nullopt);
    ranges.forget_all();
    CHECK(due(ranges, waiting_at(0)) == reads{{0, 10}, {10, 10}});
}

TEST_CASE("eight connections need an eighth of the round trips, and reading ahead alone half of them")
{
    auto const rounds = [](std::size_t connections, std::size_t stored) {
        plan ranges(connections, stored);
        plan_action wanted = waiting_at(0, 500);
        wanted.known_end = 200'000;
        int trips = 0;
        while (wanted.offset < wanted.known_end) {
            std::vector<range_read> under_way;
            while (auto const one = ranges.next(wanted, true))
                under_way.push_back(*one);
            ++trips;
            for (auto const& one : under_way)
                ranges.arrived(one.id, one.offset + one.count, "records");
            while (ranges.take(wanted.offset))
                wanted.offset += 500;
        }
        return trips;
    };
    CHECK(rounds(0, 0) == 400);
    CHECK(rounds(2, 2) == 200);
    CHECK(rounds(8, 9) == 50);
}

TEST_CASE("what is not admitted is not read, and may be asked for again")
{
    plan ranges(2, 2);
    bool asked_for_need = false;
    auto const refuse = [&](range_read const& read, bool needed) {
        CHECK(read.offset == 5);
        CHECK(read.count == 10);
        asked_for_need = needed;
        return false;
    };
    CHECK_FALSE(ranges.next(waiting_at(5), true, refuse));
    CHECK(asked_for_need);
    CHECK_FALSE(ranges.next(waiting_at(5), false, refuse));
    CHECK_FALSE(asked_for_need);
    CHECK(due(ranges, waiting_at(5)) == reads{{5, 10}, {15, 10}});
}
