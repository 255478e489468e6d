// Time limits and cancellation: wherever a call waits, each of them ends it.
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <asio/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
using names = std::vector<std::string>;

hk::records large()
{
    hk::records many;
    for (int i = 0; i < 64; ++i)
        many.push_back(hk::record(std::string(256 * 1024, 'x')));
    return many;
}

/// Scripts that leave a call waiting, each in another place.
std::vector<script> standstills()
{
    return {script().read().stall(), script().read().send("HTTP/1.1 200 OK\r\n").stall(),
            script().read().send(answer.substr(0, answer.size() - 3)).stall()};
}

/// A first connection that stands still, and good ones after it.
std::vector<script> first_bad(script first)
{
    std::vector<script> scripts(1, std::move(first));
    scripts.push_back(script().serve(answer).forever());
    return scripts;
}

} // namespace

TEST_CASE("a server that does not take the connection, or stalls the handshake, is a connect timeout")
{
    net::io_context io;
    full_listener const full;
    hk::client const first(io.get_executor(), options_for(full.endpoint()).connect_timeout(50ms));
    hk::error const connecting = run(io, first.produce("orders", hk::records("v"))).error();
    CHECK(connecting.code() == hk::errc::connect_timeout);
    CHECK(connecting.code() == std::errc::timed_out);
    CHECK(connecting.info().persisted() == hk::persistence::none);
    CHECK(connecting.info().retriable());
    check_what(connecting, "produce", "orders");

    scripted_server const stalled(script().without_handshake().stall());
    hk::client const second(io.get_executor(), options_for(stalled.endpoint()).connect_timeout(50ms));
    hk::error const shaking = run(io, second.produce("orders", hk::records("v"))).error();
    CHECK(shaking.code() == hk::errc::connect_timeout);
    CHECK(shaking.info().persisted() == hk::persistence::none);
    stalled.wait_for_ends(1);
}

TEST_CASE("a server that falls silent is an idle timeout, and the connection is closed")
{
    net::io_context io;
    for (auto const& doing : standstills()) {
        scripted_server const server(doing);
        hk::client const client(io.get_executor(), options_for(server.endpoint()).idle_timeout(50ms));
        hk::error const failure = run(io, client.topics()).error();
        CHECK(failure.code() == hk::errc::idle_timeout);
        CHECK(failure.code() == std::errc::timed_out);
        check_what(failure, "topics");
        server.wait_for_ends(1);
    }
}

TEST_CASE("a server that does not read is an idle timeout, and the records are possibly there")
{
    net::io_context io;
    scripted_server const server(script().deaf());
    hk::client const client(io.get_executor(), options_for(server.endpoint()).idle_timeout(50ms));
    hk::error const failure = run(io, client.produce("orders", large())).error();
    CHECK(failure.code() == hk::errc::idle_timeout);
    CHECK(failure.info().persisted() == hk::persistence::possibly);
}

TEST_CASE("a read is repeated after an idle or connect timeout, on another connection")
{
    std::vector<script> bad = standstills();
    bad.push_back(script().without_handshake().stall());
    for (auto const& first : bad) {
        scripted_server const server(first_bad(first));
        net::io_context io;
        hk::client const client(
            io.get_executor(),
            options_for(server.endpoint()).idle_timeout(500ms).connect_timeout(500ms).retry(quickly(2)));
        CHECK(run(io, client.topics()).good());
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("a produce is not repeated after an idle timeout, unless that is allowed")
{
    for (bool const allowed : {false, true}) {
        CAPTURE(allowed);
        std::vector<script> scripts(1, script().read().stall());
        scripts.push_back(script().serve(http(200, R"("done")")));
        scripted_server const server(std::move(scripts));
        net::io_context io;
        hk::client const client(
            io.get_executor(),
            options_for(server.endpoint()).idle_timeout(500ms).retry(quickly(3).at_least_once(allowed)));
        CHECK(run(io, client.produce("orders", hk::records("v"))).good() == allowed);
        auto const requests = server.requests();
        auto const produces = std::ranges::count_if(
            requests, [](seen_request const& request) { return request.line.starts_with("POST "); });
        CHECK(produces == (allowed ? 2 : 1));
    }
}

TEST_CASE("the total time ends a call wherever it is")
{
    net::io_context io;
    for (auto const& doing : standstills()) {
        scripted_server const server(doing);
        hk::client const client(io.get_executor(), options_for(server.endpoint()).total_timeout(50ms));
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::timed_out);
        check_what(failure, "produce", "orders");
        server.wait_for_ends(1);
    }
    scripted_server const stalled(script().without_handshake().stall());
    hk::client const shaking(io.get_executor(), options_for(stalled.endpoint()).total_timeout(50ms));
    CHECK(run(io, shaking.topics()).code() == hk::errc::timed_out);
    full_listener const full;
    hk::client const connecting(io.get_executor(), options_for(full.endpoint()).total_timeout(50ms));
    CHECK(run(io, connecting.topics()).code() == hk::errc::timed_out);
}

TEST_CASE("a call's own timeout goes before the client's; none at all sends nothing")
{
    net::io_context io;
    scripted_server const server(script().read().stall());
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    for (auto const limit : {0ms, -1ms, std::chrono::milliseconds::min()}) {
        hk::error const none = run(io, client.topics(hk::call_options().timeout(limit))).error();
        CHECK(none.code() == hk::errc::timed_out);
        check_what(none, "topics");
    }
    CHECK(server.connections() == 0);
    CHECK(run(io, client.topics(hk::call_options().timeout(50ms))).code() == hk::errc::timed_out);
    CHECK(run(io, client.wait_for_topic("orders", 50ms)).code() == hk::errc::timed_out);
    auto stream = client.consume("orders", 0);
    running_call<std::optional<hk::record_batch>> late(io, stream.next(hk::call_options().timeout(50ms)));
    work_until(io, [&late] { return late.end.happened(); });
    hk::error const next = late.end.error();
    CHECK(next.code() == hk::errc::timed_out);
    check_what(next, "consume", "orders");
    stream.close(); // or the read that it has begun would go on
    auto const longest = hk::call_options().timeout(std::chrono::milliseconds::max());
    scripted_server const good(script().serve(answer));
    hk::client const patient(io.get_executor(), options_for(good.endpoint()));
    CHECK(run(io, patient.topics(longest)).good());
}

TEST_CASE("no wait for another attempt goes past the end of the call")
{
    net::io_context io;
    scripted_server const server(script().serve(http(503, "{}", "Retry-After: 30\r\nConnection: close\r\n")));
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).total_timeout(20s).retry(quickly(3)));
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::service_failed);
    CHECK(failure.info().retry_after == 30s);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a topic that does not show in time is a timeout")
{
    net::io_context io;
    scripted_server const server(script().serve(answer).forever());
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    hk::error const failure = run(io, client.wait_for_topic("payments", 50ms)).error();
    CHECK(failure.code() == hk::errc::timed_out);
    check_what(failure, "wait_for_topic", "payments");
}

TEST_CASE("a cancelled call ends with operation_aborted, closes its connection, and the next one works")
{
    std::vector<script> places = standstills();
    places.push_back(script().without_handshake().stall());
    for (auto const& place : places) {
        gate const there;
        script first = place;
        scripted_server const server(first_bad(first));
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        running_call<names> call(io, client.topics());
        bool const shakes = place.shakes_hands();
        work_until(io, [&] { return shakes ? !server.requests().empty() : server.connections() == 1; });
        call.cancel();
        CHECK(call.end.code() == net::error::operation_aborted);
        check_what(call.end.error(), "topics");
        server.wait_for_ends(1);
        CHECK(run(io, client.topics()).good());
    }
}

TEST_CASE("a call that is connecting can be cancelled")
{
    full_listener const full;
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(full.endpoint()));
    running_call<names> call(io, client.topics());
    while (io.poll() != 0) {
    }
    call.cancel();
    CHECK(call.end.code() == net::error::operation_aborted);
    io.restart();
    io.run();
}

TEST_CASE("a produce that is being written can be cancelled, and says that its records are possibly there")
{
    gate const tasted;
    scripted_server const server(script().taste().tell(tasted).deaf());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    running_call<hk::receipt> call(io, client.produce("orders", large()));
    work_until(io, [&] { return tasted.is_open(); });
    call.cancel();
    hk::error const failure = call.end.error();
    CHECK(failure.code() == net::error::operation_aborted);
    CHECK(failure.info().persisted() == hk::persistence::possibly);
    check_what(failure, "produce", "orders");
    io.restart();
    io.run();
}

TEST_CASE("a call that waits for a connection can be cancelled, and the one that has it goes on")
{
    gate const go_on;
    scripted_server const server(script().read().await(go_on).send(answer).serve(answer).stall());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(1));
    ending<names> first;
    start(io.get_executor(), client.topics(), first);
    work_until(io, [&] { return !server.requests().empty(); });
    running_call<names> second(io, client.topics());
    ending<names> third;
    start(io.get_executor(), client.topics(), third);
    while (io.poll() != 0) {
    }
    second.cancel();
    CHECK(second.end.code() == net::error::operation_aborted);
    check_what(second.end.error(), "topics");
    CHECK_FALSE(first.happened());
    go_on.open();
    io.restart();
    io.run();
    CHECK(first.good());
    CHECK(third.good());
    CHECK(server.connections() == 1);
}

TEST_CASE("a call that waits to try again can be cancelled")
{
    scripted_server const server(
        script().serve(http(503, "{}", "Retry-After: 30\r\nConnection: close\r\n")).stall());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(3)));
    running_call<names> call(io, client.topics());
    work_until(io, [&] { return server.ended() == 1; }); // the answer was taken
    while (io.poll() != 0) {
    }
    call.cancel();
    CHECK(call.end.code() == net::error::operation_aborted);
    check_what(call.end.error(), "topics");
    io.restart();
    io.run();
}

TEST_CASE("a stream that waits for more can be cancelled and goes on afterwards")
{
    // The partition is empty at first; the second next() finds a record.
    gate const produced;
    auto const reply = [produced](seen_request const& request) {
        bool const more = produced.is_open();
        if (request.line.find("/offsets/") == std::string::npos)
            return http(200, std::string(R"({"partition_id":0,"earliest_offset":0,"latest_offset":)") +
                                 (more ? "1}" : "0}"));
        return http(200, more ? R"([{"offset":0,"value":"v"}])" : "[]");
    };
    scripted_server const server(script().read().answer(reply).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    auto stream = client.consume("orders", 0, hk::consume_options().poll(1ms, 1ms));
    running_call<std::optional<hk::record_batch>> call(io, stream.next());
    work_until(io, [&] { return server.requests().size() > 6; });
    CHECK_FALSE(call.end.happened());
    call.cancel();
    CHECK(call.end.code() == net::error::operation_aborted);
    check_what(call.end.error(), "consume", "orders");
    produced.open();
    auto const next = run(io, stream.next());
    REQUIRE(next.good());
    REQUIRE(next.get().value().has_value());
    CHECK(next.get().value()->size() == 1);
}

TEST_CASE("a call that waits for a token can be cancelled; the request for it goes on")
{
    gate const issued;
    int calls = 0;
    auto slow = [&calls, issued]() -> net::awaitable<hk::access_token> {
        ++calls;
        co_await opened(issued);
        co_return hk::access_token("late-token");
    };
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).credential(hk::token_callback(slow)));
    running_call<names> first(io, client.topics());
    ending<names> second;
    start(io.get_executor(), client.topics(), second);
    while (io.poll() != 0) {
    }
    first.cancel();
    CHECK(first.end.code() == net::error::operation_aborted);
    check_what(first.end.error(), "topics");
    issued.open();
    io.restart();
    io.run();
    CHECK(second.good());
    CHECK(calls == 1);
    CHECK(server.requests().at(0).field("authorization") == "Bearer late-token");
}

TEST_CASE("a call cancelled after any number of steps ends, and leaves a client that works")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(2));
    bool through = false;
    for (std::size_t steps = 1; steps < 200 && !through; ++steps) {
        CAPTURE(steps);
        running_call<names> call(io, client.topics());
        through = take_steps(io, steps, [&call] { return call.end.happened(); });
        if (!through)
            call.cancel();
        if (!call.end.good())
            CHECK(call.end.code() == net::error::operation_aborted);
        if (!call.end.good())
            check_what(call.end.error(), "topics");
        io.restart();
        io.run();
        if (steps % 3 == 0)
            CHECK(run(io, client.topics()).good());
    }
    CHECK(through);
}
