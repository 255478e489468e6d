// Streams that read ahead, in parallel, over all partitions, from anywhere and past what is lost.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

using offsets = std::vector<std::int64_t>;
using by_partition = std::map<std::int32_t, offsets>;

/// Each record's value is its offset.
void fill(hk::emulator& emulator, int count, std::int32_t partition = 0)
{
    for (int i = 0; i < count; ++i)
        emulator.append("orders", hk::record(i).partition(partition));
}

/// Everything up to the stream's end; each batch is of one partition.
asio::awaitable<by_partition> read_all(hk::record_stream& stream)
{
    by_partition out;
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            out[batch->partition()].push_back(record.offset());
    co_return out;
}

offsets from_to(std::int64_t from, std::int64_t to)
{
    offsets out;
    for (; from < to; ++from)
        out.push_back(from);
    return out;
}

/// What streams passed over.
class skipped
{
public:
    void operator()(hk::records_skipped const& event)
    {
        all.emplace_back(event.from, event.to, event.cause);
        CHECK(event.topic == "orders");
        CHECK(event.partition == 0);
    }

    std::vector<std::tuple<std::int64_t, std::int64_t, hk::skip_cause>> all;
};

} // namespace

TEST_CASE("in parallel, ahead or one by one: the same records in the same order")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service.emulator, 1234);
    service.emulator.compact("orders", 0, 100, 200);
    service.emulator.inject_gap("orders", 0, 50);
    fill(service.emulator, 100);
    offsets expected = from_to(0, 100);
    for (std::int64_t const offset : from_to(200, 1234))
        expected.push_back(offset);
    for (std::int64_t const offset : from_to(1284, 1384))
        expected.push_back(offset);
    for (std::size_t const parallelism : {1U, 2U, 8U, 16U})
        for (std::size_t const ahead : {0U, 1U, 5U})
            for (int const count : {7, 100, 5000}) {
                CAPTURE(parallelism);
                CAPTURE(ahead);
                CAPTURE(count);
                auto const options = hk::consume_options()
                                         .until(hk::latest)
                                         .parallelism(parallelism)
                                         .read_ahead(ahead)
                                         .max_records(count);
                auto stream = service->consume("orders", 0, options);
                CHECK(service.run(read_all(stream)).value() == by_partition{{0, expected}});
                CHECK(stream.caught_up());
                CHECK(stream.position() == 1384);
            }
}

TEST_CASE("far behind, as many reads are under way as were asked for")
{
    hk::emulator_options slow;
    slow.latency(20ms);
    test::emulated service(std::move(slow));
    service.emulator.add_topic("orders");
    fill(service.emulator, 100);
    auto stream =
        service->consume("orders", 0, hk::consume_options().parallelism(4).read_ahead(2).max_records(10));
    CHECK(service.run(stream.next()).value()->size() == 10);
    // What was read ahead before the stream stopped asking is all that is read: nothing goes on by itself.
    service.io.restart();
    service.io.run_for(300ms);
    std::size_t reads = 0;
    for (auto const& call : service.emulator.calls())
        reads += call.route == hk::emulator_route::consume ? 1 : 0;
    CHECK(reads == 7);
}

TEST_CASE("a stream that is gone reads no further")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service.emulator, 1000);
    {
        auto stream = service->consume("orders", 0, hk::consume_options().parallelism(8).max_records(1));
        CHECK(service.run(stream.next()).value().has_value());
    }
    service.run(service->topics()).value();
    std::size_t const before = service.emulator.request_count(hk::emulator_route::consume);
    service.run(service->topics()).value();
    CHECK(service.emulator.request_count(hk::emulator_route::consume) == before);
}

TEST_CASE("a next() that ran out of time has lost nothing: what it waited for is there for the next one")
{
    test::emulated service;
    service.client.emplace(service.io.get_executor(),
                           service.emulator.client_options().retry(test::quickly(3)));
    service.emulator.add_topic("orders");
    fill(service.emulator, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().until(hk::latest).max_records(2));
    CHECK(service.run(stream.next()).value()->size() == 2);
    for (int i = 0; i < 20; ++i)
        service.emulator.inject(hk::emulator_fault::answer(503).on(hk::emulator_route::consume));
    offsets seen = from_to(0, 2);
    // Reads fail again and again; some calls give up, others report it.
    for (int i = 0; i < 2000 && seen.size() < 10; ++i) {
        auto batch = service.run(stream.next(hk::call_options().timeout(i % 2 == 0 ? 1ms : 1s)));
        if (batch)
            for (auto const& record : *batch.value())
                seen.push_back(record.offset());
    }
    CHECK(seen == from_to(0, 10));
    CHECK_FALSE(service.run(stream.next()).value().has_value());
}

TEST_CASE("all partitions in turn, each in its order, none for long")
{
    test::emulated service;
    service.emulator.add_topic("orders", 3);
    fill(service.emulator, 40, 0);
    fill(service.emulator, 10, 1);
    auto stream = service->consume("orders", hk::consume_options().until(hk::latest).max_records(5));
    CHECK(stream.position() == -1);
    CHECK(stream.positions().empty());
    std::vector<std::int32_t> turns;
    by_partition seen;
    while (auto batch = service.run(stream.next()).value()) {
        turns.push_back(batch->partition());
        for (auto const& record : *batch)
            seen[batch->partition()].push_back(record.offset());
    }
    CHECK(seen == by_partition{{0, from_to(0, 40)}, {1, from_to(0, 10)}});
    CHECK(turns.size() == 10);
    CHECK(stream.positions() == std::map<std::int32_t, std::int64_t>{{0, 40}, {1, 10}, {2, 0}});
    CHECK(stream.caught_up());
    // The short one is through long before the long one.
    auto const last_of_one = std::find(turns.rbegin(), turns.rend(), 1);
    CHECK(turns.rend() - last_of_one <= 6);
}

TEST_CASE("a paused partition gives nothing until it goes on, and keeps its position")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    fill(service.emulator, 20, 0);
    fill(service.emulator, 20, 1);
    auto stream = service->consume("orders", hk::consume_options().until(hk::latest).max_records(4));
    CHECK_THROWS_AS(stream.pause(0), hk::error);
    auto const first = service.run(stream.next()).value();
    REQUIRE(first.has_value());
    stream.pause(0);
    std::int64_t const position = stream.positions().at(0);
    offsets others;
    while (others.size() < (first->partition() == 1 ? 16U : 20U)) {
        auto const batch = service.run(stream.next()).value();
        REQUIRE(batch.has_value());
        CHECK(batch->partition() == 1);
        for (auto const& record : *batch)
            others.push_back(record.offset());
    }
    auto const nothing = service.run(stream.next(hk::call_options().timeout(20ms)));
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code() == hk::errc::timed_out);
    CHECK(stream.positions().at(0) == position);
    stream.resume(0);
    by_partition const rest = service.run(read_all(stream)).value();
    CHECK(rest == by_partition{{0, from_to(position, 20)}});
}

TEST_CASE("lag is told for each partition and for all")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    fill(service.emulator, 20, 0);
    fill(service.emulator, 7, 1);
    auto stream = service->consume("orders", hk::consume_options().max_records(5));
    CHECK(service.run(stream.lag()).value() == 27);
    auto const batch = service.run(stream.next()).value();
    std::map<std::int32_t, std::int64_t> expected{{0, 20}, {1, 7}};
    expected[batch->partition()] -= 5;
    CHECK(service.run(stream.lags()).value() == expected);
    CHECK(service.run(stream.lag()).value() == 22);
    service.emulator.truncate("orders", batch->partition(), 0);
    CHECK(service.run(stream.lags()).value().at(batch->partition()) == 0); // never less
}

TEST_CASE("the failure of one partition is told, and the others go on")
{
    test::emulated service;
    service.emulator.add_topic("orders", 2);
    fill(service.emulator, 10, 0);
    fill(service.emulator, 10, 1);
    service.emulator.trim("orders", 1, 5);
    auto stream = service->consume("orders", hk::consume_options().from(0).until(10).max_records(5));
    offsets seen;
    int failures = 0;
    for (int i = 0; i < 5; ++i) {
        auto const batch = service.run(stream.next());
        if (!batch) {
            CHECK(batch.error().code() == hk::errc::offset_below_earliest);
            ++failures;
            continue;
        }
        REQUIRE(batch.value().has_value());
        for (auto const& record : *batch.value())
            seen.push_back(record.offset());
    }
    CHECK(seen == from_to(0, 10));
    CHECK(failures == 3);
}

TEST_CASE("a cancelled next() over all partitions has lost nothing either")
{
    hk::emulator_options slow;
    slow.latency(1ms);
    test::emulated service(std::move(slow));
    service.emulator.add_topic("orders", 4);
    for (std::int32_t partition = 0; partition < 4; ++partition)
        fill(service.emulator, 50, partition);
    auto stream = service->consume(
        "orders", hk::consume_options().until(hk::latest).max_records(3).parallelism(2).poll(1ms, 2ms));
    by_partition seen;
    std::size_t cancelled = 0;
    for (int round = 0;; ++round) {
        test::running_call<std::optional<hk::record_batch>> call(service.io, stream.next());
        test::step_until(service.io, [&call] { return call.has_begun(); });
        std::size_t const steps = static_cast<std::size_t>(round) % 40;
        bool const through = test::take_steps(service.io, steps, [&call] { return call.end.happened(); });
        if (!through && round % 3 != 0)
            call.cancel();
        test::work_until(service.io, [&call] { return call.end.happened(); });
        if (!call.end.good()) {
            CHECK(call.end.code() == asio::error::operation_aborted);
            ++cancelled;
            continue;
        }
        auto const& batch = call.end.get().value();
        if (!batch)
            break;
        for (auto const& record : *batch)
            seen[batch->partition()].push_back(record.offset());
        REQUIRE(round < 10'000);
    }
    CHECK(cancelled > 0);
    for (std::int32_t partition = 0; partition < 4; ++partition)
        CHECK(seen[partition] == from_to(0, 50));
}

TEST_CASE("a topic that is made anew with more partitions has the new ones read from their beginning")
{
    test::emulated service;
    service.emulator.add_topic("orders", 1);
    fill(service.emulator, 3, 0);
    auto stream = service->consume(
        "orders", hk::consume_options().from(hk::latest).poll(1ms, 2ms).refresh_partitions(1ms));
    test::read_until_caught_up(service, stream);
    service.run(service->delete_topic("orders")).value();
    service.emulator.add_topic("orders", 2);
    fill(service.emulator, 3, 0);
    fill(service.emulator, 2, 1);
    auto const batch = service.run(stream.next()).value();
    REQUIRE(batch.has_value());
    CHECK(batch->partition() == 1);
    CHECK((*batch)[0].offset() == 0);
}

TEST_CASE("a stream begins before the end, or at a point in time")
{
    std::chrono::sys_time<std::chrono::milliseconds> now{1'000'000ms};
    hk::emulator_options options;
    options.clock([&now] { return now += 10ms; });
    test::emulated service(std::move(options));
    service.emulator.add_topic("orders");
    fill(service.emulator, 100);
    auto const read = [&service](hk::consume_options from) {
        auto stream = service->consume("orders", 0, from.until(hk::latest));
        auto all = service.run(read_all(stream)).value();
        return all.empty() ? offsets() : all.at(0);
    };
    CHECK(read(hk::consume_options().from_end(10)) == from_to(90, 100));
    CHECK(read(hk::consume_options().from_end(0)).empty());
    CHECK(read(hk::consume_options().from_end(1000)) == from_to(0, 100));

    auto const all = service.run(service->fetch("orders", 0, 0, 100)).value();
    for (std::size_t const which : {0U, 1U, 50U, 99U}) {
        auto const time = *all[which].timestamp();
        auto const offset = static_cast<std::int64_t>(which);
        CHECK(read(hk::consume_options().from(time)) == from_to(offset, 100));
        CHECK(read(hk::consume_options().from(time - 1ms)) == from_to(offset, 100));
        CHECK(read(hk::consume_options().from(time + std::chrono::microseconds(1))) ==
              from_to(offset + 1, 100));
    }
    CHECK(read(hk::consume_options().from(std::chrono::sys_seconds(1s))) == from_to(0, 100));
    CHECK(read(hk::consume_options().from(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1))).empty());
}

TEST_CASE("policies go on where an error would end the stream, and say what was lost")
{
    skipped lost;
    test::emulated service(hk::emulator_options().read_cap(2000));
    service.emulator.add_topic("orders");
    fill(service.emulator, 10);
    hk::client const client(service.io.get_executor(),
                            service.emulator.client_options().observer(
                                hk::observer([&lost](hk::records_skipped const& event) { lost(event); })));
    using cause = hk::skip_cause;

    SUBCASE("records that retention deleted")
    {
        service.emulator.trim("orders", 0, 6);
        auto stream = client.consume(
            "orders", 0, hk::consume_options().from(2).until(hk::latest).on_out_of_range(hk::earliest));
        CHECK(service.run(read_all(stream)).value() == by_partition{{0, from_to(6, 10)}});
        CHECK(lost.all == std::vector{std::tuple(std::int64_t{2}, std::int64_t{6}, cause::retention)});
    }
    SUBCASE("a topic that became shorter")
    {
        auto stream = client.consume(
            "orders", 0, hk::consume_options().from(9).poll(1ms, 2ms).on_out_of_range(hk::latest));
        CHECK(service.run(stream.next()).value()->size() == 1);
        service.emulator.truncate("orders", 0, 4);
        CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(100ms))));
        fill(service.emulator, 1);
        CHECK((*service.run(stream.next()).value())[0].offset() == 4);
        CHECK(lost.all == std::vector{std::tuple(std::int64_t{10}, std::int64_t{4}, cause::truncated)});
    }
    SUBCASE("records that the service cannot return")
    {
        service.emulator.append("orders", hk::record(std::string(5000, 'x')).partition(0));
        service.emulator.append("orders", hk::record(std::string(5000, 'x')).partition(0));
        fill(service.emulator, 3);
        auto stream = client.consume("orders", 0,
                                     hk::consume_options()
                                         .until(hk::latest)
                                         .poll(1ms, 2ms)
                                         .unreadable_after(20ms)
                                         .on_unreadable(hk::skip));
        offsets expected = from_to(0, 10);
        for (std::int64_t const offset : from_to(12, 15))
            expected.push_back(offset);
        CHECK(service.run(read_all(stream)).value() == by_partition{{0, expected}});
        CHECK(lost.all == std::vector{std::tuple(std::int64_t{10}, std::int64_t{12}, cause::unreadable)});
    }
}
