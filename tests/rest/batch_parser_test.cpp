// A consume answer cut into records: what is accepted, what is refused, and how long slices live.
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/record_batch.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

static_assert(std::ranges::random_access_range<hk::record_batch const>);
static_assert(std::ranges::sized_range<hk::record_batch const>);
static_assert(std::same_as<std::ranges::range_value_t<hk::record_batch>, hk::record_view>);
static_assert(std::default_initializable<hk::record_batch> && std::movable<hk::record_batch>);
static_assert(std::default_initializable<hk::shared_record> && std::copyable<hk::shared_record>);
static_assert(!std::is_aggregate_v<hk::record_batch> && !std::is_aggregate_v<hk::record_view>);

namespace {

using next_field = std::optional<std::string_view>;
constexpr std::int64_t max_offset = std::numeric_limits<std::int64_t>::max();

/// The bytes in memory of exactly their size, so that a look behind their end is seen.
byte_buffer bytes(std::string_view text)
{
    byte_buffer out;
    out.reserve(text.size());
    out.append(text);
    return out;
}

hk::result<hk::record_batch> parse(std::string_view body, batch_request const& asked = {0, 0, 100},
                                   next_field next = std::nullopt)
{
    return parse_batch(bytes(body), next, asked);
}

bool invalid(hk::result<hk::record_batch> const& parsed)
{
    return !parsed && parsed.error().code() == hk::errc::invalid_response;
}

/// An array of records with these offsets.
std::string records_at(std::vector<std::int64_t> const& offsets)
{
    std::string out = "[";
    for (auto const offset : offsets)
        out += std::string(out.size() > 1 ? "," : "") + R"({"key":"k)" + std::to_string(offset) +
               R"(","value":"v)" + std::to_string(offset) + R"(","partition":0,"offset":)" +
               std::to_string(offset) + R"(,"timestamp":1,"timestampType":"CREATE_TIME"})";
    return out + "]";
}

std::vector<std::int64_t> offsets_of(hk::record_batch const& batch)
{
    std::vector<std::int64_t> out;
    for (auto const& one : batch)
        out.push_back(one.offset());
    return out;
}

using offsets = std::vector<std::int64_t>;

} // namespace

TEST_CASE("a bare array of records is a batch")
{
    auto const parsed = parse(
        R"([{"key":"k","value":"v","partition":3,"offset":41,"timestamp":1700000000123,"timestampType":"CREATE_TIME"},)"
        R"({"key":"l","value":"w","partition":3,"offset":42,"timestamp":0,"timestampType":"LOG_APPEND_TIME"}])",
        {3, 41, 100});
    REQUIRE(parsed);
    auto const& batch = parsed.value();
    REQUIRE(batch.size() == 2);
    CHECK_FALSE(batch.empty());
    CHECK(batch.partition() == 3);
    CHECK(batch.next_offset() == 43);
    CHECK(batch[0].key()->as_string() == "k");
    CHECK(batch[0].value().as_string() == "v");
    CHECK(batch[0].partition() == 3);
    CHECK(batch[0].offset() == 41);
    REQUIRE(batch[0].timestamp());
    CHECK(batch[0].timestamp()->time_since_epoch() == std::chrono::milliseconds(1700000000123));
    CHECK(batch[0].timestamp_type() == "CREATE_TIME");
    CHECK(batch[1].timestamp()->time_since_epoch() == std::chrono::milliseconds(0));
    CHECK(batch[1].timestamp_type() == "LOG_APPEND_TIME");
}

TEST_CASE("an object with records is the same batch")
{
    auto const parsed =
        parse(" {\"x\":[{\"offset\":9}],\"records\" : \n" + records_at({5, 6}) + " , \"y\":null} ");
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == offsets{5, 6});
    CHECK(parsed.value().next_offset() == 7);
    CHECK(parse(R"({"records":[]})").value().empty());
    CHECK(parse("[]").value().empty());
    CHECK(parse(" [ ] \n").value().empty());
}

TEST_CASE("fields come in any order, among others that are not known")
{
    auto const parsed = parse(
        R"([{"headers":[{"offset":"no"}],"timestampType":"T","offset":7,"value":1,"leaderEpoch":{"a":{"b":[]}},)"
        R"("timestamp":5,"partition":0,"key":2,"checksum":1e400}, { "offset" : 8 , "value" : [ 1 , 2 ] } ])");
    REQUIRE(parsed);
    REQUIRE(parsed.value().size() == 2);
    CHECK(parsed.value()[0].key()->as_int64() == 2);
    CHECK(parsed.value()[0].value().as_int64() == 1);
    CHECK(parsed.value()[1].value().text() == "[ 1 , 2 ]");
}

TEST_CASE("an absent key, a null key and an empty key are told apart")
{
    auto const parsed = parse(
        R"([{"offset":1,"value":"v"},{"offset":2,"key":null,"value":"v"},{"offset":3,"key":"","value":"v"}])");
    REQUIRE(parsed);
    auto const& batch = parsed.value();
    CHECK_FALSE(batch[0].key());
    REQUIRE(batch[1].key());
    CHECK(batch[1].key()->is_null());
    REQUIRE(batch[2].key());
    CHECK(batch[2].key()->text() == R"("")");
    CHECK(batch[2].key()->as_string().empty());
}

TEST_CASE("a value that is absent or null is null, an empty one is a string")
{
    auto const parsed = parse(R"([{"offset":1},{"offset":2,"value":null},{"offset":3,"value":""}])");
    REQUIRE(parsed);
    CHECK(parsed.value()[0].value().is_null());
    CHECK(parsed.value()[1].value().is_null());
    CHECK(parsed.value()[2].value().kind() == hk::json_kind::string);
}

TEST_CASE("keys and values are JSON of every kind, with their text as it came")
{
    auto const parsed = parse(
        R"([{"offset":1,"key":{"id":9007199254740993},"value":{ "a" : [1.50, "\u00e9\"\ud83d\ude00"] }},)"
        R"({"offset":2,"key":[ ],"value":"{\"text\":1}"},{"offset":3,"key":false,"value":-0.0e-1}])");
    REQUIRE(parsed);
    auto const& batch = parsed.value();
    CHECK(batch[0].key()->text() == R"({"id":9007199254740993})");
    CHECK(batch[0].value().text() == R"({ "a" : [1.50, "\u00e9\"\ud83d\ude00"] })");
    CHECK(batch[0].value().kind() == hk::json_kind::object);
    CHECK(batch[1].key()->kind() == hk::json_kind::array);
    CHECK(batch[1].value().as_string() == R"({"text":1})");
    CHECK_FALSE(batch[2].key()->as_bool());
    CHECK(batch[2].value().text() == "-0.0e-1");
}

TEST_CASE("a field that comes twice in a record is refused, for nobody knows which one counts")
{
    for (std::string_view const twice :
         {R"("key":1,"key":1)", R"("value":1,"value":2)", R"("partition":0,"partition":0)",
          R"("offset":5,"offset":5)", R"("timestamp":1,"timestamp":1)",
          R"("timestampType":"a","timestampType":"a")", R"("key":null,"x":1,"key":null)"}) {
        CAPTURE(twice);
        std::string const rest = twice.find("offset") == std::string_view::npos ? R"(,"offset":5)" : "";
        CHECK(invalid(parse("[{" + std::string(twice) + rest + "}]")));
    }
    CHECK(parse(R"([{"offset":5,"other":1,"other":2}])")); // not ours to judge
    CHECK(invalid(parse(R"({"records":[],"records":[{"offset":2}]})")));
}

TEST_CASE("an offset that is not an int64 from 0 on is refused")
{
    for (std::string_view const offset :
         {R"("5")", "9223372036854775808", "18446744073709551616", "-1", "-9223372036854775808", "1.0", "1e3",
          "null", "true", "[5]", "{}", "05", "", "+5", "0x5", "NaN", "9223372036854775807"}) {
        CAPTURE(offset);
        CHECK(invalid(parse(R"([{"value":1,"offset":)" + std::string(offset) + "}]")));
    }
    CHECK(invalid(parse(R"([{"value":1,"partition":0}])")));
    // The largest one that has a next one.
    auto const parsed = parse(R"([{"offset":9223372036854775806}])");
    REQUIRE(parsed);
    CHECK(parsed.value().next_offset() == max_offset);
}

TEST_CASE("offsets beyond what a double can hold are exact")
{
    auto const parsed = parse(records_at({9007199254740992, 9007199254740993, 9007199254740995}));
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == offsets{9007199254740992, 9007199254740993, 9007199254740995});
    CHECK(parsed.value().next_offset() == 9007199254740996);
}

TEST_CASE("offsets that do not rise are refused")
{
    CHECK(invalid(parse(records_at({5, 4}))));
    CHECK(invalid(parse(records_at({5, 5}))));
    CHECK(invalid(parse(records_at({1, 2, 9, 8, 10}))));
    CHECK(invalid(parse(records_at({9, 3}), {0, 5, 10}))); // also among records that are not wanted
    CHECK(parse(records_at({1, 2, 9, 90})));
}

TEST_CASE("records before the offset that was asked for are dropped")
{
    auto const parsed = parse(records_at({1, 2, 5, 6}), {0, 5, 100});
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == offsets{5, 6});
    CHECK(parsed.value().next_offset() == 7);

    // Nothing but old records moves nothing backwards.
    auto const old = parse(records_at({1, 2}), {0, 5, 100});
    REQUIRE(old);
    CHECK(old.value().empty());
    CHECK(old.value().next_offset() == 5);
}

TEST_CASE("records from the end on are dropped, and reading stops there")
{
    auto const parsed = parse(records_at({5, 7, 9, 12}), {0, 5, 100, 9});
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == offsets{5, 7});
    CHECK(parsed.value().next_offset() == 9);

    // Beyond a gap that reaches over the end there is nothing, and the end is reached.
    auto const gap = parse(records_at({12}), {0, 5, 100, 9});
    REQUIRE(gap);
    CHECK(gap.value().empty());
    CHECK(gap.value().next_offset() == 9);

    auto const exact = parse(records_at({8}), {0, 5, 100, 9});
    CHECK(exact.value().next_offset() == 9);
    auto const before = parse(records_at({7}), {0, 5, 100, 9});
    CHECK(before.value().next_offset() == 8);
}

TEST_CASE("the next offset is past the last record, and past what NextOffset says to skip")
{
    auto const next = [](std::string_view body, next_field field, std::int64_t asked,
                         std::int64_t end = max_offset) {
        auto const parsed = parse(body, {0, asked, 100, end}, field);
        REQUIRE(parsed);
        return parsed.value().next_offset();
    };
    std::string const two = records_at({5, 6});
    CHECK(next(two, std::nullopt, 5) == 7);
    CHECK(next(two, "7", 5) == 7);
    CHECK(next(two, "5", 5) == 7); // equal to what was asked for
    CHECK(next(two, "0", 5) == 7); // behind it
    CHECK(next(two, "6", 5) == 7);
    CHECK(next(two, "20", 5) == 20); // a gap follows
    CHECK(next("[]", std::nullopt, 5) == 5);
    CHECK(next("[]", "5", 5) == 5);
    CHECK(next("[]", "2", 5) == 5);
    CHECK(next("[]", "20", 5) == 20);
    CHECK(next("[]", "9223372036854775806", 5) == max_offset - 1);
    CHECK(next("[]", "9007199254740993", 5) == 9007199254740993);
    CHECK(next("[]", "20", 5, 9) == 9);
    CHECK(next(two, "20", 5, 9) == 9);
}

TEST_CASE("the largest NextOffset is as good as none, for nothing can be read from there on")
{
    for (std::int64_t const end : {max_offset, std::int64_t(9)}) {
        auto const empty = parse("[]", {0, 5, 100, end}, "9223372036854775807");
        REQUIRE(empty);
        CHECK(empty.value().next_offset() == 5);
        auto const two = parse(records_at({5, 6}), {0, 5, 100, end}, "9223372036854775807");
        REQUIRE(two);
        CHECK(two.value().next_offset() == 7);
    }
}

TEST_CASE("at the end of all offsets nothing overflows")
{
    auto const last = parse(records_at({max_offset - 1}), {0, max_offset - 1, 1}, "9223372036854775807");
    REQUIRE(last);
    CHECK(last.value().next_offset() == max_offset);
    auto const beyond = parse(records_at({max_offset - 1}), {0, max_offset, 1});
    REQUIRE(beyond);
    CHECK(beyond.value().empty());
    CHECK(beyond.value().next_offset() == max_offset);
    auto const broken = parse(R"([{"value":?,"offset":9223372036854775807}])", {0, max_offset - 1, 1});
    REQUIRE_FALSE(broken);
    CHECK(broken.error().info().offset == std::nullopt); // there is no such record
}

TEST_CASE("a NextOffset that is no offset makes the answer invalid")
{
    for (std::string_view const field :
         {"-1", "", " ", "x", "5x", "5 ", " 5", "+5", "5.0", "1e3", "0x5", "5,6", "9223372036854775808",
          "-9223372036854775808", "null", "\"5\""}) {
        CAPTURE(field);
        CHECK(invalid(parse(records_at({5}), {0, 5, 100}, field)));
        CHECK(invalid(parse("[]", {0, 5, 100}, field)));
    }
}

TEST_CASE("a timestamp of -1, null or none is no timestamp")
{
    auto const parsed = parse(
        R"([{"offset":1,"timestamp":-1},{"offset":2,"timestamp":null},{"offset":3},{"offset":4,"timestamp":0},)"
        R"({"offset":5,"timestamp":9223372036854775807,"timestampType":null}])");
    REQUIRE(parsed);
    auto const& batch = parsed.value();
    CHECK_FALSE(batch[0].timestamp());
    CHECK_FALSE(batch[1].timestamp());
    CHECK_FALSE(batch[2].timestamp());
    CHECK(batch[2].timestamp_type().empty());
    CHECK(batch[3].timestamp());
    CHECK(batch[4].timestamp()->time_since_epoch() ==
          std::chrono::milliseconds(std::numeric_limits<std::int64_t>::max()));
    CHECK(batch[4].timestamp_type().empty());
    for (std::string_view const bad : {R"("1")", "1.5", "9223372036854775808", "{}"})
        CHECK(invalid(parse(R"([{"offset":1,"timestamp":)" + std::string(bad) + "}]")));
}

TEST_CASE("a record of another partition is refused")
{
    CHECK(invalid(parse(R"([{"offset":1,"partition":1}])", {0, 0, 10})));
    CHECK(invalid(parse(R"([{"offset":1,"partition":4294967296}])", {0, 0, 10})));
    CHECK(invalid(parse(R"([{"offset":1,"partition":"0"}])", {0, 0, 10})));
    auto const silent = parse(R"([{"offset":1}])", {7, 0, 10});
    REQUIRE(silent);
    CHECK(silent.value()[0].partition() == 7);
}

TEST_CASE("what is not a list of records is an invalid response")
{
    for (std::string const& body : {std::string(),
                                    std::string(" "),
                                    std::string("null"),
                                    std::string("7"),
                                    std::string(R"("[]")"),
                                    std::string("{}"),
                                    std::string(R"({"records":null})"),
                                    std::string(R"({"records":{}})"),
                                    std::string(R"({"Records":[]})"),
                                    std::string("[1]"),
                                    std::string("[[]]"),
                                    std::string("[null]"),
                                    std::string("[{}]"),
                                    std::string("<html><body>OK</body></html>"),
                                    std::string("[]x"),
                                    std::string("[][]"),
                                    std::string("[,]"),
                                    std::string("[{\"offset\":1,}]"),
                                    std::string("[{offset:1}]"),
                                    std::string("[{\"offset\":1,\"value\":\"\xff\"}]"),
                                    std::string("[{\"offset\":1,\"value\":\"a\nb\"}]")}) {
        CAPTURE(body);
        CHECK(invalid(parse(body)));
    }
    std::string const good = records_at({5});
    for (std::size_t size = 0; size + 1 < good.size(); ++size)
        CHECK(invalid(parse(good.substr(0, size))));
}

TEST_CASE("more records than were asked for are records all the same")
{
    auto const parsed = parse(records_at({1, 2, 3, 4}), {0, 1, 2});
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == offsets{1, 2, 3, 4});
}

TEST_CASE("an empty batch can be asked everything")
{
    hk::record_batch const nothing;
    CHECK(nothing.empty());
    CHECK(nothing.size() == 0);
    CHECK(nothing.begin() == nothing.end());
    CHECK(nothing.next_offset() == 0);
    CHECK(nothing.without_first(3).empty());
}

TEST_CASE("moving a batch keeps what was taken out of it valid")
{
    hk::record_batch batch = parse(records_at({5, 6})).value();
    hk::record_view const second = batch[1];
    std::string_view const text = second.value().text();
    hk::record_batch const moved = std::move(batch);
    CHECK(text.data() == moved[1].value().text().data());
    CHECK(second.value().as_string() == "v6");
    CHECK(second.key()->as_string() == "k6");
    CHECK(second.timestamp_type() == "CREATE_TIME");
    // NOLINTNEXTLINE(bugprone-use-after-move): it is empty, and may be asked
    CHECK(batch.empty());
}

TEST_CASE("copies of a batch share the bytes and keep them")
{
    hk::record_batch kept;
    std::string_view text;
    {
        hk::record_batch const first = parse(records_at({5, 6})).value();
        text = first[0].value().text();
        kept = first;
        CHECK(kept[0].value().text().data() == text.data());
    }
    CHECK(text == R"("v5")");
    CHECK(offsets_of(kept) == offsets{5, 6});
}

TEST_CASE("a batch without its first records shares the bytes and ends the same")
{
    hk::record_batch rest;
    {
        hk::record_batch const batch = parse(records_at({5, 6, 7}), {0, 5, 9}, "30").value();
        rest = batch.without_first(1);
        CHECK(batch.size() == 3);
        CHECK(batch.without_first(0).size() == 3);
    }
    CHECK(offsets_of(rest) == offsets{6, 7});
    CHECK(rest[0].value().as_string() == "v6");
    CHECK(rest.next_offset() == 30);
    CHECK(offsets_of(rest.without_first(1)) == offsets{7});
    CHECK(rest.without_first(2).empty());
    CHECK(rest.without_first(99).empty());
    CHECK(rest.without_first(std::numeric_limits<std::size_t>::max()).empty());
}

TEST_CASE("a shared record lives without its batch")
{
    hk::shared_record alone;
    {
        hk::record_batch const batch = parse(records_at({5, 6, 7})).value();
        alone = batch.without_first(1).share(1);
    }
    CHECK(alone.offset() == 7);
    CHECK(alone.value().as_string() == "v7");
    CHECK(alone.key()->as_string() == "k7");
    hk::shared_record const copy = alone;
    alone = hk::shared_record();
    CHECK(copy.value().as_string() == "v7");
}
