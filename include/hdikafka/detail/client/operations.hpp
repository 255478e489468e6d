// The client's operations.
#ifndef HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP
#define HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/run/task.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

template <class Lazy>
basic_client<Lazy>::basic_client(net::any_io_executor executor, client_options options)
    : core_(std::make_shared<detail::client_core<Lazy>>(std::move(executor), std::move(options)))
{}

template <class Lazy>
void basic_client<Lazy>::close() const
{
    core_->close();
}

template <class Lazy>
net::awaitable<std::vector<broker>> basic_client<Lazy>::brokers(call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "brokers", options).brokers();
    return detail::perform(core_, options.timeout(), std::move(request), &detail::parse_brokers<Lazy>);
}

template <class Lazy>
net::awaitable<std::vector<std::string>> basic_client<Lazy>::topics(call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "topics", options).topics();
    return detail::perform(core_, options.timeout(), std::move(request), &detail::parse_topics<Lazy>);
}

template <class Lazy>
net::awaitable<std::vector<partition_info>> basic_client<Lazy>::partitions(std::string topic,
                                                                           call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "partitions", options).partitions(std::move(topic));
    return detail::perform(core_, options.timeout(), std::move(request), &detail::parse_partitions<Lazy>);
}

template <class Lazy>
net::awaitable<partition_info> basic_client<Lazy>::partition(std::string topic, std::int32_t id,
                                                             call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "partition", options).partition(std::move(topic), id);
    return detail::perform(core_, options.timeout(), std::move(request), &detail::parse_partition<Lazy>);
}

template <class Lazy>
net::awaitable<receipt> basic_client<Lazy>::produce(std::string topic, records list,
                                                    call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "produce", options).produce(std::move(topic), list);
    return detail::perform(
        core_, options.timeout(), std::move(request),
        [count = list.size()](detail::call_answer& answer) { return detail::read_receipt(answer, count); });
}

template <class Lazy>
net::awaitable<record_batch> basic_client<Lazy>::fetch(std::string topic, std::int32_t partition,
                                                       std::int64_t offset, std::int32_t count,
                                                       call_options options) const
{
    detail::batch_request const asked(partition, offset, count);
    auto request = detail::rest_calls<Lazy>(*core_, "fetch", options).fetch(std::move(topic), asked);
    return detail::perform(
        core_, options.timeout(), std::move(request),
        [asked](detail::call_answer& answer) { return detail::read_batch(answer, asked); });
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::delete_topic(std::string topic, call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "delete_topic", options).remove(std::move(topic));
    return detail::perform(core_, options.timeout(), std::move(request), &detail::read_acknowledgement<Lazy>);
}

namespace detail {

/// How long to wait for the proxy's cached metadata before looking at it again.
class metadata_pause
{
public:
    milliseconds next() noexcept { return std::exchange(pause_, std::min(pause_ * 2, longest)); }

private:
    static constexpr milliseconds longest{5'000};
    milliseconds pause_{100};
};

/// create_topic(), for run_call(). A topic that an earlier attempt may have created is looked at.
template <class Lazy>
class topic_creation
{
public:
    topic_creation(result<call_request_ptr>&& request, std::optional<std::int32_t> partitions)
        : request_(std::move(request)), partitions_(partitions)
    {}

    call_label const& label() const { return request_.value()->info; }

    task begin(operation_ptr op, client_ptr owner, call_answer& answer)
    {
        auto outcome = co_await call<Lazy>(op, owner->http(), *request_.value(), answer);
        if (!outcome)
            co_return outcome;
        if (answer.settled && partitions_)
            outcome = co_await look(op, owner, answer.info);
        else
            outcome = read_acknowledgement<Lazy>(answer);
        co_return outcome;
    }

    void read(call_answer&) const noexcept {}

private:
    /// Whether it has the partitions asked for; as soon as metadata shows it.
    task look(operation_ptr op, client_ptr owner, call_label about)
    {
        call_options options;
        options.request_id(about.request_id);
        for (metadata_pause pause;;) {
            auto request = rest_calls<Lazy>(*owner, about.operation, options).partitions(about.topic);
            std::vector<partition_info> found;
            auto const asked = co_await ask(op, owner, std::move(request), &parse_partitions<Lazy>, found);
            if (asked && found.size() == static_cast<std::size_t>(*partitions_))
                co_return asked;
            if (asked)
                co_return error(errc::already_exists, about.describe(),
                                "the topic exists with " + std::to_string(found.size()) + " partitions");
            if (asked.error().code() != errc::not_found)
                co_return asked;
            bool const in_time = co_await op->rest(steady_clock::now() + pause.next());
            if (!in_time)
                co_return error(op->stopped(), about.describe(), "the topic does not show yet");
        }
    }

    result<call_request_ptr> request_;
    std::optional<std::int32_t> partitions_;
};

/// wait_for_topic(), for run_call().
template <class Lazy>
class topic_wait
{
public:
    topic_wait(call_label about, call_options options)
        : about_(std::move(about)), options_(std::move(options))
    {}

    call_label const& label() const
    {
        auto const checked = check_topic(about_.topic);
        if (!checked)
            throw error(checked.error().code(), about_.describe(), checked.error().cause());
        return about_;
    }

    task begin(operation_ptr op, client_ptr owner, call_answer&)
    {
        for (metadata_pause pause;;) {
            auto request = rest_calls<Lazy>(*owner, about_.operation, options_).topics(about_.topic);
            std::vector<std::string> found;
            auto const asked = co_await ask(op, owner, std::move(request), &parse_topics<Lazy>, found);
            if (!asked || std::ranges::find(found, about_.topic) != found.end())
                co_return asked;
            bool const in_time = co_await op->rest(steady_clock::now() + pause.next());
            if (!in_time)
                co_return error(op->stopped(), about_.describe(), "the topic does not show yet");
        }
    }

    void read(call_answer&) const noexcept {}

private:
    call_label about_;
    call_options options_;
};

} // namespace detail

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::create_topic(std::string topic, topic_config config,
                                                      call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "create_topic", options).create(std::move(topic), config);
    return detail::run_call(core_, options.timeout(),
                            detail::topic_creation<Lazy>(std::move(request), config.partition_count()));
}

template <class Lazy>
net::awaitable<void> basic_client<Lazy>::wait_for_topic(std::string topic, milliseconds timeout,
                                                        call_options options) const
{
    detail::call_label about("wait_for_topic", std::move(topic));
    about.request_id = core_->identify(options);
    return detail::run_call(core_, timeout, detail::topic_wait<Lazy>(std::move(about), std::move(options)));
}

} // namespace hdikafka::inline v0_1

#endif
