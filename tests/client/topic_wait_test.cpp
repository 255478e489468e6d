// Topics that show on one node of the service and not yet on another: waiting for them, and the first calls
// afterwards.
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string const good_row = R"({"partition_id":0,"earliest_offset":0,"latest_offset":5})";
std::string const no_topics = http(200, R"({"topics":[]})");
std::string const missing = http(404, R"({"error_code":40401,"message":"Topic not found."})");

std::string rows(std::string const& list) { return http(200, R"({"partitions":[)" + list + "]}"); }

bool lists_topics(seen_request const& request)
{
    return request.line.starts_with("GET /v1/metadata/topics ");
}

/// What a node answers that knows the topic.
std::string knowing(seen_request const& request)
{
    if (lists_topics(request))
        return http(200, R"({"topics":["orders"]})");
    if (request.line.find("/offsets/") != std::string::npos)
        return http(200, R"([{"offset":0,"value":"v"}])");
    if (request.line.find("/partitions/0 ") != std::string::npos)
        return http(200, good_row);
    if (request.line.starts_with("GET "))
        return rows(good_row);
    return http(200, "");
}

/// What one answers that does not.
std::string unknowing(seen_request const& request) { return lists_topics(request) ? no_topics : missing; }

script node(script::reply answers) { return script().read().answer(std::move(answers)).forever(); }

/// Answers the first `count` requests in one way and the others in another.
script::reply first(std::size_t count, script::reply before, script::reply after)
{
    return [left = count, before = std::move(before),
            after = std::move(after)](seen_request const& request) mutable {
        if (left == 0)
            return after(request);
        --left;
        return before(request);
    };
}

/// Nodes behind one address: each connection leads to one of them, those beyond to the last.
class cluster
{
public:
    explicit cluster(std::vector<script> nodes, hk::retry_policy retry = hk::retry_policy().max_retries(0))
        : server(std::move(nodes)), client(io.get_executor(), options_for(server.endpoint()).retry(retry))
    {}

    ending<void> wait(hk::milliseconds limit = 60s)
    {
        return run(io, client.wait_for_topic("orders", limit));
    }

    /// The connections that the listings of topics came over.
    std::vector<std::size_t> looks() const
    {
        std::vector<std::size_t> out;
        for (seen_request const& request : server.requests())
            if (lists_topics(request))
                out.push_back(request.connection);
        return out;
    }

    scripted_server server;
    net::io_context io;
    hk::client client;
};

/// Retries that are on, and quick.
hk::retry_policy const patiently = quickly(1);

} // namespace

TEST_CASE("a topic is there when it shows over three connections, one after the other")
{
    cluster all({node(&knowing)});
    CHECK(all.wait().good());
    CHECK(all.looks() == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("the looks go over other connections also when the client may have one only")
{
    scripted_server const server(node(&knowing));
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).max_connections(1));
    CHECK(run(io, client.wait_for_topic("orders", 60s)).good());
    CHECK(server.connections() == 3);
}

TEST_CASE("one node that misses the topic begins the row of looks again")
{
    // The third connection leads to a node that shows nothing at its first look.
    cluster all({node(&knowing), node(&knowing), node(first(1, &unknowing, &knowing)), node(&knowing)});
    CHECK(all.wait().good());
    CHECK(all.looks() == std::vector<std::size_t>{0, 1, 2, 2, 3, 4});
}

TEST_CASE("a node that lists the topic and does not know its partitions has missed it")
{
    auto const listed_only = [](seen_request const& request) {
        return lists_topics(request) ? knowing(request) : missing;
    };
    cluster all({node(first(2, listed_only, &knowing))});
    CHECK(all.wait().good());
    CHECK(all.looks().size() == 4);
}

TEST_CASE("a wait that runs out of time says what was missing")
{
    struct
    {
        script::reply answers;
        std::string told;
    } const cases[] = {
        {&unknowing, "the topic does not show yet"},
        {[](seen_request const& request) { return lists_topics(request) ? knowing(request) : rows(""); },
         "the topic shows no partitions yet"},
        {[](seen_request const& request) {
             return lists_topics(request) ? knowing(request)
                                          : rows(good_row + R"(,{"partition_id":1,"leader":null})");
         },
         "partition 1 cannot be used yet: no leader"},
    };
    for (auto const& one : cases) {
        CAPTURE(one.told);
        cluster all({node(one.answers)});
        hk::error const late = all.wait(80ms).error();
        CHECK(late.code() == hk::errc::timed_out);
        check_what(late, "wait_for_topic", "orders");
        CHECK(late.cause() == one.told);
    }

    // One node shows it, all others do not.
    cluster uneven({node(&knowing), node(&unknowing)});
    CHECK(uneven.wait(80ms).error().cause() == "the topic does not show over every connection yet");

    // In the middle of a look.
    cluster stalled({node(first(1, &unknowing, &knowing)), script().read().stall()});
    hk::error const late = stalled.wait(300ms).error();
    CHECK(late.code() == hk::errc::timed_out);
    CHECK(late.cause().ends_with("; only 1 of 3 looks in a row have seen the topic"));
    CHECK_FALSE(late.info().request_id.empty());
}

TEST_CASE("a failure that is no absence ends the wait")
{
    for (int const status : {401, 403, 500}) {
        CAPTURE(status);
        cluster all({node([status](seen_request const& request) {
            return lists_topics(request) ? knowing(request) : http(status, "{}");
        })});
        hk::error const failure = all.wait().error();
        CHECK(failure.info().http_status == status);
        check_what(failure, "wait_for_topic", "orders");
    }
}

namespace {

/// Calls that need the topic, as they begin their requests.
struct
{
    std::string name;
    std::function<bool(cluster&)> good;
} const first_calls[] = {
    {"produce",
     [](cluster& all) { return run(all.io, all.client.produce("orders", hk::records("v"))).good(); }},
    {"fetch", [](cluster& all) { return run(all.io, all.client.fetch("orders", 0, 0, 10)).good(); }},
    {"partitions", [](cluster& all) { return run(all.io, all.client.partitions("orders")).good(); }},
    {"a stream's look",
     [](cluster& all) {
         auto stream = all.client.consume("orders", hk::consume_options().until(1).read_ahead(0));
         return run(all.io, stream.next()).good();
     }},
};

} // namespace

TEST_CASE("right after the wait, a node that does not know the topic is not believed: another one is asked")
{
    for (auto const& one : first_calls) {
        CAPTURE(one.name);
        // Over the connection used last: the third, after its two good answers.
        cluster all({node(&knowing), node(&knowing), node(first(2, &knowing, &unknowing)), node(&knowing)},
                    patiently);
        REQUIRE(all.wait().good());
        std::size_t const before = all.server.requests().size();
        CHECK(one.good(all));
        auto const requests = all.server.requests();
        REQUIRE(requests.size() > before + 1);
        CHECK(requests[before].connection == 2);
        CHECK(requests[before + 1].connection == 3);
        CHECK(requests[before + 1].head == requests[before].head);
    }
}

TEST_CASE("so it is after a creation, and one that found the topic there")
{
    for (int const status : {200, 409}) {
        CAPTURE(status);
        auto const created = [status](seen_request const&) { return http(status, ""); };
        cluster all({node(first(1, created, &unknowing)), node(&knowing)}, patiently);
        CHECK(run(all.io, all.client.create_topic("orders")).good() == (status == 200));
        CHECK(run(all.io, all.client.produce("orders", hk::records("v"))).good());
    }
}

TEST_CASE("a topic that stays away is not found in the end, with nothing written")
{
    cluster all({node(first(1, &knowing, &unknowing)), node(&unknowing)}, patiently);
    REQUIRE(run(all.io, all.client.create_topic("orders")).good());
    hk::error const failure = run(all.io, all.client.produce("orders", hk::records("v"))).error();
    CHECK(failure.code() == hk::errc::not_found);
    CHECK(failure.info().persisted() == hk::persistence::none);
    CHECK(all.server.requests().size() == 1 + 6);
}

TEST_CASE("what is not found is believed at once where nothing speaks against it")
{
    auto const asked_once = [](cluster& all) {
        std::size_t const before = all.server.requests().size();
        CHECK(run(all.io, all.client.produce("orders", hk::records("v"))).code() == hk::errc::not_found);
        CHECK(all.server.requests().size() == before + 1);
    };
    SUBCASE("nobody has seen the topic")
    {
        cluster all({node(&unknowing)}, patiently);
        asked_once(all);
    }
    SUBCASE("another topic was created")
    {
        cluster all({node(first(1, &knowing, &unknowing))}, patiently);
        REQUIRE(run(all.io, all.client.create_topic("payments")).good());
        asked_once(all);
    }
    SUBCASE("it was deleted since")
    {
        cluster all({node(first(2, &knowing, &unknowing))}, patiently);
        REQUIRE(run(all.io, all.client.create_topic("orders")).good());
        REQUIRE(run(all.io, all.client.delete_topic("orders")).good());
        asked_once(all);
    }
    SUBCASE("retries are off")
    {
        cluster all({node(first(1, &knowing, &unknowing))});
        REQUIRE(run(all.io, all.client.create_topic("orders")).good());
        asked_once(all);
    }
    SUBCASE("it is the partition that is missing")
    {
        auto const no_partition = [](seen_request const&) {
            return http(404, R"({"error_code":40402,"message":"Partition not found."})");
        };
        cluster all({node(first(1, &knowing, no_partition))}, patiently);
        REQUIRE(run(all.io, all.client.create_topic("orders")).good());
        asked_once(all);
    }
}

TEST_CASE("with nodes of which one is behind, whoever has waited for a topic can use it")
{
    emulated service(hk::emulator_options().quirks(hk::emulator_quirks().nodes(2).node_looks(4)));
    for (int i = 0; i != 5; ++i) {
        std::string const topic = "orders-" + std::to_string(i);
        REQUIRE(service.run(service->create_topic(topic, hk::topic_config().partition_count(2))));
        REQUIRE(service.run(service->wait_for_topic(topic, 60s)));
        hk::client const other(service.io.get_executor(), service.emulator.client_options());
        CHECK(service.run(other.partitions(topic)).value().size() == 2);
        CHECK(service.run(service->produce(topic, hk::records("v"))));
    }
}

TEST_CASE("a record that is produced right after a creation is written once, though a node is behind")
{
    emulated service(hk::emulator_options().quirks(hk::emulator_quirks().nodes(2).node_looks(2)));
    for (int i = 0; i != 5; ++i) {
        std::string const topic = "orders-" + std::to_string(i);
        REQUIRE(service.run(service->create_topic(topic)));
        CHECK(service.run(service->produce(topic, hk::records("v"))));
        CHECK(service.emulator.records(topic, 0).size() == 1);
    }
}

TEST_CASE("a topic whose partitions come later, and their leaders after that, is waited for to the end")
{
    emulated service(
        hk::emulator_options().quirks(hk::emulator_quirks().partitions_after(20ms).leaders_after(150ms)));
    REQUIRE(service.run(service->create_topic("orders", hk::topic_config().partition_count(3))));
    REQUIRE(service.run(service->wait_for_topic("orders", 60s)));
    for (std::int32_t id = 0; id != 3; ++id)
        CHECK(service.run(service->produce("orders", hk::record("v").partition(id))));
}
