// Partitions as the proxy lists them: also those that cannot be used at the moment.
#include <hdikafka/detail/rest/answers.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

namespace {

constexpr std::string_view partition_7 =
    R"({"partition_id":7,"earliest_offset":3,"latest_offset":9007199254740993,)"
    R"("leader":{"hostName":"h0","port":9092,"id":0,"rack":"r"},)"
    R"("replicas":[{"hostName":"h0","port":9092,"id":0},{"hostName":"h1","port":9093,"id":1,"rack":null}],)"
    R"("isr":[{"id":1,"port":9093,"hostName":"h1"}]})";

/// What is neither a partition nor a list of them.
std::vector<std::string> garbage()
{
    return {"",     " ", "nonsense", "<html></html>", "{",      R"({"partitions":[)", "[]x", "{}",
            "null", "7", "\xff",     "true",          R"("t")", std::string(600, '[')};
}

template <class T>
bool invalid(hk::result<T> const& parsed)
{
    return !parsed && parsed.error().code() == hk::errc::invalid_response;
}

} // namespace

TEST_CASE("a partition is read with its watermarks exact and its replicas")
{
    auto const parsed = parse_partition(partition_7);
    REQUIRE(parsed);
    auto const& found = parsed.value();
    CHECK(found.id == 7);
    CHECK(found.earliest_offset == 3);
    CHECK(found.latest_offset == 9007199254740993);
    CHECK(found.leader.host == "h0");
    CHECK(found.leader.rack == "r");
    REQUIRE(found.replicas.size() == 2);
    CHECK(found.replicas[1].id == 1);
    CHECK(found.replicas[1].port == 9093);
    REQUIRE(found.in_sync_replicas.size() == 1);
    CHECK(found.in_sync_replicas[0].host == "h1");

    auto const largest = parse_partition(
        R"({"latest_offset":9223372036854775807,"earliest_offset":9223372036854775807,"partition_id":0})");
    REQUIRE(largest);
    CHECK(largest.value().earliest_offset == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("a partition without a leader is one, and says that it has none")
{
    for (std::string_view const leader :
         {R"("leader":null)", R"("leader":{"id":-1,"hostName":"","port":-1})",
          R"("leader":{"hostName":"h0","port":9092,"id":-1})", R"("x":1)", R"("leader":-1)", R"("leader":{})",
          R"("leader":"h0")", R"("leader":{"id":"0"})"}) {
        CAPTURE(leader);
        auto const parsed = parse_partition(R"({"partition_id":4,"earliest_offset":-1,"latest_offset":-1,)" +
                                            std::string(leader) + R"(,"replicas":null,"isr":[]})");
        REQUIRE(parsed);
        CHECK_FALSE(parsed.value().available());
        CHECK(parsed.value().id == 4);
        CHECK(parsed.value().leader.id == -1);
        CHECK(parsed.value().leader.host.empty());
        CHECK(parsed.value().replicas.empty());
        CHECK(parsed.value().in_sync_replicas.empty());
    }
    CHECK(parse_partition(partition_7).value().available());
}

TEST_CASE("a partition whose watermarks are not known, or not sound, cannot be used, and has its id")
{
    for (std::string_view const watermarks :
         {R"("latest_offset":0)", R"("earliest_offset":0)", R"("x":0)",
          R"("earliest_offset":-1,"latest_offset":0)", R"("earliest_offset":-9223372036854775808)",
          R"("earliest_offset":5,"latest_offset":4)", R"("earliest_offset":"0","latest_offset":4)",
          R"("earliest_offset":0,"latest_offset":9223372036854775808)",
          R"("earliest_offset":0,"latest_offset":1e3)", R"("earliest_offset":null,"latest_offset":null)",
          R"("earliest_offset":[0],"latest_offset":{"a":[1]})"}) {
        CAPTURE(watermarks);
        auto const parsed =
            parse_partition("{" + std::string(watermarks) + R"(,"leader":{"id":2},"partition_id":9})");
        REQUIRE(parsed);
        CHECK(parsed.value().id == 9);
        CHECK(parsed.value().leader.id == 2);
        CHECK_FALSE(parsed.value().available());
        CHECK(parsed.value().earliest_offset >= -1);
        CHECK(parsed.value().latest_offset >= -1);
    }
}

TEST_CASE("of a partition's replicas those are told that are brokers")
{
    auto const parsed = parse_partition(
        R"({"partition_id":0,"earliest_offset":0,"latest_offset":1,"isr":{"id":1},)"
        R"("replicas":[1,{"id":2,"rack":[7]},null,{"id":-1},{"id":4294967298},[{"id":5}],{"id":3,"port":9}]})");
    REQUIRE(parsed);
    CHECK(parsed.value().available());
    REQUIRE(parsed.value().replicas.size() == 2);
    CHECK(parsed.value().replicas[0].id == 2);
    CHECK(parsed.value().replicas[1].port == 9);
    CHECK(parsed.value().in_sync_replicas.empty());
}

TEST_CASE("a partition without an id is an invalid response, also in a list")
{
    for (auto const& body : garbage()) {
        CAPTURE(body);
        CHECK_FALSE(parse_partition(body));
    }
    for (std::string_view const body :
         {R"({"earliest_offset":0,"latest_offset":0})",
          R"({"partition_id":-1,"earliest_offset":0,"latest_offset":0})",
          R"({"partition_id":null,"earliest_offset":0,"latest_offset":0})",
          R"({"partition_id":2147483648,"earliest_offset":0,"latest_offset":0})",
          R"({"partition_id":"0","earliest_offset":0,"latest_offset":0})",
          R"({"partition_id":0,"earliest_offset":0,"latest_offset":nul})",
          R"({"partition_id":0,"earliest_offset":0,"latest_offset":1}{})"}) {
        CAPTURE(body);
        CHECK(invalid(parse_partition(body)));
        CHECK(invalid(parse_partitions(R"({"partitions":[{"partition_id":0},)" + std::string(body) + "]}")));
    }
}

TEST_CASE("one partition that cannot be used takes nothing from the others of the list")
{
    auto const parsed = parse_partitions(
        R"({"partitions":[{"partition_id":0,"earliest_offset":1,"latest_offset":5,"leader":{"id":3}},)"
        R"({"partition_id":1,"earliest_offset":-1,"latest_offset":-1,"leader":null},{"partition_id":2},)"
        R"({"partition_id":3,"earliest_offset":0,"latest_offset":0,"leader":{"id":0}}]})");
    REQUIRE(parsed);
    auto const& all = parsed.value();
    REQUIRE(all.size() == 4);
    CHECK(all[0].available());
    CHECK_FALSE(all[1].available());
    CHECK_FALSE(all[2].available());
    CHECK(all[3].available());
    CHECK(all[2].id == 2);
    CHECK(all[3].leader.id == 0);
}

TEST_CASE("partitions are read in their order")
{
    std::string const two = R"({"topic":"t","partitions":[)" + std::string(partition_7) +
                            R"(,{"partition_id":8,"earliest_offset":0,"latest_offset":0}]})";
    auto const parsed = parse_partitions(two);
    REQUIRE(parsed);
    REQUIRE(parsed.value().size() == 2);
    CHECK(parsed.value()[0].id == 7);
    CHECK(parsed.value()[1].id == 8);
    CHECK(parsed.value()[1].replicas.empty());
    CHECK(parse_partitions(R"({"topic":"t","partitions":[]})").value().empty());
    CHECK(invalid(parse_partitions(R"({"topic":"t"})")));
    for (auto const& body : garbage())
        CHECK_FALSE(parse_partitions(body));
}
