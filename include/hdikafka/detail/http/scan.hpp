// Searching HTTP text for the characters that end something, 16 bytes at a time where the machine has SSE2:
// most of what reading a header costs.
#ifndef HDIKAFKA_DETAIL_HTTP_SCAN_HPP
#define HDIKAFKA_DETAIL_HTTP_SCAN_HPP

#include <hdikafka/version.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hdikafka::inline v0_1::detail {

/// A set of characters.
class character_set
{
public:
    explicit constexpr character_set(std::string_view members) noexcept
    {
        for (char const member : members)
            table_[static_cast<unsigned char>(member)] = true;
    }

    constexpr bool contains(char character) const noexcept
    {
        return table_[static_cast<unsigned char>(character)];
    }

    /// Whether `text` has nothing but members, and at least one.
    constexpr bool spells(std::string_view text) const noexcept
    {
        return !text.empty() && prefix(text) == text.size();
    }

    /// How many members are at the front of `text`, if it is known of the first `from`.
    constexpr std::size_t prefix(std::string_view text, std::size_t from = 0) const noexcept
    {
        while (from < text.size() && contains(text[from]))
            ++from;
        return from;
    }

private:
    std::array<bool, 256> table_{};
};

inline constexpr character_set token_characters("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

/// Control characters but HTAB: none of them may stand in any line, but for the CRLF at its end.
inline constexpr character_set control_characters(
    std::string_view("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
                     "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f",
                     32));

#if defined(__SSE2__)
/// Sixteen bytes, and which of them have a property: bit i of a mask is byte i.
class byte_block
{
public:
    static constexpr std::size_t size = 16;

    explicit byte_block(char const* text) noexcept
        : bytes_(_mm_loadu_si128(reinterpret_cast<__m128i const*>(text)))
    {}

    unsigned controls() const noexcept
    {
        auto const low = at_most(bytes_, 0x1f);
        auto const tab = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('\t'));
        auto const del = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8(0x7f));
        return mask(_mm_or_si128(_mm_andnot_si128(tab, low), del));
    }

    /// Letters, digits and '-': all that the names of fields have in practice.
    unsigned name_characters() const noexcept
    {
        auto const lower = _mm_or_si128(bytes_, _mm_set1_epi8(0x20));
        auto const letter = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 'z' - 'a');
        auto const digit = at_most(_mm_sub_epi8(bytes_, _mm_set1_epi8('0')), 9);
        auto const dash = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('-'));
        return mask(_mm_or_si128(_mm_or_si128(letter, digit), dash));
    }

    /// Whether the 64 bytes from `text` on are ASCII without any control character.
    static bool four_are_printable(char const* text) noexcept
    {
        // Adding 0x81 puts DEL first, then what is above ASCII, then the controls: 0x00 to 0xa0.
        auto const ordered = [text](std::size_t i) {
            return _mm_add_epi8(byte_block(text + i * size).bytes_, _mm_set1_epi8(static_cast<char>(0x81)));
        };
        auto const least =
            _mm_min_epu8(_mm_min_epu8(ordered(0), ordered(1)), _mm_min_epu8(ordered(2), ordered(3)));
        return mask(at_most(least, static_cast<char>(0xa0))) == 0;
    }

private:
    /// Unsigned comparison, which SSE2 only has as a minimum.
    static __m128i at_most(__m128i bytes, char limit) noexcept
    {
        return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
    }
    static unsigned mask(__m128i bytes) noexcept { return static_cast<unsigned>(_mm_movemask_epi8(bytes)); }

    __m128i bytes_;
};
#endif

/// Where the first control character at or behind `from` is, or the size of `text`.
inline std::size_t find_control(std::string_view text, std::size_t from = 0) noexcept
{
#if defined(__SSE2__)
    for (; from + byte_block::size <= text.size(); from += byte_block::size)
        if (auto const found = byte_block(text.data() + from).controls(); found != 0)
            return from + static_cast<std::size_t>(std::countr_zero(found));
#endif
    while (from < text.size() && !control_characters.contains(text[from]))
        ++from;
    return from;
}

/// Whether `text` has no control character but HTAB. For texts that may be long and hardly ever have one.
inline bool has_no_control(std::string_view text) noexcept
{
    std::size_t from = 0;
#if defined(__SSE2__)
    while (from + 4 * byte_block::size <= text.size() && byte_block::four_are_printable(text.data() + from))
        from += 4 * byte_block::size;
#endif
    return find_control(text, from) == text.size();
}

/// How many token characters are at the front of `text`.
inline std::size_t token_size(std::string_view text) noexcept
{
    std::size_t size = 0;
#if defined(__SSE2__)
    for (; size + byte_block::size <= text.size(); size += byte_block::size)
        if (auto const others = ~byte_block(text.data() + size).name_characters() & 0xffffU; others != 0) {
            size += static_cast<std::size_t>(std::countr_zero(others));
            break;
        }
#endif
    return token_characters.prefix(text, size);
}

} // namespace hdikafka::inline v0_1::detail

#endif
