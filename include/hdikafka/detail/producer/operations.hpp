// The functions of a producer and of a delivery, which users call.
#ifndef HDIKAFKA_DETAIL_PRODUCER_OPERATIONS_HPP
#define HDIKAFKA_DETAIL_PRODUCER_OPERATIONS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/client.hpp>
#include <hdikafka/detail/producer/courier.hpp>
#include <hdikafka/detail/producer/lane.hpp>
#include <hdikafka/detail/producer/producer.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/producer.hpp>
#include <hdikafka/producer_options.hpp>
#include <hdikafka/producer_statistics.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>

#include <memory>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

/// What the user holds: with the last handle the producer ends. What is under way holds the state itself.
template <class Lazy>
producer_ptr producer_handle(producer_ptr state)
{
    auto* const bare = state.get();
    return producer_ptr(
        bare, [kept = std::move(state)](producer_state<>*) { kept->give_up("the producer was destroyed"); });
}

} // namespace detail

template <class Lazy>
basic_delivery<Lazy>::basic_delivery(detail::producer_ptr from, detail::pending_ptr sent)
    : producer_(std::move(from)), sent_(std::move(sent))
{}

template <class Lazy>
net::awaitable<receipt> basic_delivery<Lazy>::receipt(call_options options) const
{
    return detail::producer_state<Lazy>::await_receipt(producer_, sent_, std::move(options));
}

template <class Lazy>
basic_producer<Lazy>::basic_producer(client with, producer_options options)
    : handle_(detail::producer_handle<Lazy>(
          std::make_shared<detail::producer_state<Lazy>>(std::move(with.core_), options)))
{}

template <class Lazy>
net::awaitable<receipt> basic_producer<Lazy>::send(std::string topic, record one, call_options options) const
{
    return detail::producer_state<Lazy>::send(handle_->shared_from_this(), std::move(topic), std::move(one),
                                              std::move(options));
}

template <class Lazy>
delivery basic_producer<Lazy>::try_send(std::string topic, record one) const
{
    auto sent = handle_->submit(std::move(topic), std::move(one), nullptr);
    return sent ? delivery(handle_->shared_from_this(), std::move(sent)) : delivery();
}

template <class Lazy>
net::awaitable<void> basic_producer<Lazy>::flush(call_options options) const
{
    return detail::producer_state<Lazy>::flush(handle_->shared_from_this(), std::move(options), false);
}

template <class Lazy>
net::awaitable<void> basic_producer<Lazy>::close(call_options options) const
{
    return detail::producer_state<Lazy>::flush(handle_->shared_from_this(), std::move(options), true);
}

template <class Lazy>
producer_statistics basic_producer<Lazy>::statistics() const
{
    return handle_->statistics();
}

} // namespace hdikafka::inline v0_1

#endif
