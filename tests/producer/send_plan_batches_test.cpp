// What becomes of a producer's batches: halves, receipts, figures.
#include "support/producer/send_steps.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

using options = hk::producer_options;
using batches = std::vector<texts>;
using std::chrono::microseconds;

/// Records whose values are 0, 1, 2 and so on.
std::vector<sent_ptr> send_some(send_steps& steps, int count)
{
    std::vector<sent_ptr> out;
    for (int i = 0; i != count; ++i)
        out.push_back(steps.send("orders", hk::record(i)));
    return out;
}

/// A record of exactly so many bytes in a request.
hk::record of_size(std::size_t bytes)
{
    return hk::record(std::string(bytes - record_size(hk::record("")), 'x'));
}

/// The courier's flights in the order in which they go.
batches flights_of(test_courier const& one)
{
    batches out;
    for (auto at = one.flights.rbegin(); at != one.flights.rend(); ++at)
        out.push_back(values(at->batch));
    return out;
}

/// How many records go into one request after this.
std::size_t next_batch(send_steps& steps, std::size_t record_bytes)
{
    for (int i = 0; i != 200; ++i)
        steps.send("next", of_size(record_bytes));
    return steps.finish().front().size();
}

} // namespace

TEST_CASE("a batch that is too large goes in halves, the earlier records first")
{
    send_steps steps{options()};
    send_some(steps, 4);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    CHECK(flights_of(*courier) == batches{{"0", "1"}, {"2", "3"}});
    steps.halve(*courier);
    CHECK(flights_of(*courier) == batches{{"0"}, {"1"}, {"2", "3"}});
    steps.land(*courier);
    steps.land(*courier);
    steps.halve(*courier);
    CHECK(flights_of(*courier) == batches{{"2"}, {"3"}});
}

TEST_CASE("of an odd number of records the later half has one more")
{
    send_steps steps{options()};
    send_some(steps, 5);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    CHECK(flights_of(*courier) == batches{{"0", "1"}, {"2", "3", "4"}});
}

TEST_CASE("while the halves are on their way the lane waits, and the next batch comes after both")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 2);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.send("orders", hk::record("later"));
    steps.halve(*courier);
    CHECK(steps.plan.statistics().in_flight == 2);
    steps.land(*courier);
    CHECK(sent[0]->answers == 1);
    CHECK(sent[1]->answers == 0);
    CHECK(sent[1]->where == stage::flying);
    CHECK(steps.departs(*courier));
    CHECK(steps.leave(sent[1]) == hk::persistence::possibly);
    CHECK(steps.start().empty());
    steps.land(*courier);
    CHECK(steps.plan.statistics().in_flight == 0);
    CHECK(steps.plan.statistics().batches == 2);
    steps.come_back(courier);
    CHECK(steps.finish() == batches{{"\"later\""}});
}

TEST_CASE("later batches of every lane are no larger than half of the one that was too large")
{
    send_steps steps(options().max_batch_bytes(10'000));
    for (int i = 0; i != 20; ++i)
        steps.send("orders", of_size(400));
    auto courier = steps.start_one();
    REQUIRE(steps.board(*courier).size() == 20); // 8,033 bytes
    CHECK(next_batch(steps, 500) == 19);
    steps.halve(*courier);
    CHECK(next_batch(steps, 500) == 8); // 4,021 bytes; 4,023 are allowed
    CHECK(next_batch(steps, 400) == 10);
    steps.halve(*courier);
    CHECK(next_batch(steps, 500) == 4); // 2,017 bytes; 2,018 are allowed
}

TEST_CASE("half of what was too large is allowed to the byte")
{
    for (std::size_t const last : {std::size_t(400), std::size_t(401)}) {
        send_steps steps(options().max_batch_bytes(10'000));
        for (int i = 0; i != 19; ++i)
            steps.send("orders", of_size(400));
        steps.send("orders", of_size(last));
        auto courier = steps.start_one();
        REQUIRE(steps.board(*courier).size() == 20);
        steps.halve(*courier);
        CHECK(steps.plan.largest_body() == body_size(10, 4'000));
    }
}

TEST_CASE("a refused body that is as large as one that was taken is too large all the same")
{
    send_steps steps(options().max_batch_bytes(10'000));
    for (int i = 0; i != 20; ++i)
        steps.send("orders", of_size(400));
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    steps.land(*courier);
    steps.halve(*courier);
    CHECK(steps.plan.largest_body() == body_size(5, 2'000));
}

TEST_CASE("what was taken is allowed to the byte, also when half of something larger is less")
{
    send_steps steps(options().max_batch_bytes(10'000));
    for (int i = 0; i != 12; ++i)
        steps.send("orders", of_size(400));
    steps.finish();
    for (int i = 0; i != 20; ++i)
        steps.send("orders", of_size(400));
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    CHECK(steps.plan.largest_body() == body_size(12, 12 * 400));
}

TEST_CASE("that a large record was too large in a batch with a small one says nothing of small ones")
{
    send_steps steps(options().max_batch_bytes(10'000));
    steps.send("orders", hk::record(1));
    steps.send("orders", of_size(9'000));
    auto courier = steps.start_one();
    REQUIRE(steps.board(*courier).size() == 2);
    steps.halve(*courier);
    CHECK(next_batch(steps, 100) == 44);
}

TEST_CASE("nothing is sent while the service wants to be left alone, whatever the lane")
{
    send_steps steps{options()};
    send_some(steps, 1);
    auto refused = steps.start_one();
    steps.board(*refused);
    hk::diagnostics about;
    about.retry_after = 30s;
    steps.land(*refused, hk::error(hk::errc::throttled, about, "too many"));
    steps.send("other", hk::record(1));
    auto waiting = steps.start_one();
    CHECK(steps.due(waiting) == steps.now + 30s);
    steps.flush();
    CHECK(steps.due(waiting) == steps.now + 30s);
}

TEST_CASE("a batch that was not sent after all is the next of its lane")
{
    send_steps steps(options().max_batch_records(2));
    auto const sent = send_some(steps, 3);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.plan.put_back(*courier->where, courier->flights.back(), steps.now);
    courier->flights.clear();
    CHECK(sent[0]->where == stage::queued);
    CHECK(steps.plan.statistics().in_flight == 0);
    steps.come_back(courier);
    auto next = steps.start_one();
    CHECK(steps.board(*next) == texts{"0", "1"});
}

TEST_CASE("records larger than what was learned still go, one by one")
{
    send_steps steps(options().max_batch_bytes(10'000));
    send_some(steps, 2);
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.halve(*courier);
    steps.send("other", of_size(900));
    steps.send("other", of_size(900));
    CHECK(steps.finish().size() == 2);
}

TEST_CASE("a courier that waits is told when its batch is full by what was learned")
{
    send_steps steps(options().linger(20ms));
    steps.send("orders", of_size(1'000));
    steps.send("orders", of_size(1'000));
    auto large = steps.start_one();
    steps.board(*large);
    steps.send("other", of_size(1'000));
    auto waiting = steps.start_one();
    steps.due(waiting);
    CHECK_FALSE(waiting->hurried);
    steps.halve(*large);
    CHECK(waiting->hurried);
    CHECK(steps.due(waiting) == steps.now);
}

TEST_CASE("each record is told what the receipt says of it")
{
    send_steps steps{options()};
    auto const sent = send_some(steps, 3);
    std::vector<hk::record_outcome> outcomes(3);
    outcomes[0].persisted = hk::persistence::done;
    outcomes[0].partition = 4;
    outcomes[0].offset = 17;
    outcomes[1].failure = hk::error(hk::errc::bad_request, "not this one");
    outcomes[2].persisted = hk::persistence::possibly;
    auto courier = steps.start_one();
    steps.board(*courier);
    steps.land(*courier, hk::receipt(outcomes));
    for (auto const& one : sent) {
        CHECK(one->answers == 1);
        CHECK(one->where == stage::answered);
        CHECK_FALSE(one->failure);
    }
    CHECK(sent[0]->outcome.persisted == hk::persistence::done);
    CHECK(sent[0]->outcome.partition == 4);
    CHECK(sent[0]->outcome.offset == 17);
    CHECK_FALSE(sent[0]->outcome.failure);
    CHECK(sent[1]->outcome.persisted == hk::persistence::none);
    CHECK(is(sent[1]->outcome.failure, hk::errc::bad_request));
    CHECK(sent[2]->outcome.persisted == hk::persistence::possibly);
    auto const figures = steps.plan.statistics();
    CHECK(figures.acknowledged == 1);
    CHECK(figures.failed == 1);
    CHECK(figures.doubtful == 1);
    CHECK(figures.bytes == record_size(hk::record(0)));
}

TEST_CASE("a batch's error is that of each of its records, with what it claims")
{
    for (auto const claim : {hk::persistence::none, hk::persistence::possibly}) {
        send_steps steps{options()};
        auto const sent = send_some(steps, 2);
        auto courier = steps.start_one();
        steps.board(*courier);
        steps.land(*courier, http_failure(hk::errc::service_failed, 503, claim));
        for (auto const& one : sent) {
            CHECK(one->answers == 1);
            REQUIRE(is(one->failure, hk::errc::service_failed));
            CHECK(one->failure->info().persisted() == claim);
            CHECK(one->failure->info().http_status == 503);
        }
        bool const sure = claim == hk::persistence::none;
        CHECK(steps.plan.statistics().failed == (sure ? 2 : 0));
        CHECK(steps.plan.statistics().doubtful == (sure ? 0 : 2));
        CHECK(steps.plan.statistics().acknowledged == 0);
    }
}

TEST_CASE("the figures follow the records")
{
    send_steps steps{options()};
    send_some(steps, 2);
    std::size_t const bytes = 2 * record_size(hk::record(0));
    CHECK(steps.plan.statistics().buffered_records == 2);
    CHECK(steps.plan.statistics().buffered_bytes == bytes);
    auto courier = steps.start_one();
    steps.now = at(30ms);
    steps.send("orders", hk::record(2));
    steps.now = at(40ms);
    steps.board(*courier);
    CHECK(steps.plan.statistics().in_flight == 1);
    CHECK(steps.plan.statistics().buffered_records == 3);
    CHECK(steps.plan.statistics().queue_time.count() == 0); // it may come back
    steps.now = at(140ms);
    courier->flights.back().retries = 2;
    steps.land(*courier);
    auto const figures = steps.plan.statistics();
    CHECK(figures.acknowledged == 3);
    CHECK(figures.bytes == bytes / 2 * 3);
    CHECK(figures.batches == 1);
    CHECK(figures.retries == 2);
    CHECK(figures.in_flight == 0);
    CHECK(figures.buffered_records == 0);
    CHECK(figures.buffered_bytes == 0);
    CHECK(figures.queue_time.count() == 3);
    CHECK(figures.queue_time.max() == microseconds(40ms));
    CHECK(figures.queue_time.mean() == microseconds(30ms));
    CHECK(figures.flight_time.count() == 1);
    CHECK(figures.flight_time.max() == microseconds(100ms));
}

TEST_CASE("halves count their flight from when the whole has left")
{
    send_steps steps{options()};
    send_some(steps, 2);
    auto courier = steps.start_one();
    steps.board(*courier);
    courier->flights.back().retries = 3;
    steps.now = at(10ms);
    steps.halve(*courier);
    steps.land(*courier);
    steps.now = at(30ms);
    steps.land(*courier);
    CHECK(steps.plan.statistics().flight_time.max() == microseconds(30ms));
    CHECK(steps.plan.statistics().flight_time.mean() == microseconds(20ms));
    CHECK(steps.plan.statistics().retries == 4);
    CHECK(steps.plan.statistics().queue_time.count() == 2);
}
