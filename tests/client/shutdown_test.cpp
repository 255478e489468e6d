// A program that ends with calls in flight, wherever they wait: handles and context go in every order that
// the client's documentation allows (no handle outlives the context), with one thread and with several. Meant
// to be run under AddressSanitizer: nothing is touched after its end, and nothing leaks.
#include "support/emulator/emulated.hpp"
#include "support/faults/operations.hpp"
#include "support/faults/site.hpp"
#include "support/faults/steps.hpp"
#include "support/faults/waits.hpp"

#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace test;

namespace {

using names = std::vector<std::string>;
using batch = std::optional<hk::record_batch>;

/// Every place where a call can stand still, three times over: for three calls at once.
std::vector<fault> all_standstills()
{
    operation next;
    next.line = "/offsets/";
    std::vector<fault> all = all_faults();
    for (fault& one : all_waits(next))
        all.push_back(std::move(one));
    std::erase_if(all, [](fault const& one) { return one.kind != trouble::cancellation; });
    for (fault& one : all)
        for (int i = 0; i != 2; ++i) {
            if (!one.lookups.empty())
                one.lookups.push_back(one.lookups[0]);
            if (!one.service.empty() && !one.one_connection)
                one.service.insert(one.service.begin(), one.service[0]);
        }
    return all;
}

/// A client, a stream and their context, with three calls in flight.
template <class Context>
class scene
{
public:
    explicit scene(fault const& which, std::optional<limit> timeout = std::nullopt)
        : which_(which), site_(which, 0ms, quickly(1)), context_(std::make_unique<Context>(2))
    {
        auto const executor = context_->get_executor();
        client_.emplace(executor, site_.options);
        stream_.emplace(client_->consume("orders", 0, hk::consume_options().from(0).poll(10s, 10s)));
        if (timeout)
            site_.call.timeout(*timeout);
        start(executor, client_->produce("orders", hk::records("v"), site_.call), produced_);
        site_.call.request_id(""); // one large request is enough
        start(executor, client_->topics(site_.call), asked_);
        start(executor, stream_->next(site_.call), read_);
    }
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;
    ~scene() { which_.release.open(); } // a look-up would keep the context from ending

    /// Whether a call waits where it should.
    bool stands_there() const { return which_.other_first ? which_.taken.is_open() : site_.stands_there(); }

    void destroy_handles(bool stream_first)
    {
        if (stream_first)
            stream_.reset();
        client_.reset();
        stream_.reset();
    }

    void destroy_context()
    {
        which_.release.open();
        context_.reset();
    }

    /// What must be so when all three are gone.
    void check_nothing_left()
    {
        CHECK(site_.forgotten());
        CHECK(site_.open_connections() == 0);
    }

    bool all_ended() const { return asked_.happened() && produced_.happened() && read_.happened(); }
    bool none_ended() const { return !asked_.happened() && !produced_.happened() && !read_.happened(); }

    void release() const { which_.release.open(); }
    Context& context() { return *context_; }
    hk::client const& client() const { return *client_; }
    hk::record_stream& stream() { return *stream_; }

private:
    ending<names> asked_;
    ending<hk::receipt> produced_;
    ending<batch> read_;
    fault which_;
    fault_site site_;
    std::unique_ptr<Context> context_;
    std::optional<hk::client> client_;
    std::optional<hk::record_stream> stream_;
};

/// Lets the calls come to where they wait.
void come_there(scene<net::io_context>& all)
{
    work_until(all.context(), [&all] { return all.stands_there(); });
    while (all.context().poll() != 0) {
    }
}

void come_there(scene<net::thread_pool> const& all)
{
    while (!all.stands_there())
        std::this_thread::yield();
}

/// What is closed before the end.
enum class closing : unsigned char
{
    nothing,
    client,
    stream,
};

template <class Context>
void end_with_calls_in_flight()
{
    std::size_t const count = all_standstills().size();
    REQUIRE(count == 12);
    for (std::size_t i = 0; i != count; ++i)
        for (bool const stream_first : {false, true})
            for (closing const closed : {closing::nothing, closing::client, closing::stream}) {
                fault const which = std::move(all_standstills()[i]);
                CAPTURE(which.step);
                CAPTURE(which.event);
                CAPTURE(stream_first);
                CAPTURE(static_cast<int>(closed));
                scene<Context> all(which);
                come_there(all);
                if (closed == closing::client)
                    all.client().close();
                if (closed == closing::stream)
                    all.stream().close();
                all.destroy_handles(stream_first);
                all.destroy_context();
                all.check_nothing_left();
            }
}

/// A program of one coroutine, which owns everything.
net::awaitable<void> program(hk::client_options options, gate reading)
{
    hk::client const client(co_await net::this_coro::executor, std::move(options));
    co_await client.topics();
    auto stream = client.consume("orders", 0, hk::consume_options().from(hk::latest).poll(10s, 10s));
    reading.open();
    co_await stream.next();
}

} // namespace

TEST_CASE("one thread: handles and context may go with calls in flight, wherever these wait")
{
    end_with_calls_in_flight<net::io_context>();
}

TEST_CASE("several threads: handles and context may go with calls in flight, wherever these wait")
{
    end_with_calls_in_flight<net::thread_pool>();
}

TEST_CASE("calls whose handles are gone end by themselves")
{
    std::size_t const count = all_standstills().size();
    for (std::size_t i = 0; i != count; ++i)
        for (bool const stream_first : {false, true}) {
            fault const which = std::move(all_standstills()[i]);
            CAPTURE(which.step);
            CAPTURE(which.event);
            scene<net::io_context> all(which, 50ms);
            all.destroy_handles(stream_first);
            step_until(all.context(), [&all] { return all.all_ended(); });
            all.release();
            all.context().restart();
            all.context().run();
            all.destroy_context();
            all.check_nothing_left();
        }
}

TEST_CASE("a context that never ran, and calls that were never awaited, leave nothing behind")
{
    for (bool const stream_first : {false, true}) {
        fault const which = std::move(all_standstills()[0]);
        scene<net::io_context> all(which);
        {
            auto const never = all.client().topics();
            auto const never_read = all.stream().next();
            all.destroy_handles(stream_first);
        }
        CHECK(all.none_ended());
        all.destroy_context();
        all.check_nothing_left();
    }
}

TEST_CASE("a coroutine that owns client and stream goes with its context")
{
    for (int threads = 0; threads != 2; ++threads) {
        gate const reading;
        scripted_server const server(good_script());
        std::size_t const before = client_sockets();
        {
            net::io_context io;
            net::co_spawn(io, program(options_for(server.endpoint()), reading), net::detached);
            std::vector<std::thread> helpers;
            for (int i = 0; i != threads; ++i)
                helpers.emplace_back([&io] { io.run(); });
            if (threads == 0)
                work_until(io, [&reading] { return reading.is_open(); });
            reading.wait();
            io.stop();
            for (std::thread& one : helpers)
                one.join();
        }
        CHECK(client_sockets() == before);
    }
}

TEST_CASE("what calls gave outlives client, stream and context")
{
    scripted_server const server(good_script());
    std::optional<hk::record_batch> records;
    std::optional<hk::shared_record> record;
    std::optional<hk::error> failure;
    {
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint()));
        auto stream = client.consume("orders", 0, hk::consume_options().from(3));
        record = run(io, stream.next_record()).get().value();
        records = run(io, client.fetch("orders", 0, 7, 10)).get().value();
        failure = run(io, client.fetch("orders", 0, -1, 10)).error();
    }
    CHECK(record->offset() == 3);
    CHECK(record->value().as_string() == "v");
    CHECK((*records)[0].offset() == 7);
    CHECK(failure->info().topic == "orders");
}

TEST_CASE("threads may be stopped at any moment of many calls")
{
    scripted_server const server(good_script());
    std::size_t const before = client_sockets();
    for (int enough = 0; enough != 60; enough += 3) {
        CAPTURE(enough);
        std::atomic<int> ended = 0;
        auto threads = std::make_unique<net::thread_pool>(3);
        auto const executor = threads->get_executor();
        std::optional<hk::client> client;
        client.emplace(executor, options_for(server.endpoint()).max_connections(4));
        std::deque<hk::record_stream> streams;
        auto const count = [&ended](std::exception_ptr, auto const&) { ++ended; };
        for (int i = 0; i != 30; ++i) {
            hk::record_stream& one = streams.emplace_back(client->consume("orders", 0));
            net::co_spawn(net::make_strand(executor), hk::as_result(client->topics()), count);
            net::co_spawn(net::make_strand(executor), hk::as_result(one.next()), count);
        }
        client.reset();
        while (ended < enough)
            std::this_thread::yield();
        streams.clear();
        threads.reset(); // stops and joins
        CHECK(ended >= enough);
        CHECK(client_sockets() == before);
    }
}

TEST_CASE("a client that is closed before it has its first token ends its calls")
{
    emulated service;
    std::optional<hk::client> client;
    auto const close = [&client](hk::request_started const&) { client->close(); };
    client.emplace(service.io.get_executor(),
                   service.emulator.client_options().observer(hk::observer(close)));
    auto const told = service.run(client->topics());
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == hk::errc::closed);
}
