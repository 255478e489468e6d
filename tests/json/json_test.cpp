// json and json_view: what converts, what is exact, what is refused; and the writer below them.
#include <hdikafka/json.hpp>

#include "support/json/json_texts.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace hk = hdikafka;
using hk::errc;
using hk::json;
using hk::json_kind;
using hk::json_view;

namespace {

enum plain_enum
{
    enumerator
};
enum class scoped_enum
{
    enumerator
};

struct text_like
{
    operator std::string_view() const { return "like text"; }
};

template <class T>
constexpr bool makes_json = std::is_convertible_v<T, json> && std::is_constructible_v<json, T>;
template <class T>
constexpr bool never_json = !std::is_convertible_v<T, json> && !std::is_constructible_v<json, T>;

static_assert(makes_json<char const*> && makes_json<char*> && makes_json<char const (&)[4]> &&
              makes_json<char (&)[4]>);
static_assert(makes_json<std::string> && makes_json<std::string&> && makes_json<std::string const&>);
static_assert(makes_json<std::string_view> && makes_json<text_like>);
static_assert(makes_json<char8_t const*> && makes_json<char8_t const (&)[4]> && makes_json<std::u8string> &&
              makes_json<std::u8string_view>);
static_assert(makes_json<signed char> && makes_json<unsigned char> && makes_json<short> &&
              makes_json<unsigned short> && makes_json<int> && makes_json<unsigned> && makes_json<long> &&
              makes_json<unsigned long> && makes_json<long long> && makes_json<unsigned long long>);
static_assert(makes_json<float> && makes_json<double> && makes_json<bool> && makes_json<std::nullptr_t>);
static_assert(makes_json<json> && makes_json<json const&> && makes_json<json_view>);

static_assert(never_json<char> && never_json<wchar_t> && never_json<char8_t> && never_json<char16_t> &&
              never_json<char32_t>);
static_assert(never_json<wchar_t const*> && never_json<char16_t const*> && never_json<char32_t const*>);
static_assert(never_json<void*> && never_json<int*> && never_json<void (*)()> &&
              never_json<unsigned char const*>);
static_assert(never_json<plain_enum> && never_json<scoped_enum> && never_json<long double> &&
              never_json<std::byte>);
static_assert(never_json<std::vector<int>> && never_json<std::optional<int>> && never_json<std::true_type>);

// What a literal means does not depend on what else is offered: never a bool.
static_assert(!std::is_convertible_v<json, bool> && !std::is_convertible_v<json_view, bool>);

static_assert(std::is_nothrow_default_constructible_v<json> && std::is_nothrow_move_constructible_v<json> &&
              std::is_nothrow_move_assignable_v<json> && std::copyable<json>);
static_assert(std::is_trivially_copyable_v<json_view> &&
              !std::is_convertible_v<std::string_view, json_view> &&
              !std::is_constructible_v<json_view, std::string_view>);
static_assert(std::is_convertible_v<json const&, json_view>);
static_assert(!std::is_aggregate_v<json> && !std::is_aggregate_v<json_view> &&
              !std::is_aggregate_v<hk::detail::validated_json>);

std::string text_of(json const& value) { return std::string(value.text()); }

template <class F>
std::error_code code_of(F&& f)
{
    try {
        f();
    } catch (hk::error const& failure) {
        CHECK(std::string_view(failure.what()).substr(0, 10) == "hdikafka: ");
        return failure.code();
    }
    return {};
}

} // namespace

TEST_CASE("text becomes a JSON string, whatever it looks like and however it is held")
{
    char const* const pointer = "pointer";
    char array[] = "array";
    std::string const owned = "owned";
    CHECK(text_of("literal") == R"("literal")");
    CHECK(text_of(pointer) == R"("pointer")");
    CHECK(text_of(array) == R"("array")");
    CHECK(text_of(owned) == R"("owned")");
    CHECK(text_of(std::string("moved")) == R"("moved")");
    CHECK(text_of(std::string_view("a view").substr(2)) == R"("view")");
    CHECK(text_of(text_like()) == R"("like text")");
    CHECK(text_of("") == R"("")");
    CHECK(text_of("true") == R"("true")");
    CHECK(text_of("12") == R"("12")");
    CHECK(text_of(R"({"a":1})") == R"("{\"a\":1}")");
    CHECK(json("x").view().kind() == json_kind::string);
    CHECK(text_of(u8"caf\u00e9") == "\"caf\xc3\xa9\"");
    CHECK(text_of(std::u8string(u8"u8")) == R"("u8")");
    CHECK(text_of(std::u8string_view(u8"view")) == R"("view")");
}

TEST_CASE("what a string must escape is escaped, and nothing else")
{
    for (unsigned byte = 0; byte != 0x80; ++byte) {
        std::string const plain(1, static_cast<char>(byte));
        auto const text = text_of(plain);
        CAPTURE(text);
        CHECK(json::parse(text).view().as_string() == plain);
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            CHECK(text == '"' + plain + '"');
    }
    CHECK(text_of("\b\f\n\r\t\"\\/\x01\x1f") == R"("\b\f\n\r\t\"\\/\u0001\u001f")");
    CHECK(text_of(std::string("a\0b", 3)) == R"("a\u0000b")");
    CHECK(text_of("\xe2\x82\xac\xf0\x9f\x98\x80") == "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
    auto const longer = std::string(1000, 'x') + "\n" + std::string(1000, 'y');
    CHECK(json(longer).view().as_string() == longer);
}

TEST_CASE("text that is not UTF-8, and a null pointer, are refused")
{
    char const* const nothing = nullptr;
    char8_t const* const nothing8 = nullptr;
    char* const mutable_nothing = nullptr;
    CHECK(code_of([&] { json value = nothing; }) == errc::invalid_utf8);
    CHECK(code_of([&] { json value = nothing8; }) == errc::invalid_utf8);
    CHECK(code_of([&] { json value = mutable_nothing; }) == errc::invalid_utf8);
    for (char const* text : {"\xff", "abc\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf5\x80\x80\x80"}) {
        CHECK(code_of([&] { json value = text; }) == errc::invalid_utf8);
        CHECK(code_of([&] { json value = std::string(text); }) == std::errc::invalid_argument);
    }
    CHECK(code_of([&] { json value = std::u8string_view(u8"\u00e9").substr(1); }) == errc::invalid_utf8);
}

TEST_CASE("integers are exact at every width")
{
    CHECK(text_of(0) == "0");
    CHECK(text_of(-1) == "-1");
    CHECK(text_of(std::int8_t(-128)) == "-128");
    CHECK(text_of(std::uint8_t('A')) == "65");
    CHECK(text_of(std::int16_t(-32768)) == "-32768");
    CHECK(text_of(std::uint16_t(65535)) == "65535");
    CHECK(text_of(std::numeric_limits<std::int32_t>::min()) == "-2147483648");
    CHECK(text_of(std::numeric_limits<std::uint32_t>::max()) == "4294967295");
    CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(text_of(std::numeric_limits<std::int64_t>::max()) == "9223372036854775807");
    CHECK(text_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(text_of(604800000L) == "604800000");
    CHECK(text_of(1ULL << 53 | 1) == "9007199254740993");
}

TEST_CASE("doubles are written in the shortest form that reads back the same")
{
    CHECK(text_of(3.14) == "3.14");
    CHECK(text_of(0.1) == "0.1");
    CHECK(text_of(-0.0) == "-0");
    CHECK(text_of(100.0) == "100");
    CHECK(text_of(1e300) == "1e+300");
    CHECK(text_of(0.5f) == "0.5");
    for (double value : {0.1 + 0.2, 1.0 / 3, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e21,
                         123456.789e-30}) {
        json const written = value;
        CAPTURE(written.text());
        CHECK(test::valid_json(written.text()));
        CHECK(std::bit_cast<std::uint64_t>(written.view().as_double()) ==
              std::bit_cast<std::uint64_t>(value));
    }
    CHECK(std::signbit(json(-0.0).view().as_double()));
    json const narrow = 0.1f; // the value of the float, not a shorter neighbour of it
    CHECK(narrow.view().as_double() == static_cast<double>(0.1f));
}

TEST_CASE("random doubles survive, bit for bit")
{
    constexpr std::uint64_t seed = 99;
    MESSAGE("seed ", seed);
    std::mt19937_64 random(seed);
    std::size_t wrong = 0;
    for (int i = 0; i != 100'000; ++i) {
        auto const value = std::bit_cast<double>(random());
        if (!std::isfinite(value))
            continue;
        json const written = value;
        wrong +=
            !test::valid_json(written.text()) ||
            std::bit_cast<std::uint64_t>(written.view().as_double()) != std::bit_cast<std::uint64_t>(value);
    }
    CHECK(wrong == 0);
}

TEST_CASE("numbers that JSON cannot say are refused")
{
    CHECK(code_of([] { json value = std::numeric_limits<double>::infinity(); }) == errc::not_finite);
    CHECK(code_of([] { json value = -std::numeric_limits<double>::infinity(); }) == errc::not_finite);
    CHECK(code_of([] { json value = std::numeric_limits<double>::quiet_NaN(); }) == errc::not_finite);
    CHECK(code_of([] { json value = std::numeric_limits<float>::infinity(); }) ==
          std::errc::invalid_argument);
}

TEST_CASE("bool and nullptr are themselves")
{
    CHECK(text_of(true) == "true");
    CHECK(text_of(false) == "false");
    CHECK(text_of(nullptr) == "null");
    CHECK(text_of(json()) == "null");
    CHECK(json() == json(nullptr));
    CHECK(json(true).view().as_bool());
    CHECK_FALSE(json(false).view().as_bool());
    CHECK(json(nullptr).view().is_null());
}

TEST_CASE("a json is copied, moved and assigned; what was moved from is null")
{
    for (auto const* content :
         {"short", "a text that is too long to be held within the string object itself"}) {
        json first = content;
        auto const text = text_of(first);
        json copy = first;
        CHECK(copy == first);
        json moved = std::move(first);
        CHECK(moved.text() == text);
        CHECK(first.text() == "null"); // NOLINT: that is the promise
        CHECK(first.view().is_null());
        first = 7;
        CHECK(first.text() == "7");
        first = std::move(moved);
        CHECK(first.text() == text);
        CHECK(moved.text() == "null");
        auto& self = first;
        first = std::move(self);
        CHECK(first.text() == text);
        first = copy;
        CHECK(first == copy);
    }
}

TEST_CASE("raw JSON is validated and loses only the blanks around it")
{
    CHECK(json::parse(R"({"a" : [1, 2]})").text() == R"({"a" : [1, 2]})");
    CHECK(json::parse(" \n\t\r 12 \n").text() == "12");
    CHECK(json::parse("null") == json());
    CHECK(json::parse(R"("a string")") == json("a string"));
    CHECK(json::parse(std::string(512, '[') + std::string(512, ']')).view().kind() == json_kind::array);
    auto const good = json::try_parse("[true]");
    REQUIRE(good);
    CHECK(good.value().text() == "[true]");
}

TEST_CASE("text that is not JSON is a value from try_parse, an exception from parse, and names the byte")
{
    for (std::string_view text :
         {"", " ", "[1,]", "{\"a\":1,}", "nul", "01", "1 2", "'a'", "\"\xff\"", "\xef\xbb\xbf{}"}) {
        CAPTURE(text);
        auto const failed = json::try_parse(text);
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code() == errc::invalid_json);
        CHECK(code_of([&] { json::parse(text); }) == errc::invalid_json);
    }
    auto const deep = std::string(513, '[') + std::string(513, ']');
    CHECK(json::try_parse(deep).error().cause() == "the text nests deeper than 512 levels at byte 512");
    CHECK(code_of([&] { json::parse(deep); }) == errc::too_deep);
    CHECK(json::try_parse("[1,]").error().cause() == "the text is not valid JSON at byte 3");
    CHECK(json::try_parse(std::string_view("1\0", 2)).error().code() == errc::invalid_json);
}

TEST_CASE("a view tells the kind, and gives the value to who asks for that kind")
{
    auto const kind = [](std::string_view text) { return json::parse(text).view().kind(); };
    CHECK(kind("null") == json_kind::null);
    CHECK(kind("true") == json_kind::boolean);
    CHECK(kind("false") == json_kind::boolean);
    for (auto const* number : {"0", "-1", "9e9"})
        CHECK(kind(number) == json_kind::number);
    CHECK(kind("\"\"") == json_kind::string);
    CHECK(kind("[]") == json_kind::array);
    CHECK(kind("{}") == json_kind::object);
    CHECK(json_view().is_null());
    CHECK(json_view().text() == "null");

    // Every kind against every question.
    for (std::string_view text : {"null", "true", "0", "\"\"", "[]", "{}"}) {
        auto const value = json::parse(text);
        json_view const view = value;
        auto const expected = [&](json_kind wanted) {
            return view.kind() == wanted ? std::error_code() : errc::wrong_kind;
        };
        CAPTURE(text);
        CHECK(code_of([&] { view.as_bool(); }) == expected(json_kind::boolean));
        CHECK(code_of([&] { view.as_int64(); }) == expected(json_kind::number));
        CHECK(code_of([&] { view.as_uint64(); }) == expected(json_kind::number));
        CHECK(code_of([&] { view.as_double(); }) == expected(json_kind::number));
        CHECK(code_of([&] { view.as_string(); }) == expected(json_kind::string));
    }
    try {
        json(1).view().as_string();
    } catch (hk::error const& failure) {
        CHECK(failure.cause() == "the JSON value is a number, not a string");
    }
}

TEST_CASE("integers are read exactly or not at all")
{
    auto const signed_of = [](std::string_view text) { return json::parse(text).view().as_int64(); };
    auto const unsigned_of = [](std::string_view text) { return json::parse(text).view().as_uint64(); };
    CHECK(signed_of("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
    CHECK(signed_of("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
    CHECK(unsigned_of("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    CHECK(signed_of("-0") == 0);
    CHECK(unsigned_of("-0") == 0);
    for (auto const* text : {"9223372036854775808", "-9223372036854775809", "100000000000000000000"})
        CHECK(code_of([&] { signed_of(text); }) == errc::out_of_range);
    for (auto const* text : {"-1", "18446744073709551616", "-9223372036854775808"})
        CHECK(code_of([&] { unsigned_of(text); }) == std::errc::result_out_of_range);
    for (auto const* text : {"1.0", "1e2", "1E2", "-0.0"}) {
        CHECK(code_of([&] { signed_of(text); }) == errc::wrong_kind);
        CHECK(code_of([&] { unsigned_of(text); }) == errc::wrong_kind);
    }
}

TEST_CASE("any number can be had as a double, except those beyond its range")
{
    auto const value_of = [](std::string_view text) { return json::parse(text).view().as_double(); };
    CHECK(value_of("0") == 0);
    CHECK(value_of("18446744073709551616") == 18446744073709551616.0);
    CHECK(value_of("-1.5e3") == -1500);
    CHECK(value_of("1.7976931348623157e308") == std::numeric_limits<double>::max());
    CHECK(value_of("4.9e-324") == std::numeric_limits<double>::denorm_min());
    CHECK(value_of("1" + std::string(400, '0') + "e-400") == 1);
    CHECK(value_of("0." + std::string(400, '0') + "1e401") == 1);
    CHECK(value_of("0." + std::string(20'000, '3')) == 1.0 / 3);

    auto const big = std::string(400, '9');
    for (auto const& text :
         {std::string("1e309"), std::string("-1e309"), std::string("1.7976931348623159e308"), big, '-' + big,
          std::string("1e99999999999999999999999"), std::string("0.0001e400"), std::string("12.5e+1000")}) {
        CAPTURE(text);
        CHECK(code_of([&] { value_of(text); }) == errc::out_of_range);
    }
    // What is too small for a double is nearest to zero, which keeps its sign.
    for (auto const& text :
         {std::string("1e-400"), std::string("1e-99999999999999999999999"),
          "0." + std::string(400, '0') + "1", std::string("123456e-1000"),
          std::string("0e99999999999999999999999"), std::string("0.000e1000"), std::string("2e-324")}) {
        CAPTURE(text);
        CHECK(value_of(text) == 0);
        CHECK_FALSE(std::signbit(value_of(text)));
        CHECK(std::signbit(value_of('-' + text)));
    }
}

TEST_CASE("strings are decoded; half of a surrogate pair has a text and no UTF-8")
{
    auto const value = json::parse(R"("caf\u00e9 \ud83d\ude00 \"\\\/\b\f\n\r\t")");
    CHECK(value.view().as_string() == "caf\xc3\xa9 \xf0\x9f\x98\x80 \"\\/\b\f\n\r\t");
    auto const half = json::parse(R"("a\ud800b")");
    CHECK(half.text() == R"("a\ud800b")");
    CHECK(code_of([&] { half.view().as_string(); }) == errc::invalid_utf8);
}

TEST_CASE("values are equal when their texts are")
{
    CHECK(json("a") == json(std::string("a")));
    CHECK(json("1") != json(1));
    CHECK(json(1) != json::parse("1.0"));
    json const value = 5;
    CHECK(value == value.view());
    CHECK(value.view() == value);
    CHECK(value.view() == json_view(value));
    CHECK(value != json_view());
    CHECK(value == 5);
}

TEST_CASE("a view becomes a json again, as a record's value that is passed on does")
{
    json copy;
    {
        auto const owner = json::parse(R"({"kept":true})");
        copy = owner.view();
    }
    CHECK(copy.text() == R"({"kept":true})");
    CHECK(json(json_view()) == json());
}

TEST_CASE("the writer appends, and leaves the text alone when it refuses")
{
    using namespace hk::detail;
    std::string out = "{";
    CHECK(append_json_string(out, "k\"\x01"));
    CHECK(out == R"({"k\"\u0001")");
    auto const before = out;
    CHECK_FALSE(append_json_string(out, "fine so far \n\xc3("));
    CHECK(out == before);
    CHECK_FALSE(append_json_double(out, std::numeric_limits<double>::infinity()));
    CHECK(out == before);
    append_json_integer(out, std::int64_t(-3));
    append_json_integer(out, std::uint64_t(4));
    CHECK(append_json_double(out, 2.5));
    CHECK(out == before + "-342.5");
    CHECK(append_json_string(out, {}));
    CHECK(out == before + "-342.5\"\"");
}

TEST_CASE("any text of code points survives being written and read")
{
    constexpr std::uint64_t seed = 7;
    MESSAGE("seed ", seed);
    test::json_generator generator(seed);
    std::size_t wrong = 0;
    for (int i = 0; i != 20'000; ++i) {
        std::string text;
        for (auto left = generator.below(40); left != 0; --left) {
            constexpr char32_t limits[] = {0x80, 0x80, 0x800, 0x10000, 0x110000};
            auto const point = static_cast<char32_t>(generator.below(limits[generator.below(5)]));
            if (point < 0xd800 || point > 0xdfff)
                hk::detail::append_utf8(text, point);
        }
        test::exact_text const exact(text);
        json const value = exact.view();
        wrong += !test::valid_json(value.text()) || value.view().as_string() != text;
    }
    CHECK(wrong == 0);
}
