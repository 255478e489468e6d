// Streams before an emulator in each of its forms, and while things happen to what they read: every record is
// handed over exactly once, or the stream says why not.
#include "support/emulator/emulated.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace hk = hdikafka;

namespace {

using read_record = std::pair<std::int64_t, std::string>; // its offset and its value's text

/// What a stream has handed over, also when it failed then.
class reading
{
public:
    std::vector<read_record> records;
    std::error_code failure;
};

reading read_all(test::emulated& service, hk::consume_options options)
{
    auto stream = service->consume("orders", 0, std::move(options));
    reading out;
    for (;;) {
        auto const next = service.run(stream.next());
        if (!next) {
            out.failure = next.error().code();
            return out;
        }
        if (!next.value())
            return out;
        for (auto const& record : *next.value())
            out.records.emplace_back(record.offset(), record.value().text());
    }
}

/// Fifty records with gaps between them and behind them.
void fill(hk::emulator& emulator)
{
    emulator.add_topic("orders");
    for (int i = 0; i != 50; ++i) {
        emulator.append("orders", hk::record(i));
        if (i % 7 == 3)
            emulator.inject_gap("orders", 0, 1 + i % 5);
    }
    emulator.compact("orders", 0, 20, 25);
    emulator.inject_gap("orders", 0, 2);
}

std::vector<read_record> all_of(hk::emulator const& emulator, hk::emulator_value_form form)
{
    std::string const quote = form == hk::emulator_value_form::text ? "\"" : "";
    std::vector<read_record> out;
    for (auto const& record : emulator.records("orders", 0))
        out.emplace_back(record.offset, quote + record.value + quote);
    return out;
}

hk::consume_options to_the_end()
{
    return hk::consume_options().until(hk::latest).max_records(6).poll(1ms, 2ms).unreadable_after(10ms);
}

/// Has `happen` happen when the nth read has been handled.
void at_read(hk::emulator& emulator, int which, std::function<void()> happen)
{
    auto const left = std::make_shared<int>(which);
    emulator.on_call([left, happen = std::move(happen)](hk::emulator_call const& call) {
        if (call.route == hk::emulator_route::consume && --*left == 0)
            happen();
    });
}

} // namespace

TEST_CASE("every record is read exactly once from each form of the service")
{
    using next = hk::emulator_next_offset;
    for (auto const answer : {hk::emulator_consume_answer::object, hk::emulator_consume_answer::array})
        for (auto const value : {hk::emulator_value_form::embedded, hk::emulator_value_form::text})
            for (auto const next_offset : {next::exact, next::asked, next::behind, next::absent})
                for (bool const empty_in_gaps : {false, true}) {
                    CAPTURE(static_cast<int>(answer));
                    CAPTURE(static_cast<int>(value));
                    CAPTURE(static_cast<int>(next_offset));
                    CAPTURE(empty_in_gaps);
                    test::emulated service(hk::emulator_options()
                                               .consume_answer(answer)
                                               .value_form(value)
                                               .next_offset(next_offset)
                                               .empty_in_gaps(empty_in_gaps));
                    fill(service.emulator);
                    auto const expected = all_of(service.emulator, value);
                    REQUIRE(expected.size() == 47);
                    for (std::size_t const parallelism : {std::size_t{1}, std::size_t{4}}) {
                        // A gap that no NextOffset leads out of looks like records that cannot be read.
                        auto options = to_the_end().parallelism(parallelism);
                        if (empty_in_gaps || next_offset != next::exact)
                            options.on_unreadable(hk::skip);
                        auto const all = read_all(service, options);
                        CHECK_FALSE(all.failure);
                        CHECK(all.records == expected);
                    }
                }
}

TEST_CASE("every record is read exactly once from a service that is slow, far away or fails now and then")
{
    using fault = hk::emulator_fault;
    auto const on = hk::emulator_route::consume;
    for (int const what : {0, 1, 2, 3, 4}) {
        CAPTURE(what);
        test::emulated service(hk::emulator_options().latency(what == 0 ? 3ms : 0ms));
        fill(service.emulator);
        hk::client const client(
            service.io.get_executor(),
            service.emulator.client_options().retry(hk::retry_policy().max_retries(3).base_delay(1ms)));
        service.client.emplace(client);
        for (std::size_t const parallelism : {std::size_t{1}, std::size_t{4}}) {
            switch (what) {
            case 1: service.emulator.inject(fault::slow(5ms).on(on).times(4)); break;
            case 2: service.emulator.inject(fault::answer(503).on(on).times(2)); break;
            case 3: service.emulator.inject(fault::drop_answer().on(on).times(2)); break;
            case 4: service.emulator.inject(fault::drop_request().on(on).times(2)); break;
            default: break;
            }
            auto const all = read_all(service, to_the_end().parallelism(parallelism));
            CHECK_FALSE(all.failure);
            CHECK(all.records == all_of(service.emulator, hk::emulator_value_form::embedded));
        }
    }
}

TEST_CASE("retention in the middle of a read costs what it deleted, and nothing else")
{
    for (std::size_t const parallelism : {std::size_t{1}, std::size_t{4}}) {
        test::emulated service;
        fill(service.emulator);
        auto const before = all_of(service.emulator, hk::emulator_value_form::embedded);
        at_read(service.emulator, 3, [&service] { service.emulator.trim("orders", 0, 40); });
        auto const all =
            read_all(service, to_the_end().parallelism(parallelism).on_out_of_range(hk::earliest));
        CHECK_FALSE(all.failure);
        // What was read before it is there, in order and once; from there on everything is.
        auto const kept = all_of(service.emulator, hk::emulator_value_form::embedded);
        REQUIRE(all.records.size() >= kept.size());
        REQUIRE(all.records.size() < before.size());
        auto const early = all.records.end() - static_cast<std::ptrdiff_t>(kept.size());
        CHECK(std::vector(early, all.records.end()) == kept);
        CHECK(std::vector(all.records.begin(), early) ==
              std::vector(before.begin(), before.begin() + (early - all.records.begin())));
    }
}

TEST_CASE(
    "a topic that is cut short or made anew in the middle of a read is an error, and no record comes twice")
{
    for (bool const recreated : {false, true}) {
        test::emulated service;
        fill(service.emulator);
        auto const before = all_of(service.emulator, hk::emulator_value_form::embedded);
        at_read(service.emulator, 3, [&service, recreated] {
            if (recreated)
                service.emulator.recreate_topic("orders");
            else
                service.emulator.truncate("orders", 0, 5);
        });
        auto const all = read_all(service, to_the_end().read_ahead(0));
        CHECK(all.failure == hk::errc::offset_above_latest);
        CHECK(all.records == std::vector(before.begin(), before.begin() + 18));
    }
}
