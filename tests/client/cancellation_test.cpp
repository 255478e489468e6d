// A thousand calls cancelled at random moments, on four threads: each ends at once, and what it says of its
// records is what the service has. Meant to be run under ThreadSanitizer as well.
#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>
#include <map>

#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hk = hdikafka;

namespace {

using steady = std::chrono::steady_clock;

/// A produce of one record that is cancelled some time after it was begun, on a strand of its own.
class cancelled_produce
{
public:
    cancelled_produce(asio::io_context& io, hk::client const& client, int number,
                      std::chrono::microseconds after)
        : value(std::to_string(number)), strand_(asio::make_strand(io)), timer_(strand_, after)
    {
        hk::record const record = hk::record(value).partition(0);
        asio::co_spawn(strand_, hk::as_result(client.produce("orders", record)),
                       asio::bind_cancellation_slot(
                           signal_.slot(), [this](std::exception_ptr thrown, hk::result<hk::receipt> got) {
                               ended(thrown, std::move(got));
                           }));
        timer_.async_wait([this](std::error_code) {
            if (outcome || before_it_began)
                return;
            cancelled_at_ = steady::now();
            signal_.emit(asio::cancellation_type::terminal);
        });
    }
    cancelled_produce(cancelled_produce const&) = delete;
    cancelled_produce& operator=(cancelled_produce const&) = delete;

    std::string const value;
    std::optional<hk::result<hk::receipt>> outcome;
    bool before_it_began = false; ///< Cancelled before the coroutine ran: Asio ends it itself.
    std::optional<steady::duration> took;

private:
    void ended(std::exception_ptr thrown, hk::result<hk::receipt> got)
    {
        before_it_began = thrown != nullptr;
        if (!thrown)
            outcome.emplace(std::move(got));
        if (cancelled_at_)
            took = steady::now() - *cancelled_at_;
        timer_.cancel();
    }

    asio::strand<asio::io_context::executor_type> strand_;
    asio::steady_timer timer_;
    asio::cancellation_signal signal_;
    std::optional<steady::time_point> cancelled_at_;
};

} // namespace

TEST_CASE("a thousand calls cancelled at random moments end at once and tell the truth")
{
    constexpr int count = 1000;
    auto const seed = std::random_device()();
    MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    asio::io_context served;
    hk::emulator emulator(served.get_executor(),
                          hk::emulator_options().latency(std::chrono::milliseconds(2)));
    emulator.start();
    emulator.add_topic("orders");
    std::thread server([&served] { served.run(); });

    asio::io_context io(4);
    hk::client const client(io.get_executor(), emulator.client_options().max_connections(16));
    std::deque<cancelled_produce> calls;
    // Some before the token and the first connection are there, most while they wait for a connection, some
    // after their answer.
    std::uniform_int_distribution<int> later(0, 200'000);
    for (int number = 0; number != count; ++number)
        calls.emplace_back(io, client, number, std::chrono::microseconds(later(random)));
    for (int number = count; number != count + 20; ++number)
        calls.emplace_back(io, client, number, std::chrono::hours(1)); // never
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&io] { io.run(); });
    for (auto& thread : threads)
        thread.join();
    emulator.stop();
    server.join();

    std::map<std::string, int> stored;
    for (auto const& record : emulator.records("orders", 0))
        ++stored[record.value];
    steady::duration longest{0};
    int cancelled = 0;
    int done = 0;
    for (cancelled_produce const& call : calls) {
        CAPTURE(call.value);
        int const times = stored['"' + call.value + '"'];
        CHECK(times <= 1);
        if (call.took)
            longest = std::max(longest, *call.took);
        if (call.before_it_began) {
            CHECK(times == 0);
            continue;
        }
        REQUIRE(call.outcome.has_value());
        if (*call.outcome) {
            ++done;
            CHECK(times == 1);
            continue;
        }
        ++cancelled;
        hk::error const& why = call.outcome->error();
        CHECK(why.code() == asio::error::operation_aborted);
        if (why.info().persisted() == hk::persistence::none)
            CHECK(times == 0);
    }
    CHECK(cancelled > 0);
    CHECK(done >= 20);
    std::printf("cancelled %d calls of %d, the longest took %.1f ms to end\n", cancelled, count,
                std::chrono::duration<double, std::milli>(longest).count());
}
