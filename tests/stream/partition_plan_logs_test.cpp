// What a stream does over pretend logs that are made at random: all is handed over, or the error says why
// not.
#include "support/stream/plan_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace test;

namespace {

enum class next_offset : unsigned char
{
    absent,
    equal,  // to the offset that was asked for
    behind, // it
    ahead,  // past the last record and the gap behind it
    beyond, // also past the end, when there is nothing
};

/// A partition: records and holes between two watermarks, and a proxy that shows the marks late.
class pretend_partition
{
public:
    explicit pretend_partition(std::uint64_t seed) : random_(seed)
    {
        mode_ = static_cast<next_offset>(draw(0, 4));
        stale_ = draw(0, 2) == 0 ? 3'000 : 0;
        oversize_permille_ = draw(0, 3) == 0 ? 20 : 0;
        hole_permille_ = draw(0, 1) == 0 ? 300 : 0;
        deletes_ = stale_ == 0 && draw(0, 4) == 0;
        refuses_ = draw(0, 1) == 0;
        growth_left_ = draw(0, 1) == 0 ? 0 : draw(1, 300);
        end_ = earliest_ = draw(0, 1) == 0 ? 0 : draw(1, max_offset - 1'000'000);
        for (auto n = draw(0, 200); n > 0; --n)
            append();
        earliest_ += std::min<std::int64_t>(draw(0, 1) == 0 ? 0 : draw(0, 50), end_ - earliest_);
        shown_latest_ = end_;
    }

    std::int64_t draw(std::int64_t least, std::int64_t most)
    {
        return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
    }

    void pass(milliseconds time)
    {
        clock_ += time.count();
        while (growth_left_ > 0 && draw(0, 2) == 0) {
            --growth_left_;
            append();
        }
        if (deletes_ && draw(0, 20) == 0)
            earliest_ = std::min(end_, earliest_ + draw(0, 30));
        if (clock_ >= shown_until_) {
            shown_latest_ = end_;
            shown_until_ = clock_ + (stale_ == 0 ? 0 : draw(0, stale_));
        }
    }

    hk::partition_info watermarks() const { return marks(earliest_, std::max(earliest_, shown_latest_)); }

    /// Carries out the plan's read and tells it what came; gives the offsets of the records.
    std::vector<std::int64_t> read(plan_steps& plan)
    {
        std::int64_t const asked = plan.offset();
        std::int64_t const wanted_end = plan.end();
        blocked_ = blocked(asked, wanted_end);
        std::vector<std::int64_t> found;
        if (refuses_ && (asked < earliest_ || asked > end_)) {
            if (!plan.refused())
                refused_for_good_ = true;
            return found;
        }
        auto const most = static_cast<std::size_t>(std::min<std::int64_t>(plan.count(), draw(1, 40)));
        auto at = log_.lower_bound(std::max(asked, earliest_));
        for (; at != log_.end() && at->second && found.size() < most; ++at)
            found.push_back(at->first);
        // What the parser does with the answer.
        std::int64_t next = found.empty() ? asked : found.back() + 1;
        std::int64_t const go_on = at == log_.end() ? end_ : at->first;
        switch (mode_) {
        case next_offset::absent:
        case next_offset::equal: break;
        case next_offset::behind: next = std::max(next, asked - draw(0, 5)); break;
        case next_offset::ahead: next = std::max(next, go_on); break;
        case next_offset::beyond: next = std::max(next, asked >= end_ ? asked + draw(1, 5) : go_on); break;
        }
        std::erase_if(found, [=](std::int64_t offset) { return offset >= wanted_end; });
        next = std::min(next, std::max(wanted_end, asked));
        if (found.empty())
            plan.answered(std::nullopt, next);
        else
            plan.answered(found.front(), found.back() + 1, next);
        next_ = next;
        return found;
    }

    std::int64_t next() const { return next_; }
    std::int64_t earliest() const { return earliest_; }
    std::int64_t end() const { return end_; }
    bool grows() const { return growth_left_ > 0; }
    bool shows_end() const { return shown_latest_ == end_; }
    bool refused_for_good() const { return refused_for_good_; }
    bool deletes() const { return deletes_; }

    /// All records in [from, to), readable or not, deleted or not.
    std::vector<std::int64_t> records(std::int64_t from, std::int64_t to) const
    {
        std::vector<std::int64_t> out;
        for (auto at = log_.lower_bound(from); at != log_.end() && at->first < to; ++at)
            out.push_back(at->first);
        return out;
    }

    bool returns(std::int64_t offset) const { return log_.at(offset); }

    /// Whether the last read could find nothing although the end was further on.
    bool was_blocked() const { return blocked_; }

private:
    bool blocked(std::int64_t position, std::int64_t until) const
    {
        auto const at = log_.lower_bound(position);
        return position < end_ && (at == log_.end() || at->first >= until || !at->second);
    }

    void append()
    {
        if (draw(0, 999) < hole_permille_)
            end_ += draw(1, 20);
        else
            log_[end_++] = draw(0, 999) >= oversize_permille_;
    }

    std::mt19937_64 random_;
    std::map<std::int64_t, bool> log_; // offset: whether the service can return it
    std::int64_t earliest_ = 0;
    std::int64_t end_ = 0;
    std::int64_t next_ = 0;
    std::int64_t clock_ = 0;
    std::int64_t shown_latest_ = 0;
    std::int64_t shown_until_ = 0;
    std::int64_t growth_left_ = 0;
    std::int64_t stale_ = 0;
    std::int64_t oversize_permille_ = 0;
    std::int64_t hole_permille_ = 0;
    next_offset mode_ = next_offset::absent;
    bool deletes_ = false;
    bool refuses_ = false;
    bool refused_for_good_ = false;
    bool blocked_ = false;
};

/// How one stream over one pretend partition ended; each end is right or a defect.
class stream_run
{
public:
    explicit stream_run(std::uint64_t seed)
        : service_(seed), options_(options()), plan_(options_), from_(service_.earliest())
    {
        if (options_.from().which() == hk::offset_spec::anchor::exact)
            handed_over_ = options_.from().offset();
    }

    /// Empty when all is well, else what is wrong.
    std::string defect()
    {
        int idle = 0; // requests in a row that led neither on nor to a pause
        for (int steps = 0; steps < 100'000; ++steps) {
            silent_to_ = std::max(silent_to_, plan_.silent_to().value_or(0));
            if (++idle > 200)
                return "it spins";
            switch (plan_.next()) {
            case action::look:
                service_.pass(1ms);
                looked();
                break;
            case action::read:
            case action::probe:
                service_.pass(1ms);
                if (plan_.count() < 1 || plan_.count() > options_.max_records())
                    return "it reads " + std::to_string(plan_.count());
                held_ = service_.read(plan_);
                if (service_.refused_for_good())
                    return service_.deletes() ? "" : "a refusal within the partition";
                break;
            case action::deliver:
                if (auto wrong = deliver(); !wrong.empty())
                    return wrong;
                idle = 0;
                break;
            case action::report: break; // read() has taken notice
            case action::idle:
            case action::pause:
                if (plan_.pause() < options_.poll_least() || plan_.pause() > options_.refresh_partitions())
                    return "a pause of " + std::to_string(plan_.pause().count());
                service_.pass(plan_.pause());
                idle = 0;
                if (!service_.grows() && service_.shows_end() && plan_.position() &&
                    known_to() >= service_.end() && ++pauses_at_end_ > 5)
                    return missing(service_.end());
                break;
            case action::finish: return finished();
            case action::fail: return failed();
            }
        }
        return "it does not end";
    }

private:
    hk::consume_options options()
    {
        hk::consume_options out;
        auto const inside = [this] { return service_.draw(service_.earliest(), service_.end()); };
        switch (service_.draw(0, 2)) {
        case 0: break;
        case 1: out.from(hk::latest); break;
        default: out.from(inside()); break;
        }
        switch (service_.draw(0, 3)) {
        case 0: break;
        case 1: out.until(inside()); break;
        default: out.until(hk::latest); break;
        }
        out.max_records(static_cast<std::int32_t>(service_.draw(1, 30)));
        milliseconds const least(service_.draw(1, 200));
        return out.poll(least, least * service_.draw(1, 20));
    }

    void looked()
    {
        auto const seen = service_.watermarks();
        bool const first = !plan_.position();
        plan_.watermarks(seen);
        if (first && plan_.position())
            from_ = *plan_.position();
        if (!handed_over_ && plan_.position())
            handed_over_ = *plan_.position();
    }

    /// Up to where everything was handed over, or is known to be silent.
    std::int64_t known_to() const { return std::max(*plan_.position(), plan_.silent_to().value_or(0)); }

    /// The records that are due before `to` and were not handed over; "" when there are none. What is not
    /// returned at the end is not known to be there.
    std::string missing(std::int64_t to) const
    {
        auto due = service_.records(due_from(to), to);
        std::erase_if(
            due, [this](std::int64_t offset) { return offset < silent_to_ && !service_.returns(offset); });
        return due.empty() ? "" : "record " + std::to_string(due.front()) + " was passed over";
    }

    /// Where what is due begins, when it goes on at `next`.
    std::int64_t due_from(std::int64_t next) const
    {
        std::int64_t const begin = handed_over_.value_or(from_);
        // What retention took before the first record was never promised.
        bool const follows = !moved_ && options_.from().which() == hk::offset_spec::anchor::beginning;
        return follows ? std::max(begin, std::min(service_.earliest(), next)) : begin;
    }

    std::string deliver()
    {
        if (held_.empty())
            return "there is nothing to deliver";
        std::int64_t const begin = due_from(held_.front());
        auto const due = service_.records(begin, held_.back() + 1);
        if (due != held_)
            return "from " + std::to_string(begin) + " on " + std::to_string(held_.size()) +
                   " records are delivered up to " + std::to_string(held_.back()) + ", the log holds " +
                   std::to_string(due.size());
        plan_.delivered(service_.next());
        moved_ = true;
        handed_over_ = held_.back() + 1;
        held_.clear();
        return "";
    }

    std::string finished() const
    {
        if (!options_.until())
            return "it finishes although it should follow";
        auto const until = *options_.until();
        std::int64_t const end =
            until.which() == hk::offset_spec::anchor::exact ? until.offset() : plan_.end();
        if (plan_.position() && known_to() < end)
            return "it finishes before the end";
        return missing(end);
    }

    std::string failed() const
    {
        auto const code = plan_.failure()->code();
        std::int64_t const position = plan_.position().value_or(-1);
        if (code == hk::errc::unreadable_record && service_.was_blocked())
            return missing(position);
        if (code == hk::errc::offset_below_earliest && position < service_.earliest())
            return "";
        return std::string("without a reason: ") + plan_.failure()->what();
    }

    pretend_partition service_;
    hk::consume_options options_;
    plan_steps plan_;
    std::int64_t from_;
    std::optional<std::int64_t> handed_over_; // everything before it
    std::vector<std::int64_t> held_;
    std::int64_t silent_to_ = 0; // the furthest of what was found silent
    int pauses_at_end_ = 0;
    bool moved_ = false;
};

} // namespace

TEST_CASE("over any log everything is handed over once and in order, or the error says why not")
{
    // HDIKAFKA_TEST_SEED=n runs that one alone.
    if (char const* const one = std::getenv("HDIKAFKA_TEST_SEED")) {
        CHECK(stream_run(std::strtoull(one, nullptr, 10)).defect() == "");
        return;
    }
    std::uint64_t const first = std::random_device()();
    MESSAGE("seeds from ", first);
    for (std::uint64_t seed = first; seed < first + 20'000; ++seed) {
        std::string const defect = stream_run(seed).defect();
        CAPTURE(seed);
        REQUIRE(defect == "");
    }
}
