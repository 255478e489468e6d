// The reads that are under way for a partition, and the answers that wait for its reader.
#ifndef HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP
#define HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Thread-safe: reads end on any thread of the client's executor.
template <class = void>
class reads_ahead
{
public:
    explicit reads_ahead(consume_options const& options)
        : ranges_(connections_of(options), options.parallelism() + options.read_ahead()),
          size_(options.max_records())
    {
        if (options.parallelism() == 1 && options.read_ahead() == 0)
            ranges_ = read_plan<result<record_batch>>(0, 0); // what is waited for, and nothing else
    }

    /// The answer at the stream's position, if it is here; reads go on from there. Else `waiting`, if there
    /// is one, hears of what comes.
    /// `request_id`: of the one who waits; what is read from then on has it.
    std::optional<result<record_batch>> take(plan_action const& wanted, std::string const& request_id,
                                             waiters<>::place* waiting = nullptr)
    {
        std::lock_guard const lock(mutex_);
        request_id_ = request_id;
        target_ = wanted;
        target_.known_end = std::max(wanted.known_end, hinted_end_);
        target_.count = std::min(wanted.count, size_.count());
        demanded_ = true;
        stopped_ = false;
        auto out = ranges_.take(wanted.offset);
        if (!out && waiting)
            waiting_.join(*waiting);
        if (!out)
            return out;
        demanded_ = false;
        std::int64_t const next = *out ? out->value().next_offset() : wanted.offset;
        if (next > wanted.offset)
            target_.offset = next;
        else
            target_.known_end = wanted.offset; // how to go on is the stream's to say
        return out;
    }

    /// Those who wait for what arrives.
    waiters<>& arrivals() noexcept { return waiting_; }

    /// The next read to make, which is under way then.
    std::optional<range_read> next()
    {
        std::lock_guard const lock(mutex_);
        return stopped_ ? std::nullopt : ranges_.next(target_, demanded_);
    }

    std::string request_id() const
    {
        std::lock_guard const lock(mutex_);
        return request_id_;
    }

    void told(std::uint64_t id, std::int64_t next)
    {
        std::lock_guard const lock(mutex_);
        ranges_.told(id, next);
    }

    void arrived(range_read const& what, result<record_batch> outcome, std::size_t bytes)
    {
        std::lock_guard const lock(mutex_);
        std::int64_t const next = outcome ? outcome.value().next_offset() : what.offset;
        if (outcome)
            size_.seen(outcome.value().size(), bytes);
        // A full answer hints at more than the last look at the watermarks knew.
        if (outcome && std::cmp_greater_equal(outcome.value().size(), what.count)) {
            hinted_end_ = std::max(hinted_end_, next + 1);
            target_.known_end = std::max(target_.known_end, hinted_end_);
        }
        ranges_.arrived(what.id, next, std::move(outcome));
        waiting_.answer_all();
    }

    void forgotten(std::uint64_t id)
    {
        std::lock_guard const lock(mutex_);
        ranges_.forgotten(id);
        waiting_.answer_all();
    }

    /// Forgets what is under way and has nothing more read, until the next take(); what has arrived stays.
    void stop()
    {
        std::lock_guard const lock(mutex_);
        stopped_ = true;
        ranges_.forget_all();
    }

private:
    /// How many connections read at the same time; a read ahead has one of its own.
    static std::size_t connections_of(consume_options const& options) noexcept
    {
        return std::max(options.parallelism(), std::min<std::size_t>(options.read_ahead(), 1) + 1);
    }

    mutable std::mutex mutex_;
    waiters<> waiting_{mutex_};
    read_plan<result<record_batch>> ranges_;
    read_size size_;
    plan_action target_;    ///< Where reading goes on.
    bool demanded_ = false; ///< What is there is waited for.
    std::int64_t hinted_end_ = 0;
    std::string request_id_;
    bool stopped_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
