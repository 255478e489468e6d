// The service's product page as one program: create a topic, wait until it shows, produce values of every
// kind, read them back, look at the partitions. The token is asked for behind the scenes.
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace hk = hdikafka;
using namespace std::chrono_literals;

/// Every kind of value the service takes; with a key, with a partition, with neither.
hk::records everything()
{
    auto const object = hk::json::parse(R"({"id":1,"name":"a JSON object"})");
    auto const list = hk::json::parse(R"([{"id":1,"name":"first"},{"id":2,"name":"second"}])");
    auto const nested = hk::json::parse(R"({"proxy":{"id":1,"servers":[{"id":1},{"id":2},{"id":3}]}})");
    return hk::records(hk::record("key1", "a string"), hk::record(5).partition(0), 3.14, object, list,
                       nested);
}

asio::awaitable<void> journey(hk::client client, std::string topic)
{
    std::cout << "\nCreating topic " << topic << "\n";
    auto const config = hk::topic_config()
                            .partition_count(1)
                            .replication_factor(1)
                            .set("retention.ms", 604800000)
                            .set("min.insync.replicas", "1");
    co_await client.create_topic(topic, config);
    std::cout << "Waiting until it shows in the metadata\n";
    co_await client.wait_for_topic(topic, 60s);
    auto const topics = co_await client.topics();
    std::cout << "  it does; the cluster has " << topics.size() << " topic(s)\n";

    std::cout << "\nProducing\n";
    auto const receipt = co_await client.produce(topic, everything());
    for (std::size_t i = 0; i < receipt.size(); ++i)
        if (receipt.persisted(i) == hk::persistence::done)
            std::cout << "  record " << i << " is written\n";

    std::cout << "\nConsuming two at a time from offset 0\n";
    auto stream = client.consume(topic, 0, hk::consume_options().from(0).until(hk::latest).max_records(2));
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            std::cout << "  offset " << record.offset() << "  key "
                      << (record.key() ? record.key()->text() : "(none)") << "  value "
                      << record.value().text() << "\n";
    std::cout << "  caught up at offset " << stream.position() << "\n\nPartitions\n";

    auto const partitions = co_await client.partitions(topic);
    for (auto const& one : partitions)
        std::cout << "  " << one.id << ": offsets " << one.earliest_offset << " to " << one.latest_offset
                  << "\n";
    auto const first = co_await client.partition(topic, 0);
    std::cout << "\nPartition 0: leader " << first.leader.host << ":" << first.leader.port << ", "
              << first.replicas.size() << " replica(s), " << first.in_sync_replicas.size() << " in sync\n";
}

int main()
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    asio::io_context io;
    hk::client const client(io.get_executor(), cluster.options());
    asio::co_spawn(io, journey(client, examples::new_name("hello_topic")), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure); // out of run()
    });
    io.run();
    std::cout << "\nDone.\n";
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}
