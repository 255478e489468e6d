// What a test can make an emulator do to its clients while it serves: what the quirks and troubles are is in
// trouble_test.cpp and cluster_test.cpp.
#include "support/emulator/served_emulator.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace hk = hdikafka;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::blocking_peer;
using test::served_emulator;

constexpr std::string_view nothing = "{\"records\":[]}";
constexpr std::string_view partitions_of_orders = "/v1/metadata/topics/orders/partitions";

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

/// With a topic "orders" of two partitions, each with the records 0 to 2, and a client's connection.
class orders
{
public:
    explicit orders(hk::emulator_options const& options = hk::emulator_options())
        : server(hk::emulator_options(options).clock([this] { return hk::emulator_time(now.load()); })),
          peer(server.peer()),
          token(peer.fetch_token())
    {
        emulator().add_topic("orders", 2);
        for (std::int32_t const partition : {0, 1})
            for (int const value : {0, 1, 2})
                emulator().append("orders", hk::record(value).partition(partition));
    }

    hk::emulator& emulator() { return server.emulator; }
    auto get(std::string_view target) { return peer.exchange("GET", target, token); }
    auto read(std::int64_t offset, int partition = 0)
    {
        return get("/v1/consumer/topics/orders/partitions/" + std::to_string(partition) + "/offsets/" +
                   std::to_string(offset));
    }
    bool silent(std::int64_t offset, int partition = 0) { return read(offset, partition).body == nothing; }

    std::atomic<milliseconds> now = milliseconds(1'700'000'000'000);
    served_emulator server;
    blocking_peer peer;
    std::string token;
};

} // namespace

TEST_CASE("reads can be silent for a number of them, for a time, at an offset, and no more")
{
    orders f;
    f.emulator().silence(1);
    CHECK(f.silent(0));
    CHECK(!f.silent(0));
    f.emulator().silence_for(minutes(10), "orders", 1);
    CHECK(!f.silent(0, 0));
    CHECK(f.silent(0, 1));
    f.now = f.now.load() + minutes(10);
    CHECK(!f.silent(0, 1));
    f.emulator().silence_for(hk::milliseconds::max());
    CHECK(f.silent(0));
    f.emulator().end_silence();
    f.emulator().silence(hk::emulator_forever, "orders");
    CHECK(f.silent(0));
    f.emulator().end_silence();
    CHECK(!f.silent(0));
    f.emulator().silence_at("orders", 0, 1);
    CHECK(f.silent(1));
    CHECK(!f.silent(2));
    CHECK_THROWS_AS(f.emulator().silence(1, "absent"), hk::error);
    CHECK_THROWS_AS(f.emulator().silence_for(minutes(10), "orders", 2), hk::error);
    CHECK_THROWS_AS(f.emulator().silence_at("orders", 2, 0), hk::error);
}

TEST_CASE("a record can be made one that cannot be had, by a status that is a failure's")
{
    orders f;
    f.emulator().fail_at("orders", 0, 1);
    CHECK(f.read(1).status == 500);
    f.emulator().fail_at("orders", 0, 1, 404, 1);
    CHECK(f.read(1).status == 404);
    CHECK(f.read(1).status == 200);
    CHECK_THROWS_AS(f.emulator().fail_at("orders", 0, 1, 200), hk::error);
    CHECK_THROWS_AS(f.emulator().fail_at("orders", 0, 1, 600), hk::error);
    CHECK_THROWS_AS(f.emulator().fail_at("orders", 2, 1), hk::error);
}

TEST_CASE("a partition loses its leader and gets it back")
{
    orders f;
    f.emulator().lose_leader("orders", 0);
    CHECK(f.read(0).status == 500);
    CHECK(contains(f.get(partitions_of_orders).body, "\"leader\":null"));
    CHECK_THROWS_AS(f.emulator().append("orders", hk::record(1).partition(0)), hk::error);
    f.emulator().elect_leader("orders", 0);
    CHECK(f.read(0).status == 200);
    CHECK_THROWS_AS(f.emulator().lose_leader("orders", 2), hk::error);
}

TEST_CASE("records can be appended with any timestamp, with none, and with any text as their value")
{
    orders f;
    hk::record const record = hk::record("k", 7).partition(0);
    CHECK(f.emulator().append("orders", record, hk::emulator_time(milliseconds(-1))) == 3);
    CHECK(f.emulator().append("orders", record, std::nullopt) == 4);
    CHECK(f.emulator().append_raw("orders", 0, "[[") == 5);
    CHECK(contains(f.read(3).body, "\"timestamp\":-1,"));
    CHECK(contains(f.read(3).body, R"("key":"k","value":7)"));
    CHECK(!contains(f.read(4).body, "\"timestamp\":"));
    CHECK(contains(f.read(5).body, "\"value\":[[,"));
    CHECK(contains(f.read(5).body, "\"timestamp\":1700000000000,"));
    auto const records = f.emulator().records("orders", 0);
    CHECK(records[3].timestamp == hk::emulator_time(milliseconds(-1)));
    CHECK(!records[4].timestamp);
    CHECK(records[5].value == "[[");
}

TEST_CASE("topics come and go, and grow, as if other clients had asked for it")
{
    orders f(hk::emulator_options().visibility_delay(minutes(10)));
    f.emulator().create_topic("late", 3);
    f.emulator().delete_topic("orders");
    CHECK(f.get("/v1/metadata/topics").body == R"({"topics":["orders"]})");
    f.now = f.now.load() + minutes(10);
    CHECK(f.get("/v1/metadata/topics").body == R"({"topics":["late"]})");
    f.emulator().add_partitions("late", 4);
    CHECK(f.get("/v1/metadata/topics/late/partitions/3").status == 200);
    f.emulator().add_topic("empty", 0);
    CHECK(f.get("/v1/metadata/topics/empty/partitions").body == R"({"topic":"empty","partitions":[]})");
    CHECK_THROWS_AS(f.emulator().create_topic("late"), hk::error);
    CHECK_THROWS_AS(f.emulator().create_topic("none", 0), hk::error);
    CHECK_THROWS_AS(f.emulator().delete_topic("orders"), hk::error);
    CHECK_THROWS_AS(f.emulator().add_partitions("late", 4), hk::error);
}

TEST_CASE("each connection is to one of the nodes, in turn")
{
    orders f(hk::emulator_options().quirks(hk::emulator_quirks().nodes(2).node_delay(minutes(10))));
    f.emulator().create_topic("late");
    blocking_peer second = f.server.peer();
    blocking_peer third = f.server.peer();
    std::string_view const late = "/v1/metadata/topics/late/partitions";
    for (int i = 0; i < 3; ++i) {
        CHECK(f.get(late).status == 200);
        CHECK(second.exchange("GET", late, f.token).status == 404);
        CHECK(third.exchange("GET", late, f.token).status == 200);
    }
}

TEST_CASE("quirks can be changed while the emulator serves, and are refused when they make no sense")
{
    orders f;
    f.emulator().inject_gap("orders", 0, 5);
    CHECK(f.read(3).field("NextOffset") == "8");
    f.emulator().quirks(hk::emulator_quirks().gap_next_offset(hk::emulator_next_offset::absurd));
    CHECK(f.read(3).field("NextOffset") == "9223372036854775807");
    CHECK(f.emulator().quirks().gap_next_offset() == hk::emulator_next_offset::absurd);
    f.token.clear();
    CHECK(f.get("/v1/status").status == 200);
    for (auto const& senseless :
         {hk::emulator_quirks().nodes(0), hk::emulator_quirks().node_delay(milliseconds(-1)),
          hk::emulator_quirks().leaders_after(milliseconds(-1)),
          hk::emulator_quirks().partitions_after(milliseconds(-1)),
          hk::emulator_quirks().leaderless_status(200), hk::emulator_quirks().leaderless_status(600)}) {
        CHECK_THROWS_AS(f.emulator().quirks(senseless), hk::error);
        hk::emulator never(f.server.io.get_executor(), hk::emulator_options().quirks(senseless));
        CHECK_THROWS_AS(never.start(), hk::error);
    }
}
