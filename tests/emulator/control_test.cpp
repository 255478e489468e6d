// What a test can do with an emulator that serves: arrange, inspect, break.
#include "support/emulator/served_emulator.hpp"

#include <asio/post.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using std::chrono::milliseconds;
using test::blocking_peer;
using test::served_emulator;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("what a client needs is ready to use")
{
    served_emulator server(hk::emulator_options().tenant("t").client_id("c").client_secret("s"));
    std::string const url = "https://127.0.0.1:" + std::to_string(server.emulator.port());
    CHECK(server.emulator.endpoint() == url);
    CHECK(server.emulator.authority_host() == url);
    CHECK(contains(server.emulator.ca_pem(), "BEGIN CERTIFICATE"));
    CHECK(server.emulator.client_options().endpoint() == url);
    CHECK(server.emulator.client_options().tls().ca_pem() == server.emulator.ca_pem());
}

TEST_CASE("faults on the wire: no answer, a late end, a status with Retry-After")
{
    served_emulator server;
    server.emulator.add_topic("orders");
    blocking_peer peer = server.peer();
    std::string const token = peer.fetch_token();
    server.emulator.inject(hk::emulator_fault::answer(503).retry_after(std::chrono::seconds(3)));
    auto const answer = peer.exchange("GET", "/v1/metadata/topics", token);
    CHECK(answer.status == 503);
    CHECK(answer.field("Retry-After") == "3");

    std::string_view const body = "{\"records\":[{\"value\":1}]}";
    server.emulator.inject(hk::emulator_fault::drop_answer());
    CHECK(peer.exchange("POST", "/v1/producer/topics/orders", token, body).status == 0);
    CHECK(server.emulator.records("orders", 0).size() == 1);

    server.emulator.inject(hk::emulator_fault::stall());
    blocking_peer stalled = server.peer();
    std::thread stopper([&] {
        while (server.emulator.calls().size() < 4)
            std::this_thread::yield();
        server.emulator.stop();
    });
    CHECK(stalled.exchange("GET", "/v1/metadata/topics", token).status == 0);
    stopper.join();
}

TEST_CASE("tokens stop being good when the clock says so, or the emulator")
{
    std::atomic<std::int64_t> now = 1'000'000;
    served_emulator server(hk::emulator_options().token_lifetime(std::chrono::seconds(10)).clock([&now] {
        return hk::emulator_time(milliseconds(now.load()));
    }));
    blocking_peer peer = server.peer();
    std::string token = peer.fetch_token();
    auto const status = [&] { return peer.exchange("GET", "/v1/metadata/topics", token).status; };
    CHECK(status() == 200);
    now += 10'000;
    auto const expired = peer.exchange("GET", "/v1/metadata/topics", token);
    CHECK(expired.status == 401);
    CHECK(expired.field("WWW-Authenticate").starts_with("Bearer error=\"invalid_token\""));
    token = peer.fetch_token();
    CHECK(status() == 200);
    server.emulator.expire_tokens();
    CHECK(status() == 401);
    token = peer.fetch_token();
    CHECK(status() == 200);
    server.emulator.in_security_group(false);
    CHECK(status() == 403);
    server.emulator.rotate_client_secret("new");
    CHECK(peer.fetch_token().empty());
    CHECK(server.emulator.token_requests() == 4);
    server.emulator.forget_calls();
    CHECK(server.emulator.token_requests() == 0);
}

TEST_CASE("an answer can be slow, and others are not held up by it")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    std::string const token = peer.fetch_token();
    server.emulator.inject(hk::emulator_fault::slow(milliseconds(50)).on(hk::emulator_route::brokers));
    CHECK(peer.exchange("GET", "/v1/metadata/topics", token).status == 200);
    auto const start = std::chrono::steady_clock::now();
    CHECK(peer.exchange("GET", "/v1/metadata/brokers", token).status == 200);
    CHECK(std::chrono::steady_clock::now() - start >= milliseconds(50));

    // One that would never come in this test: it ends with the emulator.
    server.emulator.inject(hk::emulator_fault::slow(std::chrono::hours(1)).on(hk::emulator_route::brokers));
    blocking_peer waiting = server.peer();
    server.emulator.on_call([&server](hk::emulator_call const& call) {
        if (call.route == hk::emulator_route::topics)
            asio::post(server.io, [&server] { server.emulator.stop(); });
    });
    std::thread other([&] { CHECK(waiting.exchange("GET", "/v1/metadata/brokers", token).status == 0); });
    while (server.emulator.request_count(hk::emulator_route::brokers) < 2)
        std::this_thread::yield();
    peer.exchange("GET", "/v1/metadata/topics", token);
    other.join();
}

TEST_CASE("a script hears of each request between its handling and its answer, and may change things")
{
    served_emulator server;
    auto& emulator = server.emulator;
    emulator.add_topic("orders");
    for (int i = 0; i < 4; ++i)
        emulator.append("orders", hk::record(i));
    std::vector<hk::emulator_call> heard;
    emulator.on_call([&](hk::emulator_call const& call) {
        heard.push_back(call);
        if (call.route == hk::emulator_route::consume)
            emulator.trim("orders", 0, 2);
    });
    blocking_peer peer = server.peer();
    std::string const token = peer.fetch_token();
    std::string_view const read = "/v1/consumer/topics/orders/partitions/0/offsets/0";
    CHECK(peer.exchange("GET", read, token).status == 200);
    CHECK(peer.exchange("GET", read, token).status == 400);
    emulator.on_call({});
    CHECK(peer.exchange("GET", read, token).status == 400);
    REQUIRE(heard.size() == 3);
    CHECK(heard[0].route == hk::emulator_route::token);
    CHECK(heard[1].status == 200);
    CHECK(heard[1].target == read);
    CHECK(heard[2].status == 400);
}

TEST_CASE("a topic can be made anew")
{
    served_emulator server(hk::emulator_options().visibility_delay(std::chrono::hours(1)));
    auto& emulator = server.emulator;
    emulator.add_topic("orders", 3);
    emulator.append("orders", hk::record(1).partition(2));
    emulator.append("orders", hk::record(2).partition(2));
    emulator.recreate_topic("orders");
    CHECK(emulator.watermarks("orders", 2) == std::pair<std::int64_t, std::int64_t>(0, 0));
    CHECK(emulator.append("orders", hk::record(3).partition(2)) == 0);
    blocking_peer peer = server.peer();
    std::string const seen =
        peer.exchange("GET", "/v1/metadata/topics/orders/partitions/2", peer.fetch_token()).body;
    CHECK(contains(seen, "\"earliest_offset\":0,\"latest_offset\":1"));
    CHECK_THROWS_AS(emulator.recreate_topic("absent"), hk::error);
}

TEST_CASE("a test can arrange topics and records, and look at them")
{
    served_emulator server(hk::emulator_options().visibility_delay(std::chrono::hours(1)));
    auto& emulator = server.emulator;
    emulator.add_topic("orders", 3);
    CHECK(emulator.append("orders", hk::record("abc", 1)) == 0);
    CHECK(emulator.append("orders", hk::record("abc", 2)) == 1);
    CHECK(emulator.append("orders", hk::record("text").partition(2)) == 0);
    auto const keyed = emulator.records("orders", 479470107 % 3);
    REQUIRE(keyed.size() == 2);
    CHECK(keyed[1].key == "\"abc\"");
    CHECK(keyed[1].value == "2");
    CHECK(keyed[1].offset == 1);
    CHECK(emulator.records("orders", 2).front().value == "\"text\"");
    CHECK(!emulator.records("orders", 2).front().key);
    CHECK(emulator.records("orders", 2).front().timestamp > hk::emulator_time());

    blocking_peer peer = server.peer();
    CHECK(peer.exchange("GET", "/v1/metadata/topics", peer.fetch_token()).body ==
          "{\"topics\":[\"orders\"]}");
    CHECK(peer.exchange("PUT", "/v1/topics/late", peer.fetch_token(), "{\"topic_properties\":{\"a\":1}}")
              .status == 200);
    CHECK(peer.exchange("GET", "/v1/metadata/topics", peer.fetch_token()).body ==
          "{\"topics\":[\"orders\"]}");
    CHECK(emulator.topics() == std::vector<std::string>{"late", "orders"});
    CHECK(emulator.topic_properties("late").at("a") == "1");

    emulator.add_topic("log");
    for (int i = 0; i < 10; ++i)
        emulator.append("log", hk::record(i));
    emulator.trim("log", 0, 2);
    emulator.truncate("log", 0, 9);
    emulator.compact("log", 0, 3, 5);
    emulator.retain("log", 0, 3);
    emulator.inject_gap("log", 0, 5);
    CHECK(emulator.append("log", hk::record("last")) == 14);
    CHECK(emulator.watermarks("log", 0) == std::pair<std::int64_t, std::int64_t>(6, 15));
    CHECK(emulator.records("log", 0).size() == 4);

    CHECK_THROWS_AS(emulator.records("absent", 0), hk::error);
    CHECK_THROWS_AS(emulator.records("log", 1), hk::error);
    CHECK_THROWS_AS(emulator.trim("log", -1, 0), hk::error);
    CHECK_THROWS_AS(emulator.append("log", hk::record(1).partition(1)), hk::error);
    CHECK_THROWS_AS(emulator.add_topic("log"), hk::error);
}
