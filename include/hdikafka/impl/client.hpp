// What client.hpp declares. Layer: what users see.
#ifndef HDIKAFKA_IMPL_CLIENT_HPP
#define HDIKAFKA_IMPL_CLIENT_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/detail/client_calls.hpp>
#include <hdikafka/detail/session.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1 {

template <class Lazy>
basic_client<Lazy>::basic_client(net::any_io_executor executor, client_options options)
    : session_(std::make_shared<detail::session<Lazy>>(std::move(executor), std::move(options)))
{}

template <class Lazy>
net::awaitable<std::vector<broker>> basic_client<Lazy>::brokers(call_options options) const
{
    return detail::brokers<Lazy>(session_, std::move(options));
}

template <class Lazy>
net::awaitable<std::vector<std::string>> basic_client<Lazy>::topics(call_options options) const
{
    return detail::topics<Lazy>(session_, std::move(options));
}

template <class Lazy>
net::awaitable<std::vector<partition_info>> basic_client<Lazy>::partitions(std::string topic,
                                                                           call_options options) const
{
    return detail::partitions<Lazy>(session_, std::move(topic), std::move(options));
}

template <class Lazy>
net::awaitable<partition_info> basic_client<Lazy>::partition(std::string topic, std::int32_t id,
                                                             call_options options) const
{
    return detail::partition<Lazy>(session_, std::move(topic), id, std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::create_topic(std::string topic, topic_config config,
                                                      call_options options) const
{
    return detail::create_topic<Lazy>(session_, std::move(topic), std::move(config), std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::delete_topic(std::string topic, call_options options) const
{
    return detail::delete_topic<Lazy>(session_, std::move(topic), std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::wait_for_topic(std::string topic, milliseconds timeout,
                                                        call_options options) const
{
    return detail::wait_for_topic<Lazy>(session_, std::move(topic), options.timeout(timeout));
}

template <class Lazy>
net::awaitable<receipt> basic_client<Lazy>::produce(std::string topic, records list,
                                                    call_options options) const
{
    return detail::produce<Lazy>(session_, std::move(topic), std::move(list), std::move(options));
}

template <class Lazy>
net::awaitable<record_batch> basic_client<Lazy>::fetch(std::string topic, std::int32_t partition,
                                                       std::int64_t offset, std::int32_t count,
                                                       call_options options) const
{
    return detail::fetch<Lazy>(session_, std::move(topic), detail::batch_request(partition, offset, count),
                               std::move(options));
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, std::int32_t partition,
                                          consume_options options) const
{
    return record_stream(session_, std::move(topic), partition, std::move(options));
}

template <class Lazy>
record_stream basic_client<Lazy>::consume(std::string topic, consume_options options) const
{
    return record_stream(session_, std::move(topic), std::nullopt, std::move(options));
}

template <class Lazy>
void basic_client<Lazy>::close() const
{
    session_->close();
}

} // namespace hdikafka::inline v0_1

#endif
