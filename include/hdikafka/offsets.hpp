// Where a stream starts and ends: earliest, latest, or an offset. Layer: values (no I/O, no Asio).
#ifndef HDIKAFKA_OFFSETS_HPP
#define HDIKAFKA_OFFSETS_HPP

#include <hdikafka/version.hpp>

#include <concepts>
#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1 {

/// The first offset that still exists. Written `hk::earliest`.
class earliest_t
{
public:
    explicit constexpr earliest_t() = default;
};
/// Names the first offset that still exists.
inline constexpr earliest_t earliest{};

/// The high watermark as it is when the stream starts. Written `hk::latest`.
class latest_t
{
public:
    explicit constexpr latest_t() = default;
};
/// Names the high watermark.
inline constexpr latest_t latest{};

/// A position in a partition: earliest, latest, or an offset.
class offset_spec
{
public:
    /// What a position is counted from.
    enum class anchor : unsigned char
    {
        beginning, ///< hk::earliest
        end,       ///< hk::latest
        exact,     ///< offset() itself
    };

    /// A watermark, looked up when the stream starts.
    constexpr offset_spec(earliest_t) noexcept : anchor_(anchor::beginning) {}
    constexpr offset_spec(latest_t) noexcept : anchor_(anchor::end) {}

    /// Any integer; a double would lose offsets beyond 2^53 without a word.
    template <std::integral T>
    requires(!std::same_as<T, bool>) constexpr offset_spec(T offset) noexcept
        : offset_(static_cast<std::int64_t>(offset)), anchor_(anchor::exact)
    {}

    /// Which of the three it is.
    constexpr anchor which() const noexcept { return anchor_; }
    /// The offset; 0 when the position is a watermark. A negative one fails the stream's first next()
    /// with errc::invalid_offset.
    constexpr std::int64_t offset() const noexcept { return offset_; }

private:
    std::int64_t offset_ = 0;
    anchor anchor_;
};

} // namespace hdikafka::inline v0_1

#endif
