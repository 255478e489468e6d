// Reading JSON (RFC 8259): one validating pass that the caller pulls, without tree, allocation or recursion.
// Layer: formats (bytes in, values out; no Asio).
#ifndef HDIKAFKA_DETAIL_JSON_READER_HPP
#define HDIKAFKA_DETAIL_JSON_READER_HPP

#include <hdikafka/detail/utf8.hpp>
#include <hdikafka/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1 {

/// What a JSON value is.
enum class json_kind : unsigned char
{
    null,
    boolean,
    number,
    string,
    array,
    object,
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
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return json_kind::number;
    default: return json_kind::null;
    }
}

/// Reads one document from front to back. Every function gives false at a fault; the first fault sticks.
/// What was read before it stands in a document that may still turn out not to be JSON: only finish()
/// vouches for the whole. The text outlives the reader and the slices it gives.
///
///     json_reader in(text);
///     std::string_view name;
///     std::int64_t id = 0;
///     if (in.enter_object())
///         while (in.next_member(name))
///             name == "id" ? in.integer(id) : in.skip();
///     if (!in.finish()) // in.fault(), in.position()
class json_reader
{
public:
    static constexpr std::size_t max_depth = 512; ///< Containers within one another.

    explicit json_reader(std::string_view text) noexcept
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size())
    {}

    /// The kind of the value that is due, by its first character. Null also when none is there.
    json_kind peek() noexcept
    {
        if (state_ != state::value)
            return json_kind::null;
        skip_blanks();
        return at_ == end_ ? json_kind::null : json_kind_of(*at_);
    }

    bool enter_object() noexcept { return begin_value() && (*at_ == '{' || other_kind(at_)) && open(true); }
    bool enter_array() noexcept { return begin_value() && (*at_ == '[' || other_kind(at_)) && open(false); }

    /// Goes to the next member, whose value is then due. False at the object's end (or a fault).
    /// `name` is the text between the quotes as it stands: see json_equals() for escapes.
    bool next_member(std::string_view& name) noexcept
    {
        if (!in_object() || !next_item('}'))
            return false;
        if (at_ == end_ || *at_ != '"')
            return fail(errc::invalid_json, at_);
        char const* const start = at_ + 1;
        if (!scan_string())
            return false;
        name = std::string_view(start, static_cast<std::size_t>(at_ - start - 1));
        skip_blanks();
        if (at_ == end_ || *at_ != ':')
            return fail(errc::invalid_json, at_);
        ++at_;
        state_ = state::value;
        return true;
    }

    /// Goes to the next element, which is then due. False at the array's end (or a fault).
    bool next_element() noexcept
    {
        if (state_ == state::value || depth_ == 0 || in_object())
            return fail(errc::invalid_json, at_);
        return next_item(']');
    }

    /// Reads the value that is due, whatever it is: its exact text, without blanks around it.
    bool value(std::string_view& slice) noexcept
    {
        if (!begin_value())
            return false;
        char const* const start = at_;
        if (!scan_value())
            return false;
        slice = std::string_view(start, static_cast<std::size_t>(at_ - start));
        return true;
    }

    bool skip() noexcept { return begin_value() && scan_value(); }

    /// Reads an integer exactly. A fraction or an exponent is `wrong_kind` like a string is, a value
    /// beyond int64 is `out_of_range`.
    bool integer(std::int64_t& out) noexcept
    {
        if (!begin_value())
            return false;
        char const* const start = at_;
        if (json_kind_of(*start) != json_kind::number)
            return other_kind(start);
        char const* const digits = start + (*start == '-' ? 1 : 0);
        char const* at = digits;
        std::uint64_t magnitude = 0; // wraps beyond 19 digits, and is not used then
        for (; at != end_ && is_digit(*at); ++at)
            magnitude = magnitude * 10 + (byte_at(at) - '0');
        bool const plain = at != digits && (*digits != '0' || at == digits + 1) &&
                           (at == end_ || (*at != '.' && *at != 'e' && *at != 'E'));
        if (!plain)
            return scan_number() && other_kind(start);
        if (at - digits <= 18)
            out = digits == start ? static_cast<std::int64_t>(magnitude)
                                  : -static_cast<std::int64_t>(magnitude);
        else if (std::from_chars(start, at, out).ec != std::errc())
            return fail(errc::out_of_range, start);
        return done(at);
    }

    /// Reads a string: the text between the quotes as it stands (see json_unescape()).
    bool string(std::string_view& raw) noexcept
    {
        if (!begin_value())
            return false;
        if (*at_ != '"')
            return other_kind(at_);
        char const* const start = at_ + 1;
        if (!scan_string())
            return false;
        raw = std::string_view(start, static_cast<std::size_t>(at_ - start - 1));
        return true;
    }

    /// Whether the document was one complete JSON value: nothing failed, nothing is open, only blanks remain.
    bool finish() noexcept
    {
        skip_blanks();
        return (state_ == state::after && depth_ == 0 && at_ == end_) || fail(errc::invalid_json, at_);
    }

    bool failed() const noexcept { return state_ == state::failed; }

    /// The first fault; 0 when there is none.
    errc fault() const noexcept { return fault_; }

    /// The byte the reader is at; after a fault the byte where it was found.
    std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

private:
    enum class state : unsigned char
    {
        value,  // a value is due
        opened, // a container was entered, nothing in it was read
        after,  // a value is complete
        failed,
    };

    static bool is_digit(char character) noexcept { return character >= '0' && character <= '9'; }

    bool fail(errc code, char const* where) noexcept
    {
        if (state_ != state::failed) {
            state_ = state::failed;
            fault_ = code;
            at_ = where;
        }
        return false;
    }

    /// The value at `where` is of another kind than was asked for, if it is a value at all.
    bool other_kind(char const* where) noexcept
    {
        at_ = where;
        return scan_value() && fail(errc::wrong_kind, where);
    }

    bool done(char const* at) noexcept
    {
        at_ = at;
        state_ = state::after;
        return true;
    }

    void skip_blanks() noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
    }

    /// Goes to the first character of the value that is due.
    bool begin_value() noexcept
    {
        if (state_ != state::value)
            return fail(errc::invalid_json, at_);
        skip_blanks();
        return at_ != end_ || fail(errc::invalid_json, at_);
    }

    bool open(bool object) noexcept
    {
        if (depth_ == max_depth)
            return fail(errc::invalid_json, at_);
        auto const bit = std::uint64_t(1) << depth_ % 64;
        auto& word = objects_[depth_ / 64];
        word = object ? word | bit : word & ~bit;
        ++depth_;
        ++at_;
        state_ = state::opened;
        return true;
    }

    bool in_object() const noexcept
    {
        return depth_ != 0 && (objects_[(depth_ - 1) / 64] >> (depth_ - 1) % 64 & 1) != 0;
    }

    /// Goes past the comma to the next item of the innermost container, or past its end.
    bool next_item(char closing) noexcept
    {
        if (state_ != state::opened && state_ != state::after)
            return fail(errc::invalid_json, at_);
        skip_blanks();
        if (at_ == end_)
            return fail(errc::invalid_json, at_);
        if (*at_ == closing) {
            --depth_;
            done(at_ + 1);
            return false;
        }
        if (state_ == state::after) {
            if (*at_ != ',')
                return fail(errc::invalid_json, at_);
            ++at_;
            skip_blanks();
        }
        state_ = state::value;
        return true;
    }

    /// Reads the value at at_, which is before the end.
    bool scan_value() noexcept
    {
        if (*at_ != '{' && *at_ != '[')
            return scan_scalar();
        auto const outside = depth_;
        std::string_view name;
        if (!open(*at_ == '{'))
            return false;
        while (depth_ != outside) {
            if (!(in_object() ? next_member(name) : next_element())) {
                if (failed())
                    return false;
                continue;
            }
            if (!begin_value())
                return false;
            if (!(*at_ == '{' || *at_ == '[' ? open(*at_ == '{') : scan_scalar()))
                return false;
        }
        return true;
    }

    bool scan_scalar() noexcept
    {
        switch (*at_) {
        case '"': return scan_string();
        case 't': return scan_word("true");
        case 'f': return scan_word("false");
        case 'n': return scan_word("null");
        default: return scan_number();
        }
    }

    bool scan_word(std::string_view word) noexcept
    {
        auto const left = static_cast<std::size_t>(end_ - at_);
        for (std::size_t i = 0; i != word.size(); ++i)
            if (i == left || at_[i] != word[i])
                return fail(errc::invalid_json, at_ + i);
        return done(at_ + word.size());
    }

    bool scan_number() noexcept
    {
        char const* at = at_;
        auto const digits = [&] {
            char const* const first = at;
            while (at != end_ && is_digit(*at))
                ++at;
            return at != first;
        };
        if (*at == '-')
            ++at;
        if (at != end_ && *at == '0')
            ++at;
        else if (!digits())
            return fail(errc::invalid_json, at);
        if (at != end_ && *at == '.')
            if (++at; !digits())
                return fail(errc::invalid_json, at);
        if (at != end_ && (*at == 'e' || *at == 'E')) {
            if (++at; at != end_ && (*at == '+' || *at == '-'))
                ++at;
            if (!digits())
                return fail(errc::invalid_json, at);
        }
        return done(at);
    }

    /// Reads the string whose opening quote is at at_.
    bool scan_string() noexcept
    {
        char const* at = at_ + 1;
        for (;;) {
            at = plain_end(at, end_);
            if (at == end_)
                return fail(errc::invalid_json, at);
            if (*at == '"')
                return done(at + 1);
            auto const length = *at == '\\'          ? escape_length(at)
                                : byte_at(at) < 0x20 ? 0
                                                     : utf8_length(at, end_);
            if (length == 0)
                return fail(errc::invalid_json, at);
            at += length;
        }
    }

    /// Length of the escape at `at`, or 0. A lone surrogate is within the grammar.
    std::size_t escape_length(char const* at) const noexcept
    {
        if (end_ - at < 2)
            return 0;
        if (at[1] != 'u')
            return std::string_view("\"\\/bfnrt").find(at[1]) != std::string_view::npos ? 2 : 0;
        if (end_ - at < 6)
            return 0;
        for (int i = 2; i != 6; ++i)
            if (!is_digit(at[i]) && !(at[i] >= 'a' && at[i] <= 'f') && !(at[i] >= 'A' && at[i] <= 'F'))
                return 0;
        return 6;
    }

    char const* begin_;
    char const* at_;
    char const* end_;
    std::size_t depth_ = 0;
    state state_ = state::value;
    errc fault_ = errc();
    std::array<std::uint64_t, max_depth / 64> objects_{}; // one bit a level: object, else array
};

inline bool valid_json(std::string_view text) noexcept
{
    json_reader in(text);
    return in.skip() && in.finish();
}

/// Decodes the text between a string's quotes, as a json_reader gave it, into `out` (replaced).
/// False at a surrogate escape without its other half, which stands for no character.
inline bool json_unescape(std::string_view raw, std::string& out)
{
    out.clear();
    auto const unit = [&](std::size_t from) { // the four digits of an escape
        unsigned value = 0;
        return from + 4 <= raw.size() &&
                       std::from_chars(raw.data() + from, raw.data() + from + 4, value, 16).ptr ==
                           raw.data() + from + 4
                   ? value
                   : 0xdc00; // refused below
    };
    for (std::size_t at = 0;;) {
        auto const stop = raw.find('\\', at);
        out.append(raw.substr(at, stop - at));
        if (stop == std::string_view::npos)
            return true;
        at = stop + 2;
        if (at > raw.size())
            return false;
        switch (char const character = raw[stop + 1]) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        default: out += character; break;
        case 'u': {
            char32_t code_point = unit(at);
            at += 4;
            if (code_point >= 0xd800 && code_point < 0xdc00) {
                if (raw.substr(at, 2) != "\\u")
                    return false;
                char32_t const low = unit(at + 2);
                if (low < 0xdc00 || low > 0xdfff)
                    return false;
                code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            } else if (code_point >= 0xdc00 && code_point <= 0xdfff) {
                return false;
            }
            append_utf8(out, code_point);
        }
        }
    }
}

/// Whether the text between a string's quotes stands for `text`.
inline bool json_equals(std::string_view raw, std::string_view text)
{
    if (raw.find('\\') == std::string_view::npos)
        return raw == text;
    std::string decoded;
    return json_unescape(raw, decoded) && decoded == text;
}

} // namespace detail

} // namespace hdikafka::inline v0_1

#endif
