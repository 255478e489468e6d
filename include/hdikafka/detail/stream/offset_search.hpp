// Whether a stream's options make sense, where it begins, and where it goes on behind a place about which the
// service keeps silent; both places may have to be looked for by reading single records. Pure decisions.
#ifndef HDIKAFKA_DETAIL_STREAM_OFFSET_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_OFFSET_SEARCH_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hdikafka::inline v0_1::detail {

/// What is wrong with the options, if anything.
inline std::optional<error> check_consume(consume_options const& options)
{
    using anchor = offset_spec::anchor;
    auto const negative = [](offset_spec at) {
        return (at.which() == anchor::exact || at.which() == anchor::before_end) && at.offset() < 0;
    };
    if (negative(options.from()))
        return error(errc::invalid_offset, "from() is a negative offset");
    if (options.until() && negative(*options.until()))
        return error(errc::invalid_offset, "until() is a negative offset");
    if (options.until() && options.until()->which() != anchor::end &&
        options.until()->which() != anchor::exact)
        return error(errc::invalid_option, "a stream ends at the latest offset or at an offset");
    constexpr std::size_t most = 1024;
    if (options.parallelism() < 1 || options.parallelism() > most || options.read_ahead() > most)
        return error(errc::invalid_option, "parallelism() is not 1 to 1024, or read_ahead() not 0 to 1024");
    if (options.max_records() < 1)
        return error(errc::invalid_count, "max_records() is less than 1");
    if (options.refresh_partitions() <= milliseconds(0))
        return error(errc::invalid_option, "refresh_partitions() is not positive");
    if (options.poll_least() <= milliseconds(0) || options.poll_most() < options.poll_least())
        return error(errc::invalid_option, "poll() needs 0 < least <= most");
    return std::nullopt;
}

/// Where a stream begins; one that begins at a point in time has yet to look for it from there.
inline std::int64_t start_position(offset_spec from, std::int64_t earliest_now,
                                   std::int64_t latest_now) noexcept
{
    using anchor = offset_spec::anchor;
    switch (from.which()) {
    case anchor::exact: return from.offset();
    case anchor::end: return latest_now;
    case anchor::before_end: return std::max(earliest_now, latest_now - from.offset());
    case anchor::beginning:
    case anchor::time: break;
    }
    return earliest_now;
}

/// Looks for the first record that is not older than a point in time. Halves the range until it is empty,
/// also where offsets have gaps: a million offsets take twenty reads, one after the other. It ends whatever
/// the answers say; where timestamps do not rise it ends at some place between an older record and one that
/// is not.
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

/// Looks for where records can be read again. By doubled distances, because a service that says nothing
/// within gaps may have a wide one there. What is to be skipped must be known better (`thorough`): first from
/// offset to offset, so that nothing is passed over that can be read, and what is found further away has the
/// place narrowed down where silence ends.
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
