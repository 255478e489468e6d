// The small rules of HTTP/1.1 that reading and writing share: characters, lists, numbers, lines
// (RFC 9110 §5.5 and §5.6, RFC 9112 §2.2). Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_HTTP_SYNTAX_HPP
#define HDIKAFKA_DETAIL_HTTP_SYNTAX_HPP

#include <hdikafka/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What is wrong with a message: nothing, or a code and a whole sentence about it.
class http_fault
{
public:
    http_fault() = default;
    http_fault(errc code, std::string cause) : code_(code), cause_(std::move(cause)) {}

    explicit operator bool() const noexcept { return code_ != errc(); }
    errc code() const noexcept { return code_; }
    std::string const& cause() const noexcept { return cause_; }

private:
    errc code_ = errc();
    std::string cause_;
};

inline constexpr auto http_token_characters = [] {
    std::array<bool, 256> table{};
    for (char const character : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                                 "abcdefghijklmnopqrstuvwxyz"
                                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        table[static_cast<unsigned char>(character)] = true;
    return table;
}();

constexpr bool is_token_character(char character) noexcept
{
    return http_token_characters[static_cast<unsigned char>(character)];
}

/// A method, a field name, a parameter name: 1*tchar.
constexpr bool is_token(std::string_view text) noexcept
{
    for (char const character : text)
        if (!is_token_character(character))
            return false;
    return !text.empty();
}

/// Whether a field value or a reason phrase has no control character but HTAB. Eight bytes at a time:
/// a header is mostly values.
inline bool is_field_text(std::string_view text) noexcept
{
    auto const plain = [](char character) {
        auto const byte = static_cast<unsigned char>(character);
        return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    };
    constexpr std::uint64_t ones = 0x0101010101010101;
    std::size_t at = 0;
    for (; text.size() - at >= 8; at += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + at, 8);
        std::uint64_t const del = word ^ ones * 0x7f;
        std::uint64_t const low = (word - ones * 0x20) & ~word;
        if (((low | ((del - ones) & ~del)) & ones * 0x80) == 0)
            continue;
        for (std::size_t i = at; i != at + 8; ++i)
            if (!plain(text[i]))
                return false;
    }
    for (; at != text.size(); ++at)
        if (!plain(text[at]))
            return false;
    return true;
}

constexpr bool is_blank(char character) noexcept { return character == ' ' || character == '\t'; }

/// Without the optional white space (SP, HTAB) around it.
constexpr std::string_view trim_blanks(std::string_view text) noexcept
{
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

constexpr char ascii_lower(char character) noexcept
{
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character | 0x20) : character;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i != a.size(); ++i)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

/// 1*DIGIT without overflow; leading zeros are allowed, signs and blanks are not.
constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept
{
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    for (char const character : text) {
        if (character < '0' || character > '9')
            return std::nullopt;
        auto const digit = static_cast<std::uint64_t>(character - '0');
        if (value > (most - digit) / 10)
            return std::nullopt;
        value = value * 10 + digit;
    }
    return text.empty() ? std::nullopt : std::optional(value);
}

/// The elements of a comma-separated list, trimmed. An empty text has one empty element.
class list_elements
{
public:
    explicit constexpr list_elements(std::string_view list) noexcept : rest_(list) {}

    constexpr bool next(std::string_view& element) noexcept
    {
        if (ended_)
            return false;
        auto const comma = rest_.find(',');
        element = trim_blanks(rest_.substr(0, comma));
        ended_ = comma == std::string_view::npos;
        if (!ended_)
            rest_.remove_prefix(comma + 1);
        return true;
    }

private:
    std::string_view rest_;
    bool ended_ = false;
};

/// At most 40 bytes of what a peer sent, for an error's sentence.
inline std::string excerpt(std::string_view text)
{
    constexpr std::size_t most = 40;
    return "'" + std::string(text.substr(0, most)) + (text.size() > most ? "…'" : "'");
}

enum class line_state
{
    incomplete,
    whole,    ///< `line` is the line without its CRLF.
    too_long, ///< It has more than `limit` bytes, whether or not its end is here already.
    bare_lf   ///< It ends in LF without CR.
};

/// Cuts the line off the front of `text`. `scanned` is how much of it was searched before: 0 for a new
/// line, and left as it is between calls, so that a line that arrives in pieces is searched once.
/// The state depends on the bytes alone, never on how they were split.
inline line_state cut_line(std::string_view text, std::size_t& scanned, std::size_t limit,
                           std::string_view& line) noexcept
{
    auto const end = scanned < text.size() ? text.find('\n', scanned) : std::string_view::npos;
    auto const length = end == std::string_view::npos ? text.size() : end;
    if (length > limit && length - 1 > limit) // one more byte may be the CR
        return line_state::too_long;
    if (end == std::string_view::npos) {
        scanned = length;
        return line_state::incomplete;
    }
    if (length == 0 || text[length - 1] != '\r')
        return line_state::bare_lf;
    scanned = 0;
    line = text.substr(0, length - 1);
    return line_state::whole;
}

} // namespace hdikafka::inline v0_1::detail

#endif
