// The head of an HTTP/1.1 message: start line and fields, and what reads them incrementally (RFC 9112 §2 and
// §5). Shared by response_parser and request_parser.
#ifndef HDIKAFKA_DETAIL_HTTP_HEAD_HPP
#define HDIKAFKA_DETAIL_HTTP_HEAD_HPP

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/http_limits.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Cuts and checks field lines, of a header or of trailers, within their limits.
class field_lines
{
public:
    enum class state : unsigned char
    {
        incomplete, ///< Call again when there is more behind what was not consumed.
        end,        ///< The empty line that ends the section is consumed too.
        fault
    };

    explicit field_lines(http_limits const& limits) noexcept : limits_(limits) {}

    /// Takes whole lines off the front of `text`, adds their size to `consumed`, and calls
    /// `sink(name, value)` for each.
    template <class Sink>
    state read(std::string_view text, std::size_t& consumed, Sink sink)
    {
        for (;;) {
            auto const left = limits_.fields() - bytes_;
            auto const colon = token_size(text);
            scanned_ = std::max(scanned_, colon); // a token has no control character
            std::string_view line;
            switch (cut_line(text, scanned_, std::min(limits_.field(), left), line)) {
            case line_state::incomplete: return state::incomplete;
            case line_state::bad_character:
                return fail(errc::bad_field, "has a control character, or CR or LF alone");
            case line_state::too_long: return limits_.field() <= left ? fail_line() : fail_total();
            case line_state::whole: break;
            }
            auto const size = line.size() + 2;
            if (line.empty()) {
                consumed += size;
                return state::end;
            }
            if (size > left)
                return fail_total();
            if (count_ == limits_.field_count())
                return fail_count();
            if (colon == 0 || text[colon] != ':')
                return fail_name(text[colon], colon);
            sink(text.substr(0, colon), trim_blanks(line.substr(colon + 1)));
            bytes_ += size;
            ++count_;
            consumed += size;
            text.remove_prefix(size);
        }
    }

    http_fault const& fault() const noexcept { return fault_; }

    /// Starts over with another section.
    void restart() noexcept { scanned_ = bytes_ = count_ = 0; }

private:
    state fail_name(char behind, std::size_t size)
    {
        if (is_blank(behind))
            return fail(errc::bad_field, size == 0 ? "starts with a blank (folding is obsolete)"
                                                   : "has a blank in or behind its name");
        if (behind == '\r')
            return fail(errc::bad_field, "has no colon");
        if (behind == ':')
            return fail(errc::bad_field, "has no name");
        return fail(errc::bad_field, "has a character in its name that may not stand there");
    }

    /// The sentence names the line by its number: what stands in it may be a secret.
    state fail(errc code, std::string const& what)
    {
        fault_ = http_fault(code, "header field " + std::to_string(count_ + 1) + " " + what);
        return state::fault;
    }
    state fail_line()
    {
        return fail(errc::field_too_long, "has more than " + std::to_string(limits_.field()) + " bytes");
    }
    state fail_total()
    {
        fault_ = http_fault(errc::fields_too_long, "the header fields have more than " +
                                                       std::to_string(limits_.fields()) + " bytes together");
        return state::fault;
    }
    state fail_count()
    {
        fault_ =
            http_fault(errc::too_many_fields,
                       "there are more than " + std::to_string(limits_.field_count()) + " header fields");
        return state::fault;
    }

    http_limits limits_;
    std::size_t scanned_ = 0;
    std::size_t bytes_ = 0;
    std::size_t count_ = 0;
    http_fault fault_;
};

/// Start line and fields, as slices of one text.
class http_head
{
public:
    std::string_view start_line() const noexcept { return cut(0, start_line_); }

    std::size_t size() const noexcept { return fields_.size(); }
    std::string_view name(std::size_t i) const noexcept { return cut(fields_[i].name, fields_[i].name_size); }
    std::string_view value(std::size_t i) const noexcept
    {
        return cut(fields_[i].value, fields_[i].value_size);
    }

    /// The value of the first field of that name, in any case.
    std::optional<std::string_view> find(std::string_view name) const noexcept
    {
        for (auto const& field : fields_)
            if (equals_ignoring_case(cut(field.name, field.name_size), name))
                return cut(field.value, field.value_size);
        return std::nullopt;
    }

    /// Wipes everything, also what came behind it.
    void cleanse() noexcept
    {
        fields_.clear();
        start_line_ = 0;
        text_.cleanse();
    }

private:
    friend class head_reader;

    struct slices
    {
        std::size_t name;
        std::size_t name_size;
        std::size_t value;
        std::size_t value_size;
    };

    std::string_view cut(std::size_t at, std::size_t size) const noexcept
    {
        return {text_.data() + at, size};
    }

    byte_buffer text_; ///< From the start line on; bytes that were read beyond the head may follow.
    std::size_t start_line_ = 0;
    std::vector<slices> fields_;
};

/// Reads one head after the other from bytes that come in any pieces.
class head_reader
{
public:
    enum class event : unsigned char
    {
        need_more,
        start_line, ///< head().start_line() can be looked at; call next() again.
        end,        ///< The head is complete; unread() is what came behind it.
        fault
    };

    explicit head_reader(http_limits const& limits) : lines_(limits), start_line_limit_(limits.status_line())
    {}

    std::span<char> prepare()
    {
        auto& text = head_.text_;
        constexpr std::size_t first = 1024; // most answers of this API have no more, body and all
        constexpr std::size_t least = 256;
        auto const spare = text.capacity() - text.size();
        return text.prepare(spare >= least ? spare : std::max(first, text.capacity()));
    }
    void commit(std::size_t n) noexcept { head_.text_.commit(n); }

    event next()
    {
        if (!has_start_line_)
            return next_start_line();
        if (head_.fields_.capacity() == 0)
            head_.fields_.reserve(16);
        auto const* const base = head_.text_.data();
        auto const state = lines_.read(unread(), position_, [this, base](auto name, auto value) {
            head_.fields_.push_back({static_cast<std::size_t>(name.data() - base), name.size(),
                                     static_cast<std::size_t>(value.data() - base), value.size()});
        });
        if (state == field_lines::state::incomplete)
            return event::need_more;
        if (state == field_lines::state::end)
            return event::end;
        fault_ = lines_.fault();
        return event::fault;
    }

    http_head const& head() const noexcept { return head_; }
    http_head take() { return std::move(head_); }
    std::string_view unread() const noexcept { return head_.cut(position_, head_.text_.size() - position_); }
    http_fault const& fault() const noexcept { return fault_; }

    /// How much memory it takes, but for the fields' places.
    std::size_t memory() const noexcept { return head_.text_.capacity(); }

    /// Whether any byte of this head is there.
    bool started() const noexcept { return !head_.text_.empty(); }

    /// Says that `n` of the unread bytes were used by somebody else.
    void consume(std::size_t n) noexcept { position_ += n; }

    /// Forgets what was read and goes on with the unread bytes as another head.
    void restart() noexcept
    {
        head_.text_.erase_front(position_);
        head_.fields_.clear();
        lines_.restart();
        position_ = 0;
        has_start_line_ = false;
    }

    /// Puts bytes behind the unread ones.
    void append(std::string_view bytes) { head_.text_.append(bytes); }

private:
    event next_start_line()
    {
        std::string_view line;
        switch (cut_line(unread(), scanned_, start_line_limit_, line)) {
        case line_state::incomplete: return event::need_more;
        case line_state::bad_character:
            fault_ = http_fault(errc::bad_status_line,
                                "the first line has a control character, or CR or LF alone");
            return event::fault;
        case line_state::too_long:
            fault_ = http_fault(errc::status_line_too_long, "the first line has more than " +
                                                                std::to_string(start_line_limit_) + " bytes");
            return event::fault;
        case line_state::whole: break;
        }
        position_ = line.size() + 2;
        head_.start_line_ = line.size();
        has_start_line_ = true;
        return event::start_line;
    }

    field_lines lines_;
    std::size_t start_line_limit_;
    http_head head_;
    std::size_t position_ = 0;
    std::size_t scanned_ = 0;
    bool has_start_line_ = false;
    http_fault fault_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
