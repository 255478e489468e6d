// Reading JSON (RFC 8259): one validating pass that the caller pulls, without tree or recursion, and without
// allocation unless it nests deep.
#ifndef HDIKAFKA_DETAIL_JSON_READER_HPP
#define HDIKAFKA_DETAIL_JSON_READER_HPP

#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/json/text.hpp>
#include <hdikafka/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

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
    static constexpr std::size_t max_depth = 512; ///< Containers within one another, unless more are allowed.

    explicit json_reader(std::string_view text, std::size_t deepest = max_depth) noexcept
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), deepest_(deepest)
    {}
    json_reader(json_reader const&) = delete;
    json_reader& operator=(json_reader const&) = delete;

    /// The kind of the value that is due, by its first character. Null also when none is there.
    json_kind peek() noexcept { return state_ == state::value ? json_kind_of(current()) : json_kind::null; }

    bool enter_object() noexcept { return first() == '{' ? open() : other_kind(); }
    bool enter_array() noexcept { return first() == '[' ? open() : other_kind(); }

    /// Goes to the next member, whose value is then due. False at the object's end (or a fault).
    /// `name` is the text between the quotes as it stands: see json_unescape() for escapes.
    bool next_member(std::string_view& name) noexcept
    {
        if (!next_item('}') || !due('"') || !scan_string(name) || !due(':'))
            return false;
        ++at_;
        return true;
    }

    /// Goes to the next element, which is then due. False at the array's end (or a fault).
    bool next_element() noexcept { return next_item(']'); }

    /// Reads the value that is due, whatever it is: its exact text, without blanks around it.
    bool value(std::string_view& slice) noexcept
    {
        auto const character = first();
        char const* const start = at_;
        if (!scan_value(character))
            return false;
        slice = std::string_view(start, static_cast<std::size_t>(at_ - start));
        return true;
    }

    bool skip() noexcept { return scan_value(first()); }

    /// Reads an integer exactly. A fraction or an exponent is `wrong_kind` like a string is, a value
    /// beyond int64 is `out_of_range`.
    bool integer(std::int64_t& out) noexcept
    {
        bool const negative = first() == '-';
        char const* const digits = at_ + (negative ? 1 : 0);
        char const* at = digits;
        std::uint64_t magnitude = 0; // wraps beyond nineteen digits, which are read with care
        for (; at != end_; ++at) {
            auto const digit = byte_at(at) - '0';
            if (digit > 9)
                break;
            magnitude = magnitude * 10 + digit;
        }
        auto const size = at - digits;
        bool const simple = size > 0 && size <= 18 && (*digits != '0' || size == 1) && at != end_ &&
                            *at != '.' && *at != 'e' && *at != 'E';
        if (!simple) [[unlikely]]
            return integer_with_care(out);
        out = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
        return done(at);
    }

    /// Reads a string: the text between the quotes as it stands (see json_unescape()).
    bool string(std::string_view& raw) noexcept
    {
        return first() == '"' ? scan_string(raw) && done(at_) : other_kind();
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

    /// How many containers within one another are read; one more is the fault `too_deep`.
    std::size_t deepest() const noexcept { return deepest_; }

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

    [[gnu::cold]] bool fail(errc code, char const* where) noexcept
    {
        if (state_ != state::failed) {
            state_ = state::failed;
            fault_ = code;
            at_ = end_ = where; // nothing can be read any more
        }
        return false;
    }

    /// The value at at_ is of another kind than was asked for, if it is a value at all.
    [[gnu::cold]] bool other_kind() noexcept
    {
        char const* const start = at_;
        return scan_value(current()) && fail(errc::wrong_kind, start);
    }

    [[gnu::noinline]] bool integer_with_care(std::int64_t& out) noexcept
    {
        char const* const start = at_;
        if (json_kind_of(current()) != json_kind::number)
            return other_kind();
        if (!scan_number())
            return false;
        if (std::string_view(start, at_).find_first_of(".eE") != std::string_view::npos)
            return fail(errc::wrong_kind, start);
        if (std::from_chars(start, at_, out).ec != std::errc())
            return fail(errc::out_of_range, start);
        return true;
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
        if (at_ == end_ || byte_at(at_) <= ' ') [[unlikely]]
            skip_blanks();
        return at_ != end_ ? *at_ : '\0';
    }

    [[gnu::noinline]] void skip_blanks() noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
    }

    /// The first character of the value that is due; NUL, after a fault, when none is.
    char first() noexcept
    {
        if (state_ == state::value) [[likely]]
            return current();
        fail(errc::invalid_json, at_);
        return '\0';
    }

    /// Enters the container at at_.
    bool open() noexcept
    {
        if (depth_ == room_ && !make_room()) [[unlikely]]
            return false;
        outside_[depth_] = closing_;
        closing_ = *at_ == '{' ? '}' : ']';
        ++depth_;
        ++at_;
        state_ = state::opened;
        return true;
    }

    /// Leaves the innermost container, whose last character is at at_.
    bool close() noexcept
    {
        --depth_;
        closing_ = outside_[depth_];
        return done(at_ + 1);
    }

    /// For more containers within one another, if more are allowed. Without memory for them they are not.
    [[gnu::cold, gnu::noinline]] bool make_room() noexcept
    {
        if (depth_ == deepest_)
            return fail(errc::too_deep, at_);
        std::size_t const room = deepest_ - depth_ < depth_ ? deepest_ : 2 * depth_;
        std::unique_ptr<char[]> larger(new (std::nothrow) char[room]);
        if (!larger)
            return fail(errc::too_deep, at_);
        std::memcpy(larger.get(), outside_, depth_);
        deep_ = std::move(larger);
        outside_ = deep_.get();
        room_ = room;
        return true;
    }

    /// Goes to this character, which must come next.
    bool due(char character) noexcept
    {
        if (at_ != end_ && *at_ == character) [[likely]]
            return true;
        return current() == character || fail(errc::invalid_json, at_);
    }

    /// Goes past the comma to the next item of the innermost container, or past its end (false).
    bool next_item(char closing) noexcept
    {
        if (closing != closing_) [[unlikely]]
            return fail(errc::invalid_json, at_);
        auto const character = current();
        if (state_ == state::after && character == ',') [[likely]]
            ++at_;
        else if (state_ != state::value && character == closing) {
            close();
            return false;
        } else if (state_ != state::opened)
            return fail(errc::invalid_json, at_);
        state_ = state::value;
        return true;
    }

    /// Reads the value at at_, whose first character is given.
    bool scan_value(char character) noexcept
    {
        return character == '{' || character == '[' ? scan_container() : scan_scalar(character);
    }

    [[gnu::noinline]] bool scan_container() noexcept
    {
        auto const outside = depth_;
        std::string_view name;
        if (!open())
            return false;
        while (depth_ != outside) {
            if (closing_ == '}' ? next_member(name) : next_element()) {
                auto const character = first();
                if (!(character == '{' || character == '[' ? open() : scan_scalar(character)))
                    return false;
            } else if (failed()) {
                return false;
            }
        }
        return true;
    }

    bool scan_scalar(char character) noexcept
    {
        std::string_view raw;
        return character == '"' ? scan_string(raw) && done(at_) : scan_word_or_number(character);
    }

    [[gnu::noinline]] bool scan_word_or_number(char character) noexcept
    {
        switch (character) {
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
        if (at != end_ && *at == '-')
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
        char const* const start = at_ + 1;
        char const* at = plain_end(start, end_);
        if ((at == end_ || *at != '"') && !scan_string_on(at)) [[unlikely]]
            return false;
        raw = std::string_view(start, static_cast<std::size_t>(at - start));
        at_ = at + 1;
        return true;
    }

    /// The same from its first byte on that is not plain.
    [[gnu::noinline]] bool scan_string_on(char const*& at) noexcept
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
    std::size_t deepest_;
    std::array<char, 64> shallow_{};
    std::unique_ptr<char[]> deep_;
    char* outside_ = shallow_.data(); // what closing_ was before each container that is open
    std::size_t room_ = deepest_ < shallow_.size() ? deepest_ : shallow_.size();
};

} // namespace hdikafka::inline v0_1::detail

#endif
