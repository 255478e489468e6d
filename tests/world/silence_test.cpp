// Reads that give nothing, although there are records or because there are none: what a stream makes of them.
#include "support/world/kept.hpp"
#include "support/world/observed.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
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
using next_offset = hk::emulator_next_offset;

namespace {

constexpr std::int64_t furthest = std::numeric_limits<std::int64_t>::max();

/// Whatever NextOffset says of an answer without records.
std::vector<next_offset> const all_forms{next_offset::exact, next_offset::asked, next_offset::behind,
                                         next_offset::absent, next_offset::absurd};

hk::emulator_options silent_with(next_offset form)
{
    return hk::emulator_options().quirks(hk::emulator_quirks().silent_next_offset(form));
}

/// A read behind the last record is empty, and says this; with more written it gives that.
hk::emulator_options gaps_with(next_offset form)
{
    return hk::emulator_options().quirks(hk::emulator_quirks().gap_next_offset(form));
}

/// From the second read on everything is silent for so long.
void begin_a_hiccup(hk::emulator& emulator, std::chrono::milliseconds time)
{
    auto const reads = std::make_shared<int>(0);
    emulator.on_call([&emulator, reads, time](hk::emulator_call const& call) {
        if (call.route == hk::emulator_route::consume && ++*reads == 2)
            emulator.silence_for(time);
    });
}

/// Where these options lead there is nothing to read, until something is written at `end`.
void check_that_nothing_comes_before(std::int64_t end, observed& service, hk::consume_options const& options)
{
    by_partition seen;
    auto ends = service->consume("orders", 0, hk::consume_options(options).until(hk::latest));
    CHECK(service.run(test::read_all(ends, seen)));
    CHECK(seen.empty());

    auto stream = service->consume("orders", 0, options);
    CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
    test::read_until_caught_up(service, stream);
    test::fill(service.emulator, 2);
    CHECK(service.run(test::read(stream, 2, seen)));
    CHECK(seen == by_partition{{0, from_to(end, end + 2)}});
    CHECK(service.heard().skipped.empty());
}

} // namespace

TEST_CASE("a service that gives nothing for a while loses nothing: all records come once, in order")
{
    for (next_offset const form : all_forms)
        for (bool const skip : {false, true})
            for (bool const one : {false, true}) {
                CAPTURE(static_cast<int>(form));
                CAPTURE(skip);
                CAPTURE(one);
                observed service(1, silent_with(form));
                test::fill(service.emulator, 3'000);
                begin_a_hiccup(service.emulator, 100ms);
                hk::consume_options options = hk::consume_options().poll(1ms, 20ms).until(hk::latest);
                if (skip)
                    options.on_unreadable(hk::skip);
                auto stream =
                    one ? service->consume("orders", 0, options) : service->consume("orders", options);
                by_partition seen;
                CHECK(service.run(test::read_all(stream, seen)));
                CHECK(seen == by_partition{{0, from_to(0, 3'000)}});
                CHECK(service.heard().skipped.empty());
            }
}

TEST_CASE("also several readers of one partition lose nothing to a service that gives nothing for a while")
{
    observed service;
    test::fill(service.emulator, 3'000);
    begin_a_hiccup(service.emulator, 100ms);
    auto stream = service->consume("orders", 0,
                                   hk::consume_options()
                                       .poll(1ms, 20ms)
                                       .until(hk::latest)
                                       .on_unreadable(hk::skip)
                                       .parallelism(4)
                                       .max_records(100));
    by_partition seen;
    CHECK(service.run(test::read_all(stream, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 3'000)}});
    CHECK(service.heard().skipped.empty());
}

TEST_CASE("while nothing at all can be read, no time is long enough to give records up")
{
    for (bool const skip : {false, true}) {
        CAPTURE(skip);
        observed service;
        test::fill(service.emulator, 1'000);
        begin_a_hiccup(service.emulator, 400ms);
        hk::consume_options options = hk::consume_options().poll(1ms, 5ms).unreadable_after(20ms);
        options.refresh_partitions(10ms); // a place at the end is read again as often
        if (skip)
            options.on_unreadable(hk::skip);
        auto stream = service->consume("orders", 0, options);
        by_partition seen;
        CHECK(service.run(test::read(stream, 1'000, seen)));
        CHECK(seen == by_partition{{0, from_to(0, 1'000)}});
        CHECK(service.heard().skipped.empty());
    }
}

TEST_CASE(
    "a place that is silent for a while, and then is not, loses nothing although what follows was readable")
{
    observed service;
    test::fill(service.emulator, 30);
    service.emulator.silence_at("orders", 0, 10, 12);
    auto stream = service->consume(
        "orders", 0,
        hk::consume_options().poll(1ms, 20ms).until(hk::latest).on_unreadable(hk::skip).max_records(10));
    by_partition seen;
    CHECK(service.run(test::read_all(stream, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 30)}});
    CHECK(service.heard().skipped.empty());
}

TEST_CASE("a place that stays silent while what follows can be read is unreadable, and it alone")
{
    observed service;
    test::fill(service.emulator, 30);
    service.emulator.silence_at("orders", 0, 10);
    hk::consume_options const options = test::impatient().until(hk::latest).max_records(10);
    by_partition seen;
    SUBCASE("an error that stays, and names it")
    {
        auto stream = service->consume("orders", 0, options);
        for (int again = 0; again != 2; ++again) {
            auto const end = service.run(test::read_all(stream, seen));
            REQUIRE_FALSE(end);
            CHECK(end.error().code() == hk::errc::unreadable_record);
            CHECK(end.error().cause().find("10") != std::string::npos);
        }
        CHECK(seen == by_partition{{0, from_to(0, 10)}});
        CHECK(stream.position() == 10);
    }
    SUBCASE("or passed over, which is told")
    {
        auto stream = service->consume("orders", 0, hk::consume_options(options).on_unreadable(hk::skip));
        CHECK(service.run(test::read_all(stream, seen)));
        CHECK(seen == by_partition{{0, joined(from_to(0, 10), from_to(11, 30))}});
        CHECK(service.heard().skipped ==
              std::vector{test::passed_over{0, 10, 11, hk::skip_cause::unreadable}});
    }
}

TEST_CASE("transaction markers behind the last record are the end for who reads until the end")
{
    for (next_offset const form : all_forms)
        for (bool const one : {false, true}) {
            CAPTURE(static_cast<int>(form));
            CAPTURE(one);
            observed service(1, gaps_with(form));
            test::fill(service.emulator, 10);
            service.emulator.inject_gap("orders", 0, 1);
            hk::consume_options const options = test::impatient().until(hk::latest);
            auto stream = one ? service->consume("orders", 0, options) : service->consume("orders", options);
            by_partition seen;
            CHECK(service.run(test::read_all(stream, seen)));
            CHECK(seen == by_partition{{0, from_to(0, 10)}});
            CHECK(service.heard().skipped.empty());
        }
}

TEST_CASE(
    "who follows a partition stays behind transaction markers, is caught up, and reads what comes later")
{
    for (next_offset const form : all_forms)
        for (bool const one : {false, true}) {
            CAPTURE(static_cast<int>(form));
            CAPTURE(one);
            observed service(1, gaps_with(form));
            test::fill(service.emulator, 10);
            service.emulator.inject_gap("orders", 0, 1);
            auto stream = one ? service->consume("orders", 0, test::impatient())
                              : service->consume("orders", test::impatient());
            by_partition seen;
            CHECK(service.run(test::read(stream, 10, seen)));
            test::read_until_caught_up(service, stream);
            CHECK(service.run(stream.lag()).value() == 0);

            test::fill(service.emulator, 3);
            CHECK(service.run(stream.lag()).value() >= 3);
            CHECK(service.run(test::read(stream, 3, seen)));
            CHECK(seen == by_partition{{0, joined(from_to(0, 10), from_to(11, 14))}});
            test::read_until_caught_up(service, stream);
            CHECK(service.run(stream.lag()).value() == 0);
            CHECK(service.heard().skipped.empty());
        }
}

TEST_CASE("a partition that holds transaction markers alone is as one that is empty")
{
    for (next_offset const form : all_forms) {
        CAPTURE(static_cast<int>(form));
        observed service(1, gaps_with(form));
        service.emulator.inject_gap("orders", 0, 3);
        auto ends = service->consume("orders", 0, test::impatient().until(hk::latest));
        CHECK_FALSE(service.run(ends.next()).value().has_value());

        auto stream = service->consume("orders", test::impatient());
        CHECK_FALSE(service.run(stream.next(hk::call_options().timeout(20ms))));
        test::read_until_caught_up(service, stream);
        CHECK(service.run(stream.lag()).value() == 0);
        test::fill(service.emulator, 2);
        by_partition seen;
        CHECK(service.run(test::read(stream, 2, seen)));
        CHECK(seen == by_partition{{0, from_to(3, 5)}});
    }
}

TEST_CASE("a start among offsets at the end that hold nothing leads to the end, and to what comes later")
{
    for (next_offset const form : all_forms) {
        CAPTURE(static_cast<int>(form));
        observed markers(1, gaps_with(form));
        test::fill(markers.emulator, 10);
        markers.emulator.inject_gap("orders", 0, 5);
        check_that_nothing_comes_before(15, markers, test::impatient().from(12));

        observed compacted(1, gaps_with(form));
        test::fill(compacted.emulator, 10);
        compacted.emulator.compact("orders", 0, 6, 10);
        check_that_nothing_comes_before(10, compacted, test::impatient().from(8));
    }
}

TEST_CASE("a checkpoint before markers at the end leads to the end, and to what comes later")
{
    for (next_offset const form : all_forms) {
        CAPTURE(static_cast<int>(form));
        observed service(1, gaps_with(form));
        test::fill(service.emulator, 10);
        auto const options = test::impatient().checkpoint(std::make_shared<test::kept_in_memory>());
        auto before = service->consume("orders", 0, options);
        auto const batch = service.run(before.next()).value();
        CHECK(batch->size() == 10);
        CHECK(service.run(before.commit(*batch)));
        service.emulator.inject_gap("orders", 0, 5);
        check_that_nothing_comes_before(15, service, options);
    }
}

TEST_CASE("markers that stay silent when more is written cannot be told from a record that cannot be read")
{
    observed service(1, hk::emulator_options().empty_in_gaps(true).next_offset(next_offset::asked));
    test::fill(service.emulator, 10);
    service.emulator.inject_gap("orders", 0, 1);
    auto fails = service->consume("orders", 0, test::impatient());
    auto skips = service->consume("orders", 0, test::impatient().on_unreadable(hk::skip));
    by_partition seen;
    CHECK(service.run(test::read(fails, 10, seen)));
    test::read_until_caught_up(service, fails);
    CHECK(service.run(test::read(skips, 10, seen)));
    test::read_until_caught_up(service, skips);
    test::fill(service.emulator, 3);

    auto const told = service.run(fails.next());
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == hk::errc::unreadable_record);
    CHECK(told.error().cause().find("10") != std::string::npos);
    seen.clear();
    CHECK(service.run(test::read(skips, 3, seen)));
    CHECK(seen == by_partition{{0, from_to(11, 14)}});
    CHECK(service.heard().skipped == std::vector{test::passed_over{0, 10, 11, hk::skip_cause::unreadable}});
}

TEST_CASE("an end beyond transaction markers is reached when it is written, and not before")
{
    observed service(1, gaps_with(next_offset::absent));
    test::fill(service.emulator, 10);
    service.emulator.inject_gap("orders", 0, 1);
    auto stream = service->consume("orders", 0, test::impatient().until(13));
    by_partition seen;
    CHECK(service.run(test::read(stream, 10, seen)));
    CHECK(service.run(stream.next(hk::call_options().timeout(50ms))).error().code() == hk::errc::timed_out);
    test::fill(service.emulator, 5);
    CHECK(service.run(test::read_all(stream, seen)));
    CHECK(seen == by_partition{{0, joined(from_to(0, 10), from_to(11, 13))}});
}

TEST_CASE("a NextOffset at the end of all numbers overflows nothing and passes over nothing")
{
    for (std::size_t const parallelism : {1U, 4U}) {
        CAPTURE(parallelism);
        observed service(1, hk::emulator_options().next_offset(next_offset::absurd));
        test::fill(service.emulator, 100);
        auto stream = service->consume(
            "orders", 0, test::impatient().max_records(7).parallelism(parallelism).read_ahead(2));
        by_partition seen;
        CHECK(service.run(test::read(stream, 100, seen)));
        test::read_until_caught_up(service, stream);
        test::fill(service.emulator, 100);
        CHECK(service.run(test::read(stream, 100, seen)));
        CHECK(seen == by_partition{{0, from_to(0, 200)}});
        CHECK(stream.position() == 200);
        CHECK(service.heard().skipped.empty());
    }
}

TEST_CASE("a start at the end of all numbers is past the partition's end")
{
    observed service;
    test::fill(service.emulator, 3);
    auto fails = service->consume("orders", 0, test::impatient().from(furthest - 1));
    CHECK(service.run(fails.next()).error().code() == hk::errc::offset_above_latest);
    auto goes_on =
        service->consume("orders", 0, test::impatient().from(furthest - 1).on_out_of_range(hk::earliest));
    by_partition seen;
    CHECK(service.run(test::read(goes_on, 3, seen)));
    CHECK(seen == by_partition{{0, from_to(0, 3)}});

    // Behind the last number of all there is nothing to ask for: that takes until the watermarks are
    // believed.
    auto waits = service->consume("orders", 0, test::impatient().from(furthest));
    CHECK(service.run(waits.next(hk::call_options().timeout(50ms))).error().code() == hk::errc::timed_out);
    CHECK(service.requests(hk::emulator_route::partition) < 50);
    auto ends = service->consume("orders", 0, test::impatient().from(furthest).until(furthest));
    CHECK_FALSE(service.run(ends.next()).value().has_value());
}
