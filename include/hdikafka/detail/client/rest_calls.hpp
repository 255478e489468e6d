// Calls to the proxy: arguments checked, request made, carried out, answer read. Clients, streams and
// producers make them.
#ifndef HDIKAFKA_DETAIL_CLIENT_REST_CALLS_HPP
#define HDIKAFKA_DETAIL_CLIENT_REST_CALLS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/detail/client/core.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/detail/rest/arguments.hpp>
#include <hdikafka/detail/rest/batch_parser.hpp>
#include <hdikafka/detail/rest/requests.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/run.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/metadata.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/receipt.hpp>
#include <hdikafka/record.hpp>
#include <hdikafka/record_batch.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Makes the request of one operation of one client, or says which argument is wrong.
template <class = void>
class rest_calls
{
public:
    /// `operation` is a literal. What is given by reference outlives this object.
    rest_calls(client_core<>& owner, std::string_view operation, call_options const& options)
        : owner_(owner), options_(options), info_(operation, std::string())
    {}

    /// `anonymous`: without a token.
    result<call_request_ptr> status(bool anonymous)
    {
        anonymous_ = anonymous;
        return get(std::string(status_path));
    }

    result<call_request_ptr> brokers() { return get(std::string(brokers_path)); }

    /// `about`: the topic that the caller is after, for errors.
    result<call_request_ptr> topics(std::string about = std::string())
    {
        info_.topic = std::move(about);
        return get(std::string(topics_path));
    }

    result<call_request_ptr> partitions(std::string topic)
    {
        check_about(std::move(topic));
        return of_topic(get(partitions_path(info_.topic)));
    }

    result<call_request_ptr> partition(std::string topic, std::int32_t id)
    {
        check_about(std::move(topic));
        check(check_partition(id));
        return of_topic(get(partition_path(info_.topic, id)));
    }

    result<call_request_ptr> fetch(std::string topic, batch_request const& asked)
    {
        check_about(std::move(topic));
        check(check_fetch(asked.partition, asked.offset, asked.count));
        return of_topic(get(consume_path(info_.topic, asked.partition, asked.offset, asked.count)));
    }

    result<call_request_ptr> create(std::string topic, topic_config const& config)
    {
        check_about(std::move(topic));
        check(check_config(config));
        auto request = owner_.request("PUT", topic_path(info_.topic), write_topic_config(config));
        return finish(std::move(request), repeatable::freely, errc::already_exists);
    }

    result<call_request_ptr> remove(std::string topic)
    {
        check_about(std::move(topic));
        owner_.seen().remove(info_.topic);
        return finish(owner_.request("DELETE", topic_path(info_.topic)), repeatable::freely, errc::not_found);
    }

    result<call_request_ptr> produce(std::string topic, records const& list)
    {
        check_about(std::move(topic));
        check(check_records(list));
        return post(write_records(list));
    }

    /// The same with a body that is there already, of records and a topic that have been checked.
    result<call_request_ptr> produce_body(std::string topic, std::string body)
    {
        info_.topic = std::move(topic);
        return post(std::move(body));
    }

private:
    void check_about(std::string topic)
    {
        info_.topic = std::move(topic);
        check(check_topic(info_.topic));
    }

    /// The first thing that is wrong is told.
    void check(result<void> argument)
    {
        if (checked_)
            checked_ = std::move(argument);
    }

    result<call_request_ptr> get(std::string path)
    {
        return finish(owner_.request("GET", std::move(path)), repeatable::freely, std::nullopt);
    }

    result<call_request_ptr> post(std::string body)
    {
        auto request = owner_.request("POST", produce_path(info_.topic), std::move(body));
        return of_topic(finish(std::move(request), repeatable::unsent, std::nullopt));
    }

    /// A request that makes sense only if the topic is there.
    result<call_request_ptr> of_topic(result<call_request_ptr> made)
    {
        if (made)
            made.value()->topic_exists = owner_.seen().contains(made.value()->info.topic);
        return made;
    }

    result<call_request_ptr> finish(http_request&& request, repeatable kind, std::optional<errc> settled_by)
    {
        if (!checked_)
            return error(checked_.error().code(), info_.describe(), checked_.error().cause());
        auto spec = owner_.prepare(std::move(request), std::move(info_), options_, anonymous_);
        if (spec) {
            spec.value()->kind = kind;
            spec.value()->settled_by = settled_by;
        }
        return spec;
    }

    client_core<>& owner_;
    call_options const& options_;
    call_label info_;
    result<void> checked_;
    bool anonymous_ = false;
};

// The functions below read an answer; what is wrong with it names the call.

template <class T>
result<T> told_by(call_answer const& answer, result<T> parsed)
{
    if (!parsed)
        return answer.unreadable(parsed.error());
    return parsed;
}

inline std::string_view content_type(http_response const& response)
{
    return response.field("content-type").value_or(std::string_view());
}

/// Whether a creation or deletion was carried out, by this attempt or an earlier one.
template <class = void>
result<void> read_acknowledgement(call_answer const& answer)
{
    if (answer.settled)
        return result<void>();
    return told_by(answer, parse_acknowledgement(answer.response.body_text(), content_type(answer.response)));
}

template <class = void>
result<record_batch> read_batch(call_answer& answer, batch_request const& asked)
{
    auto const next_offset = answer.response.field("nextoffset");
    return told_by(answer,
                   parse_batch(std::move(answer.response.body), next_offset, asked, answer.json_depth));
}

template <class = void>
result<receipt> read_receipt(call_answer const& answer, std::size_t count)
{
    auto const about_record = [&answer] {
        diagnostics about = answer.describe();
        about.persisted(answer.repeated ? persistence::possibly : persistence::none);
        return about;
    };
    return told_by(answer, parse_receipt(answer.response.body_text(), content_type(answer.response), count,
                                         about_record));
}

/// Carries out one call of the client's user. `work` has
///   `label()`: which call it is; throws what is wrong with the arguments;
///   `begin(op, owner, answer)`: the task, which may refer to `work` and leave its last answer;
///   `read(answer)`: what the user gets; throws what is wrong with it.
/// Fails by throwing. This is the one coroutine of Asio's between the user's own and the tasks.
template <class Work, class Product = decltype(std::declval<Work&>().read(std::declval<call_answer&>()))>
net::awaitable<Product> run_call(client_ptr owner, std::optional<milliseconds> timeout, Work work)
{
    call_label const& about = work.label();
    auto const op = owner->http()->make_operation(owner->deadline(timeout));
    call_entry<> const entry(*owner, *op, about);
    call_answer answer;
    task running = work.begin(op, owner, answer);
    co_await run_operation<>(op, running);
    running.outcome().value();
    co_return work.read(answer);
}

/// `read(answer)`, or of what can be told from the body alone `read(body)`.
template <class Read>
auto read_answer(Read& read, call_answer& answer)
{
    if constexpr (std::is_invocable_v<Read&, std::string_view>)
        return told_by(answer, read(answer.response.body_text()));
    else
        return read(answer);
}

/// A request and how its answer is read, for run_call().
template <class Read>
class question
{
public:
    question(result<call_request_ptr>&& request, Read reader) : request_(std::move(request)), read_(reader) {}

    call_label const& label() const { return request_.value()->info; }
    task begin(operation_ptr const& op, client_ptr const& owner, call_answer& answer)
    {
        return call<>(op, owner->http(), *request_.value(), answer);
    }
    auto read(call_answer& answer) { return read_answer(read_, answer).value(); }

private:
    result<call_request_ptr> request_;
    Read read_;
};

/// Has a request answered: all of a user's operation that is a single call.
template <class Read>
auto perform(client_ptr owner, std::optional<milliseconds> timeout, result<call_request_ptr> request,
             Read read)
{
    return run_call(std::move(owner), timeout, question<Read>(std::move(request), read));
}

/// The same within an operation that makes several calls, or that nobody awaits.
template <class T>
task ask(operation_ptr op, client_ptr owner, result<call_request_ptr> request,
         result<T> (*read)(std::string_view), T& out)
{
    if (!request)
        co_return request.error();
    call_answer answer;
    auto outcome = co_await call<>(op, owner->http(), *request.value(), answer);
    if (!outcome)
        co_return outcome;
    auto parsed = read_answer(read, answer);
    if (!parsed)
        co_return parsed.error();
    out = std::move(parsed).value();
    co_return outcome;
}

} // namespace hdikafka::inline v0_1::detail

#endif
