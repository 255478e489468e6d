// Checkpoints as text: what is written reads back, and nothing else is taken for them.
#include <hdikafka/detail/stream/checkpoint_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hk = hdikafka;
using hk::detail::checkpoints_text;
using hk::detail::parse_checkpoints;

namespace {

hk::checkpoint point(std::string topic, std::int32_t partition, std::int64_t next)
{
    hk::checkpoint out;
    out.topic = std::move(topic);
    out.partition = partition;
    out.next_offset = next;
    out.last_offset = next == 0 ? 0 : next - 1;
    return out;
}

} // namespace

TEST_CASE("what is written reads back")
{
    std::vector<hk::checkpoint> all;
    CHECK(parse_checkpoints(checkpoints_text(all)).value() == all);
    all.push_back(point("orders", 0, 0));
    all.push_back(point("orders", 1, std::numeric_limits<std::int64_t>::max()));
    all.push_back(point(R"(a "name" that no topic has, \ü)", std::numeric_limits<std::int32_t>::max(), 5));
    all.back().last_timestamp.emplace(std::chrono::milliseconds(1'700'000'000'123));
    all.push_back(point("orders", 2, 1));
    all.back().last_timestamp.emplace(std::chrono::milliseconds(0));
    CHECK(parse_checkpoints(checkpoints_text(all)).value() == all);
}

TEST_CASE("people can read it")
{
    CHECK(checkpoints_text({point("orders", 3, 8)}) ==
          "{\"version\":1,\"checkpoints\":[\n"
          "{\"topic\":\"orders\",\"partition\":3,\"next_offset\":8,\"last_offset\":7}\n"
          "]}\n");
}

TEST_CASE("members that are not known are passed over")
{
    auto const all = parse_checkpoints(
        R"({"by":"someone","version":1,"checkpoints":[{"note":[1],"topic":"t","partition":0,"next_offset":1,)"
        R"("last_offset":0}]})");
    CHECK(all.value() == std::vector<hk::checkpoint>(1, point("t", 0, 1)));
}

TEST_CASE("nothing is guessed")
{
    std::string const good = checkpoints_text({point("orders", 0, 8)});
    for (std::size_t size = 0; size + 1 < good.size(); ++size) // without the last line's end it is whole
        CHECK(parse_checkpoints(good.substr(0, size)).error().code() == hk::errc::invalid_json);
    std::vector<hk::checkpoint> const twice(2, point("orders", 0, 8));
    CHECK(parse_checkpoints(checkpoints_text(twice)).error().code() == hk::errc::invalid_json);
    for (char const* const text :
         {R"({"version":1,"version":1,"checkpoints":[]})",
          R"({"version":1,"checkpoints":[],"checkpoints":[]})", "[]", "null", "{}", R"({"version":1})",
          R"({"checkpoints":[]})", R"({"version":2,"checkpoints":[]})", R"({"version":1,"checkpoints":[{}]})",
          R"({"version":1,"checkpoints":{}})",
          R"({"version":1,"checkpoints":[{"topic":"t","partition":-1,"next_offset":1,"last_offset":0}]})",
          R"({"version":1,"checkpoints":[{"topic":"t","partition":0,"next_offset":-1,"last_offset":0}]})",
          R"({"version":1,"checkpoints":[{"topic":"t","partition":0,"next_offset":1}]})",
          R"({"version":1,"checkpoints":[{"topic":"t","partition":0,"next_offset":1.5,"last_offset":0}]})"}) {
        CAPTURE(text);
        CHECK(parse_checkpoints(text).error().code() == hk::errc::invalid_json);
    }
}
