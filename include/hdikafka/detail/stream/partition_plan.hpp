// What a stream over one partition does next: a pure decision.
//
// Positions only move forward, and only past what was delivered or what the service said to skip.
// An empty answer is the end only when the position has reached the high watermark; below it the read
// is repeated, and then records further on are looked for, so that a record which the service cannot
// return (larger than its cap) becomes an error instead of a stream that stands still for ever.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/rules.hpp>
#include <hdikafka/detail/stream/time_search.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

enum class stream_action : unsigned char
{
    look,    ///< Read the watermarks, then watermarks().
    seek,    ///< Read one record at each of seeks(), then sought() for each.
    read,    ///< Read count() records at offset(), then answered() or refused().
    deliver, ///< Hand over the records of the last answer, then delivered().
    pause,   ///< Wait for pause(), then go on.
    finish,  ///< Everything up to the end has been delivered.
    fail,    ///< failure() says why.
};

/// Offsets that a policy passed over; `to` is before `from` after a truncation.
struct skipped_range
{
    std::int64_t from;
    std::int64_t to;
    skip_cause cause;
};

/// A pause up to a fifth shorter, so that streams which began together do not poll in step for ever. `random`
/// is in [0, 1).
inline milliseconds jittered(milliseconds pause, double random) noexcept
{
    milliseconds const most = pause / 5;
    return pause - milliseconds(static_cast<milliseconds::rep>(static_cast<double>(most.count()) * random));
}

class partition_plan
{
public:
    /// `connections`: how many it may use at a time, if that is less than the options say.
    explicit partition_plan(consume_options const& options,
                            std::size_t connections = std::numeric_limits<std::size_t>::max())
        : options_(options), at_a_time_(std::min({connections_of(options), connections, most_seeks}))
    {
        if (options.from().which() == offset_spec::anchor::exact)
            position_ = options.from().offset();
        if (options.until() && options.until()->which() == offset_spec::anchor::exact)
            end_ = options.until()->offset();
    }

    /// The record at `offset`, which is before the start, was written at `time` (milliseconds since 1970): a
    /// topic that has another one there was made anew.
    void expect(std::int64_t offset, std::int64_t time) { evidence_.emplace(offset, time); }

    stream_action next()
    {
        if (failure_)
            return stream_action::fail;
        if (pausing_) {
            pausing_ = false;
            return stream_action::pause;
        }
        if (search_)
            return stream_action::seek;
        // Nothing is handed over before the evidence has been looked at.
        if (must_look_ || !position_ || (options_.until() && !end_) || (evidence_ && !evidence_shows()))
            return stream_action::look;
        if (evidence_)
            return stream_action::seek;
        if (holding_)
            return stream_action::deliver;
        return end_ && *position_ >= *end_ ? stream_action::finish : stream_action::read;
    }

    std::int64_t offset() const noexcept { return probe_ ? *probe_ : *position_; }

    /// The offsets at which to seek: at the same time, or one after the other.
    std::vector<std::int64_t> seeks() const
    {
        return search_ ? search_->offsets() : std::vector<std::int64_t>(1, evidence_->first);
    }

    std::int32_t count() const noexcept
    {
        if (probe_)
            return 1;
        std::int64_t const wanted = options_.max_records();
        return static_cast<std::int32_t>(end_ ? std::min(wanted, *end_ - *position_) : wanted);
    }

    /// Records from here on are not wanted.
    std::int64_t read_end() const noexcept { return end_.value_or(std::numeric_limits<std::int64_t>::max()); }

    /// Whether offset() is off the way: looked at for a record behind an unreadable one.
    bool probing() const noexcept { return probe_.has_value(); }

    /// There are records up to here, as far as the last look knows.
    std::int64_t known_end() const noexcept { return latest_.value_or(0); }

    milliseconds pause() const noexcept { return pause_; }

    void watermarks(partition_info const& seen)
    {
        must_look_ = false;
        auto const latest_before = std::exchange(latest_, seen.latest_offset);
        bool const empty = std::exchange(empty_, false);
        if (!position_)
            start(seen);
        else if (follows_earliest() && *position_ < seen.earliest_offset)
            stand_at(seen.earliest_offset);
        if (options_.until() && !end_)
            end_ = std::max(seen.latest_offset, *position_);

        if (search_)
            return;
        if (std::exchange(recreated_, false))
            return go_on_elsewhere(seen, skip_cause::recreated);
        if (evidence_ && evidence_->first < seen.earliest_offset)
            evidence_.reset(); // it is gone
        bool const condemned = std::exchange(condemned_, false);
        if (*position_ < seen.earliest_offset)
            return below_earliest(seen);
        if (condemned)
            return judge_suspicion(seen);
        if (holding_)
            return;
        if (*position_ > seen.latest_offset)
            return judge_position_past_end(seen);
        doubted_ = milliseconds(0);
        if (!empty)
            return;
        // Only what was written before the read can have been skipped by it.
        std::int64_t const skip_to = std::min(skip_to_, latest_before.value_or(0));
        if (skip_to > *position_)
            moved_to(skip_to);
        else
            judge_empty_answer();
    }

    /// The answer to the seek at `offset`: the record found, if there is one.
    void sought(std::int64_t offset, std::optional<std::int64_t> first, std::optional<std::int64_t> time)
    {
        if (evidence_)
            return compare(first, time);
        search_->answered(offset, first, time);
        if (!search_->done())
            return;
        position_ = search_->start();
        search_.reset();
        refused_ = false; // what is read from there may be refused, too
    }

    /// The service refused a seek; like refused(). The search begins anew, without the other answers.
    bool seek_refused()
    {
        if (evidence_)
            return refused();
        search_.reset();
        position_.reset();
        return refused();
    }

    /// The answer to the read at offset(): where its first record is, nullopt without any, and where it
    /// says to go on.
    void answered(std::optional<std::int64_t> first, std::int64_t next)
    {
        refused_ = false;
        if (probe_) {
            probed(first);
        } else if (first) {
            if (follows_earliest())
                position_ = std::max(*position_, *first);
            holding_ = true;
            // Compaction leaves gaps, and so does retention: only the watermarks tell which it was.
            must_look_ = *first > *position_;
        } else if (suspect_ && next <= *position_) {
            condemned_ = must_look_ = true; // unless retention has struck meanwhile
        } else {
            must_look_ = true;
            empty_ = true;
            skip_to_ = next;
        }
    }

    /// The service refused the read at offset(). True: the watermarks may tell why, go on; false: they
    /// have been asked, and the service's own error is the one to report.
    bool refused()
    {
        refused_ = !refused_; // reported once; whoever reads on then has them asked again
        must_look_ = refused_;
        return refused_;
    }

    /// Everything before `next` has been handed over.
    void delivered(std::int64_t next)
    {
        holding_ = false;
        moved_to(next);
    }

    /// What was passed over since the last call, for want of a way to read it.
    std::vector<skipped_range> take_skipped() { return std::exchange(skipped_, {}); }

    std::optional<std::int64_t> position() const noexcept { return search_ ? std::nullopt : position_; }
    std::optional<error> const& failure() const noexcept { return failure_; }
    std::optional<std::int64_t> end() const noexcept { return end_; }

    /// Whether the last look found nothing behind the position.
    bool caught_up() const noexcept { return position_ && latest_ && *position_ >= *latest_; }

private:
    /// Empty answers below the high watermark before records further on are looked for.
    static constexpr int patience = 3;

    /// Seeks at a time: more would save hardly a round trip.
    static constexpr std::size_t most_seeks = 16;

    /// How old a watermark may be: the service caches its metadata for seconds.
    static constexpr milliseconds staleness{10'000};

    /// Until its first record a stream that names no offset may still follow the earliest one.
    bool follows_earliest() const noexcept
    {
        using anchor = offset_spec::anchor;
        anchor const from = options_.from().which();
        return !moved_ && (from == anchor::beginning || from == anchor::before_end || from == anchor::time);
    }

    void start(partition_info const& seen)
    {
        offset_spec const from = options_.from();
        position_ = start_position(from, seen);
        if (from.which() == offset_spec::anchor::time && seen.earliest_offset < seen.latest_offset)
            search_.emplace(from.time().time_since_epoch().count(), seen.earliest_offset, seen.latest_offset,
                            at_a_time_);
    }

    void moved_to(std::int64_t next)
    {
        moved_ = true;
        stand_at(std::max(*position_, next));
    }

    /// Nothing that was found out about another position counts any longer.
    void stand_at(std::int64_t position)
    {
        position_ = position;
        probe_.reset();
        suspect_.reset();
        condemned_ = false;
        refused_ = false;
        doubts_ = 0;
        doubted_ = milliseconds(0);
        next_pause_ = options_.poll_least();
    }

    void wait()
    {
        pausing_ = true;
        pause_ = next_pause_;
        milliseconds const most = options_.poll_most();
        next_pause_ = next_pause_ <= most / 2 ? next_pause_ * 2 : most;
    }

    /// The watermark may be older than what was read already. Only one that stays behind, or that comes
    /// with a refused read, says that the topic is another one now.
    void judge_position_past_end(partition_info const& seen)
    {
        if (!refused_ && doubted_ < staleness) {
            wait();
            doubted_ += pause_;
            must_look_ = evidence_ || (end_ && *position_ >= *end_); // nothing more to read
            return;
        }
        if (!options_.on_out_of_range().fails())
            return go_on_elsewhere(seen, skip_cause::truncated);
        failure_.emplace(errc::offset_above_latest, "offset " + std::to_string(*position_) +
                                                        " is past the end " + std::to_string(*latest_) +
                                                        ": the topic was truncated or recreated");
    }

    void judge_empty_answer()
    {
        if (*position_ >= *latest_) {
            doubts_ = 0;
            wait();
        } else if (++doubts_ < patience) {
            wait();
        } else {
            found_.reset();
            silent_at_ = *position_;
            probe(*position_ + 1);
        }
    }

    /// Looks for a record at an offset behind the position, up to where there may be any.
    void probe(std::int64_t at)
    {
        std::int64_t const limit = end_ ? std::min(*end_, *latest_) : *latest_;
        if (at >= limit)
            return suspect(limit);
        probe_ = at;
    }

    /// By doubled distances, because a service that says nothing within gaps may have a wide one there. What
    /// is to be skipped must be known better: first from offset to offset, so that nothing is passed over
    /// that can be read, and what is found further away has the place narrowed down where silence ends.
    void probed(std::optional<std::int64_t> first)
    {
        bool const skips = options_.on_unreadable().skips();
        std::int64_t const one_by_one = skips ? 32 : 0;
        (first ? found_at_ : silent_at_) = *probe_;
        if (first)
            found_ = first;
        std::int64_t const away = silent_at_ - *position_;
        std::int64_t const between = found_at_ - silent_at_;
        if (found_ && (between <= 1 || !skips))
            suspect(*found_);
        else if (found_)
            probe(silent_at_ + between / 2);
        else
            probe(silent_at_ + (away < one_by_one ? 1 : std::min(away, *latest_ - silent_at_)));
    }

    /// What was found may have been written after the last read at the position: that one decides.
    void suspect(std::int64_t next)
    {
        probe_.reset();
        suspect_ = next;
    }

    /// Where nothing was found up to the end, what was written since may be what a read here returns.
    void judge_suspicion(partition_info const& seen)
    {
        bool const to_the_end = !found_ && !(end_ && *suspect_ >= *end_);
        if (!to_the_end || seen.latest_offset <= *suspect_)
            return unreadable(*suspect_);
        suspect_.reset();
        doubts_ = 0;
    }

    void unreadable(std::int64_t next)
    {
        if (options_.on_unreadable().skips()) {
            skipped_.push_back({*position_, next, skip_cause::unreadable});
            return moved_to(next);
        }
        failure_.emplace(errc::unreadable_record,
                         "the service returns nothing from offset " + std::to_string(*position_) + " up to " +
                             std::to_string(next) + ": a record there may be larger than it can return");
    }

    void below_earliest(partition_info const& seen)
    {
        if (!options_.on_out_of_range().fails())
            return go_on_elsewhere(seen, skip_cause::retention);
        std::int64_t const from = *position_;
        std::int64_t const to = seen.earliest_offset;
        failure_.emplace(errc::offset_below_earliest, "offsets " + std::to_string(from) + " to " +
                                                          std::to_string(to - 1) +
                                                          " were deleted by retention before they were read");
    }

    /// Whether the record that was the last one should be there, as far as the last look knows.
    bool evidence_shows() const noexcept { return latest_ && evidence_->first < *latest_; }

    /// No record there, or no time, says nothing: it may have been compacted away.
    void compare(std::optional<std::int64_t> first, std::optional<std::int64_t> time)
    {
        refused_ = false;
        if (!first && ++doubts_ < patience)
            return wait();
        doubts_ = 0;
        auto const expected = *std::exchange(evidence_, std::nullopt);
        if (first != expected.first || !time || time == expected.second)
            return;
        if (options_.on_out_of_range().fails()) {
            failure_.emplace(errc::topic_recreated, "the record at offset " + std::to_string(expected.first) +
                                                        " is not the one that the checkpoint was made for");
            return;
        }
        // The watermarks may for a while still be those of the topic that was.
        recreated_ = must_look_ = pausing_ = true;
        pause_ = staleness;
    }

    /// What is held was read at the old position.
    void go_on_elsewhere(partition_info const& seen, skip_cause cause)
    {
        bool const to_latest = options_.on_out_of_range().target().which() == offset_spec::anchor::end;
        std::int64_t const next = to_latest ? seen.latest_offset : seen.earliest_offset;
        skipped_.push_back({*position_, next, cause});
        stand_at(next);
        evidence_.reset();
        if (cause != skip_cause::retention && options_.until() &&
            options_.until()->which() == offset_spec::anchor::end)
            end_ = seen.latest_offset; // of the topic that is there now
        moved_ = true;
        doubted_ = milliseconds(0);
        holding_ = false;
    }

    consume_options options_;
    std::size_t at_a_time_; // seeks
    std::optional<time_search> search_;
    std::optional<std::pair<std::int64_t, std::int64_t>> evidence_; // an offset, and its record's time
    std::vector<skipped_range> skipped_;
    std::optional<std::int64_t> position_; // of the next record to hand over
    std::optional<std::int64_t> end_;
    std::optional<std::int64_t> latest_;
    std::optional<std::int64_t> probe_;   // where records are looked for behind an unreadable one
    std::optional<std::int64_t> suspect_; // where the records seem to end that cannot be read
    std::int64_t skip_to_ = 0;            // where an empty answer says to go on
    std::optional<error> failure_;
    std::int64_t silent_at_ = 0;        // of the probes: where nothing was returned, and nearest to it
    std::int64_t found_at_ = 0;         // where something was,
    std::optional<std::int64_t> found_; // and what
    int doubts_ = 0;
    milliseconds doubted_{0}; // how long the position has been past the watermark
    milliseconds pause_ = options_.poll_least();
    milliseconds next_pause_ = options_.poll_least();
    bool moved_ = false;
    bool must_look_ = false;
    bool holding_ = false;
    bool empty_ = false;
    bool refused_ = false;
    bool recreated_ = false;
    bool condemned_ = false; // what suspect_ is about seems to be true
    bool pausing_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
