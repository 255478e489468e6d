// The line before a chunk: its size and extensions (RFC 9112 §7.1).
#ifndef HDIKAFKA_DETAIL_HTTP_CHUNK_LINE_HPP
#define HDIKAFKA_DETAIL_HTTP_CHUNK_LINE_HPP

#include <hdikafka/detail/http/syntax.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Recognises chunk-ext. Nothing in an extension is used; but text that is none means that the peer
/// and we disagree on where chunks begin.
class chunk_extension
{
public:
    static bool valid(std::string_view text) noexcept
    {
        chunk_extension rest(text);
        while (!rest.text_.empty())
            if (!rest.take_extension())
                return false;
        return true;
    }

private:
    explicit chunk_extension(std::string_view text) noexcept : text_(text) {}

    /// BWS ";" BWS name [ BWS "=" BWS value ]
    bool take_extension() noexcept
    {
        skip_blanks();
        if (!take(';'))
            return false;
        skip_blanks();
        if (!take_token())
            return false;
        auto const after_name = text_;
        skip_blanks();
        if (!take('=')) {
            text_ = after_name;
            return true;
        }
        skip_blanks();
        return take('"') ? take_quoted() : take_token();
    }

    /// The rest of a quoted string whose first quote is taken.
    bool take_quoted() noexcept
    {
        for (std::size_t i = 0; i < text_.size(); ++i) {
            if (text_[i] == '"') {
                text_.remove_prefix(i + 1);
                return true;
            }
            if (text_[i] == '\\')
                ++i;
        }
        return false;
    }

    bool take_token() noexcept
    {
        auto const n = token_size(text_);
        text_.remove_prefix(n);
        return n != 0;
    }

    bool take(char character) noexcept
    {
        bool const here = text_.starts_with(character);
        text_.remove_prefix(here ? 1 : 0);
        return here;
    }

    void skip_blanks() noexcept
    {
        while (!text_.empty() && is_blank(text_.front()))
            text_.remove_prefix(1);
    }

    std::string_view text_;
};

/// What the line before a chunk says.
class chunk_line
{
public:
    /// `line` is without its CRLF; like any line from cut_line() it has no control character.
    explicit chunk_line(std::string_view line)
    {
        std::size_t at = 0;
        for (int digit = 0; at != line.size() && (digit = hex_digit(line[at])) >= 0; ++at) {
            if (size_ >> 60 != 0) {
                wrong_ = "a chunk's size overflows";
                return;
            }
            size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        }
        extension_size_ = line.size() - at;
        if (at == 0)
            wrong_ = "a chunk's size is not a hexadecimal number";
        else if (!chunk_extension::valid(line.substr(at)))
            wrong_ = "a chunk's size is followed by something that is no extension";
    }

    /// A sentence, or null when the line is well-formed.
    char const* wrong() const noexcept { return wrong_; }
    std::uint64_t size() const noexcept { return size_; }
    std::size_t extension_size() const noexcept { return extension_size_; }

private:
    static constexpr int hex_digit(char character) noexcept
    {
        if (character >= '0' && character <= '9')
            return character - '0';
        char const lower = ascii_lower(character);
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    }

    std::uint64_t size_ = 0;
    std::size_t extension_size_ = 0;
    char const* wrong_ = nullptr;
};

} // namespace hdikafka::inline v0_1::detail

#endif
