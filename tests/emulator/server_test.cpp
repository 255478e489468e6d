// The emulator on the network: TLS, keep-alive, bad peers, stopping, threads.
#include "support/emulator/served_emulator.hpp"

#include <hdikafka/detail/emulator/certificate.hpp>

#include <doctest/doctest.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace net = hk::net;
using std::chrono::milliseconds;
using test::blocking_peer;
using test::served_emulator;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("the whole journey over TLS: token, create, produce, consume, metadata")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    std::string const token = peer.fetch_token();
    REQUIRE(token.size() == 1'200);
    CHECK(peer.exchange("PUT", "/v1/topics/orders", token, "{\"partition_count\":2}").status == 200);
    CHECK(peer.exchange("POST", "/v1/producer/topics/orders", token,
                        "{\"records\":[{\"partition\":1,\"value\":\"caf\xc3\xa9\"}]}")
              .status == 200);
    auto const read =
        peer.exchange("GET", "/v1/consumer/topics/orders/partitions/1/offsets/0?count=5", token);
    CHECK(read.status == 200);
    CHECK(read.field("NextOffset") == "1");
    CHECK(read.field("Content-Type") == "application/json; charset=utf-8");
    CHECK(contains(read.body, "\"value\":\"caf\xc3\xa9\""));
    CHECK(contains(peer.exchange("GET", "/v1/metadata/topics/orders/partitions", token).body,
                   "\"latest_offset\":1"));

    CHECK(server.emulator.topics() == std::vector<std::string>{"orders"});
    CHECK(server.emulator.records("orders", 1).front().value == "\"caf\xc3\xa9\"");
    CHECK(server.emulator.token_requests() == 1);
    CHECK(server.emulator.request_count(hk::emulator_route::produce) == 1);
    auto const calls = server.emulator.calls();
    REQUIRE(calls.size() == 5);
    CHECK(calls.front().connection == 1);
    CHECK(calls.back().connection == 1);
}

TEST_CASE("the certificate is valid for localhost, the loopback addresses and the names asked for, no other")
{
    served_emulator server(hk::emulator_options().host_name("cluster-kafkarest.azurehdinsight.net"));
    for (std::string const name : {"localhost", "127.0.0.1", "::1", "cluster-kafkarest.azurehdinsight.net"})
        CHECK_NOTHROW(server.peer(name));
    CHECK_THROWS(server.peer("example.org"));
    CHECK_THROWS(blocking_peer(server.emulator.port(), "", "localhost"));
}

TEST_CASE("a certificate of the user's own is used, and one that cannot be is refused")
{
    auto const made = hk::detail::emulation::make_emulator_certificate({"own.test"}, {}).value();
    served_emulator server(hk::emulator_options().certificate(made.chain_pem, made.key_pem));
    CHECK_NOTHROW(blocking_peer(server.emulator.port(), made.ca_pem, "own.test"));
    CHECK(server.emulator.ca_pem() == made.chain_pem);

    auto const code_of = [](hk::emulator_options options) {
        net::io_context io;
        hk::emulator emulator(io.get_executor(), std::move(options));
        try {
            emulator.start();
        } catch (hk::error const& failure) {
            return failure.code();
        }
        return std::error_code();
    };
    auto const other = hk::detail::emulation::make_emulator_certificate({}, {}).value();
    CHECK(code_of(hk::emulator_options().certificate("nonsense", made.key_pem)) == hk::errc::invalid_option);
    CHECK(code_of(hk::emulator_options().certificate(made.chain_pem, "nonsense")) ==
          hk::errc::invalid_option);
    CHECK(code_of(hk::emulator_options().certificate(made.chain_pem, other.key_pem)) ==
          hk::errc::invalid_option);
    CHECK(code_of(hk::emulator_options().host_name("a,DNS:b")) == hk::errc::invalid_option);
    CHECK(code_of(hk::emulator_options().listen("localhost")) == hk::errc::invalid_option);
    CHECK(code_of(hk::emulator_options().listen("127.0.0.1", server.emulator.port())) ==
          net::error::address_in_use);
}

TEST_CASE("an emulator starts once")
{
    served_emulator server;
    CHECK_THROWS_AS(server.emulator.start(), hk::error);
    CHECK_NOTHROW(server.peer());
}

TEST_CASE("it can listen on every address, and names the loopback's")
{
    served_emulator server(hk::emulator_options().listen("0.0.0.0"));
    CHECK(server.emulator.endpoint() == "https://127.0.0.1:" + std::to_string(server.emulator.port()));
    CHECK_NOTHROW(server.peer());
    served_emulator named(hk::emulator_options().advertise("localhost"));
    CHECK(named.emulator.endpoint() == "https://localhost:" + std::to_string(named.emulator.port()));
}

TEST_CASE("pipelined requests are answered in order, byte by byte or all at once")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    std::string const token = peer.fetch_token();
    std::string const one =
        "GET /v1/metadata/topics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n";
    std::string const two =
        "GET /v1/metadata/nothing HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n";
    peer.send(one + two + one);
    CHECK(peer.receive().status == 200);
    CHECK(peer.receive().status == 404);
    CHECK(peer.receive().status == 200);
    for (char const byte : one)
        peer.send(std::string_view(&byte, 1));
    CHECK(peer.receive().status == 200);
}

TEST_CASE("a request that says close is answered and the connection closed")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    peer.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    auto const answer = peer.receive();
    CHECK(answer.status == 404);
    CHECK(answer.field("Connection") == "close");
    CHECK(peer.ended());
}

TEST_CASE("HEAD is refused without a body, so that the next answer is found")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    peer.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    auto const refused = peer.receive(true);
    CHECK(refused.status == 404);
    CHECK(refused.field("Content-Length") != "0");
    CHECK(contains(peer.receive().body, "\"error_code\":404"));
    CHECK(peer.ended());
}

TEST_CASE("a client that waits for 100 Continue gets it, once")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    std::string const form = "grant_type=x";
    peer.send("POST /emulator-tenant/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\nExpect: "
              "100-continue\r\nContent-Type: "
              "application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n");
    CHECK(peer.receive().head == "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("grant_");
    peer.send("type=x");
    CHECK(contains(peer.receive().body, "unsupported_grant_type"));
}

TEST_CASE("garbage, a body too large and a header too large are answered and the connection closed")
{
    served_emulator server(hk::emulator_options().max_body(1'000));
    struct row
    {
        std::string text;
        int status;
    };
    for (row const& bad : std::vector<row>{
             {"\x16\x03\x01 what?\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
             {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
             {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + std::string(1'001, 'x'), 413},
             {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
         }) {
        CAPTURE(bad.status);
        blocking_peer peer = server.peer();
        peer.send(bad.text);
        auto const answer = peer.receive();
        CHECK(answer.status == bad.status);
        CHECK(answer.field("Connection") == "close");
        CHECK(contains(answer.body, "\"error_code\":" + std::to_string(bad.status)));
        CHECK(peer.ended());
    }
    CHECK(server.emulator.calls().empty());
}

TEST_CASE("a peer that stalls in the middle of a request or of the handshake blocks nobody")
{
    served_emulator server;
    net::io_context io;
    net::ip::tcp::socket silent(io);
    silent.connect({net::ip::make_address("127.0.0.1"), server.emulator.port()});
    blocking_peer half = server.peer();
    half.send("POST /v1/producer/topics/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    blocking_peer other = server.peer();
    CHECK(!other.fetch_token().empty());
}

TEST_CASE("a connection that stands still is closed in the end")
{
    served_emulator server(hk::emulator_options().idle_timeout(milliseconds(50)));
    net::io_context io;
    net::ip::tcp::socket silent(io);
    silent.connect({net::ip::make_address("127.0.0.1"), server.emulator.port()});
    char byte = 0;
    net::error_code failure;
    silent.read_some(net::buffer(&byte, 1), failure);
    CHECK(failure);
}

TEST_CASE("requests wait for the latency, each for itself")
{
    served_emulator server(hk::emulator_options().latency(milliseconds(5)));
    std::vector<blocking_peer> peers;
    for (int i = 0; i < 3; ++i)
        peers.push_back(server.peer());
    for (auto& peer : peers)
        peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    for (auto& peer : peers)
        CHECK(peer.receive().status == 404);
}

TEST_CASE("more connections than allowed wait until one ends")
{
    served_emulator server(hk::emulator_options().max_connections(1));
    std::optional<blocking_peer> first(server.peer());
    CHECK(!first->fetch_token().empty());
    std::atomic<bool> served = false;
    std::thread second([&] {
        blocking_peer peer = server.peer();
        served = !peer.fetch_token().empty();
    });
    CHECK(!first->fetch_token().empty());
    CHECK(!served);
    first.reset();
    second.join();
    CHECK(served);
    CHECK(server.emulator.calls().back().connection == 2);
}

TEST_CASE("stop closes the listener and the connections, from any thread and as often as one likes")
{
    served_emulator server;
    std::optional<blocking_peer> peer(server.peer());
    CHECK(!peer->fetch_token().empty());
    std::thread other([&] { server.emulator.stop(); });
    server.emulator.stop();
    other.join();
    CHECK(peer->ended());
    CHECK_THROWS(server.peer());
    server.join();
    CHECK_THROWS_AS(server.emulator.start(), hk::error);
    server.emulator.stop();
}

TEST_CASE("stop before start keeps it from starting")
{
    net::io_context io;
    hk::emulator emulator(io.get_executor());
    emulator.stop();
    CHECK_THROWS_AS(emulator.start(), hk::error);
    CHECK(io.run() == 0);
}

TEST_CASE("the executor's context may die with connections open, before the emulator or after it")
{
    for (bool const emulator_first : {true, false}) {
        CAPTURE(emulator_first);
        auto io = std::make_unique<net::io_context>();
        auto emulator = std::make_unique<hk::emulator>(io->get_executor());
        emulator->start();
        std::thread thread([&io] { io->run(); });
        std::optional<blocking_peer> idle(std::in_place, emulator->port(), emulator->ca_pem());
        CHECK(!idle->fetch_token().empty());
        std::optional<blocking_peer> half(std::in_place, emulator->port(), emulator->ca_pem());
        half->send("GET / HTTP");
        io->stop();
        thread.join();
        if (emulator_first) {
            emulator.reset();
            io.reset();
        } else {
            io.reset();
            emulator.reset();
        }
        CHECK(idle->ended());
    }
}

TEST_CASE("many peers on many threads: every record is there once")
{
    constexpr int peer_count = 6;
    constexpr int each = 40;
    served_emulator server(hk::emulator_options(), 4);
    server.emulator.add_topic("orders", 3);
    std::vector<std::thread> peers;
    std::atomic<int> accepted = 0;
    for (int p = 0; p < peer_count; ++p)
        peers.emplace_back([&, p] {
            blocking_peer peer = server.peer();
            std::string const token = peer.fetch_token();
            for (int i = 0; i < each; ++i) {
                auto const body = "{\"records\":[{\"value\":" + std::to_string(p * each + i) + "}]}";
                if (peer.exchange("POST", "/v1/producer/topics/orders", token, body).status == 200)
                    ++accepted;
            }
        });
    for (auto& peer : peers)
        peer.join();
    CHECK(accepted == peer_count * each);
    std::multiset<std::string> values;
    for (std::int32_t partition = 0; partition < 3; ++partition)
        for (auto const& record : server.emulator.records("orders", partition))
            values.insert(record.value);
    CHECK(values.size() == peer_count * each);
    for (int i = 0; i < peer_count * each; ++i)
        CHECK(values.count(std::to_string(i)) == 1);
}
