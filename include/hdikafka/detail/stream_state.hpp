// What a stream, its next() and the reads ahead of it share. Layer: what users see, behind record_stream.
#ifndef HDIKAFKA_DETAIL_STREAM_STATE_HPP
#define HDIKAFKA_DETAIL_STREAM_STATE_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/client_calls.hpp>
#include <hdikafka/detail/handles.hpp>
#include <hdikafka/detail/operation_registry.hpp>
#include <hdikafka/detail/range_plan.hpp>
#include <hdikafka/detail/rest_calls.hpp>
#include <hdikafka/detail/run_operation.hpp>
#include <hdikafka/detail/session.hpp>
#include <hdikafka/detail/stream_plan.hpp>
#include <hdikafka/detail/task.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// The reads that are under way for a stream, and the answers that wait for it. Thread-safe: reads end on any
/// thread of the client's executor.
template <class = void>
class reads_ahead
{
public:
    explicit reads_ahead(consume_options const& options)
        : ranges_(std::max(options.parallelism(), std::min<std::size_t>(options.read_ahead(), 1) + 1),
                  options.parallelism() + options.read_ahead()),
          size_(options.max_records())
    {
        if (options.parallelism() == 1 && options.read_ahead() == 0)
            ranges_ = range_plan<result<record_batch>>(0, 0); // what is waited for, and nothing else
    }

    /// Who waits for what arrives.
    void tells(std::weak_ptr<operation<>> op)
    {
        std::lock_guard const lock(mutex_);
        waiting_ = std::move(op);
    }

    /// The answer at the stream's position, if it is here; reads go on from there.
    std::optional<result<record_batch>> take(read_target target)
    {
        std::lock_guard const lock(mutex_);
        target.count = std::min(target.count, size_.count());
        target.known_end = std::max(target.known_end, hinted_end_);
        target_ = target;
        stopped_ = false;
        auto out = ranges_.take(target.position);
        if (!out)
            return out;
        target_.demanded = false;
        std::int64_t const next = *out ? out->value().next_offset() : target.position;
        if (next > target.position)
            target_.position = next;
        else
            target_.known_end = target.position; // how to go on is the stream's to say
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
    range_plan<result<record_batch>> ranges_;
    read_size size_;
    read_target target_;
    std::int64_t hinted_end_ = 0;
    bool stopped_ = false;
    std::map<std::uint64_t, std::weak_ptr<operation<>>> readers_; ///< Those under way.
    std::weak_ptr<operation<>> waiting_;
};

/// A stream's state, shared with a next() that is under way while the stream is moved or closed.
template <class>
class stream_state : public std::enable_shared_from_this<stream_state<>>
{
public:
    stream_state(session_ptr client, std::string name, std::int32_t id, consume_options wanted)
        : owner(std::move(client)),
          topic(std::move(name)),
          partition(id),
          options(wanted),
          ahead(wanted),
          plan(wanted)
    {}

    call_info info() const { return call_info("consume", topic); }
    diagnostics about() const { return info().describe(); }

    std::int64_t position() const { return rest.empty() ? plan.position().value_or(-1) : rest[0].offset(); }

    void close()
    {
        operation_ptr ended;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            ended = current_.lock();
        }
        if (ended)
            ended->close();
        ahead.stop();
    }

    /// False once closed; otherwise close() ends `op`.
    bool begin(operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        current_ = op;
        ahead.tells(op);
        return !closed_;
    }

    bool closed()
    {
        std::lock_guard const lock(mutex_);
        return closed_;
    }

    session_ptr const owner;
    std::string const topic;
    std::int32_t const partition;
    consume_options const options;
    std::atomic<bool> running = false;
    reads_ahead<> ahead;

    // These belong to the next() under way, and to the user in between.
    stream_plan plan;
    record_batch arrived; ///< read, not handed over yet
    record_batch rest;    ///< handed over in part, by next_record()

private:
    std::mutex mutex_;
    std::weak_ptr<operation<>> current_;
    bool closed_ = false;
};

/// A read under way; it is forgotten when its coroutine is destroyed half-way.
template <class = void>
class read_under_way
{
public:
    read_under_way(stream_ptr stream, range_read what) : stream_(std::move(stream)), what_(what) {}
    read_under_way(read_under_way const&) = delete;
    read_under_way& operator=(read_under_way const&) = delete;
    ~read_under_way()
    {
        if (!landed_)
            stream_->ahead.forgotten(what_.id);
    }

    void land(result<record_batch> outcome, std::size_t bytes)
    {
        landed_ = true;
        stream_->ahead.arrived(what_, std::move(outcome), bytes);
    }

private:
    stream_ptr stream_;
    range_read what_;
    bool landed_ = false;
};

template <class = void>
void start_reads(stream_ptr const& stream);

/// Has the next read start as soon as an answer's header says from where.
template <class = void>
class next_offset_listener final : public header_listener
{
public:
    next_offset_listener(stream_ptr stream, std::uint64_t id) : stream_(std::move(stream)), id_(id) {}

    void header(response_parser const& answer) override
    {
        auto const next = parse_next_offset(answer.field("nextoffset"));
        if (answer.status() != 200 || !next || !next.value())
            return;
        stream_->ahead.told(id_, *next.value());
        start_reads<>(stream_);
    }

private:
    stream_ptr stream_;
    std::uint64_t id_;
};

template <class = void>
task read_range(operation_ptr op, stream_ptr stream, range_read what)
{
    read_under_way<> place(stream, what);
    session_ptr const owner = stream->owner;
    registration<> const entry(owner->http()->background(), op);
    if (!entry.added())
        co_return result<void>();
    batch_request const asked(stream->partition, what.offset, what.count, stream->ahead.end());
    call_options const options;
    auto spec = rest_calls<>(*owner, "consume", options).fetch(stream->topic, asked);
    if (!spec) {
        place.land(spec.error(), 0);
        co_return result<void>();
    }
    next_offset_listener<> listener(stream, what.id);
    spec.value()->on_header = &listener;
    call_answer answer;
    auto const read = co_await call<>(op, owner->http(), *spec.value(), answer);
    if (op->stopped() == errc::closed)
        co_return result<void>();
    std::size_t const bytes = answer.response.body.size();
    if (read)
        place.land(read_batch<>(answer, asked), bytes);
    else
        place.land(read.error(), 0);
    start_reads<>(stream);
    co_return result<void>();
}

/// Starts the reads that are due.
template <class>
void start_reads(stream_ptr const& stream)
{
    while (auto const due = stream->ahead.next()) {
        auto const op = stream->owner->http()->make_operation(stream->owner->deadline(std::nullopt));
        stream->ahead.made_by(due->id, op);
        // Not the handle of the user, whose end is to end the reads.
        run_detached(op, read_range<>(op, stream->shared_from_this(), *due));
    }
}

} // namespace hdikafka::inline v0_1::detail

#endif
