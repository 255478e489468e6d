// Calls from a program that is not written with coroutines: every call is an asio::awaitable, and
// asio::co_spawn turns it into a future, a callback, or something that nobody waits for.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <exception>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace hk = hdikafka;

void run(hk::client_options const& options, std::string const& topic)
{
    std::promise<void> told; // outlive the thread that fulfils them
    std::promise<std::string> cause;

    // The calls are carried out by an io_context on a thread of its own. Backwards from here at the end: the
    // guard goes, so that run() returns when the calls under way have ended; the thread is joined.
    asio::io_context io;
    std::jthread thread;
    auto const guard = asio::make_work_guard(io);
    thread = std::jthread([&io] { io.run(); });
    hk::client const client(io.get_executor(), options);

    // A future: get() waits, and throws what the call threw. Not on the io_context's own thread.
    std::future<void> created = asio::co_spawn(io, client.create_topic(topic), asio::use_future);
    created.get();

    // Several at once: all of them are under way before the first is waited for.
    std::vector<std::future<hk::receipt>> sent;
    sent.reserve(3);
    for (int i = 0; i < 3; ++i)
        sent.push_back(asio::co_spawn(io, client.produce(topic, hk::records(i)), asio::use_future));
    for (auto& each : sent)
        if (each.get().persisted() == hk::persistence::done)
            std::cout << "future: a record is written\n";

    // A callback gets the exception, if there is one, and the value. It must not throw: run() would.
    asio::co_spawn(io, client.fetch(topic, 0, 0, 100),
                   [&told](std::exception_ptr failure, hk::record_batch batch) {
                       if (!failure)
                           std::cout << "callback: " << batch.size() << " record(s)\n";
                       told.set_value();
                   });
    told.get_future().wait();

    // A callback without exceptions.
    asio::co_spawn(io, hk::as_result(client.partition(topic, 99)),
                   [&cause](std::exception_ptr, hk::result<hk::partition_info> answer) {
                       cause.set_value(answer ? "it exists" : answer.error().code().message());
                   });
    std::cout << "callback: " << cause.get_future().get() << "\n";

    // Nobody waits and nobody hears of a failure: for what may be lost.
    asio::co_spawn(io, hk::as_result(client.produce(topic, hk::records("good night"))), asio::detached);
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    run(cluster.options(), examples::new_name("styles"));
    std::cout << "done\n";
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
