// What a program outside may write: temporaries of every kind in one statement with co_await, results
// instead of exceptions, futures, awaitables kept for later. gcc 12 gets some such statements wrong for
// aggregates; under AddressSanitizer this shows that it gets ours right.
#include "support/emulator/emulated.hpp"

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

// Nothing that is passed to an awaitable is an aggregate.
static_assert(!std::is_aggregate_v<hk::call_options> && !std::is_aggregate_v<hk::consume_options>);
static_assert(!std::is_aggregate_v<hk::record> && !std::is_aggregate_v<hk::records>);
static_assert(!std::is_aggregate_v<hk::topic_config> && !std::is_aggregate_v<hk::json>);

// co_spawn needs results that are made empty and moved into.
template <class T>
constexpr bool awaitable_result = std::is_default_constructible_v<T>&& std::is_move_constructible_v<T>;
static_assert(awaitable_result<hk::receipt> && awaitable_result<hk::record_batch>);
static_assert(awaitable_result<hk::broker> && awaitable_result<hk::partition_info>);
static_assert(awaitable_result<hk::result<void>> && awaitable_result<hk::result<hk::receipt>>);

static_assert(std::ranges::random_access_range<hk::record_batch>);
static_assert(std::is_same_v<std::ranges::range_value_t<hk::record_batch>, hk::record_view>);

asio::awaitable<void> temporaries(hk::client client)
{
    co_await client.create_topic("orders",
                                 hk::topic_config().partition_count(3).set("retention.ms", 604800000));
    co_await client.create_topic(std::string("plain"));
    co_await client.create_topic("third", hk::topic_config(),
                                 hk::call_options().timeout(20s).request_id("abc"));
    co_await client.wait_for_topic("orders", 1min);

    auto const receipt = co_await client.produce(
        "orders", hk::records(hk::record("key1", "text").partition(0), hk::record(3.14).partition(0)));
    CHECK(receipt.persisted() == hk::persistence::done);
    co_await client.produce("orders", hk::record("k", hk::json::parse(R"({"a":1})")).partition(0),
                            hk::call_options().timeout(1min));
    co_await client.produce("orders", std::vector<hk::record>(2, hk::record("k", "v").partition(0)));
    auto const mixed = co_await client.produce(
        "orders", hk::records("text", 1, 2.5, nullptr, true, std::string("s"), std::string_view("v")));
    CHECK(mixed.size() == 7);
    std::vector<hk::record> list;
    list.push_back(hk::record("b", nullptr).partition(0));
    co_await client.produce("orders", list);
    co_await client.produce("orders", std::move(list));

    auto batch = co_await client.fetch("orders", 0, 0, 100, hk::call_options().timeout(20s));
    CHECK(batch.size() >= 7);
    auto const moved = std::move(batch);
    CHECK(moved[0].value().as_string() == "text");

    auto stream = client.consume("orders", 0,
                                 hk::consume_options().from(hk::earliest).until(hk::latest).max_records(2));
    std::size_t seen = 0;
    while (auto part = co_await stream.next(hk::call_options().timeout(20s)))
        seen += part->size();
    CHECK(seen == moved.size());
    auto one_by_one = client.consume("orders", 0, hk::consume_options().from(1).until(3));
    while (auto record = co_await one_by_one.next_record(hk::call_options().timeout(20s)))
        CHECK(record->offset() < 3);
}

asio::awaitable<void> results(hk::client client)
{
    auto const status = co_await hk::as_result(client.status());
    CHECK(status);
    auto const brokers = co_await hk::as_result(client.brokers());
    CHECK(brokers);
    auto const topics = co_await hk::as_result(client.topics(hk::call_options().timeout(20s)));
    CHECK(topics);
    auto const partitions = co_await hk::as_result(client.partitions("nowhere"));
    CHECK(partitions.error().code() == hk::errc::not_found);
    auto const partition = co_await hk::as_result(client.partition("orders", 99));
    CHECK(partition.error().info().operation == "partition");
    auto const created = co_await hk::as_result(client.create_topic("orders"));
    CHECK(created.error().code() == hk::errc::already_exists);
    auto const deleted = co_await hk::as_result(client.delete_topic("plain"));
    CHECK(deleted);
    auto const waited = co_await hk::as_result(client.wait_for_topic("never", 50ms));
    CHECK(waited.error().code() == std::errc::timed_out);
    auto const sent = co_await hk::as_result(client.produce("orders", hk::record("x")));
    CHECK(sent.value().size() == 1);
    auto const refused = co_await hk::as_result(client.fetch("orders", 0, -5, 1));
    CHECK(refused.error().code() == hk::errc::invalid_offset);
    CHECK(refused.error().info().topic == "orders");

    auto stream = client.consume("orders", 0);
    auto first = co_await hk::as_result(stream.next(hk::call_options().timeout(20s)));
    auto const taken = std::move(first).value();
    CHECK_FALSE(taken->empty());
    auto const lag = co_await hk::as_result(stream.lag());
    CHECK(lag);
}

asio::awaitable<void> kept_for_later(hk::client client)
{
    std::vector<asio::awaitable<hk::receipt>> calls;
    for (int i = 0; i < 5; ++i) {
        std::string const topic = "orders"; // gone before the call begins
        calls.push_back(client.produce(topic, hk::records(i), hk::call_options().timeout(20s)));
    }
    for (auto& call : calls) {
        auto const receipt = co_await std::move(call);
        CHECK(receipt.size() == 1);
    }
    using namespace asio::experimental::awaitable_operators;
    auto const [topics, brokers] = co_await (client.topics() && client.brokers());
    CHECK_FALSE(topics.empty());
    CHECK_FALSE(brokers.empty());
}

} // namespace

TEST_CASE("temporaries of every kind, results and kept awaitables")
{
    test::emulated service;
    service.run(temporaries(*service.client)).value();
    service.run(results(*service.client)).value();
    service.run(kept_for_later(*service.client)).value();
}

TEST_CASE("calls by futures, from a thread without coroutines")
{
    test::emulated service;
    service.emulator.add_topic("orders");
    std::thread worker([&service] { service.io.run(); });
    hk::client const& client = *service.client;
    auto topics = asio::co_spawn(service.io, client.topics(), asio::use_future);
    auto created = asio::co_spawn(service.io, hk::as_result(client.create_topic("more")), asio::use_future);
    auto refused = asio::co_spawn(service.io, client.fetch("orders", -1, 0, 1), asio::use_future);
    CHECK_FALSE(topics.get().empty());
    CHECK(created.get());
    CHECK_THROWS_AS(refused.get(), hk::error);
    service.emulator.stop();
    worker.join();
}
