// What other programs can do to the emulator by requests, without a network.
#include "support/emulator/service_fixture.hpp"

#include <hdikafka/detail/emulator/admin.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using hk::detail::emulation::admin_actions;
using hk::detail::emulation::admin_members;
using hk::detail::emulation::check_options;
using hk::detail::emulation::emulator_answer;
using hk::detail::emulation::emulator_service;
using hk::detail::emulation::find_admin_member;
using hk::detail::emulation::words_of;
using std::string;
using test::field;
using test::service_fixture;

class told : public service_fixture
{
public:
    explicit told(hk::emulator_options options = hk::emulator_options())
        : service_fixture(std::move(options).admin(true))
    {}

    /// "200 {}"
    string tell(std::string_view action, std::string_view body = "{}")
    {
        return text_of(send("POST", "/emulator/" + string(action), body));
    }
    string see(std::string_view action) { return text_of(get("/emulator/" + string(action))); }

    /// What was wrong with a body.
    string refusal(std::string_view action, std::string_view body)
    {
        emulator_answer const answer = send("POST", "/emulator/" + string(action), body);
        CHECK(answer.status == 400);
        constexpr std::string_view before = R"({"error_code":400,"message":")";
        REQUIRE(answer.body.starts_with(before));
        return answer.body.substr(before.size(), answer.body.size() - before.size() - 2);
    }

    int topics_status() { return get("/v1/metadata/topics").status; }
    string read(std::string_view offset)
    {
        return text_of(get("/v1/consumer/topics/orders/partitions/0/offsets/" + string(offset)));
    }
    std::pair<std::int64_t, std::int64_t> watermarks()
    {
        auto const* const log = service.broker().log("orders", 0).value();
        return {log->earliest(), log->latest()};
    }

private:
    static string text_of(emulator_answer const& answer)
    {
        return std::to_string(answer.status) + ' ' + answer.body;
    }
};

} // namespace

TEST_CASE("nobody is listened to unless the options say so, and only at a loopback address")
{
    service_fixture f;
    CHECK(f.get("/emulator").status == 404);
    CHECK(f.send("POST", "/emulator/expire_tokens", "{}").status == 404);
    CHECK(f.get("/v1/metadata/topics").status == 200);
    for (char const* const address : {"127.0.0.1", "127.0.0.2", "::1"})
        CHECK(bool(check_options(hk::emulator_options().admin(true).listen(address))));
    for (char const* const address : {"0.0.0.0", "::", "10.0.0.1", "::1:2"})
        CHECK_FALSE(bool(check_options(hk::emulator_options().admin(true).listen(address))));
}

TEST_CASE("it takes no token, and is none of the requests that are counted")
{
    told f;
    f.token = "none";
    CHECK(f.tell("add_topic", R"({"topic":"orders"})") == "200 {}");
    CHECK(f.see("topics") == R"(200 {"topics":["orders"]})");
    CHECK(f.see("calls") == R"(200 {"calls":[]})");
}

TEST_CASE("the table of members holds what the actions take, and no more")
{
    std::set<std::string_view> taken{"after", "route", "requests"};
    for (auto const& action : admin_actions<emulator_service>::all)
        for (std::string_view const member : words_of(action.members)) {
            CAPTURE(member);
            CHECK(find_admin_member(member.substr(0, member.find('?'))) != nullptr);
            taken.insert(member.substr(0, member.find('?')));
        }
    CHECK(taken.size() == admin_members.size());
    auto const routes = words_of(hk::detail::emulation::route_words);
    REQUIRE(routes.size() == hk::emulator_route_count);
    for (std::size_t n = 0; n < routes.size(); ++n)
        CHECK(routes[n] == to_string(static_cast<hk::emulator_route>(n)));
}

TEST_CASE("an overview has all actions and their members")
{
    told f;
    string const all = f.get("/emulator").body;
    CHECK(all.starts_with(R"({"actions":{"calls":[],"counts":[],)"));
    CHECK(all.find(R"("trim":["topic","partition","offset"])") != string::npos);
    CHECK(all.find(R"("fail_at":["topic","partition","offset","status?","reads?"])") != string::npos);
    CHECK(all.ends_with(R"(},"waiting":0,"failures":[]})"));
}

TEST_CASE("requests of another form are refused as such")
{
    told f;
    CHECK(f.see("nothing") ==
          R"(404 {"error_code":404,"message":"there is no such action: GET /emulator lists all"})");
    CHECK(f.send("POST", "/emulator/trim/orders", "{}").status == 404);
    emulator_answer const other = f.get("/emulator/trim");
    CHECK(other.status == 405);
    CHECK(field(other, "Allow") == "POST");
    CHECK(field(f.send("POST", "/emulator/calls", "{}"), "Allow") == "GET");
    // A page in a browser could send that.
    CHECK(f.send("POST", "/emulator/expire_tokens", "{}", "text/plain").status == 415);
    CHECK(f.send("POST", "/emulator/expire_tokens", "{}", "application/json; charset=utf-8").status == 200);
}

TEST_CASE("a body that is not what the action takes changes nothing and is told why")
{
    told f;
    f.service.broker().add("orders", {}).value();
    std::vector<std::vector<std::string_view>> const cases{
        {"trim", "[]", "the body must be an object"},
        {"trim", "{", "the body is not valid JSON, at byte 1"},
        {"trim", "{}", "topic is missing"},
        {"trim", R"({"topic":"orders","partition":0})", "offset is missing"},
        {"trim", R"({"topic":1})", "'topic' must be a string"},
        {"trim", R"({"topic":"a","topic":"b"})", "'topic' is given twice"},
        {"trim", R"({"topic":"a","count":1})",
         "'count' is not known here; known are topic, partition, offset, after?"},
        {"trim", R"({"partition":2147483648})", "'partition' must be an integer from 0 to 2147483647"},
        {"trim", R"({"offset":-1})", "'offset' must be an integer from 0"},
        {"trim", R"({"offset":"1"})", "'offset' must be an integer from 0"},
        {"trim", R"({"offset":1.5})", "'offset' must be an integer from 0"},
        {"trim", R"({"topic":null})", "'topic' must be a string"},
        {"expire_tokens", R"({"x":1})", "'x' is not known here; known are after?"},
        {"in_security_group", R"({"member":"no"})", "'member' must be true or false"},
        {"require_claims", R"({"claims":"{}"})", "'claims' must be an object or null"},
        {"inject", R"({"fault":"explode"})",
         "'fault' must be one of answer, drop_request, drop_answer, stall, slow"},
        {"inject", R"({"fault":"answer"})", "status belongs to the fault answer, and to no other"},
        {"inject", R"({"fault":"stall","status":500})",
         "status belongs to the fault answer, and to no other"},
        {"inject", R"({"fault":"slow"})", "delay_ms belongs to the fault slow, and to no other"},
        {"inject", R"({"fault":"stall","retry_after":1})", "retry_after belongs to the fault answer"},
        {"inject", R"({"fault":"answer","status":100})", "status must be 200 to 599"},
        {"fail_at", R"({"topic":"orders","partition":0,"offset":0,"status":200})",
         "status must be 400 to 599"},
        {"silence", "{}", "either reads or ms says how long the silence is"},
        {"silence", R"({"reads":1,"ms":1})", "either reads or ms says how long the silence is"},
        {"silence", R"({"reads":1,"partition":0})", "partition needs a topic"},
        {"quirks", R"({"nodes":0})", "there is at least one node"},
        {"quirks", R"({"max_read_bytes":true})", "'max_read_bytes' must be an integer from 0 or null"},
        {"append", R"({"topic":"orders","value":1,"timestamp":"now"})",
         "'timestamp' must be an integer or null"},
        {"expire_tokens", R"({"after":{"route":"read"}})",
         "after: 'route' must be one of brokers, topics, partitions, partition, create_topic, delete_topic, "
         "produce, "
         "consume, token, openid_configuration, instance_discovery, imds, app_service_identity, "
         "arc_identity, status, "
         "other"},
        {"expire_tokens", R"({"after":{}})", "after: route is missing"},
        {"expire_tokens", R"({"after":{"route":"token","requests":0}})", "after: requests must be 1 or more"},
    };
    CHECK(bool(hk::detail::emulation::read_admin_arguments("", "after?")));
    for (auto const& each : cases)
        CHECK(f.refusal(each[0], each[1]) == each[2]);
    CHECK(f.topics_status() == 200);
    CHECK(f.tell("trim", R"({"topic":"none","partition":0,"offset":0})").starts_with("404 "));
    CHECK(f.tell("trim", R"({"topic":"orders","partition":1,"offset":0})").starts_with("404 "));
    CHECK(f.tell("add_topic", R"({"topic":"orders"})").starts_with("409 "));
}

TEST_CASE("faults happen to the requests that they are for")
{
    told f;
    CHECK(f.tell("inject", R"({"fault":"answer","status":429,"on":"token","retry_after":7,"times":2})") ==
          "200 {}");
    CHECK(f.topics_status() == 200);
    for (int n = 0; n < 2; ++n)
        CHECK(field(f.token_request(""), "Retry-After") == "7");
    CHECK(f.token_request("").status == 400);
    using hk::detail::emulation::emulator_action;
    f.tell("inject", R"({"fault":"slow","delay_ms":250})");
    CHECK(f.get("/v1/metadata/topics").delay == std::chrono::milliseconds(250));
    f.tell("inject", R"({"fault":"stall"})");
    CHECK(f.get("/v1/metadata/topics").action == emulator_action::stall);
    f.service.broker().add("orders", {}).value();
    for (std::string_view const fault : {"drop_request", "drop_answer"}) {
        f.tell("inject", R"({"fault":")" + string(fault) + "\"}");
        CHECK(f.produce("orders", R"({"records":[{"value":1}]})").action == emulator_action::drop);
    }
    CHECK(f.watermarks() == std::pair<std::int64_t, std::int64_t>(0, 1));
    CHECK(f.see("counts").starts_with(R"(200 {"brokers":0,"topics":3,)"));
    CHECK(f.tell("forget_calls") == "200 {}");
    CHECK(f.topics_status() == 200);
    CHECK(f.see("calls") ==
          R"(200 {"calls":[{"route":"topics","method":"GET","target":"/v1/metadata/topics",)"
          R"("request_id":"11111111-2222-3333-4444-555555555555","connection":1,"status":200}]})");
}

TEST_CASE("tokens end, need claims, and belong to whom is in the group")
{
    told f;
    CHECK(f.tell("require_claims", R"({"claims":{"a":1}})") == "200 {}");
    CHECK(f.topics_status() == 401);
    f.token = f.service.authority().issue(f.now, f.random, R"({"a":1})");
    CHECK(f.topics_status() == 200);
    CHECK(f.tell("require_claims", R"({"claims":null})") == "200 {}");
    f.tell("in_security_group", R"({"member":false})");
    CHECK(f.topics_status() == 403);
    f.tell("in_security_group", R"({"member":true})");
    CHECK(f.topics_status() == 200);
    CHECK(f.tell("expire_tokens") == "200 {}");
    CHECK(f.topics_status() == 401);
    f.tell("rotate_client_secret", R"({"secret":"\u006eew"})");
    CHECK(f.service.authority().options().client_secret() == "new");
}

TEST_CASE("topics and their records change behind everybody's back")
{
    told f;
    CHECK(f.tell("add_topic", R"({"topic":"orders","partitions":2})") == "200 {}");
    CHECK(f.tell("add_partitions", R"({"topic":"orders","total":3})") == "200 {}");
    CHECK(
        f.tell("append", R"({"topic":"orders","partition":0,"key":"k","value":{"n":[1]},"timestamp":-1})") ==
        R"(200 {"partition":0,"offset":0})");
    CHECK(f.tell("append", R"({"topic":"orders","partition":0,"value":null,"timestamp":null})") ==
          R"(200 {"partition":0,"offset":1})");
    f.tell("append_raw", R"({"topic":"orders","partition":0,"text":"{\"open\":"})");
    auto const& all = f.service.broker().log("orders", 0).value()->all();
    CHECK(all[0].key == "\"k\"");
    CHECK(all[0].value == R"({"n":[1]})");
    CHECK(all[0].timestamp == hk::emulator_time(std::chrono::milliseconds(-1)));
    CHECK_FALSE(all[1].timestamp);
    CHECK(all[2].value == "{\"open\":");
    CHECK(all[2].timestamp == f.now);
    using marks = std::pair<std::int64_t, std::int64_t>;
    f.tell("truncate", R"({"topic":"orders","partition":0,"offset":2})");
    CHECK(f.watermarks() == marks(0, 2));
    f.tell("inject_gap", R"({"topic":"orders","partition":0,"count":3})");
    CHECK(f.watermarks() == marks(0, 5));
    f.tell("trim", R"({"topic":"orders","partition":0,"offset":1})");
    CHECK(f.watermarks() == marks(1, 5));
    f.tell("compact", R"({"topic":"orders","partition":0,"first":1,"last":2})");
    CHECK(all.empty());
    f.tell("recreate_topic", R"({"topic":"orders"})");
    CHECK(f.watermarks() == marks(0, 0));
    CHECK(f.service.broker().find("orders")->partitions.size() == 3);
    f.tell("append", R"({"topic":"orders","partition":0,"value":1})");
    f.tell("append", R"({"topic":"orders","partition":0,"value":2})");
    f.tell("retain", R"({"topic":"orders","partition":0,"count":1})");
    CHECK(f.watermarks() == marks(1, 2));
    CHECK(f.tell("delete_topic", R"({"topic":"orders"})") == "200 {}");
    CHECK(f.tell("create_topic", R"({"topic":"others"})") == "200 {}");
    CHECK(f.see("topics") == R"(200 {"topics":["others"]})");
}

TEST_CASE("reads stay empty or fail, and partitions lose their leaders")
{
    told f;
    f.service.broker().add("orders", {}).value();
    f.tell("append", R"({"topic":"orders","value":1})");
    string const full = f.read("0");
    string const empty = R"(200 {"records":[]})";
    REQUIRE(full != empty);
    f.tell("silence", R"({"reads":1,"topic":"orders","partition":0})");
    CHECK(f.read("0") == empty);
    CHECK(f.read("0") == full);
    f.tell("silence", R"({"ms":1000})");
    CHECK(f.read("0") == empty);
    f.now += std::chrono::milliseconds(1000);
    CHECK(f.read("0") == full);
    f.tell("silence", R"({"ms":1000})");
    f.tell("end_silence");
    CHECK(f.read("0") == full);
    f.tell("silence_at", R"({"topic":"orders","partition":0,"offset":0})");
    CHECK(f.read("0") == empty);
    f.tell("silence_at", R"({"topic":"orders","partition":0,"offset":0,"reads":0})");
    CHECK(f.read("0") == full);
    f.tell("fail_at", R"({"topic":"orders","partition":0,"offset":0,"status":503,"reads":1})");
    CHECK(f.read("0").starts_with("503 "));
    CHECK(f.read("0") == full);
    f.tell("lose_leader", R"({"topic":"orders","partition":0})");
    CHECK(f.read("0").starts_with("500 "));
    f.tell("elect_leader", R"({"topic":"orders","partition":0})");
    CHECK(f.read("0") == full);
    f.tell("refuse_records", R"({"count":1})");
    f.produce("orders", R"({"records":[{"value":2},{"value":3}]})");
    CHECK(f.watermarks().second == 2);
}

TEST_CASE("of the quirks only those change that are given")
{
    told f(
        hk::emulator_options().quirks(hk::emulator_quirks().nodes(3).empty_in_gaps(true).max_read_bytes(5)));
    CHECK(f.tell("quirks",
                 R"({"gap_next_offset":"behind","silent_next_offset":"absurd","leaderless":"negative_id",
                               "leaderless_offsets":"kept","leaderless_status":503,"leaders_after_ms":1,
                               "partitions_after_ms":2,"node_delay_ms":3,"node_looks":4,"missing_topic_hangs":true,
                               "status_needs_token":true})") == "200 {}");
    hk::emulator_quirks const& now = f.service.broker().quirks();
    CHECK(now.nodes() == 3);
    CHECK(now.empty_in_gaps());
    CHECK(now.max_read_bytes() == 5);
    CHECK(now.gap_next_offset() == hk::emulator_next_offset::behind);
    CHECK(now.silent_next_offset() == hk::emulator_next_offset::absurd);
    CHECK(now.leaderless() == hk::emulator_leaderless::negative_id);
    CHECK(now.leaderless_offsets() == hk::emulator_leaderless_offsets::kept);
    CHECK(now.leaderless_status() == 503);
    CHECK(now.leaders_after().count() == 1);
    CHECK(now.partitions_after().count() == 2);
    CHECK(now.node_delay().count() == 3);
    CHECK(now.node_looks() == 4);
    CHECK(now.missing_topic_hangs());
    CHECK(now.status_needs_token());
    f.tell("quirks", R"({"nodes":1,"empty_in_gaps":false,"max_read_bytes":null,"gap_next_offset":null})");
    CHECK(now.nodes() == 1);
    CHECK_FALSE(now.empty_in_gaps());
    CHECK_FALSE(now.max_read_bytes());
    CHECK_FALSE(now.gap_next_offset());
    CHECK(now.silent_next_offset() == hk::emulator_next_offset::absurd);
}

TEST_CASE("an action can wait for requests, such as retention for the second read")
{
    told f;
    f.service.broker().add("orders", {}).value();
    f.tell("append", R"({"topic":"orders","value":1})");
    f.tell("append", R"({"topic":"orders","value":2})");
    CHECK(f.tell("trim",
                 R"({"topic":"orders","partition":0,"offset":1,"after":{"route":"consume","requests":2}})") ==
          "200 {}");
    f.tell("delete_topic", R"({"topic":"none","after":{"route":"consume"}})");
    CHECK(f.get("/emulator").body.ends_with(R"("waiting":2,"failures":[]})"));
    CHECK(f.read("0").starts_with("200 "));
    CHECK(f.topics_status() == 200);
    CHECK(f.watermarks().first == 0);
    CHECK(f.read("0").starts_with("200 ")); // it is answered as it was
    CHECK(f.watermarks().first == 1);
    CHECK(f.read("0").starts_with("400 "));
    string const left = f.get("/emulator").body;
    CHECK(left.find(R"("waiting":0,"failures":["delete_topic: )") != string::npos);
}
