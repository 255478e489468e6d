// What client.hpp declares.
#ifndef HDIKAFKA_DETAIL_CLIENT_HANDLE_HPP
#define HDIKAFKA_DETAIL_CLIENT_HANDLE_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/operations.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1 {

template <class Lazy>
basic_client<Lazy>::basic_client(net::any_io_executor executor, client_options options)
    : core_(std::make_shared<detail::client_core<Lazy>>(std::move(executor), std::move(options)))
{}

template <class Lazy>
net::awaitable<std::vector<broker>> basic_client<Lazy>::brokers(call_options options) const
{
    return detail::brokers<Lazy>(core_, std::move(options));
}

template <class Lazy>
net::awaitable<std::vector<std::string>> basic_client<Lazy>::topics(call_options options) const
{
    return detail::topics<Lazy>(core_, std::move(options));
}

template <class Lazy>
net::awaitable<std::vector<partition_info>> basic_client<Lazy>::partitions(std::string topic,
                                                                           call_options options) const
{
    return detail::partitions<Lazy>(core_, std::move(topic), std::move(options));
}

template <class Lazy>
net::awaitable<partition_info> basic_client<Lazy>::partition(std::string topic, std::int32_t id,
                                                             call_options options) const
{
    return detail::partition<Lazy>(core_, std::move(topic), id, std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::create_topic(std::string topic, topic_config config,
                                                      call_options options) const
{
    return detail::create_topic<Lazy>(core_, std::move(topic), std::move(config), std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::delete_topic(std::string topic, call_options options) const
{
    return detail::delete_topic<Lazy>(core_, std::move(topic), std::move(options));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::wait_for_topic(std::string topic, milliseconds timeout,
                                                        call_options options) const
{
    return detail::wait_for_topic<Lazy>(core_, std::move(topic), options.timeout(timeout));
}

template <class Lazy>
net::awaitable<receipt> basic_client<Lazy>::produce(std::string topic, records list,
                                                    call_options options) const
{
    return detail::produce<Lazy>(core_, std::move(topic), std::move(list), std::move(options));
}

template <class Lazy>
net::awaitable<record_batch> basic_client<Lazy>::fetch(std::string topic, std::int32_t partition,
                                                       std::int64_t offset, std::int32_t count,
                                                       call_options options) const
{
    return detail::fetch<Lazy>(core_, std::move(topic), detail::batch_request(partition, offset, count),
                               std::move(options));
}

template <class Lazy>
void basic_client<Lazy>::close() const
{
    core_->close();
}

} // namespace hdikafka::inline v0_1

#endif
