// Follows a partition: what is there, then what arrives. Ends after `count` records, or on SIGINT or SIGTERM.
//   consumer [topic [count]]    without a topic it makes one of ten records and reads these
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

asio::awaitable<std::string> ten_records(hk::client client)
{
    std::string const topic = examples::new_name("consumer");
    co_await client.create_topic(topic);
    co_await client.wait_for_topic(topic, 60s);
    hk::records list;
    for (int i = 0; i < 10; ++i)
        list.push_back(hk::record("key" + std::to_string(i % 3), i));
    co_await client.produce(topic, list);
    co_return topic;
}

asio::awaitable<void> follow(hk::client client, std::string topic, long count)
{
    if (topic.empty())
        topic = co_await ten_records(client);
    auto stream = client.consume(topic, 0, hk::consume_options().from(hk::earliest).max_records(100));
    std::int64_t next_offset = 0; // a program that keeps it can go on from() there
    while (count > 0) {
        auto const batch = co_await hk::as_result(stream.next(hk::call_options().timeout(1s)));
        if (batch) {
            for (auto const& record : *batch.value()) { // there is one: without until() a stream has no end
                std::cout << record.offset() << ": " << record.value().text() << std::endl;
                next_offset = record.offset() + 1;
                if (--count == 0)
                    break;
            }
        } else if (batch.error().code() == std::errc::timed_out) {
            auto const lag = co_await hk::as_result(stream.lag());
            std::cout << "nothing new, lag " << (lag ? lag.value() : -1) << std::endl;
        } else if (batch.error().code() == hk::errc::closed) {
            break; // the signal
        } else {
            throw hk::error(batch.error()); // what may pass was tried again already
        }
    }
    std::cout << "read up to offset " << next_offset << std::endl;
}

int main(int argc, char** argv)
try {
    std::string const topic = argc > 1 ? argv[1] : "";
    long const count = argc > 2 ? std::stol(argv[2]) : 10;
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([client](std::error_code failure, int) {
        if (!failure)
            client.close(); // ends what is waiting, with errc::closed
    });
    asio::co_spawn(io, follow(client, topic, count), [&signals](std::exception_ptr failure) {
        signals.cancel(); // so that run() returns
        if (failure)
            std::rethrow_exception(failure); // out of run()
    });
    io.run();
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
