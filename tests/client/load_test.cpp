// A thousand coroutines on four threads share one client: nothing is lost, nothing is there twice, and
// run() returns by itself when the work is done. Meant to be run under ThreadSanitizer as well.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace hk = hdikafka;

namespace {

constexpr int coroutines = 1000;
constexpr int rounds = 20;
constexpr int partitions = 3;

/// Produces its own records one by one and reads each back from where the receipt says it is.
asio::awaitable<int> produce_and_fetch(hk::client client, int number)
{
    int right = 0;
    for (int round = 0; round < rounds; ++round) {
        std::string const text = std::to_string(number) + "/" + std::to_string(round);
        hk::record const record = hk::record(text).partition(number % partitions);
        auto const receipt = co_await client.produce("load", record);
        auto const offset = receipt.offset(0).value();
        auto const batch = co_await client.fetch("load", number % partitions, offset, 1);
        right += batch.size() == 1 && batch[0].offset() == offset && batch[0].value().as_string() == text;
    }
    co_return right;
}

} // namespace

TEST_CASE("a thousand coroutines on four threads share one client")
{
    asio::io_context served;
    hk::emulator emulator(served.get_executor(),
                          hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    emulator.start();
    std::thread server([&] { served.run(); });

    asio::io_context io(4);
    hk::client const client(io.get_executor(), emulator.client_options());
    std::exception_ptr failure;
    auto const keep = [&failure](std::exception_ptr why) { failure = why ? why : failure; };
    asio::co_spawn(io, client.create_topic("load", hk::topic_config().partition_count(partitions)), keep);
    io.run();
    CHECK(failure == nullptr);

    std::atomic<int> right = 0;
    std::atomic<int> failed = 0;
    io.restart();
    for (int number = 0; number < coroutines; ++number)
        asio::co_spawn(io, produce_and_fetch(client, number), [&](std::exception_ptr why, int count) {
            right += count;
            failed += why != nullptr;
        });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&io] { io.run(); });
    for (auto& thread : threads)
        thread.join();

    CHECK(failed == 0);
    CHECK(right == coroutines * rounds);

    std::map<std::string, int> seen;
    for (int partition = 0; partition < partitions; ++partition)
        for (auto const& record : emulator.records("load", partition))
            ++seen[record.value];
    CHECK(seen.size() == static_cast<std::size_t>(coroutines * rounds));
    int repeated = 0;
    for (auto const& [value, times] : seen)
        repeated += times != 1;
    CHECK(repeated == 0);
    CHECK(emulator.request_count(hk::emulator_route::token) == 1);

    emulator.stop();
    server.join();
}
