// How a program reads: slowly, with calls that have little time, with pauses, from partitions that are never
// empty; and what a stream does meanwhile.
#include "support/emulator/served_emulator.hpp"
#include "support/world/observed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
using test::observed;
namespace hk = hdikafka;
using route = hk::emulator_route;

namespace {

hk::call_options within(std::chrono::milliseconds time) { return hk::call_options().timeout(time); }

hk::emulator_options answers_after(std::chrono::milliseconds time)
{
    hk::emulator_options out;
    out.latency(time);
    return out;
}

/// Whether a call read from that partition.
bool reads(hk::emulator_call const& call, std::int32_t partition)
{
    return call.route == route::consume &&
           call.target.find("/partitions/" + std::to_string(partition) + "/") != std::string::npos;
}

/// Calls again when there was no time.
class patient_reader
{
public:
    void read_to_end(observed& service, hk::record_stream& stream, std::chrono::milliseconds time)
    {
        for (bool ended = false; !ended && late < 1'000;) {
            auto const batch = service.run(stream.next(within(time)));
            if (!batch) {
                CHECK(batch.error().code() == hk::errc::timed_out);
                ++late;
                continue;
            }
            ended = !batch.value();
            if (!ended)
                test::note(seen, *batch.value());
        }
        opened = service.heard().opened;
    }

    by_partition seen;
    std::size_t late = 0;
    std::size_t opened = 0; ///< Connections.
};

/// Partition 0 of some is never read to its end; now and then another one gets a record. Counts in batches
/// how long those records wait.
class never_empty
{
public:
    never_empty(std::int32_t partitions, std::size_t parallelism)
        : service_(partitions),
          partitions_(partitions),
          stream_(service_->consume(
              "orders", hk::consume_options().max_records(2).parallelism(parallelism).poll(1ms, 1ms)))
    {
        test::fill(service_.emulator, 20);
        service_.emulator.on_call([this](hk::emulator_call const& call) {
            if (reads(call, 0))
                test::fill(service_.emulator, 2 * 2);
            if (reads(call, written_to_) && !read_at_)
                read_at_ = batches_;
        });
    }

    /// Reads so many batches; after each of them the program works as long as anything goes on by itself.
    void read(std::size_t batches)
    {
        for (; batches_ != batches; test::take_all_steps(service_.io)) {
            if (!waits_)
                write();
            auto const batch = service_.run(stream_.next()).value();
            REQUIRE(batch.has_value());
            ++batches_;
            waits_ = waits_ && batch->partition() != written_to_;
            if (batch->partition() == 0) {
                CHECK((*batch)[0].offset() == position_);
                position_ += static_cast<std::int64_t>(batch->size());
                REQUIRE(batches_ < written_at_ + 1'000); // nobody waits for ever
            } else {
                longest_ = std::max(longest_, batches_ - read_at_.value());
            }
        }
    }

    std::size_t written() const { return written_; }
    /// How many batches were handed over before a record, and with it, since the read that brought it.
    std::size_t longest() const { return longest_; }
    std::size_t opened() const { return service_.heard().opened; }

private:
    void write()
    {
        written_to_ = 1 + static_cast<std::int32_t>(written_ % static_cast<std::size_t>(partitions_ - 1));
        ++written_;
        read_at_.reset();
        written_at_ = batches_;
        waits_ = true;
        test::fill(service_.emulator, 1, written_to_);
    }

    observed service_;
    std::int32_t partitions_;
    hk::record_stream stream_;
    std::int32_t written_to_ = -1;
    std::size_t written_ = 0;
    bool waits_ = false;
    std::size_t batches_ = 0;
    std::size_t written_at_ = 0;
    std::optional<std::size_t> read_at_;
    std::int64_t position_ = 0;
    std::size_t longest_ = 0;
};

} // namespace

TEST_CASE("a partition that is never empty holds up no other, and costs no connections")
{
    for (std::int32_t const partitions : {2, 5})
        for (std::size_t const parallelism : {1U, 4U}) {
            CAPTURE(partitions);
            CAPTURE(parallelism);
            never_empty run(partitions, parallelism);
            run.read(3'000);
            CHECK(run.written() > 100);
            CHECK(run.longest() <= static_cast<std::size_t>(partitions));
            CHECK(run.opened() <= hk::client_options().max_connections());
        }
}

TEST_CASE("a backlog in one partition does not break off the reads of another, however long they take")
{
    observed service(2, answers_after(5ms));
    test::fill(service.emulator, 1'000, 0);
    test::fill(service.emulator, 100, 1);
    auto stream = service->consume("orders", hk::consume_options().max_records(10).until(hk::latest));
    by_partition seen;
    std::size_t batches = 0;
    std::size_t last_of_1 = 0;
    while (auto const batch = service.run(stream.next()).value()) {
        test::note(seen, *batch);
        ++batches;
        if (batch->partition() == 1)
            last_of_1 = batches;
    }
    CHECK(seen == by_partition{{0, from_to(0, 1'000)}, {1, from_to(0, 100)}});
    CHECK(batches == 110);
    CHECK(last_of_1 <= 2 * 10 + 2); // in turn, from the first read on
    CHECK(service.heard().opened <= hk::client_options().max_connections());
    // Each read is made once.
    CHECK(service.requests(route::consume) <= 110 + 2);
}

TEST_CASE("calls that have less time than an answer takes read everything, over the connections of an "
          "untimed reader")
{
    for (bool const one : {false, true}) {
        CAPTURE(one);
        auto const read = [one](std::chrono::milliseconds time) {
            observed service(2, answers_after(50ms));
            test::fill(service.emulator, 100, 0);
            test::fill(service.emulator, 100, 1);
            hk::consume_options const options = hk::consume_options().max_records(25).until(hk::latest);
            auto stream = one ? service->consume("orders", 0, options) : service->consume("orders", options);
            patient_reader out;
            out.read_to_end(service, stream, time);
            return out;
        };
        patient_reader const untimed = read(60s);
        patient_reader const timed = read(20ms);
        CHECK(untimed.late == 0);
        CHECK(timed.late > 0);
        CHECK(timed.opened <= untimed.opened);
        CHECK(timed.seen == untimed.seen);
        CHECK(timed.seen.at(0) == from_to(0, 100));
        CHECK(timed.seen.size() == (one ? 1 : 2));
    }
}

TEST_CASE(
    "a pause counts at once: what is left of a batch comes when it is over, and others' records meanwhile")
{
    observed service(2);
    test::fill(service.emulator, 10, 0);
    test::fill(service.emulator, 10, 1);
    auto stream = service->consume("orders", hk::consume_options().until(hk::latest).max_records(5));
    by_partition seen;
    auto const take = [&](hk::milliseconds limit = 60s) {
        auto const record = service.run(stream.next_record(within(limit)));
        if (record && record.value())
            seen[record.value()->partition()].push_back(record.value()->offset());
        return record && record.value() ? record.value()->partition() : -1;
    };
    std::int32_t const paused = take();
    REQUIRE(paused >= 0);
    take();
    std::int32_t const other = 1 - paused;
    auto const others = static_cast<std::int64_t>(seen[other].size());
    std::int64_t const position = stream.positions().at(paused);
    stream.pause(paused);
    seen.clear();
    for (std::int64_t offset = others; offset != 10; ++offset)
        CHECK(take() == other);
    CHECK(seen == by_partition{{other, from_to(others, 10)}});
    CHECK(take(20ms) == -1);
    CHECK(stream.positions().at(paused) == position);
    stream.resume(paused);
    seen.clear();
    for (std::int64_t offset = position; offset != 10; ++offset)
        CHECK(take() == paused);
    CHECK(seen == by_partition{{paused, from_to(position, 10)}});
    CHECK_FALSE(service.run(stream.next_record()).value().has_value());
}

TEST_CASE("a pause counts on a stream over one partition as well, until it is over or the stream is closed")
{
    observed service;
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", 0, hk::consume_options().max_records(5));
    CHECK(service.run(stream.next_record()).value()->offset() == 0);
    stream.pause(0);
    CHECK(service.run(stream.next_record(within(20ms))).error().code() == hk::errc::timed_out);
    CHECK(service.run(stream.next(within(20ms))).error().code() == hk::errc::timed_out);
    CHECK(stream.position() == 1);
    stream.resume(0);
    by_partition seen;
    CHECK(service.run(test::read(stream, 9, seen)));
    CHECK(seen == by_partition{{0, from_to(1, 10)}});
    stream.pause(0);
    test::running_call<std::optional<hk::record_batch>> waits(service.io, stream.next());
    test::take_all_steps(service.io);
    CHECK_FALSE(waits.end.happened());
    stream.close();
    test::work_until(service.io, [&waits] { return waits.end.happened(); });
    CHECK(waits.end.code() == hk::errc::closed);
}

TEST_CASE("what a next() has begun ends with the stream")
{
    for (bool const closed : {false, true}) {
        CAPTURE(closed);
        observed service(4, answers_after(50ms));
        for (std::int32_t id = 0; id != 4; ++id)
            test::fill(service.emulator, 100, id);
        std::optional<hk::record_stream> stream =
            service->consume("orders", hk::consume_options().max_records(5));
        while (!service.run(stream->next(within(20ms)))) {
        }
        if (closed)
            stream->close();
        else
            stream.reset();
        test::take_all_steps(service.io);
        std::size_t const before = service.requests(route::consume);
        CHECK(service.run(service->topics()));
        CHECK(service.requests(route::consume) <= before + 2 * 4); // what was on its way already
        std::size_t const after = service.requests(route::consume);
        CHECK(service.run(service->topics()));
        CHECK(service.requests(route::consume) == after);
    }
}

TEST_CASE("when no next() waits a context has nothing to do and returns, whatever was begun")
{
    test::served_emulator service(answers_after(20ms));
    service.emulator.add_topic("orders", 3);
    test::fill(service.emulator, 20, 0);
    service.emulator.add_topic("empty", 3);
    asio::io_context io;
    hk::client const client(io.get_executor(), service.emulator.client_options());
    hk::consume_options const options = hk::consume_options().poll(1ms, 2ms).max_records(5);
    std::vector<hk::record_stream> streams;
    for (std::string const topic : {"orders", "empty"}) {
        streams.push_back(client.consume(topic, options));
        streams.push_back(client.consume(topic, 0, options));
    }
    // run() returns when nothing is left to do in the context.
    for (auto& stream : streams)
        for (int turn = 0; turn != 5; ++turn) {
            auto const end = test::run(io, stream.next(within(10ms)));
            CHECK((end.good() || end.code() == hk::errc::timed_out));
        }
    std::size_t const before = service.emulator.calls().size();
    io.restart();
    CHECK(io.run() == 0);
    CHECK(service.emulator.calls().size() == before);
    // And what was begun goes on.
    for (std::size_t const index : {0U, 1U})
        for (int turn = 0; streams[index].positions().at(0) != 20; ++turn) {
            REQUIRE(turn < 1'000);
            auto const end = test::run(io, streams[index].next(within(10ms)));
            CHECK((end.good() || end.code() == hk::errc::timed_out));
        }
}
