// The client's operations: the call, and how its answer is read. Layer: what users see, behind client.
#ifndef HDIKAFKA_DETAIL_CLIENT_CALLS_HPP
#define HDIKAFKA_DETAIL_CLIENT_CALLS_HPP

#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/batch_parser.hpp>
#include <hdikafka/detail/rest_calls.hpp>
#include <hdikafka/detail/rest_response.hpp>
#include <hdikafka/detail/session.hpp>
#include <hdikafka/options.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/topic.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

using session_ptr = std::shared_ptr<session>;

inline std::string_view content_type(http_response const& response)
{
    return response.field("content-type").value_or(std::string_view());
}

/// An answer's body as `T`, read by `parse(body)`; a failure names the call.
template <class T, class Parse>
result<T> read_answer(call_answer answer, Parse parse)
{
    result<T> parsed = parse(answer.response);
    if (!parsed)
        return std::move(answer).unreadable(parsed.error());
    return parsed;
}

inline result<record_batch> read_batch(call_answer answer, batch_request const& asked)
{
    return read_answer<record_batch>(std::move(answer), [&asked](http_response& response) {
        auto const next_offset = response.field("nextoffset");
        return parse_batch(std::move(response.body), next_offset, asked);
    });
}

inline result<partition_info> read_partition_answer(call_answer answer)
{
    return read_answer<partition_info>(
        std::move(answer), [](http_response& response) { return parse_partition(response.body_text()); });
}

inline net::awaitable<std::vector<broker>> brokers(session_ptr owner, call_options options)
{
    auto spec = rest_calls(*owner, "brokers", options).brokers();
    return perform<std::vector<broker>>(
        std::move(owner), std::move(options), std::move(spec), [](call_answer answer) {
            return read_answer<std::vector<broker>>(std::move(answer), [](http_response& response) {
                return parse_brokers(response.body_text());
            });
        });
}

inline net::awaitable<std::vector<std::string>> topics(session_ptr owner, call_options options)
{
    auto spec = rest_calls(*owner, "topics", options).topics();
    return perform<std::vector<std::string>>(
        std::move(owner), std::move(options), std::move(spec), [](call_answer answer) {
            return read_answer<std::vector<std::string>>(std::move(answer), [](http_response& response) {
                return parse_topics(response.body_text());
            });
        });
}

inline net::awaitable<std::vector<partition_info>> partitions(session_ptr owner, std::string topic,
                                                              call_options options)
{
    auto spec = rest_calls(*owner, "partitions", options).partitions(topic);
    return perform<std::vector<partition_info>>(
        std::move(owner), std::move(options), std::move(spec), [](call_answer answer) {
            return read_answer<std::vector<partition_info>>(std::move(answer), [](http_response& response) {
                return parse_partitions(response.body_text());
            });
        });
}

inline net::awaitable<partition_info> partition(session_ptr owner, std::string topic, std::int32_t id,
                                                call_options options)
{
    auto spec = rest_calls(*owner, "partition", options).partition(topic, id);
    return perform<partition_info>(std::move(owner), std::move(options), std::move(spec),
                                   &read_partition_answer);
}

inline net::awaitable<record_batch> fetch(session_ptr owner, std::string topic, batch_request asked,
                                          call_options options)
{
    auto spec = rest_calls(*owner, "fetch", options).fetch(topic, asked);
    return perform<record_batch>(
        std::move(owner), std::move(options), std::move(spec),
        [asked](call_answer answer) { return read_batch(std::move(answer), asked); });
}

inline net::awaitable<receipt> produce(session_ptr owner, std::string topic, records list,
                                       call_options options)
{
    auto spec = rest_calls(*owner, "produce", options).produce(topic, list);
    return perform<receipt>(
        std::move(owner), std::move(options), std::move(spec), [count = list.size()](call_answer answer) {
            diagnostics const about = answer.info;
            return read_answer<receipt>(std::move(answer), [count, &about](http_response& response) {
                return parse_receipt(response.body_text(), content_type(response), count, about);
            });
        });
}

/// Whether a creation or deletion was carried out, by this attempt or an earlier one.
inline result<bool> read_acknowledgement(call_answer answer)
{
    if (answer.settled)
        return true;
    return read_answer<bool>(std::move(answer), [](http_response& response) -> result<bool> {
        auto acknowledged = parse_acknowledgement(response.body_text(), content_type(response));
        if (!acknowledged)
            return acknowledged.error();
        return true;
    });
}

inline net::awaitable<void> delete_topic(session_ptr owner, std::string topic, call_options options)
{
    auto spec = rest_calls(*owner, "delete_topic", options).remove(topic);
    co_await perform<bool>(std::move(owner), std::move(options), std::move(spec), &read_acknowledgement);
}

/// Whether a topic that an earlier attempt may have created has the partitions asked for. Asks until
/// metadata shows it. Runs on the operation's strand.
inline net::awaitable<result<void>> check_creation(operation_ptr op, session_ptr owner, diagnostics about,
                                                   std::int32_t wanted)
{
    call_options options;
    options.request_id(about.request_id);
    milliseconds pause(100);
    constexpr milliseconds longest_pause(5'000);
    for (;;) {
        auto spec = rest_calls(*owner, about.operation, options).partitions(about.topic);
        if (!spec)
            co_return spec.error();
        auto answer = co_await call(op, owner->http(), std::move(spec).value());
        if (answer) {
            auto const found = parse_partitions(answer.value().response.body_text());
            if (!found)
                co_return std::move(answer).value().unreadable(found.error());
            if (found.value().size() == static_cast<std::size_t>(wanted))
                co_return result<void>();
            co_return error(errc::already_exists, std::move(about),
                            "the topic exists with " + std::to_string(found.value().size()) + " partitions");
        }
        if (answer.error().code() != errc::not_found)
            co_return answer.error();
        bool const in_time = co_await op->rest(steady_clock::now() + pause);
        if (!in_time)
            co_return error(op->stopped(), std::move(about), "the topic does not show yet");
        pause = std::min(pause * 2, longest_pause);
    }
}

/// Runs on the operation's strand.
inline net::awaitable<result<bool>> create_and_check(operation_ptr op, session_ptr owner, call_spec spec,
                                                     std::optional<std::int32_t> partition_count)
{
    diagnostics about = spec.info;
    auto answer = co_await call(op, owner->http(), std::move(spec));
    if (!answer)
        co_return answer.error();
    if (answer.value().settled && partition_count) {
        auto const checked = co_await check_creation(op, owner, std::move(about), *partition_count);
        if (!checked)
            co_return checked.error();
        co_return true;
    }
    co_return read_acknowledgement(std::move(answer).value());
}

inline net::awaitable<void> create_topic(session_ptr owner, std::string topic, topic_config config,
                                         call_options options)
{
    auto prepared = rest_calls(*owner, "create_topic", options).create(topic, config);
    call_spec spec = std::move(prepared).value();
    diagnostics about = spec.info;
    auto const op = owner->make_operation(owner->deadline(options));
    auto work = create_and_check(op, owner, std::move(spec), config.partition_count());
    co_await run_call(owner, op, std::move(about), std::move(work));
}

/// Asks until the topic shows. Runs on the operation's strand.
inline net::awaitable<result<bool>> look_for_topic(operation_ptr op, session_ptr owner, std::string topic,
                                                   call_options options)
{
    milliseconds pause(100);
    constexpr milliseconds longest_pause(5'000);
    for (;;) {
        auto spec = rest_calls(*owner, "wait_for_topic", options).topics();
        if (!spec) {
            diagnostics unsent = spec.error().info();
            unsent.topic = topic;
            co_return error(spec.error().code(), std::move(unsent), spec.error().cause());
        }
        call_spec one = std::move(spec).value();
        one.info.topic = topic;
        diagnostics about = one.info;
        auto answer = co_await call(op, owner->http(), std::move(one));
        if (!answer)
            co_return answer.error();
        auto const parsed = parse_topics(answer.value().response.body_text());
        if (!parsed)
            co_return std::move(answer).value().unreadable(parsed.error());
        if (std::ranges::find(parsed.value(), topic) != parsed.value().end())
            co_return true;
        bool const in_time = co_await op->rest(steady_clock::now() + pause);
        if (!in_time)
            co_return error(op->stopped(), std::move(about), "the topic does not show yet");
        pause = std::min(pause * 2, longest_pause);
    }
}

inline net::awaitable<void> wait_for_topic(session_ptr owner, std::string topic, call_options options)
{
    diagnostics about;
    about.operation = "wait_for_topic";
    about.topic = topic;
    auto const checked = check_topic(topic);
    if (!checked)
        throw error(checked.error().code(), std::move(about), checked.error().cause());
    auto const op = owner->make_operation(owner->deadline(options));
    auto work = look_for_topic(op, owner, std::move(topic), std::move(options));
    co_await run_call(owner, op, std::move(about), std::move(work));
}

} // namespace hdikafka::inline v0_1::detail

#endif
