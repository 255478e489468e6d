// What can go wrong and how a program hears of it: with exceptions, without, and record by record.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

/// Every failure of a call is an hk::error, which is a std::system_error.
asio::awaitable<void> with_exceptions(hk::client client)
{
    try {
        co_await client.fetch("no_such_topic", 0, 0, 100);
    } catch (hk::error const& failure) {
        std::cout << failure.what() << "\n";
        if (failure.code() == hk::errc::not_found) // code() says what to do, what() is for the log
            std::cout << "  status " << failure.info().http_status
                      << (failure.info().retriable() ? ": try later\n" : ": trying again is no use\n");
    }
    try {
        co_await client.topics(hk::call_options().timeout(0ms)); // ends before anything is sent
    } catch (std::system_error const& failure) {
        if (failure.code() == std::errc::timed_out) // a condition for all kinds of timeout
            std::cout << failure.what() << "\n";
    }
}

/// The same as values. What throws while the arguments are built is outside of as_result.
asio::awaitable<void> without_exceptions(hk::client client, std::string topic)
{
    co_await client.create_topic(topic);
    auto const again = co_await hk::as_result(client.create_topic(topic));
    std::cout << (again ? "created" : again.error().what()) << "\n";
}

/// What became of records: of each when there is a receipt, of all when the call failed.
asio::awaitable<void> produce(hk::client client, std::string topic, hk::call_options options = {})
{
    auto const receipt = co_await hk::as_result(client.produce(topic, hk::records("a", 2, true), options));
    if (!receipt) {
        bool const nothing = receipt.error().info().persisted() == hk::persistence::none;
        std::cout << receipt.error().what()
                  << (nothing ? "\n  not written: send it again\n" : "\n  perhaps written: look first\n");
        co_return;
    }
    for (std::size_t i = 0; i < receipt.value().size(); ++i) // a receipt, yet single records may have failed
        if (auto const failure = receipt.value().error(i))
            std::cout << "record " << i << ": " << failure->what() << "\n";
    if (receipt.value().persisted() == hk::persistence::done)
        std::cout << "all " << receipt.value().size() << " records are in the topic\n";
}

asio::awaitable<void> all(hk::client client, std::string topic)
{
    co_await with_exceptions(client);
    co_await without_exceptions(client, topic);
    co_await produce(client, topic);
    co_await produce(client, topic, hk::call_options().timeout(0ms));
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    auto done = asio::co_spawn(io, all(client, examples::new_name("errors")), asio::use_future);
    io.run();
    done.get();
} catch (std::exception const& failure) { // a credential that is refused ends here, and what nobody expected
    std::cerr << failure.what() << "\n";
    return 1;
}
