// UTF-8: what is well formed, held against a second, plain implementation; and the scan that finds the
// bytes of a string that need attention.
#include <hdikafka/detail/base/utf8.hpp>

#include "support/json/json_texts.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace hdikafka::detail;

namespace {

/// Decodes first and judges the code point afterwards, where the library judges bytes.
bool well_formed(std::string_view text)
{
    std::size_t at = 0;
    while (at != text.size()) {
        auto const lead = static_cast<unsigned char>(text[at++]);
        int const more = lead < 0x80       ? 0
                         : lead >> 5 == 6  ? 1
                         : lead >> 4 == 14 ? 2
                         : lead >> 3 == 30 ? 3
                                           : -1;
        if (more < 0)
            return false;
        std::uint32_t code_point = more == 0 ? lead : lead & (0x3fU >> more);
        for (int i = 0; i != more; ++i) {
            if (at == text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80)
                return false;
            code_point = code_point << 6 | (static_cast<unsigned char>(text[at++]) & 0x3f);
        }
        constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code_point < least[more] || code_point > 0x10ffff ||
            (code_point >= 0xd800 && code_point < 0xe000))
            return false;
    }
    return true;
}

} // namespace

TEST_CASE("every code point is well formed once it is encoded, and only its first byte tells its length")
{
    bool all_valid = true;
    bool all_lengths = true;
    for (char32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
        if (code_point >= 0xd800 && code_point < 0xe000)
            continue;
        std::string text;
        append_utf8(text, code_point);
        all_valid = all_valid && valid_utf8(text) && well_formed(text);
        all_lengths = all_lengths && utf8_length(text.data(), text.data() + text.size()) == text.size() &&
                      text.size() == (code_point < 0x80      ? 1U
                                      : code_point < 0x800   ? 2U
                                      : code_point < 0x10000 ? 3U
                                                             : 4U);
    }
    CHECK(all_valid);
    CHECK(all_lengths);
}

TEST_CASE("surrogates, overlong forms and code points above U+10FFFF are refused")
{
    std::string surrogate;
    append_utf8(surrogate, 0xd800); // which a caller must not do
    CHECK_FALSE(valid_utf8(surrogate));
    CHECK_FALSE(valid_utf8("\xc0\x80"));
    CHECK_FALSE(valid_utf8("\xe0\x9f\xbf"));
    CHECK_FALSE(valid_utf8("\xf0\x8f\xbf\xbf"));
    CHECK_FALSE(valid_utf8("\xf4\x90\x80\x80"));
    CHECK_FALSE(valid_utf8("\xff"));
    CHECK(valid_utf8(""));
    CHECK(valid_utf8(std::string_view("\0\x7f", 2)));
}

TEST_CASE("all sequences of up to four bytes at the edges agree with a plain decoder, cut off anywhere")
{
    constexpr std::string_view edges("\x00\x41\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed"
                                     "\xee\xef\xf0\xf1\xf3\xf4\xf5\xff",
                                     25);
    std::size_t disagreements = 0;
    std::size_t accepted = 0;
    for (char const a : edges)
        for (char const b : edges)
            for (char const c : edges)
                for (char const d : edges) {
                    char const bytes[] = {a, b, c, d};
                    for (std::size_t size = 1; size <= 4; ++size) {
                        test::exact_text const text(std::string_view(bytes, size));
                        bool const valid = valid_utf8(text.view());
                        accepted += valid;
                        disagreements += valid != well_formed(text.view());
                    }
                }
    CHECK(disagreements == 0);
    CHECK(accepted > 1000);
}

TEST_CASE("the scan stops at the first byte that is not plain, wherever it stands and however it is made")
{
    std::size_t disagreements = 0;
    for (std::size_t size = 0; size <= 100; ++size)
        for (std::size_t place = 0; place <= size; ++place)
            for (unsigned value = 0; value != 256; ++value) {
                if (place == size && value != 0)
                    continue;
                std::string text(size, value % 2 == 0 ? ' ' : '~');
                if (place != size)
                    text[place] = static_cast<char>(value);
                // A second special byte behind the first must not move it.
                if (place + 3 < size)
                    text[place + 3] = '"';
                test::exact_text const exact(text);
                auto const* const begin = exact.view().data();
                auto const* const end = begin + size;
                auto const* const expected = plain_end_by_byte(begin, end);
                disagreements += plain_end(begin, end) != expected;
                disagreements += plain_end_by_word(begin, end) != expected;
            }
    CHECK(disagreements == 0);
    for (unsigned value = 0; value != 256; ++value) {
        auto const character = static_cast<char>(value);
        bool const expected = value >= ' ' && value <= '~' + 1U && value != '"' && value != '\\';
        CHECK(is_plain(character) == expected);
    }
}
