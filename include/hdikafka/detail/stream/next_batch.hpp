// A next(): has everything begun that is due, and takes the batch of the partition whose turn it is.
#ifndef HDIKAFKA_DETAIL_STREAM_NEXT_BATCH_HPP
#define HDIKAFKA_DETAIL_STREAM_NEXT_BATCH_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/followers.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/stream_state.hpp>
#include <hdikafka/result.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// One next(). What it begins is the stream's: its own end ends none of that.
template <class Lazy>
class next_batch
{
public:
    next_batch(operation_ptr op, stream_ptr stream, call_options options)
        : op_(std::move(op)), stream_(std::move(stream)), options_(std::move(options))
    {}

    /// The batch; an empty one at the end.
    task run(held_batch& out)
    {
        for (;;) {
            begin_what_is_due();
            auto turn = stream_->take_turn();
            bool const nothing = turn && turn.value().records.empty();
            if (nothing && stream_->stands_still()) {
                if (stream_->desk->favour())
                    continue;
                turn = stream_->take_turn(true);
            }
            if (!turn)
                co_return turn.error();
            out = std::move(turn).value();
            if (!out.records.empty() || stream_->finished()) {
                begin_what_has_room();
                co_return result<void>();
            }
            bool const going_on = co_await op_->park(stream_->wake_at());
            if (!going_on)
                co_return interruption(*op_, about_next(stream_->topic, options_));
        }
    }

private:
    void begin_what_is_due()
    {
        transport<> const& http = *stream_->owner->http();
        if (stream_->begins_scouting()) {
            try {
                stream_->scouts.start(http.make_operation(stream_->owner->deadline(std::nullopt)),
                                      std::make_unique<scout<Lazy>>(stream_->shared_from_this(), options_),
                                      http.background());
            } catch (...) {
                stream_->scouted(true, std::nullopt, {});
                throw;
            }
        }
        follow(stream_->to_follow(false));
        begin_what_has_room();
    }

    /// What was handed over has made room for others.
    void begin_what_has_room()
    {
        for (auto admitted = stream_->to_follow(true); !admitted.empty(); admitted = stream_->to_follow(true))
            follow(admitted);
    }

    /// Has these plans followed, which count as such already: without memory for that they do not.
    void follow(std::vector<partition_ptr> const& readers)
    {
        auto next = readers.begin();
        try {
            for (; next != readers.end(); ++next)
                (*next)->start(
                    stream_->owner->http()->make_operation(steady_clock::time_point::max()),
                    std::make_unique<follower<Lazy>>(stream_->shared_from_this(), *next, options_));
        } catch (...) {
            for (; next != readers.end(); ++next)
                stream_->followed((*next)->partition(), true, std::nullopt);
            throw;
        }
    }

    operation_ptr const op_;
    stream_ptr const stream_;
    call_options const options_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
