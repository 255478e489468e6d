// A host with several addresses: which of them are tried, and when a failure at one is the end.
#include "support/faults/resolver.hpp"
#include "support/faults/site.hpp"
#include "support/net/running.hpp"

#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;

namespace {

using names = std::vector<std::string>;
std::string const answer = http(200, R"({"topics":["orders"]})");
std::string const first_address = "127.0.0.2";

/// A host with two addresses: a server that is out of order at the first, a good one at the second.
class two_addresses
{
public:
    explicit two_addresses(script doing, std::optional<certificate> shown = certificate::good)
        : good_(script().read().answer(good).forever()),
          bad_(std::vector<script>(1, std::move(doing)), shown, first_address, good_.port())
    {
        name_service::get().plan(good_.port(), std::vector<lookup>(16, both()));
    }

    hk::client_options options() const { return options_for(good_.endpoint("localhost")); }
    scripted_server const& good_one() const noexcept { return good_; }
    scripted_server const& bad_one() const noexcept { return bad_; }

private:
    static lookup both()
    {
        lookup host(first_address);
        host.then("127.0.0.1");
        return host;
    }

    static std::string good(seen_request const& request)
    {
        return request.line.starts_with("POST") ? http(200, R"("done")") : answer;
    }

    scripted_server good_;
    scripted_server bad_;
};

/// Servers that take the connection and then end it within the handshake.
std::vector<script> broken_handshakes()
{
    script const begun = script().without_handshake().taste();
    return {begun, script(begun).reset(), script(begun).fin()};
}

} // namespace

TEST_CASE("an address where the handshake fails is passed over within one attempt")
{
    for (script const& broken : broken_handshakes()) {
        two_addresses const host(broken);
        net::io_context io;
        hk::client const client(io.get_executor(), host.options());
        CHECK(run(io, client.topics()).good());
        CHECK(host.bad_one().connections() == 1);
        CHECK(host.good_one().requests().size() == 1);
    }
}

TEST_CASE("an address where the handshake stalls is passed over, and the next one has the time anew")
{
    // A machine with much else to do gets more time.
    constexpr hk::milliseconds longest = 20s;
    for (hk::milliseconds limit = 50ms;; limit *= 4) {
        two_addresses const host(script().without_handshake().stall());
        net::io_context io;
        hk::client const client(io.get_executor(), host.options().connect_timeout(limit));
        auto const end = run(io, client.topics());
        if (!end.good() && limit < longest)
            continue;
        CHECK(end.good());
        CHECK(host.bad_one().connections() == 1);
        CHECK(host.good_one().requests().size() == 1);
        break;
    }
}

TEST_CASE("an address that refuses the connection is passed over")
{
    scripted_server const server(script().serve(answer));
    closed_doors const doors(server.port());
    lookup host(refusing_address);
    host.then("127.0.0.1");
    name_service::get().plan(server.port(), std::vector<lookup>(1, host));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")));
    CHECK(run(io, client.topics()).good());
}

TEST_CASE("a produce goes to the address that is well, once")
{
    for (script const& broken : broken_handshakes()) {
        two_addresses const host(broken);
        net::io_context io;
        hk::client const client(io.get_executor(), host.options());
        CHECK(run(io, client.produce("orders", hk::records("v"))).good());
        CHECK(host.bad_one().requests().empty());
        CHECK(host.good_one().requests().size() == 1);
    }
}

TEST_CASE(
    "a server that shows the wrong certificate, or speaks no TLS, is the end: no other address is tried")
{
    script const no_tls = script().without_handshake().taste().send("HTTP/1.1 400 Bad Request\r\n\r\n");
    struct
    {
        script doing;
        certificate shown;
        hk::errc code;
    } const cases[] = {
        {script().serve(answer), certificate::untrusted, hk::errc::certificate_refused},
        {script().serve(answer), certificate::expired, hk::errc::certificate_refused},
        {script().serve(answer), certificate::other_host, hk::errc::host_mismatch},
        {script(no_tls).stall(), certificate::good, hk::errc::tls_failed},
    };
    for (auto const& [doing, shown, code] : cases) {
        two_addresses const host(doing, shown);
        net::io_context io;
        hk::client const client(io.get_executor(), host.options().retry(quickly(3)));
        CHECK(run(io, client.topics()).code() == code);
        CHECK(host.bad_one().connections() == 1);
        CHECK(host.good_one().connections() == 0);
    }
}

TEST_CASE("when the handshake fails at every address, the last failure is the attempt's; each was tried once")
{
    script const begun = script().without_handshake().taste();
    scripted_server const last(begun);
    unsigned const port = last.port();
    scripted_server const first(std::vector<script>(1, begun), certificate::good, first_address, port);
    lookup host(first_address);
    host.then("127.0.0.1");
    name_service::get().plan(port, std::vector<lookup>(1, host));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(last.endpoint("localhost")));
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::connection_lost);
    CHECK(failure.info().retriable());
    CHECK(first.connections() == 1);
    CHECK(last.connections() == 1);
}

TEST_CASE("a call that is cancelled, closed or out of time at one address tries no other")
{
    enum class way_to_end
    {
        cancelled,
        closed,
        out_of_time,
    };
    for (way_to_end const how : {way_to_end::cancelled, way_to_end::closed, way_to_end::out_of_time}) {
        gate const there;
        two_addresses const host(script().without_handshake().taste().tell(there).stall());
        net::io_context io;
        hk::client const client(io.get_executor(), host.options());
        hk::call_options options;
        if (how == way_to_end::out_of_time)
            options.timeout(50ms);
        running_call<names> call(io, client.topics(options));
        std::error_code wanted = hk::errc::timed_out;
        if (how != way_to_end::out_of_time)
            work_until(io, [&] { return there.is_open(); });
        if (how == way_to_end::cancelled) {
            wanted = net::error::operation_aborted;
            call.cancel();
        } else if (how == way_to_end::closed) {
            wanted = hk::errc::closed;
            client.close();
        }
        io.restart();
        io.run();
        CHECK(call.end.code() == wanted);
        CHECK(host.good_one().connections() == 0);
    }
}
