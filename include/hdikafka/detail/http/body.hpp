// body_reader: takes a message's body out of the bytes that follow its head (RFC 9112 §6 and §7). Shared by
// response_parser and request_parser.
#ifndef HDIKAFKA_DETAIL_HTTP_BODY_HPP
#define HDIKAFKA_DETAIL_HTTP_BODY_HPP

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/detail/http/head.hpp>
#include <hdikafka/detail/http/syntax.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Recognises chunk-ext. Nothing in an extension is used; but text that is none means that the peer
/// and we disagree on where chunks begin.
class chunk_extension
{
public:
    static bool valid(std::string_view text) noexcept
    {
        if (text.find_first_not_of(" \t") == std::string_view::npos)
            return true; // some appliances pad the size to a fixed width
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

/// What the line before a chunk says: its size and extensions (RFC 9112 §7.1).
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

/// Reads a body straight into its buffer. A chunked body is decoded where it was read to: data moves
/// down over the framing between it, and an unfinished line waits behind the data.
class body_reader
{
public:
    explicit body_reader(http_limits const& limits) : limits_(limits), trailers_(limits) {}

    /// No body follows.
    void start_none() noexcept { stage_ = stage::done; }

    void start_length(std::uint64_t length)
    {
        if (length > limits_.body()) {
            fail_size();
            return;
        }
        expected_ = static_cast<std::size_t>(length);
        stage_ = expected_ == 0 ? stage::done : stage::counted;
    }

    void start_chunked() noexcept { stage_ = stage::chunk_line; }

    /// Takes no more than this of a body that has been started, if the limits allow more.
    void limit(std::size_t most)
    {
        if (most >= limits_.body() || done() || failed())
            return;
        limits_.body(most);
        std::size_t const announced = stage_ == stage::counted ? expected_ : decoded_ + expected_;
        if (announced > most)
            fail_size();
    }

    /// How much memory the body takes here.
    std::size_t memory() const noexcept { return bytes_.capacity(); }

    void start_until_close() noexcept { stage_ = stage::until_close; }

    /// Room for the next bytes; empty once done() or failed(). A counted body never asks for more than
    /// its rest, and a chunk for little more: so nearly all data is read to where it stays.
    std::span<char> prepare()
    {
        constexpr std::size_t behind_data = 32; // CRLF and the next chunk's size
        switch (stage_) {
        case stage::counted: {
            auto const rest = expected_ - bytes_.size();
            if (bytes_.size() == bytes_.capacity())
                bytes_.reserve(bytes_.size() + std::min(rest, std::max(most_trusted, bytes_.capacity())));
            return bytes_.prepare(std::min(rest, bytes_.capacity() - bytes_.size()));
        }
        case stage::chunk_data: return room(std::min(expected_, most_trusted) + behind_data);
        case stage::until_close: return room(16 * 1024);
        case stage::done:
        case stage::failed: return {};
        default: return room(0);
        }
    }

    void commit(std::size_t n)
    {
        bytes_.commit(n);
        switch (stage_) {
        case stage::counted:
            if (bytes_.size() == expected_)
                stage_ = stage::done;
            return;
        case stage::until_close:
            if (bytes_.size() > limits_.body())
                fail_size();
            return;
        default: decode_chunks();
        }
    }

    /// Gives the reader bytes that were read together with the head, and returns how many it took: all
    /// but those behind the end of a counted body, or of none.
    std::size_t feed(std::string_view bytes)
    {
        std::size_t taken = 0;
        while (taken != bytes.size() && !done() && !failed()) {
            auto const room = prepare();
            auto const n = std::min(room.size(), bytes.size() - taken);
            std::memcpy(room.data(), bytes.data() + taken, n);
            commit(n);
            taken += n;
        }
        return taken;
    }

    bool done() const noexcept { return stage_ == stage::done; }
    bool failed() const noexcept { return stage_ == stage::failed; }
    http_fault const& fault() const noexcept { return fault_; }

    /// The connection ended cleanly: that completes a body that is delimited by it, and no other.
    void finish_eof()
    {
        if (stage_ == stage::until_close)
            stage_ = stage::done;
        else if (stage_ == stage::counted)
            fail(errc::connection_lost, "the connection ended after " + std::to_string(bytes_.size()) +
                                            " of the " + std::to_string(expected_) + " bytes of the body");
        else if (stage_ != stage::done && stage_ != stage::failed)
            fail(errc::connection_lost, "the connection ended before the last chunk of the body");
    }

    /// The body, once done().
    std::string_view view() const noexcept { return bytes_.view().substr(0, bytes_.size() - surplus_); }

    /// What came behind a chunked body's end.
    std::string_view surplus() const noexcept { return bytes_.view().substr(bytes_.size() - surplus_); }

    /// The body, once done(); the surplus is dropped.
    byte_buffer take() noexcept
    {
        bytes_.truncate(bytes_.size() - std::exchange(surplus_, 0));
        return std::move(bytes_);
    }

private:
    enum class stage : unsigned char
    {
        counted,
        until_close,
        chunk_line,
        chunk_data,
        chunk_end,
        trailers,
        done,
        failed
    };

    /// How much memory a size that the peer only claims is worth.
    static constexpr std::size_t most_trusted = 1024 * 1024;

    /// `wanted` bytes of room, or what there is if that is not little.
    std::span<char> room(std::size_t wanted)
    {
        constexpr std::size_t least = 2048;
        wanted = std::max(wanted, least);
        auto const spare = bytes_.capacity() - bytes_.size();
        return bytes_.prepare(spare < least ? wanted : std::min(wanted, spare));
    }

    /// Returns false, for step() to end with.
    bool fail(errc code, std::string cause)
    {
        fault_ = http_fault(code, std::move(cause));
        stage_ = stage::failed;
        return false;
    }
    bool fail_size()
    {
        return fail(errc::body_too_large,
                    "the body has more than " + std::to_string(limits_.body()) + " bytes");
    }

    /// Decodes what is behind the data, as far as it goes.
    void decode_chunks()
    {
        auto position = decoded_;
        while (step(bytes_.view().substr(position), position)) {
        }
        auto const rest = bytes_.size() - position;
        if (rest != 0 && position != decoded_)
            std::memmove(bytes_.data() + decoded_, bytes_.data() + position, rest);
        bytes_.truncate(decoded_ + rest);
        if (stage_ == stage::done)
            surplus_ = rest;
    }

    /// One line or piece of data at the front of `text`; moves `position` behind it. False when there
    /// is nothing more to do.
    bool step(std::string_view text, std::size_t& position)
    {
        switch (stage_) {
        case stage::chunk_line: return step_line(text, position);
        case stage::chunk_data: {
            auto const n = std::min(expected_, text.size());
            if (n == 0)
                return false;
            if (position != decoded_)
                std::memmove(bytes_.data() + decoded_, text.data(), n);
            decoded_ += n;
            position += n;
            expected_ -= n;
            if (expected_ == 0)
                stage_ = stage::chunk_end;
            return true;
        }
        case stage::chunk_end:
            if (!std::string_view("\r\n").starts_with(text.substr(0, 2)))
                return fail(errc::bad_chunk, "a chunk's data is not followed by CRLF");
            if (text.size() < 2)
                return false;
            position += 2;
            stage_ = stage::chunk_line;
            return true;
        case stage::trailers: return step_trailers(text, position);
        default: return false;
        }
    }

    bool step_trailers(std::string_view text, std::size_t& position)
    {
        switch (trailers_.read(text, position, [](auto, auto) {})) {
        case field_lines::state::incomplete: break;
        case field_lines::state::end: stage_ = stage::done; break;
        case field_lines::state::fault: fault_ = trailers_.fault(); stage_ = stage::failed;
        }
        return false;
    }

    bool step_line(std::string_view text, std::size_t& position)
    {
        // The size itself has 16 digits; zeros before it, which have no meaning, share the rest.
        constexpr std::size_t digits = 16;
        constexpr std::size_t half = std::numeric_limits<std::size_t>::max() / 2;
        std::string_view text_of_line;
        switch (cut_line(text, scanned_, std::min(limits_.chunk_extension(), half) + digits, text_of_line)) {
        case line_state::incomplete: return false;
        case line_state::bad_character:
            return fail(errc::bad_chunk, "a chunk's size line has a control character, or CR or LF alone");
        case line_state::too_long: return fail(errc::bad_chunk, "a chunk's size line is too long");
        case line_state::whole: break;
        }
        chunk_line const line(text_of_line);
        extensions_ += line.extension_size();
        if (line.wrong() != nullptr)
            return fail(errc::bad_chunk, line.wrong());
        // The second bound stops a peer that sends almost nothing but extensions.
        bool const mostly_extensions = extensions_ > decoded_ && extensions_ - decoded_ > limits_.fields();
        if (line.extension_size() > limits_.chunk_extension() || mostly_extensions)
            return fail(errc::bad_chunk, "a chunk's extensions are too long");
        if (line.size() > limits_.body() - decoded_)
            return fail_size();
        position += text_of_line.size() + 2;
        expected_ = static_cast<std::size_t>(line.size());
        stage_ = expected_ == 0 ? stage::trailers : stage::chunk_data;
        return true;
    }

    http_limits limits_;
    field_lines trailers_;
    byte_buffer bytes_;        ///< The body; while a chunked one is read also what is not decoded yet.
    std::size_t decoded_ = 0;  ///< How much of `bytes_` is body, when it is chunked.
    std::size_t expected_ = 0; ///< The whole size of a counted body, or what is left of a chunk.
    std::size_t extensions_ = 0;
    std::size_t scanned_ = 0;
    std::size_t surplus_ = 0;
    stage stage_ = stage::done;
    http_fault fault_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
