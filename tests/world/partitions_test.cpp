// Topics whose partitions are many, idle, new, not there yet, without a leader, or another server's.
#include "support/world/observed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
using test::observed;
namespace hk = hdikafka;
using route = hk::emulator_route;

namespace {

using lags = std::map<std::int32_t, std::int64_t>;

hk::consume_options polling() { return hk::consume_options().poll(1ms, 2ms); }

hk::emulator_options leaderless(hk::emulator_leaderless leader, hk::emulator_leaderless_offsets offsets)
{
    return hk::emulator_options().quirks(
        hk::emulator_quirks().leaderless(leader).leaderless_offsets(offsets));
}

/// Each way in which metadata shows that a partition has no leader.
template <class Then>
void for_each_leaderless_form(Then then)
{
    using leader = hk::emulator_leaderless;
    using offsets = hk::emulator_leaderless_offsets;
    for (auto const who : {leader::null_leader, leader::no_member, leader::negative_id})
        for (auto const where : {offsets::negative, offsets::absent}) {
            CAPTURE(static_cast<int>(who));
            CAPTURE(static_cast<int>(where));
            then(leaderless(who, where));
        }
}

/// What a stream that has nothing to read asks for during the next `polls` polls, of whatever kind.
std::size_t requests_of(observed& service, hk::record_stream& stream, route poll, std::size_t polls)
{
    service.emulator.forget_calls();
    for (int turn = 0; service.requests(poll) < polls; ++turn) {
        REQUIRE(turn < 3'000);
        REQUIRE_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
    }
    return service.emulator.calls().size() - service.requests(poll);
}

/// Polls until each partition has been looked at: what is asked for then is asked for at every poll.
void settle(observed& service, hk::record_stream& stream)
{
    for (int round = 0; requests_of(service, stream, route::partitions, 5) != 0; ++round)
        REQUIRE(round < 100);
}

} // namespace

TEST_CASE("one partition without a leader: the list tells which, and the others are read")
{
    for_each_leaderless_form([](hk::emulator_options const& form) {
        observed service(3, form);
        for (std::int32_t id = 0; id != 3; ++id)
            test::fill(service.emulator, 4, id);
        service.emulator.lose_leader("orders", 1);
        std::map<std::int32_t, bool> available;
        for (auto const& partition : service.run(service->partitions("orders")).value())
            available[partition.id] = partition.available() && partition.leader.id >= 0;
        CHECK(available == std::map<std::int32_t, bool>{{0, true}, {1, false}, {2, true}});

        auto stream = service->consume("orders", polling());
        by_partition seen;
        CHECK(service.run(test::read(stream, 8, seen)));
        CHECK(seen == by_partition{{0, from_to(0, 4)}, {2, from_to(0, 4)}});
        CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
        CHECK_FALSE(stream.caught_up());

        service.emulator.elect_leader("orders", 1);
        CHECK(service.run(test::read(stream, 4, seen)));
        CHECK(seen.at(1) == from_to(0, 4));
        CHECK(service.heard().skipped.empty());
    });
}

TEST_CASE("a partition that loses its leader while it is read loses no record")
{
    for_each_leaderless_form([](hk::emulator_options const& form) {
        observed service(2, form);
        test::fill(service.emulator, 50, 0);
        test::fill(service.emulator, 50, 1);
        auto stream = service->consume("orders", test::impatient().max_records(5).on_unreadable(hk::skip));
        by_partition seen;
        CHECK(service.run(test::read(stream, 20, seen)));
        service.emulator.lose_leader("orders", 1);
        // What is told of its failing reads is told; the other one goes on all the same.
        for (int turn = 0; seen[0].size() < 50; ++turn) {
            REQUIRE(turn < 1'000);
            auto const batch = service.run(stream.next(hk::call_options().timeout(1s)));
            if (batch)
                test::note(seen, *batch.value());
        }
        service.emulator.elect_leader("orders", 1);
        for (int turn = 0; seen[1].size() < 50; ++turn) {
            REQUIRE(turn < 1'000);
            auto const batch = service.run(stream.next(hk::call_options().timeout(1s)));
            if (batch)
                test::note(seen, *batch.value());
        }
        CHECK(seen == by_partition{{0, from_to(0, 50)}, {1, from_to(0, 50)}});
        CHECK(service.heard().skipped.empty());
    });
}

TEST_CASE("one partition without a leader: sends to it fail by themselves, keyed sends to the others work")
{
    observed service(3);
    service.emulator.lose_leader("orders", 1);
    hk::producer const producer(*service.client,
                                hk::producer_options().partitioner(hk::partitioner::murmur2));
    std::size_t written = 0;
    std::size_t failed = 0;
    for (int key = 0; key != 60; ++key) {
        auto const sent = service.run(producer.send("orders", hk::record(std::to_string(key), key)));
        sent ? ++written : ++failed;
    }
    CHECK(failed > 0);
    CHECK(written > 0);
    CHECK(written ==
          service.emulator.records("orders", 0).size() + service.emulator.records("orders", 2).size());
    CHECK(service.emulator.records("orders", 1).empty());

    service.emulator.elect_leader("orders", 1);
    for (int key = 0; key != 60; ++key)
        CHECK(service.run(producer.send("orders", hk::record(std::to_string(key), key))));
    CHECK(service.emulator.records("orders", 1).size() == failed);
}

TEST_CASE(
    "a partition that appears while a stream from the latest runs is behind by all it has until it is read")
{
    observed service;
    test::fill(service.emulator, 10);
    auto stream = service->consume("orders", polling().from(hk::latest));
    CHECK(service.run(stream.lag()).value() == 0);
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
    test::read_until_caught_up(service, stream);
    service.emulator.add_partitions("orders", 2);
    test::fill(service.emulator, 7, 1);
    CHECK(service.run(stream.lags()).value() == lags{{0, 0}, {1, 7}});
    CHECK(service.run(stream.lag()).value() == 7);
    CHECK_FALSE(stream.caught_up());
    by_partition seen;
    CHECK(service.run(test::read(stream, 7, seen)));
    CHECK(seen == by_partition{{1, from_to(0, 7)}});
    CHECK(service.run(stream.lag()).value() == 0);
}

TEST_CASE("a topic that shows no partition yet is waited for")
{
    observed service(0);
    auto ends = service->consume("orders", polling().until(hk::latest));
    CHECK_FALSE(service.run(ends.next()).value().has_value());

    auto stream = service->consume("orders", polling());
    CHECK(service.run(stream.next(hk::call_options().timeout(20ms))).error().code() == hk::errc::timed_out);
    test::running_call<std::optional<hk::record_batch>> waits(service.io, stream.next());
    test::work_until(service.io, [&service, before = service.requests(route::partitions)] {
        return service.requests(route::partitions) >= before + 3;
    });
    CHECK_FALSE(waits.end.happened());
    service.emulator.add_partitions("orders", 3);
    test::fill(service.emulator, 2, 2);
    test::work_until(service.io, [&waits] { return waits.end.happened(); });
    CHECK(waits.end.get().value()->partition() == 2);
    CHECK(waits.end.get().value()->size() == 2);
}

TEST_CASE("a topic that was just created and has neither partitions nor leaders at first is read from its "
          "beginning")
{
    observed service(
        1, hk::emulator_options().quirks(hk::emulator_quirks().partitions_after(20ms).leaders_after(60ms)));
    CHECK(service.run(service->create_topic("payments", hk::topic_config().partition_count(2))));
    auto stream = service->consume("payments", polling());
    auto const is_there = [&service] {
        auto const list = service.run(service->partitions("payments")).value();
        return list.size() == 2 && std::ranges::all_of(list, &hk::partition_info::available);
    };
    for (int turn = 0; !is_there(); ++turn) {
        REQUIRE(turn < 1'000);
        CHECK(service.run(stream.next(hk::call_options().timeout(5ms))).error().code() ==
              hk::errc::timed_out);
    }
    for (std::int32_t id = 0; id != 2; ++id)
        service.emulator.append("payments", hk::record(1).partition(id));
    by_partition seen;
    CHECK(service.run(test::read(stream, 2, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 1)}, {1, from_to(0, 1)}});
}

TEST_CASE("five hundred idle partitions take as many requests a poll as one")
{
    for (std::int32_t const partitions : {1, 500}) {
        CAPTURE(partitions);
        observed service(partitions);
        test::fill(service.emulator, 1, partitions - 1);
        auto stream = service->consume("orders", hk::consume_options().poll(2ms, 2ms));
        by_partition seen;
        CHECK(service.run(test::read(stream, 1, seen)));
        settle(service, stream);
        CHECK(requests_of(service, stream, route::partitions, 20) == 0);

        // And what comes is found, with one read for it.
        test::fill(service.emulator, 3, partitions / 2);
        service.emulator.forget_calls();
        seen.clear();
        CHECK(service.run(test::read(stream, 3, seen)));
        CHECK(seen.contains(partitions / 2));
        CHECK(service.requests(route::consume) <= 2); // the second is read ahead
        settle(service, stream);
        CHECK(requests_of(service, stream, route::partitions, 20) == 0);
    }
}

TEST_CASE("partitions that end in transaction markers are read less and less often, not at every poll")
{
    constexpr std::int32_t partitions = 100;
    observed service(partitions);
    for (std::int32_t id = 0; id != partitions; ++id)
        service.emulator.inject_gap("orders", id, 1);
    auto stream = service->consume("orders", test::impatient().poll(2ms, 2ms));
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
    test::read_until_caught_up(service, stream);
    // Twice as long lies between two reads each time, and refresh_partitions() in the end: a minute.
    std::size_t const most_each = 17;
    CHECK(requests_of(service, stream, route::partitions, 200) <= most_each * partitions);
}

TEST_CASE("a fleet of three reads everything once, also of partitions that are added later")
{
    observed service(8);
    for (std::int32_t id = 0; id != 8; ++id)
        test::fill(service.emulator, 30, id);
    std::vector<hk::client> clients;
    std::vector<hk::record_stream> streams;
    for (std::int32_t index = 0; index != 3; ++index) {
        clients.emplace_back(service.io.get_executor(), service.client_options());
        streams.push_back(clients.back().consume(
            "orders", polling().share(index, 3).max_records(10).refresh_partitions(2ms)));
    }
    std::vector<by_partition> seen(3);
    std::vector<std::size_t> const shares{3, 3, 2};
    for (std::size_t index = 0; index != 3; ++index)
        CHECK(service.run(test::read(streams[index], 30 * shares[index], seen[index])));

    service.emulator.add_partitions("orders", 9);
    test::fill(service.emulator, 5, 8);
    CHECK(service.run(test::read(streams[2], 5, seen[2])));
    by_partition all;
    for (std::size_t index = 0; index != 3; ++index) {
        CHECK(service.run(streams[index].next(hk::call_options().timeout(20ms))).error().code() ==
              hk::errc::timed_out);
        for (auto const& [id, offsets] : seen[index]) {
            CHECK(static_cast<std::size_t>(id) % 3 == index);
            CHECK(all.emplace(id, offsets).second);
        }
    }
    CHECK(all.size() == 9);
    for (auto const& [id, offsets] : all)
        CHECK(offsets == from_to(0, id == 8 ? 5 : 30));
}
