// The emulator's records: what a produce takes, what a read gives back, and in which form.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace hk = hdikafka;
using test::field;
using test::service_fixture;

constexpr std::string_view consume_orders = "/v1/consumer/topics/orders/partitions/0/offsets/";

std::string consume(std::string const& rest) { return std::string(consume_orders) + rest; }

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("produce: keys, partitions and values of every kind come back as they were sent")
{
    service_fixture f;
    f.create("orders");
    auto const produced = f.produce("orders", R"({"records": [
        {"key": "key1", "value": "a \u00e9 \"text\""},
        {"partition": 0, "value": 9007199254740993},
        {"key": null, "value": [ 1, {"deep": null} ]},
        {"key": "", "value": 1e400},
        {"key": {"id": 1}, "value": false}
    ]})");
    CHECK(produced.status == 200);
    CHECK(produced.body == "\"5 record(s) written to topic orders.\"");
    CHECK(
        f.get(consume("0?count=10")).body ==
        "{\"records\":["
        R"({"key":"key1","value":"a \u00e9 \"text\"","partition":0,"offset":0,"timestamp":1700000000123,"timestampType":"CREATE_TIME"},)"
        R"({"value":9007199254740993,"partition":0,"offset":1,"timestamp":1700000000123,"timestampType":"CREATE_TIME"},)"
        R"({"key":null,"value":[ 1, {"deep": null} ],"partition":0,"offset":2,"timestamp":1700000000123,"timestampType":"CREATE_TIME"},)"
        R"({"key":"","value":1e400,"partition":0,"offset":3,"timestamp":1700000000123,"timestampType":"CREATE_TIME"},)"
        R"({"key":{"id": 1},"value":false,"partition":0,"offset":4,"timestamp":1700000000123,"timestampType":"CREATE_TIME"}]})");
}

TEST_CASE("produce: a key's bytes decide, however the string is escaped; other JSON counts by its text")
{
    service_fixture f;
    f.create("orders", "{\"partition_count\":100}");
    auto const partition_of = [&](std::string_view key) {
        auto const body = "{\"records\":[{\"key\":" + std::string(key) + ",\"value\":1}]}";
        auto const& partitions = f.service.broker().find("orders")->partitions;
        std::vector<std::int64_t> before;
        for (auto const& log : partitions)
            before.push_back(log.latest());
        f.produce("orders", body);
        for (std::size_t i = 0; i < before.size(); ++i)
            if (partitions[i].latest() > before[i])
                return static_cast<std::int32_t>(i);
        return -1;
    };
    CHECK(partition_of("\"abc\"") == 479470107 % 100);
    CHECK(partition_of("\"\\u0061bc\"") == 479470107 % 100);
    CHECK(partition_of("21") == (-973932308 & 0x7fffffff) % 100);
    CHECK(partition_of("\"cl\\u00e9\"") == 1419575574 % 100);
    CHECK(partition_of("\"\"") == 275646681 % 100);
    CHECK(partition_of("null") == 0);
    CHECK(partition_of("null") == 1);
}

TEST_CASE("produce: every kind of bad body is refused with its reason, and nothing is written")
{
    service_fixture f;
    f.create("orders");
    struct row
    {
        std::string_view body;
        std::string_view message;
    };
    for (row const& bad : std::vector<row>{
             {"", "the request needs a body"},
             {"{\"records\":[{\"value\":1}]", "the body is not valid JSON, at byte 24"},
             {"{\"records\":[{\"value\":\"\xff\"}]}", "the body is not valid JSON"},
             {"[{\"value\":1}]", "the body must be an object"},
             {"{}", "'records' is missing"},
             {"{\"records\":[]}", "'records' is empty"},
             {"{\"records\":{}}", "'records' must be an array"},
             {"{\"records\":[{\"value\":1}],\"records\":[{\"value\":1}]}", "'records' is given twice"},
             {"{\"records\":[{\"value\":1}],\"acks\":1}", "'acks' is not known"},
             {"{\"records\":[1]}", "records[0]: must be an object"},
             {"{\"records\":[{\"value\":1},{}]}", "records[1]: 'value' is missing"},
             {"{\"records\":[{\"value\":1,\"headers\":[]}]}", "records[0]: 'headers' is not known"},
             {"{\"records\":[{\"value\":1,\"value\":2}]}", "records[0]: 'value' is given twice"},
             {"{\"records\":[{\"key\":1,\"key\":2,\"value\":2}]}", "records[0]: 'key' is given twice"},
             {"{\"records\":[{\"partition\":\"0\",\"value\":1}]}",
              "records[0]: 'partition' must be an integer"},
             {"{\"records\":[{\"partition\":null,\"value\":1}]}",
              "records[0]: 'partition' must be an integer"},
             {"{\"records\":[{\"partition\":0.5,\"value\":1}]}",
              "records[0]: 'partition' must be an integer"},
             {"{\"records\":[{\"partition\":1,\"value\":1}]}", "partition 1 does not exist"},
             {"{\"records\":[{\"partition\":-1,\"value\":1}]}", "partition -1 does not exist"},
             {"{\"records\":[{\"value\":1},{\"partition\":4294967296,\"value\":1}]}",
              "partition 4294967296 does not exist"},
         }) {
        CAPTURE(bad.body);
        auto const answer = f.send("POST", "/v1/producer/topics/orders", bad.body);
        CHECK(answer.status == (bad.body.empty() ? 415 : 400));
        if (!bad.body.empty())
            CHECK(contains(answer.body, bad.message));
    }
    CHECK(f.service.broker().log("orders", 0).value()->latest() == 0);
    CHECK(f.produce("absent", "{\"records\":[{\"value\":1}]}").status == 404);
}

TEST_CASE("produce: the answer can be text, offsets or nothing")
{
    std::string_view const body = "{\"records\":[{\"value\":1},{\"value\":2}]}";
    service_fixture offsets(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    offsets.create("orders");
    CHECK(offsets.produce("orders", body).body ==
          R"({"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null},)"
          R"({"partition":0,"offset":1,"error_code":null,"error":null}]})");
    offsets.service.refuse_records(3);
    CHECK(offsets.produce("orders", body).body ==
          R"({"offsets":[{"partition":0,"offset":-1,"error_code":1,"error":"the record was refused"},)"
          R"({"partition":0,"offset":-1,"error_code":1,"error":"the record was refused"}]})");
    CHECK(offsets.produce("orders", body).body ==
          R"({"offsets":[{"partition":0,"offset":-1,"error_code":1,"error":"the record was refused"},)"
          R"({"partition":0,"offset":2,"error_code":null,"error":null}]})");

    service_fixture empty(hk::emulator_options().produce_answer(hk::emulator_produce_answer::empty));
    empty.create("orders");
    CHECK(empty.produce("orders", body).status == 200);
    CHECK(empty.produce("orders", body).body.empty());
}

TEST_CASE("consume: one record by default, count as asked, and NextOffset leads to the end")
{
    service_fixture f;
    f.create("orders");
    f.produce("orders", "{\"records\":[{\"value\":0},{\"value\":1},{\"value\":2}]}");
    auto const one = f.get(consume("0"));
    CHECK(contains(one.body, "\"value\":0"));
    CHECK(!contains(one.body, "\"value\":1"));
    CHECK(field(one, "NextOffset") == "1");
    auto const two = f.get(consume("1?count=2"));
    CHECK(contains(two.body, "\"value\":1"));
    CHECK(contains(two.body, "\"value\":2"));
    CHECK(field(two, "NextOffset") == "3");
    auto const end = f.get(consume("3?count=2147483647"));
    CHECK(end.body == "{\"records\":[]}");
    CHECK(field(end, "NextOffset") == "3");

    for (std::string_view const bad :
         {"0?count=0", "0?count=-1", "0?count=x", "0?count=", "0?count=2147483648", "0?count=1&count=1",
          "0?limit=1", "x", "-1", "1.5", "9223372036854775808", ""}) {
        CAPTURE(bad);
        CHECK(f.get(consume(std::string(bad))).status == 400);
    }
    CHECK(f.get("/v1/consumer/topics/orders/partitions/1/offsets/0").status == 404);
    CHECK(f.get("/v1/consumer/topics/other/partitions/0/offsets/0").status == 404);
}

TEST_CASE("consume: offsets outside of the watermarks are refused, or read as nothing")
{
    service_fixture f;
    f.create("orders");
    f.produce("orders", "{\"records\":[{\"value\":0},{\"value\":1},{\"value\":2}]}");
    REQUIRE(
        f.service.broker().edit("orders", 0, [](hk::detail::emulation::emulator_log& log) { log.trim(1); }));
    auto const below = f.get(consume("0"));
    CHECK(below.status == 400);
    CHECK(contains(below.body, "offset 0 is out of range: partition 0 of topic 'orders' has offsets 1 to 3"));
    CHECK(f.get(consume("4")).status == 400);
    CHECK(f.get(consume("9223372036854775807")).status == 400);

    service_fixture lenient(hk::emulator_options().out_of_range_status(200));
    lenient.create("orders");
    auto const beyond = lenient.get(consume("7"));
    CHECK(beyond.status == 200);
    CHECK(beyond.body == "{\"records\":[]}");
    CHECK(field(beyond, "NextOffset") == "7");
}

TEST_CASE("consume: the read cap bounds the body, and hides a record that alone exceeds it")
{
    service_fixture f(hk::emulator_options().read_cap(300));
    f.create("orders");
    std::string const big(400, 'x');
    f.produce("orders", "{\"records\":[{\"value\":0},{\"value\":1},{\"value\":2},{\"value\":\"" + big +
                            "\"},{\"value\":4}]}");
    auto const capped = f.get(consume("0?count=10"));
    CHECK(capped.body.size() <= 300);
    CHECK(contains(capped.body, "\"value\":2"));
    CHECK(!contains(capped.body, "\"value\":4"));
    CHECK(capped.body.ends_with("}]}"));
    CHECK(field(capped, "NextOffset") == "3");
    auto const stuck = f.get(consume("3?count=10"));
    CHECK(stuck.body == "{\"records\":[]}");
    CHECK(field(stuck, "NextOffset") == "3");
    CHECK(contains(f.get(consume("4?count=10")).body, "\"value\":4"));
}

TEST_CASE("consume: gaps are read over, or read as nothing")
{
    service_fixture f;
    service_fixture empty(hk::emulator_options().empty_in_gaps(true));
    for (service_fixture* const each : {&f, &empty}) {
        each->create("orders");
        each->produce("orders", "{\"records\":[{\"value\":0},{\"value\":1},{\"value\":2}]}");
        REQUIRE(each->service.broker().edit("orders", 0, [](hk::detail::emulation::emulator_log& log) {
            log.compact(1, 2);
            log.skip(2);
        }));
    }
    CHECK(field(f.get(consume("1")), "NextOffset") == "3");
    CHECK(contains(f.get(consume("1")).body, "\"offset\":2"));
    CHECK(f.get(consume("3")).body == "{\"records\":[]}");
    CHECK(field(f.get(consume("3")), "NextOffset") == "5");

    CHECK(empty.get(consume("1")).body == "{\"records\":[]}");
    CHECK(field(empty.get(consume("1")), "NextOffset") == "1");
    CHECK(field(empty.get(consume("3")), "NextOffset") == "3");
    CHECK(field(empty.get(consume("0?count=5")), "NextOffset") == "3");
}

TEST_CASE("consume: a bare array, text values and other NextOffset fields by option")
{
    service_fixture f(hk::emulator_options()
                          .consume_answer(hk::emulator_consume_answer::array)
                          .value_form(hk::emulator_value_form::text)
                          .next_offset(hk::emulator_next_offset::asked));
    f.create("orders");
    f.produce("orders", R"({"records":[{"key":7,"value":{"a":"b"}},{"key":null,"value":"text"}]})");
    auto const answer = f.get(consume("0?count=2"));
    CHECK(answer.body.starts_with(R"([{"key":"7","value":"{\"a\":\"b\"}","partition":0,)"));
    CHECK(contains(answer.body, R"({"key":null,"value":"text",)"));
    CHECK(answer.body.ends_with("}]"));
    CHECK(field(answer, "NextOffset") == "0");
    CHECK(f.get(consume("2")).body == "[]");

    service_fixture behind(hk::emulator_options().next_offset(hk::emulator_next_offset::behind));
    behind.create("orders");
    behind.produce("orders", R"({"records":[{"value":0},{"value":1},{"value":2}]})");
    CHECK(field(behind.get(consume("0?count=2")), "NextOffset") == "0");
    CHECK(field(behind.get(consume("2?count=2")), "NextOffset") == "1");
    CHECK(field(behind.get(consume("3?count=2")), "NextOffset") == "2");

    service_fixture absent(hk::emulator_options().next_offset(hk::emulator_next_offset::absent));
    absent.create("orders");
    CHECK(!field(absent.get(consume("0")), "NextOffset"));
}
