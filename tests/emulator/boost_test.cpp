// Everything that the emulator says is JSON to a parser that shares no code with it, and means what it
// should.
#include "support/emulator/service_fixture.hpp"

#include <boost/json/src.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace {

namespace hk = hdikafka;
namespace json = boost::json;
using test::service_fixture;

json::value parsed(hk::detail::emulation::emulator_answer const& answer) { return json::parse(answer.body); }

std::string_view text_of(json::value const& value)
{
    return {value.as_string().data(), value.as_string().size()};
}

/// A random document, nested a few levels, with awkward strings and numbers.
json::value random_value(std::mt19937& random, int depth)
{
    static constexpr std::string_view strings[] = {
        "",     "text",     "\"quoted\" \\ / \b\f\n\r\t", "caf\xc3\xa9", "\x01\x1f\x7f", "\xf0\x9f\x98\x80",
        "null", "{\"a\":1}"};
    switch (random() % (depth > 0 ? 8 : 6)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: {
        std::uint64_t const high = random();
        return static_cast<std::int64_t>(high << 32 | random());
    }
    case 3: return static_cast<double>(static_cast<std::int32_t>(random())) / 1024.0;
    case 4:
    case 5: return json::string(strings[random() % std::size(strings)]);
    case 6: {
        json::array out;
        for (auto n = random() % 4; n > 0; --n)
            out.push_back(random_value(random, depth - 1));
        return out;
    }
    default: {
        json::object out;
        for (auto n = random() % 4; n > 0; --n)
            out[json::string(strings[random() % std::size(strings)])] = random_value(random, depth - 1);
        return out;
    }
    }
}

/// What the parser makes of the text: this one may be off in a double's last digit.
json::array as_parsed(json::array const& sent) { return json::parse(json::serialize(sent)).as_array(); }

} // namespace

TEST_CASE("metadata means to another parser what it should")
{
    service_fixture f;
    f.create("b", "{\"partition_count\":4,\"replication_factor\":2}");
    f.create("a");
    auto const brokers = parsed(f.get("/v1/metadata/brokers")).at("brokers").as_array();
    REQUIRE(brokers.size() == 3);
    CHECK(brokers[1].at("hostName").as_string() == "wn1-emulator.internal");
    CHECK(brokers[1].at("port").as_int64() == 9092);
    CHECK(brokers[1].at("id").as_int64() == 1002);
    CHECK(brokers[1].at("rack").as_string() == "/fault-domain-1");
    CHECK(parsed(f.get("/v1/metadata/topics")) == json::value({{"topics", {"a", "b"}}}));

    auto const list = parsed(f.get("/v1/metadata/topics/b/partitions"));
    CHECK(list.at("topic").as_string() == "b");
    auto const& partitions = list.at("partitions").as_array();
    REQUIRE(partitions.size() == 4);
    for (std::size_t id = 0; id < partitions.size(); ++id) {
        auto const& partition = partitions[id];
        CHECK(partition.as_object().size() == 6);
        CHECK(partition.at("partition_id").as_int64() == static_cast<std::int64_t>(id));
        CHECK(partition.at("leader") == brokers[id % 3]);
        CHECK(partition.at("replicas") == json::array({brokers[id % 3], brokers[(id + 1) % 3]}));
        CHECK(partition.at("isr") == partition.at("replicas"));
        CHECK(parsed(f.get("/v1/metadata/topics/b/partitions/" + std::to_string(id))) == partition);
    }
}

TEST_CASE("records of any content come back equal, with their keys, offsets and timestamps")
{
    std::mt19937 random(20'260'101);
    service_fixture f;
    f.create("orders");
    json::array sent;
    for (int i = 0; i < 500; ++i) {
        json::object record;
        if (random() % 3 != 0)
            record["key"] = random_value(random, 1);
        record["value"] = random_value(random, 4);
        if (random() % 2 == 0)
            record["partition"] = 0;
        sent.push_back(record);
    }
    REQUIRE(f.produce("orders", json::serialize(json::object{{"records", sent}})).status == 200);
    sent = as_parsed(sent);
    auto const read = parsed(f.get("/v1/consumer/topics/orders/partitions/0/offsets/0?count=1000"));
    auto const& records = read.at("records").as_array();
    REQUIRE(records.size() == sent.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        CAPTURE(i);
        auto const& record = records[i].as_object();
        auto const& original = sent[i].as_object();
        CHECK(record.at("value") == original.at("value"));
        CHECK(record.contains("key") == original.contains("key"));
        if (original.contains("key"))
            CHECK(record.at("key") == original.at("key"));
        CHECK(record.at("partition").as_int64() == 0);
        CHECK(record.at("offset").as_int64() == static_cast<std::int64_t>(i));
        CHECK(record.at("timestamp").as_int64() == 1'700'000'000'123);
        CHECK(record.at("timestampType").as_string() == "CREATE_TIME");
    }
}

TEST_CASE("text values hold the JSON that was produced, strings as they are")
{
    std::mt19937 random(7);
    service_fixture f(hk::emulator_options()
                          .value_form(hk::emulator_value_form::text)
                          .consume_answer(hk::emulator_consume_answer::array));
    f.create("orders");
    json::array sent;
    for (int i = 0; i < 200; ++i)
        sent.push_back(json::object{{"value", random_value(random, 3)}});
    REQUIRE(f.produce("orders", json::serialize(json::object{{"records", sent}})).status == 200);
    sent = as_parsed(sent);
    auto const read = parsed(f.get("/v1/consumer/topics/orders/partitions/0/offsets/0?count=1000"));
    REQUIRE(read.as_array().size() == sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        auto const& value = sent[i].at("value");
        auto const& got = read.as_array()[i].at("value");
        if (value.is_string() || value.is_null())
            CHECK(got == value);
        else
            CHECK(json::parse(text_of(got)) == value);
    }
}

TEST_CASE("answers to a produce and a create are JSON")
{
    service_fixture f(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    CHECK(parsed(f.create("orders")).is_string());
    f.service.refuse_records(1);
    auto const offsets =
        parsed(f.produce("orders", "{\"records\":[{\"value\":1},{\"value\":2}]}")).at("offsets");
    CHECK(offsets.at(0).at("offset").as_int64() == -1);
    CHECK(offsets.at(0).at("error_code").as_int64() == 1);
    CHECK(offsets.at(0).at("error").is_string());
    CHECK(offsets.at(1) ==
          json::value({{"partition", 0}, {"offset", 0}, {"error_code", nullptr}, {"error", nullptr}}));
    CHECK(parsed(f.send("DELETE", "/v1/topics/orders")).is_string());

    service_fixture text;
    text.create("orders");
    CHECK(parsed(text.produce("orders", "{\"records\":[{\"value\":1}]}")).is_string());
}

TEST_CASE("refusals are JSON whatever the request was made of")
{
    service_fixture f;
    f.create("orders");
    std::mt19937 random(1);
    auto const check = [](hk::detail::emulation::emulator_answer const& answer) {
        CHECK(answer.status >= 400);
        auto const body = parsed(answer);
        CHECK(body.at("error_code").as_int64() == answer.status);
        CHECK(!body.at("message").as_string().empty());
    };
    for (int i = 0; i < 2'000; ++i) {
        std::string noise;
        for (auto n = random() % 60; n > 0; --n)
            noise += static_cast<char>(random() % 256);
        std::string escaped;
        for (char const c : noise) {
            char digits[4];
            std::snprintf(digits, sizeof digits, "%%%02X",
                          static_cast<unsigned>(static_cast<unsigned char>(c)));
            escaped += digits;
        }
        check(f.create("x" + escaped + "%FF"));
        check(f.get("/v1/metadata/topics/x" + escaped + "/partitions"));
        check(f.get("/v1/consumer/topics/orders/partitions/0/offsets/0?count=1&x" + escaped + "=1"));
        check(f.produce("orders", "{\"records\":[{\"x" + noise + "\":1}]}"));
        check(f.create("new", "{\"topic_properties\":{\"" + noise + "\":null}}"));
    }
    check(f.get("/nothing"));
    check(f.send("POST", "/v1/metadata/topics"));
    f.token = "bad";
    check(f.get("/v1/metadata/topics"));
}

TEST_CASE("the authority's answers are JSON, its refusals too")
{
    service_fixture f;
    auto const token = parsed(f.token_request(
        "client_id=emulator-client&client_secret=emulator-secret&grant_type=client_credentials&scope="
        "https://hib.azurehdinsight.net/.default"));
    CHECK(token.at("token_type").as_string() == "Bearer");
    CHECK(token.at("expires_in").as_int64() == 3'599);
    f.token = text_of(token.at("access_token"));
    CHECK(f.get("/v1/metadata/topics").status == 200);

    for (std::string_view const form :
         {"", "grant_type=%22%FF%00%0A", "grant_type=client_credentials&client_id=%22&scope=x",
          "grant_type=client_credentials&client_id=emulator-client&scope=%C3%28"}) {
        auto const refused = f.token_request(form);
        auto const body = parsed(refused);
        CHECK(refused.status == 400);
        CHECK(body.at("error").is_string());
        CHECK(text_of(body.at("error_description")).starts_with("AADSTS"));
        CHECK(body.at("error_codes").as_array().size() == 1);
        CHECK(text_of(body.at("trace_id")).size() == 36);
        CHECK(text_of(body.at("correlation_id")) == f.request_id);
        CHECK(text_of(body.at("timestamp")).ends_with("Z"));
    }
    auto const config = parsed(f.get("/emulator-tenant/v2.0/.well-known/openid-configuration"));
    CHECK(config.at("token_endpoint").as_string() ==
          "https://localhost:9400/emulator-tenant/oauth2/v2.0/token");
    CHECK(config.at("issuer").as_string() == "https://localhost:9400/emulator-tenant/v2.0");
    auto const instance = parsed(f.get("/common/discovery/instance?authorization_endpoint=https://"
                                       "localhost:9400/emulator-tenant/oauth2/v2.0/authorize"));
    CHECK(instance.at("tenant_discovery_endpoint").as_string() ==
          "https://localhost:9400/emulator-tenant/v2.0/.well-known/openid-configuration");
    CHECK(instance.at("metadata").at(0).at("aliases").as_array().size() == 2);
    CHECK(parsed(f.get("/common/discovery/instance?authorization_endpoint=https://%22%FF/t")).is_object());
    CHECK(parsed(f.get("/common/discovery/instance")).at("error").as_string() == "invalid_instance");
}
