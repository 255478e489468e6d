// Streams on a context that several threads run, while others pause, look and let go.
#include "support/emulator/served_emulator.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
namespace hk = hdikafka;

namespace {

/// An io_context that three threads run.
class workers
{
public:
    workers()
    {
        for (int i = 0; i != 3; ++i)
            threads_.emplace_back([this] { io.run(); });
    }
    workers(workers const&) = delete;
    workers& operator=(workers const&) = delete;
    ~workers()
    {
        work_.reset();
        for (std::thread& one : threads_)
            one.join();
    }

    asio::io_context io;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_{io.get_executor()};
    std::vector<std::thread> threads_;
};

/// Everything up to the end, in turns of any length.
asio::awaitable<by_partition> read_all(hk::record_stream& stream, unsigned seed)
{
    std::mt19937 random(seed);
    by_partition seen;
    for (;;) {
        hk::call_options options;
        if (random() % 3 == 0)
            options.timeout(std::chrono::milliseconds(2 + random() % 20));
        auto next = stream.next(options);
        auto const batch = co_await hk::as_result(std::move(next));
        if (!batch) {
            bool const late = batch.error().code() == hk::errc::timed_out;
            if (!late)
                throw batch.error();
            continue;
        }
        if (!batch.value())
            co_return seen;
        test::note(seen, *batch.value());
    }
}

/// The stream ends with this.
asio::awaitable<bool> read_one(hk::record_stream stream)
{
    auto const batch = co_await stream.next();
    co_return batch.has_value();
}

asio::awaitable<bool> is_closed(hk::record_stream& stream)
{
    for (;;) {
        auto next = stream.next();
        auto const batch = co_await hk::as_result(std::move(next));
        if (!batch)
            co_return batch.error().code() == hk::errc::closed;
    }
}

} // namespace

TEST_CASE("whatever other threads do to a stream, each record comes once and in order")
{
    constexpr std::int32_t partitions = 6;
    test::served_emulator service;
    service.emulator.add_topic("orders", partitions);
    for (std::int32_t id = 0; id != partitions; ++id)
        test::fill(service.emulator, 300, id, 200);
    workers all;
    hk::client const client(all.io.get_executor(), service.emulator.client_options());
    auto stream = client.consume("orders", hk::consume_options()
                                               .until(hk::latest)
                                               .max_records(7)
                                               .parallelism(2)
                                               .buffer_bytes(30'000)
                                               .poll(1ms, 2ms));
    auto reading = asio::co_spawn(all.io, read_all(stream, 1), asio::use_future);
    std::mt19937 random(2);
    for (int left = 50; left != 0 && reading.wait_for(0ms) != std::future_status::ready; --left) {
        auto const id = static_cast<std::int32_t>(random() % partitions);
        if (!stream.positions().contains(id))
            continue;
        stream.pause(id);
        static_cast<void>(stream.caught_up());
        static_cast<void>(asio::co_spawn(all.io, stream.lags(), asio::use_future).get());
        stream.resume(id);
    }
    by_partition const seen = reading.get();
    for (std::int32_t id = 0; id != partitions; ++id)
        CHECK(seen.at(id) == from_to(0, 300));
}

TEST_CASE("streams may be let go at any moment, and what they have begun ends with them")
{
    test::served_emulator service;
    service.emulator.add_topic("orders", 4);
    for (std::int32_t id = 0; id != 4; ++id)
        test::fill(service.emulator, 100, id);
    workers all;
    hk::client const client(all.io.get_executor(), service.emulator.client_options());
    hk::consume_options const options = hk::consume_options().max_records(3).parallelism(3);
    for (int round = 0; round != 20; ++round) {
        CHECK(asio::co_spawn(all.io, read_one(client.consume("orders", options)), asio::use_future).get());
        auto stream = client.consume("orders", options);
        auto closed = asio::co_spawn(all.io, is_closed(stream), asio::use_future);
        stream.close();
        CHECK(closed.get());
    }
}
