// The emulator's pretend cluster: placement, watermarks, retention, gaps, and metadata that lags.
#include <hdikafka/detail/emulator/broker.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using hk::detail::emulation::emulator_broker;
using hk::detail::emulation::emulator_log;
using hk::detail::emulation::emulator_new_record;
using hk::detail::emulation::emulator_topic_config;
using std::chrono::milliseconds;

constexpr hk::emulator_time start{milliseconds(1'000'000)};

emulator_topic_config partitions(std::int32_t count)
{
    emulator_topic_config config;
    config.partition_count = count;
    return config;
}

emulator_new_record plain(std::string value)
{
    emulator_new_record record;
    record.value = std::move(value);
    return record;
}

emulator_new_record keyed(std::string const& key, std::string value)
{
    emulator_new_record record = plain(std::move(value));
    record.key = '"' + key + '"';
    record.key_bytes = key;
    return record;
}

emulator_new_record placed(std::int64_t partition, std::string value)
{
    emulator_new_record record = plain(std::move(value));
    record.partition = partition;
    return record;
}

std::vector<std::int64_t> offsets(emulator_log const& log)
{
    std::vector<std::int64_t> out;
    for (auto const& record : log.all())
        out.push_back(record.offset);
    return out;
}

emulator_log filled(int count)
{
    emulator_log log;
    for (int i = 0; i < count; ++i) {
        hk::emulator_record record;
        record.value = std::to_string(i);
        log.append(std::move(record));
    }
    return log;
}

using list = std::vector<std::int64_t>;

} // namespace

TEST_CASE("a log counts offsets from 0 and finds the record at or after an offset")
{
    emulator_log log = filled(3);
    CHECK(log.earliest() == 0);
    CHECK(log.latest() == 3);
    CHECK(offsets(log) == list{0, 1, 2});
    CHECK(log.at_or_after(1)->value == "1");
    CHECK(log.at_or_after(3) == log.all().end());
}

TEST_CASE("retention by records drops the oldest and moves the earliest offset")
{
    emulator_log log = filled(5);
    log.retain(2);
    CHECK(offsets(log) == list{3, 4});
    CHECK(log.earliest() == 3);
    CHECK(log.latest() == 5);
    log.retain(0);
    CHECK(log.all().empty());
    CHECK(log.earliest() == 5);
    CHECK(log.bytes() == 0);
}

TEST_CASE("trimming and truncating move one watermark each, and never past the other")
{
    emulator_log log = filled(5);
    log.trim(2);
    log.truncate(4);
    CHECK(offsets(log) == list{2, 3});
    CHECK(log.earliest() == 2);
    CHECK(log.latest() == 4);
    log.trim(100);
    CHECK(log.earliest() == 4);
    log.truncate(0);
    CHECK(log.latest() == 4);
    CHECK(log.append(hk::emulator_record()) == 4);
}

TEST_CASE("compaction and transaction markers leave gaps inside the watermarks")
{
    emulator_log log = filled(5);
    log.compact(1, 3);
    log.skip(10);
    CHECK(log.append(hk::emulator_record()) == 15);
    CHECK(offsets(log) == list{0, 3, 4, 15});
    CHECK(log.earliest() == 0);
    CHECK(log.latest() == 16);
    CHECK(log.at_or_after(1)->offset == 3);
    log.compact(3, 1);
    CHECK(offsets(log).size() == 4);
}

TEST_CASE("a topic is created once, within bounds, and with a valid name")
{
    emulator_broker broker{hk::emulator_options().max_partitions(10).max_topics(2)};
    CHECK(broker.create("orders", partitions(3), start));
    auto again = broker.create("orders", partitions(3), start);
    REQUIRE(!again);
    CHECK(again.error().code() == hk::errc::already_exists);
    CHECK(again.error().cause() == "topic 'orders' already exists");
    CHECK(broker.find("orders")->partitions.size() == 3);

    for (std::string_view const name : {"", ".", "..", "a b", "a/b", "\xc3\xa9"})
        CHECK(broker.create(name, {}, start).error().code() == hk::errc::invalid_topic);
    CHECK(broker.create(std::string(250, 'a'), {}, start).error().code() == hk::errc::invalid_topic);
    CHECK(broker.create("few", partitions(0), start).error().code() == hk::errc::bad_request);
    CHECK(broker.create("many", partitions(11), start).error().code() == hk::errc::bad_request);
    emulator_topic_config four;
    four.replication_factor = 4;
    CHECK(broker.create("factor", four, start).error().code() == hk::errc::bad_request);

    CHECK(broker.create(std::string(249, 'a'), partitions(10), start));
    CHECK(broker.create("third", {}, start).error().code() == hk::errc::service_failed);
}

TEST_CASE("leaders rotate over the three brokers and replicas follow them")
{
    emulator_broker broker{hk::emulator_options()};
    REQUIRE(broker.create("first", partitions(4), start));
    REQUIRE(broker.create("second", partitions(1), start));
    auto const& topic = *broker.find("first");
    CHECK(topic.replication_factor == 3);
    CHECK(topic.replica(0, 0) == 0);
    CHECK(topic.replica(1, 0) == 1);
    CHECK(topic.replica(3, 0) == 0);
    CHECK(topic.replica(1, 1) == 2);
    CHECK(topic.replica(1, 2) == 0);
    CHECK(broker.find("second")->replica(0, 0) == 1);
}

TEST_CASE("records go to the partition asked for, to their key's, or to each in turn")
{
    emulator_broker broker{hk::emulator_options()};
    REQUIRE(broker.create("orders", partitions(3), start));
    std::vector<emulator_new_record> records;
    records.push_back(placed(2, "1"));
    records.push_back(keyed("21", "2"));  // 1173551340 % 3 == 0
    records.push_back(keyed("abc", "3")); // 479470107 % 3 == 0
    records.push_back(keyed("foobar", "4"));
    for (int i = 0; i < 4; ++i)
        records.push_back(plain("5"));
    auto const placements = broker.produce("orders", std::move(records), 0, start);
    REQUIRE(placements);
    list where;
    for (auto const& placement : placements.value())
        where.push_back(placement.partition);
    CHECK(where == list{2, 1173551340 % 3, 479470107 % 3, (-790332482 & 0x7fffffff) % 3, 0, 1, 2, 0});
    CHECK(placements.value().front().offset == 0);
    CHECK(broker.log("orders", 2).value()->all().front().timestamp == start);
    CHECK(broker.log("orders", 2).value()->all().front().partition == 2);
}

TEST_CASE("an explicit partition wins over the key")
{
    emulator_broker broker{hk::emulator_options()};
    REQUIRE(broker.create("orders", partitions(3), start));
    std::vector<emulator_new_record> records(1, keyed("21", "1"));
    records.front().partition = 1;
    CHECK(broker.produce("orders", std::move(records), 0, start).value().front().partition == 1);
}

TEST_CASE("a produce with one bad partition writes nothing")
{
    emulator_broker broker{hk::emulator_options()};
    REQUIRE(broker.create("orders", partitions(2), start));
    std::vector<emulator_new_record> records;
    records.push_back(placed(0, "1"));
    records.push_back(placed(2, "2"));
    auto const refused = broker.produce("orders", records, 0, start);
    REQUIRE(!refused);
    CHECK(refused.error().cause() == "partition 2 does not exist: topic 'orders' has 2 partition(s)");
    CHECK(broker.log("orders", 0).value()->latest() == 0);
    CHECK(broker.produce("absent", records, 0, start).error().code() == hk::errc::not_found);
    CHECK(broker.log("orders", 2).error().code() == hk::errc::not_found);
    CHECK(broker.log("orders", -1).error().code() == hk::errc::not_found);
}

TEST_CASE("records can be refused one by one while others are written")
{
    emulator_broker broker{hk::emulator_options()};
    REQUIRE(broker.create("orders", partitions(1), start));
    auto const placements = broker.produce("orders", {plain("1"), plain("2")}, 1, start).value();
    CHECK(placements[0].refused);
    CHECK(placements[0].offset == -1);
    CHECK(!placements[1].refused);
    CHECK(placements[1].offset == 0);
}

TEST_CASE("retention is kept up while records come in")
{
    emulator_broker broker{hk::emulator_options().retain_records(2)};
    REQUIRE(broker.create("orders", partitions(1), start));
    REQUIRE(broker.produce("orders", {plain("1"), plain("2"), plain("3")}, 0, start));
    CHECK(offsets(*broker.log("orders", 0).value()) == list{1, 2});
    CHECK(broker.log("orders", 0).value()->earliest() == 1);
}

TEST_CASE("what is stored is bounded, and freed by trimming and deleting")
{
    emulator_broker broker{hk::emulator_options().max_stored_bytes(1)};
    REQUIRE(broker.create("orders", partitions(1), start));
    std::vector<emulator_new_record> const one{plain("1")};
    REQUIRE(broker.produce("orders", one, 0, start));
    CHECK(broker.produce("orders", one, 0, start).error().code() == hk::errc::service_failed);
    REQUIRE(broker.edit("orders", 0, [](emulator_log& log) { log.trim(1); }));
    REQUIRE(broker.produce("orders", one, 0, start));
    REQUIRE(broker.remove("orders", start));
    REQUIRE(broker.create("orders", partitions(1), start));
    CHECK(broker.produce("orders", one, 0, start));
}

TEST_CASE("metadata shows a new topic only after the visibility delay, while producing works at once")
{
    emulator_broker broker{hk::emulator_options().visibility_delay(milliseconds(500))};
    REQUIRE(broker.create("orders", partitions(1), start));
    CHECK(broker.shown_topics(start + milliseconds(499)).empty());
    CHECK(broker.shown("orders", start + milliseconds(499)).error().code() == hk::errc::not_found);
    CHECK(broker.produce("orders", {plain("1")}, 0, start));
    CHECK(broker.shown_topics(start + milliseconds(500)) == std::vector<std::string>{"orders"});
    CHECK(broker.shown("orders", start + milliseconds(500)).value()->partitions.front().latest() == 1);
}

TEST_CASE("metadata goes on showing a deleted topic for the visibility delay")
{
    emulator_broker broker{hk::emulator_options().visibility_delay(milliseconds(500))};
    auto const later = start + milliseconds(1'000);
    REQUIRE(broker.create("orders", partitions(2), start));
    REQUIRE(broker.produce("orders", {placed(0, "1")}, 0, start));
    REQUIRE(broker.remove("orders", later));
    CHECK(broker.remove("orders", later).error().code() == hk::errc::not_found);
    CHECK(broker.produce("orders", {plain("1")}, 0, later).error().code() == hk::errc::not_found);
    CHECK(broker.shown_topics(later + milliseconds(499)) == std::vector<std::string>{"orders"});
    CHECK(broker.shown("orders", later).value()->partitions.front().latest() == 1);
    CHECK(broker.shown_topics(later + milliseconds(500)).empty());

    REQUIRE(broker.create("orders", partitions(5), later));
    CHECK(broker.shown("orders", later).value()->partitions.size() == 2);
    CHECK(broker.shown("orders", later + milliseconds(500)).value()->partitions.size() == 5);
    CHECK(broker.shown_topics(later + milliseconds(500)).size() == 1);
}
