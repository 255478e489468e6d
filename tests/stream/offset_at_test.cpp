// The offset for a point in time, and what a stream says of where to go on, against services that say odd
// things.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using namespace test;

namespace {

hk::emulator_time at(int second) { return hk::emulator_time(std::chrono::seconds(second)); }

/// Records a second apart, from the time 1,000 s on.
void write(hk::emulator& emulator, int count)
{
    emulator.add_topic("orders");
    for (int i = 0; i != count; ++i)
        emulator.append("orders", hk::record(i).partition(0), at(1'000 + i));
}

} // namespace

TEST_CASE("offset_at gives the first record that is not older")
{
    emulated service;
    write(service.emulator, 1'500);
    auto const offset = [&](auto time) { return service.run(service->offset_at("orders", 0, time)).value(); };
    CHECK(offset(at(1)) == 0);
    CHECK(offset(at(1'000)) == 0);
    CHECK(offset(at(1'001)) == 1);
    CHECK(offset(at(1'000) + 1ns) == 1);
    CHECK(offset(at(1'777)) == 777);
    CHECK(offset(at(2'499)) == 1'499);
    CHECK(offset(at(2'500)) == 1'500); // none is: the high watermark
}

TEST_CASE("offset_at is where a stream from that time begins, whatever a timestamp in between says")
{
    emulated service;
    service.emulator.add_topic("orders");
    for (int i = 0; i != 100; ++i)
        service.emulator.append("orders", hk::record(i).partition(0),
                                i == 49 || i == 50 ? at(0) : at(1'000 + i));
    for (int second : {1'010, 1'048, 1'049, 1'051, 1'090}) {
        CAPTURE(second);
        auto const offset = service.run(service->offset_at("orders", 0, at(second))).value();
        CHECK(offset <= second - 1'000 + (second == 1'049 ? 2 : 0));
        for (std::size_t const parallelism : {std::size_t{1}, std::size_t{4}}) {
            auto stream = service->consume(
                "orders", 0,
                hk::consume_options().from(at(second)).until(hk::latest).parallelism(parallelism));
            auto const first = service.run(stream.next()).value();
            REQUIRE(first.has_value());
            CHECK((*first)[0].offset() == offset);
        }
    }
}

TEST_CASE("offset_at of a partition without records is where the next one comes")
{
    emulated service;
    write(service.emulator, 10);
    CHECK(service.run(service->offset_at("orders", 0, at(5'000))).value() == 10);
    service.emulator.trim("orders", 0, 10);
    CHECK(service.run(service->offset_at("orders", 0, at(1))).value() == 10);
}

TEST_CASE("offset_at waits out a service that is silent for a while, up to its own deadline")
{
    emulated service;
    write(service.emulator, 20);
    service.emulator.silence(2);
    CHECK(service.run(service->offset_at("orders", 0, at(1'007))).value() == 7);

    service.emulator.lose_leader("orders", 0);
    auto const leaderless = service.run(service->offset_at("orders", 0, at(1'007)));
    REQUIRE_FALSE(leaderless);
    CHECK(leaderless.error().code() == hk::errc::service_failed);
    CHECK(leaderless.error().info().retriable());
    service.emulator.elect_leader("orders", 0);

    service.emulator.silence(hk::emulator_forever);
    hk::call_options soon;
    soon.timeout(20ms);
    auto const late = service.run(service->offset_at("orders", 0, at(1'007), soon));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == hk::errc::timed_out);
}

TEST_CASE("offset_at says what is wrong with its arguments before anything is sent")
{
    emulated service;
    service.emulator.forget_calls();
    auto const topic = service.run(service->offset_at("no/topic", 0, at(1)));
    REQUIRE_FALSE(topic);
    CHECK(topic.error().code() == hk::errc::invalid_topic);
    auto const partition = service.run(service->offset_at("orders", -1, at(1)));
    REQUIRE_FALSE(partition);
    CHECK(partition.error().code() == hk::errc::invalid_partition);
    CHECK(service.emulator.calls().empty());
    auto const missing = service.run(service->offset_at("missing", 0, at(1)));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code() == hk::errc::not_found);
}

TEST_CASE("a batch of a stream does not go on behind the end, whatever NextOffset says")
{
    std::string const record = R"([{"key":null,"value":1,"partition":0,"offset":0}])";
    std::string const partition =
        R"({"partition_id":0,"earliest_offset":0,"latest_offset":1,"leader":{"id":1}})";
    auto const answer = [&](seen_request const& asked) {
        bool const reads = asked.line.find("/consumer/") != std::string::npos;
        return reads ? http(200, record, "NextOffset: 9000000000000000000\r\n") : http(200, partition);
    };
    scripted_server const server(script().read().answer(answer).forever(), std::nullopt);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).allow_plain_http_to_loopback().retry(quickly(0)));
    auto stream = client.consume("orders", 0, hk::consume_options().from(hk::earliest).read_ahead(0));
    auto const batch = run(io, stream.next());
    REQUIRE(batch.good());
    REQUIRE(batch.get().value().has_value());
    CHECK(batch.get().value()->size() == 1);
    CHECK(batch.get().value()->next_offset() == 1);
    CHECK(stream.position() == 1);
}
