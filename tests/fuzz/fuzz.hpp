// What the fuzz targets share: saying what does not hold, the bytes of an input that steer, and feeding a
// reader in pieces.
#ifndef HDIKAFKA_TESTS_FUZZ_FUZZ_HPP
#define HDIKAFKA_TESTS_FUZZ_FUZZ_HPP

#include <hdikafka/http_limits.hpp>

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

namespace fuzz {

/// Ends the process, which libFuzzer takes for a finding, unless the claim holds.
inline void require(bool holds, char const* claim)
{
    if (holds)
        return;
    std::fprintf(stderr, "fuzz: it does not hold that %s\n", claim);
    std::abort();
}

inline std::string_view as_text(std::uint8_t const* data, std::size_t size)
{
    return size == 0 ? std::string_view() : std::string_view(reinterpret_cast<char const*>(data), size);
}

/// The sizes of the pieces that bytes are fed in, used in turn.
using piece_sizes = std::array<std::size_t, 3>;

inline constexpr piece_sizes whole{SIZE_MAX, SIZE_MAX, SIZE_MAX};
inline constexpr piece_sizes single_bytes{1, 1, 1};

/// An input of the targets that read from a connection: four bytes that steer, then what the peer sent. They
/// are letters in the seeds: '@' is a choice of nothing, and a piece of one byte.
class steered_input
{
public:
    steered_input(std::uint8_t const* data, std::size_t size) : text_(as_text(data, size))
    {
        if (text_.size() < 1 + pieces_.size()) {
            text_ = {};
            return;
        }
        choices_ = static_cast<unsigned char>(text_.front());
        for (std::size_t i = 0; i != pieces_.size(); ++i)
            pieces_[i] = 1 + static_cast<unsigned char>(text_[1 + i]) % 64;
        text_.remove_prefix(1 + pieces_.size());
    }

    std::string_view text() const { return text_; }
    piece_sizes const& pieces() const { return pieces_; }

    /// One of the six that a target may give a meaning.
    bool choice(unsigned bit) const { return (choices_ >> bit & 1) != 0; }

    /// Choices 2 and 3 say how much a reader takes.
    hdikafka::http_limits limits() const
    {
        constexpr auto most = std::numeric_limits<std::size_t>::max();
        if (choice(2) && choice(3))
            return all_limits(most);
        if (choice(3))
            return all_limits(0);
        if (choice(2))
            return hdikafka::http_limits()
                .status_line(24)
                .field(30)
                .fields(60)
                .field_count(3)
                .body(16)
                .interim(1)
                .chunk_extension(8);
        return hdikafka::http_limits();
    }

private:
    static hdikafka::http_limits all_limits(std::size_t n)
    {
        // No status line would be nothing to read.
        return hdikafka::http_limits()
            .status_line(std::max<std::size_t>(n, 24))
            .field(n)
            .fields(n)
            .field_count(n)
            .body(n)
            .interim(n)
            .chunk_extension(n);
    }

    std::string_view text_;
    unsigned choices_ = 0;
    piece_sizes pieces_{1, 1, 1};
};

/// Gives `reader` as much of `piece` as it has room for. Memory behind that cannot be looked at meanwhile.
template <class Reader>
std::size_t give(Reader& reader, std::string_view piece)
{
    std::span<char> const room = reader.prepare();
    require(room.empty() == (reader.done() || reader.failed()), "there is room until the end or a fault");
    auto const n = std::min(room.size(), piece.size());
    if (n == 0)
        return 0;
    std::memcpy(room.data(), piece.data(), n);
    auto const behind = room.subspan(n);
    ASAN_POISON_MEMORY_REGION(behind.data(), behind.size());
    reader.commit(n);
    ASAN_UNPOISON_MEMORY_REGION(behind.data(), behind.size());
    return n;
}

/// Feeds `reader` in pieces until it has all or is done; `after_each()` may look at it, and make it go on.
/// Returns how many bytes it took.
template <class Reader, class AfterEach>
std::size_t feed(Reader& reader, std::string_view text, piece_sizes const& sizes, AfterEach after_each)
{
    std::size_t taken = 0;
    for (std::size_t turn = 0; taken != text.size() && !reader.done() && !reader.failed(); ++turn) {
        auto piece = text.substr(taken, sizes[turn % sizes.size()]);
        while (!piece.empty()) {
            auto const n = give(reader, piece);
            after_each();
            piece.remove_prefix(n);
            taken += n;
            if (n == 0)
                break;
        }
    }
    return taken;
}

/// What `run(sizes)` gives for all the ways of feeding, which has to be the same.
template <class Run>
auto same_for_every_split(steered_input const& input, Run run)
{
    auto seen = run(whole);
    require(run(input.pieces()) == seen, "the outcome is the same in pieces");
    require(run(single_bytes) == seen, "the outcome is the same byte by byte");
    return seen;
}

} // namespace fuzz

#endif
