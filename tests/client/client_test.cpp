// Every operation of the client against the emulator, and the arguments that are refused before any
// byte is sent.
#include "support/emulator/emulated.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

/// The call is refused with this code, by name, and the emulator has not heard of it.
template <class T>
void check_refused(test::emulated& service, asio::awaitable<T> call, hk::errc code,
                   std::string const& operation)
{
    auto const heard = service.emulator.calls().size();
    auto const outcome = service.run(std::move(call));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code() == code);
    CHECK(outcome.error().code() == std::errc::invalid_argument);
    CHECK(outcome.error().info().operation == operation);
    CHECK(outcome.error().info().persisted() == hk::persistence::none);
    CHECK(std::string(outcome.error().what()).starts_with(operation));
    CHECK(service.emulator.calls().size() == heard);
}

} // namespace

TEST_CASE("bad arguments are refused before any byte is sent")
{
    test::emulated service;
    hk::client const& client = *service.client;
    std::vector<std::string> const bad_topics = {"",
                                                 ".",
                                                 "..",
                                                 "a b",
                                                 "a/b",
                                                 "caf\xC3\xA9",
                                                 "a\r\nb",
                                                 std::string("a\0b", 3),
                                                 std::string(250, 'a'),
                                                 "a%2Fb"};
    for (std::string const& topic : bad_topics) {
        CAPTURE(topic);
        auto const invalid = hk::errc::invalid_topic;
        check_refused(service, client.partitions(topic), invalid, "partitions");
        check_refused(service, client.partition(topic, 0), invalid, "partition");
        check_refused(service, client.create_topic(topic), invalid, "create_topic");
        check_refused(service, client.delete_topic(topic), invalid, "delete_topic");
        check_refused(service, client.wait_for_topic(topic, 1s), invalid, "wait_for_topic");
        check_refused(service, client.produce(topic, hk::records(1)), invalid, "produce");
        check_refused(service, client.fetch(topic, 0, 0, 1), invalid, "fetch");
        auto stream = client.consume(topic, 0);
        check_refused(service, stream.next(), invalid, "consume");
    }
    auto const least = std::numeric_limits<std::int32_t>::min();
    check_refused(service, client.partition("t", -1), hk::errc::invalid_partition, "partition");
    check_refused(service, client.fetch("t", least, 0, 1), hk::errc::invalid_partition, "fetch");
    check_refused(service, client.fetch("t", 0, -1, 1), hk::errc::invalid_offset, "fetch");
    check_refused(service, client.fetch("t", 0, 0, 0), hk::errc::invalid_count, "fetch");
    check_refused(service, client.fetch("t", 0, 0, -5), hk::errc::invalid_count, "fetch");
    check_refused(service, client.produce("t", hk::records()), hk::errc::no_records, "produce");
    hk::records const negative(1, hk::record(2).partition(-3));
    check_refused(service, client.produce("t", negative), hk::errc::invalid_partition, "produce");
    auto const no_partitions = hk::topic_config().partition_count(0);
    check_refused(service, client.create_topic("t", no_partitions), hk::errc::invalid_count, "create_topic");
    auto const no_replicas = hk::topic_config().replication_factor(-1);
    check_refused(service, client.create_topic("t", no_replicas), hk::errc::invalid_count, "create_topic");
    auto const odd_id = hk::call_options().request_id("a\r\nX-Evil: 1");
    check_refused(service, client.topics(odd_id), hk::errc::invalid_option, "topics");
}

TEST_CASE("a client is not made from an endpoint that cannot be used")
{
    asio::io_context io;
    auto const refused = [&io](std::string const& endpoint) {
        try {
            hk::client const client(io.get_executor(), hk::client_options(endpoint));
        } catch (hk::error const& failure) {
            CHECK(failure.info().operation == "client");
            return failure.code() == hk::errc::invalid_endpoint;
        }
        return false;
    };
    for (char const* const endpoint :
         {"", "cluster", "http://cluster.example", "http://127.0.0.1:9400", "ftp://cluster.example",
          "https://", "https://user:secret@cluster.example", "https://cluster.example/path",
          "https://cluster.example?x=1", "https://cluster.example:0", "https://cluster.example:65536",
          "https://cluster.example:port", "https://clus ter.example", "https://cluster.example\r\nX: 1"}) {
        CAPTURE(endpoint);
        CHECK(refused(endpoint));
    }
    CHECK_FALSE(refused("https://cluster-kafkarest.azurehdinsight.net"));
    CHECK_FALSE(refused("https://cluster-kafkarest.azurehdinsight.net:9400/"));
    CHECK_FALSE(refused("https://[::1]:9400"));
}

TEST_CASE("a client without a credential says so before anything is sent")
{
    test::emulated service;
    auto options = service.emulator.client_options();
    options.credential(hk::credential());
    hk::client const client(service.io.get_executor(), options);
    check_refused(service, client.topics(), hk::errc::no_credential, "topics");
}

TEST_CASE("metadata: brokers, topics, partitions")
{
    test::emulated service;
    auto const brokers = service.run(service->brokers()).value();
    REQUIRE(brokers.size() == 3);
    CHECK_FALSE(brokers[0].host.empty());
    CHECK(brokers[0].port > 0);
    CHECK(brokers[0].id != brokers[1].id);

    CHECK(service.run(service->topics()).value().empty());
    auto const config =
        hk::topic_config().partition_count(4).replication_factor(2).set("retention.ms", 604800000);
    service.run(service->create_topic("orders", config)).value();
    CHECK(service.run(service->topics()).value() == std::vector<std::string>{"orders"});
    CHECK(service.emulator.topic_properties("orders").at("retention.ms") == "604800000");

    service.run(service->produce("orders", hk::record("x").partition(2))).value();
    auto const partitions = service.run(service->partitions("orders")).value();
    REQUIRE(partitions.size() == 4);
    CHECK(partitions[2].latest_offset == 1);
    CHECK(partitions[3].latest_offset == 0);
    CHECK(partitions[0].replicas.size() == 2);
    CHECK(partitions[0].in_sync_replicas.size() == 2);
    auto const third = service.run(service->partition("orders", 2)).value();
    CHECK(third.id == 2);
    CHECK(third.latest_offset == 1);
    CHECK_FALSE(third.leader.host.empty());
}

TEST_CASE("a topic can be created once, waited for, and deleted")
{
    test::emulated service(hk::emulator_options().visibility_delay(30ms));
    service.run(service->create_topic("orders")).value();
    CHECK(service.run(service->topics()).value().empty());
    service.run(service->wait_for_topic("orders", 10s)).value();
    CHECK(service.run(service->topics()).value().size() == 1);

    auto const again = service.run(service->create_topic("orders"));
    REQUIRE_FALSE(again);
    CHECK(again.error().code() == hk::errc::already_exists);
    CHECK(again.error().info().topic == "orders");
    CHECK(again.error().info().http_status == 409);

    service.run(service->delete_topic("orders")).value();
    auto const gone = service.run(service->fetch("orders", 0, 0, 1));
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code() == hk::errc::not_found);
}

TEST_CASE("waiting for a topic that never shows ends with the timeout")
{
    test::emulated service;
    auto const waited = service.run(service->wait_for_topic("nowhere", 50ms));
    REQUIRE_FALSE(waited);
    CHECK(waited.error().code() == hk::errc::timed_out);
    CHECK(waited.error().code() == std::errc::timed_out);
    CHECK(waited.error().info().operation == "wait_for_topic");
    CHECK(waited.error().info().topic == "nowhere");
}

TEST_CASE("a proxy without deletion says not supported")
{
    test::emulated service(hk::emulator_options().delete_topics(false));
    service.emulator.add_topic("orders");
    auto const refused = service.run(service->delete_topic("orders"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::not_supported);
    CHECK(refused.error().info().http_status == 405);
}

TEST_CASE("values of every kind come back as they went")
{
    for (auto const form : {hk::emulator_consume_answer::object, hk::emulator_consume_answer::array}) {
        test::emulated service(hk::emulator_options().consume_answer(form));
        service.emulator.add_topic("orders");
        hk::records const sent(
            "text with \"quotes\", \n and \xE2\x82\xAC", std::int64_t{9223372036854775807},
            std::uint64_t{18446744073709551615U}, -0.1, true, nullptr,
            hk::json::parse(R"({"a":[1,{"b":null}]})"), hk::record("key", "keyed"),
            hk::record("", "empty key"), hk::record(nullptr, "null key"),
            hk::record("cl\xC3\xA9 \xF0\x9D\x84\x9E", "\xE9\x8D\xB5 of more than one byte"));
        auto const receipt = service.run(service->produce("orders", sent)).value();
        CHECK(receipt.size() == sent.size());
        CHECK(receipt.persisted() == hk::persistence::done);

        auto const batch = service.run(service->fetch("orders", 0, 0, 100)).value();
        REQUIRE(batch.size() == sent.size());
        CHECK(batch.next_offset() == 11);
        for (std::size_t i = 0; i < sent.size(); ++i) {
            CHECK(batch[i].offset() == static_cast<std::int64_t>(i));
            CHECK(batch[i].value().text() == sent[i].value().text());
            CHECK(batch[i].key().has_value() == sent[i].key().has_value());
            CHECK(batch[i].timestamp().has_value());
        }
        CHECK(batch[1].value().as_int64() == std::numeric_limits<std::int64_t>::max());
        CHECK(batch[2].value().as_uint64() == std::numeric_limits<std::uint64_t>::max());
        CHECK(batch[7].key()->as_string() == "key");
        CHECK(batch[8].key()->as_string() == "");
        CHECK(batch[9].key()->is_null());
        CHECK(batch[10].key()->as_string() == "cl\xC3\xA9 \xF0\x9D\x84\x9E");
    }
}

TEST_CASE("ten thousand topics are listed, or are more than the client takes")
{
    test::emulated service;
    std::vector<std::string> names;
    for (int i = 10'000; i != 20'000; ++i)
        service.emulator.add_topic(names.emplace_back("topic-" + std::to_string(i)));
    CHECK(service.run(service->topics()).value() == names);

    hk::client const small(service.io.get_executor(),
                           service.emulator.client_options().limits(hk::http_limits().body(64 * 1024)));
    auto const refused = service.run(small.topics());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::body_too_large);
    CHECK_FALSE(refused.error().info().retriable());
}

TEST_CASE("receipts say what the service says")
{
    test::emulated service(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    service.emulator.add_topic("orders", 2);
    hk::records const two(hk::record("a").partition(1), hk::record("b").partition(1));
    auto const first = service.run(service->produce("orders", two)).value();
    CHECK(first.partition(1) == 1);
    CHECK(first.offset(0) == 0);
    CHECK(first.offset(1) == 1);

    test::emulated silent(hk::emulator_options().produce_answer(hk::emulator_produce_answer::empty));
    silent.emulator.add_topic("orders");
    auto const second = silent.run(silent->produce("orders", hk::records("a"))).value();
    CHECK(second.persisted(0) == hk::persistence::done);
    CHECK_FALSE(second.offset(0).has_value());
}

TEST_CASE("records of one key go to one partition, records without one go round")
{
    test::emulated service(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    service.emulator.add_topic("orders", 3);
    std::vector<std::int32_t> rounds;
    for (int i = 0; i < 6; ++i) {
        auto const keyed = service.run(service->produce("orders", hk::record("foobar", i))).value();
        CHECK(keyed.partition(0) == (-790332482 & 0x7fffffff) % 3);
        auto const free = service.run(service->produce("orders", hk::records(i))).value();
        rounds.push_back(free.partition(0).value());
    }
    std::ranges::sort(rounds);
    CHECK(rounds == std::vector<std::int32_t>{0, 0, 1, 1, 2, 2});
}

TEST_CASE("an expired token is replaced without the caller's doing, a refused identity is an error")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    service.run(service->topics()).value();
    service.emulator.expire_tokens();
    auto const receipt = service.run(service->produce("orders", hk::records("once"))).value();
    CHECK(receipt.persisted() == hk::persistence::done);
    CHECK(service.emulator.records("orders", 0).size() == 1);
    CHECK(service.emulator.request_count(hk::emulator_route::token) == 2);

    service.emulator.in_security_group(false);
    auto const refused = service.run(service->topics());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::forbidden);
    CHECK(refused.error().code() == std::errc::permission_denied);
}

TEST_CASE("a wrong secret is the authority's refusal, told without the secret")
{
    test::emulated service;
    service.emulator.rotate_client_secret("another");
    auto const refused = service.run(service->topics());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::token_refused);
    CHECK(refused.error().info().operation == "topics");
    CHECK(refused.error().info().server_code == "invalid_client");
    CHECK_FALSE(refused.error().info().server_message.empty());
    std::string const secret = hk::emulator_options().client_secret();
    REQUIRE_FALSE(secret.empty());
    CHECK(std::string(refused.error().what()).find(secret) == std::string::npos);
    CHECK(refused.error().info().server_message.find(secret) == std::string::npos);
}

TEST_CASE("a closed client refuses calls")
{
    test::emulated service;
    service->close();
    service->close();
    auto const refused = service.run(service->topics());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::closed);
    CHECK(refused.error().info().operation == "topics");
}
