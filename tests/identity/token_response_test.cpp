// What issuers answer with a token in it: loose where the field is loose, and clear where there is no token.
#include <hdikafka/detail/identity/token_response.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using namespace hdikafka::detail;
using namespace std::chrono_literals;
using std::string;

namespace {

auto const now = std::chrono::system_clock::time_point(1'951'732'800s); // 2031-11-06 12:00:00 UTC

hk::result<hk::access_token> parse(string const& body)
{
    return parse_token_response(body, now, "managed identity (IMDS): the answer");
}

/// What stands beside a good token.
string with(string const& fields) { return R"({"access_token":"a-token",)" + fields + "}"; }

/// The life of a token that is found.
std::chrono::seconds life(string const& body)
{
    auto const out = parse(body);
    INFO((out ? string() : out.error().what()));
    REQUIRE(out);
    CHECK(out.value().token() == "a-token");
    return out.value().expires_in();
}

using rows = std::vector<std::pair<string, std::chrono::seconds>>;

void check_lives(rows const& all)
{
    for (auto const& [fields, expected] : all) {
        CAPTURE(fields);
        CHECK(life(with(fields)) == expected);
    }
}

} // namespace

TEST_CASE("expires_in may be a number of any kind, or a text with one")
{
    check_lives({{R"("expires_in":3600)", 3600s},
                 {R"("expires_in":"3600")", 3600s},
                 {R"("expires_in":3599.0)", 3599s},
                 {R"("expires_in":3599.9)", 3599s},
                 {R"("expires_in":3.6e3)", 3600s},
                 {R"("expires_in":"3599.5")", 3599s},
                 {R"("expires_in":" 3600\n")", 3600s},
                 {R"("expires_in":"\u0033600")", 3600s},
                 {R"("expires_in":1e15)", std::chrono::seconds(1'000'000'000'000'000)}});
}

TEST_CASE("expires_on may be a moment of any kind")
{
    check_lives({{R"("expires_on":1951736400)", 1h},
                 {R"("expires_on":"1951736400")", 1h},
                 {R"("expires_on":1951736400.0)", 1h},
                 {R"("expires_on":1.9517364e9)", 1h},
                 {R"("expires_on":1951736400123)", 1h}, // milliseconds
                 {R"("expires_on":"11/06/2031 13:00:00 +00:00")", 1h},
                 {R"("expires_on":"11\/06\/2031 13:00:00 +00:00")", 1h},
                 {R"("expires_on":"11/6/2031 1:00:00 PM +00:00")", 1h},
                 {R"("expires_on":"11/7/2031 12:00:00 AM +00:00")", 12h},
                 {R"("expires_on":"11/6/2031 12:30:00 pm +00:00")", 30min},
                 {R"("expires_on":"11/06/2031 15:00:00 +02:00")", 1h},
                 {R"("expires_on":"11/06/2031 13:00:00")", 1h},
                 {R"("expires_on":"2031-11-06T13:00:00Z")", 1h},
                 {R"("expires_on":"2031-11-06T13:00:00.1234567Z")", 1h},
                 {R"("expires_on":"2031-11-06T13:00:00.1234567+00:00")", 1h},
                 {R"("expires_on":"2031-11-06T08:30:00-0430")", 1h},
                 {R"("expires_on":"2031-11-06t13:00:00z")", 1h},
                 {R"("expires_on":"2031-11-06 13:00:00 UTC")", 1h},
                 {R"("expires_on":"2031-11-06 13:00:00")", 1h},
                 {R"("expires_on":" 2031-11-06T13:00:00Z ")", 1h},
                 {R"("expires_on":"Thu, 06 Nov 2031 13:00:00 GMT")", 1h}});
}

TEST_CASE("one time that can be read is enough, whatever stands in the other fields")
{
    std::vector<string> const odd{R"("")",
                                  "null",
                                  "true",
                                  "[]",
                                  "{}",
                                  R"("soon")",
                                  R"("nan")",
                                  R"("inf")",
                                  R"("0x1f")",
                                  R"("1e999")",
                                  R"("1 hour")",
                                  R"("13/13/2031 1:00:00")",
                                  R"("2031-02-30T00:00:00Z")",
                                  R"("2031-11-06T25:00:00Z")",
                                  R"("2031-11-06")",
                                  R"("1:00:00")",
                                  R"("11/06/2031 13:00:00 PM")",
                                  R"("2031-11-06T13:00:00+1")",
                                  R"("\ud800")"};
    for (string const& one : odd) {
        check_lives({{R"("expires_on":)" + one + R"(,"expires_in":3600)", 1h},
                     {R"("expires_in":)" + one + R"(,"expires_on":"1951736400")", 1h},
                     {R"("refresh_in":)" + one + R"(,"expires_in":3600)", 1h},
                     {R"("not_before":)" + one + R"(,"ext_expires_in":)" + one + R"(,"expires_in":3600)", 1h},
                     {R"("token_type":)" + one + R"(,"resource":)" + one + R"(,"expires_in":3600)", 1h},
                     // Only where nobody tells a time.
                     {R"("expires_in":)" + one + R"(,"expires_on":)" + one, 600s}});
    }
    check_lives(
        {{R"("token_type":"bearer")", 600s}, {R"("token_type":"Bearer","x":{"access_token":5})", 600s}});
}

TEST_CASE(
    "a time that is over is believed only where no other says otherwise; the token serves once all the same")
{
    check_lives({{R"("expires_in":0,"expires_on":1951736400)", 1h},
                 {R"("expires_in":-5,"expires_on":"1951736400")", 1h},
                 {R"("expires_in":3600,"expires_on":1)", 1h}, // this machine's clock may be wrong
                 {R"("expires_in":0)", 0s},
                 {R"("expires_in":-1)", 0s},
                 {R"("expires_on":1951732700)", 0s},
                 {R"("expires_in":0,"expires_on":1951732700)", 0s},
                 {R"("expires_in":-1e15)", 0s}});
}

TEST_CASE("of members that come twice, what can be read counts")
{
    check_lives({{R"("expires_in":3600,"expires_in":null)", 1h},
                 {R"("expires_in":"","expires_in":3600)", 1h},
                 {R"("expires_on":1951736400,"expires_on":"")", 1h}});
    CHECK(life(R"({"access_token":"another, which is longer","access_token":"a-token","expires_in":60})") ==
          60s);
}

TEST_CASE("renewal is due when refresh_in says so, if it says something")
{
    auto const refresh = [](string const& fields) { return parse(with(fields)).value().refresh_in(); };
    CHECK(refresh(R"("refresh_in":1800)") == 1800s);
    CHECK(refresh(R"("refresh_in":"1800.0")") == 1800s);
    for (string const odd : {"null", "0", "-1", R"("")", R"("soon")", "{}"})
        CHECK(refresh(R"("refresh_in":)" + odd) == std::nullopt);
}

TEST_CASE("a byte-order mark and white space before the JSON are no part of it")
{
    for (string const before : {"\xef\xbb\xbf", "\xef\xbb\xbf\r\n ", " \n"})
        CHECK(life(before + with(R"("expires_in":3600)") + "\r\n") == 1h);
}

TEST_CASE("an answer without a token is told by who gave it and by its field")
{
    std::vector<std::pair<string, string>> const table{
        {"", " is empty"},
        {" \r\n", " is empty"},
        {"\xef\xbb\xbf", " is empty"},
        {"<!DOCTYPE html><html>Sign in</html>", " is a page of HTML or XML, not JSON"},
        {"\n<html>", " is a page of HTML or XML, not JSON"},
        {"a-token", " is not a JSON object"},
        {"[]", " is not a JSON object"},
        {R"({"access_token":"a-token")", " is not a JSON object"},
        {R"({"access_token":"a-token"} {})", " is not a JSON object"},
        {R"({"access_token":"\ud800"})", " is not a JSON object"},
        {"{}", " has no access_token"},
        {R"({"token":"a-token","expires_in":3600})", " has no access_token"},
        {R"({"access_token":null})", " has an access_token that is no string"},
        {R"({"access_token":{"a-token":1}})", " has an access_token that is no string"},
        {R"({"access_token":5})", " has an access_token that is no string"},
        {R"({"access_token":""})", " has an empty access_token"},
        {R"({"access_token":"a-token\r\nX: 1"})", " has an access_token with characters that no token has"},
        {R"({"access_token":"a-token "})", " has an access_token with characters that no token has"}};
    for (auto const& [body, words] : table) {
        CAPTURE(body);
        auto const out = parse(body);
        REQUIRE_FALSE(out);
        CHECK(out.error().code() == hk::errc::invalid_token_response);
        CHECK(out.error().cause() == "managed identity (IMDS): the answer" + words);
    }
}
