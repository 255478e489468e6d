// The bridge to Boost.JSON: what goes in comes out again, and what cannot is told with its place.
#include <hdikafka/boost_json.hpp>

#include "support/emulator/emulated.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/src.hpp>
#include <boost/version.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace json = boost::json;

std::string text_of(json::value const& value) { return std::string(hk::to_json(value).text()); }
json::value tree_of(std::string_view text) { return hk::value_of(hk::json::parse(text)); }

/// What went wrong, in full; empty when nothing did.
template <class Call>
std::string fault_of(hk::errc expected, Call call)
{
    try {
        call();
    } catch (hk::error const& failure) {
        CHECK(failure.code() == expected);
        return failure.what();
    }
    return "";
}

/// The text between the quotes stands for `levels` arrays within one another.
std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

double any_double(std::mt19937_64& random)
{
    for (;;)
        if (auto const value = std::bit_cast<double>(random()); std::isfinite(value))
            return value;
}

// NOLINTNEXTLINE(misc-no-recursion): `depth` ends it
json::value any_value(std::mt19937_64& random, int depth)
{
    static constexpr std::string_view strings[] = {
        "", "text", "\"quoted\" \\ / \b\f\n\r\t", "caf\xc3\xa9", "\x01\x1f\x7f", "\xf0\x9f\x98\x80", "a/b~c"};
    switch (random() % (depth > 0 ? 9 : 7)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: return static_cast<std::int64_t>(random());
    case 3: return static_cast<std::uint64_t>(random());
    case 4: return any_double(random);
    case 5: return static_cast<double>(static_cast<std::int32_t>(random()));
    case 6: return json::string(strings[random() % std::size(strings)]);
    case 7: {
        json::array out;
        for (auto n = random() % 4; n > 0; --n)
            out.push_back(any_value(random, depth - 1));
        return out;
    }
    default: {
        json::object out;
        for (auto n = random() % 4; n > 0; --n)
            out[json::string(strings[random() % std::size(strings)])] = any_value(random, depth - 1);
        return out;
    }
    }
}

} // namespace

// A user's types, with Boost.JSON's customization points.
namespace shop {

struct line
{
    std::string item;
    double price = 0;
};
struct order
{
    std::uint64_t id = 0;
    std::vector<line> lines;
    std::optional<std::string> note;
};

void tag_invoke(json::value_from_tag, json::value& out, line const& from)
{
    out = {{"item", from.item}, {"price", from.price}};
}
line tag_invoke(json::value_to_tag<line>, json::value const& from)
{
    line out;
    out.item = json::value_to<std::string>(from.at("item"));
    out.price = from.at("price").to_number<double>();
    if (out.price < 0)
        throw std::domain_error("a price below zero");
    return out;
}
void tag_invoke(json::value_from_tag, json::value& out, order const& from)
{
    json::object members;
    members["id"] = from.id;
    members["lines"] = json::value_from(from.lines);
    if (from.note)
        members["note"] = *from.note;
    out = std::move(members);
}
order tag_invoke(json::value_to_tag<order>, json::value const& from)
{
    order out;
    out.id = from.at("id").to_number<std::uint64_t>();
    out.lines = json::value_to<std::vector<line>>(from.at("lines"));
    if (auto const* note = from.as_object().if_contains("note"))
        out.note = json::value_to<std::string>(*note);
    return out;
}

order example()
{
    order out;
    out.id = std::numeric_limits<std::uint64_t>::max();
    out.lines.push_back(line{"caf\xc3\xa9 \"au lait\"", 0.1 + 0.2});
    out.lines.push_back(line{"", 5});
    return out;
}

} // namespace shop

TEST_CASE("values of every kind become compact JSON")
{
    CHECK(text_of(nullptr) == "null");
    CHECK(text_of(true) == "true");
    CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(text_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(text_of(0.1) == "0.1");
    CHECK(text_of(1.0) == "1.0"); // not an integer
    CHECK(text_of(-0.0) == "-0.0");
    CHECK(text_of(1e300) == "1e+300");
    CHECK(text_of("a\"\\\n\x01") == "\"a\\\"\\\\\\n\\u0001\"");
    CHECK(text_of(json::array()) == "[]");
    CHECK(text_of(json::object()) == "{}");
    CHECK(text_of({{"b", {1, nullptr, "x"}}, {"a", json::object{{"", 2.5}}}}) ==
          R"({"b":[1,null,"x"],"a":{"":2.5}})");
    // Without a tree around them, and whatever else value_from takes.
    CHECK(hk::to_json(json::array{1, 2}).text() == "[1,2]");
    CHECK(hk::to_json(json::object{{"a", 1}}).text() == R"({"a":1})");
    CHECK(hk::to_json(json::string("s")).text() == "\"s\"");
    CHECK(hk::to_json(std::vector<int>{1, 2}).text() == "[1,2]");
    CHECK(hk::to_json(std::map<std::string, bool>{{"on", true}}).text() == R"({"on":true})");
    CHECK(hk::to_json("text").text() == "\"text\"");
}

TEST_CASE("text becomes values, numbers as the nearest that there is")
{
    CHECK(tree_of("null").is_null());
    CHECK(tree_of("-9223372036854775808").as_int64() == std::numeric_limits<std::int64_t>::min());
    CHECK(tree_of("9223372036854775808").as_uint64() == 9223372036854775808U);
    CHECK(tree_of("-0").as_int64() == 0);
    CHECK(tree_of("18446744073709551616").as_double() == 18446744073709551616.0);
    CHECK(tree_of("1.0").as_double() == 1);
    CHECK(tree_of("1e2").as_double() == 100);
    CHECK(tree_of("0e400").as_double() == 0); // Boost's own parser says NaN
    CHECK(tree_of("1e-400").as_double() == 0);
    CHECK(tree_of("2.2250738585072011e-308").as_double() == 2.2250738585072011e-308);
    CHECK(tree_of(R"("\ud83d\ude00\u00e9\/\n")").as_string() == "\xf0\x9f\x98\x80\xc3\xa9/\n");
    CHECK(tree_of(R"( [ 1 , { "a" : [ ] , "b\t" : { } } ] )") ==
          json::value({1, {{"a", json::array()}, {"b\t", json::object()}}}));
    CHECK(tree_of(R"({"a":1,"b":2,"a":3})") == json::value({{"a", 3}, {"b", 2}}));
    CHECK(hk::value_of(hk::json_view()).is_null());
}

TEST_CASE("random trees come back equal, and Boost's parser reads the same from the text")
{
    std::mt19937_64 random(20'260'303);
    for (int i = 0; i < 3'000; ++i) {
        json::value const sent = any_value(random, 5);
        hk::json const text = hk::to_json(sent);
        CAPTURE(text.text());
        CHECK(hk::json::try_parse(text.text()));
        CHECK(hk::value_of(text) == sent);
        if (!sent.is_double()) // Boost 1.81's parser may miss a double by its last digits
            CHECK(json::parse(text.text()).kind() == hk::value_of(text).kind());
    }
    for (int i = 0; i < 20'000; ++i) {
        double const sent = any_double(random);
        double const back = hk::value_of(hk::to_json(json::value(sent))).as_double();
        CHECK(std::bit_cast<std::uint64_t>(sent) == std::bit_cast<std::uint64_t>(back));
    }
}

TEST_CASE("what JSON cannot say is refused, and the place is named")
{
    using enum hk::errc;
    json::value const infinite = {{"lines", {1, {{"a/b~c", std::numeric_limits<double>::infinity()}}}}};
    CHECK(fault_of(not_finite, [&] { hk::to_json(infinite); }) ==
          "hdikafka: the number is not finite, at /lines/1/a~1b~0c");
    CHECK(fault_of(not_finite, [] { hk::to_json(std::nan("")); }) == "hdikafka: the number is not finite");
    json::value const broken = {"sound", "\xc3"};
    CHECK(fault_of(invalid_utf8, [&] { hk::to_json(broken); }) == "hdikafka: the string is not UTF-8, at /1");
    json::value const name = {{"outer", {{"\xed\xa0\x80", 1}}}};
    CHECK(fault_of(invalid_utf8, [&] { hk::to_json(name); }) ==
          "hdikafka: the name of a member is not UTF-8, at /outer");
    json::value const lengthy = {{"first", {{std::string(300, 'x'), {{"last", "\xff"}}}}}};
    CHECK(fault_of(invalid_utf8, [&] { hk::to_json(lengthy); }) ==
          "hdikafka: the string is not UTF-8, at .../last");
}

TEST_CASE("what a tree cannot hold is refused, and the byte is named")
{
    using enum hk::errc;
    CHECK(fault_of(out_of_range, [] { tree_of(R"({"a":[1,-1e999]})"); }) ==
          "hdikafka: the number at byte 8 is beyond the largest double");
    CHECK(fault_of(invalid_utf8, [] { tree_of(R"({"a":"\ud800"})"); }) ==
          "hdikafka: the string at byte 6 has half of a surrogate pair");
    CHECK(fault_of(invalid_utf8, [] { tree_of(R"({"\udc00":[]})"); }) ==
          "hdikafka: the string at byte 2 has half of a surrogate pair");
    hk::json_view const unsound(hk::detail::validated_json(), R"([{"a":1,])");
    CHECK(fault_of(invalid_json, [&] { hk::value_of(unsound); }) ==
          "hdikafka: the text is not valid JSON at byte 8");
}

TEST_CASE("512 levels go both ways, one more does not")
{
    auto const deepest = hk::json::parse(nested(512));
    json::value const tree = hk::value_of(deepest);
    CHECK(hk::to_json(tree) == deepest);
    json::array deeper(1, tree);
    CHECK(fault_of(hk::errc::too_deep, [&] {
              hk::to_json(deeper);
          }).starts_with("hdikafka: the value nests deeper than 512 levels, at .../0/0"));
    std::string const text = nested(513); // as a client may be allowed to read it
    CHECK(fault_of(hk::errc::too_deep, [&] {
              hk::value_of(hk::json_view(hk::detail::validated_json(), text));
          }) == "hdikafka: the text nests deeper than 512 levels at byte 512");
}

TEST_CASE("a tree is made in the storage that is given")
{
    unsigned char buffer[4096];
    json::monotonic_resource resource(buffer);
    json::value const tree = hk::value_of(hk::json::parse(R"([{"a":"text"}])"), &resource);
    CHECK(tree.storage().get() == &resource);
    CHECK(tree.at(0).at("a").as_string().storage().get() == &resource);
    CHECK(hk::value_to<std::string>(hk::json("text"), &resource) == "text");
    CHECK(hk::to_json(std::vector<int>{1}, &resource).text() == "[1]");
}

TEST_CASE("a user's type goes through a topic and comes back the same")
{
    test::emulated cluster;
    cluster.emulator.add_topic("orders");
    shop::order sent = shop::example();
    auto const receipt =
        cluster.run(cluster->produce("orders", hk::record(hk::to_json(sent.lines), hk::to_json(sent))))
            .value();
    CHECK(receipt.persisted() == hk::persistence::done);
    auto const batch = cluster.run(cluster->fetch("orders", 0, 0, 10)).value();
    REQUIRE(batch.size() == 1);
    auto const back = hk::value_to<shop::order>(batch[0].value());
    CHECK(back.id == sent.id);
    REQUIRE(back.lines.size() == 2);
    CHECK(back.lines[0].item == sent.lines[0].item);
    CHECK(back.lines[0].price == sent.lines[0].price);
    CHECK(back.lines[1].price == 5);
    CHECK_FALSE(back.note);
    CHECK(hk::value_to<std::vector<shop::line>>(batch[0].key().value()).size() == 2);
}

TEST_CASE("a conversion's own exceptions pass unchanged")
{
    auto const convert = [](std::string_view text) { hk::value_to<shop::order>(hk::json::parse(text)); };
    CHECK_THROWS_AS(convert(R"({"id":1,"lines":[{"item":"x","price":-1}]})"), std::domain_error);
    CHECK_THROWS_AS(convert(R"({"id":1,"lines":[{"item":5,"price":1}]})"), std::exception);
    CHECK_THROWS_AS(convert(R"({"id":1.5,"lines":[]})"), std::exception);
    CHECK_THROWS_AS(convert(R"([])"), std::exception);
#if BOOST_VERSION >= 108000
    CHECK_THROWS_AS(hk::value_to<int>(hk::json("x")), boost::system::system_error);
#endif
    // The same when it is our side that fails.
    CHECK_THROWS_AS(convert(R"({"id":1e999,"lines":[]})"), hk::error);
}
