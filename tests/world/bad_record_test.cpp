// One record that cannot be had, or says the wrong time, or is not the one it was: what becomes of the
// others.
#include "support/world/kept.hpp"
#include "support/world/observed.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using test::by_partition;
using test::from_to;
using test::joined;
using test::observed;
namespace hk = hdikafka;

namespace {

hk::emulator_time second(int number)
{
    return hk::emulator_time(std::chrono::seconds(1'700'000'000 + number));
}

/// Ten records, the one at 5 as `write` leaves it; a stream hands over the others. What it says of that one
/// has `words`.
void check_that_one_is_bad(std::function<void(hk::emulator&)> const& write, std::string const& words,
                           hk::consume_options const& options, hk::http_limits const& limits = {})
{
    observed service;
    service.client.emplace(service.io.get_executor(), service.client_options().limits(limits));
    test::fill(service.emulator, 5);
    write(service.emulator);
    test::fill(service.emulator, 4);

    by_partition seen;
    auto fails = service->consume("orders", 0, hk::consume_options(options).until(hk::latest));
    auto const end = service.run(test::read_all(fails, seen));
    REQUIRE_FALSE(end);
    CHECK(end.error().code() == hk::errc::unreadable_record);
    CHECK(end.error().cause().find("offset 5") != std::string::npos);
    CHECK(end.error().cause().find(words) != std::string::npos);
    CHECK(seen == by_partition{{0, from_to(0, 5)}});
    CHECK(fails.position() == 5);
    CHECK(service.heard().skipped.empty());

    seen.clear();
    auto skips =
        service->consume("orders", 0, hk::consume_options(options).until(hk::latest).on_unreadable(hk::skip));
    CHECK(service.run(test::read_all(skips, seen)));
    CHECK(seen == by_partition{{0, joined(from_to(0, 5), from_to(6, 10))}});
    CHECK(service.heard().skipped == std::vector{test::passed_over{0, 5, 6, hk::skip_cause::unreadable}});
}

/// For each number of readers, and answers that hold everything, some or one.
void check_that_one_is_bad_however_it_is_read(std::function<void(hk::emulator&)> const& write,
                                              std::string const& words)
{
    for (std::size_t const parallelism : {1U, 3U})
        for (int const count : {500, 4, 1}) {
            CAPTURE(parallelism);
            CAPTURE(count);
            check_that_one_is_bad(write, words,
                                  test::impatient().parallelism(parallelism).max_records(count));
        }
}

/// The offset of the first record that a stream gives, which must be followed by all others up to `end`.
std::int64_t first_of(observed& service, hk::consume_options const& options, std::int64_t end)
{
    by_partition seen;
    auto stream = service->consume("orders", 0, hk::consume_options(options).until(hk::latest));
    CHECK(service.run(test::read_all(stream, seen)));
    std::int64_t const first = seen.empty() ? end : seen.at(0).front();
    if (first != end)
        CHECK(seen.at(0) == from_to(first, end));
    return first;
}

} // namespace

TEST_CASE("a record that nests too deep is one record's trouble")
{
    std::string const deep = std::string(600, '[') + std::string(600, ']');
    check_that_one_is_bad_however_it_is_read(
        [&deep](hk::emulator& emulator) { emulator.append_raw("orders", 0, deep); }, "deep");
}

TEST_CASE("a record that is no JSON is one record's trouble")
{
    check_that_one_is_bad_however_it_is_read(
        [](hk::emulator& emulator) { emulator.append_raw("orders", 0, "{price: 12}"); }, "cannot be read");
}

TEST_CASE("a record that the service fails at for good is one record's trouble, told in the service's words")
{
    check_that_one_is_bad_however_it_is_read(
        [](hk::emulator& emulator) {
            test::fill(emulator, 1);
            emulator.fail_at("orders", 0, 5, 500);
        },
        "500");
}

TEST_CASE("a record that the service fails at for a while is waited for")
{
    observed service;
    test::fill(service.emulator, 10);
    service.emulator.fail_at("orders", 0, 5, 500, 12);
    auto stream = service->consume(
        "orders", 0, hk::consume_options().poll(1ms, 20ms).until(hk::latest).on_unreadable(hk::skip));
    by_partition seen;
    CHECK(service.run(test::read_all(stream, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 10)}});
    CHECK(service.heard().skipped.empty());
}

TEST_CASE("a record that is larger than an answer may be is one record's trouble")
{
    for (int const count : {500, 1}) {
        CAPTURE(count);
        check_that_one_is_bad([](hk::emulator& emulator) { test::fill(emulator, 1, 0, 100'000); }, "larger",
                              test::impatient().max_records(count), hk::http_limits().body(50'000));
    }
}

TEST_CASE("a bad record of one partition holds up no other")
{
    observed service(2);
    test::fill(service.emulator, 20, 0);
    test::fill(service.emulator, 20, 1);
    service.emulator.fail_at("orders", 1, 7);
    by_partition seen;
    auto stream = service->consume("orders", test::impatient().until(hk::latest).on_unreadable(hk::skip));
    CHECK(service.run(test::read_all(stream, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 20)}, {1, joined(from_to(0, 7), from_to(8, 20))}});
    CHECK(service.heard().skipped == std::vector{test::passed_over{1, 7, 8, hk::skip_cause::unreadable}});
}

TEST_CASE("an answer that would be too large is asked for in parts")
{
    // Six megabytes as Kafka stores them, and six times as many as JSON.
    observed service(1, hk::emulator_options().quirks(hk::emulator_quirks().max_read_bytes(6'000'000)));
    for (int i = 0; i != 300; ++i)
        service.emulator.append("orders", hk::record(std::string(20'000, '\x01')).partition(0));
    for (std::size_t const parallelism : {1U, 2U}) {
        CAPTURE(parallelism);
        by_partition seen;
        auto stream = service->consume(
            "orders", 0, test::impatient().until(hk::latest).parallelism(parallelism).max_records(300));
        CHECK(service.run(test::read_all(stream, seen)));
        CHECK(seen == by_partition{{0, from_to(0, 300)}});
    }
    CHECK(service.heard().skipped.empty());
}

TEST_CASE(
    "one wrong timestamp among a hundred lets a stream begin too early at most, and always at one record")
{
    std::optional<hk::emulator_time> const wrong[] = {hk::emulator_time(0ms), hk::emulator_time(-1ms),
                                                      std::nullopt, second(-1'000'000), second(1'000'000)};
    for (auto const& timestamp : wrong)
        for (int const place : {0, 49, 50, 98}) {
            observed service;
            for (int i = 0; i != 100; ++i)
                service.emulator.append("orders", hk::record(i).partition(0),
                                        i == place ? timestamp : std::optional(second(i)));
            for (int const start : {0, 1, 25, 48, 49, 50, 51, 75, 99}) {
                CAPTURE(place);
                CAPTURE(start);
                auto const begin = [&](std::size_t parallelism, std::size_t ahead) {
                    return first_of(service,
                                    hk::consume_options()
                                        .from(second(start))
                                        .parallelism(parallelism)
                                        .read_ahead(ahead)
                                        .poll(1ms, 20ms),
                                    100);
                };
                std::int64_t const first = begin(1, 1);
                CHECK(first <= (start == place ? start + 1 : start)); // what it says itself is wrong
                CHECK(begin(1, 0) == first);
                CHECK(begin(2, 1) == first);
                CHECK(begin(8, 2) == first);
            }
        }
}

TEST_CASE(
    "one stream until a point in time and one from it read everything once, also beside a wrong timestamp")
{
    for (bool const wrong : {false, true}) {
        CAPTURE(wrong);
        observed service;
        for (int i = 0; i != 100; ++i)
            service.emulator.append("orders", hk::record(i).partition(0),
                                    wrong && i == 50 ? hk::emulator_time(0ms) : second(i));
        for (int const time : {-1, 0, 20, 49, 50, 51, 99, 100}) {
            CAPTURE(time);
            by_partition seen;
            auto before = service->consume("orders", 0, test::impatient().until(second(time)));
            CHECK(service.run(test::read_all(before, seen)));
            if (!wrong)
                CHECK(seen[0] == from_to(0, time));
            auto after =
                service->consume("orders", 0, test::impatient().from(second(time)).until(hk::latest));
            CHECK(service.run(test::read_all(after, seen)));
            CHECK(seen == by_partition{{0, from_to(0, 100)}});
        }
    }
}

TEST_CASE("a checkpoint whose record is the first that is left still tells a topic that was made anew")
{
    for (int const batch : {1, 5}) { // the first record of all, and one that retention has made the first
        CAPTURE(batch);
        observed service;
        auto const write = [&service](int from) {
            for (int i = from; i != from + 10; ++i)
                service.emulator.append("orders", hk::record(i).partition(0), second(i));
        };
        write(0);
        auto const checkpoints = std::make_shared<test::kept_in_memory>();
        hk::consume_options const options =
            test::impatient().until(hk::latest).max_records(batch).checkpoint(checkpoints);
        {
            auto stream = service->consume("orders", 0, options);
            auto const first = service.run(stream.next()).value();
            CHECK(service.run(stream.commit(*first)));
        }
        service.emulator.trim("orders", 0, batch - 1);
        by_partition seen;
        auto same = service->consume("orders", 0, options);
        CHECK(service.run(test::read_all(same, seen)));
        CHECK(seen == by_partition{{0, from_to(batch, 10)}});

        service.emulator.recreate_topic("orders");
        write(100);
        service.emulator.trim("orders", 0, batch - 1);
        auto other = service->consume("orders", 0, options);
        auto const told = service.run(other.next());
        REQUIRE_FALSE(told);
        CHECK(told.error().code() == hk::errc::topic_recreated);
    }
}
