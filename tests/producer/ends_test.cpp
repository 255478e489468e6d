// Sends that do not go well: what their senders are told agrees with what became of the records, and
// everybody is told.
#include "support/producer/sends.hpp"

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

auto const aborted = std::error_code(net::error::operation_aborted);

/// A service that can be had to say nothing, and a producer.
class bench
{
public:
    explicit bench(hk::producer_options options = hk::producer_options())
        : producer(std::in_place, *service.client, std::move(options)), all(service.io, *producer)
    {
        service.emulator.add_topic("orders");
        REQUIRE(service.run(service->topics())); // there is a token and a connection
    }

    /// The next batch is written, and not answered as long as its sender waits.
    void stall() { service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::produce)); }

    /// Starts one record, on whose batch nothing is heard.
    void start_stalled()
    {
        stall();
        all.start_many("orders", 1);
        work_until(service.io, [this] { return values(service.emulator, "orders").size() == 1; });
    }

    std::vector<std::string> log() { return values(service.emulator, "orders"); }

    emulated service;
    std::optional<hk::producer> producer;
    sends all;
};

hk::persistence claim(ending<hk::receipt> const& end)
{
    return end.good() ? end.get().value().persisted(0) : end.error().info().persisted();
}

/// Holds the producer as long as it waits.
net::awaitable<void> send_one(hk::producer producer) { co_await producer.send("orders", hk::record(1)); }

} // namespace

TEST_CASE("a send that is cancelled in the queue is not sent, and says so")
{
    bench test;
    test.start_stalled();
    running_call<hk::receipt> call(test.service.io, test.producer->send("orders", hk::record("taken back")));
    take_all_steps(test.service.io);
    call.cancel();
    CHECK(call.end.code() == aborted);
    CHECK(claim(call.end) == hk::persistence::none);
    check_what(call.end.error(), "send", "orders");
    CHECK(test.producer->statistics().buffered_records == 1);
    test.service.client->close();
    test.all.finish();
    CHECK(test.log() == std::vector<std::string>{"0"});
}

TEST_CASE("a send that is cancelled under way is possibly there; those beside it are not disturbed")
{
    bench test;
    test.service.emulator.inject(
        hk::emulator_fault::answer(429).on(hk::emulator_route::produce).retry_after(std::chrono::seconds(0)));
    running_call<hk::receipt> call(test.service.io, test.producer->send("orders", hk::record("left")));
    test.all.start_many("orders", 2);
    step_until(test.service.io, [&] { return test.producer->statistics().in_flight == 1; });
    call.cancel();
    CHECK(call.end.code() == aborted);
    CHECK(claim(call.end) == hk::persistence::possibly);
    test.all.finish();
    CHECK(test.all.claim(0) == hk::persistence::done);
    CHECK(test.all.claim(1) == hk::persistence::done);
    CHECK(test.log().size() == 3);
    CHECK(test.producer->statistics().retries == 1);
}

TEST_CASE("a send that waits for room or for partitions can be cancelled")
{
    bench test(hk::producer_options().buffer_records(1).partitioner(hk::partitioner::murmur2));
    test.service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::partitions));
    running_call<hk::receipt> unplaced(test.service.io, test.producer->send("orders", hk::record("key", 1)));
    take_all_steps(test.service.io);
    running_call<hk::receipt> waiting(test.service.io, test.producer->send("orders", hk::record("key", 2)));
    take_all_steps(test.service.io);
    CHECK(test.producer->statistics().waiting == 1);
    waiting.cancel();
    CHECK(claim(waiting.end) == hk::persistence::none);
    CHECK(test.producer->statistics().waiting == 0);
    unplaced.cancel();
    CHECK(claim(unplaced.end) == hk::persistence::none);
    CHECK(test.producer->statistics().buffered_records == 0);
    CHECK(test.log().empty());
}

TEST_CASE("room that a cancelled send leaves goes to the next")
{
    bench test(hk::producer_options().buffer_records(1).partitioner(hk::partitioner::murmur2));
    test.service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::partitions));
    running_call<hk::receipt> first(test.service.io, test.producer->send("orders", hk::record("first")));
    take_all_steps(test.service.io);
    test.all.start("orders", hk::record("second").partition(0));
    take_all_steps(test.service.io);
    CHECK(test.producer->statistics().waiting == 1);
    first.cancel();
    CHECK(test.producer->statistics().waiting == 0);
    test.all.finish();
    CHECK(test.log() == std::vector<std::string>{"\"second\""});
}

TEST_CASE("each send has its own timeout")
{
    bench test;
    test.start_stalled();
    auto const queued =
        test.service.run(test.producer->send("orders", hk::record(1), hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(queued);
    CHECK(queued.error().code() == hk::errc::timed_out);
    CHECK(queued.error().info().persisted() == hk::persistence::none);

    bench other;
    other.stall();
    auto const under_way =
        other.service.run(other.producer->send("orders", hk::record(1), hk::call_options().timeout(50ms)));
    REQUIRE_FALSE(under_way);
    CHECK(under_way.error().code() == hk::errc::timed_out);
    CHECK(under_way.error().info().persisted() == hk::persistence::possibly);
}

TEST_CASE("a lost answer leaves the whole batch in doubt, and the next one goes")
{
    bench test;
    test.service.emulator.inject(hk::emulator_fault::drop_answer().on(hk::emulator_route::produce));
    test.all.start_many("orders", 20);
    test.all.finish();
    for (std::size_t i = 0; i != 20; ++i) {
        CHECK(test.all.claim(i) == hk::persistence::possibly);
        check_what(test.all[i].error(), "send", "orders");
    }
    CHECK(test.producer->statistics().doubtful == 20);
    test.all.start_many("orders", 1);
    test.all.finish();
    CHECK(test.all.claim(20) == hk::persistence::done);
    CHECK(test.log().size() == 21);
}

TEST_CASE("at_least_once is the producer's choice: a lost answer is made up for by sending twice")
{
    bench test(hk::producer_options().at_least_once(true));
    test.service.emulator.inject(hk::emulator_fault::drop_answer().on(hk::emulator_route::produce));
    test.all.start_many("orders", 3);
    test.all.finish();
    for (std::size_t i = 0; i != 3; ++i)
        CHECK(test.all.claim(i) == hk::persistence::done);
    CHECK(test.log().size() == 6);
    CHECK(test.producer->statistics().retries == 1);
}

TEST_CASE("a batch that is too large for the service goes in halves, and the next ones are smaller")
{
    emulated service(
        hk::emulator_options().max_body(1'000).produce_answer(hk::emulator_produce_answer::offsets));
    service.emulator.add_topic("orders");
    hk::producer const producer(*service.client);
    sends all(service.io, producer);
    all.start_many("orders", 200);
    all.finish();
    std::size_t const before = service.emulator.request_count(hk::emulator_route::produce);
    for (std::size_t i = 0; i != 200; ++i) {
        REQUIRE(all[i].good());
        CHECK(all[i].get().value().offset(0) == static_cast<std::int64_t>(i));
    }
    auto const log = values(service.emulator, "orders");
    REQUIRE(log.size() == 200);
    for (std::size_t i = 0; i != 200; ++i)
        CHECK(log[i] == std::to_string(i));

    all.start_many("orders", 50);
    all.finish();
    CHECK(service.emulator.records("orders", 0).size() == 250);
    CHECK(service.emulator.request_count(hk::emulator_route::produce) <= before + 2); // none too large

    all.start("orders", hk::record(std::string(2'000, 'x')));
    all.finish();
    CHECK(all[250].code() == hk::errc::too_large);
    CHECK(all.claim(250) == hk::persistence::none);
}

TEST_CASE("one record that is too large for the service does not make the batches of the others small")
{
    emulated service(hk::emulator_options().max_body(5'000));
    service.emulator.add_topic("orders");
    hk::producer const producer(*service.client);
    sends all(service.io, producer);
    all.start("orders", hk::record(0));
    all.start("orders", hk::record(std::string(6'000, 'x')));
    all.finish();
    CHECK(all.claim(0) == hk::persistence::done);
    CHECK(all[1].code() == hk::errc::too_large);
    std::size_t const before = service.emulator.request_count(hk::emulator_route::produce);
    all.start_many("orders", 200);
    all.finish();
    CHECK(service.emulator.records("orders", 0).size() == 201);
    CHECK(service.emulator.request_count(hk::emulator_route::produce) <= before + 3);
}

TEST_CASE("one record that the service calls too large with a 400 is found, and the others are written")
{
    std::string const refusal = http(400, R"({"error_code":40001,"message":"RecordTooLargeException"})");
    std::string const taken = http(200, "");
    scripted_server const server(script()
                                     .read()
                                     .send(refusal) // 0 to 3
                                     .read()
                                     .send(taken) // 0 and 1
                                     .read()
                                     .send(refusal) // 2 and 3
                                     .read()
                                     .send(refusal) // 2
                                     .read()
                                     .send(taken)); // 3
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    hk::producer const producer(client);
    sends all(io, producer);
    all.start_many("orders", 4);
    all.finish();
    for (std::size_t const i : {0U, 1U, 3U})
        CHECK(all.claim(i) == hk::persistence::done);
    CHECK(all[2].code() == hk::errc::too_large);
    CHECK(all.claim(2) == hk::persistence::none);
    check_what(all[2].error(), "send", "orders");
    CHECK(all[2].error().info().http_status == 400);
}

TEST_CASE("a 500 that names a size leaves the batch in doubt; with at_least_once the record is found")
{
    std::string const refusal = http(500, R"({"error_code":50002,"message":"RecordTooLargeException"})");
    for (bool const again : {false, true}) {
        scripted_server const server(
            script().read().send(refusal).read().send(refusal).read().send(http(200, "")));
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        hk::producer const producer(client, hk::producer_options().at_least_once(again));
        sends all(io, producer);
        all.start_many("orders", 2);
        all.finish();
        CHECK(all[0].code() == hk::errc::too_large);
        CHECK(all.claim(0) == hk::persistence::possibly);
        CHECK(all.claim(1) == (again ? hk::persistence::done : hk::persistence::possibly));
    }
}

TEST_CASE("when the first half of a batch takes all its time, the other half has a time of its own")
{
    emulated service;
    service.emulator.add_topic("orders");
    hk::client const client(service.io.get_executor(),
                            service.emulator.client_options().total_timeout(100ms).retry(quickly(0)));
    hk::producer const producer(client);
    sends all(service.io, producer);
    CHECK(service.run(client.topics()));
    service.emulator.inject(hk::emulator_fault::answer(413).on(hk::emulator_route::produce));
    service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::produce));
    for (int i = 0; i != 4; ++i)
        all.start("orders", hk::record(i), hk::call_options().timeout(60s));
    all.finish();
    for (std::size_t i = 0; i != 4; ++i)
        CHECK(all.claim(i) == (i < 2 ? hk::persistence::possibly : hk::persistence::done));
    CHECK(values(service.emulator, "orders") == std::vector<std::string>{"0", "1", "2", "3"});
}

TEST_CASE("a service that wants to be left alone is left alone, and nothing is burnt meanwhile")
{
    bench test;
    test.service.emulator.inject(
        hk::emulator_fault::answer(429).on(hk::emulator_route::produce).retry_after(std::chrono::hours(1)));
    test.all.start_many("orders", 1);
    test.all.finish();
    CHECK(test.all[0].code() == hk::errc::throttled);
    test.all.start("orders", hk::record(1), hk::call_options().timeout(20ms));
    test.all.start("others", hk::record(2), hk::call_options().timeout(20ms));
    test.all.finish();
    for (std::size_t const i : {1U, 2U}) {
        CHECK(test.all[i].code() == hk::errc::timed_out);
        CHECK(test.all.claim(i) == hk::persistence::none);
    }
    CHECK(test.service.emulator.request_count(hk::emulator_route::produce) == 1);
}

TEST_CASE("a function of the options that throws fails the records at hand, not the producer")
{
    emulated service;
    service.emulator.add_topic("orders");
    bool throws = true;
    auto const share = [&throws]() -> double {
        if (throws)
            throw std::runtime_error("no dice");
        return 0;
    };
    hk::client const client(service.io.get_executor(),
                            service.emulator.client_options().retry(quickly(2).jitter(share)));
    hk::producer const producer(client, hk::producer_options().partitioner(hk::partitioner::murmur2));
    sends all(service.io, producer);
    service.emulator.inject(hk::emulator_fault::answer(503).on(hk::emulator_route::partitions));
    all.start("orders", hk::record("key", 1)); // asks for the partitions
    all.finish();
    CHECK(std::string(all[0].error().what()).find("no dice") != std::string::npos);
    CHECK(all.claim(0) == hk::persistence::none);
    service.emulator.inject(hk::emulator_fault::answer(429).on(hk::emulator_route::produce));
    all.start("orders", hk::record(1).partition(0)); // asks for nothing
    all.finish();
    CHECK(std::string(all[1].error().what()).find("no dice") != std::string::npos);
    CHECK(all.claim(1) != hk::persistence::done);
    throws = false;
    all.start("orders", hk::record("key", 1));
    all.finish();
    CHECK(all.claim(2) == hk::persistence::done);
}

TEST_CASE("the service refuses single records: their receipts say so, the others are there")
{
    bench test;
    test.service.emulator.refuse_records(2);
    test.all.start_many("orders", 5);
    test.all.finish();
    std::size_t done = 0;
    for (std::size_t i = 0; i != 5; ++i) {
        REQUIRE(test.all[i].good());
        auto const& told = test.all[i].get().value();
        bool const there = std::ranges::count(test.log(), std::to_string(i)) == 1;
        CHECK(told.error(0).has_value() == !there);
        CHECK((told.persisted(0) == hk::persistence::done) == there);
        done += there ? 1 : 0;
    }
    CHECK(done == 3);
    CHECK(test.producer->statistics().acknowledged == 3);
}

TEST_CASE("a receipt for another number of records says nothing of any")
{
    scripted_server const server(
        script().read().send(http(200, R"({"offsets":[{"partition":0,"offset":7}]})")).read().stall());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    hk::producer const producer(client);
    sends all(io, producer);
    all.start_many("orders", 2);
    all.finish();
    for (std::size_t i = 0; i != 2; ++i)
        CHECK(all.claim(i) == hk::persistence::possibly);
    CHECK(producer.statistics().doubtful == 2);
}

TEST_CASE("flush() waits for what was sent before it, and has a timeout")
{
    bench test;
    CHECK(test.service.run(test.producer->flush())); // of nothing
    test.start_stalled();
    auto const flushed = test.service.run(test.producer->flush(hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(flushed);
    CHECK(flushed.error().code() == hk::errc::timed_out);
    check_what(flushed.error(), "flush");
    running_call<void> call(test.service.io, test.producer->flush());
    take_all_steps(test.service.io);
    CHECK_FALSE(call.end.happened());
    call.cancel();
    CHECK(call.end.code() == aborted);
    CHECK_FALSE(test.all.all_ended());
}

TEST_CASE("close() sends what is there and takes no more")
{
    bench test(hk::producer_options().linger(1h));
    test.all.start_many("orders", 5);
    take_all_steps(test.service.io);
    CHECK(test.service.run(test.producer->close()));
    CHECK(test.all.all_ended());
    CHECK(test.log().size() == 5);
    auto const late = test.service.run(test.producer->send("orders", hk::record(1)));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == hk::errc::closed);
    CHECK(late.error().info().persisted() == hk::persistence::none);
    CHECK_THROWS_AS((void)test.producer->try_send("orders", hk::record(1)), hk::error const&);
    CHECK(test.service.run(test.producer->close()));
    CHECK(test.log().size() == 5);
}

TEST_CASE("close() with a deadline or cancelled: everybody has an answer, also when the service has none")
{
    for (bool const cancelled : {false, true}) {
        bench test(hk::producer_options().buffer_records(3));
        test.start_stalled();
        test.all.start_many("orders", 4); // two in the queue, two that wait for room
        take_all_steps(test.service.io);
        hk::delivery const refused = test.producer->try_send("orders", hk::record(1));
        CHECK_FALSE(refused);
        if (cancelled) {
            running_call<void> call(test.service.io, test.producer->close());
            take_all_steps(test.service.io);
            call.cancel();
            CHECK(call.end.code() == aborted);
        } else {
            auto const closed = test.service.run(test.producer->close(hk::call_options().timeout(5ms)));
            REQUIRE_FALSE(closed);
            CHECK(closed.error().code() == hk::errc::timed_out);
            check_what(closed.error(), "close");
        }
        test.all.finish();
        CHECK(test.all.claim(0) == hk::persistence::possibly);
        for (std::size_t i = 0; i != 5; ++i) {
            CHECK(test.all[i].code() == hk::errc::closed);
            check_what(test.all[i].error(), "send", "orders");
            if (i > 0)
                CHECK(test.all.claim(i) == hk::persistence::none);
        }
        CHECK(test.producer->statistics().buffered_records == 0);
        CHECK(test.producer->statistics().in_flight == 0);
        CHECK(test.log().size() == 1);
    }
}

TEST_CASE("destroying the producer blocks nobody and leaves nobody without an answer")
{
    emulated service;
    service.emulator.add_topic("orders");
    REQUIRE(service.run(service->topics()));
    service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::produce));
    auto producer = std::make_optional<hk::producer>(*service.client);
    ending<hk::receipt> under_way;
    ending<hk::receipt> queued;
    start(service.io.get_executor(), producer->send("orders", hk::record(1)), under_way);
    work_until(service.io, [&] { return service.emulator.records("orders", 0).size() == 1; });
    start(service.io.get_executor(), producer->send("orders", hk::record(2)), queued);
    take_all_steps(service.io);
    hk::delivery const taken = producer->try_send("orders", hk::record(3));
    producer.reset();
    work_until(service.io, [&] { return under_way.happened() && queued.happened(); });
    CHECK(under_way.code() == hk::errc::closed);
    CHECK(claim(under_way) == hk::persistence::possibly);
    CHECK(queued.code() == hk::errc::closed);
    CHECK(claim(queued) == hk::persistence::none);
    auto const told = service.run(taken.receipt());
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == hk::errc::closed);
    CHECK(told.error().info().persisted() == hk::persistence::none);
    CHECK(service.emulator.records("orders", 0).size() == 1);
}

TEST_CASE("a send that is first awaited after the producer's end is refused")
{
    emulated service;
    auto producer = std::make_optional<hk::producer>(*service.client);
    auto late = producer->send("orders", hk::record(1));
    producer.reset();
    auto const told = service.run(std::move(late));
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == hk::errc::closed);
}

TEST_CASE("closing the client ends the producer's sends")
{
    bench test;
    test.start_stalled();
    test.all.start_many("orders", 3);
    take_all_steps(test.service.io);
    test.service.client->close();
    test.all.finish();
    for (std::size_t i = 0; i != 4; ++i)
        CHECK(test.all[i].code() == hk::errc::closed);
    CHECK(test.all.claim(0) == hk::persistence::possibly);
    CHECK(test.all.claim(3) == hk::persistence::none);
    auto const late = test.service.run(test.producer->send("orders", hk::record(1)));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == hk::errc::closed);
}

TEST_CASE("closing the client ends a linger, and the wait for partitions")
{
    bench lingering(hk::producer_options().linger(1h));
    lingering.all.start_many("orders", 3);
    take_all_steps(lingering.service.io);
    lingering.service.client->close();
    lingering.all.finish();
    for (std::size_t i = 0; i != 3; ++i)
        CHECK(lingering.all[i].code() == hk::errc::closed);

    bench asking(hk::producer_options().partitioner(hk::partitioner::murmur2));
    asking.service.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::partitions));
    asking.all.start("orders", hk::record("key", 1));
    take_all_steps(asking.service.io);
    asking.service.client->close();
    asking.all.finish();
    CHECK(asking.all[0].code() == hk::errc::closed);
}

TEST_CASE("a delivery's wait can be given up without harm, by one at a time")
{
    bench test;
    test.stall();
    hk::delivery const taken = test.producer->try_send("orders", hk::record(1));
    REQUIRE(taken);
    running_call<hk::receipt> call(test.service.io, taken.receipt());
    take_all_steps(test.service.io);
    auto const second = test.service.run(taken.receipt());
    REQUIRE_FALSE(second);
    CHECK(second.error().code() == hk::errc::already_running);
    call.cancel();
    CHECK(call.end.code() == aborted);
    CHECK(claim(call.end) == hk::persistence::possibly);
    auto const timed_out = test.service.run(taken.receipt(hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(timed_out);
    CHECK(timed_out.error().code() == hk::errc::timed_out);
    CHECK(test.log().size() == 1);
}

TEST_CASE("the context may be destroyed with sends in every stage, when they hold the last handles")
{
    scripted_server const server(script().read().stall());
    auto io = std::make_unique<net::io_context>();
    std::size_t ended = 0;
    {
        hk::client const client(io->get_executor(), options_for(server.endpoint()));
        hk::producer const producer(client, hk::producer_options().buffer_records(2));
        for (int i = 0; i != 4; ++i)
            net::co_spawn(*io, send_one(producer), [&ended](std::exception_ptr) { ++ended; });
    }
    work_until(*io, [&] { return server.requests().size() == 1; });
    io.reset();
    server.wait_for_ends(1);
    CHECK(ended == 0);
}
