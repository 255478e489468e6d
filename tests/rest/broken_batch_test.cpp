// A consume answer that stops being one: what comes before is given, and which record is at fault is told.
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/record_batch.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;

namespace {

using offsets = std::vector<std::int64_t>;
using known = std::optional<std::int64_t>;
using outcome = hk::result<hk::record_batch>;

outcome parse(std::string_view body, batch_request const& asked,
              std::optional<std::string_view> next = std::nullopt, std::size_t depth = 512)
{
    byte_buffer bytes;
    bytes.reserve(body.size()); // exactly, so that a look behind the end is seen
    bytes.append(body);
    return parse_batch(std::move(bytes), next, asked, depth);
}

std::string record_at(std::int64_t offset, std::string_view value = "\"v\"")
{
    return R"({"key":"k","value":)" + std::string(value) + R"(,"partition":0,"offset":)" +
           std::to_string(offset) + R"(,"timestamp":1,"timestampType":"CREATE_TIME"})";
}

std::string list(std::vector<std::string> const& records)
{
    std::string out = "[";
    for (std::string const& one : records)
        out += (out.size() > 1 ? "," : "") + one;
    return out + "]";
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

/// Values that are none, in answers that can be cut into records all the same.
std::vector<std::string> bad_values()
{
    return {nested(600),
            R"({"a":[{"offset":1,"b":}]})",
            "NaN",
            "[}",
            "",
            "01",
            "'text'",
            "{unquoted: 1, two: [2, 3]}",
            "\"\xff\"",
            "\"a\nb\"",
            R"("\x")",
            R"("he said "hello"")",
            R"("ends in \" and \\")"
            "x",
            R"({"partition":1,"offset":77,"x":tru})"};
}

offsets offsets_of(hk::record_batch const& batch)
{
    offsets out;
    for (auto const& one : batch)
        out.push_back(one.offset());
    return out;
}

void check_given(outcome const& parsed, offsets const& wanted, std::int64_t next)
{
    REQUIRE(parsed);
    CHECK(offsets_of(parsed.value()) == wanted);
    CHECK(parsed.value().next_offset() == next);
}

void check_refused(outcome const& parsed, known at, hk::errc code = hk::errc::invalid_response)
{
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == code);
    CHECK(parsed.error().info().offset == at);
}

} // namespace

TEST_CASE("the records before one that cannot be read are given, and reading goes on right behind them")
{
    for (std::string const& value : bad_values()) {
        CAPTURE(value);
        std::string const body = list({record_at(5), record_at(7), record_at(8, value), record_at(9)});
        check_given(parse(body, {0, 5, 100}), {5, 7}, 8);
        check_given(parse(R"({"x":[1],"records":)" + body + "}", {0, 5, 100}), {5, 7}, 8);
        check_given(parse(body, {0, 6, 100}, "20"), {7}, 8); // NextOffset would pass over what was not read
        check_given(parse(body, {0, 5, 100, 8}, "20"), {5, 7}, 8);
    }
}

TEST_CASE("when none comes before it, the error names the record that cannot be read")
{
    for (std::string const& value : bad_values()) {
        CAPTURE(value);
        auto const code = value.size() > 1'000 ? hk::errc::too_deep : hk::errc::invalid_response;
        std::string const body = list({record_at(7, value), record_at(8)});
        check_refused(parse(body, {0, 5, 100}), 7, code);
        check_refused(parse(R"({"records": )" + body + "}", {0, 7, 1, 8}), 7, code);
        check_refused(parse("[ " + record_at(7, value) + " ]", {0, 7, 1}), 7, code);
        auto const told = parse(body, {0, 5, 100}).error();
        CHECK(told.cause().starts_with("the record at offset 7 cannot be read: the answer "));
    }
}

TEST_CASE("a record whose quotes and brackets do not match is known by what stands behind its value")
{
    for (std::string_view const value :
         {"{broken", "]", "}", "[[1,2]", "\"no end", R"('it"s')", R"("he said "hi, you"")",
          R"({"a":{"partition":0,"offset":3,"timestamp":1)",
          R"({"a":[{"key":1,"partition":0,"offset":3,"timestamp":1,"more":2},")"}) {
        CAPTURE(value);
        check_given(parse(list({record_at(5), record_at(7, value), record_at(8)}), {0, 5, 100}), {5}, 6);
        check_refused(parse(list({record_at(7, value), record_at(8)}), {0, 5, 100}), 7);
        check_refused(parse(R"({"records": [ )" + record_at(7, value) + " ] }", {0, 5, 100}), 7);
        check_refused(parse("[ { \"value\" : " + std::string(value) +
                                " ,\n \"partition\" : 0 , \"offset\" : 7 , \"timestamp\" : -1 } ]",
                            {0, 5, 100}),
                      7);
        // Other members behind it may be the value's own.
        std::string other = record_at(7, value);
        other.insert(other.rfind(','), R"(,"headers":[])");
        check_refused(parse(list({other}), {0, 5, 100}), std::nullopt);
    }
}

TEST_CASE("the offset of a record behind the one that cannot be read is not told as its own")
{
    std::string const odd =
        R"("a"b")"; // between two of these, what is a text and what is not is turned round
    std::string const none = R"({"value":"no end,"partition":0,"offset":7})";
    std::string elsewhere = record_at(7);
    elsewhere.replace(elsewhere.find(R"("partition":0)"), 13, R"("partition":1)");
    std::string more = record_at(7, "{broken");
    more.insert(more.rfind(','), R"(,"headers":[])");
    for (std::vector<std::string> const& records :
         std::vector<std::vector<std::string>>{{none, record_at(8)},
                                               {elsewhere, record_at(8)},
                                               {more, record_at(8)},
                                               {R"({"value":1,"value":2})", record_at(8)}}) {
        CAPTURE(list(records));
        check_refused(parse(list(records), {0, 5, 100}), std::nullopt);
    }
    check_refused(parse(list({record_at(7, odd), record_at(8), record_at(9, odd)}), {0, 5, 100}), 7);
    // What looks like another record may be within the value.
    check_refused(parse(list({record_at(7, R"([{"a":1},{"b":NaN}])"), record_at(8)}), {0, 5, 100}), 7);
    check_refused(parse(list({record_at(7, R"([{"a":1},{"value":NaN}])"), record_at(8)}), {0, 5, 100}),
                  std::nullopt);
}

TEST_CASE("to look for a record's offset takes no longer than the answer is long, whatever is in it")
{
    for (std::string_view const part :
         {R"(,"offset":{)", R"(,"offset":1)", R"(,"timestampType":1)", R"(},{"value)", R"(,")", ",",
          R"(,"timestampType":")", R"(\",\"offset\":)", "{", "[\""}) {
        std::string value;
        while (value.size() < 2'000'000)
            value += part;
        check_refused(parse("[{\"value\":?" + value, {0, 5, 100}), std::nullopt);
    }
}

TEST_CASE("what nests too deep is told as that, with the limit")
{
    check_refused(parse(list({record_at(7, nested(510))}), {0, 7, 1}, std::nullopt, 511), 7,
                  hk::errc::too_deep);
    auto const told = parse(list({record_at(7, nested(600))}), {0, 7, 1}).error();
    CHECK(told.cause() ==
          "the record at offset 7 cannot be read: the answer nests deeper than 512 levels at byte "
          "530");
    auto const other = parse(R"({"about":)" + nested(600) + R"(,"records":[]})", {0, 7, 1});
    check_refused(other, std::nullopt, hk::errc::too_deep);
    CHECK(other.error().cause().find("nests deeper than 512 levels") != std::string::npos);
}

TEST_CASE("as many levels are read as are allowed, the list and the record among them")
{
    check_given(parse(list({record_at(7, nested(510))}), {0, 7, 1}), {7}, 8);
    CHECK_FALSE(parse(list({record_at(7, nested(511))}), {0, 7, 1}));
    check_given(parse(list({record_at(7, nested(3))}), {0, 7, 1}, std::nullopt, 5), {7}, 8);
    CHECK_FALSE(parse(list({record_at(7, nested(4))}), {0, 7, 1}, std::nullopt, 5));
    std::string const deep = nested(100'000);
    auto const parsed = parse(list({record_at(7, deep)}), {0, 7, 1}, std::nullopt, 1'000'000);
    REQUIRE(parsed);
    CHECK(parsed.value()[0].value().text() == deep);
}

TEST_CASE("a record that is JSON, and yet no record, is told by its offset as well")
{
    check_refused(parse(R"([{"offset":7,"timestamp":"yesterday"}])", {0, 5, 100}), 7);
    check_refused(parse(R"([{"timestamp":1.5,"offset":7}])", {0, 5, 100}), 7);
    check_given(parse(R"([{"offset":6},{"offset":7,"timestamp":{}}])", {0, 5, 100}), {6}, 7);
    CHECK(parse(R"([{"offset":7,"value":1,"value":2}])", {0, 5, 100}).error().cause() ==
          "the record at offset 7 cannot be read: the answer is not what the API describes");
}

TEST_CASE("an offset that may not be the record's is not told")
{
    for (std::string_view const body :
         {R"([{"value":?}])",                              // none
          R"([{"value":?,"offset":"7"}])",                 // no number
          R"([{"value":?,"offset":7.0}])",                 //
          R"([{"value":?,"offset":-7}])",                  //
          R"([{"value":?,"offset":7,"offset":8}])",        // two
          R"([{"value":?,"offset":7,"partition":1}])",     // of another partition
          R"([{"value":?,"offset":4}])",                   // before what was asked for
          R"([{"offset":4},{"value":?,"offset":4}])",      // not behind the one before
          R"([{"value":?,"offset":9223372036854775808}])", // beyond int64
          R"([{"value":?,"x":{"offset":7}}])",             // another one's
          R"([{"value":?,"offset":7)",                     // half an answer
          R"([{"value":?,"offset":7})",                    //
          R"([{"value":?,"offset":7} {"offset":8}])",      // no list
          R"([{"value":?,"offset":7]])",                   // brackets that do not match
          R"([{"value":"it is cut here,"offset":7},{"offset":8}])",
          R"([{"value":'"',"offset":7}])",
          R"([{"value":?"offset":7}])",
          R"([{"value":?,offset:7}])",
          R"([["offset",7]])",
          "[7]"}) {
        CAPTURE(body);
        auto const parsed = parse(body, {0, 5, 100});
        check_refused(parsed, std::nullopt);
        CHECK(parsed.error().cause().find("offset 7") == std::string::npos);
    }
    CHECK(parse(R"([{"value":?}])", {0, 5, 100}).error().cause() ==
          "the first record from offset 5 on cannot be read: the answer is not valid JSON at byte 10");
}

TEST_CASE("records that were not asked for do not count as records before it")
{
    std::string const body = list({record_at(3), record_at(4), record_at(7, "?"), record_at(8)});
    check_refused(parse(body, {0, 5, 100}), 7);
    check_refused(parse(body, {0, 5, 100, 8}), 7);
    check_given(parse(body, {0, 4, 100}), {4}, 5);
}

TEST_CASE("a record that cannot be read behind the range asked for is somebody else's")
{
    std::string const body = list({record_at(12, "?"), record_at(13)});
    check_given(parse(body, {0, 5, 100, 12}), {}, 12);
    check_given(parse(body, {0, 5, 100, 9}), {}, 9);
    check_refused(parse(body, {0, 5, 100, 13}), 12);
    check_given(parse(list({record_at(12), record_at(13, "?")}), {0, 5, 100, 9}), {}, 9);
    check_given(parse(list({record_at(6), record_at(12, "?")}), {0, 5, 100, 9}), {6}, 7);
}

TEST_CASE("of an answer that is cut off or goes on wrongly, the records before are given")
{
    std::string const whole = list({record_at(5), record_at(6)});
    std::size_t const first = 1 + record_at(5).size();
    std::size_t const both = first + 1 + record_at(6).size();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        auto const parsed = parse(whole.substr(0, size), {0, 5, 100}, "30");
        if (size < first)
            check_refused(parsed, std::nullopt);
        else
            check_given(parsed, size < both ? offsets{5} : offsets{5, 6}, size < both ? 6 : 7);
    }
    check_given(parse(whole + "x", {0, 5, 100}, "30"), {5, 6}, 7);
    check_given(parse(R"({"records":)" + whole + R"(,"records":[{"offset":9}]})", {0, 5, 100}), {5, 6}, 7);
    check_given(parse(R"([{"offset":5}{"offset":6}])", {0, 5, 100}), {5}, 6);
    check_given(parse(R"([{"offset":5},{"offset":6,"partition":1}])", {0, 5, 100}), {5}, 6);
}

TEST_CASE("offsets that do not rise are no records before")
{
    check_refused(parse(list({record_at(6), record_at(5), record_at(7, "?")}), {0, 5, 100}), std::nullopt);
}

TEST_CASE("at the end of all offsets nothing overflows, whatever is broken")
{
    constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max() - 1;
    check_refused(parse(list({record_at(last, "?")}), {0, 5, 100}), last);
    check_refused(parse(list({record_at(last + 1, "?")}), {0, 5, 100}), std::nullopt);
    check_given(parse(list({record_at(last), "?"}), {0, 5, 100}), {last}, last + 1);
    check_refused(parse(list({record_at(last), "?"}), {0, last + 1, 100}), std::nullopt);
}
