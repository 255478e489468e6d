// Goes through an HTTP proxy that tinyproxy.sh has started. What a call says is printed; it is the script
// that knows whether it is right.
//
//   through_proxy ask PROXY ENDPOINT       one call, once: "ok", or its error
//   through_proxy journey PROXY ENDPOINT   every call that there is, and the number of connections it took
//   through_proxy load PROXY ENDPOINT      produces and reads until stdin says "enough"; then compares what
//   the
//                                          calls said with what is there. Ends with 1 if a record was lost or
//                                          doubled in silence. Prints the number of finished calls after
//                                          every 25 of them, and at the end the figures.
//
// The environment has the application (AZURE_CLIENT_ID and so on) and the authority that is trusted
// (SSL_CERT_FILE).
#include <hdikafka.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hk = hdikafka;
namespace net = hk::net;
using namespace std::chrono_literals;

namespace {

constexpr int coroutines = 8;
constexpr std::size_t connections = 6; // some calls wait for one that another call may leave broken
constexpr std::string_view load_topic = "load";

/// Counts, and ends the program when a connection goes past the proxy.
class watcher
{
public:
    void operator()(hk::connection_opened const& event)
    {
        ++opened;
        if (event.proxied)
            return;
        std::cerr << "through_proxy: a connection was made without the proxy" << std::endl;
        std::_Exit(1);
    }
    void operator()(hk::retry_scheduled const&) { ++retries; }

    std::atomic<long> opened = 0;
    std::atomic<long> retries = 0;
};

using watcher_ptr = std::shared_ptr<watcher>;

std::string environment(char const* name)
{
    char const* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread yet
    if (value == nullptr)
        throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

hk::client_options options(std::string proxy, std::string endpoint, watcher_ptr const& seen)
{
    hk::client_secret_credential const who(environment("AZURE_TENANT_ID"), environment("AZURE_CLIENT_ID"),
                                           environment("AZURE_CLIENT_SECRET"));
    return hk::client_options(std::move(endpoint))
        .credential(who)
        .proxy(std::move(proxy))
        .observer(hk::observer(seen))
        .connect_timeout(60s) // a machine may be slow, which is not looked at here
        .idle_timeout(60s)
        .total_timeout(200s)
        .retry(hk::retry_policy().max_retries(0));
}

int ask(net::io_context& io, hk::client_options how)
{
    hk::client const client(io.get_executor(), std::move(how));
    auto told = net::co_spawn(io, hk::as_result(client.topics()), net::use_future);
    io.run();
    auto const outcome = told.get();
    if (outcome)
        std::cout << "ok" << std::endl;
    else
        std::cout << outcome.error().code().message() << " | " << outcome.error().what() << std::endl;
    return 0;
}

void require(bool holds, char const* otherwise)
{
    if (!holds)
        throw std::runtime_error(otherwise);
}

net::awaitable<void> each_call(hk::client client)
{
    std::string const topic = "journey";
    co_await client.brokers();
    co_await client.create_topic(topic);
    co_await client.wait_for_topic(topic, 10s);
    auto const all = co_await client.topics();
    auto const receipt = co_await client.produce(topic, hk::records("a", "b", "c"));
    require(receipt.persisted() == hk::persistence::done, "the records were not acknowledged");
    co_await client.partition(topic, 0);
    auto const partitions = co_await client.partitions(topic);
    require(partitions.at(0).latest_offset == 3, "the partition does not end where it should");
    auto const batch = co_await client.fetch(topic, 0, 0, 10);
    require(batch.size() == 3 && batch[2].value().as_string() == "c", "a fetch gave other records");
    auto stream = client.consume(topic, 0, hk::consume_options().until(hk::latest).max_records(2));
    std::string read;
    while (auto record = co_await stream.next_record())
        read += record->value().as_string();
    require(read == "abc", "a stream gave other records");
    co_await client.delete_topic(topic);
}

int journey(net::io_context& io, hk::client_options how, watcher_ptr const& seen)
{
    hk::client const client(io.get_executor(), std::move(how));
    auto done = net::co_spawn(io, each_call(client), net::use_future);
    io.run();
    done.get();
    std::cout << "ok " << seen->opened << std::endl;
    return 0;
}

/// What the callers were told about each record. Its value is its index here.
class tally
{
public:
    std::size_t new_record()
    {
        std::lock_guard const lock(mutex_);
        told_.push_back(hk::persistence::none);
        return told_.size() - 1;
    }

    void produced(std::size_t id, hk::result<hk::receipt> const& outcome)
    {
        std::lock_guard const lock(mutex_);
        told_[id] = outcome ? outcome.value().persisted(0) : outcome.error().info().persisted();
        if (!outcome && told_[id] == hk::persistence::none)
            fault("a produce failed that could have been repeated: " + std::string(outcome.error().what()));
        finished_one();
    }

    void fetched(hk::result<hk::record_batch> const& outcome)
    {
        std::lock_guard const lock(mutex_);
        if (!outcome)
            fault("a fetch failed: " + std::string(outcome.error().what()));
        finished_one();
    }

    /// Compares. Gives whether all is well.
    bool judge(std::vector<std::size_t> const& there, watcher const& seen)
    {
        std::vector<int> times(told_.size());
        for (std::size_t const id : there)
            ++times.at(id);
        long counts[3] = {};
        for (std::size_t id = 0; id != times.size(); ++id) {
            ++counts[static_cast<int>(told_[id])];
            if (times[id] > 1)
                fault("a record is there more than once");
            if (times[id] == 0 && told_[id] == hk::persistence::done)
                fault("a record is not there that was said to be");
            if (times[id] == 1 && told_[id] == hk::persistence::none)
                fault("a record is there that was said not to be");
        }
        std::cout << "figures " << finished_ << " calls, " << counts[2] << " done, " << counts[1]
                  << " possibly, " << counts[0] << " none, " << seen.retries << " retries, " << seen.opened
                  << " connections" << std::endl;
        return sound_;
    }

private:
    void fault(std::string const& what)
    {
        sound_ = false;
        std::cerr << "through_proxy: WRONG: " << what << std::endl;
    }

    void finished_one()
    {
        if (++finished_ % 25 == 0)
            std::cout << "calls " << finished_ << std::endl;
    }

    std::mutex mutex_;
    std::vector<hk::persistence> told_;
    long finished_ = 0;
    bool sound_ = true;
};

net::awaitable<void> work(hk::client client, tally& all, std::atomic<bool> const& enough)
{
    while (!enough) {
        std::size_t const id = all.new_record();
        auto const produced =
            co_await hk::as_result(client.produce(std::string(load_topic), hk::records(id)));
        all.produced(id, produced);
        auto const fetched = co_await hk::as_result(client.fetch(std::string(load_topic), 0, 0, 10));
        all.fetched(fetched);
    }
}

net::awaitable<std::vector<std::size_t>> read_all(hk::client client)
{
    std::vector<std::size_t> ids;
    auto stream = client.consume(std::string(load_topic), 0, hk::consume_options().until(hk::latest));
    while (auto batch = co_await stream.next())
        for (auto const& record : *batch)
            ids.push_back(record.value().as_uint64());
    co_return ids;
}

int load(net::io_context& io, hk::client_options how, watcher_ptr const& seen)
{
    how.max_connections(connections)
        .retry(hk::retry_policy().max_retries(1000).base_delay(10ms).max_delay(100ms));
    hk::client const client(io.get_executor(), std::move(how));
    tally all;
    std::atomic<bool> enough = false;
    std::vector<std::future<void>> ends;
    for (int i = 0; i < coroutines; ++i)
        ends.push_back(net::co_spawn(io, work(client, all, enough), net::use_future));
    std::thread running([&io] { io.run(); });
    std::string line;
    while (std::getline(std::cin, line) && line != "enough") {
    }
    enough = true;
    running.join();
    for (auto& end : ends)
        end.get();
    io.restart();
    auto there = net::co_spawn(io, read_all(client), net::use_future);
    io.run();
    return all.judge(there.get(), *seen) ? 0 : 1;
}

int run(std::string_view what, std::string proxy, std::string endpoint)
{
    auto const seen = std::make_shared<watcher>();
    hk::client_options how = options(std::move(proxy), std::move(endpoint), seen);
    net::io_context io;
    if (what == "ask")
        return ask(io, std::move(how));
    if (what == "journey")
        return journey(io, std::move(how), seen);
    if (what == "load")
        return load(io, std::move(how), seen);
    throw std::runtime_error("there is no such thing to do: " + std::string(what));
}

} // namespace

int main(int count, char** arguments)
try {
    if (count != 4)
        throw std::runtime_error("through_proxy ask|journey|load PROXY ENDPOINT");
    return run(arguments[1], arguments[2], arguments[3]);
} catch (std::exception const& failure) {
    std::cerr << "through_proxy: " << failure.what() << "\n";
    return 1;
}
