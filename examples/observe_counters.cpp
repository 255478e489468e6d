// What a client does, as counters for a metrics endpoint: requests, failures, retries, bytes, latency,
// connections.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

namespace hk = hdikafka;

/// The observer's functions are called by every thread that works for the client: counters are atomic.
class counters
{
public:
    void operator()(hk::attempt_ended const& event)
    {
        ++attempts;
        bytes_out += event.bytes_sent;
        bytes_in += event.bytes_received;
    }
    void operator()(hk::retry_scheduled const&) { ++retries; }
    void operator()(hk::request_ended const& event)
    {
        ++requests;
        failures += event.code ? 1 : 0;
        microseconds += static_cast<std::uint64_t>(event.duration.count());
    }
    void operator()(hk::connection_opened const&) { ++open; }
    void operator()(hk::connection_closed const&) { --open; }

    std::atomic<std::uint64_t> requests = 0, failures = 0, attempts = 0, retries = 0;
    std::atomic<std::uint64_t> bytes_out = 0, bytes_in = 0, microseconds = 0;
    std::atomic<int> open = 0;
};

asio::awaitable<void> work(hk::client client, std::string topic)
{
    co_await client.create_topic(topic);
    for (int i = 0; i < 100; ++i)
        co_await client.produce(topic, hk::records(i));
    auto const missing = co_await hk::as_result(client.partitions("no_such_topic"));
    if (!missing)
        std::cout << missing.error().what() << "\n";
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    auto const seen = std::make_shared<counters>();
    auto options = cluster.options();
    options.observer(hk::observer(seen));
    {
        asio::io_context io;
        hk::client const client(io.get_executor(), options);
        auto done = asio::co_spawn(io, work(client, examples::new_name("counted")), asio::use_future);
        io.run();
        done.get();
        std::cout << "connections open: " << seen->open << "\n";
    }
    std::cout << "requests: " << seen->requests << ", failed: " << seen->failures
              << ", attempts: " << seen->attempts << ", retries: " << seen->retries
              << "\nbytes: " << seen->bytes_out << " out, " << seen->bytes_in
              << " in\nmean time: " << seen->microseconds / seen->requests
              << " us\nconnections open at the end: " << seen->open << "\n";
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
