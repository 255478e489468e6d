// Streams that start at a point in time, over TLS: single records are looked at, one after the other.
#include "support/emulator/served_emulator.hpp"
#include "support/net/running.hpp"

#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;
namespace net = asio;

namespace {

/// Topics whose record n was written at the time n, in milliseconds since 1970.
class service
{
public:
    service() : served_(options())
    {
        served_.emulator.add_topic("orders", 3);
        for (int i = 0; i != records; ++i)
            for (std::int32_t partition = 0; partition != 3; ++partition) {
                now_->store(i);
                served_.emulator.append("orders", hk::record(i).partition(partition));
            }
        client.emplace(io.get_executor(), served_.emulator.client_options());
    }

    hk::emulator& emulator() { return served_.emulator; }

    /// Another client, which asks again when the service has been silent for so long.
    void give_up_after(hk::milliseconds silence)
    {
        client.emplace(io.get_executor(), served_.emulator.client_options().idle_timeout(silence));
    }

    /// How many records have been asked for.
    std::size_t reads() { return served_.emulator.request_count(hk::emulator_route::consume); }

    static constexpr int records = 700;

private:
    hk::emulator_options options()
    {
        hk::emulator_options out;
        out.clock([now = now_] { return hk::emulator_time(std::chrono::milliseconds(now->load())); });
        return out;
    }

    std::shared_ptr<std::atomic<int>> now_ = std::make_shared<std::atomic<int>>(0);
    test::served_emulator served_;

public:
    asio::io_context io;
    std::optional<hk::client> client;
};

hk::consume_options from(int time)
{
    return hk::consume_options().from(hk::emulator_time(std::chrono::milliseconds(time))).until(hk::latest);
}

/// The first offset that a stream hands over.
std::int64_t first_offset(service& there, hk::record_stream& stream)
{
    auto const end = test::run(there.io, stream.next());
    REQUIRE(end.good());
    REQUIRE(end.get().value().has_value());
    return (*end.get().value())[0].offset();
}

} // namespace

TEST_CASE("a stream starts at a point in time with any number of connections")
{
    service there;
    for (std::size_t const parallelism : {std::size_t{1}, std::size_t{3}, std::size_t{16}, std::size_t{40}})
        for (int const time : {0, 1, 350, 698, 699}) {
            auto stream = there.client->consume("orders", 0, from(time).parallelism(parallelism));
            CHECK(first_offset(there, stream) == time);
        }
    auto all = there.client->consume("orders", from(500).parallelism(8).read_ahead(0));
    CHECK(first_offset(there, all) == 500);
    auto late = there.client->consume("orders", 0, from(1'000'000));
    auto const end = test::run(there.io, late.next());
    REQUIRE(end.good());
    CHECK_FALSE(end.get().value().has_value());
}

TEST_CASE("a search whose answers would be larger than the budget asks for fewer records")
{
    service there;
    for (int const time : {1, 350, 699}) {
        auto stream = there.client->consume("orders", 0, from(time).buffer_bytes(2'000));
        CHECK(first_offset(there, stream) == time);
    }
}

TEST_CASE("a search has one read under way, however many connections the stream has")
{
    service there;
    there.give_up_after(1s);
    there.emulator().inject(hk::emulator_fault::stall().on(hk::emulator_route::consume));
    auto stream = there.client->consume("orders", 0, from(350).parallelism(6));
    test::running_call<std::optional<hk::record_batch>> call(there.io, stream.next());
    test::work_until(there.io, [&there] { return there.reads() == 1; }); // and it is not answered
    there.io.restart();
    there.io.poll();
    CHECK(there.reads() == 1);
    SUBCASE("and leaves none behind when it is cancelled, and is made again by the next call")
    {
        call.cancel();
        CHECK(call.end.code() == asio::error::operation_aborted);
        CHECK(stream.position() == -1);
        CHECK(first_offset(there, stream) == 350);
    }
    SUBCASE("and ends when the stream is closed")
    {
        stream.close();
        there.io.restart();
        there.io.run(); // nothing is left to do
        CHECK(call.end.code() == hk::errc::closed);
    }
    SUBCASE("and ends when the client is closed")
    {
        there.client->close();
        there.io.restart();
        there.io.run();
        CHECK(call.end.code() == hk::errc::closed);
    }
    SUBCASE("and goes with its context") {}
}

TEST_CASE("searches of many streams go on at the same time, on several threads")
{
    service there;
    net::thread_pool threads(4);
    hk::client const client(threads.get_executor(), there.emulator().client_options());
    std::vector<hk::record_stream> streams;
    std::vector<std::future<std::optional<hk::record_batch>>> batches;
    for (int i = 0; i != 12; ++i)
        streams.push_back(
            client.consume("orders", i % 3, from(50 * i).parallelism(static_cast<std::size_t>(1 + i))));
    for (auto& stream : streams)
        batches.push_back(net::co_spawn(threads, stream.next(), net::use_future));
    for (std::size_t i = 0; i != batches.size(); ++i) {
        auto const batch = batches[i].get();
        REQUIRE(batch.has_value());
        CHECK((*batch)[0].offset() == 50 * static_cast<std::int64_t>(i));
    }
    threads.join();
}

TEST_CASE("a search that takes too long consumes nothing")
{
    service there;
    there.give_up_after(500ms);
    there.emulator().inject(hk::emulator_fault::stall().on(hk::emulator_route::consume));
    auto stream = there.client->consume("orders", 0, from(350).parallelism(4));
    auto const late = test::run(there.io, stream.next(hk::call_options().timeout(50ms)));
    CHECK(late.code() == hk::errc::timed_out);
    CHECK(first_offset(there, stream) == 350);
}

TEST_CASE("a service that says nothing is the error of next(), of one partition and of all")
{
    service there;
    there.client.emplace(there.io.get_executor(), there.emulator().client_options().total_timeout(100ms));
    REQUIRE(test::run(there.io, there.client->topics()).good()); // there is a token
    for (bool const all : {false, true}) {
        CAPTURE(all);
        there.emulator().inject(hk::emulator_fault::stall().on(hk::emulator_route::consume).times(1'000));
        auto stream =
            all ? there.client->consume("orders", from(400)) : there.client->consume("orders", 0, from(400));
        auto const end = test::run(there.io, stream.next()); // which has no timeout of its own
        CHECK(end.code() == hk::errc::timed_out);
    }
}

TEST_CASE("a read of the search that fails is the error of next(), which can be called again")
{
    service there;
    there.emulator().inject(hk::emulator_fault::answer(403).on(hk::emulator_route::consume));
    auto stream = there.client->consume("orders", 0, from(350).parallelism(4));
    auto const failed = test::run(there.io, stream.next());
    CHECK(failed.code() == hk::errc::forbidden);
    CHECK(failed.error().info().operation == "consume");
    CHECK(first_offset(there, stream) == 350);
}

TEST_CASE("a read of the search that is refused has it begin anew, once")
{
    service there;
    SUBCASE("once")
    {
        there.emulator().inject(hk::emulator_fault::answer(400).on(hk::emulator_route::consume));
        auto stream = there.client->consume("orders", 0, from(350).parallelism(4));
        CHECK(first_offset(there, stream) == 350);
        CHECK(there.emulator().request_count(hk::emulator_route::partition) == 2);
    }
    SUBCASE("and no more")
    {
        there.emulator().inject(hk::emulator_fault::answer(400).on(hk::emulator_route::consume).times(100));
        auto stream = there.client->consume("orders", 0, from(350).parallelism(4));
        CHECK(test::run(there.io, stream.next()).code() == hk::errc::bad_request);
    }
}
