// What a producer has done so far, in figures.
#ifndef HDIKAFKA_PRODUCER_STATISTICS_HPP
#define HDIKAFKA_PRODUCER_STATISTICS_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hdikafka::inline v0_1 {

/// How durations are spread, from one microsecond to days, each known to an eighth of itself.
class duration_histogram
{
public:
    /// The unit.
    using microseconds = std::chrono::microseconds;

    /// Counts one duration; a negative one as none.
    void add(microseconds duration, std::uint64_t times = 1) noexcept
    {
        if (times == 0)
            return;
        auto const value = static_cast<std::uint64_t>(std::max<microseconds::rep>(duration.count(), 0));
        counts_[std::min(place(value), counts_.size() - 1)] += times;
        count_ += times;
        sum_ += value * times;
        most_ = std::max(most_, value);
    }

    /// How many durations were counted.
    std::uint64_t count() const noexcept { return count_; }
    /// The longest.
    microseconds max() const noexcept { return microseconds(most_); }
    /// Their mean; 0 without any.
    microseconds mean() const noexcept { return microseconds(count_ == 0 ? 0 : sum_ / count_); }

    /// The duration that this share of them does not exceed, by an eighth too long at most: quantile(0.99).
    /// 0 without any; a share outside [0, 1] counts as the nearer end.
    microseconds quantile(double share) const noexcept
    {
        auto const wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i != counts_.size(); ++i) {
            seen += counts_[i];
            if (seen != 0 && static_cast<double>(seen) >= wanted)
                return microseconds(i + 1 == counts_.size() ? most_ : std::min(highest(i), most_));
        }
        return microseconds(0);
    }

private:
    static constexpr unsigned fraction_bits = 3;
    static constexpr unsigned octaves = 38;

    /// Below 8 each value has a place of its own; from there on eight share each power of two.
    static std::size_t place(std::uint64_t value) noexcept
    {
        if (value < 1U << fraction_bits)
            return static_cast<std::size_t>(value);
        auto const shift = static_cast<unsigned>(std::bit_width(value)) - 1 - fraction_bits;
        return (std::size_t(shift + 1) << fraction_bits) + ((value >> shift) & ((1U << fraction_bits) - 1));
    }

    /// The highest value of a place.
    static std::uint64_t highest(std::size_t place) noexcept
    {
        if (place < 1U << fraction_bits)
            return place;
        auto const shift = static_cast<unsigned>(place >> fraction_bits) - 1;
        std::uint64_t const fraction = place & ((1U << fraction_bits) - 1);
        return (((1U << fraction_bits) + fraction + 1) << shift) - 1;
    }

    std::array<std::uint64_t, ((octaves + 1) << fraction_bits) + 1> counts_{}; ///< The last: all beyond.
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t most_ = 0;
};

/// A producer's figures at one moment; each counts from its making on unless it says otherwise.
class producer_statistics
{
public:
    producer_statistics() = default;

    std::uint64_t acknowledged = 0;   ///< Records that are in their topics.
    std::uint64_t failed = 0;         ///< Records that are certainly not.
    std::uint64_t doubtful = 0;       ///< Records that may be.
    std::uint64_t bytes = 0;          ///< Of the JSON of the acknowledged ones.
    std::uint64_t batches = 0;        ///< Batches that were answered or given up; retries count below.
    std::uint64_t retries = 0;        ///< Times that one was sent again, or its records were.
    std::size_t buffered_records = 0; ///< Now: taken and not answered, in flight or not.
    std::size_t buffered_bytes = 0;   ///< Now: their JSON.
    std::size_t waiting = 0;          ///< Now: send()s that wait for room.
    std::size_t in_flight = 0;        ///< Now: batches under way.
    duration_histogram queue_time;    ///< For each record of `batches`: from send() until its batch left.
    duration_histogram flight_time;   ///< For each of `batches`: until its answer.
};

} // namespace hdikafka::inline v0_1

#endif
