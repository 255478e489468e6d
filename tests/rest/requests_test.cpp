// The proxy's requests: the exact paths and bodies that go out.
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/rest/requests.hpp>

#include "support/json/json_texts.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

TEST_CASE("each operation has its path")
{
    CHECK(brokers_path == "/v1/metadata/brokers");
    CHECK(topics_path == "/v1/metadata/topics");
    CHECK(partitions_path("orders") == "/v1/metadata/topics/orders/partitions");
    CHECK(partition_path("orders", 0) == "/v1/metadata/topics/orders/partitions/0");
    CHECK(partition_path("orders", 2147483647) == "/v1/metadata/topics/orders/partitions/2147483647");
    CHECK(topic_path("orders") == "/v1/topics/orders");
    CHECK(produce_path("orders") == "/v1/producer/topics/orders");
    CHECK(consume_path("orders", 3, 17, 100) ==
          "/v1/consumer/topics/orders/partitions/3/offsets/17?count=100");
    CHECK(consume_path("o", 0, std::numeric_limits<std::int64_t>::max(), 1) ==
          "/v1/consumer/topics/o/partitions/0/offsets/9223372036854775807?count=1");
}

TEST_CASE("a topic stands in a path as it is, and what may not is encoded")
{
    CHECK(topic_path("a.B_c-9") == "/v1/topics/a.B_c-9");
    CHECK(topic_path("a/b?c#d e%\r\n") == "/v1/topics/a%2Fb%3Fc%23d%20e%25%0D%0A");
    CHECK(produce_path("\xc3\xa9") == "/v1/producer/topics/%C3%A9");
    CHECK(partitions_path("../x") == "/v1/metadata/topics/..%2Fx/partitions");
    CHECK(consume_path("a/b", 0, 0, 1) == "/v1/consumer/topics/a%2Fb/partitions/0/offsets/0?count=1");
}

TEST_CASE("a record is written with what it has")
{
    CHECK(write_records(hk::record("v")) == R"({"records":[{"value":"v"}]})");
    CHECK(write_records(hk::record("k", "v")) == R"({"records":[{"key":"k","value":"v"}]})");
    CHECK(write_records(hk::record("v").partition(2)) == R"({"records":[{"partition":2,"value":"v"}]})");
    CHECK(write_records(hk::record("k", "v").partition(0)) ==
          R"({"records":[{"key":"k","partition":0,"value":"v"}]})");
    CHECK(write_records(hk::record()) == R"({"records":[{"value":null}]})");
}

TEST_CASE("no key, a null key and an empty key are written apart")
{
    CHECK(write_records(hk::records(1, hk::record(nullptr, 1), hk::record("", 1))) ==
          R"({"records":[{"value":1},{"key":null,"value":1},{"key":"","value":1}]})");
}

TEST_CASE("values go out as the JSON they are")
{
    CHECK(write_records(hk::records(std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::uint64_t>::max(), 0.1, true, nullptr,
                                    hk::json::parse(R"( {"a":[1.50,"\u00e9"]} )"),
                                    "line\nbreak \"q\" \\ \x01 \xc3\xa9")) ==
          R"({"records":[{"value":-9223372036854775808},{"value":18446744073709551615},{"value":0.1},)"
          R"({"value":true},{"value":null},{"value":{"a":[1.50,"\u00e9"]}},)"
          R"({"value":"line\nbreak \"q\" \\ \u0001 )"
          "\xc3\xa9"
          R"("}]})");
}

TEST_CASE("many records are one JSON text in their order")
{
    hk::records list;
    std::string expected = R"({"records":[)";
    for (int i = 0; i < 1000; ++i) {
        list.push_back(hk::record(i, std::string(static_cast<std::size_t>(i % 50), 'x')).partition(i));
        expected += (i ? "," : "") + (R"({"key":)" + std::to_string(i)) + R"(,"partition":)" +
                    std::to_string(i) + R"(,"value":")" + std::string(static_cast<std::size_t>(i % 50), 'x') +
                    R"("})";
    }
    std::string const body = write_records(list);
    CHECK(body == expected + "]}");
    CHECK(test::valid_json(body));
}

TEST_CASE("a topic config is written with what was set")
{
    auto const body = &write_topic_config<>;
    CHECK(body(hk::topic_config()) == "{}");
    CHECK(body(hk::topic_config().partition_count(3)) == R"({"partition_count":3})");
    CHECK(body(hk::topic_config().replication_factor(2)) == R"({"replication_factor":2})");
    CHECK(body(hk::topic_config().set("retention.ms", 604800000)) ==
          R"({"topic_properties":{"retention.ms":604800000}})");
    CHECK(body(hk::topic_config()
                   .set("a", "text")
                   .set("b", true)
                   .replication_factor(1)
                   .partition_count(2147483647)
                   .set("c", hk::json::parse("[1]"))) ==
          R"({"partition_count":2147483647,"replication_factor":1,)"
          R"("topic_properties":{"a":"text","b":true,"c":[1]}})");
}

TEST_CASE("a topic property's name is escaped, and refused when it is not UTF-8")
{
    auto const quoted = write_topic_config(hk::topic_config().set("a\"b", 1));
    CHECK(quoted == R"({"topic_properties":{"a\"b":1}})");
    auto const broken = check_config(hk::topic_config().set("\xff", 1));
    REQUIRE_FALSE(broken);
    CHECK(broken.error().code() == hk::errc::invalid_utf8);
}

TEST_CASE("topic names outside Kafka's rule are refused with the reason")
{
    for (std::string const& good : {std::string("a"), std::string("a.b_c-D9"), std::string(249, 'x'),
                                    std::string("..."), std::string("-"), std::string("0")}) {
        CAPTURE(good);
        CHECK(check_topic(good));
    }
    std::vector<std::string> bad = {
        "",    ".",   "..", std::string(250, 'x'), "a b", "a/b", "a\n", "\xc3\xa9", "caf\xe9", "a%2Fb",
        "a:b", "a,b", " a"};
    bad.emplace_back("a\0b", 3);
    for (std::string const& name : bad) {
        CAPTURE(name);
        auto const checked = check_topic(name);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().code() == hk::errc::invalid_topic);
    }
}

TEST_CASE("negative partitions and offsets and counts below one are refused")
{
    CHECK(check_fetch(0, 0, 1));
    CHECK(check_fetch(2147483647, std::numeric_limits<std::int64_t>::max(), 2147483647));
    CHECK(check_fetch(-1, 0, 1).error().code() == hk::errc::invalid_partition);
    CHECK(check_fetch(0, -1, 1).error().code() == hk::errc::invalid_offset);
    CHECK(check_fetch(0, 0, 0).error().code() == hk::errc::invalid_count);
    CHECK(check_fetch(0, 0, -5).error().code() == hk::errc::invalid_count);
    CHECK(check_partition(0));
    CHECK(check_partition(std::numeric_limits<std::int32_t>::min()).error().code() ==
          hk::errc::invalid_partition);
}

TEST_CASE("no records and negative partitions of records are refused")
{
    CHECK(check_records(hk::records()).error().code() == hk::errc::no_records);
    CHECK(check_records(hk::records(1, hk::record(2).partition(0))));
    CHECK(check_records(hk::records(1, hk::record(2).partition(-1))).error().code() ==
          hk::errc::invalid_partition);
}

TEST_CASE("a topic config without a partition, a replica or a property's name is refused")
{
    CHECK(check_config(hk::topic_config()));
    CHECK(check_config(hk::topic_config().partition_count(1).replication_factor(1).set("a", 1)));
    CHECK(check_config(hk::topic_config().partition_count(0)).error().code() == hk::errc::invalid_count);
    CHECK(check_config(hk::topic_config().replication_factor(-1)).error().code() == hk::errc::invalid_count);
    CHECK(check_config(hk::topic_config().set("", 1)).error().code() == hk::errc::invalid_option);
}

TEST_CASE("what is refused is told with the value that is wrong")
{
    auto const why = [](hk::result<void> const& refused) { return refused.error().cause(); };
    CHECK(why(check_topic("")) == "the topic name is empty");
    CHECK(why(check_topic(std::string(250, 'x'))) == "the topic name is longer than 249 characters");
    CHECK(why(check_topic("..")) == R"(a topic cannot be named "." or "..")");
    CHECK(why(check_topic("a b")) == "a topic name holds only a-z, A-Z, 0-9, '.', '_' and '-'");
    CHECK(why(check_partition(-7)) == "partition -7 is negative");
    CHECK(why(check_fetch(0, -8, 1)) == "offset -8 is negative");
    CHECK(why(check_fetch(0, 0, 0)) == "count 0 is less than 1");
    CHECK(why(check_config(hk::topic_config().partition_count(0))) == "partition_count is less than 1");
    CHECK(why(check_config(hk::topic_config().replication_factor(0))) == "replication_factor is less than 1");
    CHECK(why(check_config(hk::topic_config().set("", 1))) == "a topic property has no name");
    CHECK(why(check_config(hk::topic_config().set("\xff", 1))) == "a topic property's name is not UTF-8");
}
