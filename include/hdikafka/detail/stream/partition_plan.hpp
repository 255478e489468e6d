// What a stream over one partition does next: a pure decision.
//
// Positions only move forward, and only past what was delivered or what the service said to skip.
// An empty answer is the end only when the position has reached the high watermark; below it the read
// is repeated, and then records further on are looked for, so that a record which the service cannot
// return (larger than its cap) becomes an error instead of a stream that stands still for ever.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/offset_search.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/offsets.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

class partition_plan
{
public:
    explicit partition_plan(consume_options const& options) : options_(options)
    {
        using anchor = offset_spec::anchor;
        anchor const from = options.from().which();
        follows_earliest_ = from == anchor::beginning || from == anchor::before_end || from == anchor::time;
        if (from == anchor::exact) {
            position_ = options.from().offset();
            state_ = state::reading;
        }
        if (options.until() && options.until()->which() == anchor::exact)
            end_ = options.until()->offset();
        if (ends_at_latest())
            question_ = question::range;
    }

    /// The record at `offset`, which is before the start, was written at `time` (milliseconds since 1970): a
    /// topic that has another one there was made anew. Nothing is handed over before that has been looked at.
    void expect(std::int64_t offset, std::int64_t time)
    {
        expected_offset_ = offset;
        expected_time_ = time;
        state_ = state::verifying;
        question_ = question::range;
    }

    /// What to do after `event`. When that cannot be done, it is asked for again.
    plan_action resume(plan_event const& event)
    {
        using kind = plan_event::kind;
        bool reported = false;
        switch (event.what) {
        case kind::nothing: break;
        case kind::watermarks: look_at(event); break;
        case kind::unavailable: wait(); break;
        case kind::answer: answered(event); break;
        case kind::refusal: reported = refused(); break;
        case kind::delivery: moved_to(event.next); break;
        }
        plan_action out = todo();
        if (reported)
            out.what = plan_action::kind::report;
        return out;
    }

    /// Of the next record to hand over, once it is known.
    std::optional<std::int64_t> position() const noexcept
    {
        bool const known = state_ != state::starting && state_ != state::searching;
        return known ? std::optional(position_) : std::nullopt;
    }

    /// Whether the last look found nothing behind the position.
    bool caught_up() const noexcept { return position() && latest_ && position_ >= *latest_; }

    std::optional<error> const& failure() const noexcept { return failure_; }

private:
    enum class state : unsigned char
    {
        starting,  ///< Where to begin is not known.
        searching, ///< A point in time is looked for.
        verifying, ///< The record that a checkpoint was made for is looked at.
        reading,   ///< Records are due at the position.
        probing,   ///< Records are looked for behind a silent position.
        holding,   ///< Records have been read, and are due to be handed over.
    };

    /// What the watermarks have to tell before the state's own action is due.
    enum class question : unsigned char
    {
        none,
        range,     ///< Where the partition begins and ends.
        silence,   ///< What an empty answer means.
        verdict,   ///< Whether what was silent to the last is unreadable, and not deleted.
        refusal,   ///< Why a read was refused.
        recreated, ///< Where the topic that was made anew begins and ends.
    };

    /// Empty answers below the high watermark before records further on are looked for.
    static constexpr int patience = 3;

    /// How old a watermark may be: the service caches its metadata for seconds.
    static constexpr milliseconds staleness{10'000};

    plan_action todo()
    {
        using kind = plan_action::kind;
        plan_action out;
        out.skipped = std::exchange(skipped_, std::nullopt);
        out.known_end = latest_.value_or(0);
        out.offset = position_;
        out.pause = std::exchange(pause_, milliseconds(0));
        if (state_ != state::searching && state_ != state::verifying)
            out.end = end_.value_or(out.end);
        if (failure_)
            out.what = kind::fail;
        else if (out.pause != milliseconds(0))
            out.what = kind::pause;
        else if (question_ != question::none)
            out.what = kind::look;
        else
            add_action_of_state(out);
        return out;
    }

    void add_action_of_state(plan_action& out) const
    {
        using kind = plan_action::kind;
        out.what = kind::probe;
        switch (state_) {
        case state::starting: out.what = kind::look; break;
        case state::searching: out.offset = search_->offset(); break;
        case state::verifying: out.offset = expected_offset_; break;
        case state::probing: out.offset = silence_->offset(); break;
        case state::holding: out.what = kind::deliver; break;
        case state::reading:
            std::int64_t const wanted = options_.max_records();
            std::int64_t const left = end_ ? *end_ - position_ : wanted;
            out.what = left > 0 ? kind::read : kind::finish;
            out.count = static_cast<std::int32_t>(std::min(wanted, left));
            break;
        }
    }

    bool ends_at_latest() const
    {
        return options_.until() && options_.until()->which() == offset_spec::anchor::end;
    }

    void look_at(plan_event const& seen)
    {
        auto const asked = std::exchange(question_, question::none);
        auto const latest_before = std::exchange(latest_, seen.latest);
        if (state_ == state::starting)
            start(seen);
        else if (follows_earliest_ && position_ < seen.earliest)
            stand_at(seen.earliest);
        if (ends_at_latest() && !end_)
            end_ = std::max(seen.latest, position_);

        if (state_ == state::searching)
            return;
        if (asked == question::recreated)
            return go_on_elsewhere(seen, skip_cause::recreated);
        if (state_ == state::verifying && expected_offset_ < seen.earliest)
            state_ = state::reading; // the evidence is gone
        if (position_ < seen.earliest)
            return below_earliest(seen);
        if (asked == question::verdict && silence_)
            return judge_silence_search(seen);
        if (state_ == state::holding)
            return;
        if (position_ > seen.latest)
            return judge_position_past_end(seen, asked);
        doubted_ = milliseconds(0);
        if (state_ == state::verifying && expected_offset_ >= seen.latest)
            question_ = question::range;
        if (asked == question::silence)
            judge_silence(latest_before.value_or(0));
    }

    void start(plan_event const& seen)
    {
        offset_spec const from = options_.from();
        position_ = start_position(from, seen.earliest, seen.latest);
        state_ = state::reading;
        if (from.which() != offset_spec::anchor::time || seen.earliest >= seen.latest)
            return;
        search_.emplace(from.time().time_since_epoch().count(), seen.earliest, seen.latest);
        state_ = state::searching;
    }

    void answered(plan_event const& event)
    {
        switch (state_) {
        case state::searching:
            search_->answered(event.first, event.time);
            if (!search_->done())
                return;
            position_ = search_->start();
            state_ = state::reading;
            break;
        case state::verifying: verify(event); break;
        case state::probing:
            silence_->answered(event.first, known_limit());
            state_ = silence_->done() ? state::reading : state::probing;
            break;
        default: read(event); break;
        }
        refused_ = false; // what is read from here on may be refused, too
    }

    /// What to make of the answer to a read at the position.
    void read(plan_event const& event)
    {
        if (event.first) {
            if (follows_earliest_)
                position_ = std::max(position_, *event.first);
            state_ = state::holding;
            // Compaction leaves gaps, and so does retention: only the watermarks tell which it was.
            if (*event.first > position_)
                question_ = question::range;
        } else if (silence_ && event.next <= position_) {
            question_ = question::verdict; // unless retention has struck meanwhile
        } else {
            question_ = question::silence;
            skip_to_ = event.next;
        }
    }

    /// Whether the service's own error is to be told: the watermarks, which may tell why, have been asked.
    bool refused()
    {
        if (state_ == state::searching)
            state_ = state::starting; // without the other answers
        refused_ = !refused_;         // told once; whoever reads on then has them asked again
        question_ = refused_ ? question::refusal : question::none;
        return !refused_;
    }

    void moved_to(std::int64_t next)
    {
        follows_earliest_ = false;
        stand_at(std::max(position_, next));
    }

    /// Nothing that was found out about another position counts any longer.
    void stand_at(std::int64_t position)
    {
        position_ = position;
        state_ = state::reading;
        silence_.reset();
        refused_ = false;
        doubts_ = 0;
        doubted_ = milliseconds(0);
        next_pause_ = options_.poll_least();
    }

    void wait()
    {
        pause_ = next_pause_;
        milliseconds const most = options_.poll_most();
        next_pause_ = next_pause_ <= most / 2 ? next_pause_ * 2 : most;
    }

    /// The watermark may be older than what was read already. Only one that stays behind, or that comes
    /// with a refused read, says that the topic is another one now.
    void judge_position_past_end(plan_event const& seen, question asked)
    {
        if (asked != question::refusal && doubted_ < staleness) {
            wait();
            doubted_ += pause_;
            bool const may_read = state_ != state::verifying && !(end_ && position_ >= *end_);
            question_ = may_read ? question::none : question::range;
            return;
        }
        if (!options_.on_out_of_range().fails())
            return go_on_elsewhere(seen, skip_cause::truncated);
        fail(errc::offset_above_latest, "offset " + std::to_string(position_) + " is past the end " +
                                            std::to_string(seen.latest) +
                                            ": the topic was truncated or recreated");
    }

    /// After an empty answer. Only what was written before the read can have been skipped by it.
    void judge_silence(std::int64_t latest_before)
    {
        std::int64_t const skip_to = std::min(skip_to_, latest_before);
        if (skip_to > position_)
            return moved_to(skip_to);
        doubts_ = position_ < *latest_ ? doubts_ + 1 : 0;
        if (doubts_ < patience)
            return wait();
        silence_.emplace(position_, known_limit(), options_.on_unreadable().skips());
        // Done: what was found may have been written after the last read at the position. That one decides.
        state_ = silence_->done() ? state::reading : state::probing;
    }

    /// Records that are wanted may be up to here.
    std::int64_t known_limit() const noexcept { return end_ ? std::min(*end_, *latest_) : *latest_; }

    /// Where nothing was found up to the end, what was written since may be what a read here returns.
    void judge_silence_search(plan_event const& seen)
    {
        std::int64_t const next = silence_->offset();
        bool const to_the_end = !silence_->found() && !(end_ && next >= *end_);
        if (to_the_end && seen.latest > next) {
            silence_.reset();
            doubts_ = 0;
        } else if (options_.on_unreadable().skips()) {
            skip(next, skip_cause::unreadable);
            moved_to(next);
        } else {
            fail(errc::unreadable_record, "the service returns nothing from offset " +
                                              std::to_string(position_) + " up to " + std::to_string(next) +
                                              ": a record there may be larger than it can return");
        }
    }

    void below_earliest(plan_event const& seen)
    {
        if (!options_.on_out_of_range().fails())
            return go_on_elsewhere(seen, skip_cause::retention);
        fail(errc::offset_below_earliest, "offsets " + std::to_string(position_) + " to " +
                                              std::to_string(seen.earliest - 1) +
                                              " were deleted by retention before they were read");
    }

    /// No record there, or no time, says nothing: it may have been compacted away.
    void verify(plan_event const& event)
    {
        if (!event.first && ++doubts_ < patience)
            return wait();
        doubts_ = 0;
        state_ = state::reading;
        if (event.first != expected_offset_ || !event.time || event.time == expected_time_)
            return;
        if (options_.on_out_of_range().fails())
            return fail(errc::topic_recreated, "the record at offset " + std::to_string(expected_offset_) +
                                                   " is not the one that the checkpoint was made for");
        // The watermarks may for a while still be those of the topic that was.
        question_ = question::recreated;
        pause_ = staleness;
    }

    /// What is held was read at the old position.
    void go_on_elsewhere(plan_event const& seen, skip_cause cause)
    {
        bool const to_latest = options_.on_out_of_range().target().which() == offset_spec::anchor::end;
        std::int64_t const next = to_latest ? seen.latest : seen.earliest;
        skip(next, cause);
        follows_earliest_ = false;
        stand_at(next);
        if (cause != skip_cause::retention && ends_at_latest())
            end_ = seen.latest; // of the topic that is there now
    }

    void skip(std::int64_t to, skip_cause cause)
    {
        skipped_.emplace();
        skipped_->from = position_;
        skipped_->to = to;
        skipped_->cause = cause;
    }

    void fail(errc code, std::string const& why) { failure_.emplace(code, why); }

    consume_options options_;
    state state_ = state::starting;
    question question_ = question::none;
    std::int64_t position_ = 0; ///< Of the next record to hand over.
    std::optional<std::int64_t> end_;
    std::optional<std::int64_t> latest_;
    bool follows_earliest_; ///< Until its first record a stream that names no offset may still do so.
    std::optional<time_search> search_;
    std::int64_t expected_offset_ = 0; ///< Of the record that is verified,
    std::int64_t expected_time_ = 0;   ///< and when it was written.
    std::int64_t skip_to_ = 0;         ///< Where an empty answer says to go on.
    int doubts_ = 0;                   ///< Empty answers at the position, in a row.
    std::optional<silence_search> silence_;
    bool refused_ = false;    ///< So was the last read, and the watermarks have been asked why.
    milliseconds doubted_{0}; ///< How long the position has been past the watermark.
    milliseconds pause_{0};   ///< Due before anything else.
    milliseconds next_pause_ = options_.poll_least();
    std::optional<records_skipped> skipped_; ///< Yet to be told.
    std::optional<error> failure_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
