// The first record that is not older than a point in time, found by reading single records: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_TIME_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_TIME_SEARCH_HPP

#include <hdikafka/version.hpp>

#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// Halves the range until it is empty, also where offsets have gaps: a million offsets take twenty reads, one
/// after the other. It ends whatever the answers say; where timestamps do not rise it ends at some place
/// between an older record and one that is not.
class time_search
{
public:
    /// `time` in milliseconds since 1970. The record is in [first, end), or there is none and the end is what
    /// is looked for.
    time_search(std::int64_t time, std::int64_t first, std::int64_t end)
        : time_(time), low_(first), high_(end)
    {
        halve();
    }

    bool done() const noexcept { return low_ >= high_; }

    /// Where to start, when done().
    std::int64_t start() const noexcept { return low_; }

    /// Where to read a record.
    std::int64_t offset() const noexcept { return middle_ + further_; }

    /// The first record at offset() or behind it, and its time if it has one.
    void answered(std::optional<std::int64_t> first, std::optional<std::int64_t> time)
    {
        if (!first && look_further())
            return;
        if (!first || *first < offset() || *first >= high_ || (time && *time >= time_))
            high_ = middle_;
        else
            low_ = *first + 1;
        halve();
    }

private:
    void halve()
    {
        middle_ = low_ + (high_ - low_) / 2;
        further_ = 0;
    }

    /// A service may be silent at a record that is too large for it, or within a gap. False when everything
    /// up to the end has been tried.
    bool look_further()
    {
        further_ = further_ == 0 ? 1 : 2 * further_;
        return further_ < high_ - middle_;
    }

    std::int64_t time_;
    std::int64_t low_;
    std::int64_t high_;
    std::int64_t middle_ = 0;
    std::int64_t further_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
