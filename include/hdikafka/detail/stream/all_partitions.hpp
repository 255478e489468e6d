// The next() of a stream over all partitions: their readers are followed at the same time, and hand over in
// turn.
#ifndef HDIKAFKA_DETAIL_STREAM_ALL_PARTITIONS_HPP
#define HDIKAFKA_DETAIL_STREAM_ALL_PARTITIONS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/stream_state.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/record_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Follows the plan of one of a stream's readers, for a next() that may end before it does.
template <class Lazy>
class follower final : public child<Lazy>
{
public:
    follower(stream_ptr stream, partition_ptr reader, call_options options)
        : stream_(std::move(stream)), reader_(std::move(reader)), options_(std::move(options))
    {}

    task run(operation_ptr op) override
    {
        due_ = op->deadline(); // of next(); a single request may have an earlier one
        return reader_->follow(op, options_);
    }

    void ended(result<void> const& outcome) noexcept override
    {
        bool const tells = !given_up(outcome);
        stream_->with_parts([&](auto& parts) {
            stream_part& part = parts.at(reader_->partition());
            part.followed = false;
            if (tells)
                part.ended(outcome ? std::nullopt : std::optional(outcome.error()));
            else
                part.look();
        });
        stream_->wake();
    }

private:
    /// Nothing is known then that was not known before.
    bool given_up(result<void> const& outcome) const
    {
        if (steady_clock::now() >= due_ || (!outcome && outcome.error().code() == errc::closed))
            return true;
        return this->by().stopped() && this->by().stopped() != errc::timed_out;
    }

    stream_ptr const stream_;
    partition_ptr const reader_;
    call_options const options_;
    steady_clock::time_point due_;
};

/// One next().
template <class Lazy>
class all_partitions
{
public:
    all_partitions(operation_ptr op, stream_ptr stream, call_options options)
        : op_(std::move(op)), stream_(std::move(stream)), options_(std::move(options))
    {}

    task next(record_batch& batch)
    {
        auto const due = op_->deadline();
        for (;;) {
            bool const fixed = stream_->options.until() && stream_->refresh_at != steady_clock::time_point();
            if (!fixed && steady_clock::now() >= stream_->refresh_at) {
                op_->deadline(std::min(due, steady_clock::now() + stream_->owner->options().total_timeout()));
                auto const looked = co_await look_for_partitions();
                op_->deadline(due);
                if (!looked)
                    co_return looked;
            }
            auto next = take_turn();
            if (!next)
                co_return next.error();
            batch = std::move(next).value();
            if (!batch.empty() || all_finished())
                co_return result<void>();
            start_followers();
            auto const until = fixed ? due : std::min(due, stream_->refresh_at);
            bool const going_on = co_await op_->park(until);
            if (!going_on)
                co_return interruption(*op_, about_next(stream_->topic, options_));
        }
    }

private:
    task look_for_partitions()
    {
        auto request = rest_calls<Lazy>(*stream_->owner, "consume", options_).partitions(stream_->topic);
        std::vector<partition_info> seen;
        auto const asked =
            co_await ask(op_, stream_->owner, std::move(request), &parse_partitions<Lazy>, seen);
        if (!asked)
            co_return asked;
        stream_->add(seen);
        stream_->refresh_at =
            steady_clock::now() + std::min(stream_->options.refresh_partitions(), client_core<>::longest);
        co_return asked;
    }

    /// The next partition's batch, if there is one, or its failure: from the one behind the last on, so that
    /// none is passed over for long.
    result<record_batch> take_turn()
    {
        return stream_->with_parts([this](auto& parts) -> result<record_batch> {
            auto at = parts.upper_bound(stream_->last);
            for (std::size_t i = 0; i != parts.size(); ++i) {
                if (at == parts.end())
                    at = parts.begin();
                auto& [id, part] = *at++;
                if (part.followed || part.paused)
                    continue;
                stream_->last = id;
                if (part.failure)
                    return *std::exchange(part.failure, std::nullopt);
                if (part.reader->holds())
                    return part.hand_over();
            }
            return record_batch();
        });
    }

    bool all_finished()
    {
        return stream_->with_parts([](auto& parts) {
            return std::ranges::all_of(parts, [](auto const& part) { return part.second.finished; });
        });
    }

    /// Has each plan followed that somebody must follow.
    void start_followers()
    {
        std::vector<partition_ptr> due;
        stream_->with_parts([&](auto& parts) {
            for (auto& [id, part] : parts) {
                if (part.followed || part.finished || part.paused || part.failure || part.reader->holds())
                    continue;
                due.push_back(part.reader);
                part.followed = true;
            }
        });
        transport<> const& http = *stream_->owner->http();
        for (partition_ptr const& reader : due)
            stream_->followers.start(http.make_operation(op_->deadline()),
                                     std::make_unique<follower<Lazy>>(stream_, reader, options_),
                                     http.background());
    }

    operation_ptr const op_;
    stream_ptr const stream_;
    call_options const options_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
