// A stream: one reader, or one for each partition of a topic, and what has been handed over.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_STATE_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_STATE_HPP

#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
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

    /// Takes notice of what the reader has come to.
    void ended(std::optional<error> how)
    {
        finished = !how && !reader->holds();
        failure = std::move(how);
        look();
    }

    void look()
    {
        position = reader->position().value_or(position);
        caught_up = reader->caught_up();
    }

    /// The batch that the reader holds; empty when it holds none.
    record_batch hand_over()
    {
        record_batch out = reader->hand_over();
        look();
        return out;
    }

    partition_ptr reader;
    std::int64_t position = -1; ///< Of the next record to hand over; -1 until it is known.
    bool caught_up = false;     ///< When that was last looked at.
    bool paused = false;
    bool finished = false;
    bool followed = false;        ///< Somebody follows the reader's plan.
    std::optional<error> failure; ///< How that ended, until it is told.
};

/// Shared with a next() that is under way while the stream is moved or closed. Thread-safe.
template <class Lazy>
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

    /// The one place for a next(), which close() ends then.
    class turn;

    void close()
    {
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            if (current_)
                current_->close();
        }
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

    /// Stops or goes on handing over records of a partition, which must be known.
    void pause(std::int32_t id, bool paused)
    {
        std::lock_guard const lock(mutex_);
        auto const found = parts_.find(id);
        if (found == parts_.end())
            throw error(errc::invalid_partition, about_next(topic), "the stream knows no such partition");
        found->second.paused = paused;
        if (paused)
            found->second.reader->stop();
        else if (current_)
            current_->wake();
    }

    /// Gives up all reads ahead; what has arrived stays.
    void stop()
    {
        std::lock_guard const lock(mutex_);
        for (auto const& [id, part] : parts_)
            part.reader->stop();
    }

    /// Runs `function(parts)` under the lock.
    template <class Function>
    auto with_parts(Function function)
    {
        std::lock_guard const lock(mutex_);
        return function(parts_);
    }

    /// Says so to the next() under way, which may wait for what has changed.
    void wake() noexcept
    {
        std::lock_guard const lock(mutex_);
        if (current_)
            current_->wake();
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
    std::int32_t last = -1;              ///< The partition that has handed over last.
    steady_clock::time_point refresh_at; ///< When to look for partitions.
    children<Lazy> followers;            ///< Of the parts' plans.

private:
    void add(std::int32_t id, consume_options wanted)
    {
        parts_.try_emplace(id, make_part(id, std::move(wanted)));
    }

    stream_part make_part(std::int32_t id, consume_options wanted, bool paused = false) const
    {
        auto const found = saved_.find(id);
        checkpoint const* const saved = found == saved_.end() ? nullptr : &found->second;
        // Reads ahead, which may go on for a while behind the stream, are no users of the store.
        wanted.checkpoint(std::shared_ptr<checkpoint_store>());
        stream_part out(std::make_shared<partition_reader<Lazy>>(owner, topic, id, std::move(wanted), saved));
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

template <class Lazy>
class stream_state<Lazy>::turn
{
public:
    turn(stream_ptr stream, operation_ptr const& op) : stream_(std::move(stream))
    {
        std::lock_guard const lock(stream_->mutex_);
        if (stream_->current_)
            throw error(errc::already_running, about_next(stream_->topic));
        if (stream_->closed_)
            throw error(errc::closed, about_next(stream_->topic), "the stream is closed");
        stream_->current_ = op;
    }
    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;
    ~turn()
    {
        std::lock_guard const lock(stream_->mutex_);
        stream_->current_.reset();
    }

private:
    stream_ptr stream_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
