// The JSON reader: grammar, limits, positions of faults, and that it never reads behind the end.
#include <hdikafka/detail/json/reader.hpp>

#include "support/json/json_texts.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using hdikafka::errc;
using hdikafka::json_kind;
using namespace hdikafka::detail;
using test::json_equals;
using test::valid_json;

namespace {

/// Where the reader finds the fault of a document that has one, which is `code`; or -1.
std::ptrdiff_t fault_at(std::string_view text, errc code = errc::invalid_json)
{
    test::exact_text const exact(text);
    json_reader in(exact.view());
    if (in.skip() && in.finish())
        return -1;
    CHECK(in.failed());
    CHECK(in.fault() == code);
    return static_cast<std::ptrdiff_t>(in.position());
}

std::string nested(std::size_t depth, std::string_view open = "[", std::string_view close = "]",
                   std::string_view core = "")
{
    std::string text;
    for (std::size_t i = 0; i != depth; ++i)
        text += open;
    text += core;
    for (std::size_t i = 0; i != depth; ++i)
        text += close;
    return text;
}

/// Reads a text as an integer, alone and as an element: its end may or may not be the end of the document.
errc read_integer(std::string_view text, std::int64_t& value)
{
    test::exact_text const exact(text);
    json_reader alone(exact.view());
    std::int64_t first = -7;
    bool const read = alone.integer(first) && alone.finish();

    auto const list = '[' + std::string(text) + ",0]";
    json_reader in(list);
    value = -7;
    CHECK((in.enter_array() && in.next_element()));
    bool const read_in_list =
        in.integer(value) && in.next_element() && in.skip() && !in.next_element() && in.finish();
    CHECK(read == read_in_list);
    CHECK(alone.fault() == in.fault());
    CHECK(first == value);
    CHECK(alone.position() <= text.size());
    return in.fault();
}

errc integer_fault(std::string_view text)
{
    std::int64_t value = 0;
    auto const fault = read_integer(text, value);
    CHECK(fault != errc());
    return fault;
}

std::int64_t integer_of(std::string_view text)
{
    std::int64_t value = 0;
    CHECK(read_integer(text, value) == errc());
    return value;
}

constexpr std::string_view consume_answer =
    R"( {"records" : [ {"key":"k1","value":{"a":[1,2.5e3,true]},"partition":0,"offset":41,"timestamp":-1,)"
    R"("timestampType":"CREATE_TIME"} , {"key":null,"value":"caf\u00e9 \"x\"","offset":42}],"more":false} )";

} // namespace

TEST_CASE("each kind of value is read, blanks around it or not")
{
    for (std::string_view text :
         {"null", "true", "false", "0", "-0", "12", "-3.25", "1e5", "1E+5", "1e-05", "0.0", "\"\"",
          "\"text\"", "[]", "{}", "[[],{}]", R"({"a":{"b":[null]},"a":1})"}) {
        CAPTURE(text);
        CHECK(valid_json(text));
        CHECK(test::pull_document(text));
        auto const padded = " \t\r\n" + std::string(text) + "\n ";
        CHECK(valid_json(padded));
        json_reader in(padded);
        std::string_view slice;
        CHECK(in.value(slice));
        CHECK(slice == text);
        CHECK(in.finish());
        CHECK(in.fault() == errc());
    }
}

TEST_CASE("a fault is found at its byte")
{
    CHECK(fault_at("") == 0);
    CHECK_FALSE(valid_json(std::string_view()));
    CHECK(fault_at("  ") == 2);
    CHECK(fault_at("nul") == 3);
    CHECK(fault_at("nulL") == 3);
    CHECK(fault_at("True") == 0);
    CHECK(fault_at("truefalse") == 4);
    CHECK(fault_at("01") == 1);
    CHECK(fault_at("-") == 1);
    CHECK(fault_at("-a") == 1);
    CHECK(fault_at("+1") == 0);
    CHECK(fault_at("1.") == 2);
    CHECK(fault_at(".5") == 0);
    CHECK(fault_at("1.e5") == 2);
    CHECK(fault_at("1e") == 2);
    CHECK(fault_at("1e+") == 3);
    CHECK(fault_at("1 2") == 2);
    CHECK(fault_at("NaN") == 0);
    CHECK(fault_at("[1,]") == 3);
    CHECK(fault_at("[1 2]") == 3);
    CHECK(fault_at("[,1]") == 1);
    CHECK(fault_at("[1}") == 2);
    CHECK(fault_at("[") == 1);
    CHECK(fault_at("[]]") == 2);
    CHECK(fault_at("{\"a\" 1}") == 5);
    CHECK(fault_at("{\"a\":}") == 5);
    CHECK(fault_at("{\"a\":1,}") == 7);
    CHECK(fault_at("{a:1}") == 1);
    CHECK(fault_at("{1:1}") == 1);
    CHECK(fault_at("{\"a\":1]") == 6);
    CHECK(fault_at("\"abc") == 4);
    CHECK(fault_at("\"ab\tc\"") == 3);
    CHECK(fault_at("\"ab\\xc\"") == 3);
    CHECK(fault_at("\"\\") == 1);
    CHECK(fault_at("\"\\u12") == 1);
    CHECK(fault_at("\"\\u12g4\"") == 1);
    CHECK(fault_at("\"\\u\"aaaa") == 1);
    CHECK(fault_at("'a'") == 0);
    CHECK(fault_at("\xef\xbb\xbf{}") == 0); // a byte order mark
    CHECK(fault_at("\xc2\xa0 1") == 0);     // a no-break space
    CHECK(fault_at(std::string_view("1\0", 2)) == 1);
    CHECK(fault_at(std::string_view("\0", 1)) == 0);
    CHECK(fault_at(std::string_view("\"\0\"", 3)) == 1);
    CHECK(fault_at("[1,/**/2]") == 3);
}

TEST_CASE("strings are UTF-8 without exception, and DEL stands for itself")
{
    CHECK(fault_at("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"") == -1);
    CHECK(fault_at("\"a\xc3\"") == 2);
    CHECK(fault_at("\"\xed\xa0\x80\"") == 1);
    CHECK(fault_at("\"\xc0\xaf\"") == 1);
    CHECK(fault_at("\"\xf4\x90\x80\x80\"") == 1);
    CHECK(fault_at("\"\x80\"") == 1);
    CHECK(fault_at("{\"\xff\":1}") == 2);
    CHECK(fault_at("\"\xf0\x9f\x98") == 1);
}

TEST_CASE("every byte is judged alike at every place of a long string")
{
    // Short and long runs take different ways through the scan.
    for (std::size_t place = 0; place != 199; ++place)
        for (unsigned byte :
             {0x00U, 0x1fU, 0x20U, 0x21U, 0x22U, 0x23U, 0x5bU, 0x5cU, 0x5dU, 0x7fU, 0x80U, 0xffU}) {
            std::string text = '"' + std::string(200, 'x') + '"';
            text[place + 1] = static_cast<char>(byte);
            auto const fault = fault_at(text);
            auto const expected = byte == '"' ? place + 2 // text behind the value
                                  : byte == '\\' || byte < 0x20 || byte > 0x7f ? place + 1
                                                                               : std::size_t(-1);
            if (fault != static_cast<std::ptrdiff_t>(expected)) {
                CAPTURE(place);
                CAPTURE(byte);
                CHECK(fault == static_cast<std::ptrdiff_t>(expected));
            }
        }
}

TEST_CASE("eight characters and the hexadecimal digits make an escape, and no others do")
{
    for (unsigned byte = 0; byte != 256; ++byte) {
        auto const character = static_cast<char>(byte);
        CAPTURE(byte);
        bool const one =
            byte != 0 && std::string_view("\"\\/bfnrt").find(character) != std::string_view::npos;
        CHECK((fault_at(std::string("\"\\") + character + '"') == -1) == one);
        bool const digit =
            byte != 0 && std::string_view("0123456789abcdefABCDEF").find(character) != std::string_view::npos;
        for (std::size_t place = 3; place != 7; ++place) {
            std::string text = "\"\\u1234\"";
            text[place] = character;
            CHECK((fault_at(text) == -1) == digit);
        }
    }
}

TEST_CASE("512 levels are read and the 513th is refused, in every way of reading")
{
    auto const deepest = nested(512);
    CHECK(fault_at(deepest) == -1);
    CHECK(test::pull_document(deepest));
    CHECK(fault_at(nested(513), errc::too_deep) == 512);
    CHECK(fault_at(nested(100'000), errc::too_deep) == 512);
    CHECK_FALSE(test::pull_document(nested(513)));

    auto const objects = nested(512, "{\"a\":", "}", "1");
    CHECK(fault_at(objects) == -1);
    CHECK(test::pull_document(objects));
    CHECK(fault_at(nested(513, "{\"a\":", "}", "1"), errc::too_deep) == 5 * 512);

    auto const mixed = nested(256, "[{\"a\":", "}]", "[]");
    CHECK(fault_at(mixed, errc::too_deep) == 6 * 256);
    CHECK(fault_at(nested(256, "[{\"a\":", "}]", "null")) == -1);
    CHECK(test::pull_document(nested(256, "[{\"a\":", "}]", "null")));

    // What was closed does not count.
    std::string many = "[";
    for (int i = 0; i != 2000; ++i)
        many += "[[]],";
    CHECK(fault_at(many + "0]") == -1);
}

TEST_CASE("as many levels are read as are allowed, and not one more")
{
    for (std::size_t const most : {0U, 1U, 2U, 63U, 64U, 65U, 127U, 128U, 129U, 1'000U, 100'000U}) {
        CAPTURE(most);
        for (bool const object : {false, true}) {
            auto const levels = [object](std::size_t depth) {
                return object ? nested(depth, "{\"a\":", "}", "1") : nested(depth, "[", "]", "1");
            };
            std::string const allowed = levels(most);
            json_reader deepest(allowed, most);
            CHECK(deepest.deepest() == most);
            CHECK(deepest.skip());
            CHECK(deepest.finish());
            std::string const forbidden = levels(most + 1);
            json_reader deeper(forbidden, most);
            CHECK_FALSE(deeper.skip());
            CHECK(deeper.fault() == errc::too_deep);
            CHECK(deeper.position() == most * (object ? 5 : 1));
        }
    }
}

TEST_CASE("a closing bracket must match at every depth")
{
    for (std::size_t depth = 1; depth <= 512; ++depth) {
        std::string text;
        std::string closing;
        for (std::size_t i = 0; i != depth; ++i) {
            bool const object = (i * i / 3) % 2 == 0;
            text += object ? "{\"\":" : "[";
            closing.insert(closing.begin(), object ? '}' : ']');
        }
        text += '0';
        if (fault_at(text + closing) != -1)
            CHECK(depth == 0);
        auto wrong = closing;
        wrong.back() = wrong.back() == '}' ? ']' : '}';
        if (fault_at(text + wrong) != static_cast<std::ptrdiff_t>(text.size() + depth - 1))
            CHECK(depth == 0);
    }
}

TEST_CASE("integers are exact over the whole of int64")
{
    CHECK(integer_of("0") == 0);
    CHECK(integer_of("-0") == 0);
    CHECK(integer_of(" 7 ") == 7);
    CHECK(integer_of("999999999999999999") == 999999999999999999);
    CHECK(integer_of("-999999999999999999") == -999999999999999999);
    CHECK(integer_of("1000000000000000000") == 1000000000000000000);
    CHECK(integer_of("9007199254740993") == 9007199254740993); // no double has this value
    CHECK(integer_of("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
    CHECK(integer_of("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
    CHECK(integer_fault("9223372036854775808") == errc::out_of_range);
    CHECK(integer_fault("-9223372036854775809") == errc::out_of_range);
    CHECK(integer_fault("18446744073709551617") == errc::out_of_range);
    CHECK(integer_fault("100000000000000000000000000000000") == errc::out_of_range);
}

TEST_CASE("what is not an integer is of the wrong kind, or not JSON")
{
    for (std::string_view text : {"1.0", "1e3", "-1E3", "0.5", "\"1\"", "null", "true", "[1]", "{}"}) {
        CAPTURE(text);
        CHECK(integer_fault(text) == errc::wrong_kind);
    }
    for (std::string_view text : {"", "-", "01", "-01", "1.", "1e", "+1", "x", "\"1", "--1", "1-"}) {
        CAPTURE(text);
        CHECK(integer_fault(text) == errc::invalid_json);
    }
    json_reader in("[ 1.5 ]");
    std::int64_t value = 7;
    CHECK(in.enter_array());
    CHECK(in.next_element());
    CHECK_FALSE(in.integer(value));
    CHECK(value == 7);
    CHECK(in.position() == 2);
}

TEST_CASE("asking for another kind is a fault of the kind, at the value")
{
    std::string_view raw;
    for (std::string_view text : {" 1", " null", " {\"a\":[\"b\"]}"}) {
        json_reader in(text);
        CHECK_FALSE(in.string(raw));
        CHECK(in.fault() == errc::wrong_kind);
        CHECK(in.position() == 1);
        CHECK_FALSE(in.finish());
    }
    json_reader array("{}");
    CHECK_FALSE(array.enter_array());
    CHECK(array.fault() == errc::wrong_kind);
    json_reader object("[]");
    CHECK_FALSE(object.enter_object());
    CHECK(object.fault() == errc::wrong_kind);
    json_reader broken("[1,}");
    CHECK_FALSE(broken.enter_object());
    CHECK(broken.fault() == errc::invalid_json);
}

TEST_CASE("a document is pulled piece by piece, and its slices are the exact text")
{
    json_reader in(consume_answer);
    std::string_view name;
    std::string_view value;
    std::int64_t offset = 0;
    std::vector<std::string> seen;
    CHECK(in.peek() == json_kind::object);
    REQUIRE(in.enter_object());
    while (in.next_member(name)) {
        seen.emplace_back(name);
        if (name != "records") {
            CHECK(in.peek() == json_kind::boolean);
            CHECK(in.skip());
            continue;
        }
        CHECK(in.peek() == json_kind::array);
        REQUIRE(in.enter_array());
        while (in.next_element()) {
            REQUIRE(in.enter_object());
            while (in.next_member(name)) {
                if (name == "offset") {
                    CHECK(in.peek() == json_kind::number);
                    CHECK(in.integer(offset));
                    seen.push_back(std::to_string(offset));
                } else if (name == "timestampType") {
                    CHECK(in.string(value));
                    seen.emplace_back(value);
                } else {
                    CHECK(in.value(value));
                    seen.emplace_back(value);
                }
            }
        }
    }
    CHECK(in.finish());
    CHECK(seen == std::vector<std::string>{"records", "\"k1\"", R"({"a":[1,2.5e3,true]})", "0", "41", "-1",
                                           "CREATE_TIME", "null", R"("caf\u00e9 \"x\"")", "42", "more"});
}

TEST_CASE("a name may be written with escapes")
{
    json_reader in(R"({"\u006fff\u0073et":1,"offset\u0000":2})");
    std::string_view name;
    std::int64_t value = 0;
    REQUIRE(in.enter_object());
    REQUIRE(in.next_member(name));
    CHECK(name == R"(\u006fff\u0073et)");
    CHECK(json_equals(name, "offset"));
    CHECK_FALSE(json_equals(name, "offse"));
    CHECK(in.integer(value));
    REQUIRE(in.next_member(name));
    CHECK_FALSE(json_equals(name, "offset"));
    CHECK(json_equals(name, std::string_view("offset\0", 7)));
    CHECK(in.integer(value));
    CHECK_FALSE(in.next_member(name));
    CHECK(in.finish());
    CHECK(json_equals("plain", "plain"));
    CHECK_FALSE(json_equals("plain", "plane"));
    CHECK_FALSE(json_equals(R"(\ud800)", ""));
}

TEST_CASE("every escape is decoded, and half of a surrogate pair is told apart")
{
    std::string out = "replaced";
    CHECK(json_unescape(R"(a\"\\\/\b\f\n\r\tz)", out));
    CHECK(out == "a\"\\/\b\f\n\r\tz");
    CHECK(json_unescape(R"(\u0000\u007F\u00e9\u20AC\ud83d\uDE00\uFFFF)", out));
    CHECK(out == std::string("\0\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf", 14));
    CHECK(json_unescape(R"(\ud800\udc00\udbff\udfff)", out));
    CHECK(out == "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    CHECK(json_unescape("", out));
    CHECK(out.empty());
    for (std::string_view raw : {R"(\ud800)", R"(\udc00)", R"(\ud800\ud800)", R"(\ud800x)", R"(\ud800\n)",
                                 R"(x\udfff\ud800)", R"(\ud800\u0041)", R"(\uD83D\\uDE00)"}) {
        CAPTURE(raw);
        test::exact_text const exact(raw);
        CHECK_FALSE(json_unescape(exact.view(), out));
        CHECK(valid_json('"' + std::string(raw) + '"')); // the grammar allows it
    }
    // Text that no reader gave is refused too, not read past its end.
    for (std::string_view raw :
         {"\\", "a\\", "\\u", "\\u12", "\\u123", "\\u123g", "\\ud800\\u12", "\\ud800\\u123"}) {
        CAPTURE(raw);
        test::exact_text const exact(raw);
        CHECK_FALSE(json_unescape(exact.view(), out));
    }
}

TEST_CASE("the first fault sticks, whatever is called after it")
{
    json_reader in("[1, 2, x, 3]");
    std::string_view slice;
    std::int64_t value = 0;
    REQUIRE(in.enter_array());
    while (in.next_element() && in.integer(value)) {
    }
    CHECK(value == 2);
    for (int i = 0; i != 2; ++i) {
        CHECK(in.failed());
        CHECK(in.fault() == errc::invalid_json);
        CHECK(in.position() == 7);
        CHECK(in.peek() == json_kind::null);
        CHECK_FALSE(in.value(slice));
        CHECK_FALSE(in.skip());
        CHECK_FALSE(in.integer(value));
        CHECK_FALSE(in.string(slice));
        CHECK_FALSE(in.next_element());
        CHECK_FALSE(in.next_member(slice));
        CHECK_FALSE(in.enter_array());
        CHECK_FALSE(in.enter_object());
        CHECK_FALSE(in.finish());
    }
}

TEST_CASE("calls out of turn are faults, never a wrong acceptance")
{
    std::string_view slice;
    auto const refused = [](auto&& steps, std::string_view text) {
        json_reader in(text);
        steps(in);
        CHECK_FALSE(in.finish());
        CHECK(in.fault() == errc::invalid_json);
    };
    refused([&](json_reader&) {}, "1");                                                // nothing was read
    refused([&](json_reader& in) { CHECK((in.skip() && !in.skip())); }, "1");          // a second value
    refused([&](json_reader& in) { CHECK((in.skip() && !in.next_element())); }, "1]"); // in no array
    refused([&](json_reader& in) { CHECK((in.skip() && !in.next_member(slice))); }, "1}");
    refused([&](json_reader& in) { CHECK((in.enter_array() && !in.skip())); }, "[1]"); // before next_element
    refused([&](json_reader& in) { CHECK((in.enter_array() && !in.next_member(slice))); }, "[]");
    refused([&](json_reader& in) { CHECK((in.enter_object() && !in.next_element())); }, "{}");
    refused([&](json_reader& in) { CHECK((in.enter_array() && in.next_element() && !in.next_element())); },
            "[1,2]");
    // A value that was announced is not left out: neither of these is JSON.
    refused(
        [&](json_reader& in) {
            CHECK((in.enter_array() && in.next_element() && in.skip() && in.next_element() &&
                   !in.next_element()));
        },
        "[1,]");
    refused(
        [&](json_reader& in) {
            CHECK((in.enter_object() && in.next_member(slice) && !in.next_member(slice)));
        },
        "{\"a\":}");
    refused([&](json_reader& in) { CHECK(in.enter_array()); }, "[]"); // not left
}

TEST_CASE("every proper prefix of a document is refused, at its end")
{
    auto const text =
        std::string(consume_answer.substr(0, consume_answer.size() - 1)); // ends in its last brace
    REQUIRE(valid_json(text));
    for (std::size_t size = 0; size != text.size(); ++size) {
        test::exact_text const prefix(std::string_view(text).substr(0, size));
        CAPTURE(size);
        CHECK_FALSE(valid_json(prefix.view()));
        CHECK_FALSE(test::pull_document(prefix.view()));
        json_reader in(prefix.view());
        in.skip();
        in.finish();
        CHECK(in.position() <= size);
        CHECK(in.position() + 6 >= size); // an escape that is cut off is reported at its backslash
    }
}

TEST_CASE("damaged documents are judged by their own bytes alone, and alike by every way of reading")
{
    constexpr std::uint64_t seed = 20240611;
    MESSAGE("seed ", seed);
    test::json_generator generator(seed);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int round = 0; round != 60'000; ++round) {
        auto const text = round % 4 == 0 ? generator.document() : generator.damage(generator.document());
        test::exact_text const exact(text); // under ASan: a read behind the end ends the test
        json_reader in(exact.view());
        bool const valid = in.skip() && in.finish();
        (valid ? accepted : refused) += 1;
        if (round % 4 == 0)
            REQUIRE(valid);
        if (test::pull_document(exact.view()) != valid || valid_json(exact.view()) != valid)
            FAIL("two ways of reading differ on ", text);

        // Without ASan: what stands behind the end makes no difference.
        for (std::string_view behind : {"\"]}", "0e1", "\\u00", "}]}]"}) {
            auto const longer = text + std::string(behind);
            json_reader again(std::string_view(longer).substr(0, text.size()));
            if ((again.skip() && again.finish()) != valid || again.position() != in.position())
                FAIL("the bytes behind the end matter to ", text);
        }
    }
    MESSAGE(accepted, " accepted, ", refused, " refused");
    CHECK(accepted > 16'000);
    CHECK(refused > 16'000);
}
