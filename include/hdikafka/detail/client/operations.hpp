// The client's operations: the call, and how its answer is read.
#ifndef HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP
#define HDIKAFKA_DETAIL_CLIENT_OPERATIONS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/client/rest_calls.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

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

inline std::string_view content_type(http_response const& response)
{
    return response.field("content-type").value_or(std::string_view());
}

/// An answer's body as `T`, read by `parse(body)`; a failure names the call.
template <class T, class Parse>
result<T> read_body(call_answer const& answer, Parse parse)
{
    result<T> parsed = parse(answer.response.body_text());
    if (!parsed)
        return answer.unreadable(parsed.error());
    return parsed;
}

template <class = void>
result<record_batch> read_batch(call_answer& answer, batch_request const& asked)
{
    auto const next_offset = answer.response.field("nextoffset");
    auto batch = parse_batch(std::move(answer.response.body), next_offset, asked);
    if (!batch)
        return answer.unreadable(batch.error());
    return batch;
}

template <class = void>
result<partition_info> read_partition_answer(call_answer const& answer)
{
    return read_body<partition_info>(answer, &parse_partition<>);
}

template <class = void>
result<std::vector<partition_info>> read_partitions_answer(call_answer const& answer)
{
    return read_body<std::vector<partition_info>>(answer, &parse_partitions<>);
}

template <class = void>
result<receipt> read_receipt(call_answer const& answer, std::size_t count)
{
    std::string_view const body = answer.response.body_text();
    std::string_view const type = content_type(answer.response);
    auto parsed = parse_receipt(body, type, count, diagnostics());
    if (!parsed)
        return answer.unreadable(parsed.error());
    // What is known of the call is put together only where a record's error is to tell it.
    if (parsed.value().has_error()) {
        diagnostics about = answer.describe();
        about.persisted(answer.repeated ? persistence::possibly : persistence::none);
        parsed = parse_receipt(body, type, count, about);
    }
    return parsed;
}

template <class = void>
net::awaitable<std::vector<broker>> brokers(client_ptr owner, call_options options)
{
    auto spec = rest_calls<>(*owner, "brokers", options).brokers();
    return perform<std::vector<broker>>(
        std::move(owner), options.timeout(), std::move(spec),
        [](call_answer& answer) { return read_body<std::vector<broker>>(answer, &parse_brokers<>); });
}

template <class = void>
net::awaitable<std::vector<std::string>> topics(client_ptr owner, call_options options)
{
    auto spec = rest_calls<>(*owner, "topics", options).topics();
    return perform<std::vector<std::string>>(
        std::move(owner), options.timeout(), std::move(spec),
        [](call_answer& answer) { return read_body<std::vector<std::string>>(answer, &parse_topics<>); });
}

template <class = void>
net::awaitable<std::vector<partition_info>> partitions(client_ptr owner, std::string topic,
                                                       call_options options)
{
    auto spec = rest_calls<>(*owner, "partitions", options).partitions(std::move(topic));
    return perform<std::vector<partition_info>>(
        std::move(owner), options.timeout(), std::move(spec), [](call_answer& answer) {
            return read_body<std::vector<partition_info>>(answer, &parse_partitions<>);
        });
}

template <class = void>
net::awaitable<partition_info> partition(client_ptr owner, std::string topic, std::int32_t id,
                                         call_options options)
{
    auto spec = rest_calls<>(*owner, "partition", options).partition(std::move(topic), id);
    return perform<partition_info>(std::move(owner), options.timeout(), std::move(spec),
                                   &read_partition_answer<>);
}

template <class = void>
net::awaitable<record_batch> fetch(client_ptr owner, std::string topic, batch_request asked,
                                   call_options options)
{
    auto spec = rest_calls<>(*owner, "fetch", options).fetch(std::move(topic), asked);
    return perform<record_batch>(std::move(owner), options.timeout(), std::move(spec),
                                 [asked](call_answer& answer) { return read_batch<>(answer, asked); });
}

template <class = void>
net::awaitable<receipt> produce(client_ptr owner, std::string topic, records list, call_options options)
{
    auto spec = rest_calls<>(*owner, "produce", options).produce(std::move(topic), list);
    return perform<receipt>(
        std::move(owner), options.timeout(), std::move(spec),
        [count = list.size()](call_answer& answer) { return read_receipt<>(answer, count); });
}

/// Whether a creation or deletion was carried out, by this attempt or an earlier one.
template <class = void>
result<bool> read_acknowledgement(call_answer const& answer)
{
    if (answer.settled)
        return true;
    auto const acknowledged =
        parse_acknowledgement(answer.response.body_text(), content_type(answer.response));
    if (!acknowledged)
        return answer.unreadable(acknowledged.error());
    return true;
}

template <class = void>
net::awaitable<void> delete_topic(client_ptr owner, std::string topic, call_options options)
{
    auto spec = rest_calls<>(*owner, "delete_topic", options).remove(std::move(topic));
    co_await perform<bool>(std::move(owner), options.timeout(), std::move(spec), &read_acknowledgement<>);
}

/// How long to wait for the proxy's cached metadata before looking at it again.
class metadata_pause
{
public:
    milliseconds next() noexcept { return std::exchange(pause_, std::min(pause_ * 2, longest)); }

private:
    static constexpr milliseconds longest{5'000};
    milliseconds pause_{100};
};

/// Whether a topic that an earlier attempt may have created has the partitions asked for. Asks until
/// metadata shows it.
template <class = void>
task check_creation(operation_ptr op, client_ptr owner, call_label about, std::int32_t wanted)
{
    call_options options;
    options.request_id(about.request_id);
    metadata_pause pause;
    for (;;) {
        auto spec = rest_calls<>(*owner, about.operation, options).partitions(about.topic);
        if (!spec)
            co_return spec.error();
        call_answer answer;
        auto const asked = co_await call<>(op, owner->http(), *spec.value(), answer);
        if (asked) {
            auto const found = parse_partitions(answer.response.body_text());
            if (!found)
                co_return answer.unreadable(found.error());
            if (found.value().size() == static_cast<std::size_t>(wanted))
                co_return result<void>();
            co_return error(errc::already_exists, about.describe(),
                            "the topic exists with " + std::to_string(found.value().size()) + " partitions");
        }
        if (asked.error().code() != errc::not_found)
            co_return asked;
        bool const in_time = co_await op->rest(steady_clock::now() + pause.next());
        if (!in_time)
            co_return error(op->stopped(), about.describe(), "the topic does not show yet");
    }
}

///
template <class = void>
task create_and_check(operation_ptr op, client_ptr owner, call_request& spec,
                      std::optional<std::int32_t> partition_count)
{
    call_answer answer;
    auto outcome = co_await call<>(op, owner->http(), spec, answer);
    if (!outcome)
        co_return outcome;
    if (answer.settled && partition_count)
        outcome = co_await check_creation<>(op, owner, answer.info, *partition_count);
    else if (auto const acknowledged = read_acknowledgement<>(answer); !acknowledged)
        outcome = acknowledged.error();
    co_return outcome;
}

template <class = void>
net::awaitable<void> create_topic(client_ptr owner, std::string topic, topic_config config,
                                  call_options options)
{
    auto prepared = rest_calls<>(*owner, "create_topic", options).create(std::move(topic), config);
    call_request& spec = *prepared.value();
    auto const op = owner->http()->make_operation(owner->deadline(options.timeout()));
    call_entry<> const entry(owner, op, spec.info);
    task work = create_and_check<>(op, owner, spec, config.partition_count());
    op->runs(work);
    co_await run_operation<>(op);
    work.outcome().value();
}

/// Asks until the topic shows.
template <class = void>
task look_for_topic(operation_ptr op, client_ptr owner, call_label about, call_options options)
{
    metadata_pause pause;
    for (;;) {
        auto spec = rest_calls<>(*owner, about.operation, options).topics(about.topic);
        if (!spec)
            co_return spec.error();
        call_answer answer;
        auto const asked = co_await call<>(op, owner->http(), *spec.value(), answer);
        if (!asked)
            co_return asked;
        auto const parsed = parse_topics(answer.response.body_text());
        if (!parsed)
            co_return answer.unreadable(parsed.error());
        if (std::ranges::find(parsed.value(), about.topic) != parsed.value().end())
            co_return result<void>();
        bool const in_time = co_await op->rest(steady_clock::now() + pause.next());
        if (!in_time)
            co_return error(op->stopped(), about.describe(), "the topic does not show yet");
    }
}

template <class = void>
net::awaitable<void> wait_for_topic(client_ptr owner, std::string topic, call_options options)
{
    call_label about("wait_for_topic", std::move(topic));
    about.request_id = owner->identify(options);
    auto const checked = check_topic(about.topic);
    if (!checked)
        throw error(checked.error().code(), about.describe(), checked.error().cause());
    auto const op = owner->http()->make_operation(owner->deadline(options.timeout()));
    call_entry<> const entry(owner, op, about);
    task work = look_for_topic<>(op, owner, about, std::move(options));
    op->runs(work);
    co_await run_operation<>(op);
    work.outcome().value();
}

} // namespace hdikafka::inline v0_1::detail

#endif
