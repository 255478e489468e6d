// What a producer does with its records, step by step: lanes, couriers, room, and records that are taken
// back.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace test;

namespace {

using options = hk::producer_options;
using batches = std::vector<texts>;

hk::errc refusal(options const& wanted)
{
    auto const sound = check_producer(wanted);
    return sound ? hk::errc() : static_cast<hk::errc>(sound.error().code().value());
}

/// A record of exactly so many bytes in a request.
hk::record of_size(std::size_t bytes)
{
    return hk::record(std::string(bytes - record_size(hk::record("")), 'x'));
}

bool answered(sent_ptr const& one) { return one->where == stage::answered && one->answers == 1; }
bool unanswered(sent_ptr const& one) { return one->where != stage::answered && one->answers == 0; }

} // namespace

TEST_CASE("options that make no sense are refused")
{
    CHECK(refusal(options()) == hk::errc());
    CHECK(refusal(options().max_batch_records(1).max_batch_bytes(1'000).buffer_bytes(1'000)) == hk::errc());
    CHECK(refusal(options().max_batch_records(0)) == hk::errc::invalid_count);
    CHECK(refusal(options().max_in_flight(0)) == hk::errc::invalid_count);
    CHECK(refusal(options().buffer_records(0)) == hk::errc::invalid_count);
    CHECK(refusal(options().max_batch_bytes(999)) == hk::errc::invalid_count);
    CHECK(refusal(options().max_batch_bytes(1'001).buffer_bytes(1'000)) == hk::errc::invalid_option);
    CHECK(refusal(options().linger(-1ms)) == hk::errc::invalid_option);
    CHECK(refusal(options().refresh_partitions(-1ms)) == hk::errc::invalid_option);
    CHECK(refusal(options().linger(milliseconds::max()).refresh_partitions(milliseconds::max())) ==
          hk::errc());
}

TEST_CASE("a record that fits into no request is refused, to the byte")
{
    options const limited = options().max_batch_bytes(1'000);
    std::size_t const most = 1'000 - body_size(1, 0);
    CHECK(size_in_body(of_size(most), limited) == most);
    CHECK(check_size(most, limited));
    auto const refused = check_size(most + 1, limited);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::too_large);
    CHECK(refused.error().cause() == "the record takes a request of 1001 bytes, max_batch_bytes is 1000");
}

TEST_CASE("the size of a record has room for the partition that will be chosen, and only for that")
{
    options const unplaced;
    options const placed = options().partitioner(hk::partitioner::murmur2);
    hk::record const one("k", "v");
    CHECK(size_in_body(one, unplaced) == record_size(one));
    CHECK(size_in_body(one, placed) == record_size(hk::record(one).partition(2'147'483'647)));
    CHECK(size_in_body(hk::record(one).partition(3), placed) == record_size(hk::record(one).partition(3)));
}

TEST_CASE("a record that comes when nothing is under way goes at once")
{
    send_steps steps{options()};
    auto const one = steps.send("orders", hk::record(1));
    CHECK(one->where == stage::queued);
    auto courier = steps.start_one();
    CHECK(steps.due(courier) == steps.now);
    CHECK(steps.board(*courier) == texts{"1"});
    CHECK(one->where == stage::flying);
    CHECK(unanswered(one));
    steps.land(*courier);
    CHECK(answered(one));
    steps.come_back(courier);
    CHECK(steps.start().empty());
}

TEST_CASE("what comes while a request is under way goes together with the next one, in order")
{
    send_steps steps{options()};
    steps.send("orders", hk::record(1));
    auto first = steps.start_one();
    steps.board(*first);
    for (int i = 2; i != 6; ++i)
        steps.send("orders", hk::record(i));
    CHECK(steps.start().empty());
    steps.land(*first);
    CHECK(steps.start().empty());
    steps.come_back(first);
    CHECK(steps.finish() == batches{{"2", "3", "4", "5"}});
}

TEST_CASE("a topic whose records the service places is one lane, each chosen partition another")
{
    send_steps steps{options()};
    steps.send("a", hk::record(1));
    steps.send("b", hk::record(2));
    steps.send("a", hk::record(3).partition(0));
    steps.send("a", hk::record(4).partition(1));
    steps.send("b", hk::record(5).partition(0));
    steps.send("a", hk::record(6));
    steps.send("a", hk::record(7).partition(1));
    CHECK(steps.finish() == batches{{"1", "6"}, {"2"}, {"3"}, {"4", "7"}, {"5"}});
}

TEST_CASE("a courier of one lane does not hold up another")
{
    send_steps steps{options()};
    steps.send("a", hk::record(1));
    auto slow = steps.start_one();
    steps.board(*slow);
    steps.send("b", hk::record(2));
    CHECK(steps.finish() == batches{{"2"}});
    steps.send("a", hk::record(3));
    CHECK(steps.start().empty());
}

TEST_CASE("a lane has as many requests under way as allowed, and one more courier only when one has left")
{
    send_steps steps(options().max_in_flight(3).max_batch_records(1));
    for (int i = 0; i != 5; ++i)
        steps.send("orders", hk::record(i));
    auto first = steps.start_one();
    CHECK(steps.board(*first) == texts{"0"});
    auto second = steps.start_one();
    CHECK(steps.board(*second) == texts{"1"});
    auto third = steps.start_one();
    CHECK(steps.board(*third) == texts{"2"});
    CHECK(steps.start().empty());
    CHECK(steps.plan.statistics().in_flight == 3);
    steps.land(*second);
    steps.come_back(second);
    CHECK(steps.finish() == batches{{"3"}, {"4"}});
}

TEST_CASE("a record lingers from its send on, and those that come later do not prolong that")
{
    send_steps steps(options().linger(20ms));
    steps.send("orders", hk::record(1));
    auto courier = steps.start_one();
    CHECK(steps.due(courier) == at(20ms));
    steps.now = at(15ms);
    steps.send("orders", hk::record(2));
    CHECK(steps.start().empty());
    CHECK(steps.due(courier) == at(20ms));
    CHECK_FALSE(courier->hurried);
    CHECK(steps.board(*courier) == texts{"1", "2"});
}

TEST_CASE("a courier that waits is told when its batch is full, by records or by bytes")
{
    for (auto const& wanted : {options().max_batch_records(2), options().max_batch_bytes(1'000)}) {
        send_steps steps(options(wanted).linger(20ms));
        steps.send("orders", of_size(500));
        auto courier = steps.start_one();
        steps.due(courier);
        CHECK_FALSE(courier->hurried);
        steps.send("orders", of_size(500));
        CHECK(courier->hurried);
        CHECK(steps.due(courier) == steps.now);
    }
}

TEST_CASE("a courier that waits is told of a full batch when another courier of its lane has come back")
{
    send_steps steps(options().max_in_flight(2).max_batch_records(2).linger(20ms));
    steps.send("orders", hk::record(1));
    steps.send("orders", hk::record(2));
    auto first = steps.start_one();
    CHECK(steps.board(*first) == texts{"1", "2"});
    steps.send("orders", hk::record(3));
    auto second = steps.start_one();
    CHECK(steps.due(second) == at(20ms));
    steps.land(*first);
    steps.come_back(first);
    steps.send("orders", hk::record(4));
    CHECK(second->hurried);
}

TEST_CASE("the longest linger there is is no overflow: only full batches go")
{
    send_steps steps(options().linger(milliseconds::max()).max_batch_records(2));
    steps.send("orders", hk::record(1));
    auto courier = steps.start_one();
    CHECK(steps.due(courier) > at(24h * 300));
    steps.send("orders", hk::record(2));
    CHECK(courier->hurried);
}

TEST_CASE("a courier for whom nothing is left comes back without a batch, and the next record has one")
{
    send_steps steps(options().linger(20ms));
    auto const one = steps.send("orders", hk::record(1));
    auto courier = steps.start_one();
    steps.due(courier);
    steps.leave(one);
    CHECK(courier->hurried);
    CHECK(steps.due(courier) == std::nullopt);
    CHECK(steps.board(*courier).empty());
    steps.come_back(courier);
    steps.send("orders", hk::record(2));
    CHECK(steps.finish() == batches{{"2"}});
}

TEST_CASE("a record that comes when a courier has found nothing is not left behind")
{
    send_steps steps{options()};
    auto const one = steps.send("orders", hk::record(1));
    auto courier = steps.start_one();
    steps.leave(one);
    CHECK(steps.board(*courier).empty());
    steps.send("orders", hk::record(2));
    CHECK(steps.start().empty()); // the courier is still there
    steps.come_back(courier);
    CHECK(steps.finish() == batches{{"2"}});
}

TEST_CASE("a lane that is done is forgotten")
{
    send_steps steps(options().max_in_flight(2).max_batch_records(1));
    steps.send("orders", hk::record(1));
    steps.send("orders", hk::record(2));
    auto first = steps.start_one();
    steps.board(*first);
    auto second = steps.start_one();
    steps.board(*second);
    std::weak_ptr<lane> const known = first->where;
    steps.land(*first);
    steps.come_back(first);
    steps.land(*second);
    CHECK_FALSE(known.expired());
    steps.come_back(second);
    CHECK(known.expired());
}

TEST_CASE("no more bytes are taken than the buffer holds, and what waits goes in in its order")
{
    send_steps steps(options().max_batch_bytes(1'000).buffer_bytes(1'000));
    auto const first = steps.send("a", of_size(600));
    auto const second = steps.send("b", of_size(401));
    auto const third = steps.send("c", of_size(100));
    CHECK(first->where == stage::queued);
    CHECK(second->where == stage::waiting);
    CHECK(third->where == stage::waiting); // it would fit, but does not overtake
    CHECK(steps.plan.statistics().buffered_bytes == 600);
    CHECK(steps.plan.statistics().waiting == 2);
    auto courier = steps.start_one();
    steps.fly(courier);
    CHECK(second->where == stage::queued);
    CHECK(third->where == stage::queued);
    CHECK(steps.plan.statistics().buffered_bytes == 501);
    CHECK(steps.plan.statistics().waiting == 0);
}

TEST_CASE("the buffer is filled to its last byte and its last record")
{
    send_steps bytes(options().max_batch_bytes(1'000).buffer_bytes(1'000));
    bytes.send("a", of_size(600));
    CHECK(bytes.plan.has_room(400));
    CHECK_FALSE(bytes.plan.has_room(401));
    CHECK(bytes.send("a", of_size(400))->where == stage::queued);
    CHECK_FALSE(bytes.plan.has_room(1));

    send_steps records(options().buffer_records(2));
    records.send("a", hk::record(1));
    CHECK(records.plan.has_room(100));
    records.send("a", hk::record(2));
    CHECK_FALSE(records.plan.has_room(1));
    CHECK(records.send("a", hk::record(3))->where == stage::waiting);
}

TEST_CASE("there is no room for others while one waits")
{
    send_steps steps(options().max_batch_bytes(1'000).buffer_bytes(1'000));
    steps.send("a", of_size(600));
    auto const large = steps.send("a", of_size(500));
    CHECK_FALSE(steps.plan.has_room(10));
    steps.leave(large);
    CHECK(steps.plan.has_room(10));
}

TEST_CASE("a record has its room until it is answered, not only until it leaves")
{
    send_steps steps(options().buffer_records(1));
    steps.send("a", hk::record(1));
    auto const second = steps.send("a", hk::record(2));
    auto courier = steps.start_one();
    steps.board(*courier);
    CHECK(second->where == stage::waiting);
    steps.land(*courier);
    CHECK(second->where == stage::queued);
    steps.come_back(courier);
    CHECK(steps.finish() == batches{{"2"}});
}

TEST_CASE("a record that waits for room is taken back, and those behind it move up")
{
    send_steps steps(options().max_batch_bytes(1'000).buffer_bytes(1'000));
    steps.send("a", of_size(600));
    auto const large = steps.send("a", of_size(500));
    auto const small = steps.send("a", of_size(400));
    CHECK(steps.leave(large) == hk::persistence::none);
    CHECK(answered(large));
    CHECK(small->where == stage::queued);
    CHECK(steps.plan.statistics().buffered_bytes == 1'000);
    CHECK(steps.plan.statistics().failed == 1);
}

TEST_CASE("a record that waits for its topic's partitions is taken back")
{
    send_steps steps(options().partitioner(hk::partitioner::murmur2));
    auto const gone = steps.send("a", hk::record("k", 1));
    auto const kept = steps.send("a", hk::record("k", 2));
    CHECK(gone->where == stage::unplaced);
    CHECK(steps.leave(gone) == hk::persistence::none);
    CHECK(answered(gone));
    CHECK(steps.start().empty());
    steps.answer(3);
    CHECK(steps.finish() == batches{{"2"}});
    CHECK(answered(kept));
    CHECK(gone->answers == 1);
}

TEST_CASE("a record in its lane is taken back, its room is free, and the others keep their order")
{
    send_steps steps(options().buffer_records(4));
    steps.send("a", hk::record(1));
    auto const gone = steps.send("a", hk::record(2));
    steps.send("a", hk::record(3));
    steps.send("a", hk::record(4));
    auto const waiting = steps.send("a", hk::record(5));
    CHECK(steps.leave(gone) == hk::persistence::none);
    CHECK(answered(gone));
    CHECK(waiting->where == stage::queued);
    CHECK(steps.finish() == batches{{"1", "3", "4", "5"}});
}

TEST_CASE("a record that has left may be written: it goes on, and nothing else changes")
{
    send_steps steps(options().buffer_records(1));
    auto const one = steps.send("a", hk::record(1));
    auto const next = steps.send("a", hk::record(2));
    auto courier = steps.start_one();
    steps.board(*courier);
    CHECK(steps.leave(one) == hk::persistence::possibly);
    CHECK(steps.leave(one) == hk::persistence::possibly);
    CHECK(unanswered(one));
    CHECK(next->where == stage::waiting);
    CHECK(steps.plan.statistics().failed == 0);
    steps.land(*courier);
    CHECK(answered(one));
    CHECK(steps.plan.statistics().acknowledged == 1);
}

TEST_CASE("a record that is answered holds its content no longer")
{
    send_steps steps{options()};
    auto const landed = steps.send("a", hk::record("key", "value"));
    steps.finish();
    auto const left = steps.send("a", hk::record("key", "value"));
    steps.leave(left);
    for (auto const& one : {landed, left}) {
        CHECK_FALSE(one->content.key());
        CHECK(one->content.value().text() == "null");
    }
}
