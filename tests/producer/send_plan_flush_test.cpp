// A producer's flushes, and its end.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <string>

using namespace test;

namespace {

using options = hk::producer_options;

/// Records whose values are 0, 1, 2 and so on.
void send_some(send_steps& steps, int count)
{
    for (int i = 0; i != count; ++i)
        steps.send("orders", hk::record(i));
}

} // namespace

TEST_CASE("with nothing under way everything is flushed, at once and again")
{
    send_steps steps{options()};
    CHECK(steps.plan.flushed(steps.flush()));
    CHECK(steps.plan.flushed(steps.flush()));
    send_some(steps, 1);
    steps.finish();
    CHECK(steps.plan.flushed(steps.flush()));
}

TEST_CASE("a flush is over when all that was sent before it is answered, whatever comes later")
{
    send_steps steps(options().max_batch_records(1));
    steps.send("a", hk::record(1));
    steps.send("b", hk::record(2));
    auto early = steps.start();
    REQUIRE(early.size() == 2);
    auto const first = steps.flush();
    steps.send("c", hk::record(3));
    auto const second = steps.flush();
    steps.send("d", hk::record(4));
    CHECK_FALSE(steps.plan.flushed(first));
    steps.fly(early[0]);
    CHECK_FALSE(steps.plan.flushed(first));
    auto late = steps.start();
    REQUIRE(late.size() == 2);
    steps.fly(late[0]);
    CHECK_FALSE(steps.plan.flushed(second)); // the earlier ones count as well
    steps.fly(early[1]);
    CHECK(steps.plan.flushed(first));
    CHECK(steps.plan.flushed(second));
    CHECK_FALSE(steps.plan.flushed(steps.flush()));
}

TEST_CASE("a flush waits for what waits for room or for partitions as well, and what is taken back is done")
{
    send_steps room(options().buffer_records(1));
    room.send("a", hk::record(1));
    auto const waiting = room.send("a", hk::record(2));
    auto const flush = room.flush();
    auto courier = room.start_one();
    room.fly(courier);
    CHECK_FALSE(room.plan.flushed(flush));
    room.leave(waiting);
    CHECK(room.plan.flushed(flush));

    send_steps partitions(options().partitioner(hk::partitioner::murmur2));
    partitions.send("a", hk::record(1));
    auto const other = partitions.flush();
    partitions.start();
    CHECK_FALSE(partitions.plan.flushed(other));
    partitions.answer(http_failure(hk::errc::not_found, 404));
    CHECK(partitions.plan.flushed(other));
}

TEST_CASE("what was sent before a flush does not linger, and what comes after it does")
{
    send_steps steps(options().linger(20ms));
    steps.send("a", hk::record(1));
    auto waiting = steps.start_one();
    steps.due(waiting);
    steps.send("b", hk::record(2));
    auto starting = steps.start_one(); // it has not looked yet
    steps.flush();
    CHECK(waiting->hurried);
    CHECK(steps.due(waiting) == steps.now);
    CHECK(steps.due(starting) == steps.now);
    steps.fly(waiting);
    steps.send("a", hk::record(3));
    auto later = steps.start_one();
    CHECK(steps.due(later) == at(20ms));
    steps.flush();
    CHECK(later->hurried);
}

TEST_CASE("a flush reaches a courier that waits after another one of its lane has come back")
{
    send_steps steps(options().max_in_flight(2).linger(20ms));
    send_some(steps, 1);
    auto first = steps.start_one();
    steps.board(*first);
    send_some(steps, 1);
    auto second = steps.start_one();
    steps.due(second);
    steps.land(*first);
    steps.come_back(first);
    steps.flush();
    CHECK(second->hurried);
}

TEST_CASE("what waits for room when a flush comes does not linger once it is in")
{
    send_steps steps(options().buffer_records(1).linger(20ms));
    steps.send("a", hk::record(1));
    steps.send("a", hk::record(2));
    auto courier = steps.start_one();
    steps.flush();
    steps.send("a", hk::record(3));
    steps.fly(courier);
    auto second = steps.start_one();
    CHECK(steps.due(second) == steps.now);
    steps.fly(second);
    auto third = steps.start_one();
    CHECK(steps.due(third) == at(20ms));
}

TEST_CASE("giving up fails what has not left, wherever it is, and nothing that has")
{
    send_steps steps(options().partitioner(hk::partitioner::murmur2).buffer_records(4).linger(20ms));
    auto const flying = steps.send("a", hk::record(1).partition(0));
    auto courier = steps.start_one();
    steps.board(*courier);
    auto const queued = steps.send("a", hk::record(2).partition(0));
    auto const lingers = steps.send("a", hk::record(3).partition(1));
    auto waiting_courier = steps.start_one();
    steps.due(waiting_courier);
    auto const unplaced = steps.send("b", hk::record("k", 4));
    auto const waiting = steps.send("c", hk::record(5).partition(0));
    CHECK(steps.start().empty());
    CHECK(steps.questions == std::deque<std::string>{"b"});
    auto const flush = steps.flush();
    steps.give_up(hk::error(hk::errc::closed, "it is over"));
    for (auto const& one : {queued, lingers, unplaced, waiting}) {
        CHECK(one->answers == 1);
        REQUIRE(is(one->failure, hk::errc::closed));
        CHECK(std::string(one->failure->what()) == "send '" + one->topic + "': it is over");
        CHECK(one->failure->info().persisted() == hk::persistence::none);
    }
    CHECK(flying->answers == 0);
    CHECK(waiting_courier->hurried);
    CHECK(steps.due(waiting_courier) == std::nullopt);
    CHECK(steps.start().empty());
    CHECK(steps.questions.size() == 1); // the old one
    CHECK_FALSE(steps.plan.flushed(flush));
    CHECK(steps.plan.statistics().buffered_records == 1);
    CHECK(steps.plan.statistics().failed == 4);
    steps.come_back(waiting_courier);
    steps.land(*courier);
    CHECK(flying->answers == 1);
    CHECK(steps.plan.flushed(flush));
    steps.come_back(courier);
    CHECK(steps.start().empty());
    CHECK(steps.plan.statistics().buffered_bytes == 0);
}

TEST_CASE("a question that is answered after the end has nobody to tell")
{
    for (bool const known : {true, false}) {
        send_steps steps(options().partitioner(hk::partitioner::murmur2));
        auto const one = steps.send("a", hk::record(1));
        steps.start();
        steps.give_up(hk::error(hk::errc::closed));
        steps.answer(known ? hk::result<std::int32_t>(3) : http_failure(hk::errc::not_found, 404));
        CHECK(one->answers == 1);
        CHECK(steps.start().empty());
        steps.give_up(hk::error(hk::errc::closed)); // again
        CHECK(one->answers == 1);
        CHECK(steps.plan.statistics().failed == 1);
    }
}
