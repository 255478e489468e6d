// Streams over random topics, read by random means from a service that misbehaves at random, without a
// socket: what is handed over is what the log held, in order and once, or the error that is documented.
#include "support/stream/model_service.hpp"

#include <hdikafka/detail/stream/partition_plan.hpp>
#include <hdikafka/detail/stream/read_outcome.hpp>
#include <hdikafka/detail/stream/reads_ahead.hpp>
#include <hdikafka/http_limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using namespace hk::detail;
using hk::milliseconds;

namespace {

/// Carries out what the plans decide, against the model.
class model_run
{
public:
    explicit model_run(std::uint64_t seed)
        : random_(seed),
          service_(random_),
          options_(random_options(random_, log_)),
          ahead_(std::in_place, desk(options_), 0, options_),
          plan_(options_),
          cancellations_(chance(random_, 30) ? up_to(random_, 20) : 0),
          commits_(chance(random_, 50) ? up_to(random_, 100) : 0),
          restarts_(chance(random_, 50) ? up_to(random_, 20) : 0)
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        for (int steps = 0; steps != 400'000; ++steps) {
            // A search may have to read single records.
            if (++idle_ > 500 || (action_.since && ++searched_ > 20'000))
                return "it spins";
            if (action_.since)
                idle_ = 0;
            action_ = plan_.resume(std::exchange(event_, plan_event()));
            auto wrong = judge_start();
            if (wrong.empty())
                wrong = judge_skipped();
            if (!stop_at_ && options_.until() && action_.end != no_end)
                stop_at_ = action_.end;
            if (wrong.empty() && (action_.what == kind::finish || action_.what == kind::fail || is_at_rest()))
                return judge_end();
            if (wrong.empty())
                wrong = act();
            if (!wrong.empty())
                return wrong;
        }
        return "it never ends";
    }

    std::size_t delivered() const { return delivered_; }
    std::size_t repeated() const { return repeated_; }
    std::size_t skipped() const { return skipped_; }

private:
    using kind = plan_action::kind;
    using anchor = hk::offset_spec::anchor;

    static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();

    void happen()
    {
        service_.happen(options_.unreadable_after());
        if (pauses_ > 100 || reports_ > 50)
            service_.calm_down(); // so that there is an end to it
    }

    /// A stream without an end that has all there is.
    bool is_at_rest() const
    {
        if (reports_ > 100 && action_.what == kind::report)
            return true;
        return !options_.until() && action_.what == kind::idle && pauses_ > 110 && service_.is_calm() &&
               plan_.caught_up();
    }

    std::string act()
    {
        happen();
        switch (action_.what) {
        case kind::look: look(); break;
        case kind::probe:
            learn(service_.answer_to({.offset = action_.offset, .count = action_.count, .end = action_.end}));
            break;
        case kind::read: return read();
        case kind::deliver: return deliver();
        case kind::idle:
        case kind::pause: return pause();
        case kind::report: return judge_report(); // a user would call next() again
        case kind::finish:
        case kind::fail: break;
        }
        return "";
    }

    void look()
    {
        event_ = service_.look();
        if (!plan_.position())
            search_end_ = log_.latest();
    }

    std::string pause()
    {
        ++pauses_;
        idle_ = 0;
        if (action_.pause <= milliseconds(0))
            return "no pause";
        auto const whole = action_.pause.count();
        service_.pause(milliseconds(whole - whole * up_to(random_, 20) / 100));
        if (action_.what == kind::idle && chance(random_, 30))
            look(); // the list of partitions has been read meanwhile
        return "";
    }

    /// Tells the plan what an answer says. One that was lost says nothing: a user would call next() again.
    void learn(hk::result<hk::record_batch> const& answer) { event_ = judge(action_, answer, arrived_); }

    /// Whether the stream starts where its options say.
    std::string judge_start()
    {
        if (start_ || !plan_.position())
            return "";
        start_ = plan_.position();
        if (options_.from().which() != anchor::time)
            return "";
        std::int64_t const time = options_.from().time().time_since_epoch().count();
        for (auto at = log_.records().begin(); at != log_.records().end() && at->first < *start_; ++at)
            if (at->second.time && *at->second.time > 0 && *at->second.time >= time)
                return "it starts too late";
        auto const first = log_.first_from(*start_);
        bool const early = first != log_.records().end() && first->first < search_end_ &&
                           first->second.time && *first->second.time < time;
        return early && service_.is_plain() ? "it starts too early" : "";
    }

    /// Whether what a policy passed over could not be had.
    std::string judge_skipped()
    {
        if (!action_.skipped)
            return "";
        hk::records_skipped const& range = *action_.skipped;
        idle_ = 0;
        ++skipped_;
        if (range.cause == hk::skip_cause::truncated || range.cause == hk::skip_cause::recreated)
            return "nothing was truncated";
        if (range.cause == hk::skip_cause::retention && range.from >= log_.earliest())
            return "nothing was deleted";
        bool needed = log_.has_silent_gaps() || range.cause == hk::skip_cause::retention;
        for (auto at = log_.first_from(range.from); at != log_.records().end() && at->first < range.to;
             ++at) {
            needed = needed || at->second.wrong != flaw::none;
            bool const scattered = at->first - range.from > 64; // between others that cannot be had
            if (range.cause == hk::skip_cause::unreadable && at->second.wrong == flaw::none && !scattered &&
                !service_.breaks_promises())
                return "offset " + std::to_string(at->first) + " could be read";
        }
        auto const behind = log_.first_from(range.to); // a read up to there may bring that
        needed = needed || (behind != log_.records().end() && behind->second.wrong != flaw::none);
        if (!needed && range.from >= log_.earliest() && !service_.breaks_promises())
            return "nothing had to be skipped";
        expected_ = std::max(expected_, range.to);
        return "";
    }

    std::string read()
    {
        for (;;) {
            auto taken = ahead_->take(action_, "id");
            while (auto due = ahead_->next(true)) {
                if (due->what.count < 1 || due->what.offset < 0)
                    return "a read of " + std::to_string(due->what.count) + " records";
                under_way_.push_back(std::move(*due));
            }
            if (under_way_.size() > options_.parallelism() + 2)
                return "too many reads at a time";
            if (taken) {
                learn(taken->batch);
                return "";
            }
            if (under_way_.empty())
                return "nothing is read, and nothing would come";
            happen();
            if (chance(random_, cancellations_)) {
                ahead_->stop(); // the partition was paused, and goes on
                ahead_->go_on();
                under_way_.clear();
                return "";
            }
            finish_one();
        }
    }

    /// Any of the reads under way ends.
    void finish_one()
    {
        auto const which = static_cast<std::size_t>(up_to(random_, static_cast<int>(under_way_.size()) - 1));
        due_read due = std::move(under_way_[which]);
        range_read const what = due.what;
        under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
        if (service_.is_faulty())
            return ahead_->forgotten(what.id);
        auto answer = service_.answer_to(what);
        std::size_t const bytes = answer ? answer.value().size() * 20 : 0;
        if (answer && chance(random_, 50))
            ahead_->told(what.id, answer.value().next_offset());
        due.kept.settle(bytes);
        fetched read;
        read.batch = std::move(answer);
        read.kept = std::move(due.kept);
        ahead_->arrived(what, std::move(read));
    }

    std::string deliver()
    {
        hk::record_batch const batch = std::exchange(arrived_, hk::record_batch());
        if (batch.empty())
            return "an empty batch";
        idle_ = reports_ = 0;
        for (auto const& record : batch) {
            if (record.offset() < expected_)
                return "offset " + std::to_string(record.offset()) + " again";
            if (auto const wrong = missed(record.offset()); !wrong.empty())
                return wrong;
            if (stop_at_ && record.offset() >= *stop_at_)
                return "beyond the end";
            expected_ = record.offset() + 1;
            ++delivered_;
        }
        event_ = {.what = plan_event::kind::delivery, .next = batch.next_offset()};
        if (chance(random_, commits_))
            committed_.emplace(batch[batch.size() - 1].offset());
        if (committed_ && restarts_ != 0 && chance(random_, restarts_))
            restart();
        return "";
    }

    /// The program is killed, and another one goes on from the checkpoint.
    void restart()
    {
        --restarts_; // so that there is an end to it
        std::int64_t const next = *committed_ + 1;
        event_ = plan_event();
        auto const again = hk::consume_options(options_).from(next);
        plan_ = partition_plan(again);
        auto const last = log_.records().find(*committed_);
        if (last != log_.records().end() && last->second.time && *last->second.time >= 0)
            plan_.expect(*committed_, *last->second.time);
        ahead_.emplace(desk(again), 0, again);
        under_way_.clear();
        for (auto at = log_.first_from(next); at != log_.records().end() && at->first < expected_; ++at)
            ++repeated_;
        start_ = next;
        expected_ = next;
        stop_at_.reset();
    }

    static desk_ptr desk(hk::consume_options const& options)
    {
        return std::make_shared<stream_desk<>>(options, hk::http_limits().body());
    }

    /// Whether a record that still exists was passed over.
    std::string missed(std::int64_t before) const
    {
        auto const first = log_.first_from(std::max(expected_, start_.value_or(0)));
        if (first != log_.records().end() && first->first < before)
            return "offset " + std::to_string(first->first) + " was passed over";
        return "";
    }

    /// The service's own error is told when nothing can be read there, for other reasons than a hiccup.
    std::string judge_report()
    {
        ++reports_;
        idle_ = 0;
        std::int64_t const position = plan_.position().value_or(0);
        auto const first = log_.first_from(position);
        bool const flawed = first != log_.records().end() && first->second.wrong != flaw::none;
        bool const allowed = flawed || !log_.in_range(position) || service_.lost_leader_unseen();
        return allowed ? "" : "refused: " + std::to_string(position);
    }

    std::string judge_end() const
    {
        if (action_.what == kind::fail)
            return judge_failure(*plan_.failure());
        if (action_.what == kind::report)
            return std::ranges::all_of(log_.first_from(*plan_.position()), log_.records().end(),
                                       [](auto const& one) { return one.second.wrong != flaw::none; }) ||
                           log_.has_silent_gaps() || log_.latest() - *plan_.position() < 64
                       ? ""
                       : "it is refused for good, though there is more";
        // What is hidden at the end is not known to be there; nor is what lies far behind gaps that are
        // silent.
        std::int64_t const end = options_.until() ? action_.end : log_.latest();
        for (auto at = log_.first_from(std::max(expected_, start_.value_or(0)));
             at != log_.records().end() && at->first < (end == no_end ? 0 : end); ++at)
            if (at->second.wrong != flaw::hidden && !service_.breaks_promises() &&
                !(log_.has_silent_gaps() && at->first - *plan_.position() > 64))
                return "offset " + std::to_string(at->first) + " is missing at the end";
        return "";
    }

    std::string judge_failure(hk::error const& failure) const
    {
        std::int64_t const position = plan_.position().value_or(0);
        if (failure.code() == hk::errc::offset_below_earliest)
            return position < log_.earliest() ? "" : "nothing was lost";
        if (failure.code() == hk::errc::unreadable_record) {
            auto const first = log_.first_from(position);
            bool const flawed = first == log_.records().end() || first->second.wrong != flaw::none;
            return flawed || (log_.has_silent_gaps() && first->first != position) ||
                           service_.breaks_promises()
                       ? ""
                       : "the record can be read: " + std::string(failure.what());
        }
        return "an error: " + std::string(failure.what());
    }

    random_engine random_;
    model_service service_;
    model_log& log_ = service_.log;
    hk::consume_options options_;
    std::optional<reads_ahead<>> ahead_;
    partition_plan plan_;
    plan_action action_;
    plan_event event_;
    int cancellations_; ///< As the following, in percent.
    int commits_;
    int restarts_;
    hk::record_batch arrived_;
    std::vector<due_read> under_way_;
    std::optional<std::int64_t> start_;
    std::int64_t search_end_ =
        0; ///< Records from here on were not there when a point in time was looked for.
    std::int64_t expected_ = 0;
    std::optional<std::int64_t> stop_at_;
    std::optional<std::int64_t> committed_; ///< The last record.
    std::size_t delivered_ = 0;
    std::size_t repeated_ = 0;
    std::size_t skipped_ = 0;
    int pauses_ = 0;
    int idle_ = 0; ///< Steps since anything came of one.
    int searched_ = 0;
    int reports_ = 0;
};

} // namespace

TEST_CASE("whatever the topic, the options and the service: each record once and in order, or its error")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 10'000);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    std::size_t delivered = 0;
    std::size_t repeated = 0;
    std::size_t skipped = 0;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        model_run run(seed);
        std::string const wrong = run.failure();
        delivered += run.delivered();
        repeated += run.repeated();
        skipped += run.skipped();
        if (!wrong.empty())
            FAIL_CHECK("seed " << seed << ": " << wrong);
    }
    MESSAGE(delivered << " records, " << repeated << " of them again after a restart from the checkpoint, "
                      << skipped << " ranges passed over");
    CHECK(delivered > cases);
    CHECK(repeated > cases / 10);
    CHECK(skipped > cases / 100);
}
