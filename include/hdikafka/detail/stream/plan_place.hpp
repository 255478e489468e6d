// Where a stream over one partition stands, as its plan knows it, and what it is about.
#ifndef HDIKAFKA_DETAIL_STREAM_PLAN_PLACE_HPP
#define HDIKAFKA_DETAIL_STREAM_PLAN_PLACE_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// What a plan is about.
enum class plan_state : unsigned char
{
    starting,  ///< Where to begin is not known.
    searching, ///< A point in time is looked for.
    verifying, ///< The record that a checkpoint was made for is looked at.
    reading,   ///< Records are due at the position.
    probing,   ///< Records are looked for behind a position that gives none.
    holding,   ///< Records have been read, and are due to be handed over.
};

/// What the watermarks have to tell before the state's own action is due.
enum class plan_question : unsigned char
{
    none,
    range,     ///< Where the partition begins and ends.
    nothing,   ///< What it means that there are no records,
    refusal,   ///< or that the service refuses the read.
    recreated, ///< Where the topic that was made anew begins and ends.
};

class plan_place
{
public:
    using anchor = offset_spec::anchor;

    static constexpr std::int64_t last_offset = std::numeric_limits<std::int64_t>::max();

    explicit plan_place(consume_options const& options) : until_(options.until())
    {
        anchor const from = options.from().which();
        follows_earliest = from == anchor::beginning || from == anchor::before_end || from == anchor::time;
        if (from == anchor::exact)
            position = options.from().offset();
        if (ends_at(anchor::exact))
            end = until_->offset();
    }

    /// Whether until() is one of these.
    bool ends_at(anchor what) const noexcept { return until_ && until_->which() == what; }

    /// Whether the end has yet to be looked for, at the point in time that until() is.
    bool lacks_end() const noexcept { return ends_at(anchor::time) && !end; }

    /// Whether there is nothing from the position up to `offset`.
    bool is_known_empty(std::int64_t offset) const noexcept
    {
        return std::max(position, silent_to.value_or(position)) >= offset;
    }

    /// Whether nothing is lost where the partition begins behind the position.
    bool may_begin_at(std::int64_t earliest) const noexcept
    {
        return position < earliest && (follows_earliest || is_known_empty(earliest));
    }

    /// How many offsets there are up to the end.
    std::int64_t left() const noexcept { return wanted_end() - position; }

    /// Whether nothing can be read before the watermarks are known.
    bool needs_range() const noexcept { return !is_over() && (lacks_end() || position == last_offset); }

    bool is_over() const noexcept { return end && is_known_empty(*end); }

    /// Whether the last look found nothing behind the position.
    bool caught_up() const noexcept { return available && latest && is_known_empty(*latest); }

    /// Up to where records are wanted.
    std::int64_t wanted_end() const noexcept { return end.value_or(last_offset); }

    /// An end that is a watermark is the one that is seen first.
    void see_end(std::int64_t latest_now)
    {
        if (ends_at(anchor::end) && !end)
            end = std::max(latest_now, position);
    }

    /// What a stream that goes on at `to` passes over.
    records_skipped skipped(std::int64_t to, skip_cause cause) const
    {
        records_skipped out;
        out.from = position;
        out.to = to;
        out.cause = cause;
        return out;
    }

    error past_end(std::int64_t latest_now) const
    {
        return error(errc::offset_above_latest, "offset " + std::to_string(position) + " is past the end " +
                                                    std::to_string(latest_now) +
                                                    ": the topic was truncated or recreated");
    }

    error deleted(std::int64_t earliest_now) const
    {
        return error(errc::offset_below_earliest, "offsets " + std::to_string(position) + " to " +
                                                      std::to_string(earliest_now - 1) +
                                                      " were deleted by retention before they were read");
    }

    /// The topic is another one than the end was seen of.
    void see_other_topic(std::int64_t latest_now)
    {
        if (ends_at(anchor::end))
            end = latest_now;
        if (ends_at(anchor::time))
            end.reset();
    }

    std::int64_t position = 0; ///< Of the next record to hand over.
    std::optional<std::int64_t> end;
    std::optional<std::int64_t> latest;    ///< The watermark, as of the last look.
    std::optional<std::int64_t> silent_to; ///< Up to here the service has been found to have nothing.
    bool available = true;                 ///< There is a leader, as far as is known.
    bool follows_earliest; ///< Until its first record a stream that names no offset may still do so.

private:
    std::optional<offset_spec> until_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
