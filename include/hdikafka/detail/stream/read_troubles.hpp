// What a stream's plan makes of reads at its position that give nothing. A pure decision.
#ifndef HDIKAFKA_DETAIL_STREAM_READ_TROUBLES_HPP
#define HDIKAFKA_DETAIL_STREAM_READ_TROUBLES_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/stream/place_trial.hpp>
#include <hdikafka/detail/stream/plan_pauses.hpp>
#include <hdikafka/detail/stream/plan_place.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_count.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

class read_troubles
{
public:
    /// What is to be done about a refusal.
    enum class reply : unsigned char
    {
        read,   ///< It is read again, with fewer records.
        look,   ///< The watermarks may say why.
        report, ///< The service's own error is told.
    };

    /// What is to be done about a place in the partition.
    enum class step : unsigned char
    {
        read,       ///< It is read again,
        wait,       ///< after a pause;
        search,     ///< something else is read before, at place_to_probe().
        move,       ///< Nothing is there up to end(), says the service.
        rest,       ///< There is nothing yet.
        unreadable, ///< What is there cannot be read, up to end().
        silent_end, ///< There is nothing, up to end().
    };

    explicit read_troubles(consume_options const& options)
        : long_enough_(options.unreadable_after()),
          thorough_(options.on_unreadable().skips()),
          count_(options.max_records())
    {}

    /// How many records to ask for.
    std::int32_t count() const noexcept { return count_.count(); }

    void read_worked() noexcept
    {
        forget();
        count_.worked();
    }

    /// What was found out was about another place.
    void forget() noexcept
    {
        trial_.reset();
        proof_due_at_.reset();
        proven_end_.reset();
        asked_for_proof_ = false;
        hopeless_ = false;
    }

    /// An answer without records says that it goes on at `next`.
    void answered_nothing(std::int64_t next) noexcept
    {
        what_ = trouble::silent;
        told_next_ = next;
    }

    reply refused(plan_event const& event)
    {
        what_ = trouble_of(event.why);
        words_ = event.words;
        if (what_ == trouble::too_large && count_.halve(event.count))
            return reply::read;
        bool const hopeless = trial_ && trial_->is_hopeless(what_);
        // Perhaps there is no leader any more: the watermarks tell.
        if (!hopeless || !std::exchange(hopeless_, true))
            return reply::look;
        forget(); // whoever reads on begins anew
        return reply::report;
    }

    /// The place is still in the partition. `latest_before`: where that ended before the read. Only what was
    /// written before it can have been skipped by it; and where the service says to go on behind all there
    /// is, it says nothing.
    step judge(plan_place const& here, std::int64_t latest_before)
    {
        std::int64_t const latest = *here.latest;
        if (what_ == trouble::silent) {
            end_ = std::min(told_next_, latest_before);
            bool const at_end =
                told_next_ == here.end && here.end != std::exchange(proven_end_, std::nullopt);
            if (at_end && !std::exchange(asked_for_proof_, true)) {
                proof_due_at_ = here.position;
                return step::search;
            }
            asked_for_proof_ = false;
            if (!at_end && told_next_ <= latest && end_ > here.position)
                return step::move;
            if (here.is_known_empty(latest)) {
                trial_.reset();
                return step::rest;
            }
        }
        if (hopeless_ && what_ != trouble::silent)
            return step::read;
        hopeless_ = false;
        if (!trial_)
            trial_.emplace(long_enough_, thorough_);
        auto const found = trial_->met(what_, here.position, latest);
        if (what_ != trouble::silent)
            count_.one();
        if (found == step_of_trial::unreadable || found == step_of_trial::silent_end) {
            end_ = std::min(trial_->end(), found == step_of_trial::unreadable ? here.wanted_end() : latest);
            trial_.reset();
        }
        return step_of(found);
    }

    /// Where to look for a record, if that is due.
    std::optional<std::int64_t> place_to_probe() const noexcept
    {
        if (proof_due_at_)
            return proof_due_at_;
        return trial_ && trial_->search() ? std::optional(trial_->search()->offset()) : std::nullopt;
    }

    void probed(plan_event const& event, plan_place const& here)
    {
        bool const refused = event.what == plan_event::kind::refusal;
        if (!std::exchange(proof_due_at_, std::nullopt))
            return trial_->searched(event.first,
                                    refused ? std::optional(trouble_of(event.why)) : std::nullopt);
        std::int64_t const next = event.first.value_or(event.next <= *here.latest ? event.next : 0);
        if (!refused && here.end && next >= *here.end)
            proven_end_ = here.end;
    }

    void waited(milliseconds pause) noexcept
    {
        if (trial_)
            trial_->waited(shortest(pause));
    }

    std::int64_t end() const noexcept { return end_; }

    /// The failure, when what is at the place cannot be read.
    error unreadable(std::int64_t place) const
    {
        return error(errc::unreadable_record, words_about(what_, place, end_, words_));
    }

private:
    using step_of_trial = place_trial::step;

    static step step_of(step_of_trial what) noexcept
    {
        switch (what) {
        case step_of_trial::wait: return step::wait;
        case step_of_trial::search: return step::search;
        case step_of_trial::unreadable: return step::unreadable;
        case step_of_trial::silent_end: return step::silent_end;
        case step_of_trial::again: break;
        }
        return step::read;
    }

    milliseconds long_enough_;
    bool thorough_;
    read_count count_;
    trouble what_ = trouble::silent; ///< Why the last read gave nothing,
    std::string words_;              ///< and what was said of that.
    std::int64_t told_next_ = 0;
    std::int64_t end_ = 0;
    std::optional<std::int64_t> proof_due_at_; ///< That there is nothing from there up to the stream's end,
    bool asked_for_proof_ = false;             ///< beyond which an answer tells nothing;
    std::optional<std::int64_t> proven_end_;   ///< and that was right.
    std::optional<place_trial> trial_;
    bool hopeless_ = false; ///< So is the trial, and the watermarks have been asked why.
};

} // namespace hdikafka::inline v0_1::detail

#endif
