// The reads that are under way for a partition, and the answers that wait for its reader.
#ifndef HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP
#define HDIKAFKA_DETAIL_STREAM_READS_AHEAD_HPP

#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/run/waiters.hpp>
#include <hdikafka/detail/stream/plan_turn.hpp>
#include <hdikafka/detail/stream/read_plan.hpp>
#include <hdikafka/detail/stream/read_size.hpp>
#include <hdikafka/detail/stream/stream_desk.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What a read has brought, a failure perhaps, and what that takes of the stream's budget.
class fetched
{
public:
    result<record_batch> batch;
    allowance<> kept;
};

/// A read that is to begin, and what it may bring at most.
class due_read
{
public:
    range_read what;
    allowance<> kept;
};

/// Thread-safe: reads end on any thread of the client's executor.
template <class = void>
class reads_ahead
{
public:
    reads_ahead(desk_ptr desk, std::int32_t partition, consume_options const& options)
        : desk_(std::move(desk)),
          partition_(partition),
          most_(options.max_records()),
          ranges_(connections_of(options), options.parallelism() + options.read_ahead())
    {
        if (options.parallelism() == 1 && options.read_ahead() == 0)
            ranges_ = read_plan<fetched>(0, 0); // what is waited for, and nothing else
    }

    /// The answer at the stream's position, if it is here; reads go on from there. Else `waiting`, if there
    /// is one, hears of what comes.
    /// `request_id`: of the one who waits; what is read from then on has it.
    std::optional<fetched> take(plan_action const& wanted, std::string const& request_id,
                                waiters<>::place* waiting = nullptr)
    {
        std::lock_guard const lock(mutex_);
        if (wanted.offset < std::exchange(asked_at_, wanted.offset)) { // the topic is another one now
            ranges_.clear();
            hinted_end_ = 0;
        }
        request_id_ = request_id;
        target_ = wanted;
        target_.known_end = std::max(wanted.known_end, hinted_end_);
        target_.count = std::min(wanted.count, count());
        demanded_ = true;
        refused_ = false;
        auto out = ranges_.take(wanted.offset);
        if (!out && waiting)
            waiting_.join(*waiting);
        if (!out)
            return out;
        demanded_ = false;
        std::int64_t const next = out->batch ? out->batch.value().next_offset() : wanted.offset;
        if (next > wanted.offset)
            target_.offset = next;
        else
            target_.known_end = wanted.offset; // how to go on is the stream's to say
        return out;
    }

    /// Those who wait for what arrives.
    waiters<>& arrivals() noexcept { return waiting_; }

    /// The next read to make, which is under way then. What is waited for only he who waits has read.
    std::optional<due_read> next(bool waits)
    {
        std::lock_guard const lock(mutex_);
        if (stopped_)
            return std::nullopt;
        due_read out;
        auto const admit = [&](range_read const& read, bool needed) {
            auto kept = allow(read.count, read.offset >= target_.known_end, needed);
            if (needed)
                refused_ = !kept; // what is read ahead says nothing of that
            if (kept)
                out.kept = std::move(*kept);
            return kept.has_value();
        };
        auto const what = ranges_.next(target_, demanded_ && waits, admit);
        if (!what)
            return std::nullopt;
        out.what = *what;
        return out;
    }

    /// The same for `count` records off the way: what they may bring at most, if there is room for it.
    std::optional<allowance<>> probe(std::int32_t count)
    {
        std::lock_guard const lock(mutex_);
        return stopped_ ? std::nullopt : allow(count, false, true);
    }

    /// Whether there was no room for the read that is waited for.
    bool refused() const
    {
        std::lock_guard const lock(mutex_);
        return refused_;
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

    void arrived(range_read const& what, fetched outcome)
    {
        std::lock_guard const lock(mutex_);
        auto const& batch = outcome.batch;
        std::int64_t const next = batch ? batch.value().next_offset() : what.offset;
        if (batch)
            saw(batch.value().size(), outcome.kept.bytes());
        // A full answer hints at more than the last look at the watermarks knew: one record, for what the
        // service says of where to go on may be anything.
        if (batch && !batch.value().empty() && std::cmp_greater_equal(batch.value().size(), what.count)) {
            std::int64_t const last = batch.value()[batch.value().size() - 1].offset();
            constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() - 2;
            hinted_end_ = std::max(hinted_end_, std::min(last, most) + 2);
            target_.known_end = std::max(target_.known_end, hinted_end_);
        }
        ranges_.arrived(what.id, next, std::move(outcome));
        waiting_.answer_all();
    }

    /// The answer to such a read is larger than `bytes`, which was what there was room for: it is forgotten,
    /// and fewer records are asked for from now on.
    void exceeded(range_read const& what, std::size_t bytes)
    {
        std::lock_guard const lock(mutex_);
        size_.exceeded(what.count, bytes);
        target_.count = std::min(target_.count, count());
        ranges_.forgotten(what.id);
        waiting_.answer_all();
    }

    void probe_exceeded(std::int32_t count, std::size_t bytes)
    {
        std::lock_guard const lock(mutex_);
        size_.exceeded(count, bytes);
    }

    void forgotten(std::uint64_t id)
    {
        std::lock_guard const lock(mutex_);
        ranges_.forgotten(id);
        waiting_.answer_all();
    }

    /// Forgets what is under way and has nothing more read, until go_on(); what has arrived stays.
    void stop()
    {
        std::lock_guard const lock(mutex_);
        stopped_ = true;
        ranges_.forget_all();
        waiting_.answer_all();
    }

    void go_on()
    {
        std::lock_guard const lock(mutex_);
        stopped_ = false;
    }

    bool stopped() const
    {
        std::lock_guard const lock(mutex_);
        return stopped_;
    }

private:
    /// How many connections read at the same time; a read ahead has one of its own.
    static std::size_t connections_of(consume_options const& options) noexcept
    {
        return std::max(options.parallelism(), std::min<std::size_t>(options.read_ahead(), 1) + 1);
    }

    std::int32_t count() const { return size_.count(most_, desk_->bytes_each(), desk_->bounds()); }

    std::optional<allowance<>> allow(std::int32_t count, bool at_end, bool needed)
    {
        std::size_t const bytes = size_.reserve(count, at_end, desk_->bytes_each(), desk_->bounds());
        return desk_->admit(partition_, bytes, needed);
    }

    void saw(std::size_t records, std::size_t bytes)
    {
        size_.seen(records, bytes);
        desk_->seen(records, bytes);
    }

    desk_ptr const desk_;
    std::int32_t const partition_;
    std::int32_t const most_;
    mutable std::mutex mutex_;
    waiters<> waiting_{mutex_};
    read_plan<fetched> ranges_;
    read_size size_;
    plan_action target_; ///< Where reading goes on.
    std::int64_t asked_at_ = 0;
    bool demanded_ = false; ///< What is there is waited for.
    bool refused_ = false;
    std::int64_t hinted_end_ = 0;
    std::string request_id_;
    bool stopped_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
