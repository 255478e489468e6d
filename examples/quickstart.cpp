// The service's product page as one program: get a token, create a topic, wait until it shows, produce
// values of every kind, read them back, look at the partitions.
//
// Without configuration it talks to an emulator inside this process. With HDIKAFKA_ENDPOINT and
// AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET set it talks to that cluster.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

namespace {

std::string environment(char const* name)
{
    char const* const value = std::getenv(name);
    return value ? value : "";
}

char const* words(hk::persistence state)
{
    switch (state) {
    case hk::persistence::none: return "not written";
    case hk::persistence::possibly: return "possibly written";
    case hk::persistence::done: return "written";
    }
    return "";
}

void print(hk::record_view const& record)
{
    auto const key = record.key();
    std::printf("  offset %lld  key %s  value %s\n", static_cast<long long>(record.offset()),
                key ? std::string(key->text()).c_str() : "(none)",
                std::string(record.value().text()).c_str());
}

/// Every kind of value the service takes; with a key, with a partition, with neither.
hk::records everything()
{
    auto const object = hk::json::parse(R"({"id":1,"name":"a JSON object"})");
    auto const list =
        hk::json::parse(R"([{"id":1,"name":"first"},{"id":2,"name":"second"},{"id":3,"name":"third"}])");
    auto const nested = hk::json::parse(
        R"({"group":1,"proxy":{"id":1,"servers":[{"id":1,"name":"one"},{"id":2,"name":"two"},{"id":3,"name":"three"}]}})");
    return hk::records(hk::record("key1", "a string"), hk::record(5).partition(0), 3.14, object, list,
                       nested);
}

asio::awaitable<void> journey(hk::client client, std::string topic)
{
    std::printf("\nCreating topic %s\n", topic.c_str());
    auto const config = hk::topic_config()
                            .partition_count(1)
                            .replication_factor(1)
                            .set("retention.ms", 604800000)
                            .set("min.insync.replicas", "1");
    co_await client.create_topic(topic, config);

    std::printf("Waiting until it shows in the metadata\n");
    co_await client.wait_for_topic(topic, 60s);
    auto const topics = co_await client.topics();
    std::printf("  it does; the cluster has %zu topic(s)\n", topics.size());

    std::printf("\nProducing six records\n");
    auto const receipt = co_await client.produce(topic, everything());
    for (std::size_t i = 0; i < receipt.size(); ++i)
        std::printf("  record %zu: %s\n", i, words(receipt.persisted(i)));

    std::printf("\nConsuming two at a time from offset 0\n");
    auto stream = client.consume(topic, 0, hk::consume_options().from(0).until(hk::latest).max_records(2));
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            print(record);
    std::printf("  caught up at offset %lld\n", static_cast<long long>(stream.position()));

    std::printf("\nPartitions\n");
    auto const partitions = co_await client.partitions(topic);
    for (auto const& one : partitions)
        std::printf("  %d: offsets %lld to %lld\n", one.id, static_cast<long long>(one.earliest_offset),
                    static_cast<long long>(one.latest_offset));

    auto const first = co_await client.partition(topic, 0);
    std::printf("\nPartition 0: leader %s:%d, %zu replica(s), %zu in sync\n", first.leader.host.c_str(),
                first.leader.port, first.replicas.size(), first.in_sync_replicas.size());
}

} // namespace

int main()
try {
    asio::io_context io;
    std::unique_ptr<hk::emulator> emulator;
    hk::client_options options;
    std::string const endpoint = environment("HDIKAFKA_ENDPOINT");
    if (endpoint.empty()) {
        emulator =
            std::make_unique<hk::emulator>(io.get_executor(), hk::emulator_options().visibility_delay(300ms));
        emulator->start();
        options = emulator->client_options();
        std::printf("HDIKAFKA_ENDPOINT is not set: using an emulator at %s\n", emulator->endpoint().c_str());
    } else {
        options = hk::client_options(endpoint).credential(
            hk::client_secret_credential(environment("AZURE_TENANT_ID"), environment("AZURE_CLIENT_ID"),
                                         environment("AZURE_CLIENT_SECRET")));
        std::printf("Using the cluster at %s\n", endpoint.c_str());
    }

    hk::client const client(io.get_executor(), options);
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    std::string const topic =
        "hello_topic_" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count());

    std::exception_ptr failure;
    auto const done = [&](std::exception_ptr why) {
        failure = why;
        if (emulator)
            emulator->stop();
    };
    asio::co_spawn(io, journey(client, topic), done);
    io.run();
    if (failure)
        std::rethrow_exception(failure);
    std::printf("\nDone.\n");
    return 0;
} catch (std::exception const& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
