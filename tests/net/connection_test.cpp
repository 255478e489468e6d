// Connections kept and used again, and when they must not be.
#include "support/net/running.hpp"

#include <hdikafka/detail/net/connection.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <string>
#include <vector>

using namespace test;

namespace {

std::string const body = R"({"topics":["orders"]})";
std::string const answer = http(200, body);
using names = std::vector<std::string>;

/// Connections a server sees when four calls are made one after the other.
std::size_t connections_of_four_calls(script doing)
{
    scripted_server const server(std::move(doing));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    for (int i = 0; i < 4; ++i)
        CHECK(run(io, client.topics()).good());
    return server.connections();
}

/// One call, then `between`, then another: whether that one was good on a second connection.
template <class Between>
void check_second_connection(script first, Between between)
{
    std::vector<script> scripts(1, std::move(first));
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    between();
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 2);
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 2);
}

} // namespace

TEST_CASE("a connection serves one call after the other")
{
    CHECK(connections_of_four_calls(script().serve(answer).forever()) == 1);
    CHECK(connections_of_four_calls(script()
                                        .serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" +
                                               body + "\r\n0\r\n\r\n")
                                        .forever()) == 1);
    CHECK(connections_of_four_calls(
              script()
                  .serve(http(200, body, "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"))
                  .forever()) == 1);
}

TEST_CASE("failures that were answered properly do not cost the connection")
{
    scripted_server const server(script().serve(http(404, "{}")).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    for (int i = 0; i < 4; ++i)
        CHECK(run(io, client.topics()).code() == hk::errc::not_found);
    CHECK(server.connections() == 1);
}

TEST_CASE("an answer that says close, HTTP/1.0 and a body up to the end of the connection end its use")
{
    CHECK(connections_of_four_calls(script().serve(http(200, body, "Connection: close\r\n")).forever()) == 4);
    CHECK(connections_of_four_calls(
              script().serve(http(200, body, "Connection: keep-alive, Close\r\n")).forever()) == 4);
    CHECK(
        connections_of_four_calls(script()
                                      .serve("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: " +
                                             std::to_string(body.size()) + "\r\n\r\n" + body)
                                      .forever()) == 4);
    CHECK(connections_of_four_calls(script().serve("HTTP/1.1 200 OK\r\n\r\n" + body)) == 4);
}

TEST_CASE("a server that keeps connections for a second or not at all is not asked again on one")
{
    CHECK(connections_of_four_calls(script().serve(http(200, body, "Keep-Alive: timeout=1\r\n")).forever()) ==
          4);
    CHECK(connections_of_four_calls(script().serve(http(200, body, "Keep-Alive: timeout=0\r\n")).forever()) ==
          4);
}

TEST_CASE("bytes on an idle connection are never taken for an answer")
{
    gate const later;
    gate const sent;
    std::string const wrong = http(200, R"({"topics":["wrong"]})");
    check_second_connection(script().serve(answer).await(later).send(wrong).tell(sent).stall(), [&] {
        later.open();
        sent.wait();
    });
    // Together with the answer, in the same TLS record.
    check_second_connection(script().serve(answer + wrong).stall(), [] {});
    check_second_connection(script()
                                .serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n" + body +
                                       "\r\n0\r\n\r\n" + wrong)
                                .stall(),
                            [] {});
}

TEST_CASE("bytes in a TLS record behind the answer's, which came with it, are none either")
{
    gate const read;
    gate const go_on;
    gate const sent;
    std::vector<script> scripts(1, script()
                                       .read()
                                       .tell(read)
                                       .await(go_on)
                                       .send(answer)
                                       .send(http(200, R"({"topics":["wrong"]})"))
                                       .tell(sent)
                                       .stall());
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    ending<names> first;
    start(io.get_executor(), client.topics(), first);
    work_until(io, [&] { return read.is_open(); });
    // Both records wait at the socket before the client looks at it again: it takes them in one go.
    go_on.open();
    sent.wait();
    work_until(io, [&] { return first.happened(); });
    CHECK(first.get().value() == names(1, "orders"));
    auto const second = run(io, client.topics());
    CHECK(second.get().value() == names(1, "orders"));
    CHECK(server.connections() == 2);
}

TEST_CASE("a connection that the server closed while it was idle is not used again")
{
    for (bool const politely : {true, false}) {
        CAPTURE(politely);
        gate const later;
        script first = script().serve(answer).await(later);
        if (!politely)
            first.reset();
        std::vector<script> scripts(1, std::move(first));
        scripts.push_back(script().serve(http(200, R"("done")")).forever());
        scripted_server const server(std::move(scripts));
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        CHECK(run(io, client.topics()).good());
        later.open();
        server.wait_for_ends(1);
        // Not even a produce fails, which could not be repeated.
        CHECK(run(io, client.produce("orders", hk::records("v"))).good());
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("a read on a connection that closes under it is made again on a new one")
{
    std::vector<script> scripts(1, script().serve(answer).read());
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(1)));
    CHECK(run(io, client.topics()).good());
    CHECK(run(io, client.topics()).good());
    CHECK(server.connections() == 2);
}

TEST_CASE("a produce on a connection that closes under it is not made again")
{
    std::vector<script> scripts(1, script().serve(answer).read());
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(3)));
    CHECK(run(io, client.topics()).good());
    hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
    CHECK(failure.code() == hk::errc::connection_lost);
    CHECK(failure.info().persisted() == hk::persistence::possibly);
    CHECK(server.requests().size() == 2);
}

TEST_CASE("a failed exchange costs its connection")
{
    std::vector<script> scripts(1, script().serve(http(200, body, "Bad Field: x\r\n")).stall());
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).code() == hk::errc::bad_field);
    server.wait_for_ends(1);
    CHECK(run(io, client.topics()).good());
}

TEST_CASE("twenty calls at once over one connection are served in the order of asking")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(1));
    // The first one has to wait for the token; from then on nothing but the connection counts.
    CHECK(run(io, client.topics(hk::call_options().request_id("first"))).good());
    std::vector<int> order;
    auto one = [&order, &client](int number) -> net::awaitable<void> {
        co_await client.topics(hk::call_options().request_id("call-" + std::to_string(number)));
        order.push_back(number);
    };
    std::vector<std::string> wanted(1, "first");
    std::vector<int> rising;
    for (int i = 0; i < 20; ++i) {
        net::co_spawn(io, one(i), net::detached);
        wanted.push_back("call-" + std::to_string(i));
        rising.push_back(i);
    }
    io.restart();
    io.run();
    CHECK(order == rising);
    CHECK(server.connections() == 1);
    std::vector<std::string> seen;
    for (auto const& request : server.requests())
        seen.push_back(request.field("x-ms-client-request-id"));
    CHECK(seen == wanted);
}

TEST_CASE("those who wait are served when a connection breaks, too")
{
    scripted_server const server(script().serve(answer).read().reset());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(1));
    std::deque<ending<names>> ends;
    for (int i = 0; i < 10; ++i)
        start(io.get_executor(), client.topics(), ends.emplace_back());
    io.run();
    int good = 0;
    for (auto const& end : ends) {
        REQUIRE(end.happened());
        good += end.good();
    }
    // Each connection serves one call and loses the next, which is made once more at the end of the line,
    // over a connection of its own.
    CHECK(good == 10);
    CHECK(server.connections() == 5 + 5);
}

TEST_CASE("no more connections are made than allowed")
{
    gate const all_there;
    scripted_server const server(script().read().await(all_there).send(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(3));
    std::deque<ending<names>> ends;
    for (int i = 0; i < 9; ++i)
        start(io.get_executor(), client.topics(), ends.emplace_back());
    work_until(io, [&] { return server.requests().size() == 3; });
    while (io.poll() != 0) {
    }
    CHECK(server.connections() == 3);
    all_there.open();
    io.restart();
    io.run();
    for (auto const& end : ends)
        CHECK(end.good());
    CHECK(server.connections() == 3);
}

TEST_CASE("an answer larger than its limit is refused, whatever its length says")
{
    std::string const large(10'000'000, 'x');
    std::string const listed = R"({"topics":[")" + large + "\"]}";
    for (std::string const& bytes :
         {http(200, listed), "HTTP/1.1 200 OK\r\n\r\n" + listed,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n" + listed}) {
        scripted_server const server(script().serve(bytes));
        net::io_context io;
        hk::client const bounded(io.get_executor(),
                                 options_for(server.endpoint()).limits(hk::http_limits().body(1'000'000)));
        hk::error const failure = run(io, bounded.topics()).error();
        CHECK(failure.code() == hk::errc::body_too_large);
        check_what(failure, "topics");
    }
    scripted_server const server(script().serve(http(200, listed)).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    auto const end = run(io, client.topics());
    REQUIRE(end.good());
    CHECK(end.get().value().at(0).size() == large.size());
    // A length alone makes nobody set memory aside.
    scripted_server const liar(script().serve("HTTP/1.1 200 OK\r\nContent-Length: 16000000\r\n\r\n{}"));
    hk::client const cheated(io.get_executor(), options_for(liar.endpoint()));
    CHECK(run(io, cheated.topics()).code() == hk::errc::connection_lost);
}

TEST_CASE("answers in pieces of any size are the same answer")
{
    for (std::size_t const piece : {1U, 2U, 3U, 7U, 64U}) {
        CAPTURE(piece);
        CHECK(connections_of_four_calls(script().read().send(answer, piece).forever()) == 1);
    }
}

TEST_CASE("a client serves coroutines on many threads, some of which are cancelled")
{
    scripted_server const server(script().serve(answer).forever());
    constexpr int calls = 400;
    std::atomic<int> good = 0;
    std::atomic<int> aborted = 0;
    std::atomic<int> other = 0;
    {
        net::thread_pool threads(4);
        hk::client const client(threads.get_executor(), options_for(server.endpoint()).max_connections(8));
        std::deque<net::cancellation_signal> signals(calls);
        for (int i = 0; i < calls; ++i) {
            auto const strand = net::make_strand(threads.get_executor());
            auto& signal = signals[static_cast<std::size_t>(i)];
            auto count = [&](std::exception_ptr failure, hk::result<names> const& end) {
                if (!failure && end)
                    ++good;
                else if (failure || end.error().code() == net::error::operation_aborted)
                    ++aborted;
                else
                    ++other;
            };
            // Bound to the strand, as Asio asks: the slot and the signal are used by one thread at a time.
            net::co_spawn(strand, hk::as_result(client.topics()),
                          net::bind_cancellation_slot(signal.slot(), net::bind_executor(strand, count)));
            if (i % 3 == 0)
                net::post(strand, [&signal] { signal.emit(net::cancellation_type::terminal); });
        }
        threads.join();
    }
    CHECK(good + aborted == calls);
    CHECK(other == 0);
    CHECK(good >= calls - calls / 3 - 1);
    CHECK(server.connections() >= 1);
}

TEST_CASE("closing a client while many threads use it ends everything")
{
    scripted_server const server(script().serve(answer).forever());
    std::atomic<int> good = 0;
    std::atomic<int> closed = 0;
    std::atomic<int> other = 0;
    {
        net::thread_pool threads(4);
        hk::client const client(threads.get_executor(), options_for(server.endpoint()).max_connections(4));
        auto loop = [&]() -> net::awaitable<void> {
            for (;;) {
                auto const end = co_await hk::as_result(client.topics());
                if (!end) {
                    ++(end.error().code() == hk::errc::closed ? closed : other);
                    co_return;
                }
                ++good;
            }
        };
        for (int i = 0; i < 32; ++i)
            net::co_spawn(threads, loop(), net::detached);
        while (good < 200)
            std::this_thread::yield();
        client.close();
        threads.join();
    }
    CHECK(closed == 32);
    CHECK(other == 0);
}

TEST_CASE(
    "an idle connection retires when it is too old, idle for too long, or a second before the server's end")
{
    using hk::detail::retirement;
    constexpr std::chrono::steady_clock::time_point start(1000h);
    CHECK(retirement(start, start, 60s, 10min, std::nullopt) == start + 60s);
    CHECK(retirement(start, start - 9min - 30s, 60s, 10min, std::nullopt) == start + 30s);
    CHECK(retirement(start, start, 60s, 10min, 5s) == start + 4s);
    CHECK(retirement(start, start, 60s, 10min, 1h) == start + 60s);
    CHECK(retirement(start, start, 60s, 10min, 0s) == start);
    CHECK(retirement(start, start - 11min, 60s, 10min, std::nullopt) < start);
}
