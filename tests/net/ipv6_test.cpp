// IPv6, from the endpoint's literal to the certificate's address. On a machine without it this program says
// so and ends with the status that ctest shows as skipped.
#include "support/emulator/emulated.hpp"
#include "support/faults/resolver.hpp"
#include "support/net/running.hpp"

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})", "Connection: close\r\n");
auto const v6 = net::ip::address_v6::loopback();

/// Before the tests.
bool const has_ipv6 = [] {
    net::io_context io;
    net::ip::tcp::acceptor one(io);
    std::error_code failure;
    one.open(net::ip::tcp::v6(), failure);
    if (!failure)
        one.bind(net::ip::tcp::endpoint(v6, 0), failure);
    if (!failure)
        return true;
    std::printf("SKIPPED: this machine has no ::1 (%s): nothing of IPv6 was tested\n",
                failure.message().c_str());
    std::fflush(stdout);
    constexpr int skipped = 77; // as tests/CMakeLists.txt has it
    std::_Exit(skipped);
}();

scripted_server server_on_v6(script doing, certificate shown = certificate::good, unsigned port = 0)
{
    return scripted_server(std::vector<script>(1, std::move(doing)), shown, v6.to_string(), port);
}

} // namespace

TEST_CASE("an IPv6 address as the endpoint: its own SAN, no SNI, brackets in Host")
{
    REQUIRE(has_ipv6);
    scripted_server const server = server_on_v6(script().serve(answer));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("[::1]")));
    CHECK(run(io, client.topics()).good());
    hk::client const in_full(io.get_executor(), options_for(server.endpoint("[0:0:0:0:0:0:0:1]")));
    CHECK(run(io, in_full.topics()).good());
    auto const seen = server.requests();
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].server_name == "(none)");
    CHECK(seen[0].field("host") == "[::1]:" + std::to_string(server.port()));
    CHECK(seen[1].server_name == "(none)");
    CHECK(seen[1].field("host") == "[0:0:0:0:0:0:0:1]:" + std::to_string(server.port()));
}

TEST_CASE("a certificate for other addresses and names does not do for an IPv6 address")
{
    for (certificate const shown :
         {certificate::address, certificate::other_host, certificate::common_name}) {
        scripted_server const server = server_on_v6(script().serve(answer), shown);
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint("[::1]")).retry(quickly(3)));
        CHECK(run(io, client.topics()).code() == hk::errc::host_mismatch);
        CHECK(server.connections() == 1);
        CHECK(server.requests().empty());
    }
}

TEST_CASE("a host in both families: whichever serves is used, whatever the order")
{
    for (bool const v6_first : {true, false})
        for (bool const v6_serves : {true, false}) {
            CAPTURE(v6_first);
            CAPTURE(v6_serves);
            script const good = script().serve(answer);
            script const broken = script().without_handshake().taste();
            scripted_server const on_v4(v6_serves ? broken : good);
            scripted_server const on_v6 =
                server_on_v6(v6_serves ? good : broken, certificate::good, on_v4.port());
            lookup host(v6_first ? "::1" : "127.0.0.1");
            host.then(v6_first ? "127.0.0.1" : "::1");
            name_service::get().plan(on_v4.port(), std::vector<lookup>(1, host));
            net::io_context io;
            hk::client const client(io.get_executor(), options_for(on_v4.endpoint("localhost")));
            CHECK(run(io, client.topics()).good());
            // The one that came first was tried first.
            CHECK(on_v6.connections() == (v6_first || v6_serves ? 1 : 0));
            CHECK(on_v4.connections() == (!v6_first || !v6_serves ? 1 : 0));
            scripted_server const& serving = v6_serves ? on_v6 : on_v4;
            REQUIRE(serving.requests().size() == 1);
            CHECK(serving.requests()[0].server_name == "localhost");
        }
}

TEST_CASE("a host whose IPv6 address refuses is reached by IPv4")
{
    scripted_server const server(script().serve(answer)); // on 127.0.0.1 alone
    lookup host("::1");
    host.then("127.0.0.1");
    name_service::get().plan(server.port(), std::vector<lookup>(1, host));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")));
    CHECK(run(io, client.topics()).good());
}

TEST_CASE("localhost is ::1 as well, also to a resolver that has never heard of it")
{
    scripted_server const server = server_on_v6(script().serve(answer), certificate::good);
    name_service::get().plan(server.port(), std::vector<lookup>(1, lookup("")));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint("localhost")));
    CHECK(run(io, client.topics()).good());
}

TEST_CASE("service and authority on an IPv6 address")
{
    emulated service(hk::emulator_options().listen("::1"));
    REQUIRE(service.emulator.endpoint() == "https://[::1]:" + std::to_string(service.emulator.port()));
    REQUIRE(service.run(service->create_topic("orders")));
    auto const receipt = service.run(service->produce("orders", hk::records("v")));
    REQUIRE(receipt);
    CHECK(receipt.value().persisted() == hk::persistence::done);
    CHECK(service.emulator.records("orders", 0).size() == 1);
}
