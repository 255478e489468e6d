// What record_stream.hpp declares.
#ifndef HDIKAFKA_DETAIL_STREAM_HANDLE_HPP
#define HDIKAFKA_DETAIL_STREAM_HANDLE_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/detail/stream/all_partitions.hpp>
#include <hdikafka/record_stream.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

/// What the user holds: with the last handle, and the last next(), the reads ahead end.
template <class = void>
stream_ptr stream_handle(std::shared_ptr<stream_state<>> state)
{
    auto* const bare = state.get();
    return stream_ptr(bare, [kept = std::move(state)](stream_state<>*) { kept->stop(); });
}

} // namespace detail

template <class Lazy>
basic_record_stream<Lazy>::basic_record_stream(detail::client_ptr owner, std::string topic,
                                               std::optional<std::int32_t> partition, consume_options options)
    : state_(detail::stream_handle<Lazy>(std::make_shared<detail::stream_state<Lazy>>(
          std::move(owner), std::move(topic), partition, options)))
{}

template <class Lazy>
net::awaitable<std::optional<record_batch>> basic_record_stream<Lazy>::next(call_options options)
{
    return detail::next_batch<Lazy>(state_, std::move(options));
}

template <class Lazy>
net::awaitable<std::optional<shared_record>> basic_record_stream<Lazy>::next_record(call_options options)
{
    return detail::next_record<Lazy>(state_, std::move(options));
}

template <class Lazy>
std::int64_t basic_record_stream<Lazy>::position() const
{
    auto const all = state_->positions();
    return state_->single ? all.begin()->second : -1;
}

template <class Lazy>
std::map<std::int32_t, std::int64_t> basic_record_stream<Lazy>::positions() const
{
    return state_->positions();
}

template <class Lazy>
bool basic_record_stream<Lazy>::caught_up() const
{
    return state_->caught_up();
}

template <class Lazy>
net::awaitable<std::int64_t> basic_record_stream<Lazy>::lag(call_options options) const
{
    return detail::stream_lag<Lazy>(state_, std::move(options));
}

template <class Lazy>
net::awaitable<std::map<std::int32_t, std::int64_t>>
basic_record_stream<Lazy>::lags(call_options options) const
{
    return detail::stream_lags<Lazy>(state_, std::move(options));
}

template <class Lazy>
void basic_record_stream<Lazy>::pause(std::int32_t partition)
{
    if (!state_->pause(partition, true))
        throw error(errc::invalid_partition, state_->about(), "the stream knows no such partition");
}

template <class Lazy>
void basic_record_stream<Lazy>::resume(std::int32_t partition)
{
    if (!state_->pause(partition, false))
        throw error(errc::invalid_partition, state_->about(), "the stream knows no such partition");
}

template <class Lazy>
net::awaitable<void> basic_record_stream<Lazy>::commit(record_batch batch)
{
    return detail::commit_batch<Lazy>(state_, std::move(batch));
}

template <class Lazy>
net::awaitable<void> basic_record_stream<Lazy>::commit(shared_record record)
{
    return detail::commit_one<Lazy>(state_, std::move(record));
}

template <class Lazy>
void basic_record_stream<Lazy>::close()
{
    state_->close();
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, std::int32_t partition,
                                          consume_options options) const
{
    return record_stream(core_, std::move(topic), partition, std::move(options));
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, consume_options options) const
{
    return record_stream(core_, std::move(topic), std::nullopt, std::move(options));
}

} // namespace hdikafka::inline v0_1

#endif
