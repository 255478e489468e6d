// Bounds on time: a call's timeout, cancelling it from outside, and what Asio's || does to it.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_future.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

/// A timeout is for the whole call with its retries; client_options::total_timeout (60 s) without it.
asio::awaitable<void> timeouts_and_race(hk::client client, std::string topic)
{
    co_await client.create_topic(topic, hk::topic_config().partition_count(1),
                                 hk::call_options().timeout(20s));
    auto const never = co_await hk::as_result(client.wait_for_topic("never_created", 300ms));
    if (!never && never.error().code() == std::errc::timed_out)
        std::cout << "timeout: " << never.error().what() << "\n";

    // A produce that ran out of time may have done its work all the same: the error says what is known.
    auto const hurried =
        co_await hk::as_result(client.produce(topic, hk::records("now"), hk::call_options().timeout(1ms)));
    auto const state = hurried ? hurried.value().persisted() : hurried.error().info().persisted();
    std::cout << (state == hk::persistence::done   ? "in a hurry: written\n"
                  : state == hk::persistence::none ? "in a hurry: not written\n"
                                                   : "in a hurry: perhaps written\n");

    // a || b ends with the first success and cancels the other. Mind: a failure does not end it, the other is
    // waited for; and what the loser did is forgotten: records may be written, a batch of next() is lost. So
    // use it with reads that can be repeated, and the timeout otherwise. On several threads: on a strand.
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer patience(co_await asio::this_coro::executor, 10s);
    auto const first = co_await (client.topics() || patience.async_wait(asio::use_awaitable));
    std::cout << "||: " << (first.index() == 0 ? "the topics" : "the timer") << "\n";
}

/// A cancellation_signal ends whatever the call waits for. Emit it where the call was spawned: here the one
/// thread of `io`, else its strand. A next() that is cancelled or timed out has consumed nothing.
void cancelled_from_outside(asio::io_context& io, hk::client const& client, std::string const& topic)
{
    auto stream = client.consume(topic, 0, hk::consume_options().from(hk::latest));
    asio::cancellation_signal stop;
    asio::steady_timer timer(io, 300ms);
    timer.async_wait([&stop](std::error_code) { stop.emit(asio::cancellation_type::terminal); });
    auto const ended = [](std::exception_ptr, hk::result<std::optional<hk::record_batch>> outcome) {
        if (!outcome && outcome.error().code() == asio::error::operation_aborted)
            std::cout << "cancelled: " << outcome.error().what() << "\n";
    };
    asio::co_spawn(io, hk::as_result(stream.next()), asio::bind_cancellation_slot(stop.slot(), ended));
    io.restart();
    io.run();
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    std::string const topic = examples::new_name("deadlines");
    auto done = asio::co_spawn(io, timeouts_and_race(client, topic), asio::use_future);
    io.run();
    done.get();
    cancelled_from_outside(io, client, topic);
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
