// The emulator's routes: topics, metadata, access, faults; what is refused, and in which words.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace hk = hdikafka;
using std::chrono::seconds;
using test::field;
using test::service_fixture;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

std::string good_form()
{
    return "client_id=emulator-client&client_secret=emulator-secret&grant_type=client_credentials"
           "&scope=https://hib.azurehdinsight.net/.default";
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
    f.service.inject(hk::emulator_fault::slow(seconds(2)));
    auto const late = f.get("/v1/metadata/topics");
    CHECK(late.status == 200);
    CHECK(late.action == hk::detail::emulation::emulator_action::send);
    CHECK(late.delay == seconds(2));
    CHECK(f.get("/v1/metadata/topics").delay == seconds(0));
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
