// A client that is closed, or whose io_context is destroyed: every call ends or is gone, wherever it waits.
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
using names = std::vector<std::string>;

} // namespace

TEST_CASE("a client closed after any number of a call's steps ends it with errc::closed")
{
    scripted_server const server(script().serve(answer).forever());
    bool through = false;
    for (std::size_t steps = 0; steps < 200 && !through; ++steps) {
        CAPTURE(steps);
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        ending<names> end;
        start(io.get_executor(), client.topics(), end);
        through = take_steps(io, steps, [&end] { return end.happened(); });
        client.close();
        io.restart();
        io.run();
        if (!end.good()) {
            CHECK(end.code() == hk::errc::closed);
            check_what(end.error(), "topics");
        }
    }
    CHECK(through);
}

TEST_CASE("closing the client ends every call, wherever it waits, and refuses later ones")
{
    gate const never;
    auto endless = [never]() -> net::awaitable<hk::access_token> {
        co_await opened(never);
        co_return hk::access_token("never");
    };
    net::io_context io;
    scripted_server const stalls(script().read().stall());
    scripted_server const shakes(script().without_handshake().stall());
    scripted_server const fails(
        script().serve(http(503, "{}", "Retry-After: 30\r\nConnection: close\r\n")).stall());
    full_listener const full;
    std::vector<hk::client> clients;
    clients.emplace_back(io.get_executor(), options_for(stalls.endpoint()).max_connections(1));
    clients.emplace_back(io.get_executor(), options_for(shakes.endpoint()));
    clients.emplace_back(io.get_executor(), options_for(fails.endpoint()).retry(quickly(3)));
    clients.emplace_back(io.get_executor(), options_for(full.endpoint()));
    clients.emplace_back(io.get_executor(),
                         options_for(stalls.endpoint()).credential(hk::token_callback(endless)));
    std::deque<ending<names>> ends;
    for (auto const& client : clients)
        for (int i = 0; i < 3; ++i)
            start(io.get_executor(), client.topics(), ends.emplace_back());
    ending<std::optional<hk::record_batch>> streamed;
    auto stream = clients[0].consume("orders", 0);
    start(io.get_executor(), stream.next(), streamed);
    work_until(
        io, [&] { return stalls.requests().size() == 1 && shakes.connections() == 3 && fails.ended() == 3; });
    while (io.poll() != 0) {
    }
    for (auto const& end : ends)
        CHECK_FALSE(end.happened());
    for (auto const& client : clients)
        client.close();
    work_until(io, [&] {
        bool all = streamed.happened();
        for (auto const& end : ends)
            all = all && end.happened();
        return all;
    });
    for (auto const& end : ends) {
        CHECK(end.code() == hk::errc::closed);
        check_what(end.error(), "topics");
    }
    CHECK(streamed.code() == hk::errc::closed);
    check_what(streamed.error(), "consume", "orders");
    stalls.wait_for_ends(1);
    shakes.wait_for_ends(3);
    hk::error const later = [&] {
        ending<names> end;
        start(io.get_executor(), clients[0].topics(), end);
        work_until(io, [&] { return end.happened(); });
        return end.error();
    }();
    CHECK(later.code() == hk::errc::closed);
    clients[0].close();
}

TEST_CASE("an idle connection is closed with the client, with a TLS close")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    CHECK(run(io, client.topics()).good());
    CHECK(server.ended() == 0);
    client.close();
    server.wait_for_ends(1);
    CHECK(server.farewells() == 1);
}

TEST_CASE("closing a stream ends its next() and all later ones")
{
    scripted_server const server(script().read().stall());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    auto stream = client.consume("orders", 0);
    ending<std::optional<hk::record_batch>> end;
    start(io.get_executor(), stream.next(), end);
    work_until(io, [&] { return server.requests().size() == 1; });
    ending<std::optional<hk::record_batch>> twice;
    start(io.get_executor(), stream.next(), twice);
    work_until(io, [&] { return twice.happened(); });
    CHECK(twice.code() == hk::errc::already_running);
    stream.close();
    io.restart();
    io.run();
    CHECK(end.code() == hk::errc::closed);
    CHECK(run(io, stream.next()).code() == hk::errc::closed);
    server.wait_for_ends(1);
}

TEST_CASE("an io_context can be destroyed with calls in flight")
{
    gate const never;
    auto endless = [never]() -> net::awaitable<hk::access_token> {
        co_await opened(never);
        co_return hk::access_token("never");
    };
    scripted_server const stalls(script().read().stall());
    scripted_server const shakes(script().without_handshake().stall());
    scripted_server const fails(
        script().serve(http(503, "{}", "Retry-After: 30\r\nConnection: close\r\n")).stall());
    full_listener const full;
    std::deque<ending<names>> ends;
    ending<std::optional<hk::record_batch>> streamed;
    ending<hk::receipt> produced;
    {
        net::io_context io;
        {
            std::vector<hk::client> clients;
            clients.emplace_back(io.get_executor(), options_for(stalls.endpoint()).max_connections(1));
            clients.emplace_back(io.get_executor(), options_for(shakes.endpoint()));
            clients.emplace_back(io.get_executor(), options_for(fails.endpoint()).retry(quickly(3)));
            clients.emplace_back(io.get_executor(), options_for(full.endpoint()));
            clients.emplace_back(io.get_executor(),
                                 options_for(stalls.endpoint()).credential(hk::token_callback(endless)));
            hk::client_secret_credential const secret =
                hk::client_secret_credential("tenant", "id", "secret").authority_host(stalls.endpoint());
            clients.emplace_back(io.get_executor(), options_for(stalls.endpoint()).credential(secret));
            for (auto const& client : clients)
                for (int i = 0; i < 3; ++i)
                    start(io.get_executor(), client.topics(), ends.emplace_back());
            auto stream = clients[0].consume("orders", 0);
            start(io.get_executor(), stream.next(), streamed);
            start(io.get_executor(), clients[0].produce("orders", hk::records(1)), produced);
            work_until(io, [&] {
                return stalls.requests().size() == 2 && shakes.connections() == 3 && fails.ended() == 3;
            });
        }
        while (io.poll() != 0) {
        }
    }
    for (auto const& end : ends)
        CHECK_FALSE(end.happened());
    CHECK_FALSE(streamed.happened());
}

TEST_CASE("a shared credential goes on when the io_context that asked for its token is destroyed")
{
    gate const never;
    int calls = 0;
    auto second_time_lucky = [&calls, never]() -> net::awaitable<hk::access_token> {
        if (++calls == 1)
            co_await opened(never);
        co_return hk::access_token("second");
    };
    scripted_server const server(script().serve(answer).forever());
    hk::credential const shared = hk::token_callback(second_time_lucky);
    net::io_context stays;
    hk::client const client(stays.get_executor(), options_for(server.endpoint()).credential(shared));
    ending<names> good;
    {
        net::io_context goes;
        hk::client const doomed(goes.get_executor(), options_for(server.endpoint()).credential(shared));
        ending<names> never_ends;
        start(goes.get_executor(), doomed.topics(), never_ends);
        while (goes.poll() != 0) {
        }
        REQUIRE(calls == 1);
        start(stays.get_executor(), client.topics(), good);
        while (stays.poll() != 0) {
        }
        CHECK_FALSE(good.happened());
    }
    stays.restart();
    stays.run();
    CHECK(good.good());
    CHECK(calls == 2);
}

TEST_CASE("an io_context can be destroyed while its calls wait for a token that another one asked for")
{
    gate const issued;
    auto slow = [issued]() -> net::awaitable<hk::access_token> {
        co_await opened(issued);
        co_return hk::access_token("token");
    };
    scripted_server const server(script().serve(answer).forever());
    hk::credential const shared = hk::token_callback(slow);
    net::io_context stays;
    hk::client const client(stays.get_executor(), options_for(server.endpoint()).credential(shared));
    ending<names> good;
    start(stays.get_executor(), client.topics(), good);
    while (stays.poll() != 0) {
    }
    {
        net::io_context goes;
        hk::client const doomed(goes.get_executor(), options_for(server.endpoint()).credential(shared));
        ending<names> never_ends;
        start(goes.get_executor(), doomed.topics(), never_ends);
        while (goes.poll() != 0) {
        }
    }
    issued.open();
    stays.restart();
    stays.run();
    CHECK(good.good());
}
