// What a next() has begun goes on for the one after it; and every partition has its turn.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
namespace hk = hdikafka;

namespace {

hk::emulator_options slow(std::chrono::milliseconds latency)
{
    hk::emulator_options out;
    out.latency(latency);
    return out;
}

/// Reads on with calls that have so little time, until there are as many records.
by_partition read_in_short_turns(test::emulated& service, hk::record_stream& stream, std::size_t records)
{
    by_partition seen;
    std::size_t count = 0;
    for (int turn = 0; count < records; ++turn) {
        REQUIRE(turn < 10'000);
        auto const batch = service.run(stream.next(hk::call_options().timeout(20ms)));
        if (!batch) {
            CHECK(batch.error().code() == hk::errc::timed_out);
            continue;
        }
        REQUIRE(batch.value().has_value());
        test::note(seen, *batch.value());
        count += batch.value()->size();
    }
    return seen;
}

} // namespace

TEST_CASE("calls that have less time than an answer takes read everything, over the same connections")
{
    test::emulated service(slow(50ms));
    service.emulator.add_topic("orders", 2);
    test::fill(service.emulator, 100, 0);
    test::fill(service.emulator, 100, 1);
    hk::consume_options const options = hk::consume_options().max_records(20);
    std::size_t untimed = 0;
    SUBCASE("of one partition")
    {
        {
            auto stream = service->consume("orders", 0, hk::consume_options(options).until(hk::latest));
            while (service.run(stream.next()).value())
                ++untimed;
            CHECK(untimed == 5);
        }
        std::size_t const before = test::connections(service.emulator);
        auto stream = service->consume("orders", 0, options);
        CHECK(read_in_short_turns(service, stream, 100) == by_partition{{0, from_to(0, 100)}});
        CHECK(test::connections(service.emulator) == before);
    }
    SUBCASE("of all partitions")
    {
        auto stream = service->consume("orders", options);
        CHECK(read_in_short_turns(service, stream, 200) ==
              by_partition{{0, from_to(0, 100)}, {1, from_to(0, 100)}});
        CHECK(test::connections(service.emulator) <= hk::client_options().max_connections());
    }
}

TEST_CASE("when no next() waits, nothing is begun: a client at rest keeps no context busy")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    test::fill(service.emulator, 1);
    auto all = service->consume("orders", hk::consume_options().poll(1ms, 1ms));
    auto one = service->consume("orders", 1, hk::consume_options().poll(1ms, 1ms));
    CHECK(service.run(all.next()).value()->size() == 1);
    CHECK_FALSE(service.run(all.next(hk::call_options().timeout(20ms))));
    CHECK_FALSE(service.run(one.next(hk::call_options().timeout(20ms))));
    test::take_all_steps(service.io);
    std::size_t const before = service.emulator.calls().size();
    service.io.restart();
    service.io.run_for(50ms);
    CHECK(service.emulator.calls().size() == before);
}

TEST_CASE("a failure that came while nobody waited is told to the next one who does")
{
    test::emulated service(slow(20ms));
    service.client.emplace(service.io.get_executor(),
                           service.emulator.client_options().retry(hk::retry_policy().max_retries(0)));
    service.emulator.add_topic("orders");
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().from(0).max_records(5));
    service.emulator.inject(hk::emulator_fault::answer(503).on(hk::emulator_route::consume));
    REQUIRE_FALSE(service.run(stream.next(hk::call_options().timeout(10ms))));
    test::work_until(service.io,
                     [&] { return service.emulator.request_count(hk::emulator_route::consume) == 1; });
    service.io.restart();
    service.io.run_for(50ms);
    auto const told = service.run(stream.next());
    REQUIRE_FALSE(told);
    CHECK(told.error().info().http_status == 503);
    CHECK(service.run(stream.next()).value()->size() == 5);
}

TEST_CASE("a record of one partition waits for no more batches than there are partitions")
{
    test::emulated service(slow(2ms));
    service.emulator.add_topic("orders", 3);
    test::fill(service.emulator, 2'000, 0);
    test::fill(service.emulator, 2'000, 2);
    auto stream = service->consume("orders", hk::consume_options().max_records(5).poll(1ms, 2ms));
    for (int i = 0; i != 20; ++i)
        REQUIRE(service.run(stream.next()).value().has_value());
    test::fill(service.emulator, 1, 1);
    // The work on a batch: long enough for a poll, and for a read.
    int batches = 0;
    for (bool found = false; !found; ++batches) {
        REQUIRE(batches < 12);
        service.io.restart();
        service.io.run_for(10ms);
        found = service.run(stream.next()).value()->partition() == 1;
    }
    CHECK(batches <= 2 * 3); // a turn to see it, and one to hand it over
    CHECK(test::connections(service.emulator) <= hk::client_options().max_connections());
}

TEST_CASE("a pause counts at once, also for what is left of a batch; it is handed over later")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    test::fill(service.emulator, 4, 0);
    test::fill(service.emulator, 4, 1);
    auto stream = service->consume("orders", hk::consume_options().until(hk::latest));
    auto const first = service.run(stream.next_record()).value();
    REQUIRE(first.has_value());
    std::int32_t const paused = first->partition();
    stream.pause(paused);
    CHECK(stream.positions().at(paused) == 1);
    for (std::int64_t const offset : from_to(0, 4)) {
        auto const record = service.run(stream.next_record()).value();
        REQUIRE(record.has_value());
        CHECK(record->partition() != paused);
        CHECK(record->offset() == offset);
    }
    auto const nothing = service.run(stream.next_record(hk::call_options().timeout(10ms)));
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code() == hk::errc::timed_out);
    CHECK(stream.positions().at(paused) == 1);
    CHECK_FALSE(stream.caught_up());
    stream.resume(paused);
    for (std::int64_t const offset : from_to(1, 4))
        CHECK(service.run(stream.next_record()).value()->offset() == offset);
    CHECK_FALSE(service.run(stream.next_record()).value().has_value());
}

TEST_CASE("a stream over one partition can be paused as well: next() waits for the resumption, or its end")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().max_records(5));
    CHECK(service.run(stream.next_record()).value()->offset() == 0);
    stream.pause(0);
    CHECK(service.run(stream.next(hk::call_options().timeout(10ms))).error().code() == hk::errc::timed_out);
    {
        test::running_call<std::optional<hk::record_batch>> waits(service.io, stream.next());
        test::take_all_steps(service.io);
        CHECK_FALSE(waits.end.happened());
        stream.resume(0);
        test::work_until(service.io, [&] { return waits.end.happened(); });
        CHECK(waits.end.get().value()->size() == 4);
    }
    stream.pause(0);
    test::running_call<std::optional<hk::record_batch>> waits(service.io, stream.next());
    test::take_all_steps(service.io);
    CHECK_FALSE(waits.end.happened());
    stream.close();
    test::work_until(service.io, [&] { return waits.end.happened(); });
    CHECK(waits.end.code() == hk::errc::closed);
}

TEST_CASE("what is paused while it is read is read again when it goes on")
{
    test::emulated service(slow(20ms));
    service.emulator.add_topic("orders");
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().from(0).until(10).max_records(5));
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(10ms))));
    stream.pause(0);
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(50ms))));
    stream.resume(0);
    by_partition seen;
    while (auto const batch = service.run(stream.next()).value())
        test::note(seen, *batch);
    CHECK(seen == by_partition{{0, from_to(0, 10)}});
}
