// Reading JSON (RFC 8259): one validating pass that the caller pulls, without tree, allocation or recursion.
// Layer: formats (bytes in, values out; no Asio).
#ifndef HDIKAFKA_DETAIL_JSON_READER_HPP
#define HDIKAFKA_DETAIL_JSON_READER_HPP

#include <hdikafka/detail/json_text.hpp>
#include <hdikafka/detail/utf8.hpp>
#include <hdikafka/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace hdikafka::inline v0_1::detail {

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
    json_kind peek() noexcept { return state_ == state::value ? json_kind_of(current()) : json_kind::null; }

    bool enter_object() noexcept { return begin_value() && (*at_ == '{' || other_kind(at_)) && open(); }
    bool enter_array() noexcept { return begin_value() && (*at_ == '[' || other_kind(at_)) && open(); }

    /// Goes to the next member, whose value is then due. False at the object's end (or a fault).
    /// `name` is the text between the quotes as it stands: see json_equals() for escapes.
    bool next_member(std::string_view& name) noexcept
    {
        if (!next_item('}'))
            return false;
        if (current() != '"') [[unlikely]]
            return fail(errc::invalid_json, at_);
        if (!scan_string(name))
            return false;
        if (current() != ':') [[unlikely]]
            return fail(errc::invalid_json, at_);
        ++at_;
        state_ = state::value;
        return true;
    }

    /// Goes to the next element, which is then due. False at the array's end (or a fault).
    bool next_element() noexcept { return next_item(']'); }

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
        return begin_value() && (*at_ == '"' || other_kind(at_)) && scan_string(raw);
    }

    /// Whether the document was one complete JSON value: nothing failed, nothing is open, only blanks remain.
    bool finish() noexcept
    {
        current();
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

    /// The next character that is not blank; NUL, which begins nothing, at the end.
    char current() noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
        return at_ != end_ ? *at_ : '\0';
    }

    /// Goes to the first character of the value that is due.
    bool begin_value() noexcept
    {
        if (state_ == state::value && (current(), at_ != end_)) [[likely]]
            return true;
        return fail(errc::invalid_json, at_);
    }

    /// Enters the container at at_.
    bool open() noexcept
    {
        if (depth_ == max_depth)
            return fail(errc::invalid_json, at_);
        closing_ = *at_ == '{' ? '}' : ']';
        auto const bit = std::uint64_t(1) << depth_ % 64;
        auto& word = objects_[depth_ / 64];
        word = closing_ == '}' ? word | bit : word & ~bit;
        ++depth_;
        ++at_;
        state_ = state::opened;
        return true;
    }

    /// Leaves the innermost container, whose last character is at at_.
    bool close() noexcept
    {
        --depth_;
        if (depth_ == 0)
            closing_ = '\0';
        else
            closing_ = (objects_[(depth_ - 1) / 64] >> (depth_ - 1) % 64 & 1) != 0 ? '}' : ']';
        return done(at_ + 1);
    }

    /// Goes past the comma to the next item of the innermost container, or past its end (false).
    bool next_item(char closing) noexcept
    {
        if (closing != closing_) [[unlikely]]
            return fail(errc::invalid_json, at_);
        auto const character = current();
        if (state_ == state::after && character == ',') [[likely]]
            ++at_;
        else if ((state_ == state::after || state_ == state::opened) && character == closing)
            return close() && false;
        else if (state_ != state::opened)
            return fail(errc::invalid_json, at_);
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
        if (!open())
            return false;
        while (depth_ != outside) {
            if (!(closing_ == '}' ? next_member(name) : next_element())) {
                if (failed())
                    return false;
                continue;
            }
            if (!begin_value() || !(*at_ == '{' || *at_ == '[' ? open() : scan_scalar()))
                return false;
        }
        return true;
    }

    bool scan_scalar() noexcept
    {
        std::string_view raw;
        switch (*at_) {
        case '"': return scan_string(raw);
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

    /// Reads the string whose opening quote is at at_: the text between the quotes.
    bool scan_string(std::string_view& raw) noexcept
    {
        char const* const first = at_ + 1;
        char const* last = plain_end(first, end_);
        if ((last == end_ || *last != '"') && !scan_string_on(last)) [[unlikely]]
            return false;
        raw = std::string_view(first, static_cast<std::size_t>(last - first));
        return done(last + 1);
    }

    /// The same from its first byte on that is not plain.
    bool scan_string_on(char const*& at) noexcept
    {
        while (at != end_ && *at != '"') {
            auto const length = *at == '\\'          ? escape_length(at)
                                : byte_at(at) < 0x20 ? 0
                                                     : utf8_length(at, end_);
            if (length == 0)
                return fail(errc::invalid_json, at);
            at += length;
            if (at != end_ && byte_at(at) < 0x80)
                at = plain_end(at, end_);
        }
        return at != end_ || fail(errc::invalid_json, at);
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
    char closing_ = '\0'; // of the innermost container
    errc fault_ = errc();
    std::array<std::uint64_t, max_depth / 64> objects_{}; // one bit a level: object, else array
};

inline bool valid_json(std::string_view text) noexcept
{
    json_reader in(text);
    return in.skip() && in.finish();
}

} // namespace hdikafka::inline v0_1::detail

#endif
