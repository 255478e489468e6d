// Streams over a partition of the emulator.
#include "support/emulator/emulated.hpp"

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

using offsets = std::vector<std::int64_t>;

void fill(test::emulated& service, int count, std::string const& topic = "orders")
{
    for (int i = 0; i < count; ++i)
        service.emulator.append(topic, hk::record(i).partition(0));
}

/// The offsets of everything up to the stream's end.
asio::awaitable<offsets> read_all(hk::record_stream& stream)
{
    offsets out;
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            out.push_back(record.offset());
    co_return out;
}

offsets from_to(std::int64_t from, std::int64_t to)
{
    offsets out;
    for (; from < to; ++from)
        out.push_back(from);
    return out;
}

} // namespace

TEST_CASE("a stream hands over everything between its start and its end, once and in order")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service, 25);
    auto const read = [&service](hk::consume_options options) {
        auto stream = service->consume("orders", 0, options);
        auto out = service.run(read_all(stream)).value();
        return out;
    };
    hk::consume_options const by_tens = hk::consume_options().max_records(10);
    CHECK(read(hk::consume_options(by_tens).until(hk::latest)) == from_to(0, 25));
    CHECK(read(hk::consume_options(by_tens).from(7).until(19)) == from_to(7, 19));
    CHECK(read(hk::consume_options(by_tens).from(7).until(7)).empty());
    CHECK(read(hk::consume_options(by_tens).from(9).until(3)).empty());
    CHECK(read(hk::consume_options(by_tens).from(hk::latest).until(hk::latest)).empty());
    CHECK(read(hk::consume_options().max_records(1).from(20).until(hk::latest)) == from_to(20, 25));
}

TEST_CASE("an empty topic ends at once when it is read until its end")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    auto stream = service->consume("orders", 0, hk::consume_options().until(hk::latest));
    CHECK_FALSE(service.run(stream.next()).value().has_value());
    CHECK_FALSE(service.run(stream.next()).value().has_value());
    CHECK(stream.position() == 0);
}

TEST_CASE("gaps and all forms of NextOffset are passed over")
{
    for (auto const next_offset : {hk::emulator_next_offset::exact, hk::emulator_next_offset::absent,
                                   hk::emulator_next_offset::asked}) {
        test::emulated service(hk::emulator_options().next_offset(next_offset));
        service.emulator.add_topic("orders");
        fill(service, 10);
        service.emulator.inject_gap("orders", 0, 5);
        fill(service, 10);
        service.emulator.compact("orders", 0, 2, 5);
        auto stream = service->consume("orders", 0, hk::consume_options().until(hk::latest).max_records(3));
        offsets expected = from_to(0, 2);
        for (auto const offset : from_to(5, 10))
            expected.push_back(offset);
        for (auto const offset : from_to(15, 25))
            expected.push_back(offset);
        CHECK(service.run(read_all(stream)).value() == expected);
    }
}

TEST_CASE("a stream without an end follows the partition")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service, 2);
    auto stream = service->consume("orders", 0, hk::consume_options().poll(1ms, 4ms));
    CHECK(service.run(stream.next()).value()->size() == 2);

    // Nothing more: the timeout ends the wait and consumes nothing.
    auto const nothing = service.run(stream.next(hk::call_options().timeout(30ms)));
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code() == hk::errc::timed_out);
    CHECK(nothing.error().info().operation == "consume");
    CHECK(stream.position() == 2);
    test::read_until_caught_up(service, stream);
    CHECK(service.run(stream.lag()).value() == 0);

    fill(service, 1);
    CHECK(service.run(stream.lag()).value() == 1);
    auto const more = service.run(stream.next()).value();
    REQUIRE(more.has_value());
    CHECK((*more)[0].offset() == 2);
    CHECK(stream.position() == 3);
}

TEST_CASE("a cancelled next() consumes nothing")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    auto stream = service->consume("orders", 0, hk::consume_options().poll(1ms, 4ms));
    asio::cancellation_signal signal;
    std::optional<std::error_code> ended;
    asio::co_spawn(service.io, hk::as_result(stream.next()),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, auto outcome) {
                       ended = outcome ? std::error_code() : outcome.error().code();
                   }));
    test::step_until(service.io,
                     [&] { return service.emulator.request_count(hk::emulator_route::consume) >= 3; });
    signal.emit(asio::cancellation_type::terminal);
    test::step_until(service.io, [&] { return ended.has_value(); });
    CHECK(*ended == asio::error::operation_aborted);

    fill(service, 3);
    CHECK(service.run(stream.next()).value()->size() == 3);
}

TEST_CASE("only one next() at a time, and close() ends it")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    auto stream = service->consume("orders", 0, hk::consume_options().poll(1ms, 4ms));
    std::optional<std::error_code> ended;
    asio::co_spawn(service.io, hk::as_result(stream.next()), [&](std::exception_ptr, auto outcome) {
        ended = outcome ? std::error_code() : outcome.error().code();
    });
    test::step_until(service.io,
                     [&] { return service.emulator.request_count(hk::emulator_route::consume) >= 1; });
    auto const second = service.run(stream.next());
    REQUIRE_FALSE(second);
    CHECK(second.error().code() == hk::errc::already_running);
    CHECK_FALSE(ended.has_value());
    stream.close();
    test::step_until(service.io, [&] { return ended.has_value(); });
    CHECK(*ended == hk::errc::closed);
    auto const later = service.run(stream.next());
    REQUIRE_FALSE(later);
    CHECK(later.error().code() == hk::errc::closed);
}

TEST_CASE("records one at a time, mixed with batches")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service, 5);
    auto stream = service->consume("orders", 0, hk::consume_options().until(hk::latest).max_records(3));
    auto const first = service.run(stream.next_record()).value();
    REQUIRE(first.has_value());
    CHECK(first->offset() == 0);
    CHECK(stream.position() == 1);
    auto const second = service.run(stream.next_record()).value();
    CHECK(second->offset() == 1);
    auto const rest = service.run(stream.next()).value();
    REQUIRE(rest->size() == 1);
    CHECK((*rest)[0].offset() == 2);
    CHECK(service.run(stream.next_record()).value()->offset() == 3);
    CHECK(service.run(stream.next_record()).value()->offset() == 4);
    CHECK_FALSE(service.run(stream.next_record()).value().has_value());
    CHECK(first->value().as_int64() == 0);
}

TEST_CASE("what retention deleted before it was read is an error that names the offsets")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service, 10);
    auto stream = service->consume("orders", 0,
                                   hk::consume_options().from(0).max_records(2).read_ahead(0).poll(1ms, 2ms));
    CHECK(service.run(stream.next()).value()->size() == 2);
    service.emulator.trim("orders", 0, 6);
    auto const lost = service.run(stream.next());
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code() == hk::errc::offset_below_earliest);
    CHECK(lost.error().cause().find("2 to 5") != std::string::npos);

    auto const earliest = hk::consume_options().until(hk::latest);
    auto fresh = service->consume("orders", 0, earliest);
    CHECK(service.run(read_all(fresh)).value() == from_to(6, 10));
}

TEST_CASE("a topic that became shorter is an error of its own")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    fill(service, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().from(8).poll(1ms, 2ms));
    CHECK(service.run(stream.next()).value()->size() == 2);
    service.emulator.truncate("orders", 0, 4);
    auto const shorter = service.run(stream.next());
    REQUIRE_FALSE(shorter);
    CHECK(shorter.error().code() == hk::errc::offset_above_latest);
    CHECK(shorter.error().info().topic == "orders");
}

TEST_CASE("a record that the service cannot return is an error, not a standstill")
{
    test::emulated service(hk::emulator_options().read_cap(2000));
    service.emulator.add_topic("orders");
    fill(service, 2);
    service.emulator.append("orders", hk::record(std::string(5000, 'x')).partition(0));
    fill(service, 2);
    auto stream = service->consume(
        "orders", 0, hk::consume_options().until(hk::latest).poll(1ms, 2ms).unreadable_after(20ms));
    CHECK(service.run(stream.next()).value()->size() == 2);
    auto const stuck = service.run(stream.next());
    REQUIRE_FALSE(stuck);
    CHECK(stuck.error().code() == hk::errc::unreadable_record);
    CHECK(stream.position() == 2);
}

TEST_CASE("options that make no sense are told by the first next()")
{
    test::emulated service;
    auto const refused = [&service](hk::consume_options options) {
        auto stream = service->consume("orders", 0, options);
        auto const outcome = service.run(stream.next());
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().info().operation == "consume");
        CHECK(service.emulator.calls().empty());
        return outcome.error().code();
    };
    CHECK(refused(hk::consume_options().from(-1)) == hk::errc::invalid_offset);
    CHECK(refused(hk::consume_options().until(-1)) == hk::errc::invalid_offset);
    CHECK(refused(hk::consume_options().until(hk::earliest)) == hk::errc::invalid_option);
    CHECK(refused(hk::consume_options().max_records(0)) == hk::errc::invalid_count);
    CHECK(refused(hk::consume_options().poll(0ms, 1ms)) == hk::errc::invalid_option);
    CHECK(refused(hk::consume_options().poll(2ms, 1ms)) == hk::errc::invalid_option);
}
