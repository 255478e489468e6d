// A service that is down for a while: nothing is lost that has time left, and nobody is told what is not so.
#include "support/producer/door.hpp"
#include "support/producer/sends.hpp"

#include <hdikafka/observer.hpp>

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

auto const aborted = std::error_code(net::error::operation_aborted);

/// Counts a client's tries.
class tries
{
public:
    void operator()(hk::request_started const&) { most = std::max(most, ++now); }
    void operator()(hk::request_ended const&) { --now; }
    void operator()(hk::attempt_ended const& one) { refused += one.code == hk::errc::connect_failed ? 1 : 0; }

    std::size_t refused = 0;
    std::size_t now = 0;
    std::size_t most = 0; ///< At a time, since this was set.
};

/// A service behind a door, and a client who counts how often it was shut.
class outage
{
public:
    explicit outage(hk::milliseconds total = 60s) : way(service.io, service.emulator.port())
    {
        service.emulator.add_topic("orders");
        hk::credential const who = service.emulator.credential();
        hk::client const direct(service.io.get_executor(), service.emulator.client_options().credential(who));
        REQUIRE(service.run(direct.topics())); // from now on there is a token
        client.emplace(service.io.get_executor(),
                       hk::client_options("https://127.0.0.1:" + std::to_string(way.port()))
                           .credential(who)
                           .tls(hk::tls_options().ca_pem(service.emulator.ca_pem()))
                           .total_timeout(total)
                           .retry(hk::retry_policy().base_delay(1ms).max_delay(5ms))
                           .observer(hk::observer(seen)));
    }

    /// Works until so many more tries have found the door shut.
    void be_refused(std::size_t times)
    {
        std::size_t const enough = seen->refused + times;
        step_until(service.io, [&] { return seen->refused >= enough; });
    }

    template <class T>
    hk::result<T> run(net::awaitable<T> call)
    {
        return service.run(std::move(call));
    }

    std::vector<std::string> log() const { return values(service.emulator, "orders"); }

    emulated service;
    door way;
    std::shared_ptr<tries> const seen = std::make_shared<tries>();
    std::optional<hk::client> client;
};

} // namespace

TEST_CASE("ten thousand sends over a service that is down, then up: none fails, in order, within the budget")
{
    outage test;
    std::size_t const budget = 100'000;
    hk::producer const producer(
        *test.client,
        hk::producer_options().max_batch_bytes(20'000).buffer_bytes(budget).buffer_records(2'000));
    sends all(test.service.io, producer);
    constexpr std::size_t count = 10'000;
    all.start_many("orders", count);
    std::size_t most_bytes = 0;
    auto const watched = [&](bool done) {
        most_bytes = std::max(most_bytes, producer.statistics().buffered_bytes);
        return done;
    };
    step_until(test.service.io, [&] { return watched(test.seen->refused >= 6); });
    CHECK(producer.statistics().waiting > count / 2);
    CHECK(producer.statistics().buffered_records == 2'000);
    CHECK(producer.statistics().failed == 0);
    test.way.open();
    step_until(test.service.io, [&] { return watched(all.all_ended()); });
    for (std::size_t i = 0; i != count; ++i)
        REQUIRE(all.claim(i) == hk::persistence::done);
    CHECK(test.log() == numbers(count));
    CHECK(most_bytes <= budget);
    auto const figures = producer.statistics();
    CHECK(figures.acknowledged == count);
    CHECK(figures.retries >= 6);
    CHECK(figures.buffered_records == 0);
}

TEST_CASE(
    "down in the middle of the work: what was under way may be there, everything else is, once, in order")
{
    outage test;
    test.way.open();
    hk::producer const producer(*test.client, hk::producer_options().max_batch_records(50));
    sends all(test.service.io, producer);
    all.start_many("orders", 2'000);
    step_until(test.service.io, [&] { return test.log().size() >= 500; });
    test.way.shut();
    test.be_refused(3);
    test.way.open();
    all.finish();
    std::size_t doubtful = 0;
    for (std::size_t i = 0; i != 2'000; ++i) {
        CHECK(all.claim(i) != hk::persistence::none);
        doubtful += all.claim(i) == hk::persistence::possibly ? 1 : 0;
    }
    CHECK(doubtful <= 50);
    auto const log = test.log();
    CHECK(log.size() >= 2'000 - doubtful);
    int last = -1;
    for (std::string const& one : log) {
        CHECK(std::stoi(one) > last);
        last = std::stoi(one);
    }
}

TEST_CASE("a send whose time is over during an outage was not written, and is told what stood in its way")
{
    outage test;
    hk::producer const producer(*test.client);
    sends all(test.service.io, producer);
    all.start_many("orders", 1);
    test.be_refused(3);
    auto const late = test.run(producer.send("orders", hk::record(1), hk::call_options().timeout(30ms)));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == hk::errc::timed_out);
    CHECK(late.error().info().retriable());
    check_what(late.error(), "send", "orders");
    test.way.open();
    all.finish();
    CHECK(all.claim(0) == hk::persistence::done);
    bool const there = test.log() == std::vector<std::string>{"0", "1"};
    CHECK(there == (late.error().info().persisted() == hk::persistence::possibly));
}

TEST_CASE("a record that nobody waits for has a time as well: the client's")
{
    outage test(100ms);
    hk::producer const producer(*test.client);
    hk::delivery const taken = producer.try_send("orders", hk::record(1));
    REQUIRE(taken);
    auto const told = test.run(taken.receipt(hk::call_options().timeout(60s)));
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == hk::errc::timed_out);
    CHECK(told.error().info().persisted() == hk::persistence::none);
    CHECK(std::string(told.error().what()).find("the last try") != std::string::npos);
    CHECK(producer.statistics().failed == 1);
    CHECK(producer.statistics().buffered_records == 0);
}

TEST_CASE("during an outage a send can be cancelled, and flush() and close() give up in their time")
{
    outage test;
    hk::producer const producer(*test.client);
    sends all(test.service.io, producer);
    all.start_many("orders", 2);
    running_call<hk::receipt> call(test.service.io, producer.send("orders", hk::record("taken back")));
    test.be_refused(2);
    call.cancel();
    CHECK(call.end.code() == aborted);
    auto const flushed = test.run(producer.flush(hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(flushed);
    CHECK(flushed.error().code() == hk::errc::timed_out);
    CHECK_FALSE(all.all_ended());
    auto const closed = test.run(producer.close(hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(closed);
    all.finish();
    for (std::size_t i = 0; i != 2; ++i)
        CHECK(all[i].code() == hk::errc::closed);
    CHECK(producer.statistics().buffered_records == 0);
    CHECK(test.log().empty());
}

TEST_CASE("flush() waits for the end of an outage")
{
    outage test;
    hk::producer const producer(*test.client, hk::producer_options().linger(1h));
    sends all(test.service.io, producer);
    all.start_many("orders", 3);
    running_call<void> flushing(test.service.io, producer.flush());
    test.be_refused(5);
    CHECK_FALSE(flushing.end.happened());
    test.way.open();
    work_until(test.service.io, [&] { return flushing.end.happened(); });
    CHECK(flushing.end.good());
    CHECK(test.log() == numbers(3));
}

TEST_CASE("closing the client or letting go of the producer ends the wait")
{
    for (bool const client : {false, true}) {
        outage test;
        std::optional<hk::producer> producer(std::in_place, *test.client);
        hk::delivery const taken = producer->try_send("orders", hk::record(1));
        test.be_refused(3);
        if (client)
            test.client->close();
        producer.reset();
        auto const told = test.run(taken.receipt());
        REQUIRE_FALSE(told);
        CHECK(told.error().code() == hk::errc::closed);
        CHECK(test.log().empty());
    }
}

TEST_CASE("the context may be destroyed during an outage")
{
    auto test = std::make_unique<outage>();
    {
        hk::producer const producer(*test->client);
        hk::delivery const taken = producer.try_send("orders", hk::record(1));
        CHECK(taken);
        test->be_refused(3);
        take_all_steps(test->service.io);
    }
    test.reset();
}

TEST_CASE("records wait for their topic's partitions as well, and go in order when the service is there")
{
    outage test;
    hk::producer const producer(*test.client, hk::producer_options().partitioner(hk::partitioner::murmur2));
    sends all(test.service.io, producer);
    for (int i = 0; i != 100; ++i)
        all.start("orders", hk::record("key", i));
    test.be_refused(4);
    auto const late =
        test.run(producer.send("orders", hk::record("key", 1), hk::call_options().timeout(5ms)));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == hk::errc::timed_out);
    CHECK(late.error().info().persisted() == hk::persistence::none);
    test.way.open();
    all.finish();
    for (std::size_t i = 0; i != 100; ++i)
        CHECK(all.claim(i) == hk::persistence::done);
    CHECK(test.log() == numbers(100));
}

TEST_CASE("once a service is known to be down, one lane tries for all of them")
{
    outage test;
    constexpr std::size_t lanes = 40;
    hk::producer const producer(*test.client);
    sends all(test.service.io, producer);
    for (std::size_t i = 0; i != lanes; ++i) {
        std::string const name = "topic" + std::to_string(i);
        test.service.emulator.add_topic(name);
        all.start(name, hk::record(1));
    }
    test.be_refused(lanes); // who had left before anybody knew
    step_until(test.service.io, [&] { return test.seen->now <= 1; });
    test.seen->most = test.seen->now;
    test.be_refused(4);
    CHECK(test.seen->most == 1);
    test.way.open();
    all.finish();
    for (std::size_t i = 0; i != lanes; ++i)
        CHECK(all.claim(i) == hk::persistence::done);
}

TEST_CASE("a service that has no time is asked again until there is none left, and others keep their place")
{
    outage test;
    test.way.open();
    for (int i = 0; i != 6; ++i) // more than a call's own retries
        test.service.emulator.inject(hk::emulator_fault::answer(429).on(hk::emulator_route::produce));
    hk::producer const producer(*test.client);
    sends all(test.service.io, producer);
    all.start_many("orders", 20);
    all.finish();
    for (std::size_t i = 0; i != 20; ++i)
        CHECK(all.claim(i) == hk::persistence::done);
    CHECK(test.log() == numbers(20));
    CHECK(producer.statistics().retries == 6);
}

TEST_CASE("a client that retries nothing gives up at once")
{
    emulated service;
    service.emulator.add_topic("orders");
    CHECK(service.run(service->topics())); // a token
    door const way(service.io, service.emulator.port());
    hk::client const client(service.io.get_executor(),
                            hk::client_options("https://127.0.0.1:" + std::to_string(way.port()))
                                .credential(hk::bearer_token("some-token"))
                                .tls(hk::tls_options().ca_pem(service.emulator.ca_pem()))
                                .retry(hk::retry_policy().max_retries(0)));
    hk::producer const producer(client);
    auto const sent = service.run(producer.send("orders", hk::record(1)));
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code() == hk::errc::connect_failed);
    CHECK(sent.error().info().persisted() == hk::persistence::none);
}
