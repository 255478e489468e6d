// The emulator's answers, request by request: what it takes, what it refuses, and in which words.
#include "support/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace hk = hdikafka;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::field;
using test::service_fixture;

constexpr std::string_view consume_orders = "/v1/consumer/topics/orders/partitions/0/offsets/";

std::string consume(std::string const& rest) { return std::string(consume_orders) + rest; }

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

std::string good_form()
{
    return "client_id=emulator-client&client_secret=emulator-secret&grant_type=client_credentials"
           "&scope=https://hib.azurehdinsight.net/.default";
}

/// The error of a token request: "status error AADSTS-code".
std::string refusal(hk::detail::emulation::emulator_answer const& answer)
{
    auto const cut = [&](std::string_view name, char end) {
        std::size_t const at = answer.body.find(name) + name.size();
        return answer.body.substr(at, answer.body.find(end, at) - at);
    };
    return std::to_string(answer.status) + " " + cut("\"error\":\"", '"') + " " +
           cut("\"error_codes\":[", ']');
}

} // namespace

TEST_CASE("brokers: three, each with host, port, id and rack")
{
    auto const answer = service_fixture().get("/v1/metadata/brokers");
    CHECK(answer.status == 200);
    CHECK(answer.body.starts_with(
        "{\"brokers\":[{\"hostName\":\"wn0-emulator.internal\",\"port\":9092,\"id\":1001,"
        "\"rack\":\"/fault-domain-0\"},"));
    CHECK(answer.body.ends_with("\"id\":1003,\"rack\":\"/fault-domain-2\"}]}"));
}

TEST_CASE("create topic: the sample's body, no body, and every kind of bad body")
{
    service_fixture f;
    auto const created = f.create("hello", R"({"partition_count": 1, "replication_factor": 1,
        "topic_properties": {"retention.ms": 604800000, "min.insync.replicas": "1", "preallocate": true}})");
    CHECK(created.status == 200);
    CHECK(created.body == "\"Topic hello was created.\"");
    auto const& properties = f.service.broker().find("hello")->properties;
    CHECK(properties.at("retention.ms") == "604800000");
    CHECK(properties.at("min.insync.replicas") == "\"1\"");
    CHECK(properties.at("preallocate") == "true");
    CHECK(f.create("bare").status == 200);
    CHECK(f.service.broker().find("bare")->partitions.size() == 1);
    CHECK(f.service.broker().find("bare")->replication_factor == 3);

    auto const again = f.create("hello");
    CHECK(again.status == 409);
    CHECK(again.body == "{\"error_code\":409,\"message\":\"topic 'hello' already exists\"}");

    struct row
    {
        std::string_view body;
        std::string_view message;
    };
    for (row const& bad : std::vector<row>{
             {"{", "the body is not valid JSON, at byte 1"},
             {"[]", "the body must be an object"},
             {"{\"partition_count\":0}", "partition_count must be 1 to 1000"},
             {"{\"partition_count\":1001}", "partition_count must be 1 to 1000"},
             {"{\"partition_count\":\"1\"}", "'partition_count' must be an integer of 32 bits"},
             {"{\"partition_count\":1.0}", "'partition_count' must be an integer of 32 bits"},
             {"{\"partition_count\":4294967297}", "'partition_count' must be an integer of 32 bits"},
             {"{\"partition_count\":1,\"partition_count\":1}", "'partition_count' is given twice"},
             {"{\"replication_factor\":4}", "replication_factor must be 1 to 3"},
             {"{\"topic_properties\":[]}", "topic_properties must be an object"},
             {"{\"topic_properties\":{\"a\":null}}", "'a' must be a string, a number or a boolean"},
             {"{\"topic_properties\":{\"a b\":1}}", "'a b' is not a property's name"},
             {"{\"topic_properties\":{\"a\":1,\"a\":2}}", "'a' is given twice"},
             {"{\"topic_properties\":{},\"topic_properties\":{}}", "'topic_properties' is given twice"},
             {"{\"partitions\":1}", "'partitions' is not known"},
         }) {
        CAPTURE(bad.body);
        auto const answer = f.create("bad", bad.body);
        CHECK(answer.status == 400);
        CHECK(contains(answer.body, bad.message));
    }
    CHECK(f.service.broker().find("bad") == nullptr);
    CHECK(f.create("a%20b").status == 400);
    CHECK(f.create("a%2Fb").status == 400);
    CHECK(f.create("%zz").status == 400);
    CHECK(f.create("%64ots").status == 200);
    CHECK(f.service.broker().find("dots") != nullptr);
}

TEST_CASE("a body must be labelled as JSON, in UTF-8")
{
    service_fixture f;
    auto const create = [&](std::string_view type) {
        return f.send("PUT", "/v1/topics/orders", "{}", type).status;
    };
    CHECK(create("") == 415);
    CHECK(create("application/x-www-form-urlencoded") == 415);
    CHECK(create("application/json; charset=latin1") == 415);
    CHECK(create("Application/JSON ; Charset=UTF-8") == 200);
}

TEST_CASE("delete topic: works, or is answered as by a proxy that does not offer it")
{
    service_fixture f;
    f.create("orders");
    CHECK(f.send("DELETE", "/v1/topics/orders").status == 200);
    CHECK(f.send("DELETE", "/v1/topics/orders").status == 404);

    service_fixture without(hk::emulator_options().delete_topics(false));
    without.create("orders");
    auto const refused = without.send("DELETE", "/v1/topics/orders");
    CHECK(refused.status == 405);
    CHECK(field(refused, "Allow") == "PUT");
}

TEST_CASE("metadata: topics and partitions, with watermarks, leader, replicas and isr")
{
    service_fixture f(hk::emulator_options().visibility_delay(seconds(2)));
    f.create("orders", "{\"partition_count\":2,\"replication_factor\":2}");
    CHECK(f.get("/v1/metadata/topics").body == "{\"topics\":[]}");
    CHECK(f.get("/v1/metadata/topics/orders/partitions").status == 404);
    f.now += seconds(2);
    CHECK(f.get("/v1/metadata/topics").body == "{\"topics\":[\"orders\"]}");
    f.produce("orders", "{\"records\":[{\"partition\":1,\"value\":1}]}");
    std::string const b0 =
        R"({"hostName":"wn0-emulator.internal","port":9092,"id":1001,"rack":"/fault-domain-0"})";
    std::string const b1 =
        R"({"hostName":"wn1-emulator.internal","port":9092,"id":1002,"rack":"/fault-domain-1"})";
    std::string const b2 =
        R"({"hostName":"wn2-emulator.internal","port":9092,"id":1003,"rack":"/fault-domain-2"})";
    std::string const p0 = R"({"partition_id":0,"earliest_offset":0,"latest_offset":0,"leader":)" + b0 +
                           ",\"replicas\":[" + b0 + "," + b1 + "],\"isr\":[" + b0 + "," + b1 + "]}";
    std::string const p1 = R"({"partition_id":1,"earliest_offset":0,"latest_offset":1,"leader":)" + b1 +
                           ",\"replicas\":[" + b1 + "," + b2 + "],\"isr\":[" + b1 + "," + b2 + "]}";
    CHECK(f.get("/v1/metadata/topics/orders/partitions").body ==
          "{\"topic\":\"orders\",\"partitions\":[" + p0 + "," + p1 + "]}");
    CHECK(f.get("/v1/metadata/topics/orders/partitions/1").body == p1);
    auto const missing = f.get("/v1/metadata/topics/orders/partitions/2");
    CHECK(missing.status == 404);
    CHECK(contains(missing.body, "topic 'orders' has no partition 2"));
    CHECK(f.get("/v1/metadata/topics/orders/partitions/-1").status == 400);
    CHECK(f.get("/v1/metadata/topics/orders/partitions/x").status == 400);
    CHECK(f.get("/v1/metadata/topics/other/partitions/0").status == 404);
}

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

    service_fixture absent(hk::emulator_options().next_offset(hk::emulator_next_offset::absent));
    absent.create("orders");
    CHECK(!field(absent.get(consume("0")), "NextOffset"));
}

TEST_CASE("a token is checked on every REST call, before anything else")
{
    service_fixture f(hk::emulator_options().token_lifetime(seconds(60)));
    std::string const good = f.token;
    auto const status = [&](std::string_view target) { return f.get(target).status; };
    CHECK(status("/v1/metadata/topics") == 200);
    f.token = "x";
    auto const unknown = f.get("/v1/metadata/topics");
    CHECK(unknown.status == 401);
    CHECK(field(unknown, "WWW-Authenticate") ==
          "Bearer error=\"invalid_token\", error_description=\"the token is not one of this authority's\"");
    CHECK(status("/v1/nothing") == 401);
    CHECK(f.send("POST", "/v1/metadata/topics").status == 401);
    CHECK(f.create("orders", "{").status == 401);

    hk::detail::emulation::emulator_request bare;
    bare.method = "GET";
    bare.target = "/v1/metadata/topics";
    CHECK(contains(f.service.handle(bare, f.now, f.random).body, "the request has no bearer token"));
    bare.authorization = "Basic eDp5";
    CHECK(f.service.handle(bare, f.now, f.random).status == 401);

    f.token = good;
    f.now += seconds(59);
    CHECK(status("/v1/metadata/topics") == 200);
    f.now += seconds(1);
    CHECK(contains(f.get("/v1/metadata/topics").body, "the token has expired"));

    f.token = f.service.authority().issue(f.now, f.random);
    CHECK(status("/v1/metadata/topics") == 200);
    f.service.authority().expire_all();
    CHECK(status("/v1/metadata/topics") == 401);
}

TEST_CASE("an application outside of the security group has a token and is refused with 403")
{
    service_fixture f(hk::emulator_options().in_security_group(false));
    CHECK(f.token_request(good_form()).status == 200);
    auto const refused = f.get("/v1/metadata/topics");
    CHECK(refused.status == 403);
    CHECK(contains(refused.body, "the application is not in the cluster's security group"));
    f.service.authority().in_security_group(true);
    CHECK(f.get("/v1/metadata/topics").status == 200);
}

TEST_CASE("unknown paths are 404, known paths with another method 405 with Allow")
{
    service_fixture f;
    for (std::string_view const target :
         {"/", "/v1", "/v1/metadata", "/v1/metadata/topics/", "/v2/metadata/topics", "/v1/topics",
          "/v1/topics/a/b", "/x/oauth2/v2.0", "//v1/metadata/topics"}) {
        CAPTURE(target);
        CHECK(f.get(target).status == 404);
    }
    auto const wrong = f.send("POST", "/v1/topics/orders");
    CHECK(wrong.status == 405);
    CHECK(field(wrong, "Allow") == "PUT, DELETE");
    CHECK(field(f.send("GET", "/v1/producer/topics/orders"), "Allow") == "POST");
    CHECK(field(f.send("GET", "/t/oauth2/v2.0/token"), "Allow") == "POST");
    CHECK(f.send("HEAD", "/v1/metadata/topics").status == 405);
    CHECK(f.get("/v1/metadata/topics?count=1").status == 400);
    CHECK(f.get("/v1/metadata/topics?a=%").status == 400);
}

TEST_CASE("the token endpoint gives tokens that the REST calls accept, each another one")
{
    service_fixture f;
    auto const first = f.token_request(good_form());
    CHECK(first.status == 200);
    CHECK(first.body.starts_with("{\"token_type\":\"Bearer\",\"expires_in\":3599,\"ext_expires_in\":3599,"
                                 "\"access_token\":\""));
    auto const second =
        f.token_request(good_form() + "&client_info=1", "application/x-www-form-urlencoded; charset=utf-8",
                        "EMULATOR-tenant");
    CHECK(second.status == 200);
    CHECK(second.body != first.body);
    std::size_t const at = first.body.find("access_token\":\"") + 15;
    f.token = first.body.substr(at, first.body.size() - at - 2);
    CHECK(f.get("/v1/metadata/topics").status == 200);
    CHECK(f.token_request("client%5Fid=emulator%2dclient&client_secret=emulator-secret&grant_type="
                          "client_credentials&scope=https%3A%2F%2Fhib.azurehdinsight.net%2F.default")
              .status == 200);
}

TEST_CASE("the token endpoint refuses in Entra's words")
{
    service_fixture f;
    auto const with = [&](std::string_view from, std::string_view to) {
        std::string form = good_form();
        form.replace(form.find(from), from.size(), to);
        return refusal(f.token_request(form));
    };
    CHECK(with("emulator-secret", "wrong") == "401 invalid_client 7000215");
    CHECK(with("client_secret=", "secret=") == "401 invalid_client 7000216");
    CHECK(with("emulator-client", "other") == "400 unauthorized_client 700016");
    CHECK(with("client_id=", "id=") == "400 invalid_request 900144");
    CHECK(with("client_credentials", "password") == "400 unsupported_grant_type 70003");
    CHECK(with("grant_type=", "type=") == "400 invalid_request 900144");
    CHECK(with("scope=", "resource=") == "400 invalid_request 900144");
    CHECK(with("hib.azurehdinsight.net", "management.azure.com") == "400 invalid_resource 500011");
    CHECK(with("/.default", "/user") == "400 invalid_scope 1002012");
    CHECK(with("&scope", "&grant_type=x&scope") == "400 invalid_request 9000411");
    CHECK(with("emulator-secret", "%4") == "400 invalid_request 9000410");
    CHECK(refusal(f.token_request(good_form(), "application/json")) == "400 invalid_request 900144");
    CHECK(refusal(f.token_request(good_form(), "application/x-www-form-urlencoded", "other")) ==
          "400 invalid_tenant 90002");

    auto const wrong = f.token_request("grant_type=x");
    CHECK(contains(wrong.body,
                   "\"error_description\":\"AADSTS70003: The app requested an unsupported grant type 'x'."));
    CHECK(contains(wrong.body, "\"timestamp\":\"2023-11-14 22:13:20Z\""));
    CHECK(contains(wrong.body, "\"correlation_id\":\"11111111-2222-3333-4444-555555555555\""));
    CHECK(!contains(f.token_request("grant_type=client_credentials&client_secret=hush").body, "hush"));
}

TEST_CASE("the discovery documents lead back to the host that the request named")
{
    service_fixture f;
    auto const config = f.get("/emulator-tenant/v2.0/.well-known/openid-configuration");
    CHECK(config.status == 200);
    CHECK(contains(config.body,
                   "\"token_endpoint\":\"https://localhost:9400/emulator-tenant/oauth2/v2.0/token\""));
    CHECK(contains(
        config.body,
        "\"authorization_endpoint\":\"https://localhost:9400/emulator-tenant/oauth2/v2.0/authorize\""));
    CHECK(f.get("/other/v2.0/.well-known/openid-configuration").status == 400);

    auto const instance =
        f.get("/common/discovery/instance?api-version=1.1&authorization_endpoint="
              "https%3A%2F%2Flocalhost%3A9400%2Femulator-tenant%2Foauth2%2Fv2.0%2Fauthorize");
    CHECK(instance.status == 200);
    CHECK(contains(instance.body,
                   "\"tenant_discovery_endpoint\":\"https://localhost:9400/emulator-tenant/v2.0/"
                   ".well-known/openid-configuration\""));
    CHECK(contains(instance.body, "\"aliases\":[\"localhost:9400\",\"localhost\"]"));
    for (std::string_view const query :
         {"", "?authorization_endpoint=http://a/b", "?authorization_endpoint=https://a",
          "?authorization_endpoint=https:///t"})
        CHECK(contains(f.get("/common/discovery/instance" + std::string(query)).body, "invalid_instance"));
}

TEST_CASE("injected faults befall the requests they are meant for, as often as they are meant to")
{
    service_fixture f;
    f.create("orders");
    f.service.inject(
        hk::emulator_fault::answer(503).times(2).retry_after(seconds(7)).on(hk::emulator_route::topics));
    CHECK(f.get("/v1/metadata/brokers").status == 200);
    CHECK(f.get("/v1/metadata/topics").status == 503);
    CHECK(field(f.get("/v1/metadata/topics"), "Retry-After") == "7");
    CHECK(f.get("/v1/metadata/topics").status == 200);

    f.service.inject(hk::emulator_fault::drop_answer());
    CHECK(f.token_request(good_form()).status == 200);
    CHECK(f.produce("orders", "{\"records\":[{\"value\":1}]}").action ==
          hk::detail::emulation::emulator_action::drop);
    CHECK(f.service.broker().log("orders", 0).value()->latest() == 1);
    f.service.inject(hk::emulator_fault::drop_request());
    CHECK(f.produce("orders", "{\"records\":[{\"value\":1}]}").action ==
          hk::detail::emulation::emulator_action::drop);
    CHECK(f.service.broker().log("orders", 0).value()->latest() == 1);
    f.service.inject(hk::emulator_fault::stall().on(hk::emulator_route::token));
    CHECK(f.token_request(good_form()).action == hk::detail::emulation::emulator_action::stall);
}

TEST_CASE("every request is counted by its route and remembered")
{
    service_fixture f;
    f.create("orders");
    f.get("/v1/metadata/topics");
    f.get("/v1/metadata/topics");
    f.get("/nothing");
    f.service.inject(hk::emulator_fault::drop_request());
    f.get("/v1/metadata/brokers");
    CHECK(f.service.count(hk::emulator_route::topics) == 2);
    CHECK(f.service.count(hk::emulator_route::create_topic) == 1);
    CHECK(f.service.count(hk::emulator_route::other) == 1);
    CHECK(f.service.count(hk::emulator_route::produce) == 0);
    auto const calls = f.service.calls();
    REQUIRE(calls.size() == 5);
    CHECK(calls[0].method == "PUT");
    CHECK(calls[0].target == "/v1/topics/orders");
    CHECK(calls[0].status == 200);
    CHECK(calls[0].request_id == f.request_id);
    CHECK(calls[3].status == 404);
    CHECK(calls[4].status == 0);
    f.service.forget_calls();
    CHECK(f.service.calls().empty());
    CHECK(f.service.count(hk::emulator_route::topics) == 0);
}

TEST_CASE("an answer on the wire has its length, its type and nothing that was not asked for")
{
    hk::detail::emulation::emulator_answer answer(200, "{}");
    answer.field("NextOffset", "5");
    CHECK(render(answer, true) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json; "
                                  "charset=utf-8\r\nNextOffset: 5\r\n\r\n{}");
    CHECK(render(answer, true, true)
              .ends_with("Content-Length: 2\r\nContent-Type: application/json; "
                         "charset=utf-8\r\nNextOffset: 5\r\n\r\n"));
    CHECK(render(hk::detail::emulation::emulator_answer(404, ""), false) ==
          "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
