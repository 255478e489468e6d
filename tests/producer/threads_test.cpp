// A producer used from many threads and two contexts in every way at once, and ended in every way in the
// middle of it: every call ends and nothing is left. Meant to be run under ThreadSanitizer.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace std::chrono_literals;

namespace {

constexpr int callers = 24;
constexpr int calls = 30;

/// A context with threads of its own.
class worker
{
public:
    explicit worker(int threads) : io(threads)
    {
        for (int i = 0; i != threads; ++i)
            threads_.emplace_back([this] { io.run(); });
    }
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;
    ~worker() { join(); }

    /// When nothing is left to do.
    void join()
    {
        guard_.reset();
        for (auto& one : threads_)
            one.join();
        threads_.clear();
    }

    asio::io_context io;

private:
    asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(io);
    std::vector<std::thread> threads_;
};

hk::record random_record(std::mt19937& random, int number)
{
    hk::record out = random() % 2 ? hk::record(std::to_string(random() % 7), number) : hk::record(number);
    if (random() % 4 == 0)
        out.partition(static_cast<std::int32_t>(random() % 3));
    return out;
}

/// Counts its calls, also those that fail.
asio::awaitable<void> use(hk::producer producer, unsigned seed, std::atomic<int>* begun)
{
    std::mt19937 random(seed);
    for (int i = 0; i != calls; ++i) {
        ++*begun;
        hk::call_options options;
        if (random() % 3 == 0)
            options.timeout(std::chrono::milliseconds(1 + static_cast<int>(random() % 4)));
        auto const what = random() % 10;
        if (what == 0) {
            auto const flushed = co_await hk::as_result(producer.flush(options));
            (void)flushed;
        } else if (what == 1) {
            hk::delivery taken;
            try {
                taken = producer.try_send("orders", random_record(random, i));
            } catch (hk::error const&) { // NOLINT(bugprone-empty-catch): the producer was closed
            }
            auto const told = co_await hk::as_result(taken.receipt(options));
            (void)told;
        } else {
            (void)producer.statistics();
            auto sending = producer.send("orders", random_record(random, i), options);
            auto const told = co_await hk::as_result(std::move(sending));
            (void)told;
        }
    }
}

hk::producer_options random_options(std::mt19937& random)
{
    hk::producer_options out;
    out.buffer_records(1 + random() % 20).max_batch_records(1 + random() % 6).max_in_flight(1 + random() % 3);
    out.linger(std::chrono::milliseconds(static_cast<int>(random() % 6)));
    if (random() % 2)
        out.partitioner(hk::partitioner::murmur2)
            .refresh_partitions(std::chrono::milliseconds(static_cast<int>(random() % 5)));
    return out;
}

enum class parting : unsigned char
{
    none,
    close_client,
    close_producer,
    drop,
};

void run_round(hk::emulator& service, hk::credential const& who, unsigned seed, parting how)
{
    std::mt19937 random(seed);
    worker home(3);
    worker abroad(2);
    std::optional<hk::client> client(std::in_place, home.io.get_executor(),
                                     service.client_options().credential(who));
    std::optional<hk::producer> producer(std::in_place, *client, random_options(random));
    if (random() % 2)
        service.inject(
            hk::emulator_fault::answer(413).on(hk::emulator_route::produce).times(1 + random() % 3));
    if (random() % 3 == 0)
        service.inject(hk::emulator_fault::drop_answer().on(hk::emulator_route::produce));

    std::atomic<int> begun = 0;
    std::latch ended(callers);
    std::deque<asio::cancellation_signal> signals;
    std::vector<asio::strand<asio::any_io_executor>> strands;
    for (int i = 0; i != callers; ++i) {
        asio::any_io_executor const base = i % 3 == 0 ? home.io.get_executor() : abroad.io.get_executor();
        auto const& strand = strands.emplace_back(asio::make_strand(base));
        asio::co_spawn(strand, use(*producer, static_cast<unsigned>(random()), &begun),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(),
                                                    [&ended](std::exception_ptr) { ended.count_down(); }));
    }
    while (begun < static_cast<int>(random() % (callers * calls / 2)))
        std::this_thread::yield();
    for (std::size_t i = 0; i < callers; i += 2)
        asio::post(strands[i], [&signals, i] { signals[i].emit(asio::cancellation_type::terminal); });
    if (how == parting::close_client)
        client->close();
    if (how == parting::close_producer)
        asio::co_spawn(abroad.io, producer->close(hk::call_options().timeout(2ms)),
                       [](std::exception_ptr) {});
    if (how == parting::drop) {
        producer.reset();
        client.reset();
    }
    ended.wait(); // or this test never ends
    if (producer && how != parting::none) {
        hk::producer_statistics const left = producer->statistics();
        CHECK(left.waiting == 0);
    }
    std::optional<hk::producer> const last = std::exchange(producer, std::nullopt);
    if (last)
        asio::co_spawn(home.io, last->close(), [](std::exception_ptr) {});
    home.join();
    if (last) {
        hk::producer_statistics const left = last->statistics();
        CHECK(left.buffered_records == 0);
        CHECK(left.buffered_bytes == 0);
        CHECK(left.waiting == 0);
        CHECK(left.in_flight == 0);
    }
    abroad.join();
}

} // namespace

TEST_CASE("used and ended from many threads at once, every call ends and nothing is left")
{
    worker served(1);
    hk::emulator service(served.io.get_executor());
    service.start();
    service.add_topic("orders", 3);
    for (unsigned seed = 0; seed != 40; ++seed) {
        CAPTURE(seed);
        // A new token each time: its request is what calls wait for first.
        run_round(service, service.credential(), seed, static_cast<parting>(seed % 4));
    }
    service.stop();
}
