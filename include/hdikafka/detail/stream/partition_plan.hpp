// What a stream over one partition does next: a pure decision.
//
// Positions only move forward, and only past what was delivered, what the service said to skip, or what a
// policy passes over. An empty answer is the end only when the position has reached the high watermark; below
// it, and where a read is refused within the partition, a place_trial finds out what that means. A plan has
// no clock: the pauses that it ordered are the time that has passed.
#ifndef HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP
#define HDIKAFKA_DETAIL_STREAM_PARTITION_PLAN_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/checkpoint_evidence.hpp>
#include <hdikafka/detail/stream/offset_search.hpp>
#include <hdikafka/detail/stream/patient_search.hpp>
#include <hdikafka/detail/stream/plan_pauses.hpp>
#include <hdikafka/detail/stream/plan_place.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_troubles.hpp>
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
    explicit partition_plan(consume_options const& options)
        : options_(options), here_(options), troubles_(options)
    {
        if (options.from().which() == offset_spec::anchor::exact)
            state_ = state::reading;
        if (here_.ends_at(offset_spec::anchor::end))
            question_ = question::range;
    }

    /// The record at `offset`, which is before the start, was written at `time` (milliseconds since 1970): a
    /// topic that has another one there was made anew. Nothing is handed over before that has been looked at.
    void expect(std::int64_t offset, std::int64_t time)
    {
        if (offset >= here_.position)
            return; // that one was not handed over
        evidence_ = checkpoint_evidence(offset, time);
        state_ = state::verifying;
        question_ = question::range;
    }

    /// What to do after `event`. When that cannot be done, it is asked for again.
    plan_action resume(plan_event const& event)
    {
        using kind = plan_event::kind;
        bool const rested = std::exchange(rests_, false);
        bool reported = false;
        switch (event.what) {
        case kind::nothing: break;
        case kind::watermarks: look_at(event, rested); break;
        case kind::unavailable: lost_leader(); break;
        case kind::answer: answered(event); break;
        case kind::refusal: reported = refused(event); break;
        case kind::delivery: delivered(event.next); break;
        }
        plan_action out = todo();
        rests_ = out.what == plan_action::kind::idle;
        if (reported)
            out.what = plan_action::kind::report;
        return out;
    }

    /// Of the next record to hand over, once it is known.
    std::optional<std::int64_t> position() const noexcept
    {
        bool const known = state_ != state::starting && !(state_ == state::searching && !seeks_end_);
        return known ? std::optional(here_.position) : std::nullopt;
    }

    /// Up to where, from the position on, the service has been found to have nothing.
    std::optional<std::int64_t> silent_to() const noexcept { return here_.silent_to; }

    /// Whether the last look found nothing behind the position.
    bool caught_up() const noexcept { return position() && here_.caught_up(); }

    std::optional<error> const& failure() const noexcept { return failure_; }

private:
    using state = plan_state;
    using question = plan_question;

    plan_action todo()
    {
        using kind = plan_action::kind;
        if (state_ == state::probing && !troubles_.place_to_probe())
            state_ = state::reading; // what was found may have been written since: a read there decides
        if (state_ == state::reading && question_ == question::none && here_.needs_range())
            question_ = question::range;
        plan_action out;
        out.skipped = std::exchange(skipped_, std::nullopt);
        out.known_end = here_.latest.value_or(0);
        out.offset = here_.position;
        out.pause = pauses_.take();
        if (state_ == state::reading || state_ == state::holding)
            out.end = here_.wanted_end();
        if (failure_)
            out.what = kind::fail;
        else if (out.pause != milliseconds(0))
            out.what = pauses_.rests() ? kind::idle : kind::pause;
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
        case state::searching: search_->ask(out); break;
        case state::verifying: out.offset = evidence_.offset(); break;
        case state::probing: out.offset = *troubles_.place_to_probe(); break;
        case state::holding: out.what = kind::deliver; break;
        case state::reading:
            out.what = here_.is_over() ? kind::finish : kind::read;
            out.count = static_cast<std::int32_t>(std::min<std::int64_t>(troubles_.count(), here_.left()));
            break;
        }
    }

    void look_at(plan_event const& seen, bool rested)
    {
        auto asked = std::exchange(question_, question::none);
        auto const latest_before = std::exchange(here_.latest, seen.latest);
        here_.available = true;
        if (state_ == state::searching)
            return go_on(search_->looked(seen));
        if (state_ == state::starting) {
            start(seen);
        } else if (here_.may_begin_at(seen.earliest)) {
            stand_at(seen.earliest);
            asked = question::none; // it was about another place
        }
        here_.see_end(seen.latest);

        if (state_ == state::searching)
            return;
        if (asked == question::recreated)
            return go_on_elsewhere(seen, skip_cause::recreated);
        if (state_ == state::verifying && evidence_.offset() < seen.earliest)
            state_ = state::reading; // the evidence is gone
        if (here_.position < seen.earliest)
            return lost(seen, skip_cause::retention, here_.deleted(seen.earliest));
        if (state_ == state::holding)
            return;
        if (here_.position > seen.latest)
            return judge_position_past_end(seen, asked);
        doubted_ = milliseconds(0);
        if (state_ != state::reading)
            return;
        if (here_.lacks_end())
            seek(seen, true);
        else if (asked == question::nothing || asked == question::refusal)
            judge_place(latest_before.value_or(0));
        else if (here_.position == plan_place::last_offset)
            pauses_.rest();
        else if (rested)
            here_.is_known_empty(seen.latest) ? pauses_.rest_on() : pauses_.shorten();
    }

    /// That explains whatever was wrong.
    void lost_leader()
    {
        here_.available = false;
        pauses_.rest();
        troubles_.forget();
        evidence_.lost_leader();
        if (question_ == question::nothing || question_ == question::refusal)
            question_ = question::none;
    }

    void start(plan_event const& seen)
    {
        here_.position = start_position(options_.from(), seen.earliest, seen.latest);
        state_ = state::reading;
        if (options_.from().which() == offset_spec::anchor::time)
            seek(seen, false);
    }

    /// Where the stream starts, or where it ends.
    void seek(plan_event const& seen, bool end)
    {
        seeks_end_ = end;
        search_.emplace(end ? *options_.until() : options_.from(), seen, options_.unreadable_after());
        state_ = state::searching;
        go_on(patient_search::step::go_on);
    }

    /// With the search.
    void go_on(patient_search::step how)
    {
        using step = patient_search::step;
        if (how == step::look)
            question_ = question::refusal;
        if (how == step::wait)
            search_->waited(pauses_.begin());
        if (how != step::go_on)
            return;
        pauses_.shorten();
        if (!search_->done())
            return;
        state_ = state::reading;
        if (seeks_end_)
            here_.end = search_->found();
        else
            here_.position = search_->found();
    }

    void answered(plan_event const& event)
    {
        switch (state_) {
        case state::searching: go_on(search_->answered(event)); break;
        case state::verifying: verify(evidence_.answered(event)); break;
        case state::probing: troubles_.probed(event, here_); break;
        default: read(event); break;
        }
    }

    /// What to make of the answer to a read at the position.
    void read(plan_event const& event)
    {
        if (!event.first) {
            question_ = question::nothing;
            return troubles_.answered_nothing(event.next);
        }
        if (here_.follows_earliest)
            here_.position = std::max(here_.position, *event.first);
        read_to_ = event.last + 1;
        state_ = state::holding;
        here_.silent_to.reset();
        troubles_.read_worked();
        // Compaction leaves gaps, and so does retention: only the watermarks tell which it was.
        if (*event.first > here_.position)
            question_ = question::range;
    }

    /// Whether the service's own error is to be told: nothing else can be made of it.
    bool refused(plan_event const& event)
    {
        using cause = plan_event::refusal_cause;
        switch (state_) {
        case state::searching: go_on(search_->refused(event)); return false;
        case state::verifying: return verify(evidence_.refused(event));
        case state::probing: troubles_.probed(event, here_); return false;
        default: break;
        }
        auto const reply = troubles_.refused(event);
        if (reply == read_troubles::reply::look)
            question_ = event.why == cause::service ? question::refusal : question::nothing;
        return reply == read_troubles::reply::report;
    }

    /// Whether the service's own error is to be told.
    bool verify(checkpoint_evidence::step what)
    {
        using step = checkpoint_evidence::step;
        if (what == step::wait)
            pauses_.begin();
        if (what == step::look)
            question_ = question::refusal;
        if (what == step::none || what == step::another)
            state_ = state::reading;
        if (what == step::another && options_.on_out_of_range().fails()) {
            failure_ = evidence_.recreated();
        } else if (what == step::another) {
            // The watermarks may for a while still be those of the topic that was.
            question_ = question::recreated;
            pauses_.begin_once(staleness);
        }
        return what == step::report;
    }

    /// Where the service says to go on is believed up to where there are records; not at the stream's end,
    /// since more than that is not told.
    void delivered(std::int64_t next)
    {
        bool const possible = next <= std::max(read_to_, here_.latest.value_or(0));
        moved_to(possible && next < here_.wanted_end() ? next : read_to_);
    }

    void moved_to(std::int64_t next)
    {
        here_.follows_earliest = false;
        stand_at(std::max(here_.position, next));
    }

    /// Nothing that was found out about another position counts any longer.
    void stand_at(std::int64_t position)
    {
        here_.position = position;
        here_.silent_to.reset();
        state_ = state::reading;
        troubles_.forget();
        doubted_ = milliseconds(0);
        pauses_.shorten();
    }

    /// The watermark may be older than what was read already. Only one that stays behind, or that comes
    /// with a refused read, says that the topic is another one now.
    void judge_position_past_end(plan_event const& seen, question asked)
    {
        if (asked != question::refusal && doubted_ < staleness) {
            doubted_ = sum(doubted_, pauses_.begin());
            bool const may_read = state_ != state::verifying && !here_.is_over();
            question_ = may_read ? question::none : question::range;
            return;
        }
        lost(seen, skip_cause::truncated, here_.past_end(seen.latest));
    }

    /// After a read at the position that gave nothing.
    void judge_place(std::int64_t latest_before)
    {
        using step = read_troubles::step;
        switch (troubles_.judge(here_, latest_before)) {
        case step::read: break;
        case step::wait: troubles_.waited(pauses_.begin()); break;
        case step::search: state_ = state::probing; break;
        case step::move: moved_to(troubles_.end()); break;
        case step::rest:
            pauses_.rest(here_.silent_to ? options_.refresh_partitions() : milliseconds(0));
            break;
        case step::unreadable: pass_over(troubles_.end()); break;
        case step::silent_end:
            here_.silent_to = troubles_.end();
            if (!here_.is_over())
                pauses_.begin();
            break;
        }
    }

    /// What lies before `next` cannot be read.
    void pass_over(std::int64_t next)
    {
        if (options_.on_unreadable().skips())
            go_to(next, skip_cause::unreadable);
        else
            failure_ = troubles_.unreadable(here_.position);
    }

    /// What was to be read next.
    void lost(plan_event const& seen, skip_cause cause, error const& why)
    {
        if (options_.on_out_of_range().fails())
            failure_ = why;
        else
            go_on_elsewhere(seen, cause);
    }

    /// What is held was read at the old position.
    void go_on_elsewhere(plan_event const& seen, skip_cause cause)
    {
        bool const to_latest = options_.on_out_of_range().target().which() == offset_spec::anchor::end;
        std::int64_t const next = to_latest ? seen.latest : seen.earliest;
        go_to(next, cause);
        if (cause != skip_cause::retention)
            here_.see_other_topic(seen.latest);
    }

    void go_to(std::int64_t next, skip_cause cause)
    {
        skipped_ = here_.skipped(next, cause);
        here_.follows_earliest = false;
        stand_at(next);
    }

    consume_options options_;
    plan_place here_;
    read_troubles troubles_;
    state state_ = state::starting;
    question question_ = question::none;
    plan_pauses pauses_{options_.poll_least(), options_.poll_most()};
    bool rests_ = false; ///< Until something is written.
    std::optional<patient_search> search_;
    bool seeks_end_ = false; ///< And not the start.
    checkpoint_evidence evidence_;
    std::int64_t read_to_ = 0;               ///< Behind the last record that is held.
    milliseconds doubted_{0};                ///< How long the position has been past the watermark.
    std::optional<records_skipped> skipped_; ///< Yet to be told.
    std::optional<error> failure_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
