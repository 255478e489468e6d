// Like tail -f: the last ten offsets of every partition of a topic, then what arrives in any of them. Ends on
// SIGINT or SIGTERM, or after `count` records.
//   tail [topic [count]]    without a topic it makes one of two partitions and ends after what is to be shown
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>

namespace hk = hdikafka;
using namespace std::chrono_literals;

asio::awaitable<std::string> two_partitions_of_fifteen(hk::client client)
{
    std::string const topic = examples::new_name("tail");
    co_await client.create_topic(topic, hk::topic_config().partition_count(2));
    co_await client.wait_for_topic(topic, 60s);
    hk::records list;
    for (int i = 0; i < 30; ++i)
        list.push_back(hk::record("line " + std::to_string(i)).partition(i % 2));
    co_await client.produce(topic, list);
    co_return topic;
}

asio::awaitable<void> follow(hk::client client, std::string topic, long count)
{
    if (topic.empty())
        topic = co_await two_partitions_of_fifteen(client);
    auto stream = client.consume(topic, hk::consume_options().from_end(10));
    while (auto const batch = co_await stream.next()) {
        for (auto const& record : *batch) {
            std::string value(record.value().text());
            std::ranges::replace(value, '\n', ' '); // JSON may have them between its tokens
            std::cout << record.partition() << ':' << record.offset() << ' ' << value << '\n';
            if (--count == 0)
                co_return;
        }
        std::cout << std::flush;
    }
}

int main(int argc, char** argv)
try {
    std::string const topic = argc > 1 ? argv[1] : "";
    long const count = argc > 2 ? std::stol(argv[2]) : argc > 1 ? -1 : 20; // -1 never becomes 0
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([client](std::error_code failure, int) {
        if (!failure)
            client.close(); // whatever is waiting then throws errc::closed
    });
    asio::co_spawn(io, follow(client, topic, count), [&signals](std::exception_ptr failure) {
        signals.cancel(); // so that run() returns
        if (failure)
            std::rethrow_exception(failure); // out of run()
    });
    io.run();
} catch (std::system_error const& failure) {
    if (failure.code() == hk::errc::closed)
        return 0; // the signal
    std::cerr << failure.what() << "\n";
    return 1;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
