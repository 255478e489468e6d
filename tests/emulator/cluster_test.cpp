// The emulator when its cluster is unfriendly: partitions without leaders, nodes that know different topics,
// topics that are not there yet.
#include "support/emulator/service_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
using hk::detail::emulation::emulator_action;
using hk::detail::emulation::emulator_topic_config;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::service_fixture;

constexpr std::string_view partitions_of_orders = "/v1/metadata/topics/orders/partitions";
constexpr std::string_view one_record = R"({"records":[{"value":1}]})";

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

class cluster : public service_fixture
{
public:
    explicit cluster(hk::emulator_quirks const& quirks = hk::emulator_quirks(),
                     hk::emulator_options const& options = hk::emulator_options())
        : service_fixture(hk::emulator_options(options).quirks(quirks))
    {}

    void add(std::string_view topic, std::int32_t partitions)
    {
        emulator_topic_config config;
        config.partition_count = partitions;
        REQUIRE(service.broker().add(topic, std::move(config)));
    }
    void quirks(hk::emulator_quirks const& quirks) { service.broker().quirks(quirks); }
    void lead(std::int64_t partition, bool led)
    {
        service.broker().trouble("orders", partition).value()->leaderless = !led;
    }
    std::string partition(int id)
    {
        auto const answer = get(std::string(partitions_of_orders) + '/' + std::to_string(id));
        REQUIRE(answer.status == 200);
        return answer.body;
    }
    int read(int partition)
    {
        return get("/v1/consumer/topics/orders/partitions/" + std::to_string(partition) + "/offsets/0")
            .status;
    }
    std::int64_t written(int partition)
    {
        return service.broker().log("orders", partition).value()->latest();
    }

    /// The next requests come on a connection to the first node, or the second, or whichever.
    void at_node(std::uint64_t node) { connection = node + 1; }
    bool lists_orders() { return get("/v1/metadata/topics").body == R"({"topics":["orders"]})"; }
    bool has_orders() { return get(partitions_of_orders).status == 200; }
};

} // namespace

TEST_CASE("a partition without a leader fails reads and produces, and the others work")
{
    cluster f;
    f.add("orders", 3);
    f.lead(1, false);
    CHECK(f.read(0) == 200);
    auto const failed = f.get("/v1/consumer/topics/orders/partitions/1/offsets/0");
    CHECK(failed.status == 500);
    CHECK(contains(failed.body, "partition 1 of topic 'orders' has no leader"));
    CHECK(
        f.produce("orders", R"({"records":[{"partition":0,"value":1},{"partition":1,"value":1}]})").status ==
        500);
    CHECK(f.written(0) == 0);
    CHECK(f.produce("orders", R"({"records":[{"partition":2,"value":1}]})").status == 200);

    f.quirks(hk::emulator_quirks().leaderless_status(404));
    CHECK(f.read(1) == 404);
    f.lead(1, true);
    CHECK(f.read(1) == 200);
}

TEST_CASE("records without a partition and a key go to partitions that have leaders")
{
    cluster f;
    f.add("orders", 3);
    f.lead(1, false);
    CHECK(f.produce("orders", R"({"records":[{"value":1},{"value":2},{"value":3},{"value":4}]})").status ==
          200);
    CHECK(f.written(0) == 2);
    CHECK(f.written(1) == 0);
    CHECK(f.written(2) == 2);
    f.lead(2, false);
    for (int i = 0; i < 3; ++i)
        CHECK(f.produce("orders", one_record).status == 200);
    CHECK(f.written(0) == 5);
    f.lead(0, false);
    CHECK(f.produce("orders", one_record).status == 500);
    CHECK(f.produce("orders", R"({"records":[{"key":"a","value":1}]})").status == 500);
}

TEST_CASE("metadata shows a partition without a leader in the form that the quirks say")
{
    using leader = hk::emulator_leaderless;
    using offsets = hk::emulator_leaderless_offsets;
    cluster f;
    f.add("orders", 2);
    f.produce("orders", one_record);
    f.lead(0, false);
    CHECK(f.partition(0).starts_with(
        R"({"partition_id":0,"earliest_offset":-1,"latest_offset":-1,"leader":null,"replicas":[{)"));
    CHECK(f.partition(0).ends_with(R"(}],"isr":[]})"));
    f.quirks(hk::emulator_quirks().leaderless(leader::no_member).leaderless_offsets(offsets::absent));
    CHECK(f.partition(0).starts_with(R"({"partition_id":0,"replicas":[)"));
    f.quirks(hk::emulator_quirks().leaderless(leader::negative_id).leaderless_offsets(offsets::kept));
    CHECK(f.partition(0).starts_with(
        R"({"partition_id":0,"earliest_offset":0,"latest_offset":1,"leader":{"hostName":"","port":-1,"id":-1,)"));
    CHECK(contains(f.partition(1), R"("leader":{"hostName":"wn1-emulator.internal")"));
    CHECK(contains(f.get(partitions_of_orders).body, f.partition(0) + "," + f.partition(1)));
}

TEST_CASE("a topic that was just created can be without leaders and without partitions for a while")
{
    cluster f(hk::emulator_quirks().partitions_after(seconds(1)).leaders_after(seconds(2)));
    f.create("orders");
    CHECK(f.get(partitions_of_orders).body == R"({"topic":"orders","partitions":[]})");
    CHECK(f.get(std::string(partitions_of_orders) + "/0").status == 404);
    CHECK(f.read(0) == 404);
    auto const early = f.produce("orders", one_record);
    CHECK(early.status == 500);
    CHECK(contains(early.body, "topic 'orders' has no partitions yet"));
    f.now += seconds(1);
    CHECK(contains(f.partition(0), "\"leader\":null"));
    CHECK(f.read(0) == 500);
    CHECK(f.produce("orders", one_record).status == 500);
    f.now += seconds(1);
    CHECK(!contains(f.partition(0), "\"leader\":null"));
    CHECK(f.produce("orders", one_record).status == 200);
    CHECK(f.read(0) == 200);
}

TEST_CASE("what takes the longest time there is does not happen")
{
    constexpr milliseconds never = milliseconds::max();
    cluster leaderless(hk::emulator_quirks().leaders_after(never));
    leaderless.create("orders");
    CHECK(leaderless.read(0) == 500);
    cluster empty(hk::emulator_quirks().partitions_after(never));
    empty.create("orders");
    CHECK(empty.read(0) == 404);
    cluster slow(hk::emulator_quirks(), hk::emulator_options().visibility_delay(never));
    slow.create("orders");
    CHECK_FALSE(slow.lists_orders());
    cluster uneven(hk::emulator_quirks().nodes(4).node_delay(never));
    uneven.create("orders");
    CHECK(uneven.lists_orders());
    for (std::uint64_t const node : {1U, 2U, 3U}) {
        uneven.at_node(node);
        CHECK_FALSE(uneven.lists_orders());
    }
}

TEST_CASE("a topic can be added without partitions and get them later, never fewer or too many")
{
    cluster f(hk::emulator_quirks(), hk::emulator_options().max_partitions(3));
    f.add("orders", 0);
    CHECK(f.get(partitions_of_orders).body == R"({"topic":"orders","partitions":[]})");
    CHECK(f.produce("orders", one_record).status == 500);
    auto& broker = f.service.broker();
    REQUIRE(broker.add_partitions("orders", 1));
    CHECK(f.produce("orders", one_record).status == 200);
    f.lead(0, false);
    REQUIRE(broker.add_partitions("orders", 3));
    CHECK(f.read(0) == 500);
    CHECK(f.read(2) == 200);
    CHECK(f.written(0) == 1);
    CHECK(contains(f.partition(2), "\"partition_id\":2"));
    CHECK(broker.add_partitions("orders", 3).error().code() == hk::errc::bad_request);
    CHECK(broker.add_partitions("orders", 4).error().code() == hk::errc::bad_request);
    CHECK(broker.add_partitions("other", 4).error().code() == hk::errc::not_found);
}

TEST_CASE("the second node learns of a new topic later: until then it has nothing of it")
{
    cluster f(hk::emulator_quirks().nodes(2).node_delay(seconds(5)));
    f.create("orders");
    f.produce("orders", one_record);
    CHECK(f.lists_orders());
    f.at_node(1);
    CHECK(!f.lists_orders());
    CHECK(!f.has_orders());
    CHECK(f.produce("orders", one_record).status == 404);
    CHECK(f.read(0) == 404);
    f.at_node(2); // the first one's again
    CHECK(f.read(0) == 200);
    f.at_node(1);
    f.now += seconds(5);
    CHECK(f.lists_orders());
    CHECK(f.has_orders());
    CHECK(f.produce("orders", one_record).status == 200);
    CHECK(f.read(0) == 200);
}

TEST_CASE("the second node goes on showing a deleted topic, which is gone all the same")
{
    cluster f(hk::emulator_quirks().nodes(2).node_delay(seconds(5)));
    f.add("orders", 1);
    f.at_node(1);
    CHECK(f.lists_orders());
    f.send("DELETE", "/v1/topics/orders");
    CHECK(f.has_orders());
    CHECK(f.produce("orders", one_record).status == 404);
    CHECK(f.read(0) == 404);
    f.at_node(0);
    CHECK(!f.lists_orders());
    f.at_node(1);
    f.now += seconds(5);
    CHECK(!f.has_orders());
}

TEST_CASE("the second node learns of a change by being asked so often, for this topic or for all")
{
    cluster f(hk::emulator_quirks().nodes(2).node_looks(3));
    f.create("orders");
    f.create("other");
    CHECK(f.has_orders());
    f.at_node(1);
    CHECK(!f.has_orders());
    CHECK(f.get("/v1/metadata/topics").body == R"({"topics":[]})");
    CHECK(f.read(0) == 404);
    CHECK(f.lists_orders()); // the other was asked for once only
    f.send("DELETE", "/v1/topics/orders");
    CHECK(f.has_orders());
    CHECK(f.has_orders());
    CHECK(f.has_orders());
    CHECK(!f.has_orders());
}

TEST_CASE("a node that never showed a topic does not begin to when it is deleted")
{
    cluster f(hk::emulator_quirks().nodes(2).node_delay(seconds(5)));
    f.create("orders");
    f.send("DELETE", "/v1/topics/orders");
    f.at_node(1);
    CHECK(!f.has_orders());
    f.now += seconds(4);
    CHECK(!f.has_orders());
}

TEST_CASE("with several nodes the first one's delay is for producers and consumers as well")
{
    cluster f(hk::emulator_quirks(), hk::emulator_options().visibility_delay(seconds(1)));
    f.create("orders");
    CHECK(!f.has_orders());
    CHECK(f.read(0) == 200);
    CHECK(f.produce("orders", one_record).status == 200);
    f.quirks(hk::emulator_quirks().nodes(2));
    CHECK(f.read(0) == 404);
    CHECK(f.produce("orders", one_record).status == 404);
    f.now += seconds(1);
    CHECK(f.read(0) == 200);
    f.at_node(1);
    CHECK(f.read(0) == 200);
}

TEST_CASE("a topic that is added shows at all nodes at once")
{
    cluster f(hk::emulator_quirks().nodes(3).node_delay(seconds(5)).node_looks(5),
              hk::emulator_options().visibility_delay(seconds(1)));
    f.add("orders", 1);
    for (std::uint64_t const node : {0U, 1U, 2U}) {
        f.at_node(node);
        CHECK(f.lists_orders());
        CHECK(f.read(0) == 200);
    }
}

TEST_CASE("a produce to a topic that is not there can hang, also where only the node does not know it")
{
    cluster f(hk::emulator_quirks().missing_topic_hangs(true).nodes(2).node_delay(seconds(5)));
    CHECK(f.produce("orders", one_record).action == emulator_action::stall);
    f.create("orders");
    f.at_node(1);
    CHECK(f.produce("orders", one_record).action == emulator_action::stall);
    CHECK(f.read(0) == 404);
    f.at_node(0);
    auto const written = f.produce("orders", one_record);
    CHECK(written.action == emulator_action::send);
    CHECK(written.status == 200);
}

TEST_CASE("the status is a text that needs no token, unless the quirks say so")
{
    cluster f;
    std::string const good = std::exchange(f.token, "x");
    auto const free = f.get("/v1/status");
    CHECK(free.status == 200);
    CHECK(free.body == "\"The emulator is running.\"");
    CHECK(f.send("POST", "/v1/status").status == 401);
    f.quirks(hk::emulator_quirks().status_needs_token(true));
    CHECK(f.get("/v1/status").status == 401);
    f.token = good;
    CHECK(f.get("/v1/status").status == 200);
    CHECK(f.service.count(hk::emulator_route::status) == 3);
}
