// Who gets which connection to an origin, and when another one is made: a pure decision.
#ifndef HDIKAFKA_DETAIL_NET_POOL_PLAN_HPP
#define HDIKAFKA_DETAIL_NET_POOL_PLAN_HPP

#include <hdikafka/detail/base/linked_list.hpp>
#include <hdikafka/detail/net/dial_pace_plan.hpp>
#include <hdikafka/milliseconds.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// One who needs a connection. Stands in the line until it is given one, told of a failure, or leaves.
class connection_asker : public list_link
{
public:
    explicit connection_asker(bool wants_new) noexcept : fresh(wants_new) {}

    bool const fresh; ///< Only a connection will do that is made while it waits.

private:
    friend class pool_plan;

    std::uint64_t turn_ = 0;  // its place in the order of asking, which it keeps when it has to ask again
    std::uint64_t since_ = 0; // when it joined the line, in turns
};

/// A dial as its pool knows it.
class dial_ticket
{
public:
    std::uint64_t begun = 0; // when, in turns
    std::uint32_t wave = 0;
};

enum class pool_action : unsigned char
{
    none,
    dial,    ///< Make a connection; it ends with dialled(), failed() or given_up(), and its ticket.
    evict,   ///< Close the connection that has been idle longest.
    tell,    ///< Give `who`, who has left the line, the last failure.
    give_up, ///< End the dials that are under way.
};

class pool_step
{
public:
    pool_action action = pool_action::none;
    dial_ticket ticket;
    connection_asker* who = nullptr;
};

/// The connections of a pool are idle, in use or being dialled, and never more than `limit`.
///
/// - A call takes the first connection that comes: an idle one at once; else, first come, first served, one
///   that is freed or one that has been dialled, whoever it was dialled for.
/// - There is a dial for each who waits, as far as there are places, at most `most_dials` at a time, and as
///   fast as the pace allows.
/// - A failure that may pass is told to those for whom a dial that failed had begun, once no older dial is
///   under way, and unless a connection in use may serve them yet. One that stays is told to all who wait.
/// - A dial that is not needed any more serves the next who asks, or the idle list. It is given up when no
///   connection is left that could show that the service is there; or, when all are idle, after
///   `longest_surplus`, so that nothing keeps a program at rest from ending.
///
/// Whoever reports an event takes the steps that next() gives until there is none.
class pool_plan
{
public:
    using time_point = dial_pace_plan::time_point;

    static constexpr std::size_t most_dials = 32;
    static constexpr milliseconds longest_surplus{1'000};
    static constexpr time_point never = time_point::max();

    explicit pool_plan(std::size_t limit) : limit_(limit) { dials_.reserve(std::min(limit, most_dials)); }

    /// Whether next() has nothing to say, whatever the time.
    bool at_rest() const noexcept { return line_.empty() && dials_.empty(); }

    /// Takes an idle connection for one who need not have a fresh one. False: join the line.
    bool take_idle() noexcept
    {
        if (idle_ == 0)
            return false;
        --idle_;
        ++in_use_;
        surplus_since_.reset();
        return true;
    }

    /// An idle connection was closed.
    void lost_idle() noexcept { --idle_; }

    /// Waits, unless take_idle() would do. One who was served before, with what turned out to be useless,
    /// takes the place that it had.
    void join(connection_asker& one) noexcept
    {
        one.since_ = ++turns_;
        if (one.turn_ == 0)
            one.turn_ = turns_;
        connection_asker* behind = nullptr;
        if (!line_.empty() && line_.back().turn_ > one.turn_)
            for (behind = &line_.front(); behind->turn_ < one.turn_;)
                behind = line_.after(*behind);
        line_.insert(behind, one);
        ++waiting_;
        waiting_fresh_ += one.fresh ? 1 : 0;
    }

    /// Has had enough of waiting.
    void leave(connection_asker& one) noexcept
    {
        line_.remove(one);
        --waiting_;
        waiting_fresh_ -= one.fresh ? 1 : 0;
    }

    /// A connection in use is free again. Who has it now; null: it is idle.
    connection_asker* freed(time_point now) noexcept
    {
        connection_asker* const next = first_content_with_used();
        if (next && !(owes_fresh(*next) && may_dial(now))) {
            leave(*next);
            return next;
        }
        --in_use_;
        ++idle_;
        return nullptr;
    }

    /// A connection in use is no more.
    void lost() noexcept { --in_use_; }

    /// A dial made a connection. Who has it; null: it is idle.
    connection_asker* dialled(dial_ticket const& one) noexcept
    {
        forget(one, 0);
        pace_.succeeded();
        failed_up_to_ = 0;
        for (dial& each : dials_)
            each.failed_after = 0;
        if (line_.empty()) {
            ++idle_;
            return nullptr;
        }
        connection_asker& next = line_.front();
        leave(next);
        ++in_use_;
        return &next;
    }

    /// A dial failed, for good or for now.
    void failed(dial_ticket const& one, bool for_good, time_point now, double share) noexcept
    {
        forget(one, one.begun);
        pace_.failed(one.wave, now, share);
        if (for_good)
            told_up_to_ = turns_;
    }

    /// A dial ended because it was to.
    void given_up(dial_ticket const& one) noexcept { forget(one, 0); }

    /// What is to be done now.
    pool_step next(time_point now, double share) noexcept
    {
        pool_step step;
        if (find_told(step) || find_place(step, now) || find_dial(step, now, share))
            return step;
        find_surplus(step, now);
        return step;
    }

    /// When next() is to be asked again although nothing has happened.
    time_point due() const noexcept
    {
        if (wants_dial() && dials_.size() < most_dials && (open() < limit_ || can_evict()))
            return pace_.next();
        if (surplus_since_ && idle_ != 0 && !ending())
            return *surplus_since_ + longest_surplus;
        return never;
    }

    std::size_t idle() const noexcept { return idle_; }
    std::size_t in_use() const noexcept { return in_use_; }
    std::size_t dials() const noexcept { return dials_.size(); }
    std::size_t waiting() const noexcept { return waiting_; }
    std::size_t open() const noexcept { return idle_ + in_use_ + dials_.size(); }

private:
    class dial
    {
    public:
        std::uint64_t begun = 0;
        std::uint64_t failed_after = 0; // the newest that failed of those between it and the next
    };

    bool wants_dial() const noexcept { return dials_.size() < waiting_; }
    bool may_dial(time_point now) const noexcept { return dials_.size() < most_dials && pace_.open(now); }

    /// Those who wait for a fresh one have no use for what is idle but its place.
    bool can_evict() const noexcept { return idle_ != 0; }

    connection_asker* first_content_with_used() const noexcept
    {
        if (waiting_ == waiting_fresh_)
            return nullptr;
        connection_asker* at = &line_.front();
        while (at->fresh)
            at = line_.after(*at);
        return at;
    }

    /// Whether those before this one, who want a fresh connection, have fewer dials than they are: then the
    /// place is theirs.
    bool owes_fresh(connection_asker const& one) const noexcept
    {
        std::size_t before = 0;
        for (connection_asker const* at = &line_.front(); at != &one; at = line_.after(*at))
            if (++before > dials_.size())
                return true;
        return false;
    }

    bool is_told(connection_asker const& one) const noexcept
    {
        if (one.since_ <= told_up_to_)
            return true;
        return one.since_ < failed_up_to_ && (one.fresh || in_use_ == 0);
    }

    bool find_told(pool_step& step) noexcept
    {
        if (line_.empty() || (failed_up_to_ == 0 && told_up_to_ == 0))
            return false;
        for (connection_asker* at = &line_.front(); at; at = line_.after(*at)) {
            if (!is_told(*at))
                continue;
            leave(*at);
            step.action = pool_action::tell;
            step.who = at;
            return true;
        }
        told_up_to_ = 0;
        return false;
    }

    bool find_place(pool_step& step, time_point now) noexcept
    {
        if (!wants_dial() || !may_dial(now) || open() < limit_ || !can_evict())
            return false;
        --idle_;
        step.action = pool_action::evict;
        return true;
    }

    bool find_dial(pool_step& step, time_point now, double share) noexcept
    {
        if (!wants_dial() || !may_dial(now) || open() >= limit_)
            return false;
        step.action = pool_action::dial;
        step.ticket.begun = ++turns_;
        step.ticket.wave = pace_.began(now, share);
        dial& one = dials_.emplace_back(); // for which there is memory since the beginning
        one.begun = turns_;
        return true;
    }

    void find_surplus(pool_step& step, time_point now) noexcept
    {
        if (!line_.empty() || dials_.empty() || in_use_ != 0) {
            surplus_since_.reset();
            return;
        }
        if (!surplus_since_)
            surplus_since_ = now;
        if (ending() || (idle_ != 0 && now < *surplus_since_ + longest_surplus))
            return;
        ending_up_to_ = turns_;
        step.action = pool_action::give_up;
    }

    bool ending() const noexcept { return dials_.empty() || dials_.back().begun <= ending_up_to_; }

    /// Takes a dial out, which failed if it is `failed`; that counts once no older one is under way.
    void forget(dial_ticket const& one, std::uint64_t failed) noexcept
    {
        auto const at =
            std::ranges::find_if(dials_, [&one](dial const& each) { return each.begun == one.begun; });
        failed = std::max(failed, at->failed_after);
        std::uint64_t& noted = at == dials_.begin() ? failed_up_to_ : std::prev(at)->failed_after;
        noted = std::max(noted, failed);
        dials_.erase(at);
    }

    std::size_t const limit_;
    linked_list<connection_asker> line_; // in the order of their turns
    std::size_t waiting_ = 0;
    std::size_t waiting_fresh_ = 0;
    std::vector<dial> dials_; // oldest first
    std::size_t idle_ = 0;
    std::size_t in_use_ = 0;
    dial_pace_plan pace_;
    std::uint64_t turns_ = 0;        // so many have asked or been begun
    std::uint64_t failed_up_to_ = 0; // the newest that failed of the dials before the oldest under way
    std::uint64_t told_up_to_ = 0;   // who joined by then learns of a failure that stays
    std::optional<time_point> surplus_since_;
    std::uint64_t ending_up_to_ = 0; // dials that began by then were given up
};

} // namespace hdikafka::inline v0_1::detail

#endif
