// A client and its emulator, with an observer; and how a program reads.
#ifndef HDIKAFKA_TESTS_SUPPORT_OBSERVED_HPP
#define HDIKAFKA_TESTS_SUPPORT_OBSERVED_HPP

#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"
#include "support/stream/logs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace test {

/// What streams passed over of one partition.
class passed_over
{
public:
    std::int32_t partition = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
    hk::skip_cause cause = hk::skip_cause::retention;

    bool operator==(passed_over const&) const = default;
};

/// What a client has told.
class told
{
public:
    void operator()(hk::records_skipped const& event)
    {
        skipped.push_back({event.partition, event.from, event.to, event.cause});
    }
    void operator()(hk::connection_opened const&) { ++opened; }

    std::vector<passed_over> skipped;
    std::size_t opened = 0; ///< Connections.
};

/// The emulator has the topic "orders"; the client tries again without waiting long.
class observed : public emulated
{
public:
    explicit observed(std::int32_t partitions = 1, hk::emulator_options options = {})
        : emulated(std::move(options))
    {
        emulator.add_topic("orders", partitions);
        client.emplace(io.get_executor(), client_options());
    }

    hk::client_options client_options() const
    {
        return emulator.client_options().observer(hk::observer(told_)).retry(quickly(1));
    }

    told const& heard() const { return *told_; }

    std::size_t requests(hk::emulator_route route) const { return emulator.request_count(route); }

private:
    std::shared_ptr<told> told_ = std::make_shared<told>();
};

/// Everything up to the stream's end, or to its failure.
inline asio::awaitable<void> read_all(hk::record_stream& stream, by_partition& seen)
{
    while (auto batch = co_await stream.next())
        note(seen, *batch);
}

/// So many records, or everything up to the stream's failure.
inline asio::awaitable<void> read(hk::record_stream& stream, std::size_t records, by_partition& seen)
{
    while (records != 0) {
        auto batch = co_await stream.next();
        if (!batch)
            FAIL("the stream has ended");
        note(seen, *batch);
        records -= std::min(records, batch->size());
    }
}

/// Waits as little as can be: reading at the end, and until silence counts.
inline hk::consume_options impatient()
{
    using namespace std::chrono_literals;
    return hk::consume_options().poll(1ms, 20ms).unreadable_after(100ms);
}

/// Both, one after the other.
inline offsets joined(offsets first, offsets const& second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

} // namespace test

#endif
