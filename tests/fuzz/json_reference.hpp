// JSON and UTF-8 as plain as can be, slow and written apart from the library: what json.cpp holds it against.
#ifndef HDIKAFKA_TESTS_FUZZ_JSON_REFERENCE_HPP
#define HDIKAFKA_TESTS_FUZZ_JSON_REFERENCE_HPP

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fuzz {

/// Takes the UTF-8 sequence off the front of a text that is not empty; nothing if none is there.
inline std::optional<char32_t> take_code_point(std::string_view& text)
{
    auto const lead = static_cast<unsigned char>(text.front());
    std::size_t const size = lead < 0x80       ? 1
                             : lead >> 5 == 6  ? 2
                             : lead >> 4 == 14 ? 3
                             : lead >> 3 == 30 ? 4
                                               : 0;
    if (size == 0 || text.size() < size)
        return std::nullopt;
    char32_t value = size == 1 ? lead : lead & (0x7fU >> size);
    for (std::size_t i = 1; i != size; ++i) {
        auto const next = static_cast<unsigned char>(text[i]);
        if (next >> 6 != 2)
            return std::nullopt;
        value = value << 6 | (next & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (value < least[size] || value > 0x10ffff || value >> 11 == 0x1b)
        return std::nullopt;
    text.remove_prefix(size);
    return value;
}

inline bool is_utf8(std::string_view text)
{
    while (!text.empty())
        if (!take_code_point(text))
            return false;
    return true;
}

/// The UTF-16 units of a text that is UTF-8; with `escapes`, of what stands between a JSON string's quotes.
inline std::u16string utf16(std::string_view text, bool escapes)
{
    std::u16string units;
    while (!text.empty()) {
        auto const unit = take_code_point(text).value();
        if (escapes && unit == '\\') {
            constexpr std::string_view letters = "bfnrt";
            auto const letter = letters.find(text.front());
            text.remove_prefix(1);
            if (letter != std::string_view::npos) {
                units += u"\b\f\n\r\t"[letter];
            } else if (text.data()[-1] == 'u') {
                units += static_cast<char16_t>(std::stoul(std::string(text.substr(0, 4)), nullptr, 16));
                text.remove_prefix(4);
            } else {
                units += static_cast<char16_t>(text.data()[-1]);
            }
        } else if (unit > 0xffff) {
            units += static_cast<char16_t>(0xd800 + ((unit - 0x10000) >> 10));
            units += static_cast<char16_t>(0xdc00 + ((unit - 0x10000) & 0x3ff));
        } else {
            units += static_cast<char16_t>(unit);
        }
    }
    return units;
}

/// Whether every unit of a surrogate pair is beside its other half.
inline bool has_no_half_pair(std::u16string_view units)
{
    for (std::size_t i = 0; i != units.size(); ++i) {
        bool const high = units[i] >> 10 == 0x36;
        if (high && (i + 1 == units.size() || units[i + 1] >> 10 != 0x37))
            return false;
        if (units[i] >> 10 == 0x37 && (i == 0 || units[i - 1] >> 10 != 0x36))
            return false;
    }
    return true;
}

/// RFC 8259, one character after the other; whether it is UTF-8 is another question.
class json_grammar
{
public:
    explicit json_grammar(std::string_view text) : rest_(text) {}

    bool document() { return item(0) && rest_.empty(); }

private:
    bool take(char c)
    {
        bool const here = rest_.starts_with(c);
        rest_.remove_prefix(here ? 1 : 0);
        return here;
    }
    bool take_one_of(std::string_view set)
    {
        bool const here = !rest_.empty() && set.find(rest_.front()) != std::string_view::npos;
        rest_.remove_prefix(here ? 1 : 0);
        return here;
    }
    bool take_all_of(std::string_view set)
    {
        bool const some = take_one_of(set);
        while (take_one_of(set))
            ;
        return some;
    }
    bool take_word(std::string_view word)
    {
        bool const here = rest_.starts_with(word);
        rest_.remove_prefix(here ? word.size() : 0);
        return here;
    }
    void blanks() { take_all_of(" \t\r\n"); }

    /// A value with the blanks around it.
    // NOLINTNEXTLINE(misc-no-recursion): `depth` ends it
    bool item(std::size_t depth)
    {
        blanks();
        bool const read = rest_.starts_with('{')   ? list('}', depth + 1)
                          : rest_.starts_with('[') ? list(']', depth + 1)
                          : rest_.starts_with('"')
                              ? string()
                              : take_word("true") || take_word("false") || take_word("null") || number();
        blanks();
        return read;
    }

    // NOLINTNEXTLINE(misc-no-recursion): `depth` ends it
    bool list(char end, std::size_t depth)
    {
        rest_.remove_prefix(1);
        blanks();
        if (depth > 512)
            return false;
        if (take(end))
            return true;
        do {
            blanks();
            if (end == '}' && !string())
                return false;
            blanks();
            if ((end == '}' && !take(':')) || !item(depth))
                return false;
        } while (take(','));
        return take(end);
    }

    bool string()
    {
        if (!take('"'))
            return false;
        while (!take('"')) {
            if (rest_.empty())
                return false;
            auto const c = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            if (c < ' ' || (c == '\\' && !escape()))
                return false;
        }
        return true;
    }

    bool escape()
    {
        if (!take('u'))
            return take_one_of("\"\\/bfnrt");
        for (int i = 0; i != 4; ++i)
            if (!take_one_of("0123456789abcdefABCDEF"))
                return false;
        return true;
    }

    bool number()
    {
        constexpr std::string_view digits = "0123456789";
        take('-');
        if (!take('0') && !take_all_of(digits))
            return false;
        if (take('.') && !take_all_of(digits))
            return false;
        if (!take_one_of("eE"))
            return true;
        take_one_of("+-");
        return take_all_of(digits);
    }

    std::string_view rest_;
};

} // namespace fuzz

#endif
