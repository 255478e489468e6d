// What a producer owes its senders: room in its buffer, an answer to each of them, and figures about all of
// it.
#ifndef HDIKAFKA_DETAIL_PRODUCER_SEND_LEDGER_HPP
#define HDIKAFKA_DETAIL_PRODUCER_SEND_LEDGER_HPP

#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/record.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What has come of a turn of the plan, to be carried out by whoever has taken the turn. Lists, so that none
/// of it is lost when it cannot be carried out at once.
class send_effects
{
public:
    send_effects() = default;

    bool empty() const noexcept
    {
        return answered.empty() && hurried.empty() && couriers.empty() && queries.empty() && !flushed;
    }

    pending_list answered;          ///< Whoever waits for one of them is to be woken.
    std::list<waiter_ptr> hurried;  ///< Couriers to be woken: their lane is due earlier than it was.
    std::list<lane_ptr> couriers;   ///< For each of these lanes one is to be started.
    std::list<std::string> queries; ///< The partitions of each of these topics are to be counted.
    bool flushed = false;           ///< Whoever waits for a flush is to look again.
};

/// Follows each record from send() to its answer; where it waits meanwhile is the plan's business.
class send_ledger
{
public:
    /// What the buffer may hold, and where the records go that have their answer.
    send_ledger(std::size_t records, std::size_t bytes, send_effects& effects)
        : records_(records), bytes_(bytes), effects_(effects)
    {}

    /// Whether the buffer has room for another of that size.
    bool fits(std::size_t bytes) const
    {
        return figures_.buffered_records < records_ && figures_.buffered_bytes + bytes <= bytes_;
    }

    /// It was sent, and waits for room.
    void open(pending_send& one, send_time now)
    {
        one.since = now;
        one.rank = opened_++;
        one.generation = generation_;
        ++unanswered_[generation_];
    }

    /// From now on it has room in the buffer, if it had none.
    void take_in(pending_send& one) noexcept
    {
        if (one.where != pending_send::stage::waiting)
            return;
        one.where = pending_send::stage::unplaced;
        ++figures_.buffered_records;
        figures_.buffered_bytes += one.bytes;
    }

    /// A batch leaves.
    void depart(flight& batch, send_time now)
    {
        batch.left = now;
        ++figures_.in_flight;
        for (pending_ptr const& one : batch.batch) {
            one->where = pending_send::stage::flying;
            one->on = &batch;
        }
    }

    /// The last records of it are a batch of their own now.
    void split(flight& later)
    {
        ++figures_.retries;
        ++figures_.in_flight;
        for (pending_ptr const& one : later.batch)
            one->on = &later;
    }

    /// It has not left after all.
    void call_off(flight& batch)
    {
        --figures_.in_flight;
        batch.written = false;
        for (pending_ptr const& one : batch.batch)
            one->where = pending_send::stage::queued;
    }

    /// It was tried, and will be again.
    void count_retry(flight const& batch) { figures_.retries += batch.retries + 1; }

    /// It has its answer, of which each of its records is still to be told.
    void arrive(flight const& batch, send_time now)
    {
        --figures_.in_flight;
        ++figures_.batches;
        figures_.retries += batch.retries;
        figures_.flight_time.add(since(batch.left, now));
        for (pending_ptr const& one : batch.batch)
            figures_.queue_time.add(since(one->since, batch.left));
    }

    /// What became of a record of that list, once: it needs no room any more, and leaves.
    void answer(pending_list& list, pending_send& one, persistence claim)
    {
        figures_.acknowledged += claim == persistence::done ? 1 : 0;
        figures_.bytes += claim == persistence::done ? one.bytes : 0;
        figures_.failed += claim == persistence::none ? 1 : 0;
        figures_.doubtful += claim == persistence::possibly ? 1 : 0;
        if (one.where != pending_send::stage::waiting) {
            --figures_.buffered_records;
            figures_.buffered_bytes -= one.bytes;
        }
        auto const left = unanswered_.find(one.generation);
        if (--left->second == 0) {
            unanswered_.erase(left);
            effects_.flushed = true;
        }
        one.where = pending_send::stage::answered;
        one.content = record();
        effects_.answered.splice(effects_.answered.end(), list, one.node);
    }

    /// Answers the first of a list, which was not sent, with that error.
    void fail_first(pending_list& list, error const& why) { fail_one(list, *list.front(), why); }

    /// The same with any of the list.
    void fail_one(pending_list& list, pending_send& one, error const& why)
    {
        diagnostics info = why.info();
        info.operation = "send";
        info.topic = one.topic;
        one.failure.emplace(why.code(), std::move(info), why.cause());
        answer(list, one, persistence::none);
    }

    /// The same with those whose deadlines are over at that time.
    void fail_late(pending_list& list, send_time then, error const& why)
    {
        for (auto at = list.begin(); at != list.end();)
            if (pending_send& one = **at++; one.due <= then)
                fail_one(list, one, why);
    }

    /// All of them.
    void fail(pending_list& list, error const& why)
    {
        while (!list.empty())
            fail_first(list, why);
    }

    /// Ends a generation: everything that was sent until now, and its number.
    std::uint64_t flush()
    {
        hurried_ = generation_;
        return generation_++;
    }
    /// The generation that is not to linger, and those before it.
    std::optional<std::uint64_t> hurried() const noexcept { return hurried_; }
    /// Whether everything of that generation, and of those before it, has been answered.
    bool flushed(std::uint64_t generation) const
    {
        return unanswered_.empty() || unanswered_.begin()->first > generation;
    }

    producer_statistics const& figures() const noexcept { return figures_; }

private:
    static duration_histogram::microseconds since(send_time begun, send_time now)
    {
        return std::chrono::duration_cast<duration_histogram::microseconds>(now - begun);
    }

    std::size_t const records_, bytes_;
    send_effects& effects_;
    std::uint64_t opened_ = 0; ///< So far.
    std::uint64_t generation_ = 0;
    std::optional<std::uint64_t> hurried_;
    std::map<std::uint64_t, std::size_t> unanswered_; ///< By generation.
    producer_statistics figures_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
