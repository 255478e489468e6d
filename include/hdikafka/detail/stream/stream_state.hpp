// A stream: one reader, or one for each partition of a topic, and what has been handed over.
#ifndef HDIKAFKA_DETAIL_STREAM_STREAM_STATE_HPP
#define HDIKAFKA_DETAIL_STREAM_STREAM_STATE_HPP

#include <hdikafka/checkpoint.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/stream/list_watch.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/stream_desk.hpp>
#include <hdikafka/detail/stream/stream_part.hpp>
#include <hdikafka/detail/stream/turns.hpp>
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

/// Shared with a next() that is under way while the stream is moved or closed. Thread-safe.
template <class Lazy>
class stream_state : public std::enable_shared_from_this<stream_state<Lazy>>
{
public:
    /// Of one partition; of all of them without one.
    stream_state(client_ptr client, std::string name, std::optional<std::int32_t> id, consume_options wanted)
        : owner(std::move(client)),
          topic(std::move(name)),
          single(id.has_value()),
          options(wanted),
          desk(std::make_shared<stream_desk<>>(wanted, owner->options().limits().body())),
          list_(wanted)
    {
        if (id)
            add(*id, wanted.from());
    }

    /// The one place for a next(), which close() ends then.
    class turn;

    void close()
    {
        {
            std::lock_guard const lock(mutex_);
            closed_ = true;
            desk->close();
        }
        stop();
    }

    /// Gives up all that is under way; what has arrived stays.
    void stop()
    {
        std::lock_guard const lock(mutex_);
        for (auto const& [id, part] : parts_)
            part.reader->stop();
        scouts.close();
    }

    /// What next_record() has left of the batch that was handed over last. Whether there is any.
    bool take_rest(held_batch& out)
    {
        std::lock_guard const lock(mutex_);
        auto const whose = turns_.next_rest();
        if (!whose)
            return false;
        turns_.keeps_rest(*whose, false);
        out = std::exchange(parts_.at(*whose).rest, held_batch());
        return true;
    }

    void keep_rest(held_batch batch)
    {
        if (batch.records.empty())
            return;
        std::lock_guard const lock(mutex_);
        std::int32_t const id = batch.records.partition();
        parts_.at(id).rest = std::move(batch);
        turns_.keeps_rest(id, true);
    }

    /// The batch of the one whose turn it is, or its failure; none when nobody has anything. `again`: also a
    /// failure that was told already, if nothing else comes.
    result<held_batch> take_turn(bool again = false)
    {
        std::lock_guard const lock(mutex_);
        if (scout_failure_)
            return *std::exchange(scout_failure_, std::nullopt);
        auto const whose = turns_.next(again && turns_.all_over());
        if (!whose)
            return held_batch();
        stream_part& part = parts_.at(*whose);
        if (!part.rest.records.empty()) {
            turns_.keeps_rest(*whose, false);
            return std::exchange(part.rest, held_batch());
        }
        if (part.failure && part.reader->failed()) {
            turns_.told(*whose);
            return *part.failure;
        }
        turns_.stands(*whose, standing::due);
        if (part.failure)
            return *std::exchange(part.failure, std::nullopt);
        held_batch out = part.reader->hand_over();
        part.look();
        return out;
    }

    /// Whether everything up to the end has been handed over.
    bool finished() const
    {
        std::lock_guard const lock(mutex_);
        bool const begun = single || list_.has_seen();
        return options.until() && begun && turns_.all_finished();
    }

    /// Those whose plans are to be followed now; they are, then. `in_line`: only who has come first in line.
    std::vector<partition_ptr> to_follow(bool in_line)
    {
        std::lock_guard const lock(mutex_);
        auto const admitted = desk->next_in_line();
        std::vector<std::int32_t> due;
        if (!in_line)
            due = turns_.to_follow(steady_clock::now(), admitted);
        else if (admitted && turns_.follow_from_line(*admitted))
            due.push_back(*admitted);
        std::vector<partition_ptr> out;
        out.reserve(due.size());
        for (std::int32_t const id : due) {
            out.push_back(parts_.at(id).reader);
            out.back()->go_on();
        }
        return out;
    }

    /// Nobody follows the plan any longer. `given_up`: nothing is known then that was not known before;
    /// `failure`: what it ended with.
    void followed(std::int32_t id, bool given_up, std::optional<error> failure)
    {
        {
            std::lock_guard const lock(mutex_);
            stream_part& part = parts_.at(id);
            part.look();
            part.failure = std::move(failure);
            standing how = part.reader->stands();
            if (given_up)
                how = standing::due;
            else if (part.failure)
                how = standing::failed;
            if (how == standing::idle)
                idles(id, part);
            else
                turns_.stands(id, how, part.reader->until());
            if (how != standing::in_line)
                desk->leave_line(id);
        }
        desk->ring();
    }

    /// Whether nothing comes of itself, without a wait for time or room.
    bool stands_still() const
    {
        std::lock_guard const lock(mutex_);
        return !turns_.at_work();
    }

    /// When something is to be done next, that depends on the time alone.
    steady_clock::time_point wake_at() const
    {
        std::lock_guard const lock(mutex_);
        auto const list = single || scouting_ ? turns::never : list_.next(polls());
        return std::min(list, turns_.wake_at());
    }

    /// Whether the list of partitions is to be asked for now; it is, then.
    bool begins_scouting()
    {
        std::lock_guard const lock(mutex_);
        if (single || scouting_ || scout_failure_ || steady_clock::now() < list_.next(polls()))
            return false;
        scouting_ = true;
        return true;
    }

    /// What came of that: nothing if it was given up, a failure, or a list.
    void scouted(bool given_up, std::optional<error> failure, std::vector<partition_info> const& seen)
    {
        {
            std::lock_guard const lock(mutex_);
            scouting_ = false;
            if (failure && !given_up)
                scout_failure_ = std::move(failure);
            else if (!failure)
                hear(seen);
        }
        desk->ring();
    }

    /// Of the next record that is handed over, by partition; -1 until it is known.
    std::map<std::int32_t, std::int64_t> positions() const
    {
        std::lock_guard const lock(mutex_);
        std::map<std::int32_t, std::int64_t> out;
        for (auto const& [id, part] : parts_)
            out[id] = part.handed_over();
        return out;
    }

    bool caught_up() const
    {
        std::lock_guard const lock(mutex_);
        return !parts_.empty() && std::ranges::all_of(parts_, [](auto const& part) {
            return part.second.rest.records.empty() && part.second.caught_up;
        });
    }

    /// How far each position is behind these watermarks. What is new in them the stream reads from now on.
    std::map<std::int32_t, std::int64_t> lags(std::vector<partition_info> const& seen)
    {
        std::lock_guard const lock(mutex_);
        if (!single && list_.has_seen())
            add_new(seen);
        std::map<std::int32_t, std::int64_t> out;
        for (partition_info const& one : seen) {
            auto const at = parts_.find(one.id);
            if (!one.available() || !shares(one.id) || (at == parts_.end() && list_.has_seen()))
                continue;
            std::int64_t const position =
                at == parts_.end() ? start_of(options.from(), one) : at->second.position_in(one);
            out[one.id] = std::max<std::int64_t>(one.latest_offset - position, 0);
        }
        return out;
    }

    /// Stops or goes on handing over records of a partition, which must be known.
    void pause(std::int32_t id, bool paused)
    {
        {
            std::lock_guard const lock(mutex_);
            auto const found = parts_.find(id);
            if (found == parts_.end())
                throw error(errc::invalid_partition, about_next(topic), "the stream knows no such partition");
            turns_.pause(id, paused);
            if (paused) {
                found->second.reader->stop();
                desk->leave_line(id);
            }
        }
        desk->ring();
    }

    bool knows(std::int32_t id) const
    {
        std::lock_guard const lock(mutex_);
        return parts_.contains(id);
    }

    /// Goes on where the checkpoints say. Before the first read.
    void go_on_from(std::vector<checkpoint> const& all)
    {
        std::lock_guard const lock(mutex_);
        for (checkpoint const& one : all)
            if (one.topic == topic)
                saved_[one.partition] = one;
        for (auto& [id, part] : parts_)
            part = make_part(id, options.from());
        resumed = true;
    }

    client_ptr const owner;
    std::string const topic;
    bool const single; ///< Of one partition; otherwise of all there are.
    consume_options const options;
    desk_ptr const desk;
    children<Lazy> scouts; ///< Who ask for the list of partitions.

    bool resumed = false; ///< The checkpoints have been loaded: belongs to the next() under way.

private:
    bool polls() const { return parts_.empty() || turns_.any_idle(); }

    bool shares(std::int32_t id) const noexcept
    {
        return single || id % std::max(options.share_of(), 1) == options.share_index();
    }

    /// Has nothing to read. A single one, and one that is silent below its watermark, polls by its own reads.
    void idles(std::int32_t id, stream_part& part)
    {
        if (single)
            return turns_.stands(id, standing::resting, part.reader->until());
        bool const silent = part.position >= 0 && part.position < part.silent_to;
        turns_.stands(id, standing::idle, silent ? part.reader->until() : turns::never);
        if (part.position != part.idle_at)
            list_.ran_dry(steady_clock::now(), owner->http()->random().unit());
        part.idle_at = part.position;
    }

    void hear(std::vector<partition_info> const& seen)
    {
        std::map<std::int32_t, partition_info const*> rows;
        for (partition_info const& one : seen)
            rows[one.id] = &one;
        bool news = false;
        for (auto& [id, part] : parts_) {
            auto const row = rows.find(id);
            if (turns_.standing_of(id) != standing::idle ||
                !part.reader->hear(row == rows.end() ? nullptr : row->second))
                continue;
            turns_.stands(id, standing::due);
            part.caught_up = false; // until its plan has been told
            news = true;
        }
        add_new(seen);
        list_.seen(steady_clock::now(), news, owner->http()->random().unit());
    }

    /// Partitions that were not there before: what is new later was written from its beginning on while the
    /// stream was there. A stream that ends has those that it began with.
    void add_new(std::vector<partition_info> const& seen)
    {
        if (options.until() && list_.has_seen())
            return;
        offset_spec const from = list_.has_seen() ? offset_spec(earliest) : options.from();
        for (partition_info const& one : seen)
            if (shares(one.id) && !parts_.contains(one.id)) {
                add(one.id, from);
                parts_.at(one.id).reader->hear(&one);
                desk->ring();
            }
    }

    void add(std::int32_t id, offset_spec from)
    {
        parts_.try_emplace(id, make_part(id, from));
        turns_.add(id);
    }

    stream_part make_part(std::int32_t id, offset_spec from) const
    {
        auto const found = saved_.find(id);
        checkpoint const* const saved = found == saved_.end() ? nullptr : &found->second;
        consume_options wanted = options;
        wanted.from(from);
        if (single) // there is no list that would end a rest early
            wanted.refresh_partitions(std::min(options.refresh_partitions(), options.poll_most()));
        // Reads ahead, which may go on for a while behind the stream, are no users of the store.
        wanted.checkpoint(std::shared_ptr<checkpoint_store>());
        stream_part out(
            std::make_shared<partition_reader<Lazy>>(owner, desk, topic, id, std::move(wanted), saved), from);
        out.position = saved ? saved->next_offset : -1;
        return out;
    }

    mutable std::mutex mutex_;
    std::map<std::int32_t, stream_part> parts_;
    turns turns_;
    list_watch list_;
    std::map<std::int32_t, checkpoint> saved_;
    std::optional<error> scout_failure_; ///< Why there is no list, until it is told.
    bool scouting_ = false;              ///< Somebody asks for the list.
    bool closed_ = false;
};

template <class Lazy>
class stream_state<Lazy>::turn
{
public:
    turn(stream_ptr stream, operation_ptr const& op) : stream_(std::move(stream))
    {
        std::lock_guard const lock(stream_->mutex_);
        if (!stream_->desk->open(*op))
            throw error(errc::already_running, about_next(stream_->topic));
        if (!stream_->closed_)
            return;
        stream_->desk->leave();
        throw error(errc::closed, about_next(stream_->topic), "the stream is closed");
    }
    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;
    ~turn() { stream_->desk->leave(); }

private:
    stream_ptr const stream_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
