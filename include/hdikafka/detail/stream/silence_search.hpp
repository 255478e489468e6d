// Where records can be read again, behind a place about which the service keeps silent: a pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_SILENCE_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_SILENCE_SEARCH_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// By doubled distances, because a service that says nothing within gaps may have a wide one there. What is
/// to be skipped must be known better (`thorough`): first from offset to offset, so that nothing is passed
/// over that can be read, and what is found further away has the place narrowed down where silence ends.
class silence_search
{
public:
    /// `limit`: up to where there may be records, here and below.
    silence_search(std::int64_t place, std::int64_t limit, bool thorough)
        : place_(place), silent_at_(place), thorough_(thorough)
    {
        go_to(place + 1, limit);
    }

    bool done() const noexcept { return done_; }

    /// Where to read a record; when done(), where silence seems to end.
    std::int64_t offset() const noexcept { return offset_; }

    /// Whether a record was found there, and not only the limit.
    bool found() const noexcept { return found_.has_value(); }

    /// The first record at offset() or behind it.
    void answered(std::optional<std::int64_t> first, std::int64_t limit)
    {
        constexpr std::int64_t one_by_one = 32;
        (first ? found_at_ : silent_at_) = offset_;
        if (first)
            found_ = first;
        std::int64_t const away = silent_at_ - place_;
        std::int64_t const between = found_at_ - silent_at_;
        if (found_ && thorough_ && between > 1)
            go_to(silent_at_ + between / 2, limit);
        else if (found_)
            end_at(*found_);
        else
            go_to(silent_at_ + (thorough_ && away < one_by_one ? 1 : std::min(away, limit - silent_at_)),
                  limit);
    }

private:
    void go_to(std::int64_t offset, std::int64_t limit)
    {
        if (offset >= limit)
            return end_at(limit);
        offset_ = offset;
    }

    void end_at(std::int64_t offset)
    {
        offset_ = offset;
        done_ = true;
    }

    std::int64_t place_;
    std::int64_t offset_ = 0;
    std::int64_t silent_at_;            ///< Where nothing was returned, furthest away;
    std::int64_t found_at_ = 0;         ///< where something was, nearest,
    std::optional<std::int64_t> found_; ///< and what.
    bool thorough_;
    bool done_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
