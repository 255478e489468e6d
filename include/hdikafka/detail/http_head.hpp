// The head of an HTTP/1.1 message: start line and fields, and what reads them incrementally
// (RFC 9112 §2 and §5). Shared by response_parser and request_reader. Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_HTTP_HEAD_HPP
#define HDIKAFKA_DETAIL_HTTP_HEAD_HPP

#include <hdikafka/detail/byte_buffer.hpp>
#include <hdikafka/detail/http_syntax.hpp>
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
    enum class state
    {
        incomplete, ///< Call again when there is more behind the same text.
        field,      ///< `name` and `value` are set; the line has `consumed()` bytes.
        end,        ///< The empty line, of `consumed()` bytes.
        fault
    };

    explicit field_lines(http_limits const& limits) noexcept : limits_(limits) {}

    /// Takes the line off the front of `text`.
    state next(std::string_view text, std::string_view& name, std::string_view& value)
    {
        auto const left = limits_.fields() - bytes_;
        std::string_view line;
        switch (cut_line(text, scanned_, std::min(limits_.field(), left), line)) {
        case line_state::incomplete: return state::incomplete;
        case line_state::bare_lf: return fail(errc::bad_field, "ends in LF without CR");
        case line_state::too_long: return limits_.field() <= left ? fail_line() : fail_total();
        case line_state::whole: break;
        }
        consumed_ = line.size() + 2;
        if (line.empty())
            return state::end;
        if (consumed_ > left)
            return fail_total();
        if (count_ == limits_.field_count())
            return fail_count();
        if (!split(line, name, value))
            return state::fault;
        bytes_ += consumed_;
        ++count_;
        return state::field;
    }

    std::size_t consumed() const noexcept { return consumed_; }
    http_fault const& fault() const noexcept { return fault_; }

    /// Starts over with another section.
    void restart() noexcept { scanned_ = bytes_ = count_ = 0; }

private:
    bool split(std::string_view line, std::string_view& name, std::string_view& value)
    {
        std::size_t colon = 0;
        while (colon != line.size() && is_token_character(line[colon]))
            ++colon;
        char const* wrong = nullptr;
        if (colon == line.size())
            wrong = "has no colon";
        else if (is_blank(line[colon]))
            wrong =
                colon == 0 ? "starts with a blank (folding is obsolete)" : "has a blank in or after its name";
        else if (line[colon] != ':')
            wrong = "has a character in its name that may not stand there";
        else if (colon == 0)
            wrong = "has no name";
        else if (value = trim_blanks(line.substr(colon + 1)); !is_field_text(value))
            wrong = "has a control character in its value";
        if (wrong != nullptr)
            fail(errc::bad_field, wrong);
        name = line.substr(0, colon);
        return wrong == nullptr;
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
    std::size_t consumed_ = 0;
    http_fault fault_;
};

/// Start line and fields, as slices of one text.
class http_head
{
public:
    std::string_view start_line() const noexcept { return text_.view().substr(0, start_line_); }

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
    enum class event
    {
        need_more,
        start_line, ///< head().start_line() can be looked at; call next() again.
        end,        ///< The head is complete; unread() is what came behind it.
        fault
    };

    head_reader(http_limits const& limits, errc start_line_too_long)
        : lines_(limits), start_line_limit_(limits.status_line()), start_line_too_long_(start_line_too_long)
    {}

    std::span<char> prepare()
    {
        auto& text = head_.text_;
        constexpr std::size_t first = 4096;
        constexpr std::size_t least = 512;
        auto const spare = text.capacity() - text.size();
        return text.prepare(spare >= least ? spare : std::max(first, text.capacity()));
    }
    void commit(std::size_t n) noexcept { head_.text_.commit(n); }

    event next()
    {
        if (!has_start_line_)
            return next_start_line();
        for (;;) {
            std::string_view name;
            std::string_view value;
            switch (lines_.next(unread(), name, value)) {
            case field_lines::state::incomplete: return event::need_more;
            case field_lines::state::fault: fault_ = lines_.fault(); return event::fault;
            case field_lines::state::end: position_ += lines_.consumed(); return event::end;
            case field_lines::state::field: position_ += lines_.consumed(); add(name, value);
            }
        }
    }

    http_head const& head() const noexcept { return head_; }
    http_head take() { return std::move(head_); }
    std::string_view unread() const noexcept { return head_.text_.view().substr(position_); }
    http_fault const& fault() const noexcept { return fault_; }

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
        case line_state::bare_lf:
            fault_ = http_fault(errc::bad_status_line, "the first line ends in LF without CR");
            return event::fault;
        case line_state::too_long:
            fault_ = http_fault(start_line_too_long_, "the first line has more than " +
                                                          std::to_string(start_line_limit_) + " bytes");
            return event::fault;
        case line_state::whole: break;
        }
        position_ = line.size() + 2;
        head_.start_line_ = line.size();
        has_start_line_ = true;
        return event::start_line;
    }

    void add(std::string_view name, std::string_view value)
    {
        if (head_.fields_.empty())
            head_.fields_.reserve(16);
        auto const offset = [base = head_.text_.data()](std::string_view slice) {
            return static_cast<std::size_t>(slice.data() - base);
        };
        head_.fields_.push_back({offset(name), name.size(), offset(value), value.size()});
    }

    field_lines lines_;
    std::size_t start_line_limit_;
    errc start_line_too_long_;
    http_head head_;
    std::size_t position_ = 0;
    std::size_t scanned_ = 0;
    bool has_start_line_ = false;
    http_fault fault_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
