// Writing JSON scalars into a growing text.
#ifndef HDIKAFKA_DETAIL_JSON_WRITER_HPP
#define HDIKAFKA_DETAIL_JSON_WRITER_HPP

#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/json/text.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Appends `text` as a JSON string, quotes included. False, with `out` unchanged, if it is not UTF-8.
inline bool append_json_string(std::string& out, std::string_view text)
{
    auto const before = out.size();
    char const* at = text.data();
    char const* const end = at + text.size();
    char const* copied = at;
    if (before == 0)
        out.reserve(text.size() + 2); // most text needs no escapes
    out += '"';
    while ((at = plain_end(at, end)) != end) {
        if (byte_at(at) >= 0x80) {
            auto const length = utf8_length(at, end);
            if (length == 0) {
                out.resize(before);
                return false;
            }
            at += length;
            continue;
        }
        out.append(copied, at);
        auto const character = byte_at(at);
        copied = ++at;
        out += '\\';
        switch (character) {
        case '\b': out += 'b'; break;
        case '\f': out += 'f'; break;
        case '\n': out += 'n'; break;
        case '\r': out += 'r'; break;
        case '\t': out += 't'; break;
        case '"':
        case '\\': out += static_cast<char>(character); break;
        default: out += character < 0x10 ? "u000" : "u001"; out += "0123456789abcdef"[character % 16];
        }
    }
    out.append(copied, end);
    out += '"';
    return true;
}

template <std::integral T>
void append_json_integer(std::string& out, T value)
{
    std::array<char, 24> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

/// How many characters append_json_integer() writes.
template <std::integral T>
std::size_t integer_size(T value)
{
    std::array<char, 24> digits{};
    auto const* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return static_cast<std::size_t>(end - digits.data());
}

/// Appends the shortest text that reads back as the same double. False, with `out` unchanged, if it is
/// not finite.
inline bool append_json_double(std::string& out, double value)
{
    if (!is_finite(value))
        return false;
    std::array<char, 32> digits{}; // the longest is 24: -2.2250738585072014e-308
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
    return true;
}

} // namespace hdikafka::inline v0_1::detail

#endif
