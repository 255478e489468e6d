// A stream: one reader, or one for each partition of a topic, and the batches that they hand over in turn.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/operations.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A partition's place in a stream.
class stream_part
{
public:
    explicit stream_part(partition_ptr one) : reader(std::move(one)) {}

    partition_ptr reader;
    std::int64_t position = -1; ///< Of the next record to hand over; -1 until it is known.
    bool caught_up = false;     ///< When that was last looked at.
    bool paused = false;
    bool finished = false;
    bool followed = false;               ///< Somebody follows the plan.
    std::weak_ptr<operation<>> follower; ///< Who.
    std::optional<error> failure;        ///< How that ended, until it is told.
};

/// Shared with a next() that is under way while the stream is moved or closed. Thread-safe.
template <class>
class stream_state
{
public:
    /// Of one partition; of all of them without one.
    stream_state(client_ptr client, std::string name, std::optional<std::int32_t> id, consume_options wanted)
        : owner(std::move(client)), topic(std::move(name)), single(id.has_value()), options(wanted)
    {
        if (id)
            add(*id, wanted);
    }

    call_label info() const { return call_label("consume", topic); }
    diagnostics about(call_options const& call = call_options()) const
    {
        call_label out = info();
        out.request_id = call.request_id();
        return out.describe();
    }

    /// Takes the one place for a next(), which close() ends then.
    void begin(operation_ptr const& op)
    {
        std::lock_guard const lock(mutex_);
        if (current_)
            throw error(errc::already_running, about());
        if (closed_)
            throw error(errc::closed, about(), "the stream is closed");
        current_ = op;
    }

    void end()
    {
        std::lock_guard const lock(mutex_);
        current_.reset();
    }

    void close()
    {
        operation_ptr ended;
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            ended = current_;
        }
        if (ended)
            ended->close();
        stop();
    }

    /// What next_record() has left of a batch.
    std::optional<record_batch> take_rest()
    {
        std::lock_guard const lock(mutex_);
        if (rest_.empty())
            return std::nullopt;
        return std::exchange(rest_, record_batch());
    }

    void keep_rest(record_batch batch)
    {
        std::lock_guard const lock(mutex_);
        rest_ = std::move(batch);
    }

    /// Of the next record that is handed over, by partition; -1 until it is known.
    std::map<std::int32_t, std::int64_t> positions() const
    {
        std::lock_guard const lock(mutex_);
        std::map<std::int32_t, std::int64_t> out;
        for (auto const& [id, part] : parts_)
            out[id] = part.position;
        if (!rest_.empty())
            out[rest_.partition()] = rest_[0].offset();
        return out;
    }

    bool caught_up() const
    {
        std::lock_guard const lock(mutex_);
        return rest_.empty() && !parts_.empty() &&
               std::ranges::all_of(parts_, [](auto const& part) { return part.second.caught_up; });
    }

    /// Stops or goes on handing over records of a partition; false when it is not known.
    bool pause(std::int32_t id, bool paused)
    {
        partition_ptr stopped;
        {
            std::lock_guard const lock(mutex_);
            auto const found = parts_.find(id);
            if (found == parts_.end())
                return false;
            found->second.paused = paused;
            if (paused)
                stopped = found->second.reader;
        }
        if (stopped)
            stopped->ahead.stop();
        else
            wake();
        return true;
    }

    /// Gives up all reads ahead; what has arrived stays.
    void stop()
    {
        for (partition_ptr const& one : readers())
            one->ahead.stop();
    }

    /// Somebody waits for something of this.
    void wake()
    {
        operation_ptr waiting;
        {
            std::lock_guard const lock(mutex_);
            waiting = current_;
        }
        if (waiting)
            waiting->wake();
    }

    std::vector<partition_ptr> readers() const
    {
        std::lock_guard const lock(mutex_);
        std::vector<partition_ptr> out;
        out.reserve(parts_.size());
        for (auto const& [id, part] : parts_)
            out.push_back(part.reader);
        return out;
    }

    /// Runs `function(parts)` under the lock.
    template <class Function>
    auto with_parts(Function function)
    {
        std::lock_guard const lock(mutex_);
        return function(parts_);
    }

    /// Goes on where the checkpoints say. Before the first read.
    void go_on_from(std::vector<checkpoint> const& all)
    {
        std::lock_guard const lock(mutex_);
        for (checkpoint const& one : all)
            if (one.topic == topic)
                saved_[one.partition] = one;
        for (auto& [id, part] : parts_)
            part = make_part(id, options, part.paused);
        resumed = true;
    }

    /// Partitions that were not there before.
    void add(std::vector<partition_info> const& seen)
    {
        std::lock_guard const lock(mutex_);
        // What is new was written from its beginning on while the stream was there.
        bool const first_time = parts_.empty();
        consume_options later = options;
        later.from(earliest);
        for (partition_info const& one : seen)
            if (!parts_.contains(one.id))
                add(one.id, first_time ? options : later);
    }

    client_ptr const owner;
    std::string const topic;
    bool const single; ///< Of one partition; otherwise of all there are.
    consume_options const options;

    // These belong to the next() under way.
    bool resumed = false;                ///< The checkpoints have been loaded.
    std::int32_t turn = -1;              ///< The partition that had the last one.
    steady_clock::time_point refresh_at; ///< When to look for partitions.

private:
    void add(std::int32_t id, consume_options wanted)
    {
        parts_.try_emplace(id, make_part(id, std::move(wanted)));
    }

    stream_part make_part(std::int32_t id, consume_options wanted, bool paused = false) const
    {
        // Reads ahead, which may go on for a while behind the stream, are no users of the store.
        wanted.checkpoint(std::shared_ptr<checkpoint_store>());
        auto const found = saved_.find(id);
        checkpoint const* const saved = found == saved_.end() ? nullptr : &found->second;
        stream_part out(std::make_shared<partition_reader<>>(owner, topic, id, std::move(wanted), saved));
        out.position = saved ? saved->next_offset : -1;
        out.paused = paused;
        return out;
    }

    mutable std::mutex mutex_;
    std::map<std::int32_t, stream_part> parts_;
    std::map<std::int32_t, checkpoint> saved_;
    record_batch rest_;
    operation_ptr current_;
    bool closed_ = false;
};

/// Holds the one place for a next().
template <class = void>
class stream_turn
{
public:
    stream_turn(stream_ptr stream, operation_ptr const& op) : stream_(std::move(stream))
    {
        stream_->begin(op);
    }
    stream_turn(stream_turn const&) = delete;
    stream_turn& operator=(stream_turn const&) = delete;
    ~stream_turn() { stream_->end(); }

private:
    stream_ptr stream_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
