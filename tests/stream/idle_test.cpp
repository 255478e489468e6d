// Partitions that have nothing, are not there yet, cannot be read, or are another server's.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
namespace hk = hdikafka;

namespace {

using lags = std::map<std::int32_t, std::int64_t>;

hk::consume_options polling() { return hk::consume_options().poll(1ms, 2ms); }

std::size_t count(test::emulated const& service, hk::emulator_route route)
{
    return service.emulator.request_count(route);
}

} // namespace

TEST_CASE("partitions that have nothing to read cost one request a poll, for all of them")
{
    test::emulated service;
    service.emulator.add_topic("orders", 200);
    auto stream = service->consume("orders", polling());
    test::running_call<std::optional<hk::record_batch>> call(service.io, stream.next());
    test::work_until(service.io, [&] { return stream.caught_up(); });
    std::size_t const lists = count(service, hk::emulator_route::partitions);
    std::size_t const all = service.emulator.calls().size();
    test::work_until(service.io,
                     [&] { return count(service, hk::emulator_route::partitions) >= lists + 20; });
    CHECK(service.emulator.calls().size() - all <=
          count(service, hk::emulator_route::partitions) - lists + 1);
    test::fill(service.emulator, 1, 137);
    test::work_until(service.io, [&] { return call.end.happened(); });
    CHECK(call.end.get().value()->partition() == 137);
}

TEST_CASE("a stream over one partition polls it alone")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    auto stream = service->consume("orders", 0, polling());
    test::running_call<std::optional<hk::record_batch>> call(service.io, stream.next());
    test::work_until(service.io, [&] { return count(service, hk::emulator_route::consume) > 1; });
    CHECK_FALSE(call.end.happened());
    CHECK(count(service, hk::emulator_route::partitions) == 0);
}

TEST_CASE("a stream over one partition polls as often where that ends with markers")
{
    hk::emulator_quirks quirks;
    quirks.gap_next_offset(hk::emulator_next_offset::asked);
    test::emulated service(hk::emulator_options().quirks(quirks));
    service.emulator.add_topic("orders");
    service.emulator.inject_gap("orders", 0, 3);
    auto stream = service->consume("orders", 0, polling().unreadable_after(5ms));
    test::running_call<std::optional<hk::record_batch>> call(service.io, stream.next());
    test::work_until(service.io, [&] { return stream.caught_up(); });
    std::size_t const reads = count(service, hk::emulator_route::consume);
    test::work_until(service.io, [&] { return count(service, hk::emulator_route::consume) >= reads + 40; });
    test::fill(service.emulator, 1, 0);
    test::work_until(service.io, [&] { return call.end.happened(); });
    CHECK((*call.end.get().value())[0].offset() == 3);
}

TEST_CASE("a failure that stays is told once while another partition may have something some time")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    test::fill(service.emulator, 10, 1);
    service.emulator.trim("orders", 1, 5);
    auto stream = service->consume("orders", polling().from(0));
    CHECK(service.run(stream.next()).error().code() == hk::errc::offset_below_earliest);
    auto const waited = service.run(stream.next(hk::call_options().timeout(50ms)));
    REQUIRE_FALSE(waited);
    CHECK(waited.error().code() == hk::errc::timed_out);
    test::fill(service.emulator, 1, 0);
    CHECK(service.run(stream.next()).value()->partition() == 0);
}

TEST_CASE("a topic that shows no partitions yet is waited for, but not by a stream that ends")
{
    test::emulated service;
    service.emulator.add_topic("orders", 0);
    auto ends = service->consume("orders", polling().until(hk::latest));
    CHECK_FALSE(service.run(ends.next()).value().has_value());

    auto stream = service->consume("orders", polling());
    test::running_call<std::optional<hk::record_batch>> call(service.io, stream.next());
    test::work_until(service.io, [&] { return count(service, hk::emulator_route::partitions) >= 4; });
    CHECK_FALSE(call.end.happened());
    CHECK_FALSE(stream.caught_up());
    service.emulator.add_partitions("orders", 2);
    test::fill(service.emulator, 1, 1);
    test::work_until(service.io, [&] { return call.end.happened(); });
    CHECK(call.end.get().value()->partition() == 1);
}

TEST_CASE("each of several servers reads its share, also of partitions that are added later")
{
    test::emulated service;
    service.emulator.add_topic("orders", 5);
    for (std::int32_t id = 0; id != 5; ++id)
        test::fill(service.emulator, 2, id);
    by_partition seen;
    for (std::int32_t index = 0; index != 3; ++index) {
        auto stream = service->consume("orders", polling().until(hk::latest).share(index, 3));
        while (auto const batch = service.run(stream.next()).value()) {
            CHECK(batch->partition() % 3 == index);
            test::note(seen, *batch);
        }
        CHECK(stream.positions().contains(index));
    }
    CHECK(seen.size() == 5);
    CHECK(seen.at(4) == from_to(0, 2));

    auto stream = service->consume("orders", polling().from(hk::latest).share(1, 3).refresh_partitions(1ms));
    test::read_until_caught_up(service, stream);
    service.emulator.add_partitions("orders", 9);
    for (std::int32_t id = 5; id != 9; ++id)
        test::fill(service.emulator, 1, id);
    CHECK(service.run(stream.next()).value()->partition() == 7);
    CHECK(service.run(stream.lags()).value() == lags{{1, 0}, {4, 0}, {7, 0}});
}

TEST_CASE("a partition that appears while the stream runs is behind by all it has, until that is read")
{
    test::emulated service;
    service.emulator.add_topic("orders", 1);
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", polling().from(hk::latest));
    CHECK(service.run(stream.lag()).value() == 0);
    test::read_until_caught_up(service, stream);
    service.emulator.add_partitions("orders", 2);
    test::fill(service.emulator, 5, 1);
    CHECK(service.run(stream.lags()).value() == lags{{0, 0}, {1, 5}});
    CHECK_FALSE(stream.caught_up());
    auto const batch = service.run(stream.next()).value();
    CHECK(batch->partition() == 1);
    CHECK(batch->size() == 5);
    CHECK(service.run(stream.lag()).value() == 0);
}

TEST_CASE("a partition without a leader holds up nobody, and is read when it has one")
{
    test::emulated service;
    service.emulator.add_topic("orders", 3);
    for (std::int32_t id = 0; id != 3; ++id)
        test::fill(service.emulator, 3, id);
    service.emulator.lose_leader("orders", 1);
    auto stream = service->consume("orders", polling());
    by_partition seen;
    while (seen.size() < 2)
        test::note(seen, *service.run(stream.next()).value());
    CHECK(seen == by_partition{{0, from_to(0, 3)}, {2, from_to(0, 3)}});
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
    CHECK_FALSE(stream.caught_up());
    CHECK(service.run(stream.lags()).value() == lags{{0, 0}, {2, 0}});
    service.emulator.elect_leader("orders", 1);
    auto const back = service.run(stream.next()).value();
    CHECK(back->partition() == 1);
    CHECK(back->size() == 3);
}
