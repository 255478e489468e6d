// The reads that are under way for a partition, and the answers that wait for its reader.
#ifndef HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP
#define HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/detail/stream/rules.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
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

    /// Who waits for what arrives.
    void tells(std::weak_ptr<operation<>> op)
    {
        std::lock_guard const lock(mutex_);
        waiting_ = std::move(op);
    }

    /// The answer at the stream's position, if it is here; reads go on from there.
    /// `request_id`: of the one who waits; what is read from then on has it.
    std::optional<result<record_batch>> take(plan_action const& wanted, std::string const& request_id)
    {
        std::lock_guard const lock(mutex_);
        request_id_ = request_id;
        target_.position = wanted.offset;
        target_.known_end = std::max(wanted.known_end, hinted_end_);
        target_.end = wanted.end;
        target_.count = std::min(wanted.count, size_.count());
        target_.demanded = true;
        stopped_ = false;
        auto out = ranges_.take(wanted.offset);
        if (!out)
            return out;
        target_.demanded = false;
        std::int64_t const next = *out ? out->value().next_offset() : wanted.offset;
        if (next > wanted.offset)
            target_.position = next;
        else
            target_.known_end = wanted.offset; // how to go on is the stream's to say
        return out;
    }

    /// The next read to make, which is under way then.
    std::optional<range_read> next()
    {
        std::lock_guard const lock(mutex_);
        return stopped_ ? std::nullopt : ranges_.next(target_);
    }

    /// Who makes that read.
    void made_by(std::uint64_t id, operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        readers_.insert_or_assign(id, op);
    }

    std::string request_id() const
    {
        std::lock_guard const lock(mutex_);
        return request_id_;
    }

    std::int64_t end() const
    {
        std::lock_guard const lock(mutex_);
        return target_.end;
    }

    void told(std::uint64_t id, std::int64_t next)
    {
        std::lock_guard const lock(mutex_);
        ranges_.told(id, next);
    }

    void arrived(range_read const& what, result<record_batch> outcome, std::size_t bytes)
    {
        std::unique_lock lock(mutex_);
        std::int64_t const next = outcome ? outcome.value().next_offset() : what.offset;
        if (outcome)
            size_.seen(outcome.value().size(), bytes);
        // A full answer hints at more than the last look at the watermarks knew.
        if (outcome && std::cmp_greater_equal(outcome.value().size(), what.count)) {
            hinted_end_ = std::max(hinted_end_, next + 1);
            target_.known_end = std::max(target_.known_end, hinted_end_);
        }
        readers_.erase(what.id);
        ranges_.arrived(what.id, next, std::move(outcome));
        wake(lock);
    }

    void forgotten(std::uint64_t id)
    {
        std::unique_lock lock(mutex_);
        readers_.erase(id);
        ranges_.forgotten(id);
        wake(lock);
    }

    /// Gives up what is under way, until the next take(); what has arrived stays.
    void stop()
    {
        std::map<std::uint64_t, std::weak_ptr<operation<>>> stopped;
        {
            std::lock_guard const lock(mutex_);
            stopped_ = true;
            ranges_.forget_all();
            stopped.swap(readers_);
        }
        for (auto const& [id, reader] : stopped)
            if (auto const op = reader.lock())
                op->close();
    }

private:
    void wake(std::unique_lock<std::mutex>& lock)
    {
        auto const waiting = waiting_.lock();
        lock.unlock();
        if (waiting)
            waiting->wake();
    }

    mutable std::mutex mutex_;
    read_plan<result<record_batch>> ranges_;
    read_size size_;
    read_target target_;
    std::int64_t hinted_end_ = 0;
    std::string request_id_;
    bool stopped_ = false;
    std::map<std::uint64_t, std::weak_ptr<operation<>>> readers_; ///< Those under way.
    std::weak_ptr<operation<>> waiting_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
