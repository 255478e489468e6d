// base64 and base64url, in both directions.
#include <hdikafka/base64_codec.hpp>
#include <hdikafka/detail/base/base64.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using hdikafka::detail::base64_decode;
using hdikafka::detail::base64_encode;
using hdikafka::detail::base64_form;
using std::string;
using enum base64_form;

class vector
{
public:
    string bytes;
    string standard_text;
    string url_text;
};

void check_both_ways(vector const& row)
{
    CHECK(base64_encode(row.bytes, standard) == row.standard_text);
    CHECK(base64_encode(row.bytes, url) == row.url_text);
    CHECK(base64_decode(row.standard_text, standard) == row.bytes);
    CHECK(base64_decode(row.url_text, url) == row.bytes);
}

} // namespace

TEST_CASE("the vectors of RFC 4648 §10")
{
    for (vector const& row :
         {vector{"", "", ""}, vector{"f", "Zg==", "Zg"}, vector{"fo", "Zm8=", "Zm8"},
          vector{"foo", "Zm9v", "Zm9v"}, vector{"foob", "Zm9vYg==", "Zm9vYg"},
          vector{"fooba", "Zm9vYmE=", "Zm9vYmE"}, vector{"foobar", "Zm9vYmFy", "Zm9vYmFy"}}) {
        INFO(row.bytes);
        check_both_ways(row);
    }
}

TEST_CASE("every byte, and bytes drawn by chance, as Python's base64 writes them")
{
    string all;
    for (int c = 0; c != 256; ++c)
        all += static_cast<char>(c);
    string const written =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElK"
        "S0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SV"
        "lpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g"
        "4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==";
    string for_url = written.substr(0, written.size() - 2);
    for (char& c : for_url)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    for (vector const& row :
         {vector{all, written, for_url}, vector{"\x9f", "nw==", "nw"}, vector{"dA", "ZEE=", "ZEE"},
          vector{"\xc0\xe5\xbd", "wOW9", "wOW9"}, vector{"\xbc\xfb\xc8\x5b", "vPvIWw==", "vPvIWw"},
          vector{"\x37\xce\x91\xcb\x1f\xc1\xb0", "N86Ryx/BsA==", "N86Ryx_BsA"},
          vector{"\xea\x6b\x44\xf1\x30\x43\x6d\xd7\x29\xfe\x69\xbd\x9e\x8c\xeb\xa6",
                 "6mtE8TBDbdcp/mm9nozrpg==", "6mtE8TBDbdcp_mm9nozrpg"},
          vector{
              "\xa0\x7d\x1d\xec\x25\xb1\xb0\x87\xef\xe2\x6c\x07\xff\x0d\x21\xd7\xdb\x0b\x33\x77\x77\x38\xa5"
              "\xc6\x74\xd3\x7f\xf1\xea\xc1\x3f",
              "oH0d7CWxsIfv4mwH/w0h19sLM3d3OKXGdNN/8erBPw==",
              "oH0d7CWxsIfv4mwH_w0h19sLM3d3OKXGdNN_8erBPw"}}) {
        INFO(row.standard_text);
        check_both_ways(row);
    }
}

TEST_CASE("what was encoded comes back, at every length from 0 to 64")
{
    std::mt19937 random(11);
    for (base64_form const form : {standard, url}) {
        for (std::size_t size = 0; size <= 64; ++size) {
            CAPTURE(size);
            string by_chance;
            for (std::size_t i = 0; i != size; ++i)
                by_chance += static_cast<char>(random());
            for (string const& bytes : {by_chance, string(size, '\0'), string(size, '\xff')}) {
                auto const text = base64_encode(bytes, form);
                CHECK(text.size() == (form == standard ? (size + 2) / 3 * 4 : (size * 4 + 2) / 3));
                CHECK(base64_decode(text, form) == bytes);
            }
        }
    }
}

TEST_CASE("decoding refuses everything that encoding does not make")
{
    class row
    {
    public:
        base64_form form;
        std::string_view text;
        char const* why;
    };
    for (row const& bad : {row{standard, "Z", "a length that is no multiple of four"},
                           row{standard, "Zg", "no padding"},
                           row{standard, "Zg=", "half of the padding"},
                           row{standard, "Zg===", "too much padding"},
                           row{standard, "Zm8", "no padding"},
                           row{standard, "Zm8==", "too much padding"},
                           row{standard, "Zm9v=", "padding behind a whole group"},
                           row{standard, "Zm9v====", "a group of padding"},
                           row{standard, "====", "padding alone"},
                           row{standard, "=", "padding alone"},
                           row{standard, "Z===", "one digit"},
                           row{standard, "Zm9vZ===", "one digit in the last group"},
                           row{standard, "=Zg=", "padding in front"},
                           row{standard, "Z=g=", "padding in the middle"},
                           row{standard, "Zg==Zg==", "padding within"},
                           row{standard, "Zh==", "bits behind the last byte"},
                           row{standard, "Zm9=", "bits behind the last byte"},
                           row{standard, "Z-8=", "a digit of the other alphabet"},
                           row{standard, "Z_8=", "a digit of the other alphabet"},
                           row{standard, "Zg= ", "a blank"},
                           row{standard, " Zg==", "a blank"},
                           row{standard, "Zm9v\n", "a line end"},
                           row{standard, "Zm9\n", "a line end"},
                           row{standard, std::string_view("Zm9\0", 4), "NUL"},
                           row{standard, "Zm9\xc3", "a byte above 127"},
                           row{url, "Z", "one digit"},
                           row{url, "Zm9vZ", "one digit in the last group"},
                           row{url, "A", "one digit, of no bits"},
                           row{url, "Zg==", "padding"},
                           row{url, "Zm8=", "padding"},
                           row{url, "=", "padding"},
                           row{url, "Zh", "bits behind the last byte"},
                           row{url, "Zm9", "bits behind the last byte"},
                           row{url, "Z+8", "a digit of the other alphabet"},
                           row{url, "Z/8", "a digit of the other alphabet"},
                           row{url, "Zg.", "a dot"},
                           row{url, "Zm8 ", "a blank"}}) {
        INFO(bad.text << ": " << bad.why);
        CHECK_FALSE(base64_decode(bad.text, bad.form));
    }
}

TEST_CASE("of all short texts those are taken that Python takes strictly, each for one text of bytes")
{
    constexpr std::string_view characters = "AQgwz9+/=-_ ";
    auto const taken = [&](base64_form form, std::size_t size) {
        std::size_t texts = 1;
        for (std::size_t i = 0; i != size; ++i)
            texts *= characters.size();
        int count = 0;
        for (std::size_t number = 0; number != texts; ++number) {
            string text;
            for (auto rest = number; text.size() != size; rest /= characters.size())
                text += characters[rest % characters.size()];
            auto const bytes = base64_decode(text, form);
            count += bytes ? 1 : 0;
            if (bytes && base64_encode(*bytes, form) != text)
                FAIL_CHECK(text << " was taken, and is not what its bytes are written as");
        }
        return count;
    };
    std::array<int, 5> const expected_standard{1, 0, 0, 0, 4384};
    std::array<int, 5> const expected_url{1, 0, 32, 256, 4096};
    for (std::size_t size = 0; size != 5; ++size) {
        CAPTURE(size);
        CHECK(taken(standard, size) == expected_standard[size]);
        CHECK(taken(url, size) == expected_url[size]);
    }
}

TEST_CASE("the codec carries any bytes through JSON, in whatever way their string is escaped")
{
    using hdikafka::base64_codec;
    std::mt19937_64 random(20'261'123);
    for (std::size_t size = 0; size != 300; ++size) {
        string bytes(size, '\0');
        for (char& one : bytes)
            one = static_cast<char>(random());
        hdikafka::json const text = base64_codec::encode(bytes);
        CHECK(text.view().as_string() == base64_encode(bytes, standard));
        CHECK(base64_codec::decode(text) == bytes);
        CHECK(base64_codec::encode(std::as_bytes(std::span(bytes))) == text);
    }
    CHECK(base64_codec::decode(hdikafka::json::parse(R"("\/\u002bA=")")) == "\xff\xe0");
}

TEST_CASE("the codec refuses what it has not made")
{
    using hdikafka::base64_codec;
    auto const code_of = [](hdikafka::json const& value) -> std::error_code {
        try {
            base64_codec::decode(value);
        } catch (hdikafka::error const& thrown) {
            return thrown.code();
        }
        return {};
    };
    for (char const* const text :
         {"A", "AA", "AAA", "AA= ", "AB==", "A===", "AA==\n", "_-8=", "AAAA====", "ab d"})
        CHECK_MESSAGE(code_of(text) == hdikafka::errc::invalid_base64, text);
    CHECK(code_of(nullptr) == hdikafka::errc::wrong_kind);
    CHECK(code_of(42) == hdikafka::errc::wrong_kind);
    CHECK_FALSE(code_of(""));
}
