// Where a stream starts and ends: earliest, latest, or an offset.
#ifndef HDIKAFKA_OFFSETS_HPP
#define HDIKAFKA_OFFSETS_HPP

#include <hdikafka/version.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>

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

/// A position in a partition: earliest, latest, an offset, or a point in time.
class offset_spec
{
public:
    /// What a position is counted from.
    enum class anchor : unsigned char
    {
        beginning,  ///< hk::earliest
        end,        ///< hk::latest
        exact,      ///< offset() itself
        before_end, ///< offset() offsets before the high watermark
        time,       ///< the first record that is not older than time()
    };

    /// A watermark, looked up when the stream starts.
    constexpr offset_spec(earliest_t) noexcept : anchor_(anchor::beginning) {}
    constexpr offset_spec(latest_t) noexcept : anchor_(anchor::end) {}

    /// Any integer; a double would lose offsets beyond 2^53 without a word.
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    constexpr offset_spec(T offset) noexcept
        : offset_(static_cast<std::int64_t>(offset)), anchor_(anchor::exact)
    {}

    /// Of any precision; counts in whole milliseconds, rounded up.
    template <class Duration>
    constexpr offset_spec(std::chrono::sys_time<Duration> time) noexcept
        : offset_(std::chrono::ceil<std::chrono::milliseconds>(time).time_since_epoch().count()),
          anchor_(anchor::time)
    {}

    /// For consume_options::from_end().
    static constexpr offset_spec before_end(std::int64_t count) noexcept
    {
        offset_spec out(count);
        out.anchor_ = anchor::before_end;
        return out;
    }

    /// Which of these it is.
    constexpr anchor which() const noexcept { return anchor_; }
    /// The point in time; 1970 when the position is something else.
    constexpr std::chrono::sys_time<std::chrono::milliseconds> time() const noexcept
    {
        return std::chrono::sys_time<std::chrono::milliseconds>(
            std::chrono::milliseconds(anchor_ == anchor::time ? offset_ : 0));
    }
    /// The offset; 0 when the position is a watermark. A negative one fails the stream's first next()
    /// with errc::invalid_offset.
    constexpr std::int64_t offset() const noexcept { return offset_; }

private:
    std::int64_t offset_ = 0;
    anchor anchor_;
};

/// A policy: an error. Written `hk::fail`.
class fail_t
{
public:
    explicit constexpr fail_t() = default;
};
/// Ends a stream with an error.
inline constexpr fail_t fail{};

/// A policy: go on behind it. Written `hk::skip`.
class skip_t
{
public:
    explicit constexpr skip_t() = default;
};
/// Passes over what cannot be read.
inline constexpr skip_t skip{};

/// What a stream does at an offset that is not in the partition: hk::fail, hk::earliest or hk::latest.
class out_of_range_policy
{
public:
    /// Ends with an error.
    constexpr out_of_range_policy(fail_t) noexcept : fails_(true), target_(earliest) {}
    /// Goes on from the earliest offset.
    constexpr out_of_range_policy(earliest_t) noexcept : target_(earliest) {}
    /// Goes on from the high watermark.
    constexpr out_of_range_policy(latest_t) noexcept : target_(latest) {}

    /// Whether it is hk::fail.
    constexpr bool fails() const noexcept { return fails_; }
    /// Where it goes on; only when it does not fail.
    constexpr offset_spec target() const noexcept { return target_; }

private:
    bool fails_ = false;
    offset_spec target_;
};

/// What a stream does about records that cannot be read: hk::fail or hk::skip.
class unreadable_policy
{
public:
    /// Ends with an error.
    constexpr unreadable_policy(fail_t) noexcept {}
    /// Goes on behind them.
    constexpr unreadable_policy(skip_t) noexcept : skips_(true) {}

    /// Whether it is hk::skip.
    constexpr bool skips() const noexcept { return skips_; }

private:
    bool skips_ = false;
};

} // namespace hdikafka::inline v0_1

#endif
