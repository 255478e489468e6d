// What single JSON tokens mean: a value's kind, the characters of a string, a number as a double.
#ifndef HDIKAFKA_DETAIL_JSON_TEXT_HPP
#define HDIKAFKA_DETAIL_JSON_TEXT_HPP

#include <hdikafka/detail/base/utf8.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1 {

/// What a JSON value is.
enum class json_kind : unsigned char
{
    null,    ///< `null`
    boolean, ///< `true` or `false`
    number,  ///< Any number; whether it fits a type is told by asking for it.
    string,  ///< `"…"`
    array,   ///< `[…]`
    object,  ///< `{…}`
};

namespace detail {

/// The kind of a value, told by its first character. Null for a character that begins no value.
inline json_kind json_kind_of(char first) noexcept
{
    switch (first) {
    case '"': return json_kind::string;
    case '{': return json_kind::object;
    case '[': return json_kind::array;
    case 't':
    case 'f': return json_kind::boolean;
    case '-': return json_kind::number;
    default: return first >= '0' && first <= '9' ? json_kind::number : json_kind::null;
    }
}

inline char const* json_kind_name(json_kind kind) noexcept
{
    switch (kind) {
    case json_kind::boolean: return "a boolean";
    case json_kind::number: return "a number";
    case json_kind::string: return "a string";
    case json_kind::array: return "an array";
    case json_kind::object: return "an object";
    case json_kind::null: break;
    }
    return "null";
}

inline bool is_digit(char character) noexcept { return character >= '0' && character <= '9'; }

/// The UTF-16 unit of the escape \uXXXX that `raw` has at `at`, or 0x10000, which no unit is.
inline char32_t json_escaped_unit(std::string_view raw, std::size_t at) noexcept
{
    constexpr char32_t none = 0x10000;
    if (raw.size() < at + 6 || raw[at] != '\\' || raw[at + 1] != 'u')
        return none;
    std::uint16_t unit = 0;
    char const* const end = raw.data() + at + 6;
    return std::from_chars(end - 4, end, unit, 16).ptr == end ? unit : none;
}

/// Decodes the text between a string's quotes, as a json_reader gave it, into `out` (replaced).
/// False at a surrogate escape without its other half, which stands for no character.
inline bool json_unescape(std::string_view raw, std::string& out)
{
    out.clear();
    for (std::size_t at = 0;;) {
        auto const escape = raw.find('\\', at);
        out.append(raw.substr(at, escape - at));
        if (escape == std::string_view::npos)
            return true;
        if (escape + 1 == raw.size())
            return false;
        at = escape + 2;
        switch (raw[escape + 1]) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        default: out += raw[escape + 1]; break; // quote, backslash, slash
        case 'u':
            char32_t code_point = json_escaped_unit(raw, escape);
            at = escape + 6;
            if (code_point >= 0xd800 && code_point < 0xdc00) {
                auto const low = json_escaped_unit(raw, at);
                if (low < 0xdc00 || low > 0xdfff)
                    return false;
                code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            } else if (code_point >= 0xdc00 && (code_point < 0xe000 || code_point > 0xffff)) {
                return false;
            }
            append_utf8(out, code_point);
        }
    }
}

/// Without <cmath>, which would take as long to compile as all of this file.
constexpr bool is_finite(double value) noexcept
{
    return value >= std::numeric_limits<double>::lowest() && value <= std::numeric_limits<double>::max();
}

/// A valid JSON number as a double. False when it is too large for one; what is too small becomes zero.
inline bool json_to_double(std::string_view number, double& out) noexcept
{
    if (std::from_chars(number.data(), number.data() + number.size(), out).ec == std::errc())
        return is_finite(out);
    // from_chars does not say on which side the number left the range: its decimal magnitude does.
    bool const negative = number.front() == '-';
    std::int64_t magnitude =
        0; // position of the first digit that is not 0, left of the point counted positive
    std::size_t at = negative ? 1 : 0;
    bool fraction = false;
    bool significant = false;
    for (; at != number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
        if (number[at] == '.') {
            fraction = true;
            continue;
        }
        significant = significant || number[at] != '0';
        if (significant && !fraction)
            ++magnitude;
        else if (!significant && fraction)
            --magnitude;
    }
    if (at != number.size()) {
        ++at;
        bool const down = number[at] == '-';
        if (down || number[at] == '+')
            ++at;
        std::int64_t exponent = 0;
        for (; at != number.size() && exponent < 1'000'000'000'000; ++at)
            exponent = exponent * 10 + (number[at] - '0');
        magnitude += down ? -exponent : exponent;
    }
    if (significant && magnitude > 0)
        return false;
    out = negative ? -0.0 : 0.0;
    return true;
}

} // namespace detail

} // namespace hdikafka::inline v0_1

#endif
