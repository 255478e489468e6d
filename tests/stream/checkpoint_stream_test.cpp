// Streams that go on where an earlier one's commits say, and notice when the topic is another one now.
#include "support/base/gate.hpp"
#include "support/emulator/emulated.hpp"
#include "support/identity/client_certificates.hpp"
#include "support/net/running.hpp"

#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

using offsets = std::vector<std::int64_t>;

/// Checkpoints in memory.
class kept_in_memory final : public hk::checkpoint_store
{
public:
    asio::awaitable<std::vector<hk::checkpoint>> load(std::string topic) override
    {
        return load_from(this, std::move(topic));
    }
    asio::awaitable<void> save(hk::checkpoint what) override { return save_to(this, std::move(what)); }

    std::map<std::int32_t, hk::checkpoint> all;
    int loads = 0;
    bool fails = false;
    bool indiscriminate = false; // tells what it was not asked for
    std::optional<test::gate> holds;

private:
    static asio::awaitable<std::vector<hk::checkpoint>> load_from(kept_in_memory* store, std::string topic)
    {
        ++store->loads;
        if (store->holds)
            co_await test::opened(*store->holds);
        if (store->fails)
            throw std::runtime_error("the database is away");
        std::vector<hk::checkpoint> out;
        for (auto const& [id, one] : store->all)
            if (one.topic == topic || store->indiscriminate)
                out.push_back(one);
        co_return out;
    }
    static asio::awaitable<void> save_to(kept_in_memory* store, hk::checkpoint what)
    {
        if (store->fails)
            throw hk::error(std::make_error_code(std::errc::no_space_on_device), "full");
        store->all[what.partition] = std::move(what);
        co_return;
    }
};

/// An emulator whose clock only the test moves on, with a topic.
class service
{
public:
    explicit service(int records, int partitions = 1)
        : now_(std::make_shared<std::atomic<std::int64_t>>(1'700'000'000'000)),
          all(hk::emulator_options().clock([now = now_] {
              return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now->load()));
          }))
    {
        all.emulator.add_topic("orders", partitions);
        fill(records, partitions);
    }

    /// Each record is written a second after the one before.
    void fill(int records, int partitions = 1)
    {
        for (int i = 0; i < records; ++i)
            for (int partition = 0; partition < partitions; ++partition) {
                *now_ += 1'000;
                all.emulator.append("orders", hk::record(i).partition(partition));
            }
    }

    void make_anew(int records)
    {
        all.run(remove(*all.client)).value();
        all.emulator.add_topic("orders");
        fill(records);
    }

    hk::consume_options options() const
    {
        return hk::consume_options().checkpoint(store).until(hk::latest).max_records(4);
    }

    /// Reads some batches, or all; commits each of them but, perhaps, the last.
    offsets read(hk::record_stream stream, int batches = 1'000, bool commit_last = true)
    {
        offsets out;
        for (int i = 0; i != batches; ++i) {
            auto const batch = all.run(stream.next()).value();
            if (!batch)
                break;
            for (auto const& record : *batch)
                out.push_back(record.offset());
            if (commit_last || i + 1 != batches)
                all.run(commit(stream, *batch)).value();
        }
        return out;
    }

    static asio::awaitable<int> commit(hk::record_stream& stream, hk::record_batch batch)
    {
        co_await stream.commit(std::move(batch));
        co_return 0;
    }

    static asio::awaitable<int> remove(hk::client client)
    {
        co_await client.delete_topic("orders");
        co_return 0;
    }

private:
    std::shared_ptr<std::atomic<std::int64_t>> now_;

public:
    test::emulated all;
    std::shared_ptr<kept_in_memory> store = std::make_shared<kept_in_memory>();
};

asio::awaitable<int> commit_one(hk::record_stream& stream, hk::shared_record record)
{
    co_await stream.commit(std::move(record));
    co_return 0;
}

offsets from_to(std::int64_t from, std::int64_t to)
{
    offsets out;
    for (; from < to; ++from)
        out.push_back(from);
    return out;
}

} // namespace

TEST_CASE("a stream goes on behind the last commit; what was not committed comes again")
{
    service some(20);
    CHECK(some.read(some.all->consume("orders", 0, some.options()), 2) == from_to(0, 8));
    hk::checkpoint const& kept = some.store->all.at(0);
    CHECK(kept.topic == "orders");
    CHECK(kept.next_offset == 8);
    CHECK(kept.last_offset == 7);
    CHECK(kept.last_timestamp->time_since_epoch() == 1'700'000'008'000ms);
    // from() is for those that have no checkpoint
    CHECK(some.read(some.all->consume("orders", 0, some.options().from(hk::latest)), 2, false) ==
          from_to(8, 16));
    CHECK(some.store->all.at(0).next_offset == 12);
    CHECK(some.read(some.all->consume("orders", 0, some.options())) == from_to(12, 20));
    CHECK(some.read(some.all->consume("orders", 0, some.options())).empty());
    CHECK(some.store->loads == 4); // one for each stream
}

TEST_CASE("a file keeps them from program to program")
{
    test::scratch_folder const folder;
    service some(20);
    for (std::int64_t const begin : {0, 8, 16, 20}) {
        auto const options = some.options().checkpoint(hk::file_checkpoint_store(folder.path("checkpoints")));
        CHECK(some.read(some.all->consume("orders", 0, options), 2) ==
              from_to(begin, std::min<std::int64_t>(begin + 8, 20)));
    }
}

TEST_CASE("each partition of a topic goes on where it was")
{
    service some(10, 3);
    std::map<std::int32_t, offsets> seen;
    for (int start = 0; start != 10; ++start) {
        auto stream = some.all->consume("orders", some.options());
        for (int i = 0; i != 2; ++i)
            if (auto const batch = some.all.run(stream.next()).value()) {
                for (auto const& record : *batch)
                    seen[batch->partition()].push_back(record.offset());
                some.all.run(service::commit(stream, *batch)).value();
            }
    }
    for (int partition = 0; partition != 3; ++partition)
        CHECK(seen[partition] == from_to(0, 10));
}

TEST_CASE("a commit that means nothing is refused")
{
    service some(10, 2);
    auto stream = some.all->consume("orders", 0, some.options());
    auto other = some.all->consume("orders", 1, some.options());
    auto unkept = some.all->consume("orders", 0);
    auto const batch = some.all.run(stream.next()).value();
    auto const code = [&](hk::record_stream& of, hk::record_batch const& what) {
        auto const end = some.all.run(service::commit(of, what));
        return end ? std::error_code() : end.error().code();
    };
    CHECK(code(stream, hk::record_batch()) == hk::errc::no_records);
    CHECK(code(other, *batch) == hk::errc::invalid_partition);
    CHECK(code(unkept, *batch) == hk::errc::invalid_option);
    CHECK(some.store->all.empty());
    some.store->fails = true;
    hk::error const full = some.all.run(service::commit(stream, *batch)).error();
    CHECK(full.code() == std::errc::no_space_on_device);
    CHECK(std::string(full.what()) == "commit 'orders': full");
    some.store->fails = false;
    CHECK_FALSE(code(stream, *batch));
    CHECK(some.store->all.at(0).next_offset == 4);
}

TEST_CASE("a store that fails or is slow loses nothing")
{
    service some(10);
    CHECK(some.read(some.all->consume("orders", 0, some.options()), 1) == from_to(0, 4));
    auto stream = some.all->consume("orders", 0, some.options());
    some.store->fails = true;
    CHECK_THROWS_WITH_AS(static_cast<void>(some.all.run(stream.next())), "the database is away",
                         std::runtime_error);
    some.store->fails = false;
    test::gate const opens;
    some.store->holds = opens;
    auto const late = some.all.run(stream.next(hk::call_options().timeout(20ms))).error();
    CHECK(late.code() == hk::errc::timed_out);
    {
        test::running_call<std::optional<hk::record_batch>> call(some.all.io, stream.next());
        int const before = some.store->loads;
        test::work_until(some.all.io, [&] { return some.store->loads != before; });
        call.cancel();
        CHECK(call.end.code() == asio::error::operation_aborted);
    }
    CHECK(stream.position() == -1);
    opens.open();
    CHECK(some.read(std::move(stream)) == from_to(4, 10));
}

TEST_CASE("a topic that was made anew is noticed, whatever it holds now")
{
    service some(8);
    CHECK(some.read(some.all->consume("orders", 0, some.options())) == from_to(0, 8));
    for (int const records : {20, 8}) { // as long, or longer
        some.make_anew(records);
        auto stream = some.all->consume("orders", 0, some.options());
        auto const failure = some.all.run(stream.next()).error();
        CHECK(failure.code() == hk::errc::topic_recreated);
        CHECK(failure.cause().find("offset 7") != std::string::npos);
        CHECK(some.all.run(stream.next()).error().code() == hk::errc::topic_recreated); // and stays
    }
}

TEST_CASE("without the last record there is no evidence, and no error")
{
    service some(12);
    CHECK(some.read(some.all->consume("orders", 0, some.options()), 2) == from_to(0, 8));
    SUBCASE("compaction has taken it") { some.all.emulator.compact("orders", 0, 5, 8); }
    SUBCASE("retention has") { some.all.emulator.trim("orders", 0, 8); }
    SUBCASE("it had no time") { some.store->all.at(0).last_timestamp.reset(); }
    CHECK(some.read(some.all->consume("orders", 0, some.options())) == from_to(8, 12));
}

TEST_CASE("record by record it goes on behind the last one that was committed")
{
    service some(10);
    {
        auto stream = some.all->consume("orders", 0, some.options());
        for (int i = 0; i != 6; ++i) {
            auto const record = some.all.run(stream.next_record()).value();
            if (i == 4)
                some.all.run(commit_one(stream, *record)).value();
        }
    }
    CHECK(some.read(some.all->consume("orders", 0, some.options())) == from_to(5, 10));
}

TEST_CASE("a checkpoint that nobody can have made is refused, whatever the policy, and nothing is read")
{
    service some(8);
    hk::checkpoint& saved = some.store->all[0];
    saved.topic = "orders";
    saved.next_offset = -1;
    saved.last_timestamp = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(1));
    for (hk::consume_options const& options :
         {some.options(), some.options().on_out_of_range(hk::earliest)}) {
        auto stream = some.all->consume("orders", 0, options);
        CHECK(some.all.run(stream.next()).error().code() == hk::errc::invalid_offset);
    }
    CHECK(some.all.emulator.request_count(hk::emulator_route::consume) == 0);
    CHECK(some.all.emulator.request_count(hk::emulator_route::partition) == 0);
}

TEST_CASE("where a checkpoint says where to go on, it does not matter where one would have begun")
{
    service some(8);
    CHECK(some.read(some.all->consume("orders", 0, some.options()), 1) == from_to(0, 4));
    CHECK(some.read(some.all->consume("orders", 0, some.options().from(-1))) == from_to(4, 8));
}

TEST_CASE("checkpoints of another topic are none of ours")
{
    service some(10);
    hk::checkpoint& other = some.store->all[0];
    other.topic = "bills";
    other.next_offset = 5;
    some.store->indiscriminate = true;
    CHECK(some.read(some.all->consume("orders", 0, some.options())) == from_to(0, 10));
}

TEST_CASE("a context that is destroyed while a file is written waits for that")
{
    test::scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    REQUIRE(::mkfifo((path + ".new").c_str(), 0600) == 0); // opening it waits for somebody who reads it
    hk::checkpoint what;
    what.topic = "orders";
    std::thread reader;
    {
        asio::io_context io;
        hk::file_checkpoint_store store(path);
        asio::co_spawn(io, store.save(what), asio::detached);
        io.poll();
        reader = std::thread([&] { std::ifstream(path + ".new").get(); });
    }
    reader.join();
}

TEST_CASE("retention that has passed the checkpoint is told as such")
{
    service some(12);
    CHECK(some.read(some.all->consume("orders", 0, some.options()), 2) == from_to(0, 8));
    some.all.emulator.trim("orders", 0, 10);
    auto stream = some.all->consume("orders", 0, some.options());
    CHECK(some.all.run(stream.next()).error().code() == hk::errc::offset_below_earliest);
}
