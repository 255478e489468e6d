// The children of a stream: what a next() has begun goes on for the one after it.
#ifndef HDIKAFKA_DETAIL_STREAM_FOLLOWERS_HPP
#define HDIKAFKA_DETAIL_STREAM_FOLLOWERS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/run/children.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/detail/stream/partition_reader.hpp>
#include <hdikafka/detail/stream/read_ahead.hpp>
#include <hdikafka/detail/stream/stream_state.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/result.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Not the handle that ends the stream with its last copy.
template <class Lazy>
using shared_state = std::shared_ptr<stream_state<Lazy>>;

/// Whether that was no end of its own: somebody closed or paused the stream, or closed the client.
template <class Lazy>
bool given_up(operation<> const& op, result<void> const& outcome)
{
    bool const closed = !outcome && outcome.error().code() == errc::closed;
    return closed || (op.stopped() && op.stopped() != errc::timed_out);
}

/// Follows the plan of one of a stream's readers.
template <class Lazy>
class follower final : public child<Lazy>
{
public:
    follower(shared_state<Lazy> stream, partition_ptr reader, call_options options)
        : stream_(std::move(stream)), reader_(std::move(reader)), options_(std::move(options))
    {}

    task run(operation_ptr op) override { return reader_->follow(op, options_); }

    void ended(result<void> const& outcome) noexcept override
    {
        bool const cut_short = given_up<Lazy>(this->by(), outcome);
        std::optional<error> failure;
        if (!cut_short && !outcome)
            failure = outcome.error();
        stream_->followed(reader_->partition(), cut_short, std::move(failure));
    }

private:
    shared_state<Lazy> const stream_;
    partition_ptr const reader_;
    call_options const options_;
};

/// Asks which partitions there are.
template <class Lazy>
class scout final : public child<Lazy>
{
public:
    scout(shared_state<Lazy> stream, call_options options)
        : stream_(std::move(stream)), options_(std::move(options))
    {}

    task run(operation_ptr op) override
    {
        auto request = rest_calls<Lazy>(*stream_->owner, "consume", options_).partitions(stream_->topic);
        return ask(op, stream_->owner, std::move(request), &parse_partitions<Lazy>, seen_);
    }

    void ended(result<void> const& outcome) noexcept override
    {
        std::optional<error> failure;
        if (!outcome)
            failure = outcome.error();
        bool const cut_short = given_up<Lazy>(this->by(), outcome);
        stream_->scouted(cut_short, std::move(failure), seen_);
    }

private:
    shared_state<Lazy> const stream_;
    call_options const options_;
    std::vector<partition_info> seen_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
