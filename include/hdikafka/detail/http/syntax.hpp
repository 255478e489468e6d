// The small rules of HTTP/1.1 that reading and writing share: characters, lists, numbers, lines (RFC 9110
// §5.5 and §5.6, RFC 9112 §2.2).
#ifndef HDIKAFKA_DETAIL_HTTP_SYNTAX_HPP
#define HDIKAFKA_DETAIL_HTTP_SYNTAX_HPP

#include <hdikafka/detail/http/scan.hpp>
#include <hdikafka/error.hpp>

#include <cstddef>
#include <cstdint>
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

/// What a target in origin form may have: path and query of RFC 3986 §3.3 and §3.4.
inline constexpr character_set target_characters("!$%&'()*+,-./0123456789:;=?@"
                                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");

/// What a Host field may have: a name or an address, and a port.
inline constexpr character_set host_characters("-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ[]"
                                               "_abcdefghijklmnopqrstuvwxyz");

/// A method, a field name, a parameter name: 1*tchar.
inline bool is_token(std::string_view text) noexcept
{
    return !text.empty() && token_size(text) == text.size();
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
        if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
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

enum class line_state : unsigned char
{
    incomplete,
    whole,        ///< `line` is the line without its CRLF.
    too_long,     ///< It has more than `limit` bytes, whether or not its end is here already.
    bad_character ///< A control character but HTAB, or CR and LF other than together at its end.
};

/// Cuts the line off the front of `text`. `scanned` is how much of it was searched before: 0 for a new
/// line, and left as it is between calls, so that a line that arrives in pieces is searched once.
/// The state depends on the bytes alone, never on how they were split.
inline line_state cut_line(std::string_view text, std::size_t& scanned, std::size_t limit,
                           std::string_view& line) noexcept
{
    auto const end = find_control(text, scanned);
    if (end > limit)
        return line_state::too_long;
    scanned = end;
    if (end == text.size())
        return line_state::incomplete;
    if (text[end] != '\r')
        return line_state::bad_character;
    if (end + 1 == text.size())
        return line_state::incomplete;
    if (text[end + 1] != '\n')
        return line_state::bad_character;
    scanned = 0;
    line = text.substr(0, end);
    return line_state::whole;
}

} // namespace hdikafka::inline v0_1::detail

#endif
