// A producer whose service cannot be reached: what was never written keeps its place until its time is over.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

hk::producer_options options() { return hk::producer_options(); }

hk::error unreachable()
{
    hk::diagnostics info;
    info.retriable(true).persisted(hk::persistence::none);
    return hk::error(hk::errc::connect_failed, std::move(info), "connection refused");
}

hk::error too_many(milliseconds pause)
{
    hk::diagnostics info;
    info.http_status = 429;
    info.retry_after = pause;
    info.retriable(true).persisted(hk::persistence::none);
    return hk::error(hk::errc::throttled, std::move(info), "too many");
}

/// Records with their numbers as values.
std::vector<sent_ptr> send_some(send_steps& steps, int count, int first = 0, send_time due = send_time::max(),
                                std::string const& topic = "orders")
{
    std::vector<sent_ptr> out;
    for (int i = 0; i != count; ++i)
        out.push_back(steps.send(topic, hk::record(first + i), due));
    return out;
}

/// A batch of whatever is there leaves and does not get there; its values.
texts fail_one(send_steps& steps)
{
    auto courier = steps.start_one();
    auto const due = steps.due(courier);
    REQUIRE(due);
    steps.now = std::max(steps.now, *due);
    texts out = steps.board(*courier);
    CHECK_FALSE(steps.land(*courier, unreachable()));
    steps.come_back(courier);
    return out;
}

} // namespace

TEST_CASE("a batch of which nothing was written goes again, in its place, and nobody is told anything")
{
    send_steps steps(options().max_batch_records(2));
    auto const sent = send_some(steps, 5);
    CHECK(fail_one(steps) == texts{"0", "1"});
    CHECK(fail_one(steps) == texts{"0", "1"});
    for (auto const& one : sent)
        CHECK(one->answers == 0);
    CHECK(steps.plan.statistics().buffered_records == 5);
    CHECK(steps.plan.statistics().in_flight == 0);
    CHECK(steps.plan.statistics().retries == 2);
    CHECK(steps.plan.statistics().batches == 0);
    CHECK(steps.finish() == std::vector<texts>{{"0", "1"}, {"2", "3"}, {"4"}});
    for (auto const& one : sent)
        CHECK(one->answers == 1);
}

TEST_CASE("what comes during an outage travels behind what was there, in fuller batches")
{
    send_steps steps{options()};
    send_some(steps, 1);
    fail_one(steps);
    send_some(steps, 2, 1);
    CHECK(fail_one(steps) == texts{"0", "1", "2"});
}

TEST_CASE(
    "the lane rests before it tries again, longer each time, and a flush or a full batch change nothing")
{
    send_steps steps(options().max_batch_records(3));
    send_some(steps, 1);
    fail_one(steps);
    auto waiting = steps.start_one();
    CHECK(steps.due(waiting) == steps.now + 400ms);
    steps.flush();
    send_some(steps, 5, 1);
    CHECK(steps.due(waiting) == steps.now + 400ms);
    steps.now += 400ms;
    steps.board(*waiting);
    steps.land(*waiting, unreachable());
    steps.come_back(waiting);
    auto again = steps.start_one();
    CHECK(steps.due(again) == steps.now + 800ms);
}

TEST_CASE("one lane tries for all of them; the others wait, and go when it gets there")
{
    send_steps steps{options()};
    send_some(steps, 1);
    fail_one(steps);
    send_some(steps, 1, 1, send_time::max(), "other");
    auto couriers = steps.start();
    REQUIRE(couriers.size() == 2);
    for (auto const& one : couriers)
        CHECK(steps.due(one) == steps.now + 400ms);
    steps.now += 400ms;
    steps.board(*couriers[0]);
    CHECK(steps.due(couriers[1]) > steps.now + 1s);
    CHECK_FALSE(couriers[1]->hurried);
    steps.land(*couriers[0]);
    CHECK(couriers[1]->hurried);
    CHECK(steps.due(couriers[1]) <= steps.now);
}

TEST_CASE("when the one that tries fails, the others learn how long to rest")
{
    send_steps steps{options()};
    send_some(steps, 1);
    fail_one(steps);
    send_some(steps, 1, 1, send_time::max(), "other");
    auto couriers = steps.start();
    steps.now += 400ms;
    steps.board(*couriers[0]);
    steps.due(couriers[1]);
    steps.land(*couriers[0], unreachable());
    CHECK(couriers[1]->hurried);
    CHECK(steps.due(couriers[1]) == steps.now + 800ms);
}

TEST_CASE("batches that left together come back in the order of their sends, whichever fails first")
{
    for (bool const later_first : {false, true}) {
        send_steps steps(options().max_batch_records(2).max_in_flight(2));
        send_some(steps, 6);
        auto first = steps.start_one();
        steps.board(*first);
        auto second = steps.start_one();
        steps.board(*second);
        steps.land(later_first ? *second : *first, unreachable());
        steps.land(later_first ? *first : *second, unreachable());
        steps.come_back(first);
        steps.come_back(second);
        steps.now += 400ms;
        CHECK(steps.finish() == std::vector<texts>{{"0", "1"}, {"2", "3"}, {"4", "5"}});
    }
}

TEST_CASE("a half that could not be sent again comes back with the one behind it")
{
    send_steps steps{options()};
    send_some(steps, 4);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    CHECK_FALSE(steps.land(*courier, unreachable()));
    steps.put_back(*courier);
    steps.come_back(courier);
    CHECK(steps.plan.statistics().in_flight == 0);
    CHECK(steps.finish().front() == texts{"0", "1", "2", "3"});
}

TEST_CASE("a record that is taken back between two tries is not sent")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 3);
    fail_one(steps);
    CHECK(steps.leave(sent[1]) == hk::persistence::none);
    CHECK(sent[1]->where == stage::answered);
    CHECK(fail_one(steps) == texts{"0", "2"});
}

TEST_CASE("a record of a batch that is not written yet is taken back before it is")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 3);
    auto courier = steps.start_one();
    steps.load(*courier);
    CHECK(steps.leave(sent[1]) == hk::persistence::none);
    CHECK(steps.departs(*courier));
    CHECK(sent[1]->where == stage::answered);
    CHECK(sent[1]->answers == 1);
    CHECK(values(courier->flights.back().batch) == texts{"0", "2"});
    CHECK(steps.plan.statistics().buffered_records == 2);
    CHECK(steps.leave(sent[0]) == hk::persistence::possibly);
    steps.land(*courier);
    CHECK(steps.plan.statistics().acknowledged == 2);
    CHECK(steps.plan.statistics().failed == 1);
}

TEST_CASE("a batch whose records were all taken back is not sent")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 2);
    auto courier = steps.start_one();
    steps.load(*courier);
    steps.leave(sent[0]);
    steps.leave(sent[1]);
    CHECK_FALSE(steps.departs(*courier));
    steps.put_back(*courier);
    steps.come_back(courier);
    CHECK(steps.plan.statistics().in_flight == 0);
    CHECK(steps.plan.statistics().buffered_records == 0);
    CHECK(steps.start().empty());
}

TEST_CASE("what was written once, and came back, is not thought of as written any more")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 2);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.departs(*courier);
    CHECK_FALSE(steps.land(*courier, too_many(0ms)));
    CHECK(steps.leave(sent[0]) == hk::persistence::none);
    steps.come_back(courier);
    CHECK(fail_one(steps) == texts{"1"});
}

TEST_CASE("records that were called back and halved leave with their half")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 4);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.departs(*courier);
    steps.halve(*courier);
    CHECK(steps.leave(sent[0]) == hk::persistence::none); // the whole was refused
    CHECK(steps.leave(sent[3]) == hk::persistence::none);
    CHECK(steps.departs(*courier));
    CHECK(values(courier->flights.back().batch) == texts{"1"});
    steps.land(*courier);
    CHECK(steps.departs(*courier));
    CHECK(values(courier->flights.back().batch) == texts{"2"});
}

TEST_CASE("a record whose time is over is told so, with the reason, at the next look, and its room is free")
{
    send_steps steps(options().buffer_records(3));
    auto const early = send_some(steps, 1, 0, at(100ms));
    auto const others = send_some(steps, 3, 1);
    CHECK(others[2]->where == stage::waiting);
    fail_one(steps);
    auto courier = steps.start_one();
    steps.due(courier);
    CHECK(early[0]->answers == 0);
    steps.now = at(100ms);
    steps.due(courier);
    CHECK(early[0]->answers == 1);
    REQUIRE(is(early[0]->failure, hk::errc::timed_out));
    CHECK(early[0]->failure->info().persisted() == hk::persistence::none);
    CHECK(early[0]->failure->info().topic == "orders");
    CHECK(early[0]->failure->cause().find("connection refused") != std::string::npos);
    CHECK(others[2]->where == stage::queued);
    steps.now = at(2s);
    CHECK(steps.board(*courier) == texts{"1", "2", "3"});
}

TEST_CASE("a record whose time is over when its batch comes back is told so then")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 1, 0, at(50ms));
    send_some(steps, 1, 1);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.now = at(60ms);
    CHECK_FALSE(steps.land(*courier, unreachable()));
    CHECK(is(sent[0]->failure, hk::errc::timed_out));
    steps.come_back(courier);
    CHECK(fail_one(steps) == texts{"1"});
}

TEST_CASE("when the service wants to be left alone beyond a record's time, the record is told at once")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 1, 0, at(1min));
    auto courier = steps.start_one();
    steps.board(*courier);
    CHECK(steps.land(*courier, too_many(1h)));
    CHECK(is(sent[0]->failure, hk::errc::throttled));
    CHECK(steps.plan.statistics().batches == 1);
    CHECK(steps.plan.statistics().in_flight == 0);
}

TEST_CASE("what is refused for good, or may be written, fails at once")
{
    hk::diagnostics info;
    info.persisted(hk::persistence::none);
    hk::error const certificate(hk::errc::certificate_refused, info, "expired");
    info.retriable(true).persisted(hk::persistence::possibly);
    hk::error const lost(hk::errc::connection_lost, info, "reset");
    for (hk::error const& why : {certificate, lost, http_failure(hk::errc::bad_request, 400)}) {
        send_steps steps{options()};
        auto const sent = send_some(steps, 1);
        auto courier = steps.start_one();
        steps.board(*courier);
        steps.departs(*courier);
        CHECK(steps.land(*courier, why));
        CHECK(sent[0]->failure.has_value());
    }
}

TEST_CASE("a client that retries nothing gives up at the first failure")
{
    send_steps steps(options(), hk::retry_policy().max_retries(0));
    auto const sent = send_some(steps, 1);
    auto courier = steps.start_one();
    steps.board(*courier);
    CHECK(steps.land(*courier, unreachable()));
    CHECK(is(sent[0]->failure, hk::errc::connect_failed));
}

TEST_CASE("giving up ends an outage for everybody")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 2);
    fail_one(steps);
    auto courier = steps.start_one();
    steps.due(courier);
    steps.give_up(hk::error(hk::errc::closed, "over"));
    CHECK(courier->hurried);
    for (auto const& one : sent)
        CHECK(is(one->failure, hk::errc::closed));
    CHECK_FALSE(steps.due(courier));
    steps.come_back(courier);
}

TEST_CASE("the budget holds during an outage, and senders wait for room with deadlines of their own")
{
    send_steps steps(options().buffer_records(2));
    auto const sent = send_some(steps, 3);
    fail_one(steps);
    CHECK(steps.plan.statistics().buffered_records == 2);
    CHECK(steps.plan.statistics().waiting == 1);
    CHECK(steps.leave(sent[2]) == hk::persistence::none);
    CHECK(steps.plan.statistics().waiting == 0);
}

TEST_CASE(
    "a question for the partitions that finds nobody is asked again, after a rest, until nobody needs it")
{
    send_steps steps(options().partitioner(hk::partitioner::murmur2));
    auto const sent = steps.send("orders", hk::record("key", 1), at(5s));
    CHECK(steps.ask_at() <= steps.now);
    steps.answer(unreachable());
    CHECK(sent->answers == 0);
    REQUIRE(steps.questions.size() == 1);
    CHECK(steps.ask_at() == steps.now + 400ms);
    steps.now += 400ms;
    steps.answer(unreachable());
    CHECK(steps.ask_at() == steps.now + 800ms);
    steps.now += 800ms;
    steps.answer(std::int32_t(1));
    CHECK(steps.questions.empty());
    CHECK(steps.finish() == std::vector<texts>{{"1"}});
}

TEST_CASE(
    "a record that waits for a question in an outage is told when its time is over, and nobody asks then")
{
    send_steps steps(options().partitioner(hk::partitioner::murmur2));
    auto const sent = steps.send("orders", hk::record("key", 1), at(100ms));
    steps.answer(unreachable());
    steps.now = at(100ms);
    CHECK_FALSE(steps.ask_at());
    CHECK(is(sent->failure, hk::errc::timed_out));
    auto const next = steps.send("orders", hk::record("key", 1)); // has it asked anew
    CHECK(steps.questions.size() == 2);
    CHECK(next->answers == 0);
}

TEST_CASE("a question that is refused for good fails those that wait for it")
{
    send_steps steps(options().partitioner(hk::partitioner::murmur2));
    auto const sent = steps.send("orders", hk::record("key", 1));
    steps.answer(http_failure(hk::errc::not_found, 404));
    CHECK(is(sent->failure, hk::errc::not_found));
    CHECK(steps.questions.empty());
}

TEST_CASE("a full buffer does not linger: when somebody waits for room, all that is there goes")
{
    send_steps steps(options().linger(1h).buffer_records(3));
    send_some(steps, 2);
    send_some(steps, 1, 2, send_time::max(), "other");
    auto couriers = steps.start();
    REQUIRE(couriers.size() == 2);
    for (auto const& one : couriers)
        CHECK(steps.due(one) == steps.now + 1h);
    send_some(steps, 1, 3);
    for (auto const& one : couriers) {
        CHECK(one->hurried);
        CHECK(steps.due(one) <= steps.now);
    }
}

TEST_CASE("a full buffer does not linger for those who do not wait for room either")
{
    send_steps steps(options().linger(1h).buffer_records(1));
    send_some(steps, 1);
    auto courier = steps.start_one();
    CHECK(steps.due(courier) == steps.now + 1h);
    steps.turn_away();
    CHECK(courier->hurried);
    CHECK(steps.due(courier) <= steps.now);
    steps.board(*courier);
    steps.land(*courier);
    steps.come_back(courier);
    send_some(steps, 1, 1);
    auto next = steps.start_one();
    CHECK(steps.due(next) == steps.now + 1h); // there is room again
}
