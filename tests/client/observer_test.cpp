// What an observer is told, and that it cannot disturb what it observes.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");

/// The events as lines, in the order in which they came.
class diary
{
public:
    std::vector<std::string> lines;

    void add(std::string line) { lines.push_back(std::move(line)); }
    std::size_t count(std::string const& beginning) const
    {
        std::size_t out = 0;
        for (auto const& line : lines)
            out += line.starts_with(beginning) ? 1 : 0;
        return out;
    }
};

class writer
{
public:
    explicit writer(diary& into) : into_(&into) {}

    void operator()(hk::request_started const& event) const { into_->add("started " + name(event.call)); }
    void operator()(hk::attempt_ended const& event) const
    {
        into_->add("attempt " + std::to_string(event.attempt) + " " + name(event.call) + " " +
                   std::to_string(event.http_status) + (event.reused ? " reused" : " fresh") +
                   (event.bytes_sent > 0 ? " sent" : "") + (event.bytes_received > 0 ? " received" : "") +
                   cause(event.code));
    }
    void operator()(hk::retry_scheduled const& event) const
    {
        into_->add("retry after " + std::to_string(event.attempt) + cause(event.code));
    }
    void operator()(hk::request_ended const& event) const
    {
        into_->add("ended " + name(event.call) + " " + std::to_string(event.attempts) + cause(event.code));
    }
    void operator()(hk::token_renewed const& event) const { into_->add("token" + cause(event.code)); }
    void operator()(hk::connection_opened const& event) const
    {
        into_->add("opened " + std::string(event.tls_version) + (event.proxied ? " proxied" : ""));
    }
    void operator()(hk::connection_closed const& event) const
    {
        into_->add("closed " + std::to_string(static_cast<int>(event.cause)) + " after " +
                   std::to_string(event.exchanges));
    }

private:
    static std::string name(hk::observed_call const& call)
    {
        CHECK_FALSE(call.request_id.empty());
        return std::string(call.operation) + (call.topic.empty() ? "" : " of " + std::string(call.topic));
    }
    static std::string cause(std::error_code code) { return code ? ": " + code.message() : ""; }

    diary* into_;
};

/// Cannot be copied, as counters cannot.
class last_status
{
public:
    last_status() = default;
    last_status(last_status const&) = delete;
    last_status& operator=(last_status const&) = delete;
    ~last_status() = default;

    void operator()(hk::attempt_ended const& event) { value = event.http_status; }

    int value = 0;
};

using lines = std::vector<std::string>;

std::string closed(hk::connection_end cause, int exchanges)
{
    return "closed " + std::to_string(static_cast<int>(cause)) + " after " + std::to_string(exchanges);
}

std::string message(hk::errc code) { return ": " + hk::make_error_code(code).message(); }

hk::client_options watched(std::string endpoint, diary& into)
{
    return options_for(std::move(endpoint)).observer(hk::observer(writer(into)));
}

/// For doctest, which shows what differs.
std::string text(lines const& all)
{
    std::string out;
    for (auto const& line : all)
        out += line + "\n";
    return out;
}

} // namespace

TEST_CASE("two calls over one connection are told from begin to end")
{
    diary seen;
    scripted_server const server(script().serve(answer).forever());
    {
        net::io_context io;
        hk::client const client(io.get_executor(), watched(server.endpoint(), seen));
        CHECK(run(io, client.topics()).good());
        CHECK(run(io, client.topics()).good());
    }
    CHECK(text(seen.lines) ==
          text({"started topics", "token", "opened TLSv1.3", "attempt 1 topics 200 fresh sent received",
                "ended topics 1", "started topics", "attempt 1 topics 200 reused sent received",
                "ended topics 1", closed(hk::connection_end::closed, 2)}));
}

TEST_CASE("an attempt that failed and the one that follows are told with the reason")
{
    diary seen;
    std::vector<script> scripts(1, script().serve(http(503, "{}", "Connection: close\r\n")));
    scripts.push_back(script().read().reset());
    scripts.push_back(script().serve(answer));
    scripted_server const server(std::move(scripts));
    net::io_context io;
    hk::client const client(io.get_executor(), watched(server.endpoint(), seen).retry(quickly(3)));
    CHECK(run(io, client.partitions("orders")).code() == hk::errc::invalid_response);
    auto const lost = message(hk::errc::connection_lost);
    auto const failed = message(hk::errc::service_failed);
    CHECK(text(seen.lines) ==
          text({"started partitions of orders", "token", "opened TLSv1.3",
                closed(hk::connection_end::finished, 1),
                "attempt 1 partitions of orders 503 fresh sent received" + failed, "retry after 1" + failed,
                "opened TLSv1.3", closed(hk::connection_end::failed, 1),
                "attempt 2 partitions of orders 0 fresh sent received" + lost, "retry after 2" + lost,
                "opened TLSv1.3", "attempt 3 partitions of orders 200 fresh sent received",
                "ended partitions of orders 3"}));
}

TEST_CASE("a connection that is too old or was closed by the server says so")
{
    diary seen;
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), watched(server.endpoint(), seen).max_idle_time(1ms));
    CHECK(run(io, client.topics()).good());
    auto const used = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < used + 1ms) {
        // Until it is too old.
    }
    CHECK(run(io, client.topics()).good());
    CHECK(seen.count(closed(hk::connection_end::retired, 1)) == 1);
    client.close();
    CHECK(seen.count(closed(hk::connection_end::closed, 1)) == 1);

    diary other;
    scripted_server const short_lived(script().serve(answer));
    hk::client const second(io.get_executor(), watched(short_lived.endpoint(), other));
    CHECK(run(io, second.topics()).good());
    short_lived.wait_for_ends(1);
    CHECK(run(io, second.topics()).good());
    CHECK(other.count(closed(hk::connection_end::dropped, 1)) == 1);
}

TEST_CASE("token requests are calls like others, and a renewal tells how it went")
{
    diary seen;
    emulated service;
    hk::client const client(service.io.get_executor(),
                            service.emulator.client_options().observer(hk::observer(writer(seen))));
    CHECK(service.run(client.topics()));
    CHECK(seen.count("started token") == 1);
    CHECK(seen.count("ended token 1") == 1);
    CHECK(seen.count("token") == 1);
    service.emulator.expire_tokens();
    CHECK(service.run(client.topics()));
    CHECK(seen.count("retry after 1" + message(hk::errc::unauthorized)) == 1);
    CHECK(seen.count("token") == 2);
    service.emulator.rotate_client_secret("another");
    service.emulator.expire_tokens();
    CHECK_FALSE(service.run(client.topics()));
    CHECK(seen.count("token" + message(hk::errc::token_refused)) == 1);
}

TEST_CASE("a call that ends before its first attempt, or by cancellation, is told to have ended")
{
    diary seen;
    gate const asked;
    scripted_server const server(script().read().tell(asked).stall());
    net::io_context io;
    hk::client const client(io.get_executor(), watched(server.endpoint(), seen));
    running_call<std::vector<std::string>> call(io, client.topics());
    work_until(io, [&] { return asked.is_open(); });
    call.cancel();
    std::string const aborted = ": " + std::error_code(net::error::operation_aborted).message();
    CHECK(seen.count("attempt 1 topics 0 fresh sent") == 1);
    CHECK(seen.count("ended topics 1" + aborted) == 1);
    CHECK(seen.count(closed(hk::connection_end::failed, 1)) == 1);
}

TEST_CASE("a context that is destroyed ends what was begun")
{
    diary seen;
    scripted_server const server(script().read().stall());
    {
        net::io_context io;
        hk::client const client(io.get_executor(), watched(server.endpoint(), seen));
        ending<std::vector<std::string>> end;
        start(io.get_executor(), client.topics(), end);
        io.poll();
    }
    CHECK(seen.count("started topics") == 1);
    CHECK(seen.count("ended topics") == 1);
}

TEST_CASE("what an observer throws is dropped, and it may use the client")
{
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    int told = 0;
    auto const thrower = [&told](auto const&) {
        ++told;
        throw std::runtime_error("out of order");
    };
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint()).observer(hk::observer(thrower)));
    CHECK(run(io, client.topics()).good());
    CHECK(told > 3);

    std::vector<hk::client> clients;
    ending<std::vector<std::string>> second;
    auto const caller = [&](hk::request_ended const&) {
        if (std::exchange(told, 0) != 0)
            start(io.get_executor(), clients.front().topics(), second);
    };
    auto const closer = [&clients](hk::connection_closed const&) { clients.front().close(); };
    clients.emplace_back(io.get_executor(), options_for(server.endpoint()).observer(hk::observer(caller)));
    CHECK(run(io, clients.front().topics()).good());
    CHECK(second.good());
    clients.clear();
    clients.emplace_back(io.get_executor(), options_for(server.endpoint()).observer(hk::observer(closer)));
    CHECK(run(io, clients.front().topics()).good());
    clients.front().close();
    CHECK(run(io, clients.front().topics()).code() == hk::errc::closed);
}

TEST_CASE("an observer hears the events it has a function for")
{
    int started = 0;
    auto const only = [&started](hk::request_started const&) { ++started; };
    scripted_server const server(script().serve(answer).forever());
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).observer(hk::observer(only)));
    CHECK(run(io, client.topics()).good());
    CHECK(started == 1);
    CHECK_FALSE(hk::observer());

    auto const kept = std::make_shared<last_status>();
    hk::client const second(io.get_executor(), options_for(server.endpoint()).observer(hk::observer(kept)));
    CHECK(run(io, second.topics()).good());
    CHECK(kept->value == 200);
}
