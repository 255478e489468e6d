// A producer against the emulator: how records travel together, and what their senders are told.
#include "support/producer/sends.hpp"

#include <hdikafka/detail/base/murmur2.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace test;

namespace {

hk::emulator_options with_offsets()
{
    return hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets);
}

/// A service with a topic, and a producer.
class bench
{
public:
    explicit bench(hk::producer_options options = hk::producer_options(), std::int32_t partitions = 1,
                   hk::emulator_options how = with_offsets())
        : service(std::move(how)), producer(*service.client, std::move(options)), all(service.io, producer)
    {
        service.emulator.add_topic("orders", partitions);
    }

    std::size_t requests() const { return service.emulator.request_count(hk::emulator_route::produce); }

    emulated service;
    hk::producer producer;
    sends all;
};

} // namespace

TEST_CASE("a record that is sent alone goes at once and has its receipt")
{
    bench test;
    auto const told = test.service.run(test.producer.send("orders", hk::record("key", "value").partition(0)));
    REQUIRE(told);
    CHECK(told.value().size() == 1);
    CHECK(told.value().persisted(0) == hk::persistence::done);
    CHECK(told.value().partition(0) == 0);
    CHECK(told.value().offset(0) == 0);
    CHECK_FALSE(told.value().error(0));
    auto const log = test.service.emulator.records("orders", 0);
    REQUIRE(log.size() == 1);
    CHECK(log[0].value == "\"value\"");
    CHECK(log[0].key == "\"key\"");
}

TEST_CASE("what is sent in one go travels in one request, in order, and each has its own receipt")
{
    bench test;
    test.all.start_many("orders", 500);
    test.all.finish();
    CHECK(test.requests() == 1);
    CHECK(values(test.service.emulator, "orders") == numbers(500));
    for (std::size_t i = 0; i != 500; ++i) {
        REQUIRE(test.all[i].good());
        CHECK(test.all[i].get().value().offset(0) == static_cast<std::int64_t>(i));
    }
}

TEST_CASE("what comes while a request is under way goes with the next, in its order")
{
    bench test;
    test.all.start_many("orders", 3);
    step_until(test.service.io, [&] { return test.producer.statistics().in_flight == 1; });
    test.all.start_many("orders", 100);
    test.all.finish();
    CHECK(test.requests() == 2);
    CHECK(values(test.service.emulator, "orders") == numbers(103));
}

TEST_CASE("a batch has no more records and no more bytes than the options say")
{
    bench by_count(hk::producer_options().max_batch_records(10));
    by_count.all.start_many("orders", 95);
    by_count.all.finish();
    CHECK(by_count.requests() == 10);
    CHECK(values(by_count.service.emulator, "orders") == numbers(95));

    // Each takes 10 + 402 bytes of a body and all but one a comma; the body has 14 beside them.
    bench by_size(hk::producer_options().max_batch_bytes(14 + 3 * 412 + 2));
    std::string const text(400, 'x');
    for (int i = 0; i != 9; ++i)
        by_size.all.start("orders", hk::record(text));
    by_size.all.finish();
    CHECK(by_size.requests() == 3);
    CHECK(by_size.service.emulator.records("orders", 0).size() == 9);
}

TEST_CASE("topics, and partitions that are known, have lanes of their own")
{
    bench test(hk::producer_options(), 3);
    test.service.emulator.add_topic("others");
    for (std::int32_t i = 0; i != 30; ++i)
        test.all.start(i % 2 ? "orders" : "others",
                       i % 2 ? hk::record(i).partition(i % 3) : hk::record(i).partition(0));
    test.all.finish();
    CHECK(test.requests() == 4);
    CHECK(test.service.emulator.records("others", 0).size() == 15);
    for (std::int32_t partition = 0; partition != 3; ++partition) {
        std::vector<std::string> wanted;
        for (std::int32_t i = 1; i < 30; i += 2)
            if (i % 3 == partition)
                wanted.push_back(std::to_string(i));
        CHECK(values(test.service.emulator, "orders", partition) == wanted);
    }
}

TEST_CASE("more requests than one are under way when the options allow it")
{
    bench test(hk::producer_options().max_batch_records(1).max_in_flight(4));
    test.all.start_many("orders", 40);
    std::size_t most = 0;
    step_until(test.service.io, [&] {
        most = std::max(most, test.producer.statistics().in_flight);
        return test.all.all_ended();
    });
    CHECK(most == 4);
    CHECK(test.requests() == 40);
    CHECK(test.service.emulator.records("orders", 0).size() == 40);
}

TEST_CASE("a record lingers for others, until its batch is full or somebody flushes")
{
    bench test(hk::producer_options().linger(1h).max_batch_records(5));
    test.all.start_many("orders", 4);
    take_all_steps(test.service.io);
    CHECK(test.requests() == 0);
    CHECK(test.producer.statistics().buffered_records == 4);
    test.all.start_many("orders", 1);
    test.all.finish();
    CHECK(test.requests() == 1);

    test.all.start_many("orders", 2);
    take_all_steps(test.service.io);
    CHECK(test.requests() == 1);
    CHECK(test.service.run(test.producer.flush()));
    CHECK(test.requests() == 2);
    test.all.finish();
    CHECK(values(test.service.emulator, "orders") == numbers(7));
}

TEST_CASE("a short linger ends by itself")
{
    bench test(hk::producer_options().linger(2ms));
    CHECK(test.service.run(test.producer.send("orders", hk::record(1))));
    CHECK(test.requests() == 1);
}

TEST_CASE("records of another topic that fail do not touch the rest")
{
    bench test;
    test.all.start("orders", hk::record(1));
    test.all.start("missing", hk::record(2));
    test.all.start("orders", hk::record(3));
    test.all.finish();
    CHECK(test.all.claim(0) == hk::persistence::done);
    CHECK(test.all.claim(2) == hk::persistence::done);
    CHECK(test.all[1].code() == hk::errc::not_found);
    check_what(test.all[1].error(), "send", "missing");
    CHECK(test.all.claim(1) == hk::persistence::none);
    CHECK(test.all[1].error().info().http_status == 404);
}

TEST_CASE("bad arguments are refused before anything is sent")
{
    bench test(hk::producer_options().max_batch_bytes(1'000));
    test.all.start("no such/topic", hk::record(1));
    test.all.start("orders", hk::record(1).partition(-1));
    test.all.start("orders", hk::record(std::string(1'000, 'x')));
    test.all.start("orders", hk::record(1), hk::call_options().timeout(0ms));
    test.all.finish();
    CHECK(test.all[0].code() == hk::errc::invalid_topic);
    CHECK(test.all[1].code() == hk::errc::invalid_partition);
    CHECK(test.all[2].code() == hk::errc::too_large);
    CHECK(std::string(test.all[2].error().what()).find("1026") != std::string::npos);
    CHECK(test.all[3].code() == hk::errc::timed_out);
    for (std::size_t i = 0; i != test.all.size(); ++i)
        CHECK(test.all.claim(i) == hk::persistence::none);
    CHECK(test.service.emulator.calls().empty());
    CHECK(test.producer.statistics().buffered_records == 0);
    CHECK_THROWS_AS((void)test.producer.try_send("", hk::record(1)), hk::error const&);
}

TEST_CASE("options that cannot be used are refused")
{
    emulated service;
    auto const code_of = [&](hk::producer_options options) -> std::error_code {
        try {
            hk::producer const unused(*service.client, std::move(options));
        } catch (hk::error const& thrown) {
            check_what(thrown, "producer");
            return thrown.code();
        }
        return {};
    };
    using options = hk::producer_options;
    CHECK_FALSE(code_of(options()));
    CHECK(code_of(options().max_batch_records(0)) == hk::errc::invalid_count);
    CHECK(code_of(options().max_batch_bytes(999)) == hk::errc::invalid_count);
    CHECK(code_of(options().max_in_flight(0)) == hk::errc::invalid_count);
    CHECK(code_of(options().buffer_records(0)) == hk::errc::invalid_count);
    CHECK(code_of(options().buffer_bytes(999'999)) == hk::errc::invalid_option);
    CHECK(code_of(options().linger(-1ms)) == hk::errc::invalid_option);
    CHECK(code_of(options().refresh_partitions(-1ms)) == hk::errc::invalid_option);
    CHECK(code_of(options().partitioner(hk::partitioner::function())) == hk::errc::invalid_option);
}

TEST_CASE("send() waits for room in its turn, for which nothing lingers; try_send() says that there is none")
{
    bench test(hk::producer_options().buffer_records(10).linger(1h));
    test.all.start_many("orders", 25);
    step_until(test.service.io, [&] { return test.producer.statistics().waiting == 15; });
    CHECK(test.producer.statistics().buffered_records == 10);
    CHECK_FALSE(test.producer.try_send("orders", hk::record("refused")));
    step_until(test.service.io, [&] { return values(test.service.emulator, "orders").size() == 20; });
    CHECK(test.producer.statistics().acknowledged <= 20); // the rest lingers: there is room
    CHECK(test.service.run(test.producer.flush()));
    test.all.finish();
    CHECK(values(test.service.emulator, "orders") == numbers(25));
    CHECK(test.requests() == 3);

    hk::delivery const taken = test.producer.try_send("orders", hk::record("taken"));
    REQUIRE(taken);
    CHECK(test.service.run(test.producer.flush()));
    auto const told = test.service.run(taken.receipt());
    REQUIRE(told);
    CHECK(told.value().offset(0) == 25);
    CHECK(test.service.run(taken.receipt())); // as often as one likes
}

TEST_CASE("a delivery that is dropped is sent all the same; one that was refused has no receipt")
{
    bench test;
    (void)test.producer.try_send("orders", hk::record(0));
    CHECK(test.service.run(test.producer.flush()));
    CHECK(values(test.service.emulator, "orders") == numbers(1));
    CHECK(test.producer.statistics().acknowledged == 1);
    auto const refused = test.service.run(hk::delivery().receipt());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == hk::errc::invalid_option);
}

TEST_CASE("murmur2 places keyed records as the Java client does, and asks for the partitions once")
{
    bench test(hk::producer_options().partitioner(hk::partitioner::murmur2), 7);
    for (int i = 0; i != 200; ++i)
        test.all.start("orders", hk::record("key " + std::to_string(i % 20), i));
    test.all.finish();
    CHECK(test.service.emulator.request_count(hk::emulator_route::partitions) == 1);
    for (std::size_t i = 0; i != 200; ++i)
        CHECK(test.all[i].get().value().partition(0) ==
              hk::detail::partition_for_key("key " + std::to_string(i % 20), 7));
    CHECK(test.requests() <= 7);
}

TEST_CASE("murmur2 keeps records without a key together, batch by batch")
{
    bench test(hk::producer_options().partitioner(hk::partitioner::murmur2).max_batch_records(10), 3);
    test.all.start_many("orders", 90);
    test.all.finish();
    std::size_t there = 0;
    for (std::int32_t partition = 0; partition != 3; ++partition) {
        std::size_t const count = values(test.service.emulator, "orders", partition).size();
        CHECK(count % 10 == 0);
        CHECK(count > 0);
        there += count;
    }
    CHECK(there == 90);
    CHECK(test.requests() == 9);
}

TEST_CASE("a partitioner of the user's own chooses; what it gets wrong fails that record alone")
{
    auto const by_value = [](std::string_view topic, hk::record const& one, std::int32_t partitions) {
        CHECK(topic == "orders");
        CHECK(partitions == 4);
        return static_cast<std::int32_t>(one.value().view().as_int64());
    };
    bench test(hk::producer_options().partitioner(by_value), 4);
    for (int i = 0; i != 6; ++i)
        test.all.start("orders", hk::record(i));
    test.all.start("orders", hk::record("no number"));
    test.all.start("orders", hk::record("own").partition(3));
    test.all.finish();
    for (std::size_t i = 0; i != 4; ++i)
        CHECK(test.all[i].get().value().partition(0) == static_cast<std::int32_t>(i));
    for (std::size_t const wrong : {4U, 5U, 6U}) {
        CHECK(test.all[wrong].code() == hk::errc::invalid_partition);
        CHECK(test.all.claim(wrong) == hk::persistence::none);
        check_what(test.all[wrong].error(), "send", "orders");
    }
    CHECK(test.all[7].get().value().partition(0) == 3);
}

TEST_CASE("when the partitions cannot be had, the records that need them fail with the reason")
{
    bench test(hk::producer_options().partitioner(hk::partitioner::murmur2));
    test.all.start("missing", hk::record("key", 1));
    test.all.start("missing", hk::record(2));
    test.all.start("missing", hk::record(3).partition(0)); // needs none, and fails by itself
    test.all.finish();
    for (std::size_t i = 0; i != 3; ++i) {
        CHECK(test.all[i].code() == hk::errc::not_found);
        CHECK(test.all.claim(i) == hk::persistence::none);
        check_what(test.all[i].error(), "send", "missing");
    }
    test.service.emulator.add_topic("missing");
    CHECK(test.service.run(test.producer.send("missing", hk::record("key", 1))));
}

TEST_CASE("a partition without a leader fails what is sent to it, and nothing else")
{
    bench test(hk::producer_options().partitioner(hk::partitioner::murmur2), 4);
    test.service.emulator.lose_leader("orders", 2);
    std::vector<std::int32_t> placed;
    for (int i = 0; i != 40; ++i) {
        std::string const key = std::to_string(i);
        placed.push_back(hk::detail::partition_for_key(key, 4));
        test.all.start("orders", hk::record(key, i));
    }
    for (int i = 0; i != 10; ++i)
        test.all.start("orders", hk::record(i)); // these go to one that can be used
    test.all.start("orders", hk::record(1).partition(2));
    placed.resize(50, 0);
    placed.push_back(2);
    test.all.finish();
    for (std::size_t i = 0; i != placed.size(); ++i) {
        CAPTURE(i);
        CHECK(test.all[i].good() == (placed[i] != 2));
        if (i < 40 && test.all[i].good())
            CHECK(test.all[i].get().value().partition(0) == placed[i]);
    }
    CHECK(std::ranges::count(placed, 2) > 1);
}

TEST_CASE("values of every kind arrive as they are, binary ones by the codec")
{
    bench test;
    std::string const bytes("\x00\xff\xfe\n\"\\", 6);
    std::vector<hk::json> const sent{nullptr,
                                     true,
                                     3.25,
                                     INT64_MIN,
                                     UINT64_MAX,
                                     "\"quoted\" \xe2\x82\xac",
                                     hk::json::parse(R"({"a": [1, {"b": null}]})"),
                                     hk::base64_codec::encode(bytes)};
    for (auto const& value : sent)
        test.all.start("orders", hk::record(value, value));
    test.all.finish();
    auto const read = test.service.run(test.service->fetch("orders", 0, 0, 100));
    REQUIRE(read);
    REQUIRE(read.value().size() == sent.size());
    for (std::size_t i = 0; i != sent.size(); ++i)
        CHECK(read.value()[i].value() == sent[i].view());
    CHECK(hk::base64_codec::decode(read.value()[7].value()) == bytes);
}

TEST_CASE("statistics count what happened")
{
    bench test;
    test.all.start_many("orders", 10);
    test.all.start("missing", hk::record(1));
    test.all.finish();
    hk::producer_statistics const seen = test.producer.statistics();
    CHECK(seen.acknowledged == 10);
    CHECK(seen.failed == 1);
    CHECK(seen.doubtful == 0);
    CHECK(seen.bytes == 10 * std::string_view(R"({"value":0})").size());
    CHECK(seen.batches == 2);
    CHECK(seen.retries == 0);
    CHECK(seen.buffered_records == 0);
    CHECK(seen.buffered_bytes == 0);
    CHECK(seen.waiting == 0);
    CHECK(seen.in_flight == 0);
    CHECK(seen.queue_time.count() == 11);
    CHECK(seen.flight_time.count() == 2);
    CHECK(seen.flight_time.max() >= seen.flight_time.quantile(0.5));
}

TEST_CASE("a producer at rest keeps no context busy")
{
    bench test;
    CHECK(test.service.run(test.producer.send("orders", hk::record(1))));
    CHECK(test.service.run(test.producer.close()));
    test.service.emulator.stop();
    test.service.client->close();
    test.service.io.restart();
    test.service.io.run(); // or this test never ends
    CHECK(test.producer.statistics().acknowledged == 1);
}
