// A stream holds no more bytes than it may, whatever it reads and however slowly it is read.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
namespace hk = hdikafka;

namespace {

/// How many bytes came in bodies, about: what came over the wire.
class traffic
{
public:
    hk::observer watch()
    {
        return hk::observer([this](hk::attempt_ended const& event) { bytes += event.bytes_received; });
    }

    std::uint64_t bytes = 0;
};

} // namespace

TEST_CASE("of many partitions with large records a stream that is not read holds its budget and no more")
{
    traffic seen;
    test::emulated service;
    service.client.emplace(service.io.get_executor(),
                           service.emulator.client_options().observer(seen.watch()));
    service.emulator.add_topic("orders", 30);
    for (std::int32_t id = 0; id != 30; ++id)
        test::fill(service.emulator, 40, id, 12'000); // 14 MB in all
    auto stream = service->consume("orders", hk::consume_options().until(hk::latest).buffer_bytes(2'000'000));
    auto const first = service.run(stream.next()).value();
    service.io.restart();
    service.io.run_for(200ms);
    CHECK(seen.bytes < 3'000'000);
    by_partition all;
    test::note(all, *first);
    while (auto const batch = service.run(stream.next()).value())
        test::note(all, *batch);
    CHECK(all.size() == 30);
    for (auto const& [id, offsets] : all)
        CHECK(offsets == from_to(0, 40));
    CHECK(test::connections(service.emulator) <= 2 * hk::client_options().max_connections());
}

TEST_CASE("a budget smaller than any record still lets all of them through, one after the other")
{
    test::emulated service;
    service.emulator.add_topic("orders", 3);
    for (std::int32_t id = 0; id != 3; ++id)
        test::fill(service.emulator, 4, id, 5'000);
    for (std::size_t const parallelism : {1U, 4U}) {
        auto stream = service->consume(
            "orders", hk::consume_options().until(hk::latest).buffer_bytes(1'000).parallelism(parallelism));
        by_partition all;
        while (auto const batch = service.run(stream.next()).value())
            test::note(all, *batch);
        CHECK(all == by_partition{{0, from_to(0, 4)}, {1, from_to(0, 4)}, {2, from_to(0, 4)}});
    }
}

TEST_CASE("what a paused partition keeps does not keep the others from reading")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    test::fill(service.emulator, 20, 0, 5'000);
    test::fill(service.emulator, 20, 1, 5'000);
    auto stream = service->consume(
        "orders", hk::consume_options().until(hk::latest).buffer_bytes(60'000).max_records(10));
    auto const first = service.run(stream.next_record()).value();
    std::int32_t const paused = first->partition();
    stream.pause(paused);
    for (std::int64_t const offset : from_to(0, 20)) {
        auto const record = service.run(stream.next_record()).value();
        CHECK(record->partition() != paused);
        CHECK(record->offset() == offset);
    }
    stream.resume(paused);
    for (std::int64_t const offset : from_to(1, 20))
        CHECK(service.run(stream.next_record()).value()->offset() == offset);
    CHECK_FALSE(service.run(stream.next_record()).value().has_value());
}

TEST_CASE("who is paused while there is no room for him goes on when both are over")
{
    test::emulated service;
    service.emulator.add_topic("orders", 3);
    for (std::int32_t id = 0; id != 3; ++id)
        test::fill(service.emulator, 3, id, 5'000);
    auto stream =
        service->consume("orders", hk::consume_options().until(hk::latest).buffer_bytes(1'000).read_ahead(0));
    by_partition all;
    std::int32_t const first = service.run(stream.next_record()).value()->partition();
    all[first].push_back(0);
    for (std::int32_t id = 0; id != 3; ++id)
        stream.pause(id);
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(10ms))));
    for (std::int32_t id = 0; id != 3; ++id)
        stream.resume(id);
    while (auto const batch = service.run(stream.next()).value())
        test::note(all, *batch);
    CHECK(all == by_partition{{0, from_to(0, 3)}, {1, from_to(0, 3)}, {2, from_to(0, 3)}});
}

TEST_CASE("one record of another size among small ones comes through a small budget")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    test::fill(service.emulator, 100, 0, 10);
    test::fill(service.emulator, 1, 0, 300'000);
    test::fill(service.emulator, 100, 0, 10);
    auto stream = service->consume(
        "orders", 0, hk::consume_options().until(hk::latest).buffer_bytes(20'000).max_records(50));
    by_partition all;
    while (auto const batch = service.run(stream.next()).value())
        test::note(all, *batch);
    CHECK(all == by_partition{{0, from_to(0, 201)}});
}
