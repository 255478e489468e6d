// The first record that is not older than a point in time, found by reading single records: a pure decision.
// Layer: decisions (no I/O, no clock).
#ifndef HDIKAFKA_DETAIL_TIME_SEARCH_HPP
#define HDIKAFKA_DETAIL_TIME_SEARCH_HPP

#include <hdikafka/version.hpp>

#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// Halves the range until it is empty, also where offsets have gaps. It ends whatever the answers say; where
/// timestamps do not rise it ends at some place between an older record and one that is not.
class time_search
{
public:
    /// `time` in milliseconds since 1970. The record is in [first, end), or there is none and the end is what
    /// is looked for.
    time_search(std::int64_t time, std::int64_t first, std::int64_t end) noexcept
        : time_(time), low_(first), high_(end)
    {}

    bool done() const noexcept { return low_ >= high_; }

    /// Where to read a record; where to start when done().
    std::int64_t offset() const noexcept { return middle() + further_; }

    /// The first record at offset() or behind it, and its time if it has one.
    void answered(std::optional<std::int64_t> first, std::optional<std::int64_t> time) noexcept
    {
        std::int64_t const asked = offset();
        // A service may be silent at a record that is too large for it, or within a gap.
        std::int64_t const next = further_ == 0 ? 1 : 2 * further_;
        if (!first && next < high_ - middle()) {
            further_ = next;
            return;
        }
        bool const older = first && *first < high_ && *first >= asked && (!time || *time < time_);
        if (older)
            low_ = *first + 1;
        else
            high_ = middle();
        further_ = 0;
    }

private:
    std::int64_t middle() const noexcept { return low_ + (high_ - low_) / 2; }

    std::int64_t time_;
    std::int64_t low_;
    std::int64_t high_;
    std::int64_t further_ = 0;
};

} // namespace hdikafka::inline v0_1::detail

#endif
