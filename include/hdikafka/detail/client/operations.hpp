// The client's operations.
#ifndef HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP
#define HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP

#include <hdikafka/client.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/client/topic_wait_plan.hpp>
#include <hdikafka/detail/client/unanswered.hpp>
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

/// status(), for run_call(). Whether a proxy wants a token for it is not written anywhere: one that refuses
/// to answer without is asked again with one, if there is one.
template <class Lazy>
class status_query
{
public:
    status_query(client_core<>& owner, call_options options)
        : options_(std::move(options)), request_(rest_calls<Lazy>(owner, "status", options_).status(true))
    {}

    call_label const& label() const { return request_.value()->info; }

    task begin(operation_ptr op, client_ptr owner, call_answer& answer)
    {
        auto outcome = co_await call<Lazy>(op, owner->http(), *request_.value(), answer);
        bool const refused = !outcome && (outcome.error().code() == errc::unauthorized ||
                                          outcome.error().code() == errc::forbidden);
        if (!refused || !owner->options().credential())
            co_return outcome;
        auto again = rest_calls<Lazy>(*owner, "status", options_).status(false);
        outcome = co_await call<Lazy>(op, owner->http(), *again.value(), answer);
        co_return outcome;
    }

    std::string read(call_answer& answer) const { return read_answer(parse_status<Lazy>, answer).value(); }

private:
    call_options options_;
    result<call_request_ptr> request_;
};

/// produce(), for run_call().
template <class Lazy>
class production
{
public:
    production(result<call_request_ptr>&& request, std::size_t count)
        : request_(std::move(request)), count_(count)
    {}

    call_label const& label() const { return request_.value()->info; }
    task begin(operation_ptr const& op, client_ptr const& owner, call_answer& answer)
    {
        call_request& spec = *request_.value();
        silence_.begin(op, owner, spec);
        return call<Lazy>(op, owner->http(), spec, answer);
    }
    receipt read(call_answer& answer) const { return read_receipt<Lazy>(answer, count_).value(); }

private:
    result<call_request_ptr> request_;
    std::size_t count_;
    silence_watch<Lazy> silence_;
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
        std::string const topic = label().topic;
        auto outcome = co_await call<Lazy>(op, owner->http(), *request_.value(), answer);
        if (outcome && answer.settled && partitions_)
            outcome = co_await look(op, owner, answer.info);
        else if (outcome)
            outcome = read_acknowledgement<Lazy>(answer);
        if (outcome || outcome.error().code() == errc::already_exists)
            owner->seen().add(topic, steady_clock::now());
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
        while (!plan_.done()) {
            auto const pause = plan_.pause();
            if (looked_ && pause != milliseconds(0)) {
                bool const in_time = co_await op->rest(steady_clock::now() + pause);
                if (!in_time)
                    co_return error(op->stopped(), about_.describe(), plan_.missing());
            }
            auto const looked = co_await look(op, owner);
            if (!looked && looked_ && op->stopped() == errc::timed_out)
                co_return error(op->stopped(), looked.error().info(),
                                looked.error().cause() + "; " + plan_.missing());
            if (!looked)
                co_return looked;
            looked_ = true;
        }
        owner->seen().add(about_.topic, steady_clock::now());
        co_return result<void>();
    }

    void read(call_answer&) const noexcept {}

private:
    task look(operation_ptr op, client_ptr owner)
    {
        rest_calls<Lazy> first(*owner, about_.operation, options_);
        auto listing = first.topics(about_.topic);
        if (listing)
            listing.value()->fresh = plan_.goes_elsewhere();
        std::vector<std::string> topics;
        auto outcome = co_await ask(op, owner, std::move(listing), &parse_topics<Lazy>, topics);
        if (!outcome)
            co_return outcome;
        if (std::ranges::find(topics, about_.topic) == topics.end()) {
            plan_.missed();
            co_return outcome;
        }
        // Not asked for before: a service may look long, or in vain, for a topic that it does not know.
        auto details = rest_calls<Lazy>(*owner, about_.operation, options_).partitions(about_.topic);
        if (details)
            details.value()->topic_exists = false; // how long to wait for it is decided here
        std::vector<partition_info> partitions;
        auto const told = co_await ask(op, owner, std::move(details), &parse_partitions<Lazy>, partitions);
        if (!told && told.error().code() != errc::not_found)
            co_return told;
        if (told)
            plan_.saw(partitions);
        else
            plan_.missed();
        co_return outcome;
    }

    call_label about_;
    call_options options_;
    topic_wait_plan plan_;
    bool looked_ = false;
};

} // namespace detail

template <class Lazy>
net::awaitable<std::string> basic_client<Lazy>::status(call_options options) const
{
    (void)core_->identify(options);
    auto const limit = options.timeout();
    return detail::run_call(core_, limit, detail::status_query<Lazy>(*core_, std::move(options)));
}

template <class Lazy>
net::awaitable<receipt> basic_client<Lazy>::produce(std::string topic, records list,
                                                    call_options options) const
{
    auto request = detail::rest_calls<Lazy>(*core_, "produce", options).produce(std::move(topic), list);
    return detail::run_call(core_, options.timeout(),
                            detail::production<Lazy>(std::move(request), list.size()));
}

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
