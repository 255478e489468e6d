// Chunked bodies, held against another decoder that is as plain as can be. Choices 2 and 3: the limits of the
// first reading; the other decoder has none.
#include "fuzz.hpp"

#include <hdikafka/detail/http/body.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

using fuzz::require;
using hdikafka::errc;

/// A body, what followed it, and whether it is complete.
struct outcome
{
    bool done = false;
    errc fault = {};
    std::string cause;
    std::string body;
    std::string behind;

    bool operator==(outcome const&) const = default;
};

outcome read(std::string_view text, fuzz::piece_sizes const& sizes, hdikafka::http_limits const& limits)
{
    hdikafka::detail::body_reader reader(limits);
    reader.start_chunked();
    auto const taken = fuzz::feed(reader, text, sizes, [] {});
    outcome seen;
    seen.done = reader.done();
    seen.fault = reader.fault().code();
    seen.cause = reader.fault().cause();
    require(reader.failed() == (seen.fault != errc()), "a fault has a code, and nothing else has");
    if (!seen.done)
        return seen;
    seen.behind = std::string(reader.surplus()) + std::string(text.substr(taken));
    seen.body = reader.view();
    require(reader.take().view() == seen.body, "the body that is taken is the one that was seen");
    return seen;
}

/// RFC 9112 §7.1, one character after the other; blanks may follow the size, as some appliances send them.
class reference
{
public:
    explicit reference(std::string_view text) : rest_(text) {}

    /// Nothing unless a whole body is at the front of the text.
    std::optional<outcome> read()
    {
        outcome seen;
        std::uint64_t size = 0;
        do {
            if (!(chunk_size(size) && extensions() && line_end()) || size > rest_.size())
                return std::nullopt;
            if (size == 0)
                break;
            seen.body += rest_.substr(0, static_cast<std::size_t>(size));
            rest_.remove_prefix(static_cast<std::size_t>(size));
        } while (line_end());
        if (size != 0)
            return std::nullopt;
        while (!rest_.starts_with("\r\n"))
            if (!trailer())
                return std::nullopt;
        seen.done = true;
        seen.behind = rest_.substr(2);
        return seen;
    }

private:
    using test = bool (*)(unsigned char);

    static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
    static bool is_letter(unsigned char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
    static bool is_hex(unsigned char c) { return is_digit(c) || (is_letter(c) && (c | 0x20) <= 'f'); }
    static bool is_tchar(unsigned char c)
    {
        return is_digit(c) || is_letter(c) ||
               (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) < 15);
    }
    static bool is_blank(unsigned char c) { return c == ' ' || c == '\t'; }
    static bool is_text(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); }
    static bool is_quotable(unsigned char c) { return is_text(c) && c != '"' && c != '\\'; }

    /// All that passes, at least `least` characters.
    bool take(test passes, std::size_t least, std::string_view* taken = nullptr)
    {
        std::size_t n = 0;
        while (n != rest_.size() && passes(static_cast<unsigned char>(rest_[n])))
            ++n;
        if (taken != nullptr)
            *taken = rest_.substr(0, n);
        rest_.remove_prefix(n);
        return n >= least;
    }
    bool take(char c)
    {
        if (!rest_.starts_with(c))
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool line_end() { return take('\r') && take('\n'); }

    bool chunk_size(std::uint64_t& size)
    {
        std::string_view digits;
        if (!take(is_hex, 1, &digits))
            return false;
        digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
        size = digits.empty() ? 0 : std::stoull("0x0" + std::string(digits.substr(0, 16)), nullptr, 16);
        return digits.size() <= 16;
    }

    bool extensions()
    {
        auto const behind_size = rest_;
        take(is_blank, 0); // padding, which nothing may follow
        if (rest_.starts_with('\r'))
            return true;
        rest_ = behind_size;
        while (!rest_.starts_with('\r')) {
            take(is_blank, 0);
            if (!(take(';') && take(is_blank, 0) && take(is_tchar, 1)))
                return false;
            auto const behind_name = rest_;
            take(is_blank, 0);
            if (!take('=')) {
                rest_ = behind_name;
                continue;
            }
            take(is_blank, 0);
            if (!(rest_.starts_with('"') ? quoted() : take(is_tchar, 1)))
                return false;
        }
        return true;
    }

    bool quoted()
    {
        take('"');
        while (take(is_quotable, 0) && take('\\')) {
            if (rest_.empty() || !is_text(static_cast<unsigned char>(rest_.front())))
                return false;
            rest_.remove_prefix(1);
        }
        return take('"');
    }

    bool trailer() { return take(is_tchar, 1) && take(':') && take(is_text, 0) && line_end(); }

    std::string_view rest_;
};

bool is_about_a_limit(outcome const& seen)
{
    return seen.fault == errc::body_too_large || seen.fault == errc::field_too_long ||
           seen.fault == errc::fields_too_long || seen.fault == errc::too_many_fields ||
           (seen.fault == errc::bad_chunk && seen.cause.ends_with("too long"));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::steered_input const input(data, size);
    auto const limited = same_for_every_split(
        input, [&](auto const& sizes) { return read(input.text(), sizes, input.limits()); });

    // No input is long enough to reach these.
    auto const unlimited = hdikafka::http_limits().field_count(size).chunk_extension(size);
    auto const ours = read(input.text(), fuzz::whole, unlimited);
    auto const expected = reference(input.text()).read();
    require(ours.done == expected.has_value(), "two decoders agree on what a chunked body is");
    require(!expected || ours == *expected, "two decoders agree on the body and its end");
    require(!limited.done || limited == ours, "limits change nothing about what is within them");
    require(limited.done || !ours.done || is_about_a_limit(limited), "what is beyond a limit is called that");
    return 0;
}
