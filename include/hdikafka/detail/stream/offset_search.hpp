// Whether a stream's options make sense, and where it begins, which may have to be looked for. Pure
// decisions.
#ifndef HDIKAFKA_DETAIL_STREAM_OFFSET_SEARCH_HPP
#define HDIKAFKA_DETAIL_STREAM_OFFSET_SEARCH_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
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
    if (options.until() &&
        (options.until()->which() == anchor::beginning || options.until()->which() == anchor::before_end))
        return error(errc::invalid_option,
                     "a stream ends at the latest offset, at an offset or at a point in time");
    constexpr std::size_t most = 1024;
    if (options.parallelism() < 1 || options.parallelism() > most || options.read_ahead() > most)
        return error(errc::invalid_option, "parallelism() is not 1 to 1024, or read_ahead() not 0 to 1024");
    if (options.max_records() < 1)
        return error(errc::invalid_count, "max_records() is less than 1");
    if (options.refresh_partitions() <= milliseconds(0))
        return error(errc::invalid_option, "refresh_partitions() is not positive");
    if (options.poll_least() <= milliseconds(0) || options.poll_most() < options.poll_least())
        return error(errc::invalid_option, "poll() needs 0 < least <= most");
    if (options.buffer_bytes() < 1)
        return error(errc::invalid_option, "buffer_bytes() is 0");
    if (options.share_of() < 1 || options.share_index() < 0 || options.share_index() >= options.share_of())
        return error(errc::invalid_option, "share() needs 0 <= index < of");
    if (options.unreadable_after() <= milliseconds(0))
        return error(errc::invalid_option, "unreadable_after() is not positive");
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

/// Looks for the first record that is not older than a point in time, by reads one after the other: one
/// record says little, since its timestamp may be missing or wrong, so that blocks of them are read.
///
/// The range is halved: a block counts as older when it has timestamps and all of them are before the time;
/// one that says nothing does not. What is left is scanned from end to end; and because records may be out of
/// order, so is what lies before it, until there is nothing new any more. Whatever the answers say it ends.
class time_search
{
public:
    /// `time` in milliseconds since 1970. The record is in [first, end), or there is none and the end is what
    /// is looked for.
    time_search(std::int64_t time, std::int64_t first, std::int64_t end)
        : time_(time), first_(first), low_(first), high_(end), start_(end)
    {
        if (time <= 0 || first >= end) {
            start_ = std::min(first, end);
            stage_ = stage::done;
        } else {
            go_on();
        }
    }

    bool done() const noexcept { return stage_ == stage::done; }

    /// Where to start, when done().
    std::int64_t start() const noexcept { return start_; }

    /// Where the next read begins.
    std::int64_t offset() const noexcept { return cursor_; }

    /// The next read, when not done().
    void ask(plan_action& out) const noexcept
    {
        out.what = plan_action::kind::probe;
        out.offset = cursor_;
        out.count = std::min(most_, stage_ == stage::halving ? block : scan);
        out.end = std::numeric_limits<std::int64_t>::max();
        out.since = time_;
        out.horizon = stop_;
    }

    /// What came of it: records, or none.
    void answered(plan_event const& seen)
    {
        if (!seen.first || *seen.first < cursor_ || seen.last < *seen.first)
            return unanswered();
        most_ = std::min(2 * most_, scan);
        if (stage_ == stage::halving)
            halved(seen);
        else
            scanned(seen);
    }

    /// Nothing can be learned there.
    void unanswered()
    {
        if (stage_ != stage::halving) {
            start_ = cursor_;
            return scanned_up(stage_ == stage::forwards);
        }
        further_ = further_ == 0 ? block : 2 * further_;
        if (further_ < high_ - middle_) {
            cursor_ = middle_ + further_;
            return;
        }
        high_ = start_ = middle_;
        go_on();
    }

    /// The answer would be too large: asks for half as many. False when it is one already.
    bool fewer() noexcept
    {
        plan_action asked;
        ask(asked);
        most_ = std::max(asked.count / 2, 1);
        return asked.count > 1;
    }

private:
    enum class stage : unsigned char
    {
        halving,   ///< What is wanted begins in [low, high], or at the start known so far.
        forwards,  ///< [low, high) is scanned,
        backwards, ///< and what is before it.
        done,
    };

    static constexpr std::int32_t block = 64;
    static constexpr std::int32_t scan = 500;
    static constexpr std::int32_t enough = 8;

    void go_on()
    {
        if (low_ >= high_)
            return scanned_up(true);
        if (high_ - low_ <= scan)
            return begin_scan(stage::forwards, low_, high_);
        middle_ = cursor_ = low_ + (high_ - low_) / 2;
        stop_ = high_;
        further_ = 0;
        dated_ = 0;
    }

    /// The range is not empty.
    void begin_scan(stage which, std::int64_t from, std::int64_t to)
    {
        stage_ = which;
        cursor_ = from;
        stop_ = to;
    }

    void halved(plan_event const& seen)
    {
        if (seen.hit) {
            high_ = cursor_;
            start_ = *seen.hit;
        } else if (seen.dated > 0) {
            dated_ += seen.dated;
            cursor_ = std::min(seen.last, high_ - 1) + 1;
            if (dated_ < enough && cursor_ < high_)
                return; // one or two may be wrong
            low_ = cursor_;
        } else {
            if (*seen.first < high_) // else there is nothing
                start_ = cursor_;
            high_ = cursor_;
        }
        go_on();
    }

    void scanned(plan_event const& seen)
    {
        bool const nothing_known = *seen.first < stop_ && seen.dated == 0;
        if (seen.hit || nothing_known) {
            start_ = seen.hit.value_or(*seen.first);
            return scanned_up(true);
        }
        cursor_ = std::min(seen.last, stop_ - 1) + 1;
        if (cursor_ >= stop_)
            scanned_up(stage_ == stage::forwards);
    }

    /// `backwards`: what lies before may be new as well.
    void scanned_up(bool backwards)
    {
        if (!backwards || low_ <= first_) {
            stage_ = stage::done;
            return;
        }
        std::int64_t const stop = low_;
        low_ = std::max(first_, low_ - scan);
        begin_scan(stage::backwards, low_, stop);
    }

    std::int64_t time_;
    std::int64_t first_;
    std::int64_t low_;
    std::int64_t high_;
    std::int64_t start_; ///< As far as is known.
    stage stage_ = stage::halving;
    std::int64_t middle_ = 0;
    std::int64_t further_ = 0; ///< Behind the middle, where nothing could be learned.
    std::int64_t cursor_ = 0;
    std::int32_t dated_ = 0; ///< Records from the middle on that are older.
    std::int64_t stop_ = 0;  ///< What is behind it says nothing.
    std::int32_t most_ = scan;
};

} // namespace hdikafka::inline v0_1::detail

#endif
