// murmur2: the hash by which the Java client picks a keyed record's partition.
#ifndef HDIKAFKA_DETAIL_BASE_MURMUR2_HPP
#define HDIKAFKA_DETAIL_BASE_MURMUR2_HPP

#include <hdikafka/version.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// MurmurHash2, 32 bits, with the seed that Kafka's DefaultPartitioner uses. Words are read as
/// little-endian on every machine. The result is signed because the Java client's is.
inline std::int32_t murmur2(std::string_view data) noexcept
{
    constexpr std::uint32_t seed = 0x9747b28c;
    constexpr std::uint32_t mix = 0x5bd1e995;
    constexpr unsigned shift = 24;

    auto const byte = [data](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(data[i]));
    };

    std::uint32_t hash = seed ^ static_cast<std::uint32_t>(data.size());
    std::size_t i = 0;
    for (; data.size() - i >= 4; i += 4) {
        std::uint32_t word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
        word *= mix;
        word ^= word >> shift;
        word *= mix;
        hash *= mix;
        hash ^= word;
    }

    std::size_t const rest = data.size() - i;
    if (rest > 0) {
        if (rest > 2)
            hash ^= byte(i + 2) << 16;
        if (rest > 1)
            hash ^= byte(i + 1) << 8;
        hash ^= byte(i);
        hash *= mix;
    }

    hash ^= hash >> 13;
    hash *= mix;
    hash ^= hash >> 15;
    return static_cast<std::int32_t>(hash);
}

/// The Java client's toPositive: the sign bit cleared, not the absolute value.
constexpr std::int32_t to_positive(std::int32_t hash) noexcept { return hash & 0x7fffffff; }

/// The partition, of `partitions` (>= 1), that the Java client picks for a key of these bytes.
inline std::int32_t partition_for_key(std::string_view key, std::int32_t partitions) noexcept
{
    return to_positive(murmur2(key)) % partitions;
}

} // namespace hdikafka::inline v0_1::detail

#endif
