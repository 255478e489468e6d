// Calls over the connections that there are, while others cannot be made, stall or are refused.
#include "support/net/full_listener.hpp"
#include "support/net/running.hpp"

#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");
std::string const last_answer = http(200, R"({"topics":["orders"]})", "Connection: close\r\n");
using names = std::vector<std::string>;

/// So many calls at once.
class crowd
{
public:
    crowd(net::io_context& io, hk::client const& client, std::size_t count)
    {
        for (std::size_t i = 0; i != count; ++i)
            start(io.get_executor(), client.topics(), ends_.emplace_back());
    }

    bool all_ended() const
    {
        for (auto const& end : ends_)
            if (!end.happened())
                return false;
        return true;
    }

    /// How many have ended like that; no code: well.
    std::size_t count(std::error_code code) const
    {
        std::size_t found = 0;
        for (auto const& end : ends_)
            found += end.happened() && end.code() == code ? 1 : 0;
        return found;
    }

    std::deque<ending<names>> const& ends() const { return ends_; }

private:
    std::deque<ending<names>> ends_;
};

std::error_code const well;

/// As long as it is there, the process may open no more files.
class no_descriptors
{
public:
    no_descriptors()
    {
        getrlimit(RLIMIT_NOFILE, &before_);
        int const next = dup(STDERR_FILENO);
        REQUIRE(next >= 0);
        close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    no_descriptors(no_descriptors const&) = delete;
    no_descriptors& operator=(no_descriptors const&) = delete;
    ~no_descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

/// A service that is down for so many connections, each of which is lost before a handshake, and then well.
std::vector<script> down_for(std::size_t connections)
{
    std::vector<script> out(connections, script().without_handshake().reset());
    out.push_back(script().serve(answer).forever());
    return out;
}

} // namespace

TEST_CASE("eight calls with one connection, while no other comes about: all are served over the one")
{
    std::vector<script> scripts(1, script().serve(answer).forever());
    scripts.push_back(script().without_handshake().stall());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).connect_timeout(1h));
    REQUIRE(run(io, client.topics()).good());
    crowd const calls(io, client, 8);
    io.restart();
    io.run(); // returns: what stalls is given up
    CHECK(calls.count(well) == 8);
    for (auto const& request : server.requests())
        CHECK(request.connection == 0);
}

TEST_CASE("a call whose connection cannot be made waits for one that is in use")
{
    gate const release;
    std::vector<script> scripts(1, script().read().await(release).send(answer).serve(answer).forever());
    scripts.push_back(script().without_handshake().reset());
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    crowd const first(io, client, 1);
    work_until(io, [&] { return server.requests().size() == 1; });
    crowd const second(io, client, 1);
    work_until(io, [&] { return server.ended() >= 1; });
    take_all_steps(io);
    CHECK_FALSE(second.all_ended());
    release.open();
    work_until(io, [&] { return first.all_ended() && second.all_ended(); });
    CHECK(first.count(well) == 1);
    CHECK(second.count(well) == 1);
}

TEST_CASE("a refused certificate is told to all who wait, over no more connections than were under way")
{
    scripted_server const server(script().serve(answer), certificate::untrusted);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).retry(hk::retry_policy()).total_timeout(1h));
    crowd const calls(io, client, 200);
    io.restart();
    io.run();
    CHECK(calls.count(hk::errc::certificate_refused) == 200);
    CHECK(server.connections() <= 16);
    CHECK(server.requests().empty());
}

TEST_CASE("a service that is down for a while fails no call that has the time, and meets few connections")
{
    constexpr std::size_t lost =
        16 + 5; // those that were begun at once, and the paced ones of a second or so
    scripted_server const server(down_for(lost));
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).retry(hk::retry_policy()).total_timeout(1h));
    crowd const calls(io, client, 1'000);
    io.restart();
    io.run();
    CHECK(calls.count(well) == 1'000);
    CHECK(server.connections() <= lost + 16);
}

TEST_CASE("a produce that finds a service down is sent once it is up, once")
{
    std::vector<script> scripts(5, script().without_handshake().reset());
    scripts.push_back(script().serve(http(200, R"({"offsets":[{"partition":0,"offset":7}]})")));
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(server.endpoint()).retry(hk::retry_policy().base_delay(1ms)).total_timeout(1h));
    CHECK(run(io, client.produce("orders", hk::records("v"))).good());
    CHECK(server.requests().size() == 1);
    CHECK(server.connections() == 6);
}

TEST_CASE("without retries, calls learn of the first failure that is their own, and nothing was written")
{
    scripted_server const server(script().without_handshake().reset());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    crowd const calls(io, client, 40);
    io.restart();
    io.run();
    for (auto const& end : calls.ends())
        CHECK(end.error().info().retriable());
    auto const failed = run(io, client.produce("orders", hk::records("v"))).error();
    CHECK(failed.info().retriable());
    CHECK(failed.info().persisted() == hk::persistence::none);
}

TEST_CASE("a call that is cancelled while it waits for a connection leaves nothing to wait for")
{
    full_listener const full;
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(full.endpoint()).connect_timeout(1h).total_timeout(1h));
    running_call<names> call(io, client.topics());
    take_all_steps(io);
    call.cancel();
    io.restart();
    io.run(); // returns: the dial is given up
    CHECK(call.end.code() == net::error::operation_aborted);
}

TEST_CASE("a call that runs out of time says what it waited for")
{
    full_listener const full;
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(full.endpoint()).total_timeout(50ms));
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::timed_out);
    std::string const text = failure.what();
    CAPTURE(text);
    CHECK(text.find("connection to 127.0.0.1:" + std::to_string(full.address().port())) != std::string::npos);
}

TEST_CASE("calls of several threads over connections that are lost, made and freed all end well")
{
    std::vector<script> scripts;
    for (int i = 0; i != 30; ++i) {
        scripts.push_back(script().without_handshake().reset());
        scripts.push_back(script().serve(answer).serve(answer).serve(answer).read().send(last_answer));
    }
    scripts.push_back(script().serve(answer).forever());
    scripted_server const server(std::move(scripts));
    std::atomic<std::size_t> good = 0;
    net::thread_pool threads(4);
    hk::client const client(
        threads.get_executor(),
        options_for(server.endpoint()).retry(hk::retry_policy().base_delay(1ms)).total_timeout(1h));
    for (int i = 0; i != 400; ++i)
        net::co_spawn(threads, hk::as_result(client.topics()),
                      [&good](std::exception_ptr, hk::result<names> const& end) { good += end ? 1 : 0; });
    threads.join();
    CHECK(good == 400);
}

TEST_CASE("without a descriptor for a socket a call fails in time, and everything goes on afterwards")
{
    scripted_server const server(script().serve(last_answer));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()));
    REQUIRE(run(io, client.topics()).good());
    server.wait_for_ends(1);
    {
        no_descriptors const left;
        hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(failure.code() == hk::errc::connect_failed);
        CHECK(failure.info().retriable());
        CHECK(failure.info().persisted() == hk::persistence::none);
    }
    CHECK(run(io, client.topics()).good());
}
