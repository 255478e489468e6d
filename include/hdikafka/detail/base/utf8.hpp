// UTF-8: strict validation, encoding, and the scan for bytes that need no attention in a JSON string.
#ifndef HDIKAFKA_DETAIL_BASE_UTF8_HPP
#define HDIKAFKA_DETAIL_BASE_UTF8_HPP

#include <hdikafka/version.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hdikafka::inline v0_1::detail {

/// A text without the byte-order mark that some programs put before it.
inline std::string_view without_byte_order_mark(std::string_view text) noexcept
{
    constexpr std::string_view mark = "\xef\xbb\xbf";
    return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

inline unsigned byte_at(char const* at) noexcept { return static_cast<unsigned char>(*at); }

/// Length of the well-formed sequence at `at` (Unicode 15, table 3-7), or 0: no overlong form, no
/// surrogate, nothing above U+10FFFF, nothing cut off. `at` is before `end`.
inline std::size_t utf8_length(char const* at, char const* end) noexcept
{
    auto const lead = byte_at(at);
    if (lead < 0x80)
        return 1;
    auto const left = end - at;
    auto const follows = [&](std::ptrdiff_t i, unsigned low = 0x80, unsigned high = 0xbf) {
        return i < left && byte_at(at + i) >= low && byte_at(at + i) <= high;
    };
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return follows(1) ? 2 : 0;
    if (lead < 0xf0)
        return follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
    if (lead < 0xf5)
        return follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3)
                   ? 4
                   : 0;
    return 0;
}

/// Whether a byte stands for itself in a JSON string: ASCII without quote, backslash and controls.
inline bool is_plain(char character) noexcept
{
    auto const value = static_cast<unsigned char>(character);
    return value >= 0x20 && value < 0x80 && value != '"' && value != '\\';
}

inline char const* plain_end_by_byte(char const* at, char const* end) noexcept
{
    while (at != end && is_plain(*at))
        ++at;
    return at;
}

/// The first byte from `at` on that is not plain, or `end`: eight bytes at a time, any byte order.
inline char const* plain_end_by_word(char const* at, char const* end) noexcept
{
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = ones * 0x80;
    for (; end - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        // With the top bits set no subtraction borrows from the next byte: its top bit is then clear
        // exactly when the low seven bits are below the subtrahend.
        auto const below_space = ((word ^ ones * 2) | tops) - ones * 0x21; // controls, and the quote
        auto const backslash = ((word ^ ones * '\\') | tops) - ones;
        if (((word | ~below_space | ~backslash) & tops) != 0)
            break;
    }
    return plain_end_by_byte(at, end);
}

#if defined(__SSE2__)

/// Sixteen bytes reordered so that those up to 0xa0 are the controls, the quote and all above ASCII:
/// flipping bit 1 swaps the quote (0x22) with the space, flipping the top bit puts 0x80 on first.
inline __m128i plain_order(__m128i bytes) noexcept
{
    return _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(0x82)));
}

inline __m128i backslashes(__m128i bytes) noexcept { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')); }

/// One bit for each byte that is not plain, of the least in plain_order() and the backslashes.
inline unsigned not_plain(__m128i least, __m128i backslash) noexcept
{
    auto const limit = _mm_set1_epi8(static_cast<char>(0xa0));
    auto const low = _mm_cmpeq_epi8(_mm_min_epu8(least, limit), least);
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, backslash)));
}

inline __m128i load_bytes(char const* at) noexcept
{
    return _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
}

inline unsigned not_plain(char const* at) noexcept
{
    auto const bytes = load_bytes(at);
    return not_plain(plain_order(bytes), backslashes(bytes));
}

/// The same for long runs, sixty-four bytes at a time.
[[gnu::noinline]] inline char const* plain_end_by_block(char const* at, char const* end) noexcept
{
    for (auto left = end - at; left >= 64; left -= 64, at += 64) {
        auto const a = load_bytes(at);
        auto const b = load_bytes(at + 16);
        auto const c = load_bytes(at + 32);
        auto const d = load_bytes(at + 48);
        auto const least = _mm_min_epu8(_mm_min_epu8(plain_order(a), plain_order(b)),
                                        _mm_min_epu8(plain_order(c), plain_order(d)));
        auto const backslash = _mm_or_si128(_mm_or_si128(backslashes(a), backslashes(b)),
                                            _mm_or_si128(backslashes(c), backslashes(d)));
        if (not_plain(least, backslash) != 0)
            break;
    }
    for (; end - at >= 16; at += 16)
        if (auto const found = not_plain(at); found != 0)
            return at + std::countr_zero(found);
    return plain_end_by_byte(at, end);
}

/// The same; names and short values end within the first sixteen bytes.
inline char const* plain_end(char const* at, char const* end) noexcept
{
    if (end - at < 16) [[unlikely]]
        return plain_end_by_byte(at, end);
    // Forget what is known of the memory: for a short literal gcc 12 warns of this load, although it is
    // never reached.
    asm("" : "+r"(at));
    auto const found = not_plain(at);
    return found != 0 ? at + std::countr_zero(found) : plain_end_by_block(at + 16, end);
}

#else

inline char const* plain_end(char const* at, char const* end) noexcept { return plain_end_by_word(at, end); }

#endif

/// Whether the whole text is well-formed UTF-8.
inline bool valid_utf8(std::string_view text) noexcept
{
    char const* at = text.data();
    char const* const end = at + text.size();
    while ((at = plain_end(at, end)) != end) {
        auto const length = utf8_length(at, end);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/// Appends the UTF-8 form of a code point, which is at most U+10FFFF and no surrogate.
inline void append_utf8(std::string& out, char32_t code_point)
{
    auto const put = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xc0 | code_point >> 6);
        put(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        put(0xe0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    } else {
        put(0xf0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3f));
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
