// base64: bytes as letters, for Basic credentials, and base64url, which JSON web tokens are made of (RFC 4648
// §4 and §5).
#ifndef HDIKAFKA_DETAIL_BASE_BASE64_HPP
#define HDIKAFKA_DETAIL_BASE_BASE64_HPP

#include <hdikafka/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

enum class base64_form : unsigned char
{
    standard, ///< With '+' and '/', padded with '='.
    url       ///< With '-' and '_', never padded.
};

constexpr std::string_view base64_digits(base64_form form) noexcept
{
    return form == base64_form::url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                                    : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

inline constexpr unsigned char no_digit = 0xff;

/// What each byte is worth as a digit, or no_digit.
constexpr std::array<unsigned char, 256> base64_values(base64_form form) noexcept
{
    std::array<unsigned char, 256> out{};
    out.fill(no_digit);
    unsigned char value = 0;
    for (char const digit : base64_digits(form))
        out[static_cast<unsigned char>(digit)] = value++;
    return out;
}

inline std::string base64_encode(std::string_view bytes, base64_form form)
{
    auto const digits = base64_digits(form);
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        auto const group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i != 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        for (std::size_t i = 0; i != 4; ++i) {
            if (i <= group.size())
                out += digits[bits >> (18 - 6 * i) & 63];
            else if (form == base64_form::standard)
                out += '=';
        }
    }
    return out;
}

/// The bytes, or nothing when `text` is not exactly what base64_encode() makes of some: a blank or line
/// end, a wrong length, padding too much or too little, and bits behind the last byte are all refused.
inline std::optional<std::string> base64_decode(std::string_view text, base64_form form)
{
    if (form == base64_form::standard) {
        if (text.size() % 4 != 0)
            return std::nullopt;
        for (int most = 2; most != 0 && text.ends_with('='); --most)
            text.remove_suffix(1);
    }
    if (text.size() % 4 == 1)
        return std::nullopt;
    static constexpr auto standard = base64_values(base64_form::standard);
    static constexpr auto url = base64_values(base64_form::url);
    auto const& values = form == base64_form::url ? url : standard;
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0; // what no whole byte was made of yet
    unsigned count = 0;
    for (char const digit : text) {
        std::uint32_t const value = values[static_cast<unsigned char>(digit)];
        if (value == no_digit)
            return std::nullopt;
        bits = bits << 6 | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(static_cast<unsigned char>(bits >> count));
            bits &= (1U << count) - 1;
        }
    }
    return bits == 0 ? std::optional(std::move(out)) : std::nullopt;
}

} // namespace hdikafka::inline v0_1::detail

#endif
