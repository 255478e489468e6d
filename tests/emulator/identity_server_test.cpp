// The emulator's second listener, which has the endpoints for managed identities, on the network.
#include "support/identity/client_certificates.hpp"
#include "support/emulator/emulated.hpp"
#include "support/emulator/served_emulator.hpp"

#include <doctest/doctest.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace net = hk::net;
using std::string;
using std::chrono::milliseconds;
using test::blocking_peer;
using test::raw_answer;
using test::served_emulator;

hk::emulator_options with_identities() { return hk::emulator_options().managed_identity(true); }

string request(std::string_view target, std::string_view fields)
{
    return "GET " + string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + string(fields) + "\r\n";
}

string imds(std::string_view fields = "Metadata: true\r\n")
{
    return request("/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
                   "https%3A%2F%2Fhib.azurehdinsight.net",
                   fields);
}

string app_service(std::string_view fields)
{
    return request("/msi/token?api-version=2019-08-01&resource=https://hib.azurehdinsight.net", fields);
}

string arc(string const& fields = "")
{
    return request("/metadata/arc/identity/oauth2/token?api-version=2019-11-01&resource="
                   "https://hib.azurehdinsight.net",
                   "Metadata: true\r\n" + fields);
}

raw_answer ask(blocking_peer& peer, string const& text)
{
    peer.send(text);
    return peer.receive();
}

string token_of(raw_answer const& answer)
{
    std::string_view const before = "\"access_token\":\"";
    std::size_t const at = answer.body.find(before) + before.size();
    return answer.status == 200 ? answer.body.substr(at, answer.body.find('"', at) - at) : string();
}

string text_of(std::filesystem::path const& file)
{
    std::ifstream in(file, std::ios::binary);
    return string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::size_t entries(test::scratch_folder const& folder)
{
    std::filesystem::directory_iterator const all(folder.path(""));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::error_code start_failure(hk::emulator_options options)
{
    net::io_context io;
    hk::emulator emulator(io.get_executor(), std::move(options));
    try {
        emulator.start();
    } catch (hk::error const& failure) {
        return failure.code();
    }
    return {};
}

} // namespace

TEST_CASE("tokens from the endpoints are good for REST calls, and the header fields arrive")
{
    served_emulator server(with_identities());
    CHECK(server.emulator.identity_endpoint() ==
          "http://127.0.0.1:" + std::to_string(server.identity_port()));
    CHECK(server.identity_port() != server.emulator.port());
    blocking_peer peer = server.identity_peer();
    blocking_peer rest = server.peer();
    auto const status = [&](string const& text) {
        string const token = token_of(ask(peer, text));
        return token.empty() ? 0 : rest.exchange("GET", "/v1/metadata/topics", token).status;
    };
    CHECK(status(imds()) == 200);
    CHECK(status(app_service("X-IDENTITY-HEADER: emulator-identity-header\r\n")) == 200);

    CHECK(ask(peer, imds("")).status == 400);
    CHECK(ask(peer, imds("Metadata: true\r\nX-Forwarded-For: 10.0.0.1\r\n")).status == 400);
    CHECK(ask(peer, app_service("X-IDENTITY-HEADER: other\r\n")).status == 401);
    CHECK(server.emulator.request_count(hk::emulator_route::imds) == 3);
    CHECK(server.emulator.request_count(hk::emulator_route::app_service_identity) == 2);
    auto const calls = server.emulator.calls();
    REQUIRE(calls.size() == 7);
    CHECK(calls[0].connection == calls[6].connection);
    CHECK(calls[0].connection != calls[1].connection);
}

TEST_CASE("each listener has its own routes, and only one of them speaks TLS")
{
    served_emulator server(with_identities());
    blocking_peer tls = server.peer();
    CHECK(ask(tls, imds()).status == 404);
    CHECK(ask(tls, app_service("X-IDENTITY-HEADER: emulator-identity-header\r\n")).status == 404);
    blocking_peer plain = server.identity_peer();
    string const token = token_of(ask(plain, imds()));
    CHECK(plain.exchange("GET", "/v1/metadata/topics", token).status == 404);
    CHECK(plain.fetch_token().empty());
    CHECK(server.emulator.token_requests() == 0);

    CHECK_THROWS(blocking_peer(server.identity_port(), server.emulator.ca_pem()));
    blocking_peer without_tls(server.emulator.port());
    CHECK(ask(without_tls, imds()).status == 0);
}

TEST_CASE("plain connections are kept, pipelined, refused and closed like those with TLS")
{
    served_emulator server(with_identities().max_body(100));
    blocking_peer peer = server.identity_peer();
    peer.send(imds() + imds("") + imds("Metadata: true\r\nConnection: close\r\n"));
    CHECK(peer.receive().status == 200);
    CHECK(peer.receive().status == 400);
    auto const last = peer.receive();
    CHECK(last.status == 200);
    CHECK(last.field("Connection") == "close");
    CHECK(peer.ended());

    blocking_peer garbage = server.identity_peer();
    garbage.send("\x16\x03\x01 what?\r\n\r\n");
    CHECK(garbage.receive().status == 400);
    CHECK(garbage.ended());
    blocking_peer large = server.identity_peer();
    large.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + string(101, 'x'));
    CHECK(large.receive().status == 413);
    CHECK(large.ended());
}

TEST_CASE("Arc's key is in a file for its owner alone, new for each challenge, and gone at the end")
{
    test::scratch_folder const folder;
    std::filesystem::path const file = folder.path("agent.key");
    {
        served_emulator server(with_identities().arc_key_file(file.string()));
        CHECK(!std::filesystem::exists(file));
        blocking_peer peer = server.identity_peer();
        auto const asked = ask(peer, arc());
        CHECK(asked.status == 401);
        CHECK(asked.field("WWW-Authenticate") == "Basic realm=" + file.string());
        string const key = text_of(file);
        CHECK(key.size() == 64);
        using std::filesystem::perms;
        CHECK(std::filesystem::status(file).permissions() == (perms::owner_read | perms::owner_write));
        CHECK(!token_of(ask(peer, arc("Authorization: Basic " + key + "\r\n"))).empty());
        CHECK(ask(peer, arc("Authorization: Basic " + key + "\r\n")).status == 401);
        CHECK(text_of(file) != key);
        CHECK(entries(folder) == 1);
    }
    CHECK(entries(folder) == 0);
}

TEST_CASE("a key that cannot be written is Arc's failure, and leaves nothing behind")
{
    test::scratch_folder const folder;
    std::filesystem::create_directories(folder.path("taken/file"));
    for (string const name : {"absent/agent.key", "taken"}) {
        CAPTURE(name);
        served_emulator server(with_identities().arc_key_file(folder.path(name)));
        blocking_peer peer = server.identity_peer();
        CHECK(ask(peer, arc()).status == 500);
    }
    CHECK(std::filesystem::exists(folder.path("taken/file")));
    CHECK(entries(folder) == 1);
}

TEST_CASE("faults without an answer end plain connections or leave them waiting")
{
    served_emulator server(with_identities());
    server.emulator.inject(hk::emulator_fault::drop_request().on(hk::emulator_route::imds));
    blocking_peer dropped = server.identity_peer();
    CHECK(ask(dropped, imds()).status == 0);

    server.emulator.inject(hk::emulator_fault::stall().on(hk::emulator_route::imds));
    blocking_peer stalled = server.identity_peer();
    std::thread stopper([&] {
        while (server.emulator.calls().size() < 2)
            std::this_thread::yield();
        server.emulator.stop();
    });
    CHECK(ask(stalled, imds()).status == 0);
    stopper.join();
}

TEST_CASE("a plain connection that stands still is closed in the end")
{
    served_emulator server(with_identities().idle_timeout(milliseconds(50)));
    blocking_peer silent = server.identity_peer();
    CHECK(silent.ended());
}

TEST_CASE("answers of the second listener wait for the latency, too")
{
    served_emulator server(with_identities().latency(std::chrono::hours(1)));
    blocking_peer peer = server.identity_peer();
    peer.send(imds());
    blocking_peer garbage = server.identity_peer(); // is refused at once
    CHECK(ask(garbage, "?\r\n\r\n").status == 400);
    CHECK(server.emulator.calls().empty());
    server.emulator.stop();
    CHECK(peer.ended());
}

TEST_CASE("each listener has its own number of connections")
{
    served_emulator server(with_identities().max_connections(1));
    blocking_peer rest = server.peer();
    CHECK(!rest.fetch_token().empty());
    std::optional<blocking_peer> first(server.identity_peer());
    CHECK(ask(*first, imds()).status == 200);
    std::atomic<bool> served = false;
    std::thread second([&] {
        blocking_peer peer = server.identity_peer();
        served = ask(peer, imds()).status == 200;
    });
    CHECK(ask(*first, imds()).status == 200);
    CHECK(!served);
    first.reset();
    second.join();
    CHECK(served);
    CHECK(!rest.fetch_token().empty());
}

TEST_CASE("stop closes both listeners and the connections of both")
{
    served_emulator server(with_identities());
    blocking_peer rest = server.peer();
    blocking_peer identity = server.identity_peer();
    CHECK(ask(identity, imds()).status == 200);
    server.emulator.stop();
    CHECK(rest.ended());
    CHECK(identity.ended());
    CHECK_THROWS(server.peer());
    CHECK_THROWS(server.identity_peer());
    server.join();
}

TEST_CASE("without the option there is no second listener to ask about")
{
    served_emulator server;
    CHECK_THROWS_AS(server.emulator.identity_endpoint(), hk::error);
}

TEST_CASE("the second listener takes the port it is given, and the address of the first")
{
    served_emulator server(with_identities().advertise("localhost"));
    CHECK(server.emulator.identity_endpoint() ==
          "http://localhost:" + std::to_string(server.identity_port()));
    CHECK(start_failure(with_identities().identity_port(server.identity_port())) ==
          net::error::address_in_use);
    CHECK(start_failure(hk::emulator_options().identity_port(server.identity_port())) == std::error_code());
    CHECK(start_failure(with_identities().listen("127.0.0.2").identity_port(server.identity_port())) ==
          std::error_code());
}

TEST_CASE("options that cannot be sent in a header field are refused")
{
    for (auto const& bad : std::vector<hk::emulator_options>{
             hk::emulator_options().identity_header(""), hk::emulator_options().identity_header("a\r\nb"),
             hk::emulator_options().arc_key_file("a\nb"),
             hk::emulator_options().token_refresh_in(std::chrono::seconds(-1))})
        CHECK(start_failure(bad) == hk::errc::invalid_option);
}

TEST_CASE("a client meets a claims challenge, asks for the claims and goes on")
{
    test::emulated service;
    REQUIRE(service.run(service->topics()));
    CHECK(service.emulator.token_requests() == 1);
    service.emulator.require_claims(R"({"access_token":{"acrs":{"essential":true,"value":"c1"}}})");
    CHECK(service.run(service->topics()));
    CHECK(service.emulator.token_requests() == 2);
    CHECK(service.run(service->topics()));
    CHECK(service.emulator.token_requests() == 2);
    for (string const no_object : {"[]", "1", "{", "{} x"})
        CHECK_THROWS_AS(service.emulator.require_claims(no_object), hk::error);
    CHECK(service.run(service->topics()));
    service.emulator.require_claims("");
    CHECK(service.run(service->topics()));
    CHECK(service.emulator.token_requests() == 2);
}
