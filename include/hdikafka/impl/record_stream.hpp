// What record_stream.hpp declares. Layer: what users see.
#ifndef HDIKAFKA_IMPL_RECORD_STREAM_HPP
#define HDIKAFKA_IMPL_RECORD_STREAM_HPP

#include <hdikafka/detail/stream_reader.hpp>
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
    return stream_ptr(bare, [kept = std::move(state)](stream_state<>*) { kept->ahead.stop(); });
}

} // namespace detail

template <class Lazy>
basic_record_stream<Lazy>::basic_record_stream(detail::session_ptr owner, std::string topic,
                                               std::int32_t partition, consume_options options)
    : state_(detail::stream_handle<Lazy>(
          std::make_shared<detail::stream_state<>>(std::move(owner), std::move(topic), partition, options)))
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
    return state_->position();
}

template <class Lazy>
bool basic_record_stream<Lazy>::caught_up() const
{
    return state_->rest.empty() && state_->plan.caught_up();
}

template <class Lazy>
net::awaitable<std::int64_t> basic_record_stream<Lazy>::lag(call_options options) const
{
    return detail::stream_lag<Lazy>(state_, std::move(options));
}

template <class Lazy>
void basic_record_stream<Lazy>::close()
{
    state_->close();
}

} // namespace hdikafka::inline v0_1

#endif
