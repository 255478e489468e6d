// A hundred thousand sends at the same time on four threads: every record is there once, and in the order of
// its sender. Meant to be run under ThreadSanitizer as well.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hk = hdikafka;

namespace {

constexpr int senders = 1'000;
constexpr int each = 100;
constexpr int topics = 3;
constexpr int partitions = 3;

std::string topic_of(int sender) { return "load-" + std::to_string(sender % topics); }

/// What became of the sends, from many threads.
class tally
{
public:
    void operator()(std::exception_ptr failure, hk::receipt const& told)
    {
        done += !failure && told.persisted() == hk::persistence::done;
        --missing;
    }

    std::atomic<int> done = 0;
    std::atomic<int> missing = senders * each;
};

/// Starts all of a sender's sends, in their order, and waits for none.
asio::awaitable<void> start_all(hk::producer producer, int sender, tally* ends)
{
    auto const executor = co_await asio::this_coro::executor;
    for (int i = 0; i != each; ++i)
        asio::co_spawn(
            executor, producer.send(topic_of(sender), hk::record(std::to_string(sender), i)),
            [ends](std::exception_ptr failure, hk::receipt const& told) { (*ends)(failure, told); });
}

/// The service on a thread of its own.
class served
{
public:
    served() : emulator(io.get_executor())
    {
        emulator.start();
        thread_ = std::thread([this] { io.run(); });
        for (int i = 0; i != topics; ++i)
            emulator.add_topic(topic_of(i), partitions);
    }
    served(served const&) = delete;
    served& operator=(served const&) = delete;
    ~served()
    {
        emulator.stop();
        thread_.join();
    }

    asio::io_context io;
    hk::emulator emulator;

private:
    std::thread thread_;
};

void check(hk::emulator const& service)
{
    std::map<std::string, int> next; // of each sender, whose records have one key and so one partition
    std::size_t there = 0;
    bool in_order = true;
    for (int topic = 0; topic != topics; ++topic)
        for (int partition = 0; partition != partitions; ++partition)
            for (auto const& one : service.records(topic_of(topic), partition)) {
                ++there;
                in_order = in_order && one.value == std::to_string(next[one.key.value()]++);
            }
    CHECK(there == std::size_t(senders) * each);
    CHECK(in_order);
    CHECK(next.size() == std::size_t(senders));
    for (auto const& [key, count] : next)
        CHECK(count == each);
}

void send_all(hk::producer_options options)
{
    served service;
    asio::io_context io(4);
    hk::client const client(io.get_executor(), service.emulator.client_options());
    hk::producer const producer(client, std::move(options));
    tally ends;
    for (int sender = 0; sender != senders; ++sender)
        asio::co_spawn(io, start_all(producer, sender, &ends), [](std::exception_ptr failure) {
            if (failure)
                std::rethrow_exception(failure);
        });
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&io] { io.run(); });
    for (auto& thread : threads)
        thread.join();
    CHECK(ends.missing == 0);
    CHECK(ends.done == senders * each);
    check(service.emulator);
    auto const seen = producer.statistics();
    CHECK(seen.acknowledged == std::size_t(senders) * each);
    CHECK(seen.buffered_records == 0);
    CHECK(service.emulator.request_count(hk::emulator_route::produce) == seen.batches);
}

} // namespace

TEST_CASE("a hundred thousand sends on four threads, placed by the service") { send_all({}); }

TEST_CASE("the same placed by the producer, with a buffer that holds a few of them at a time")
{
    send_all(hk::producer_options().partitioner(hk::partitioner::murmur2).buffer_records(2'000));
}
